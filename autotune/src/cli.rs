//! The command line: `autotune run | show | explain | kernel`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tilewright::table::{self, Fingerprint, Source, Table};
use tilewright::{DType, Device, Pass, open_device};

use crate::bandwidth::copy_bandwidth;
use crate::grid::{Grid, Preset, Task};
use crate::kernel_command::{self, KernelArgs};
use crate::show::show;
use crate::timing::Timer;
use crate::tune::{Effort, Finding, Step, tune};
use crate::workload::Workload;

const EXAMPLES: &str = "\
Examples:
  autotune run --output my.json                        PatchTST's problems on the first GPU, else the CPU
  autotune run --device cuda:1 --seq 42,64 --head-dim 4,8 --heads 16 --dtype bf16 --output my.json
  autotune run --add --preset tiny --output my.json    add what is missing to a table
  autotune show my.json
  autotune explain --seq 42 --head-dim 8 --heads 16 --batch 896
  autotune kernel fused_softmax                        tunings of a kernel under #[kernel]
  TILEWRIGHT_TABLE=my.json patchtst train              use a table";

/// Measures which attention plan is best on a device, and writes its tuning table.
#[derive(Debug, Parser)]
#[command(name = "autotune", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure plans and write a table
    Run(RunArgs),
    /// Print a table
    Show {
        /// A table's file
        file: PathBuf,
    },
    /// Say which plan a problem gets, and where it comes from
    Explain(ProblemArgs),
    /// Measure the tunings of a whole kernel written under `#[kernel]`
    Kernel(KernelArgs),
}

/// Which problems.
#[derive(Args, Clone, Debug)]
pub struct ProblemArgs {
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// A named set of problems; the options below replace its values
    #[arg(long, value_enum, default_value = "patchtst")]
    pub preset: Preset,
    /// Queries and keys
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub seq: Vec<usize>,
    /// Head dimensions
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub head_dim: Vec<usize>,
    /// Heads
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub heads: Vec<usize>,
    /// Sequences in the batch
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub batch: Vec<usize>,
    /// Element types: f32, f16, bf16
    #[arg(long, value_delimiter = ',', value_name = "TYPE,..")]
    pub dtype: Vec<DType>,
    /// forward, backward
    #[arg(long, value_delimiter = ',', value_enum, value_name = "PASS,..")]
    pub pass: Vec<PassName>,
    /// Variants to measure with, one for each class of problem
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub variant: Vec<String>,
    /// The backward pass reads scores that the forward pass saved
    #[arg(long)]
    pub save_scores: bool,
}

/// A pass, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PassName {
    /// Output and log-sum-exp
    Forward,
    /// Gradients
    Backward,
}

impl From<PassName> for Pass {
    fn from(name: PassName) -> Self {
        match name {
            PassName::Forward => Pass::Forward,
            PassName::Backward => Pass::Backward,
        }
    }
}

/// What `run` takes.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Which problems
    #[command(flatten)]
    pub problems: ProblemArgs,
    /// The table to write
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Keep the entries that the file has, and measure only what is missing
    #[arg(long)]
    pub add: bool,
    /// Rounds of measurement after the first
    #[arg(long, default_value_t = Effort::default().rounds, value_name = "N")]
    pub rounds: usize,
    /// Decides the tensors and the order of measurement
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

impl ProblemArgs {
    fn grid(&self, cpu: bool) -> Grid {
        let mut grid = self.preset.grid(cpu);
        let or = |given: &[usize], preset: Vec<usize>| match given.is_empty() {
            true => preset,
            false => given.to_vec(),
        };
        if !self.heads.is_empty() || !self.head_dim.is_empty() {
            let mut pairs = Vec::new();
            for heads in or(&self.heads, vec![16]) {
                pairs.extend(or(&self.head_dim, vec![8]).into_iter().map(|dim| (heads, dim)));
            }
            grid.heads = pairs;
        }
        grid.seq = or(&self.seq, grid.seq);
        grid.batch = or(&self.batch, grid.batch);
        if !self.dtype.is_empty() {
            grid.dtype.clone_from(&self.dtype);
        }
        if !self.pass.is_empty() {
            grid.pass = self.pass.iter().map(|&pass| pass.into()).collect();
        }
        if !self.variant.is_empty() {
            grid.variants.clone_from(&self.variant);
        }
        grid.save_scores = self.save_scores;
        grid
    }
}

/// Runs the command line.
///
/// # Errors
///
/// A device that cannot be opened, a table that cannot be read or written, or a device that fails.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run(args) => run_tuning(&args),
        Command::Show { file } => {
            println!("{}", show(&Table::load(&file)?));
            Ok(())
        }
        Command::Explain(args) => explain(&args),
        Command::Kernel(args) => kernel_command::run(&args),
    }
}

fn explain(args: &ProblemArgs) -> Result<()> {
    let (client, name) = open_device(&args.device)?;
    let device = Device::of(&client);
    println!("{name}");
    for Task { problem, .. } in args.grid(device.is_cpu()).tasks()? {
        let answer = table::lookup(&problem, &device, &client);
        let source = match answer.source {
            Source::Exact => "measured".to_owned(),
            Source::Nearest { problem, distance } => {
                format!("measured for {problem}, {distance:.2} away")
            }
            Source::Rule => "the rule, nothing like it was measured".to_owned(),
        };
        println!("{problem}: {} ({source})", answer.plan);
    }
    Ok(())
}

fn run_tuning(args: &RunArgs) -> Result<()> {
    let (client, name) = open_device(&args.problems.device)?;
    let device = Device::of(&client);
    let tasks = args.problems.grid(device.is_cpu()).tasks()?;
    let mut table = start_table(args, Fingerprint::new(name.clone(), &device))?;
    let timer = Timer::new(&client);
    let bandwidth = copy_bandwidth(&timer).context("measuring the bandwidth of a copy")?;
    let effort = Effort { rounds: args.rounds, seed: args.seed, ..Effort::default() };
    let bar = progress_bar(args.quiet, tasks.len());
    say(args.quiet, &bar, format!("{name}: a copy reaches {:.1} GB/s", bandwidth / 1e9));

    let memory = client.properties().memory.max_memory().unwrap_or(u64::MAX) as usize;
    let mut failed = 0;
    for task in &tasks {
        let problem = task.problem;
        bar.set_message(problem.to_string());
        let known = table.entries.iter().any(|entry| entry.problem == problem);
        if known && args.add {
            bar.inc(1);
            continue;
        }
        if Workload::bytes(&problem) > memory / 10 * 8 {
            say(
                args.quiet,
                &bar,
                format!("{problem}: skipped, its tensors do not fit into memory"),
            );
            bar.inc(1);
            continue;
        }
        let step = |step| {
            let what = match step {
                Step::Plans(plans) => format!("{problem}: {plans} plans"),
                Step::Round(plans) => format!("{problem}: {plans} plans left"),
                Step::Measured => return,
            };
            bar.set_message(what);
        };
        let Finding { entry, refused } = tune(&timer, task, bandwidth, effort, step)
            .with_context(|| format!("measuring {problem}"))?;
        for (plan, why) in &refused {
            say(args.quiet, &bar, format!("{problem}: {plan} is out: {why}"));
        }
        match entry {
            Some(entry) => {
                let floor = entry.floor_fraction.unwrap_or(0.0) * 100.0;
                let micros = entry.nanoseconds / 1e3;
                say(
                    args.quiet,
                    &bar,
                    format!("{problem}: {} {micros:.2} us, {floor:.1}% of floor", entry.plan),
                );
                table.insert(entry);
                // After every problem, so that nothing measured is lost.
                table.save(&args.output)?;
            }
            None => failed += 1,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    table.save(&args.output)?;
    if failed > 0 {
        bail!("{failed} of {} problems have no plan that works", tasks.len());
    }
    if !args.quiet {
        println!("{}", show(&table));
        println!("written to {}", args.output.display());
    }
    Ok(())
}

fn start_table(args: &RunArgs, device: Fingerprint) -> Result<Table> {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    // The program's path says nothing about the measurement.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments = arguments.join(" ");
    let command = format!("autotune {}", arguments.trim_start_matches("autotune "));
    let mut table = Table::new(device, date, command);
    if args.add && args.output.exists() {
        let old = Table::load(&args.output)?;
        if old.device != table.device {
            bail!("{} was measured on {}", args.output.display(), old.device.name);
        }
        if !old.is_current() {
            bail!("{} was measured with other kernels; run without --add", args.output.display());
        }
        table.entries = old.entries;
    }
    Ok(table)
}

/// Prints a line above the bar; where there is no terminal to draw a bar on, just prints it; says
/// nothing if asked to be quiet.
fn say(quiet: bool, bar: &ProgressBar, line: String) {
    match bar.is_hidden() {
        _ if quiet => {}
        true => eprintln!("{line}"),
        false => bar.println(line),
    }
}

fn progress_bar(quiet: bool, len: usize) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(len as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}
