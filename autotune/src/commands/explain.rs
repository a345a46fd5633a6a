//! `autotune explain`: why this plan for this problem.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use tilewright::table::{self, Entry, Fingerprint, Source, Standing, Table, use_tables};
use tilewright::{Device, Plan, Problem, open_device};

use crate::columns::{micros, percent};
use crate::occupancy::Occupancy;
use crate::problems::ProblemArgs;
use crate::roofline::Roofline;
use crate::space::{Pruned, feasible};
use crate::timing::Timer;

const EXAMPLES: &str = "\
Examples:
  autotune explain --seq 42 --head-dim 8 --heads 16 --batch 896 --dtype bf16 --pass forward
  autotune explain --table my.json --seq 50 --head-dim 8 --pass backward
  autotune explain --preset vit --json";

/// What `explain` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// Which problems
    #[command(flatten)]
    pub problems: ProblemArgs,
    /// A table to ask before the ones built in
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Puts a table in force, if there is one.
///
/// # Errors
///
/// It cannot be read.
pub fn use_table(path: Option<&Path>) -> Result<()> {
    if let Some(path) = path {
        use_tables(vec![Table::load(path)?]);
    }
    Ok(())
}

/// Runs the command.
///
/// # Errors
///
/// A device that cannot be opened or fails, or a table that cannot be read.
pub fn run(args: &ExplainArgs) -> Result<()> {
    use_table(args.table.as_deref())?;
    let (client, _) = open_device(&args.problems.device)?;
    let device = Device::of(&client);
    let fingerprint = Fingerprint::of(&client);
    let timer = Timer::new(&client);
    let roofline = Roofline::measure(&timer, &fingerprint).context("measuring the device")?;
    let mut values = Vec::new();
    for task in args.problems.tasks(device.is_cpu())? {
        let problem = task.problem;
        let table::Answer { plan, source } = table::lookup(&problem, &device, &client);
        let (plans, pruned) = feasible(&problem, &device);
        let foreign = |table: &&Table| table.device.standing_on(&client) == Standing::Foreign;
        let tables: Vec<&Table> = table::in_force().filter(|table| !foreign(table)).collect();
        let mut nearest: Vec<(f64, &Entry)> =
            tables.iter().flat_map(|table| table::nearest(table, &problem)).collect();
        nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
        let explained = Explained {
            problem,
            plan,
            rule: Plan::rule(&problem, &device),
            source,
            entry: tables.iter().find_map(|table| table.get(&problem)),
            nearest,
            roofline: &roofline,
            occupancy: Occupancy::of(&plan, &problem, &fingerprint),
            feasible: plans.len(),
            pruned,
        };
        match args.json {
            true => values.push(explained.to_json()),
            false => println!("{}", explained.to_text()),
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&values)?);
    }
    Ok(())
}

/// All there is to say of a problem's plan.
struct Explained<'a> {
    problem: Problem,
    plan: Plan,
    rule: Plan,
    source: Source,
    /// What was measured of this very problem.
    entry: Option<&'a Entry>,
    nearest: Vec<(f64, &'a Entry)>,
    roofline: &'a Roofline,
    occupancy: Occupancy,
    feasible: usize,
    pruned: Pruned,
}

impl Explained<'_> {
    fn to_json(&self) -> serde_json::Value {
        let Self { problem, plan, rule, source, entry, roofline, occupancy, .. } = self;
        let estimate = match source {
            Source::Estimated(estimate) => json!({
                "nearest": estimate.nearest,
                "distance": estimate.distance,
                "neighbours": estimate.neighbours,
                "expected_slowdown": estimate.slowdown,
                "why": source.to_string(),
            }),
            _ => serde_json::Value::Null,
        };
        let nearest: Vec<_> = self
            .nearest
            .iter()
            .map(|(distance, entry)| json!({ "distance": distance, "entry": entry }))
            .collect();
        json!({
            "problem": problem,
            "plan": plan,
            "source": source.name(),
            "estimate": estimate,
            "rule": rule,
            "measured": entry,
            "nearest": nearest,
            "roofline": {
                "nanoseconds": roofline.nanoseconds(problem),
                "bound": roofline.bound(problem),
                "device": roofline,
            },
            "occupancy": occupancy,
            "feasible": self.feasible,
            "pruned": self.pruned,
        })
    }

    fn to_text(&self) -> String {
        let Self { problem, plan, rule, source, entry, roofline, occupancy, .. } = self;
        let mut text = format!("{problem}\n  plan       {plan}\n  source     {source}\n");
        let is_rule = if plan == rule { "the same".to_owned() } else { rule.to_string() };
        text += &format!("  the rule   {is_rule}\n");
        text += &format!(
            "  roofline   {} us, bound by {}\n",
            micros(roofline.nanoseconds(problem)),
            roofline.bound(problem)
        );
        if let Some(entry) = entry {
            let [low, high] = entry.interval;
            text += &format!(
                "  measured   {} us, {} to {} with 95%, {} of the roofline; {} plans tried, {} pruned\n",
                micros(entry.nanoseconds),
                micros(low),
                micros(high),
                percent(entry.roofline_fraction),
                entry.tried,
                entry.pruned
            );
            for next in &entry.runners_up {
                let slower = 100.0 * (next.nanoseconds / entry.nanoseconds - 1.0);
                text += &format!("  next       {} {slower:+.1}%\n", next.plan);
            }
        }
        let Occupancy { cubes, units, shared_memory, resident, occupancy, waves } = occupancy;
        text += &format!(
            "  occupancy  {cubes} cubes of {units} units and {shared_memory} bytes; {resident} to a \
             multiprocessor ({:.0}% of its units), {waves:.1} waves\n",
            100.0 * occupancy
        );
        text += &format!(
            "  space      {} plans can run, {} cannot\n",
            self.feasible,
            self.pruned.total()
        );
        for (reason, plans) in self.pruned.reasons() {
            text += &format!("             {plans:4}  {reason}\n");
        }
        for (distance, entry) in &self.nearest {
            text += &format!(
                "  near       {distance:.2}  {}  {}  {} us\n",
                entry.problem,
                entry.plan,
                micros(entry.nanoseconds)
            );
        }
        text
    }
}
