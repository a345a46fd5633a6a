//! `autotune kernel`: the tunings of a `#[kernel]`, measured.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tilewright::program::{Example, Kernel, Sizes, find_kernel, kernels};
use tilewright::{DType, open_device};

use crate::bandwidth::copy_bandwidth;
use crate::kernels::{KernelFinding, KernelStep, KernelTask, Rounds, TimedTuning, tune_kernel};
use crate::timing::Timer;

const EXAMPLES: &str = "\
Examples:
  autotune kernel                                 which kernels there are
  autotune kernel fused_softmax                   on its own examples, bf16 and f32
  autotune kernel fused_softmax --shape rows=4096,dim=2048 --dtype bf16
  autotune kernel sigmoid_attention --shape n=512,m=512 --scalar bias=-6.2";

/// What `kernel` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct KernelArgs {
    /// The kernel; without one, all are listed
    pub name: Option<String>,
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Sizes by the names that the kernel gives them; the others are those of its first example
    #[arg(long, value_delimiter = ',', value_parser = pair::<usize>, value_name = "NAME=N,..")]
    pub shape: Vec<(String, usize)>,
    /// Scalars by name; the others are those of the example
    #[arg(long, value_delimiter = ',', value_parser = pair::<f64>, value_name = "NAME=X,..")]
    pub scalar: Vec<(String, f64)>,
    /// Element types: f32, f16, bf16
    #[arg(long, value_delimiter = ',', default_value = "bf16,f32", value_name = "TYPE,..")]
    pub dtype: Vec<DType>,
    /// Rounds of measurement after the first
    #[arg(long, default_value_t = Rounds::default().rounds, value_name = "N")]
    pub rounds: usize,
    /// Decides the tensors and the order of measurement
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Also say which tunings were refused, and why
    #[arg(long, short)]
    pub verbose: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

fn pair<T: std::str::FromStr>(text: &str) -> Result<(String, T), String> {
    let wrong = || format!("`{text}` is not of the form name=value");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.trim().to_owned(), value.trim().parse().map_err(|_| wrong())?))
}

/// Runs the command.
///
/// # Errors
///
/// An unknown kernel, size or scalar, a device that cannot be opened or fails, or a kernel that has
/// no tuning that works.
pub fn run(args: &KernelArgs) -> Result<()> {
    let Some(name) = &args.name else { return list(args.json) };
    let kernel = find_kernel(name)?;
    let mut tasks = Vec::new();
    for &dtype in &args.dtype {
        // With sizes of one's own, further examples would repeat the first.
        let own = !args.shape.is_empty() || !args.scalar.is_empty();
        let examples = if own { &kernel.examples[..1] } else { kernel.examples };
        for example in examples {
            tasks.push(task(kernel, example, args, dtype)?);
        }
    }
    let (client, device) = open_device(&args.device)?;
    let timer = Timer::new(&client);
    let bandwidth = copy_bandwidth(&timer).context("measuring the bandwidth of a copy")?;
    if !args.json {
        println!("{device}: a copy reaches {:.1} GB/s", bandwidth / 1e9);
    }
    let mut values = Vec::new();
    let rounds = Rounds { rounds: args.rounds, seed: args.seed, ..Rounds::default() };
    for task in &tasks {
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}")?);
        let finding = tune_kernel(&timer, task, None, rounds, |step| {
            bar.set_message(match step {
                KernelStep::First(tuning) => format!("{} {tuning}", kernel.name),
                KernelStep::Round(tunings) => format!("{}: {tunings} tunings left", kernel.name),
            });
            bar.tick();
        })
        .with_context(|| format!("measuring {} for {} {}", kernel.name, task.sizes, task.dtype))?;
        bar.finish_and_clear();
        let floor = kernel.floor_bytes(&task.sizes, task.dtype)? as f64 / bandwidth * 1e9;
        if args.json {
            values.push(value(task, &finding, floor));
        } else {
            println!("\n{} {} {}", kernel.name, task.sizes, task.dtype);
            print!("{}", table(&finding, floor));
        }
        if args.verbose && !args.json {
            print!("{}", refusals(&finding));
        }
        if finding.timed.is_empty() {
            let first = finding.refused.first().map_or("it has none", |(_, why)| why.as_str());
            bail!("no tuning of {} works here: {first}", kernel.name);
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&values)?);
    }
    Ok(())
}

/// Which kernels there are.
fn list(as_json: bool) -> Result<()> {
    let known: Vec<_> = kernels()
        .map(|kernel| (kernel.signature(), kernel.doc.lines().next().unwrap_or("")))
        .collect();
    if as_json {
        let values: Vec<_> = known
            .iter()
            .map(|(signature, doc)| json!({ "signature": signature, "doc": doc }))
            .collect();
        println!("{}", serde_json::to_string_pretty(&values)?);
        return Ok(());
    }
    for (signature, doc) in known {
        println!("{signature}\n    {doc}");
    }
    Ok(())
}

/// What was found, as JSON.
fn value(task: &KernelTask, finding: &KernelFinding, floor: f64) -> serde_json::Value {
    let timed = |tunings: &[TimedTuning]| -> Vec<_> {
        let one = |TimedTuning { tuning, time, error }: &TimedTuning| {
            json!({
                "tuning": tuning.to_string(),
                "nanoseconds": time.median,
                "spread": time.spread,
                "error": error,
            })
        };
        tunings.iter().map(one).collect()
    };
    let refused = |(tuning, why): &(tilewright::program::Tuning, String)| json!({ "tuning": tuning.to_string(), "why": why });
    json!({
        "kernel": task.kernel.name,
        "sizes": task.sizes.to_string(),
        "dtype": task.dtype,
        "floor_nanoseconds": floor,
        "timed": timed(&finding.timed),
        "slow_at_first_sight": timed(&finding.slow),
        "refused": finding.refused.iter().map(refused).collect::<Vec<_>>(),
    })
}

/// An example with what the command line says instead.
fn task(
    kernel: &'static Kernel,
    example: &Example,
    args: &KernelArgs,
    dtype: DType,
) -> Result<KernelTask> {
    let mut sizes = Sizes::new(example.sizes.iter().copied());
    for (name, size) in &args.shape {
        let Some(known) = kernel.size_names().into_iter().find(|known| known == name) else {
            bail!(
                "`{}` has no size `{name}`; its sizes are {}",
                kernel.name,
                kernel.size_names().join(", ")
            );
        };
        sizes.set(known, *size);
    }
    let mut scalars = example.scalars.to_vec();
    for (name, value) in &args.scalar {
        let Some(place) = kernel.scalars.iter().position(|scalar| scalar.name == name) else {
            let known: Vec<&str> = kernel.scalars.iter().map(|scalar| scalar.name).collect();
            bail!("`{}` has no scalar `{name}`; it has: {}", kernel.name, known.join(", "));
        };
        scalars[place] = *value;
    }
    Ok(KernelTask { kernel, sizes, scalars, dtype })
}

/// Why tunings were refused; those with one reason together.
fn refusals(finding: &KernelFinding) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for (tuning, why) in &finding.refused {
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, tunings)) => tunings.push(tuning.to_string()),
            None => reasons.push((why, vec![tuning.to_string()])),
        }
    }
    let mut text = String::new();
    for (why, tunings) in reasons {
        text += &match tunings.as_slice() {
            [one] => format!("refused {one}: {why}\n"),
            [first, ..] => format!("refused {} such as {first}: {why}\n", tunings.len()),
            [] => String::new(),
        };
    }
    text
}

/// Tunings with their times, the fastest first.
fn table(finding: &KernelFinding, floor: f64) -> String {
    let rows: Vec<&TimedTuning> = finding.timed.iter().chain(&finding.slow).collect();
    let width = rows.iter().map(|row| row.tuning.to_string().len()).max().unwrap_or(0).max(6);
    let mut text = format!(
        "{:width$}  {:>10}  {:>7}  {:>8}  {:>8}\n",
        "tuning", "us", "spread", "of floor", "error"
    );
    for (place, TimedTuning { tuning, time, error }) in rows.into_iter().enumerate() {
        let error = error.map_or("-".to_owned(), |error| format!("{error:.1e}"));
        let slow = if place >= finding.timed.len() { "  first look only" } else { "" };
        text += &format!(
            "{tuning:width$}  {:>10.2}  {:>6.1}%  {:>7.1}%  {error:>8}{slow}\n",
            time.median / 1e3,
            100.0 * time.spread,
            100.0 * floor / time.median,
        );
    }
    text
}
