//! `autotune lookup-time`: what asking the tables costs a call.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use tilewright::{Device, Problem, open_device, table};

use crate::commands::explain::use_table;
use crate::grid::Preset;
use crate::statistics::median;

/// What `lookup-time` takes.
#[derive(Args, Clone, Debug)]
pub struct LookupTimeArgs {
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// A table to ask before the ones built in
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Lookups of one measurement: shorter than the turns in which a busy machine's programs run.
const LOOKUPS: usize = 2_000;
/// Measurements.
const REPEATS: usize = 501;

/// Runs the command.
///
/// # Errors
///
/// A device that cannot be opened, or a table that cannot be read.
pub fn run(args: &LookupTimeArgs) -> Result<()> {
    use_table(args.table.as_deref())?;
    let (client, name) = open_device(&args.device)?;
    let device = Device::of(&client);
    let mut known: Vec<Problem> = Vec::new();
    for grid in Preset::Patchtst.grids(device.is_cpu()) {
        known.extend(grid.tasks()?.iter().map(|task| task.problem));
    }
    // Each of these is new to the thread: more of them than it remembers.
    let new: Vec<Problem> = (1..=1000).map(|batch| Problem { batch, ..known[0] }).collect();
    let lookup = |problem: &Problem| {
        black_box(table::lookup(black_box(problem), &device, &client));
    };
    let nanoseconds = |problems: &[Problem], lookups: usize| {
        let time = || {
            let started = Instant::now();
            problems.iter().cycle().take(lookups).for_each(lookup);
            started.elapsed().as_nanos() as f64 / lookups as f64
        };
        time();
        median(&(0..REPEATS).map(|_| time()).collect::<Vec<f64>>())
    };
    let alone = nanoseconds(&known, LOOKUPS).context("no times")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let together = std::thread::scope(|scope| {
        let run = || nanoseconds(&known, LOOKUPS);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(run)).collect();
        let times = threads.into_iter().filter_map(|thread| thread.join().ok().flatten());
        times.reduce(f64::max)
    });
    let together = together.context("no thread could be started")?;
    let first = nanoseconds(&new, new.len()).context("no times")?;
    if args.json {
        let times = json!({
            "device": name,
            "known_nanoseconds": alone,
            "known_on_all_cores_nanoseconds": together,
            "cores": cores,
            "new_nanoseconds": first,
        });
        println!("{}", serde_json::to_string_pretty(&times)?);
    } else {
        println!("a problem that the thread asked about before  {alone:.0} ns");
        println!("the same on {cores} threads at once, the slowest     {together:.0} ns");
        println!("a problem that is new to the thread           {first:.0} ns");
    }
    Ok(())
}
