//! `autotune regret`: what the table's answers cost on problems that nobody tuned.
//!
//! Problems are drawn at random; every plan is raced, the table's and the rule's to the end, and set
//! beside the best.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tilewright::table::{self, Answer};
use tilewright::{DType, Device, Pass, Plan, Problem, open_device};

use crate::columns::{Columns, Side, micros};
use crate::commands::explain::use_table;
use crate::commands::run::MethodArgs;
use crate::commands::watch::{Watch, remove_parts, share_out};
use crate::files::write_whole;
use crate::grid::Task;
use crate::kernel_cache::keep_kernels;
use crate::laboratory::DeviceLaboratory;
use crate::problems::Shard;
use crate::search::Finding;
use crate::session::{Session, journal_of};
use crate::statistics::median;
use crate::workers::{Worker, workers_of};

const EXAMPLES: &str = "\
Examples:
  autotune regret --table my.json --effort full --output regret.json
  autotune regret --table my.json --devices 0,1,2,3 --budget 20m --output regret.json
  autotune regret --table my.json --problems 5 --seq 8,64 --head-dim 4,16 --groups 16,512 --output r.json

Each problem is measured forward and backward. Lengths, head dimensions (multiples of 4) and groups are
drawn evenly by their logarithms, in 4, 8 or 16 heads, element types in turns; what moves over 2 GiB is
drawn again. A run that is cut off goes on with the same command.";

/// Larger problems are drawn again: bytes that must move.
const LARGEST_GPU: usize = 2 << 30;
/// On a CPU.
const LARGEST_CPU: usize = 32 << 20;

/// What `regret` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RegretArgs {
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// The table; without it, those in force
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Where the outcome is written, as JSON
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Problems, each forward and backward
    #[arg(long, default_value_t = 40, value_name = "N")]
    pub problems: usize,
    /// Shortest and longest sequence
    #[arg(long, value_delimiter = ',', default_value = "8,512", value_name = "FROM,TO")]
    pub seq: Vec<usize>,
    /// Smallest and largest head dimension
    #[arg(long, value_delimiter = ',', default_value = "4,128", value_name = "FROM,TO")]
    pub head_dim: Vec<usize>,
    /// Fewest and most pairs of sequence and head
    #[arg(long, value_delimiter = ',', default_value = "16,300000", value_name = "FROM,TO")]
    pub groups: Vec<usize>,
    /// Element types; without it bf16 and f32, on a CPU f32
    #[arg(long, value_delimiter = ',', value_name = "TYPE,..")]
    pub dtype: Vec<DType>,
    /// How, and for how long
    #[command(flatten)]
    pub method: MethodArgs,
    /// What a run that was cut off measured is not used
    #[arg(long)]
    pub fresh: bool,
    /// Only this part of the problems, as in 1/4
    #[arg(long, value_name = "I/N", conflicts_with = "devices")]
    pub shard: Option<Shard>,
    /// Share the problems out among these GPUs, as in 0,1,2. A GPU that is named twice gets two
    /// processes, which compile at once and measure in turns
    #[arg(long, value_delimiter = ',', value_name = "N,..", conflicts_with = "device")]
    pub devices: Vec<String>,
    /// Fail unless the table's answers are within these of the best, in percent: at the median, and at
    /// the worst
    #[arg(long, value_delimiter = ',', value_name = "MEDIAN,WORST")]
    pub require: Vec<f64>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
    /// The outcome as JSON, on standard output too
    #[arg(long)]
    pub json: bool,
    /// One line of JSON for each thing that happens, for a program that watches
    #[arg(long, hide = true)]
    pub events: bool,
}

/// What was found of one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    problem: Problem,
    /// The best plan of those that were measured, and its time.
    best: Plan,
    best_nanoseconds: f64,
    /// The table's plan, and its time.
    answer: Plan,
    answer_nanoseconds: f64,
    /// Where the answer comes from.
    source: String,
    /// What the lookup expected.
    expected_slowdown: Option<f64>,
    rule: Plan,
    rule_nanoseconds: f64,
    /// Plans that were measured.
    tried: usize,
}

impl Row {
    fn regret(&self) -> f64 {
        self.answer_nanoseconds / self.best_nanoseconds - 1.0
    }

    fn regret_of_rule(&self) -> f64 {
        self.rule_nanoseconds / self.best_nanoseconds - 1.0
    }
}

/// Runs the command.
///
/// # Errors
///
/// A device or table that cannot be used, ranges that are none, or more regret than is allowed.
pub fn run(args: &RegretArgs) -> Result<()> {
    for (option, range, largest) in [
        ("--seq", &args.seq, 1 << 20),
        ("--head-dim", &args.head_dim, tilewright::MAX_HEAD_DIM),
        ("--groups", &args.groups, 1 << 24),
    ] {
        if range.len() != 2 || range[0] == 0 || range[0] > range[1] || range[1] > largest {
            bail!("{option}: give the smallest and the largest, as in 8,512; at most {largest}");
        }
    }
    let mut rows = match args.devices.is_empty() {
        true => alone(args)?,
        false => shared_out(args)?,
    };
    rows.sort_by_key(|row| row.problem);
    let value = json!({
        "forward": summary(&rows, Some(Pass::Forward)),
        "backward": summary(&rows, Some(Pass::Backward)),
        "both": summary(&rows, None),
        "problems": rows,
    });
    write_whole(&args.output, serde_json::to_string_pretty(&value)?.as_bytes())?;
    if args.events {
        return Ok(());
    }
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&value)?),
        false if !args.quiet => {
            print!("{}", text(&rows));
            println!("written to {}", args.output.display());
        }
        false => {}
    }
    if let [at_median, at_worst] = args.require[..] {
        let regrets: Vec<f64> = rows.iter().map(|row| 100.0 * row.regret()).collect();
        let middle = median(&regrets).context("no problem was measured")?;
        let worst = regrets.iter().copied().fold(0.0, f64::max);
        if middle > at_median || worst > at_worst {
            bail!(
                "regret is {middle:.1}% at the median and {worst:.1}% at the worst; {at_median}% and \
                 {at_worst}% are allowed"
            );
        }
    }
    Ok(())
}

/// A number of a range, evenly by its logarithm.
fn evenly(range: &[usize], random: &mut ChaCha8Rng) -> usize {
    let (low, high) = ((range[0] as f64).ln(), (range[1] as f64).ln());
    (random.random_range(0.0..=1.0) * (high - low) + low).exp().round() as usize
}

/// The problems drawn, each forward and backward.
fn draw(args: &RegretArgs, cpu: bool) -> Vec<Task> {
    let mut random = ChaCha8Rng::seed_from_u64(args.method.seed);
    let usual = if cpu { vec![DType::F32] } else { vec![DType::Bf16, DType::F32] };
    let dtypes = if args.dtype.is_empty() { usual } else { args.dtype.clone() };
    let mut tasks = Vec::new();
    let largest = if cpu { LARGEST_CPU } else { LARGEST_GPU };
    // Ranges in which nothing is small enough end the search.
    for _ in 0..100 * args.problems {
        if tasks.len() >= 2 * args.problems {
            break;
        }
        let seq = evenly(&args.seq, &mut random);
        let dim = evenly(&args.head_dim, &mut random);
        let dim = dim.next_multiple_of(4).clamp(args.head_dim[0], args.head_dim[1]);
        let groups = evenly(&args.groups, &mut random);
        let heads = 4 << random.random_range(0..=2);
        let dtype = dtypes[tasks.len() / 2 % dtypes.len()];
        let shape = [(groups / heads).max(1), heads, seq, dim];
        let pair =
            [Pass::Forward, Pass::Backward].map(|pass| Problem::self_attention(pass, dtype, shape));
        if pair[1].floor_bytes() <= largest {
            tasks.extend(pair.map(Task::plain));
        }
    }
    // So that no part has all of the long ones.
    tasks.shuffle(&mut random);
    tasks
}

/// All problems, or one shard of them, in this process.
fn alone(args: &RegretArgs) -> Result<Vec<Row>> {
    keep_kernels(args.method.cache.as_deref())?;
    use_table(args.table.as_deref())?;
    let (client, _) = open_device(&args.device)?;
    let device = Device::of(&client);
    let mut tasks = draw(args, device.is_cpu());
    if let Some(shard) = args.shard {
        tasks = shard.of(tasks);
    }
    let journal = journal_of(&args.output, args.fresh)?;
    let answer = |problem: &Problem| table::lookup(problem, &device, &client);
    let laboratory = DeviceLaboratory::new(&client, args.method.turns.as_deref())?;
    let session = Session {
        laboratory: &laboratory,
        tasks: &tasks,
        method: args.method.method(),
        budget: args.method.budget(device.is_cpu()),
        journal: &journal,
        pinned: &|problem| vec![answer(problem).plan],
    };
    let mut watch = Watch::new(tasks.len(), args.quiet, args.events);
    let (outcome, journal) = session.run(&mut |event| watch.hear(event))?;
    watch.finish();
    for (problem, why) in &outcome.skipped {
        eprintln!("{problem}: skipped, {why}");
    }
    let row = |finding: &Finding| row(finding, &answer(&finding.problem), &device);
    let rows: Vec<Row> = outcome.findings.iter().filter_map(row).collect();
    if !outcome.out_of_time {
        journal.remove()?;
    }
    Ok(rows)
}

/// `None` where no plan works, or the answer's or the rule's does not.
fn row(finding: &Finding, answer: &Answer, device: &Device) -> Option<Row> {
    let problem = finding.problem;
    let time = |plan: &Plan| {
        let known = finding.timed.iter().find(|timed| timed.plan == *plan);
        known.map(|timed| timed.nanoseconds)
    };
    let rule = Plan::rule(&problem, device);
    let entry = finding.entry.as_ref()?;
    let best = entry.contenders().min_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds))?;
    let (answer_nanoseconds, rule_nanoseconds) = (time(&answer.plan)?, time(&rule)?);
    let expected_slowdown = match answer.source {
        table::Source::Estimated(estimate) => Some(estimate.slowdown),
        _ => None,
    };
    Some(Row {
        problem,
        best: best.plan,
        // Whoever is fastest is best, the answer and the rule's plan included.
        best_nanoseconds: best.nanoseconds.min(answer_nanoseconds).min(rule_nanoseconds),
        answer: answer.plan,
        answer_nanoseconds,
        source: answer.source.name().to_owned(),
        expected_slowdown,
        rule,
        rule_nanoseconds,
        tried: entry.tried,
    })
}

/// One process for each device.
fn shared_out(args: &RegretArgs) -> Result<Vec<Row>> {
    let workers = workers_of(&args.devices, &args.output, args.method.cache.as_deref());
    share_out(&workers, 2 * args.problems, args.quiet, &mut |_| {})?;
    #[derive(Deserialize)]
    struct Part {
        problems: Vec<Row>,
    }
    let mut rows = Vec::new();
    for Worker { output, .. } in &workers {
        let text = std::fs::read_to_string(output)
            .with_context(|| format!("cannot read {}", output.display()))?;
        let part: Part = serde_json::from_str(&text)
            .with_context(|| format!("{} is no outcome", output.display()))?;
        rows.extend(part.problems);
    }
    remove_parts(&workers)?;
    Ok(rows)
}

/// Median and worst of a pass, in percent.
fn summary(rows: &[Row], pass: Option<Pass>) -> serde_json::Value {
    let of_pass = || rows.iter().filter(|row| pass.is_none_or(|pass| row.problem.pass == pass));
    let figures = |regret: fn(&Row) -> f64| {
        let all: Vec<f64> = of_pass().map(|row| 100.0 * regret(row)).collect();
        json!({ "median": median(&all), "worst": all.iter().copied().reduce(f64::max) })
    };
    json!({
        "problems": of_pass().count(),
        "table_percent": figures(Row::regret),
        "rule_percent": figures(Row::regret_of_rule),
    })
}

fn text(rows: &[Row]) -> String {
    let mut columns = Columns::new(&[
        ("problem", Side::Left),
        ("best us", Side::Right),
        ("table", Side::Right),
        ("expected", Side::Right),
        ("rule", Side::Right),
        ("from", Side::Left),
        ("best plan", Side::Left),
        ("table's plan", Side::Left),
    ]);
    for row in rows {
        let same = row.best == row.answer;
        columns.row([
            row.problem.to_string(),
            micros(row.best_nanoseconds),
            format!("{:+.1}%", 100.0 * row.regret()),
            row.expected_slowdown.map_or("-".to_owned(), |x| format!("{:+.1}%", 100.0 * (x - 1.0))),
            format!("{:+.1}%", 100.0 * row.regret_of_rule()),
            row.source.clone(),
            row.best.to_string(),
            if same { "the same".to_owned() } else { row.answer.to_string() },
        ]);
    }
    let mut text = columns.to_text();
    let mut totals = Columns::new(&[
        ("", Side::Left),
        ("problems", Side::Right),
        ("table, median", Side::Right),
        ("worst", Side::Right),
        ("rule, median", Side::Right),
        ("worst", Side::Right),
    ]);
    for (name, pass) in
        [("forward", Some(Pass::Forward)), ("backward", Some(Pass::Backward)), ("both", None)]
    {
        let of_pass: Vec<&Row> =
            rows.iter().filter(|row| pass.is_none_or(|pass| row.problem.pass == pass)).collect();
        let figures = |regret: fn(&Row) -> f64| {
            let all: Vec<f64> = of_pass.iter().map(|row| 100.0 * regret(row)).collect();
            let shown = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.1}%"));
            [shown(median(&all)), shown(all.iter().copied().reduce(f64::max))]
        };
        let cells = [name.to_owned(), of_pass.len().to_string()];
        let figures = [figures(Row::regret), figures(Row::regret_of_rule)];
        totals.row(cells.into_iter().chain(figures.into_iter().flatten()));
    }
    text += "\nslower than the best:\n";
    text += &totals.to_text();
    text
}
