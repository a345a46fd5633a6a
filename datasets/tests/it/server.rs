//! A small HTTP server with the faults that real ones have.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How the server answers.
#[derive(Clone, Default)]
pub struct Manner {
    /// The file.
    pub body: Vec<u8>,
    /// Whether ranges are answered with ranges.
    pub ranges: bool,
    /// After how many bytes each answer breaks off; one for each request, then none.
    pub break_after: Vec<usize>,
    /// Status lines to answer with instead, one for each request, then the file.
    pub refusals: Vec<&'static str>,
    /// Whether the first bytes of a range are wrong ones.
    pub lies_about_range: bool,
}

/// A server that runs until the test ends.
pub struct Server {
    address: String,
    ranges: Arc<Mutex<Vec<Option<u64>>>>,
}

impl Server {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up is part of the tests.
                let _ = answer(stream, &manner, &seen);
            }
        });
        Self { address, ranges }
    }

    pub fn url(&self) -> String {
        format!("http://{}/data.csv", self.address)
    }

    /// Where each request asked to begin; `None` for the whole file.
    pub fn requests(&self) -> Vec<Option<u64>> {
        self.ranges.lock().expect("no panic in the server").clone()
    }
}

fn answer(
    mut stream: TcpStream,
    manner: &Manner,
    seen: &Mutex<Vec<Option<u64>>>,
) -> std::io::Result<()> {
    let mut from = None;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    let turn = {
        let mut seen = seen.lock().expect("no panic in the server");
        seen.push(from);
        seen.len() - 1
    };
    if let Some(status) = manner.refusals.get(turn) {
        return write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let total = manner.body.len();
    let start = match from {
        Some(from) if manner.ranges => usize::try_from(from).unwrap_or(usize::MAX),
        _ => 0,
    };
    if start > 0 && start >= total {
        return write!(
            stream,
            "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{total}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let rest = &manner.body[start..];
    let (status, range) = if start > 0 {
        let said = if manner.lies_about_range { start + 1 } else { start };
        ("206 Partial Content", format!("Content-Range: bytes {said}-{}/{total}\r\n", total - 1))
    } else {
        ("200 OK", String::new())
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{range}Connection: close\r\n\r\n",
        rest.len()
    )?;
    let end = manner.break_after.get(turn).map_or(rest.len(), |end| rest.len().min(*end));
    stream.write_all(&rest[..end])?;
    stream.flush()
}
