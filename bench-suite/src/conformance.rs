//! The library's conformance suite, with progress.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use burn::tensor::Device as BurnDevice;
use clap::Args;
use cubecl::client::Client;
use indicatif::{ProgressBar, ProgressStyle};
use tilewright::burn::check;
use tilewright::conformance::{Level, Options, run as run_suite};
use tilewright::{Device, open_device};

/// What `conformance` takes.
#[derive(Args, Clone, Debug)]
pub struct ConformanceArgs {
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// quick or full
    #[arg(long, default_value = "quick", value_name = "LEVEL")]
    pub level: Level,
    /// Only cases whose description contains this, as in "bf16" or "causal"
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Only this part of the cases, as in 1/4, to share them out
    #[arg(long, default_value = "1/1", value_name = "I/N", value_parser = part)]
    pub part: (usize, usize),
    /// A file for the report, as JSON
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `1/4` is the first of four.
fn part(text: &str) -> std::result::Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((i, n)) if (1..=n).contains(&i) => Ok((i - 1, n)),
        _ => Err("write 1/4 for the first of four parts".to_owned()),
    }
}

/// Runs the suite, prints and writes the report.
///
/// # Errors
///
/// A device that cannot be opened, a report that cannot be written, or a case that fails.
pub fn run(args: &ConformanceArgs) -> Result<()> {
    let (client, name) = open_device(&args.device)?;
    eprintln!("{name}");
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let options = Options {
        filter: args.filter.clone(),
        part: args.part,
        // Once is enough.
        special: args.part.0 == 0,
        ..Options::new(args.level)
    };
    let report = run_suite(&client, &options, |progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
        bar.set_message(format!("{} failed; {}", progress.failed, progress.next));
        // Without a terminal, a line now and then.
        if bar.is_hidden() && progress.done.is_multiple_of(25) {
            eprintln!("{}/{}, {} failed", progress.done, progress.total, progress.failed);
        }
    });
    bar.finish_and_clear();
    println!("{report}");
    if let Some(path) = &args.output {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if options.special && options.filter.is_none() {
        let views = check_operator(&args.device, &client)?;
        println!("Burn's operator: {views} views and ways of running passed");
    }
    if !report.is_success() {
        match report.failures.len() {
            0 => bail!("no case matches the filter"),
            failures => bail!("{failures} failures"),
        }
    }
    Ok(())
}

/// The operator on the same device, as Burn hands tensors to it.
fn check_operator(name: &str, client: &Client) -> Result<usize> {
    let device = match Device::of(client).is_cpu() {
        true => BurnDevice::flex(),
        false => {
            let index = name.strip_prefix("cuda:").and_then(|index| index.parse().ok());
            BurnDevice::cuda(index.unwrap_or(0_usize))
        }
    };
    check(&device).map_err(|what| anyhow!("Burn's operator: {what}"))
}
