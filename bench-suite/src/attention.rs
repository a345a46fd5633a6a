//! Device time of attention, beside what memory bandwidth allows.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use tilewright::language::{AnyVariant, find};
use tilewright::{DType, Device, Plan, Problem, open_device, table};
use tilewright_autotune::bandwidth::copy_bandwidth;
use tilewright_autotune::cli::PassName;
use tilewright_autotune::timing::{Summary, Timer, TimingError};
use tilewright_autotune::workload::{MemoryOrder, Workload};

use crate::results::{Results, Row};
use crate::shapes::{Shape, Shapes};

/// What `attention` takes.
#[derive(Args, Clone, Debug)]
pub struct AttentionArgs {
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// peers, patchtst, small, or shapes such as B896H16S42D8; default: peers on a GPU, else small
    #[arg(long, value_delimiter = ',', value_name = "SHAPE,..")]
    pub shapes: Vec<Shapes>,
    /// Element types: f32, f16, bf16
    #[arg(long, value_delimiter = ',', default_value = "bf16,f32", value_name = "TYPE,..")]
    pub dtype: Vec<DType>,
    /// Names of variants; the first example of each is run
    #[arg(long, value_delimiter = ',', default_value = "softmax", value_name = "NAME,..")]
    pub variant: Vec<String>,
    /// Passes
    #[arg(long, value_delimiter = ',', value_enum, default_value = "forward,backward")]
    pub pass: Vec<PassName>,
    /// How tensors lie in memory
    #[arg(long, value_enum, default_value = "bhsd")]
    pub layout: LayoutName,
    /// Which plans are run
    #[arg(long, value_enum, default_value = "table")]
    pub plans: Plans,
    /// Windows measured for each
    #[arg(long, default_value_t = 21, value_name = "N")]
    pub samples: usize,
    /// The backward pass reads scores that the forward pass saved
    #[arg(long)]
    pub save_scores: bool,
    /// A folder for attention.json and attention.md
    #[arg(long, short, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// How tensors lie in memory, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutName {
    /// [batch, heads, seq, dim]
    Bhsd,
    /// [batch, seq, heads, dim]
    Bshd,
}

/// Which plans are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plans {
    /// The rule's, as on a device that was never measured
    Rule,
    /// The tuning table's, as users get it
    Table,
    /// Every plan that the device can run
    All,
}

/// Measures, prints and writes.
///
/// # Errors
///
/// A device that cannot be opened or fails, an unknown variant, or results that cannot be written.
pub fn run(args: &AttentionArgs) -> Result<()> {
    let (client, name) = open_device(&args.device)?;
    let device = Device::of(&client);
    let variants: Vec<(String, AnyVariant)> = args
        .variant
        .iter()
        .map(|name| {
            let example = find(name)?.example_variants().next();
            Ok((name.clone(), example.with_context(|| format!("`{name}` has no example"))?))
        })
        .collect::<Result<_>>()?;
    let timer = Timer::new(&client);
    let bandwidth = copy_bandwidth(&timer).context("measuring the bandwidth of a copy")?;
    let tasks = tasks(args, &device, &variants);
    let bar = ProgressBar::new(tasks.len() as u64);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut results = Results {
        device: name,
        commit: crate::COMMIT.to_owned(),
        command: format!("bench-suite {}", arguments.join(" ")),
        copy_gigabytes_per_second: bandwidth / 1e9,
        rows: Vec::new(),
    };
    for task in &tasks {
        bar.set_message(task.problem.to_string());
        let rows = measure(&timer, task, args, bandwidth);
        // A run that is cut short keeps what it measured.
        for row in &rows {
            bar.suspend(|| eprintln!("{}: {row}", task.problem));
        }
        results.rows.extend(rows);
        if let Some(folder) = &args.output {
            results.save(folder)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    print!("{}", results.to_text());
    if let Some(folder) = &args.output {
        println!("written to {}", folder.display());
    }
    if results.rows.iter().all(|row| row.ms.is_none()) {
        bail!("nothing could be measured");
    }
    Ok(())
}

/// One problem, with the variant that poses it.
struct Task {
    problem: Problem,
    name: String,
    variant: AnyVariant,
}

fn tasks(args: &AttentionArgs, device: &Device, variants: &[(String, AnyVariant)]) -> Vec<Task> {
    let mut shapes: Vec<Shape> = args.shapes.iter().flat_map(|set| set.0.clone()).collect();
    if shapes.is_empty() {
        shapes = match device.is_cpu() {
            true => crate::shapes::SMALL.to_vec(),
            false => crate::shapes::PEERS.to_vec(),
        };
    }
    let mut tasks = Vec::new();
    for &dtype in &args.dtype {
        for Shape { batch, heads, seq, dim } in &shapes {
            for (name, variant) in variants {
                for &pass in &args.pass {
                    let problem = Problem {
                        pass: pass.into(),
                        dtype,
                        head_dim: *dim,
                        value_dim: *dim,
                        seq_q: *seq,
                        seq_k: *seq,
                        batch: *batch,
                        heads: *heads,
                        kv_heads: *heads,
                        class: variant.stages().into(),
                        save_scores: args.save_scores,
                    };
                    let (name, variant) = (name.clone(), variant.clone());
                    tasks.push(Task { problem, name, variant });
                }
            }
        }
    }
    tasks
}

fn measure(timer: &Timer, task: &Task, args: &AttentionArgs, bandwidth: f64) -> Vec<Row> {
    let client = timer.client();
    let device = Device::of(client);
    let p = task.problem;
    let order = match args.layout {
        LayoutName::Bhsd => MemoryOrder::Bhsd,
        LayoutName::Bshd => MemoryOrder::Bshd,
    };
    let empty = Row {
        batch: p.batch,
        heads: p.heads,
        seq_q: p.seq_q,
        seq_k: p.seq_k,
        head_dim: p.head_dim,
        value_dim: p.value_dim,
        dtype: p.dtype.to_string(),
        layout: order.name().to_owned(),
        variant: task.name.clone(),
        pass: p.pass.to_string(),
        implementation: "tilewright".to_owned(),
        floor_ms: Some(p.floor_bytes() as f64 / bandwidth * 1e3),
        ..Row::default()
    };
    let failed = |plan: String, error: String| Row { plan, error: Some(error), ..empty.clone() };
    let memory = client.properties().memory.max_memory().unwrap_or(u64::MAX) as usize;
    let needed = Workload::bytes(&p);
    if needed > memory / 10 * 8 {
        let gib = |bytes: usize| bytes as f64 / (1u64 << 30) as f64;
        let why = format!("skipped: needs {:.1} GiB of {:.1}", gib(needed), gib(memory));
        return vec![failed(String::new(), why)];
    }
    let workload = match Workload::new(client, p, &task.variant, order, 0) {
        Ok(workload) => workload,
        Err(error) => return vec![failed(String::new(), error.to_string())],
    };
    let plans = match args.plans {
        Plans::Rule => vec![Plan::rule(&p, &device)],
        Plans::Table => vec![table::lookup(&p, &device, client).plan],
        Plans::All => Plan::space(&p, &device)
            .into_iter()
            .filter(|plan| plan.check(&p, &device).is_ok())
            .collect(),
    };
    let row = |plan: Plan| match times(timer, &workload, plan, args.samples) {
        Ok(summary) => {
            let ms = summary.median * 1e-6;
            Row {
                ms: Some(ms),
                least_ms: Some(summary.least * 1e-6),
                spread: Some(summary.spread),
                tflops: Some(p.flops() as f64 / (ms * 1e-3) * 1e-12),
                plan: plan.to_string(),
                ..empty.clone()
            }
        }
        Err(error) => failed(plan.to_string(), error.to_string()),
    };
    plans.into_iter().map(row).collect()
}

fn times(
    timer: &Timer,
    workload: &Workload,
    plan: Plan,
    samples: usize,
) -> Result<Summary, TimingError> {
    workload.probe(Some(plan))?;
    let call = |nth| workload.call(nth, Some(plan));
    let calls = timer.calls_for(timer.window(1, call)?);
    timer.window(calls, call)?;
    let times: Result<Vec<f64>, TimingError> =
        (0..samples.max(1)).map(|_| timer.window(calls, call)).collect();
    Summary::of(&times?).ok_or(TimingError::Nothing)
}
