//! One request, and what its answer does to the part file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode, header};

use crate::error::{Error, Result};

/// Why an attempt gave no file.
pub(super) enum Failure {
    /// Trying again may help.
    Passing(String),
    /// It will not.
    Final(String),
}

pub(super) fn agent(timeout: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_connect(Some(timeout))
        .timeout_recv_response(Some(timeout))
        // For the whole body, so that a connection that died silently ends at some time; what it
        // brought is kept, and the next attempt goes on from there.
        .timeout_recv_body(Some(timeout.saturating_mul(30)))
        .http_status_as_error(false)
        .user_agent(concat!("tilewright-datasets/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

pub(super) struct Attempt<'a> {
    pub agent: &'a ureq::Agent,
    pub url: &'a str,
    pub part: &'a mut File,
    pub path: &'a Path,
}

impl Attempt<'_> {
    /// Asks for the bytes from `have` on and appends them. The outer error is this machine's, the
    /// inner one the network's.
    pub(super) fn run(
        self,
        have: u64,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<std::result::Result<(), Failure>> {
        let mut request = self
            .agent
            .get(self.url)
            // Ranges of a compressed form would not be ranges of the file.
            .header(header::ACCEPT_ENCODING, "identity");
        if is_loopback(self.url) {
            request = request.config().proxy(None).build();
        }
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Err(unreachable(&error))),
        };
        let status = response.status();
        let headers = response.headers();
        let encoded =
            headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
        let (start, total) = match status {
            StatusCode::PARTIAL_CONTENT => match content_range(headers) {
                Some((start, total)) if start == have && !encoded => (have, total),
                _ => {
                    self.cut(0)?;
                    let reason = "the server resumed at another place; starting over";
                    return Ok(Err(Failure::Passing(reason.to_string())));
                }
            },
            // The server ignores Range, or none was sent: the file from its start.
            StatusCode::OK => {
                let length = content_length(headers).filter(|_| !encoded);
                (0, length)
            }
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                if unsatisfied_total(headers) == Some(have) {
                    // Everything was there; only the check was missing.
                    progress(have, Some(have));
                    return Ok(Ok(()));
                }
                self.cut(0)?;
                let reason = "the unfinished file was longer than the file; starting over";
                return Ok(Err(Failure::Passing(reason.to_string())));
            }
            status => return Ok(Err(refusal(status))),
        };
        self.copy(start, total, &mut response.into_body().into_reader(), progress)
    }

    fn cut(&self, len: u64) -> Result<()> {
        let cut = self.part.set_len(len);
        cut.map_err(|source| Error::io("write", self.path, source))
    }

    fn copy(
        self,
        start: u64,
        total: Option<u64>,
        body: &mut impl Read,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<std::result::Result<(), Failure>> {
        self.cut(start)?;
        let wrong = |source| Error::io("write", self.path, source);
        self.part.seek(SeekFrom::Start(start)).map_err(wrong)?;
        let mut done = start;
        let mut buffer = vec![0; 1 << 16];
        progress(done, total);
        loop {
            let read = match body.read(&mut buffer) {
                Ok(read) => read,
                Err(error) => {
                    let reason = format!("the connection broke after {}: {error}", of(done, total));
                    return Ok(Err(Failure::Passing(reason)));
                }
            };
            if read == 0 {
                break;
            }
            self.part.write_all(&buffer[..read]).map_err(wrong)?;
            done += read as u64;
            progress(done, total);
        }
        Ok(match total {
            Some(total) if done != total => Err(Failure::Passing(format!(
                "the connection ended after {}",
                of(done, Some(total))
            ))),
            _ => Ok(()),
        })
    }
}

fn of(done: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{done} of {total} bytes"),
        None => format!("{done} bytes"),
    }
}

fn unreachable(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::Http(_) => {
            Failure::Final(format!("not an address: {error}"))
        }
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            Failure::Final(error.to_string())
        }
        // A machine without a network, most often; the text says which host.
        ureq::Error::HostNotFound => {
            Failure::Passing("the host was not found; is the network there?".to_string())
        }
        _ => Failure::Passing(format!("cannot reach it: {error}")),
    }
}

fn refusal(status: StatusCode) -> Failure {
    let reason = format!("the server answered {status}");
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    if passing { Failure::Passing(reason) } else { Failure::Final(reason) }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_LENGTH)?.trim().parse().ok()
}

/// First byte and full length from `bytes 100-199/200`; the length may be `*`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = text(headers, header::CONTENT_RANGE)?.trim().strip_prefix("bytes ")?;
    let (span, total) = range.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

/// Full length from `bytes */200`.
fn unsatisfied_total(headers: &HeaderMap) -> Option<u64> {
    let range = text(headers, header::CONTENT_RANGE)?.trim();
    range.strip_prefix("bytes */")?.parse().ok()
}

/// A server on this machine is never behind a proxy.
fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else {
        return false;
    };
    matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"))
}
