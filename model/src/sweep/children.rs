//! A process for each run, one at a time on each device: a run that fails or takes the device with
//! it does not end the sweep.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use anyhow::{Context, Result, bail};

use crate::train::group::{Member, State};
use crate::train::report::{Metrics, read_losses};

use super::Outcome;

/// What becomes of a member, as it happens.
#[derive(Debug)]
pub enum Finished<'a> {
    Began { index: usize, member: &'a Member, device: &'a str },
    Ended { index: usize, member: &'a Member, outcome: Result<Outcome, String> },
}

/// Runs `members`, each with its index, on `devices`; those that are finished already only report.
/// None is begun once `stop` is set; the ones that run then save and end by themselves, as Ctrl-C
/// reaches them too.
pub fn run_all(
    members: &[(usize, &Member)],
    devices: &[String],
    stop: &AtomicBool,
    mut hear: impl FnMut(Finished<'_>) -> Result<()>,
) -> Result<()> {
    let queue: Mutex<VecDeque<_>> = Mutex::new(members.iter().copied().collect());
    std::thread::scope(|scope| {
        let (sender, events) = mpsc::channel();
        for device in devices {
            let (sender, queue) = (sender.clone(), &queue);
            scope.spawn(move || {
                loop {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((index, member)) = next else { break };
                    let begin = || {
                        let _ = sender.send(Finished::Began { index, member, device });
                    };
                    let outcome = run(member, device, begin).map_err(|error| format!("{error:#}"));
                    if outcome.is_err() && stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let _ = sender.send(Finished::Ended { index, member, outcome });
                }
            });
        }
        drop(sender);
        for event in events {
            if let Err(error) = hear(event) {
                // Nobody can be told any more; what runs may end.
                stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    })
}

fn run(member: &Member, device: &str, begin: impl FnOnce()) -> Result<Outcome> {
    if let State::Finished(_, metrics) = member.state()? {
        return outcome(member, &metrics);
    }
    begin();
    let folder = member.folder()?;
    let said = folder.path().join("output.txt");
    let file = File::create(&said).with_context(|| format!("cannot write {}", said.display()))?;
    let status = program()?
        .args(["train", "--device", device, "--resume"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .status()
        .context("cannot start a process for the run")?;
    match member.state()? {
        State::Finished(_, metrics) => outcome(member, &metrics),
        _ if status.success() => bail!("it was stopped"),
        _ => bail!("{}", why(&said).unwrap_or_else(|| status.to_string())),
    }
}

fn outcome(member: &Member, metrics: &Metrics) -> Result<Outcome> {
    Ok(Outcome::of(metrics, &read_losses(&member.path().join("losses.csv"))?))
}

/// This program as `patchtst`, also where it is the one binary of all programs.
fn program() -> Result<Command> {
    let path = std::env::current_exe().context("cannot find this program")?;
    let own_name = path.file_stem().is_some_and(|name| name == "patchtst");
    let mut command = Command::new(path);
    if !own_name {
        command.arg("patchtst");
    }
    Ok(command)
}

/// The error that a process printed last, in one line.
fn why(said: &Path) -> Option<String> {
    let text = std::fs::read_to_string(said).ok()?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_error = |line: &&str| line.starts_with("Error: ") || line.contains("panicked at");
    let Some(start) = lines.iter().rposition(is_error) else {
        return lines.last().map(|line| (*line).to_string());
    };
    if let Some(error) = lines[start].strip_prefix("Error: ") {
        return Some(error.to_string());
    }
    // A panic says on the next line what it is about.
    let told = lines[start..].iter().filter(|line| !line.starts_with("note:"));
    Some(told.copied().take(2).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_found_in_what_a_process_said() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let said = |text: &str| {
            std::fs::write(file.path(), text).expect("written");
            why(file.path())
        };
        let text = "epoch 1/2\nError: data.dataset = nowhere: no such file\nbye\n";
        assert_eq!(said(text).as_deref(), Some("data.dataset = nowhere: no such file"));
        let text = "epoch 1/2\nthread 'main' panicked at a.rs:1:\nindex 3\nnote: run with\n";
        assert_eq!(said(text).as_deref(), Some("thread 'main' panicked at a.rs:1:; index 3"));
        assert_eq!(said("killed\n\n").as_deref(), Some("killed"));
        assert_eq!(said(""), None);
    }
}
