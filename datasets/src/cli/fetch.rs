//! `datasets fetch`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::catalog::{self, DEFAULT_DIR, DIR_VARIABLE, Entry};
use crate::fetch::{self, FetchOptions, Fetched, Request};
use crate::synthetic;

/// Download data sets, verified by their sums; continues what was broken off
#[derive(Args, Debug)]
#[command(after_help = "\
Files go to --dir, else to the folder that TILEWRIGHT_DATA names, else to ./data. Each keeps the
licence of its source; the ETT sets are CC BY-ND 4.0.

Examples:
  datasets fetch ETTh1 ETTm1
  datasets fetch weather --dir /mnt/series
  datasets fetch traffic --url http://mirror.example/traffic.csv")]
pub struct FetchArgs {
    /// Names of data sets, or `all`
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Folder to put them into
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Address to use instead of the known ones; for one data set
    #[arg(long)]
    pub url: Option<String>,
    /// Fetch again what is there already
    #[arg(long)]
    pub force: bool,
    /// Keep a file whose sum is not the known one
    #[arg(long)]
    pub unverified: bool,
    /// Attempts after the first, at each address
    #[arg(long, default_value_t = FetchOptions::default().retries)]
    pub retries: u32,
}

pub(super) fn run(args: &FetchArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let entries = chosen(&args.names)?;
    if args.url.is_some() && entries.len() != 1 {
        bail!("--url is the address of one data set, but {} are named", entries.len());
    }
    let from_environment = std::env::var_os(DIR_VARIABLE).filter(|dir| !dir.is_empty());
    let dir = args
        .dir
        .clone()
        .or_else(|| from_environment.map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(DEFAULT_DIR));
    let options = FetchOptions {
        retries: args.retries,
        force: args.force,
        accept_unverified: args.unverified,
        ..FetchOptions::default()
    };
    // One that fails does not keep the others from coming.
    let mut failed = Vec::new();
    for entry in entries {
        let request = Request::entry(entry, &dir, args.url.as_deref());
        let bar = bar(entry.name);
        let fetched = fetch::fetch(&request, &options, &mut |done, total| {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(done);
        });
        bar.finish_and_clear();
        match fetched {
            Ok(fetched) => say(entry, &fetched, out)?,
            Err(error) => failed.push(anyhow::Error::new(error)),
        }
    }
    match failed.len() {
        0 => Ok(()),
        1 => Err(failed.remove(0)),
        count => {
            let all: Vec<String> = failed.iter().map(|error| format!("{error:#}")).collect();
            bail!("{count} data sets could not be fetched\n{}", all.join("\n"))
        }
    }
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Entry>> {
    if names.iter().any(|name| name.eq_ignore_ascii_case("all")) {
        return Ok(catalog::ENTRIES.iter().collect());
    }
    let mut entries: Vec<&'static Entry> = Vec::new();
    for name in names {
        if name.eq_ignore_ascii_case(synthetic::NAME) {
            bail!("synthetic is built in; `datasets make FILE` writes it as a CSV");
        }
        let known = || catalog::ENTRIES.map(|entry| entry.name).join(", ");
        let entry = catalog::find(name).with_context(|| {
            format!("no data set is named `{name}`; known: {}, or all", known())
        })?;
        if !entries.iter().any(|chosen| chosen.name == entry.name) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn bar(name: &'static str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    let style = "{msg} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    // The template is a constant; should it be wrong, the plain bar does.
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_message(name)
}

fn say(entry: &Entry, fetched: &Fetched, out: &mut dyn Write) -> anyhow::Result<()> {
    let path = fetched.file.display();
    let check = match (fetched.verified, entry.sha256.is_empty()) {
        (true, _) => "sha256 verified".to_string(),
        (false, true) => format!("unverified: no sum is known; sha256 {}", fetched.sha256),
        (false, false) => format!("unverified: not the known file; sha256 {}", fetched.sha256),
    };
    match &fetched.url {
        None => {
            writeln!(out, "{}: {path} is there already, {check}", entry.name)?;
            if !fetched.verified {
                writeln!(out, "  --force fetches it again")?;
            }
        }
        Some(_) => {
            let resumed = match fetched.resumed_from {
                0 => String::new(),
                bytes => format!(", continued after {bytes}"),
            };
            writeln!(
                out,
                "{}: {path}, {} bytes{resumed}, {check}; licence: {}",
                entry.name, fetched.bytes, entry.licence
            )?;
        }
    }
    Ok(())
}
