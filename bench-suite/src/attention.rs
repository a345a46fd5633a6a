//! Device time of attention, beside what memory bandwidth allows and what others take.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tilewright::{DType, Device, Problem, open_device};
use tilewright_autotune::bandwidth::copy_bandwidth;
use tilewright_autotune::commands::explain::use_table;
use tilewright_autotune::problems::PassName;
use tilewright_autotune::timing::{EVICTION_BYTES, EVICTION_NANOSECONDS, MOST_EVICTIONS, Timer};
use tilewright_autotune::workload::MemoryOrder;

use crate::implementation::Implementation;
use crate::measure::{Method, Task, measure};
use crate::peers::{Hello, Peers};
use crate::results::Results;
use crate::shapes::{Shape, Shapes};
use crate::subjects::Subject;

const EXAMPLES: &str = "\
Examples:
  bench-suite attention --shapes patchtst --dtype bf16 --output results/
  bench-suite attention --peers --shapes patchtst --output results/   beside others, in one run
  bench-suite attention --peers=sdpa_cudnn,triton --python ~/torch/bin/python --variant causal
  bench-suite attention --shapes B20688H16S42D24x8 --layout packed    values of another length

Peers need an interpreter with PyTorch; Triton's kernel needs Triton. Who is not there is named, and
the rest is measured.";

/// What `attention` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct AttentionArgs {
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// peers, patchtst, short, small, or shapes such as B896H16S42D8 (D24x8: queries and keys of
    /// 24, values of 8); default: peers on a GPU, else small
    #[arg(long, value_delimiter = ',', value_name = "SHAPE,..")]
    pub shapes: Vec<Shapes>,
    /// Element types: f32, f16, bf16
    #[arg(long, value_delimiter = ',', default_value = "bf16,f32", value_name = "TYPE,..")]
    pub dtype: Vec<DType>,
    /// Names of variants; the first example of each is run. Also softcap+causal, alibi+causal, neighbourhood_56x56
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
    /// A tuning table to ask before the ones built in
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Windows measured for each; fewer of those that take long
    #[arg(long, default_value_t = 21, value_name = "N")]
    pub samples: usize,
    /// The backward pass reads scores that the forward pass saved
    #[arg(long)]
    pub save_scores: bool,
    /// Measure others' implementations too, in turns with ours; all of them, or these
    #[arg(
        long,
        value_enum,
        num_args = 0..,
        require_equals = true,
        value_delimiter = ',',
        default_missing_values = PEERS,
        value_name = "NAME,.."
    )]
    pub peers: Option<Vec<Implementation>>,
    /// The interpreter that has PyTorch
    #[arg(long, default_value = "python3", value_name = "PATH")]
    pub python: PathBuf,
    /// A folder for attention.json, attention.md and attention.svg
    #[arg(long, short, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// Everyone whom `--peers` alone stands for.
const PEERS: [&str; 8] = [
    "vanilla",
    "vanilla_compiled",
    "sdpa_flash",
    "sdpa_efficient",
    "sdpa_cudnn",
    "flex",
    "triton",
    "cubek",
];

/// How tensors lie in memory, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutName {
    /// [batch, heads, seq, dim]
    Bhsd,
    /// [batch, seq, heads, dim]
    Bshd,
    /// Slices of one [batch, seq, 3, heads, dim] projection
    Packed,
}

impl From<LayoutName> for MemoryOrder {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Bhsd => MemoryOrder::Bhsd,
            LayoutName::Bshd => MemoryOrder::Bshd,
            LayoutName::Packed => MemoryOrder::Packed,
        }
    }
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
/// A device that cannot be opened or fails, an unknown variant, a table that cannot be read, or results
/// that cannot be written.
pub fn run(args: &AttentionArgs) -> Result<()> {
    use_table(args.table.as_deref())?;
    let (client, name) = open_device(&args.device)?;
    let device = Device::of(&client);
    let tasks = tasks(args, &device)?;
    let mut notes = Vec::new();
    let rivals = args.peers.clone().unwrap_or_default();
    let mut peers = match rivals.iter().any(|rival| rival.is_python()) {
        true => start_peers(args, &device, &mut notes),
        false => None,
    };
    let timer = Timer::new(&client);
    let bandwidth = copy_bandwidth(&timer).context("measuring the bandwidth of a copy")?;
    let method = Method {
        order: args.layout.into(),
        plans: args.plans,
        rivals,
        samples: args.samples,
        bandwidth,
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut results = Results {
        device: name,
        commit: crate::COMMIT.to_owned(),
        command: format!("bench-suite {}", arguments.join(" ")),
        copy_gigabytes_per_second: bandwidth / 1e9,
        notes,
        rows: Vec::new(),
    };
    let bar = progress_bar(tasks.len());
    for task in &tasks {
        let report = |doing| bar.set_message(format!("{}: {doing}", task.problem));
        let rows = measure(&timer, task, &method, peers.as_mut(), report);
        for row in &rows {
            bar.suspend(|| eprintln!("{}: {row}", task.problem));
        }
        results.rows.extend(rows);
        // A run that is cut short keeps what it measured.
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

/// Starts the peers. Without them, the notes say why, and ours are measured all the same.
fn start_peers(args: &AttentionArgs, device: &Device, notes: &mut Vec<String>) -> Option<Peers> {
    let place = match (device.is_cpu(), args.device.as_str()) {
        (true, _) => "cpu",
        (false, "auto" | "cuda") => "cuda:0",
        (false, numbered) => numbered,
    };
    let hello = Hello {
        device: place.to_owned(),
        eviction_bytes: EVICTION_BYTES,
        eviction_ns: EVICTION_NANOSECONDS,
        most_evictions: MOST_EVICTIONS,
    };
    let peers = Peers::start(&args.python, hello);
    let note = match &peers {
        Ok(peers) => {
            let versions = peers.versions();
            let triton = match &versions.triton {
                Some(version) => format!("Triton {version}"),
                None => "no Triton".to_owned(),
            };
            let (torch, python) = (&versions.torch, &versions.python);
            format!("peers: PyTorch {torch}, {triton}, Python {python}, on {}", versions.device)
        }
        Err(why) => format!("no peers: {why}"),
    };
    eprintln!("{note}");
    notes.push(note);
    peers.ok()
}

fn tasks(args: &AttentionArgs, device: &Device) -> Result<Vec<Task>> {
    let mut shapes: Vec<Shape> = args.shapes.iter().flat_map(|set| set.0.clone()).collect();
    if shapes.is_empty() {
        shapes = match device.is_cpu() {
            true => crate::shapes::SMALL.to_vec(),
            false => crate::shapes::PEERS.to_vec(),
        };
    }
    let mut tasks = Vec::new();
    for &dtype in &args.dtype {
        for &Shape { batch, heads, seq, dim, value_dim } in &shapes {
            for name in &args.variant {
                for &pass in &args.pass {
                    let problem = Problem {
                        pass: pass.into(),
                        dtype,
                        head_dim: dim,
                        value_dim,
                        seq_q: seq,
                        seq_k: seq,
                        batch,
                        heads,
                        kv_heads: heads,
                        class: Default::default(),
                        save_scores: args.save_scores,
                    };
                    let subject = Subject::named(name, &(&problem).into())?;
                    let class = subject.variant.stages().into();
                    tasks.push(Task { problem: Problem { class, ..problem }, subject });
                }
            }
        }
    }
    Ok(tasks)
}

fn progress_bar(len: usize) -> ProgressBar {
    let bar = ProgressBar::new(len as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
