//! `autotune run`: measures plans and writes a table.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use cubecl::client::Client;
use serde_json::json;
use tilewright::table::{Effort, Fingerprint, Table};
use tilewright::{Device, open_device};

use crate::commands::show;
use crate::commands::watch::{Watch, remove_parts, share_out};
use crate::grid::Task;
use crate::kernel_cache::keep_kernels;
use crate::laboratory::DeviceLaboratory;
use crate::merge::merged;
use crate::method::{Budget, Method, duration};
use crate::problems::{ProblemArgs, Shard};
use crate::search::Finding;
use crate::session::{Outcome, Session, journal_of, tabulate};
use crate::workers::{say, workers_of};

const EXAMPLES: &str = "\
Examples:
  autotune run --output my.json                          PatchTST's problems, on the first GPU or the CPU
  autotune run --preset patchtst,vit --effort full --output my.json
  autotune run --seq 42,64,128 --head-dim 4,8,16 --dtype bf16,f32 --variant softmax,softcap \\
               --pass forward,backward --groups 14336 --output my.json
  autotune run --preset general --budget 30m --devices 0,1,2,3 --output my.json
  autotune run --preset patchtst --devices 0,0,0,0 --output my.json
                                                         four processes compile for one GPU
  autotune run --shard 2/3 --output part2.json           one of three machines; then autotune merge
  autotune run --add --preset vit --output my.json       measure only what the table lacks,
                                                         with --devices too
  TILEWRIGHT_TABLE=my.json patchtst train                use the table

A run that is cut off, by whatever, goes on with the same command: every measurement is in
my.json.journal until the table is complete.";

/// What `run` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// Which problems
    #[command(flatten)]
    pub problems: ProblemArgs,
    /// How, and for how long
    #[command(flatten)]
    pub method: MethodArgs,
    /// The table to write
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Keep the entries that the file has, and measure only what is missing
    #[arg(long)]
    pub add: bool,
    /// What a run that was cut off measured is not used
    #[arg(long)]
    pub fresh: bool,
    /// Only this part of the problems, as in 1/4
    #[arg(long, value_name = "I/N", conflicts_with = "devices")]
    pub shard: Option<Shard>,
    /// Share the problems out among these GPUs, as in 0,1,2; other devices by name. A GPU that is
    /// named twice gets two processes, which compile at once and measure in turns
    #[arg(long, value_delimiter = ',', value_name = "N,..", conflicts_with = "device")]
    pub devices: Vec<String>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
    /// The outcome as JSON, on standard output
    #[arg(long)]
    pub json: bool,
    /// One line of JSON for each thing that happens, for a program that watches
    #[arg(long, hide = true)]
    pub events: bool,
    /// A part of a run: what the same command left in its file is kept
    #[arg(long, hide = true)]
    pub part: bool,
    /// A table that the whole run adds to: its problems are no part's
    #[arg(long, hide = true, value_name = "FILE")]
    pub base: Option<PathBuf>,
}

/// How plans are measured, and for how long.
#[derive(Args, Clone, Debug)]
pub struct MethodArgs {
    /// quick: likely plans; normal: all but the hopeless; full: every plan
    #[arg(long, default_value = "normal", value_name = "LEVEL")]
    pub effort: Effort,
    /// Time for everything, as in 90s, 10m or 1h 30m, shared out among the problems; for quick, if
    /// not given, 4m on a GPU and 9m on a CPU
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    pub budget: Option<Duration>,
    /// Plans that are compiled for each problem, at most; the promising first
    #[arg(long, value_name = "N")]
    pub plans: Option<usize>,
    /// Decides the tensors and the order of measurement
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Keep compiled kernels here, so that the next run need not compile them
    #[arg(long, value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    /// A file by which processes on the same device take turns
    #[arg(long, hide = true)]
    pub turns: Option<PathBuf>,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|error| error.to_string())
}

impl MethodArgs {
    /// The method of its level.
    pub fn method(&self) -> Method {
        let method = Method::of(self.effort, self.seed);
        Method { most_plans: self.plans.unwrap_or(method.most_plans).max(1), ..method }
    }

    /// The budget, from now on.
    pub fn budget(&self, cpu: bool) -> Budget {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let usual = match self.effort {
            Effort::Quick => Some(minutes(if cpu { 9 } else { 4 })),
            Effort::Normal | Effort::Full => None,
        };
        Budget::new(self.budget.or(usual))
    }
}

/// Runs the command.
///
/// # Errors
///
/// A device that cannot be opened or fails, a table or journal that cannot be read or written, or
/// problems that could not be measured.
pub fn run(args: &RunArgs) -> Result<()> {
    let started = Instant::now();
    let (table, report) = match args.devices.is_empty() {
        true => alone(args)?,
        false => shared_out(args)?,
    };
    if args.events {
        return say(&json!({ "report": report }));
    }
    if args.json {
        let mut report = report.to_json(&table, &args.output);
        report["seconds"] = json!(started.elapsed().as_secs_f64());
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else if !args.quiet {
        print!("{}", show::text(&table));
        print!("{}", report.to_text());
        println!("written to {}", args.output.display());
    }
    report.verdict()
}

/// What a run came to, beside the table.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct RunReport {
    /// Problems that were not measured, and why.
    pub skipped: Vec<String>,
    /// Problems without a plan that works.
    pub without_plan: Vec<String>,
    /// Plans that failed or were wrong.
    pub refused: Vec<String>,
    /// How many plans were left out, by reason.
    pub pruned: crate::space::Pruned,
    /// Whether the budget ended the run.
    pub out_of_time: bool,
}

impl RunReport {
    fn of(outcome: &Outcome) -> Self {
        let mut report = Self { out_of_time: outcome.out_of_time, ..Self::default() };
        report.pruned = outcome.pruned();
        for (problem, why) in &outcome.skipped {
            report.skipped.push(format!("{problem}: {why}"));
        }
        for Finding { problem, entry, refused, .. } in &outcome.findings {
            if entry.is_none() {
                report.without_plan.push(problem.to_string());
            }
            report
                .refused
                .extend(refused.iter().map(|r| format!("{problem}: {}: {}", r.plan, r.why)));
        }
        report
    }

    /// What several runs came to together.
    pub fn add(&mut self, other: RunReport) {
        self.skipped.extend(other.skipped);
        self.without_plan.extend(other.without_plan);
        self.refused.extend(other.refused);
        self.pruned.extend(&other.pruned);
        self.out_of_time |= other.out_of_time;
    }

    fn to_json(&self, table: &Table, output: &Path) -> serde_json::Value {
        json!({
            "output": output,
            "device": table.device.name,
            "effort": table.effort,
            "entries": table.entries.len(),
            "drift": table.drift,
            "skipped": self.skipped,
            "without_plan": self.without_plan,
            "refused": self.refused,
            "pruned": self.pruned,
            "out_of_time": self.out_of_time,
        })
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        if self.pruned.total() > 0 {
            text += &format!("{} plans were left out:\n", self.pruned.total());
            for (reason, plans) in self.pruned.reasons() {
                text += &format!("  {plans:6}  {reason}\n");
            }
        }
        for (what, lines) in [("refused", &self.refused), ("skipped", &self.skipped)] {
            for line in lines {
                text += &format!("{what} {line}\n");
            }
        }
        text
    }

    /// # Errors
    ///
    /// Not every problem has an entry.
    fn verdict(&self) -> Result<()> {
        if !self.without_plan.is_empty() {
            bail!("no plan works for {}", self.without_plan.join(", "));
        }
        if self.out_of_time {
            bail!(
                "the budget ended before {} problems were measured: the same command goes on with them",
                self.skipped.len()
            );
        }
        Ok(())
    }
}

/// The whole run, or one shard of it, in this process.
fn alone(args: &RunArgs) -> Result<(Table, RunReport)> {
    keep_kernels(args.method.cache.as_deref())?;
    let (client, _) = open_device(&args.problems.device)?;
    let mut tasks = args.problems.tasks(Device::of(&client).is_cpu())?;
    let fingerprint = Fingerprint::of(&client);
    if let Some(path) = &args.base {
        let base = to_be_added_to(path, &fingerprint)?;
        tasks.retain(|task| base.get(&task.problem).is_none());
    }
    if let Some(shard) = args.shard {
        tasks = shard.of(tasks);
    }
    // What the same part of the same command wrote before it was cut off.
    let left = || {
        let left = load_current(&args.output).ok()?;
        let same = left.command == command_line() && left.device == fingerprint;
        same.then_some(left)
    };
    let old = match args.part {
        true if args.fresh => None,
        true => left(),
        false if args.add && args.output.exists() => {
            Some(to_be_added_to(&args.output, &fingerprint)?)
        }
        false => None,
    };
    let mut table = new_table(fingerprint, args.method.effort);
    if let Some(old) = old {
        table.effort = table.effort.min(old.effort);
        table.drift = old.drift;
        table.entries = old.entries;
    }
    tasks.retain(|task| table.get(&task.problem).is_none());
    let outcome = measure(args, &client, &tasks, &mut table)?;
    Ok((table, RunReport::of(&outcome)))
}

/// Measures what is missing and keeps the file up to date.
fn measure(args: &RunArgs, client: &Client, tasks: &[Task], table: &mut Table) -> Result<Outcome> {
    let journal = journal_of(&args.output, args.fresh)?;
    let laboratory = DeviceLaboratory::new(client, args.method.turns.as_deref())?;
    let session = Session {
        laboratory: &laboratory,
        tasks,
        method: args.method.method(),
        budget: args.method.budget(Device::of(client).is_cpu()),
        journal: &journal,
        pinned: &|_| Vec::new(),
    };
    let mut watch = Watch::new(tasks.len(), args.quiet, args.events);
    let outcome = tabulate(&session, table, &args.output, &mut |event| watch.hear(event))?;
    watch.finish();
    Ok(outcome)
}

fn new_table(device: Fingerprint, effort: Effort) -> Table {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Table::new(device, date, effort, command_line())
}

/// The program's path says nothing about the measurement.
pub fn command_line() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments = arguments.join(" ");
    format!("autotune {}", arguments.trim_start_matches("autotune "))
}

/// A table of these kernels, to be added to.
fn load_current(path: &Path) -> Result<Table> {
    let table = Table::load(path)?;
    if !table.is_current() {
        bail!("{} was measured with other kernels: run without --add", path.display());
    }
    Ok(table)
}

/// The same, of this device.
fn to_be_added_to(path: &Path, device: &Fingerprint) -> Result<Table> {
    let old = load_current(path)?;
    if old.device != *device {
        bail!(
            "{} was measured on {} with driver {} and NVRTC {}, and this is {} with {} and {}: run \
             without --add",
            path.display(),
            old.device.name,
            old.device.driver,
            old.device.nvrtc,
            device.name,
            device.driver,
            device.nvrtc
        );
    }
    Ok(old)
}

/// One process for each device, each with its part of the problems.
fn shared_out(args: &RunArgs) -> Result<(Table, RunReport)> {
    let cpu = args.devices.iter().all(|device| device == "cpu");
    let mut workers = workers_of(&args.devices, &args.output, args.method.cache.as_deref());
    for worker in &mut workers {
        worker.arguments.push("--part".to_owned());
    }
    let mut tasks = args.problems.tasks(cpu)?;
    let old = match args.add && args.output.exists() {
        true => Some(load_current(&args.output)?),
        false => None,
    };
    if let Some(old) = &old {
        tasks.retain(|task| old.get(&task.problem).is_none());
        for worker in &mut workers {
            let base = args.output.to_string_lossy().into_owned();
            worker.arguments.extend(["--base".to_owned(), base]);
        }
    }
    let problems = tasks.len();
    let mut report = RunReport::default();
    share_out(&workers, problems, args.quiet, &mut |mut value| {
        if let Ok(part) = serde_json::from_value(value["report"].take()) {
            report.add(part);
        }
    })?;
    let parts = workers.iter().map(|worker| Ok(Table::load(&worker.output)?));
    let tables: Result<Vec<Table>> = old.into_iter().map(Ok).chain(parts).collect();
    let mut table = merged(tables?)?;
    table.command = command_line();
    table.check(&args.output)?;
    table.save(&args.output)?;
    // Workers whose time ran out go on with their parts.
    if !report.out_of_time {
        remove_parts(&workers)?;
    }
    Ok((table, report))
}
