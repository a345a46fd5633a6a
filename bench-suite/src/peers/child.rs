//! The Python process.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::PeerError;
use super::protocol::{Request, parse};

/// Lines of its standard error that are kept, to say why it ended.
const KEPT_LINES: usize = 20;
/// How long it may take to leave once its standard input ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running child.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    /// `None` once it was told to leave.
    requests: Option<ChildStdin>,
    replies: Receiver<String>,
    said: Arc<Mutex<VecDeque<String>>>,
    /// Reads what it says.
    listener: Option<JoinHandle<()>>,
}

impl Child {
    /// Starts an interpreter on a script.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start(python: &Path, script: &Path) -> Result<Self, PeerError> {
        let failed = |source| PeerError::Start { python: python.to_owned(), source };
        let mut process = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let said = Arc::default();
        let errors = process.stderr.take();
        let listener = errors.map(|errors| keep_last_lines(errors, Arc::clone(&said)));
        let replies = process.stdout.take().map(lines_of);
        let (Some(requests), Some(replies)) = (process.stdin.take(), replies) else {
            return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
        };
        Ok(Self { process, requests: Some(requests), replies, said, listener })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// A refusal, no answer in time, one that is none, or the end of the process.
    pub fn ask<T: DeserializeOwned>(
        &mut self,
        request: &Request<'_>,
        limit: Duration,
    ) -> Result<T, PeerError> {
        let sent = serde_json::to_string(request).map_err(std::io::Error::from).and_then(|line| {
            match &mut self.requests {
                Some(requests) => writeln!(requests, "{line}").and_then(|()| requests.flush()),
                None => Err(std::io::ErrorKind::BrokenPipe.into()),
            }
        });
        if sent.is_err() {
            return Err(self.ended());
        }
        match self.replies.recv_timeout(limit) {
            Ok(line) => parse(&line),
            Err(RecvTimeoutError::Timeout) => Err(PeerError::Silent { seconds: limit.as_secs() }),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// Why it is gone: how it left, and the last that it said.
    fn ended(&mut self) -> PeerError {
        self.leave();
        let status = match self.process.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.hear_out();
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let last = said.iter().rfind(|line| !line.trim().is_empty());
        PeerError::Ended { status, last: last.cloned().unwrap_or_default() }
    }

    /// Waits until its last words were read; a child of its own may keep the pipe open, so not for
    /// ever.
    fn hear_out(&self) {
        let asked = Instant::now();
        let listening = || self.listener.as_ref().is_some_and(|listener| !listener.is_finished());
        while listening() && asked.elapsed() < FAREWELL {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the process: politely, so that it ends its own children, and if need be otherwise.
    fn leave(&mut self) {
        self.requests = None;
        let asked = Instant::now();
        while asked.elapsed() < FAREWELL {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // It may have ended by itself meanwhile.
        let _ = self.process.kill();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.leave();
        let _ = self.process.wait();
    }
}

fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn keep_last_lines(errors: ChildStderr, said: Arc<Mutex<VecDeque<String>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() == KEPT_LINES {
                said.pop_front();
            }
            said.push_back(line);
        }
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::implementation::Implementation;
    use crate::peers::protocol::Time;

    /// Asks a shell script, which stands for the Python program, for a time.
    fn ask(script: &str, limit: Duration) -> Result<Time, PeerError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), script).expect("a script");
        let mut child = Child::start(Path::new("/bin/sh"), file.path()).expect("a shell");
        child.ask(&Request::Time { implementation: Implementation::Flex, calls: 1 }, limit)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_child_answers_refuses_ends_or_is_silent() {
        let time = ask(r#"read line; echo '{"ms": 2.5}'"#, LONG).expect("a time");
        assert_eq!(time, Time { ms: 2.5 });
        let refused = ask(r#"read line; echo '{"error": "no such thing"}'"#, LONG);
        assert_eq!(refused.expect_err("a refusal").to_string(), "no such thing");
        let ended = ask("read line; echo 'out of luck' >&2; exit 3", LONG);
        let ended = ended.expect_err("no answer").to_string();
        assert!(ended.contains("exit status: 3") && ended.contains("out of luck"), "{ended}");
        let ended = ask("exit 0", LONG).expect_err("no answer");
        assert!(matches!(ended, PeerError::Ended { .. }), "{ended}");
        let silent = ask("read line; read line", Duration::from_millis(50));
        assert!(matches!(silent, Err(PeerError::Silent { .. })));
    }

    #[test]
    fn an_interpreter_that_is_not_there_is_named() {
        let error = Child::start(Path::new("/no/such/python"), Path::new("script"));
        let error = error.expect_err("nothing to start").to_string();
        assert!(error.contains("/no/such/python") && error.contains("--python"), "{error}");
    }
}
