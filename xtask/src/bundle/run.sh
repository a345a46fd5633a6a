#!/bin/sh
# Starts a program of this bundle. Where the loader would not find NVRTC, or CUDA's headers are not
# where CubeCL looks for them, this looks in the CUDA toolkit and in Python's wheels.
set -u

# The folder of this script, also when it is started through a link.
self=$0
while [ -L "$self" ]; do
    target=$(readlink "$self")
    case $target in
        /*) self=$target ;;
        *) self=$(dirname "$self")/$target ;;
    esac
done
here=$(cd "$(dirname "$self")" && pwd) || exit 1

case ${1-} in
    patchtst | autotune | datasets | bench-suite) ;;
    *)
        echo "usage: $0 patchtst|autotune|datasets|bench-suite [ARGUMENTS]" >&2
        [ "${1-}" = --help ] || [ "${1-}" = -h ] && exit 0
        exit 2
        ;;
esac
program=$here/bin/$1
shift

# The folders of Python's path that hold NVIDIA's wheels; nothing where there is no Python.
wheels() {
    python3 - 2>/dev/null <<'PYTHON'
import os, sys
for place in sys.path:
    nvidia = os.path.join(place, "nvidia")
    if place and os.path.isdir(nvidia):
        print(nvidia)
PYTHON
}

first_existing() {
    for candidate in "$@"; do
        if [ -e "$candidate" ]; then
            echo "$candidate"
            return
        fi
    done
}

loader_finds_nvrtc() {
    (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null | grep -q 'libnvrtc\.so' && return
    IFS=:
    for folder in ${LD_LIBRARY_PATH-}; do
        for file in "$folder"/libnvrtc.so*; do
            [ -e "$file" ] && return
        done
    done
    return 1
}

if [ "$(uname -s)" = Linux ]; then
    nvidia=
    if ! (loader_finds_nvrtc); then
        nvidia=$(wheels | head -n 1)
        library=$(first_existing \
            "${CUDA_PATH:-/usr/local/cuda}"/lib64/libnvrtc.so* \
            /usr/local/cuda/lib64/libnvrtc.so* /opt/cuda/lib64/libnvrtc.so* \
            "$nvidia"/cu13/lib/libnvrtc.so* "$nvidia"/cuda_nvrtc/lib/libnvrtc.so*)
        if [ -n "$library" ]; then
            LD_LIBRARY_PATH=$(dirname "$library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
            export LD_LIBRARY_PATH
        fi
    fi
    if [ -z "${CUDA_PATH-}" ] && [ ! -e /usr/local/cuda/include/cuda_fp16.h ]; then
        [ -n "$nvidia" ] || nvidia=$(wheels | head -n 1)
        header=$(first_existing /opt/cuda/include/cuda_fp16.h \
            "$nvidia"/cu13/include/cuda_fp16.h "$nvidia"/cuda_runtime/include/cuda_fp16.h)
        if [ -n "$header" ]; then
            CUDA_PATH=$(dirname "$(dirname "$header")")
            export CUDA_PATH
        fi
    fi
    if missing=$(ldd "$program" 2>/dev/null | grep 'not found'); then
        echo "run: this machine lacks libraries that the program needs:" >&2
        echo "$missing" >&2
        exit 1
    fi
fi

exec "$program" "$@"
