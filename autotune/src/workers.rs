//! One run spread over several devices: a process for each, as a process has one device.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The part of a run that one device does.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its device.
    pub device: String,
    /// What its command line has beside this one's.
    pub arguments: Vec<String>,
    /// What it writes.
    pub output: PathBuf,
    /// By which it takes turns with others on its device.
    pub turns: Option<PathBuf>,
}

/// Options that workers get anew.
pub const OF_WORKERS: [&str; 5] = ["--devices", "--output", "-o", "--cache", "--require"];

/// The parts of a run, one for each device; those on the same device measure in turns.
pub fn workers_of(devices: &[String], output: &Path, cache: Option<&Path>) -> Vec<Worker> {
    let parts = devices.len();
    let beside = |suffix: &str| {
        let mut path = output.as_os_str().to_owned();
        path.push(format!(".{suffix}"));
        PathBuf::from(path)
    };
    let worker = |(i, device): (usize, &String)| {
        let name = format!("part{}of{parts}", i + 1);
        let output = beside(&name);
        let mut arguments = vec!["--device".to_owned(), device_name(device)];
        arguments.extend(["--shard".to_owned(), format!("{}/{parts}", i + 1)]);
        arguments.extend(["--output".to_owned(), output.to_string_lossy().into_owned()]);
        if let Some(cache) = cache {
            let cache = cache.join(name).to_string_lossy().into_owned();
            arguments.extend(["--cache".to_owned(), cache]);
        }
        let device = device_name(device);
        let sharing = devices.iter().filter(|other| device_name(other) == device).count() > 1;
        let turns = sharing.then(|| beside(&format!("turns-{}", device.replace(':', "-"))));
        if let Some(turns) = &turns {
            arguments.extend(["--turns".to_owned(), turns.to_string_lossy().into_owned()]);
        }
        Worker { device, arguments, output, turns }
    };
    devices.iter().enumerate().map(worker).collect()
}

/// `cuda:1` for `1`.
fn device_name(device: &str) -> String {
    match device.parse::<usize>() {
        Ok(number) => format!("cuda:{number}"),
        Err(_) => device.to_owned(),
    }
}

/// Starts this program again for each worker, with this command line but for the options in
/// `without` and their values, and hears what they say, a line of JSON at a time.
///
/// # Errors
///
/// A worker that cannot be started or that fails; what it said is on standard error.
pub fn run_all(
    workers: &[Worker],
    without: &[&str],
    heard: &mut dyn FnMut(&Worker, Value),
) -> Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let inherited = without_options(std::env::args_os().skip(1), without);
    let (sender, lines) = mpsc::channel();
    let mut children = Vec::new();
    for (place, worker) in workers.iter().enumerate() {
        let mut command = Command::new(&program);
        #[cfg(unix)]
        if let Some(name) = std::env::args_os().next() {
            use std::os::unix::process::CommandExt as _;
            // The benchmarks' binary is whichever program it is called as.
            command.arg0(name);
        }
        command.args(&inherited).args(&worker.arguments).arg("--events").stdout(Stdio::piped());
        let device = &worker.device;
        let mut child =
            command.spawn().with_context(|| format!("cannot start a worker for {device}"))?;
        let said = child.stdout.take().context("a worker without standard output")?;
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                let _ = sender.send((place, line));
            }
        });
        children.push(child);
    }
    drop(sender);
    for (place, line) in lines {
        if let Ok(value) = serde_json::from_str(&line) {
            heard(&workers[place], value);
        }
    }
    let mut failed = Vec::new();
    for (child, worker) in children.iter_mut().zip(workers) {
        let status = child.wait().with_context(|| format!("waiting for {}", worker.device))?;
        if !status.success() {
            failed.push(format!("{} ({status})", worker.device));
        }
    }
    if !failed.is_empty() {
        bail!(
            "workers failed: {}; what they measured is kept, and the same command goes on with it",
            failed.join(", ")
        );
    }
    Ok(())
}

/// Says something to the process that started this one.
///
/// # Errors
///
/// Nobody listens any more.
pub fn say(value: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}").and_then(|()| out.flush()).context("nobody listens to this worker")
}

/// Arguments but for some options and their values.
fn without_options(arguments: impl Iterator<Item = OsString>, without: &[&str]) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut skip = false;
    for argument in arguments {
        if std::mem::take(&mut skip) {
            continue;
        }
        let text = argument.to_string_lossy();
        if without.contains(&text.as_ref()) {
            skip = true;
        } else if !without.iter().any(|option| text.starts_with(&format!("{option}="))) {
            kept.push(argument);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_of_one_device_take_turns() {
        let devices = ["0", "1", "cuda:0"].map(str::to_owned);
        let workers = workers_of(&devices, Path::new("t.json"), None);
        let turns: Vec<_> = workers.iter().map(|worker| worker.turns.as_deref()).collect();
        let file = Some(Path::new("t.json.turns-cuda-0"));
        assert_eq!(turns, [file, None, file]);
        assert!(workers[2].arguments.ends_with(&["--turns".into(), "t.json.turns-cuda-0".into()]));
    }

    #[test]
    fn options_are_left_out_with_their_values() {
        let given = ["run", "--devices", "0,1", "--seq", "4", "--output=a.json", "-o", "b", "-q"];
        let kept = without_options(
            given.map(OsString::from).into_iter(),
            &["--devices", "--output", "-o"],
        );
        assert_eq!(kept, ["run", "--seq", "4", "-q"]);
    }
}
