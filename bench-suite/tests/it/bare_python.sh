#!/bin/sh
# Python without the packages that are installed for it.
exec python3 -I -S "$@"
