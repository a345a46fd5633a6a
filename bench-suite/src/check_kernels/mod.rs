//! Compiles the kernels of every shipped plan without a GPU, and reads their registers and spills.
//!
//! | module | what it holds |
//! |---|---|
//! | `selection` | which plans, for which problems, on which architectures |
//! | `checker` | from plans to what was found of their kernels, in parallel |
//! | `compiler` | from CUDA C++ to registers and spills, kept on disk |
//! | `found` | what was found of a plan, kept on disk |
//! | `toolkit`, `nvrtc`, `ptxas` | CUDA's programs: where they are, calling them, reading them |
//! | `known` | spills that are shipped for a reason |
//! | `programs` | the same for kernels under `#[kernel]` |
//! | `report` | the table, JSON, and what to do about a failure |

mod checker;
pub(crate) mod compiler;
mod found;
mod known;
mod nvrtc;
mod programs;
mod ptxas;
mod report;
mod selection;
pub(crate) mod toolkit;

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tilewright::cuda_source::Sm;

use checker::Checker;
use compiler::Compiler;
use found::Known;
use report::{Report, Row};
use selection::Scope;
use toolkit::Toolkit;

/// What `check-kernels` takes.
#[derive(Args, Clone, Debug)]
pub struct CheckKernelsArgs {
    /// The folder of a CUDA toolkit, with bin/ptxas, libnvrtc and headers [default: $CUDA_PATH]
    #[arg(long, value_name = "FOLDER")]
    pub cuda: Option<PathBuf>,
    /// Architectures to compile for
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "sm_80,sm_90a,sm_100a",
        value_name = "LIST"
    )]
    pub arch: Vec<Sm>,
    /// The problems that matter most instead of all of them
    #[arg(long)]
    pub quick: bool,
    /// Only what is described by a text that contains this, as in "bf16 B896" or "streaming/"
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// A folder that keeps what was found, so that only changed kernels are compiled again
    #[arg(long, value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    /// A folder for the CUDA C++ of every kernel
    #[arg(long, value_name = "FOLDER")]
    pub sources: Option<PathBuf>,
    /// A file for the report, as JSON
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Compiles, prints and writes the report.
///
/// # Errors
///
/// A toolkit that is not whole, a file that cannot be written, a kernel that does not compile, that
/// spills and is not known to, or that the compiler warns about.
pub fn run(args: &CheckKernelsArgs) -> Result<()> {
    let started = Instant::now();
    let jobs = args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let toolkit = Toolkit::find(args.cuda.as_deref())?;
    let compiler = Compiler::open(&toolkit, args.cache.as_deref())?;
    eprintln!("{}", compiler.tools());
    if let Some(sm) = compiler.unknown(&args.arch)? {
        bail!(
            "{} are too old for {sm}: take a newer CUDA toolkit, or name others with --arch",
            compiler.tools()
        );
    }

    let mut items = selection::items(&Scope { quick: args.quick, architectures: &args.arch });
    if let Some(filter) = &args.filter {
        items.retain(|item| item.to_string().contains(filter.as_str()));
    }
    if items.is_empty() {
        bail!("nothing to compile: no plan is described by a text with the filter in it");
    }

    let checker = Checker { compiler: &compiler, jobs, sources: args.sources.as_deref() };
    let mut known = match &args.cache {
        Some(folder) => Known::of_this_program(folder, compiler.tools())?,
        None => Known::nothing(),
    };
    let found = checker.check(&items, &mut known)?;
    known.save()?;

    let rows = items.iter().zip(&found);
    let rows = rows.flat_map(|(item, found)| found.iter().map(|found| Row::new(item, found)));
    let report = Report::new(compiler.tools().to_owned(), rows.collect());
    print!("{report}");
    println!(
        "{} kernels compiled in {:.1} s, what else is needed was known",
        compiler.compiled_now(),
        started.elapsed().as_secs_f64()
    );
    // A part of the kernels says nothing of those that were left out.
    if !args.quick && args.filter.is_none() {
        for known in report.unneeded() {
            println!("no kernel compiled here needs this entry of known.rs: {known:?}");
        }
    }
    if let Some(path) = &args.output {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.filter.is_none() {
        programs::check(&compiler, &args.arch)?;
    }
    report.verdict()
}
