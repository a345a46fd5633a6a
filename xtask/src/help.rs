//! What `cargo xtask help` says.

const OVERVIEW: &str = "\
Set-up and everyday commands of Tilewright.

Usage: cargo xtask <COMMAND> [OPTIONS]

Commands:
  train          Build `patchtst` and train PatchTST, by default on a built-in synthetic series
  test           Run every test that needs no GPU
  examples       Test the crate in examples/, which lies outside the workspace
  parity         Compare PatchTST with Hugging Face's, installed from PyPI for that
  lint           Check formatting, then run clippy with warnings as errors
  check-kernels  Compile every shipped GPU kernel without a GPU; fail where one spills registers
  explain        Show a variant's function, its derivative, plan, mask, kernels and registers
  doctor         Say what this machine has, what it lacks, and which device training would use
  bundle         Make one archive of the binaries for a machine without a Rust toolchain
  setup          Only prepare LLVM, as every command that builds does when it is missing
  help           Show this, or the help of one command

Options for every command that builds:
  --llvm <auto|download|system>  Where LLVM comes from if it is missing [default: auto]
  --llvm-config <PATH>           Use this installed llvm-config
  -n, --dry-run                  Show the commands, run none
  -h, --help                     Show help

Examples:
  cargo xtask doctor
  cargo xtask train
  cargo xtask test softcap
  cargo xtask check-kernels --quick
  cargo xtask explain softcap

Start with `cargo xtask doctor` if something does not work.
";

const TRAIN: &str = "\
Builds the release binary `patchtst` and runs `patchtst train`.

Usage: cargo xtask train [OPTIONS] [-- ARGUMENTS OF `patchtst train`]

Without arguments it trains on a synthetic series that needs no download, on the GPU if there is a
usable one and on the CPU otherwise. The first build compiles about 400 crates: tens of minutes on
two cores. Later ones take seconds. `cargo xtask test` builds the same crates in the same way, so
whichever comes second is quick.

Examples:
  cargo xtask train
  cargo xtask train -- --help
  cargo xtask train --llvm system -- --help
";

const TEST: &str = "\
Runs every test that needs no GPU: unit, integration and documentation tests of all crates.

Usage: cargo xtask test [FILTER] [OPTIONS] [-- ARGUMENTS OF THE TEST PROGRAMS]

FILTER is a part of a test's path. The exit code is that of `cargo test`.

Examples:
  cargo xtask test
  cargo xtask test softcap
  cargo xtask test softcap -- --nocapture
";

const EXAMPLES: &str = "\
Tests the crate in examples/: variants and a kernel of somebody who uses this library, in a workspace
of their own. It is built into the same target folder, with the same features and profile, so that
Burn and CubeCL are not compiled again.

Usage: cargo xtask examples [OPTIONS]
";

const EXPLAIN: &str = "\
Shows what an attention call computes and how it runs: the variant's function, the derivative that
was derived, the plan and where it comes from, what the mask leaves of its tiles, the kernels, and
their registers and spills. Needs no GPU; CUDA's compilers come as with `check-kernels`.

Usage: cargo xtask explain [VARIANT] [OPTIONS] [-- ARGUMENTS OF `bench-suite explain`]

Without a variant it lists all of them.

Examples:
  cargo xtask explain
  cargo xtask explain softcap -- --param cap=30 --seq 42 --head-dim 8
  cargo xtask explain sliding_window -- --seq 3136 --dtype bf16 --source
";

const PARITY: &str = "\
Installs Hugging Face's transformers and PyTorch from PyPI into the target folder (about 7 GB, once)
and compares PatchTST with theirs: fresh weights and inputs in 24 configurations; outputs, losses and
gradients must agree. Cases that were written once are in the repository, and `cargo xtask test`
compares with those.

Usage: cargo xtask parity [OPTIONS]
";

const LINT: &str = "\
Runs `cargo fmt --all --check`, then `cargo clippy` over everything with warnings as errors.

Usage: cargo xtask lint [OPTIONS]

Needs the components rustfmt and clippy (`rustup component add rustfmt clippy`).
";

const CHECK_KERNELS: &str = "\
Turns the kernels of every plan in the committed tuning tables, and of the plans that the untuned
rule chooses, into CUDA C++, compiles them for several architectures, and prints their registers,
shared memory and spills. Fails where a kernel does not compile, spills without being known to, or
is warned about. Needs no GPU.

Usage: cargo xtask check-kernels [OPTIONS] [-- ARGUMENTS OF `bench-suite check-kernels`]

Options:
  --quick              The problems that matter most: a minute instead of four on two cores
  --arch <LIST>        Architectures [default: sm_80,sm_90a,sm_100a]
  --filter <TEXT>      Only what is described by a text that contains this
  -o, --output <FILE>  Write the report as JSON

NVRTC, ptxas and CUDA's headers are those of the toolkit in CUDA_PATH, if it is whole, else NVIDIA's
wheels from PyPI, which are fetched once into the target folder (Python's pip is needed for that).
What was compiled is remembered there as well: a second run takes seconds.

Examples:
  cargo xtask check-kernels
  cargo xtask check-kernels --arch sm_90a --filter 'backward bf16'
  cargo xtask check-kernels --quick --output kernels.json -- --sources kernels
";

const DOCTOR: &str = "\
Looks at this machine: Rust, LLVM, compilers, run-time libraries, the NVIDIA driver, NVRTC and the
CUDA headers, cores, memory and disk. Says what to do about everything that is missing, and ends
with the device that a training run would use.

Usage: cargo xtask doctor [--strict]

Options:
  --strict  Fail if anything that building or training on the CPU needs is missing
";

const BUNDLE: &str = "\
Makes one .tar.xz for a machine without a Rust toolchain: the multi-call binary `bench-suite`, which
also answers as `patchtst`, `autotune` and `datasets`, the tuning tables, a run script, a README.

Usage: cargo xtask bundle [--output FILE] [OPTIONS]

Options:
  -o, --output <FILE>  The archive [default: tilewright-<version>-<arch>-<os>.tar.xz in the target
                       folder]

Examples:
  cargo xtask bundle
  cargo xtask bundle --output /tmp/tilewright.tar.xz
";

const SETUP: &str = "\
Prepares LLVM, which CubeCL links, and nothing else. Does nothing if it is there.

Usage: cargo xtask setup [--llvm <auto|download|system>] [--llvm-config <PATH>]

auto      if the download of the LLVM bundle can be reached, leave it to the build; otherwise as
          `system`
download  leave it to the build without testing the connection
system    use an installed LLVM with its static libraries, found in PATH, /usr/lib/llvm-*, Homebrew;
          failing that, install the packages of Debian or Ubuntu (needs root or passwordless sudo)
";

/// The help for `topic`, or the overview.
pub fn text(topic: Option<&str>) -> &'static str {
    match topic {
        Some("train") => TRAIN,
        Some("test") => TEST,
        Some("examples") => EXAMPLES,
        Some("parity") => PARITY,
        Some("lint") => LINT,
        Some("check-kernels") => CHECK_KERNELS,
        Some("explain") => EXPLAIN,
        Some("doctor") => DOCTOR,
        Some("bundle") => BUNDLE,
        Some("setup") => SETUP,
        _ => OVERVIEW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::COMMANDS;

    #[test]
    fn every_command_is_listed_and_has_its_own_help() {
        for command in COMMANDS {
            assert!(OVERVIEW.contains(&format!("\n  {command} ")), "{command} is not listed");
            if command != "help" {
                assert!(text(Some(command)).contains(&format!("cargo xtask {command}")));
            }
        }
    }
}
