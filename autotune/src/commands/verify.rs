//! `autotune verify`: whether a table still holds.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::json;
use tilewright::table::{Entry, Fingerprint, Standing, Table};
use tilewright::{Plan, Problem, open_device};

use crate::columns::{Columns, Side, micros};
use crate::grid::Task;
use crate::laboratory::fits;
use crate::progress::Progress;
use crate::stand::{DeviceStand, Stand};
use crate::statistics::{chance_of_slower, median};
use crate::timing::Timer;

const EXAMPLES: &str = "\
Examples:
  autotune verify my.json
  autotune verify my.json --sample 40 --tolerance 3 --device cuda:1
  autotune verify autotune/tables/cpu.json --json

Fails where the table is stale: measured with other kernels or on another device, a plan that is wrong
or no longer runs, or one that a runner-up or the rule's plan now beats.";

/// Turns of each plan.
const TURNS: usize = 15;
/// A plan is beaten only where chance makes it look so this rarely.
const SIGNIFICANCE: f64 = 0.01;

/// What `verify` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    /// A table's file
    pub file: PathBuf,
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Entries that are measured again, drawn at random
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub sample: usize,
    /// A plan that another beats by less, in percent, still holds
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
    pub tolerance: f64,
    /// Decides which entries are drawn
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Say nothing but the outcome
    #[arg(long, short)]
    pub quiet: bool,
    /// The outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// What was found of an entry.
#[derive(Clone, Debug, Serialize)]
struct Checked {
    problem: Problem,
    plan: Plan,
    /// As the table says.
    recorded: f64,
    /// Now; none where the plan does not run.
    now: Option<f64>,
    /// The fastest other plan that the table names, or the rule's, and its time now.
    best_other: Option<(Plan, f64)>,
    /// Why the entry does not hold; empty if it does.
    faults: Vec<String>,
}

/// Runs the command.
///
/// # Errors
///
/// A table or device that cannot be used, or a stale table.
pub fn run(args: &VerifyArgs) -> Result<()> {
    let table = Table::load(&args.file)?;
    let (client, name) = open_device(&args.device)?;
    let mut stale = Vec::new();
    match table.device.standing_on(&client) {
        Standing::Same => {}
        Standing::Kin => {
            stale.push(format!("measured on {}, and this is {name}", table.device.name));
        }
        Standing::Foreign => {
            bail!(
                "{} was measured on {}, which is nothing like {name}",
                args.file.display(),
                table.device.name
            )
        }
    }
    if !table.is_current() {
        stale.push(format!("measured with the kernels {}, which have changed", table.kernels));
    }
    let here = Fingerprint::of(&client);
    let mut notes = Vec::new();
    for (what, then, now) in [
        ("driver", &table.device.driver, &here.driver),
        ("NVRTC", &table.device.nvrtc, &here.nvrtc),
    ] {
        if then != now {
            notes.push(format!("{what} was {then} and is {now}"));
        }
    }
    let mut drawn: Vec<&Entry> = table.entries.iter().collect();
    drawn.shuffle(&mut ChaCha8Rng::seed_from_u64(args.seed));
    drawn.truncate(args.sample);
    drawn.sort_by_key(|entry| entry.problem);

    let timer = Timer::new(&client);
    let progress = Progress::new(drawn.len(), args.quiet || args.json);
    let mut checked = Vec::new();
    for entry in drawn {
        progress.now(entry.problem.to_string());
        match fits(&entry.problem, &timer) {
            Ok(()) => checked.push(check(entry, &timer, args.tolerance, args.seed)?),
            Err(why) => notes.push(format!("{}: not measured, {why}", entry.problem)),
        }
        progress.advance();
    }
    progress.finish();
    for Checked { problem, faults, .. } in &checked {
        stale.extend(faults.iter().map(|fault| format!("{problem}: {fault}")));
    }
    if args.json {
        let outcome = json!({ "stale": stale, "notes": notes, "checked": checked });
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print!("{}", text(&checked));
        notes.iter().for_each(|note| println!("{note}"));
    }
    if stale.is_empty() {
        if !args.json {
            println!(
                "{} holds: {} of its {} entries checked",
                args.file.display(),
                checked.len(),
                table.entries.len()
            );
        }
        return Ok(());
    }
    bail!(
        "{} is stale; measure it again with `autotune run`:\n  {}",
        args.file.display(),
        stale.join("\n  ")
    );
}

/// Measures an entry's plans again, in turns, and compares the chosen one with the oracle.
fn check(entry: &Entry, timer: &Timer, tolerance: f64, seed: u64) -> Result<Checked> {
    let problem = entry.problem;
    let task = Task::of_class(problem)?;
    let mut stand = DeviceStand::new(timer, &task, seed);
    let device = tilewright::Device::of(timer.client());
    let adapted = |plan: Plan| plan.adapted(&problem, &problem, &device);
    let mut plans = vec![adapted(entry.plan)];
    let others = entry.runners_up.iter().map(|other| adapted(other.plan));
    for plan in others.chain([Plan::rule(&problem, &device)]) {
        if !plans.contains(&plan) && plan.check(&problem, &device).is_ok() {
            plans.push(plan);
        }
    }
    let mut checked = Checked {
        problem,
        plan: plans[0],
        recorded: entry.nanoseconds,
        now: None,
        best_other: None,
        faults: Vec::new(),
    };
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); plans.len()];
    let mut runs = vec![true; plans.len()];
    for (i, plan) in plans.iter().enumerate() {
        if let Err(fault) = stand.look(plan, 1) {
            runs[i] = false;
            if i == 0 {
                checked.faults.push(format!("{plan} no longer runs: {fault}"));
            }
        }
    }
    for turn in 0..TURNS {
        let order: Vec<usize> = match turn % 2 {
            0 => (0..plans.len()).collect(),
            _ => (0..plans.len()).rev().collect(),
        };
        for i in order.into_iter().filter(|&i| runs[i]) {
            let time = stand.sample(&plans[i]);
            times[i].push(time.with_context(|| format!("measuring {} for {problem}", plans[i]))?);
        }
    }
    if !runs[0] {
        return Ok(checked);
    }
    if let Some(wrong) = stand.judge(&plans[0])? {
        checked.faults.push(format!("{} is wrong: {wrong}", plans[0]));
    }
    let now = median(&times[0]);
    checked.now = now;
    let measured = |i: usize| Some((i, median(&times[i])?));
    let best = (1..plans.len()).filter_map(measured).min_by(|a, b| a.1.total_cmp(&b.1));
    if let (Some(now), Some((i, time))) = (now, best) {
        checked.best_other = Some((plans[i], time));
        let lost = 100.0 * (now / time - 1.0);
        if lost > tolerance && chance_of_slower(&times[0], &times[i]) < SIGNIFICANCE {
            checked.faults.push(format!("{} is {lost:.1}% faster than {}", plans[i], plans[0]));
        }
    }
    Ok(checked)
}

fn text(checked: &[Checked]) -> String {
    let mut columns = Columns::new(&[
        ("problem", Side::Left),
        ("plan", Side::Left),
        ("us then", Side::Right),
        ("us now", Side::Right),
        ("best other", Side::Right),
        ("", Side::Left),
    ]);
    for Checked { problem, plan, recorded, now, best_other, faults } in checked {
        let other = best_other.map_or("-".to_owned(), |(_, time)| micros(time));
        columns.row([
            problem.to_string(),
            plan.to_string(),
            micros(*recorded),
            now.map_or("-".to_owned(), micros),
            other,
            if faults.is_empty() { "holds" } else { "STALE" }.to_owned(),
        ]);
    }
    columns.to_text()
}
