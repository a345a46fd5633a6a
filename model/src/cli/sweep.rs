//! `patchtst sweep`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::settings::ConfigArgs;
use super::train::stop_on_ctrl_c;
use crate::config::Config;
use crate::runtime;
use crate::sweep::{self, ATTENTION, Dimension, Finished, Report};

const EXAMPLES: &str = "\
Examples:
  patchtst sweep --preset ettm1 --patch-size 12,24,48,96,192 --attention vanilla,tuned \\
      model.context=512 train.epochs=10
  patchtst sweep --preset etth1 --batch-size 32,64,128,256,512 --attention vanilla,tuned
  patchtst sweep --preset etth1 --workers 0,2,4,8 --vary data.prefetch=2,8
  patchtst sweep --config my.toml --vary train.learning_rate=1e-4,3e-4,1e-3 --vary train.seed=1,2,3
  patchtst sweep --preset weather --batch-size 64,128 --devices cuda:0,cuda:1

Every combination is a run in a folder of its own, one at a time on each device. The same command
goes on where it was stopped. A combination that fails is reported, and the others are run. The
folder then holds sweep.json, sweep.csv, sweep.md, and pictures of times and errors.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SweepArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Lengths of a patch; patches stand side by side, so model.stride is the same
    #[arg(long, value_name = "A,B,C")]
    pub patch_size: Option<String>,
    /// Windows in a batch (train.batch_size)
    #[arg(long, value_name = "A,B,C")]
    pub batch_size: Option<String>,
    /// Threads that prepare batches (data.workers)
    #[arg(long, value_name = "A,B,C")]
    pub workers: Option<String>,
    /// Any other key; may be repeated
    #[arg(long, value_name = "SECTION.KEY=A,B,C")]
    pub vary: Vec<String>,
    /// Attentions (model.attention); the others' speed is compared with the first
    #[arg(long, value_name = "A,B,C")]
    pub attention: Option<String>,
    /// Folder of the runs and the report; default: one beside the runs, named by data set and keys
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Devices to run on, one run at a time on each; default: every CUDA device, or the CPU
    #[arg(long, value_name = "A,B,C", conflicts_with = "device")]
    pub devices: Option<String>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &SweepArgs) -> Result<()> {
    let base = args.config.load_open()?;
    let dimensions = dimensions(args)?;
    let folder = args.output.clone().unwrap_or_else(|| default_folder(&base, &dimensions));
    let cells = sweep::cells(&base, &dimensions, &folder)?;
    let devices = match &args.devices {
        Some(listed) => listed.split(',').map(|device| device.trim().to_string()).collect(),
        None => runtime::devices(&base.runtime.device),
    };
    devices.iter().try_for_each(|device| runtime::check_device(device))?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;

    let mut report = Report::new(&subject(&base), &dimensions, &cells);
    let members: Vec<_> = cells
        .iter()
        .enumerate()
        .filter_map(|(index, cell)| Some((index, cell.member.as_ref().ok()?)))
        .collect();
    let count = cells.len();
    eprintln!("{count} runs in {}, on {}", folder.display(), devices.join(", "));
    for (index, cell) in cells.iter().enumerate() {
        if let Err(error) = &cell.member {
            eprintln!("[{}/{count}] {}: {error}", index + 1, cell.values.join(" "));
        }
    }
    let stop = stop_on_ctrl_c();
    sweep::run_all(&members, &devices, &stop, |event| {
        match event {
            Finished::Began { index, member, device } => {
                eprintln!("[{}/{count}] {} begins on {device}", index + 1, member.name);
                return Ok(());
            }
            Finished::Ended { index, member, outcome } => {
                let name = format!("[{}/{count}] {}", index + 1, member.name);
                match &outcome {
                    Ok(outcome) => eprintln!(
                        "{name}: {:.3} s/epoch, of which {:.3} s waiting for data, test {}",
                        outcome.seconds, outcome.data_seconds, outcome.test
                    ),
                    Err(error) => eprintln!("{name}: {error}"),
                }
                report.put(index, outcome);
            }
        }
        report.save(&folder)
    })?;
    report.save(&folder)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", report.table().text());
        println!("{}", folder.join("sweep.{json,csv,md,svg,png}").display());
    }
    let missing = report.rows.iter().filter(|row| row.outcome.is_none());
    let (failed, stopped): (Vec<_>, Vec<_>) = missing.partition(|row| row.error.is_some());
    if !stopped.is_empty() {
        eprintln!("stopped; the same command goes on with the other {} runs", stopped.len());
    }
    if report.rows.len() == failed.len() {
        bail!("every run failed; the first: {}", failed[0].error.as_deref().unwrap_or_default());
    }
    Ok(())
}

fn dimensions(args: &SweepArgs) -> Result<Vec<Dimension>> {
    let mut dimensions = Vec::new();
    let named: [(&str, &[&str], &Option<String>); 3] = [
        ("patch_size", &["model.patch_len", "model.stride"], &args.patch_size),
        ("batch_size", &["train.batch_size"], &args.batch_size),
        ("workers", &["data.workers"], &args.workers),
    ];
    for (name, keys, values) in named {
        if let Some(values) = values {
            dimensions.push(Dimension::new(name, keys, values)?);
        }
    }
    for vary in &args.vary {
        dimensions.push(Dimension::vary(vary)?);
    }
    if let Some(values) = &args.attention {
        dimensions.push(Dimension::new(ATTENTION, &["model.attention"], values)?);
    }
    if dimensions.is_empty() {
        bail!("nothing to vary: give --patch-size, --batch-size, --workers, --attention or --vary");
    }
    for (place, dimension) in dimensions.iter().enumerate() {
        if dimensions[..place].iter().any(|other| other.name == dimension.name) {
            bail!("{} is varied twice", dimension.name);
        }
    }
    Ok(dimensions)
}

/// What is swept: its data, or the task where every combination names its own.
fn subject(base: &Config) -> String {
    match base.data_name() {
        name if name.is_empty() => base.purpose(),
        name => name,
    }
}

fn default_folder(base: &Config, dimensions: &[Dimension]) -> PathBuf {
    let runs = Path::new(&base.runtime.runs);
    if !base.runtime.name.is_empty() {
        return runs.join(&base.runtime.name);
    }
    let name = subject(base);
    let dataset = Path::new(&name).file_stem().unwrap_or_default();
    let names: Vec<&str> = dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
    runs.join(format!("sweep-{}-{}", dataset.to_string_lossy(), names.join("-")))
}
