//! Resumable, checksummed download.
//!
//! Bytes are collected in `FILE.part` beside the file and stay there when a download breaks off,
//! so that the next one, or the next attempt, asks only for the rest. The file gets its name when
//! its sum has been checked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::catalog::Entry;
use crate::error::{Error, Result};

mod attempt;

use attempt::{Attempt, Failure};

/// How to download.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Attempts after the first, at each address. Attempts that got further than the one before
    /// do not count.
    pub retries: u32,
    /// Pause before the first retry; it doubles from one to the next, up to 8 seconds.
    pub pause: Duration,
    /// Time for a connection, and for the start of an answer.
    pub timeout: Duration,
    /// Whether a file that is there is fetched again.
    pub force: bool,
    /// Whether a file of an unknown sum is kept.
    pub accept_unverified: bool,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            retries: 3,
            pause: Duration::from_millis(500),
            timeout: Duration::from_secs(20),
            force: false,
            accept_unverified: false,
        }
    }
}

/// What is to be downloaded.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to call it in errors.
    pub name: String,
    /// Addresses, best first.
    pub urls: Vec<String>,
    /// Sums that its file may have, in hexadecimal; none if unknown.
    pub sha256: Vec<String>,
    /// Where the file goes.
    pub file: PathBuf,
}

impl Request {
    /// A data set of the catalogue into a folder, from `url` if given.
    #[must_use]
    pub fn entry(entry: &Entry, dir: &Path, url: Option<&str>) -> Self {
        let strings = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Self {
            name: entry.name.to_string(),
            urls: match url {
                Some(url) => vec![url.to_string()],
                None => strings(entry.urls),
            },
            sha256: strings(entry.sha256),
            file: dir.join(entry.file),
        }
    }

    fn part(&self) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(".part");
        PathBuf::from(name)
    }

    fn knows(&self, sum: &str) -> bool {
        self.sha256.iter().any(|known| known.eq_ignore_ascii_case(sum))
    }
}

/// What came of a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its sum, in hexadecimal.
    pub sha256: String,
    /// Whether the sum is a known one.
    pub verified: bool,
    /// Where it came from; `None` when it was there already.
    pub url: Option<String>,
    /// Bytes that an earlier download had left.
    pub resumed_from: u64,
}

/// Downloads a file, or finds it there. `progress` is told the bytes that are there and, where the
/// server says so, the bytes there will be.
///
/// # Errors
///
/// [`Error::Download`] when every address failed, with the reason of each; [`Error::Checksum`]
/// when what came is not the known file, which is then deleted; [`Error::Busy`] when another
/// process downloads it; [`Error::Io`].
pub fn fetch(
    request: &Request,
    options: &FetchOptions,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Fetched> {
    if request.file.is_dir() {
        return Err(Error::IsDirectory { path: request.file.clone() });
    }
    if request.file.is_file() && !options.force {
        let wrong = |source| Error::io("read", &request.file, source);
        let mut file = File::open(&request.file).map_err(wrong)?;
        let (sha256, bytes) = sum(&mut file).map_err(wrong)?;
        return Ok(Fetched {
            file: request.file.clone(),
            bytes,
            verified: request.knows(&sha256),
            sha256,
            url: None,
            resumed_from: 0,
        });
    }
    Download::begin(request, options)?.run(progress)
}

/// The sum of a file, in hexadecimal, and its size.
fn sum(file: &mut File) -> std::io::Result<(String, u64)> {
    file.seek(SeekFrom::Start(0))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        bytes += read as u64;
    }
    let mut text = String::with_capacity(64);
    for byte in digest.finalize() {
        text.push_str(&format!("{byte:02x}"));
    }
    Ok((text, bytes))
}

/// A download under way. The part file is locked while it lives.
struct Download<'a> {
    request: &'a Request,
    options: &'a FetchOptions,
    agent: ureq::Agent,
    path: PathBuf,
    part: File,
    /// Bytes that an earlier process had left.
    found: u64,
}

impl<'a> Download<'a> {
    fn begin(request: &'a Request, options: &'a FetchOptions) -> Result<Self> {
        let path = request.part();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| Error::io("create", folder, source))?;
        }
        let wrong = |source| Error::io("write", &path, source);
        let part = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(wrong)?;
        match part.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path }),
            // Some network file systems know no locks; the sum still guards the result.
            Err(TryLockError::Error(_)) => {}
        }
        let found = part.metadata().map_err(wrong)?.len();
        Ok(Self { agent: attempt::agent(options.timeout), request, options, path, part, found })
    }

    fn run(mut self, progress: &mut dyn FnMut(u64, Option<u64>)) -> Result<Fetched> {
        let mut tries = String::new();
        for url in &self.request.urls {
            match self.from(url, progress)? {
                Ok(fetched) => return Ok(fetched),
                Err(reason) => tries.push_str(&format!("\n  {url}: {reason}")),
            }
        }
        if self.len()? == 0 {
            // Nothing worth keeping.
            let _ = fs::remove_file(&self.path);
        }
        if self.request.urls.is_empty() {
            tries.push_str(" no address is known");
        }
        Err(Error::Download {
            name: self.request.name.clone(),
            tries,
            hint: format!(
                "check the network and run the command again (it continues where it stopped), name \
                 another address with --url, or put the file at {}",
                self.request.file.display()
            ),
        })
    }

    /// The file from one address, or why not.
    fn from(
        &mut self,
        url: &str,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<std::result::Result<Fetched, String>> {
        // Without a known sum nothing would show that two halves came from different files.
        if self.request.sha256.is_empty() {
            self.restart()?;
        }
        let mut left = self.options.retries;
        let mut pause = self.options.pause;
        loop {
            let before = self.len()?;
            let attempt =
                Attempt { agent: &self.agent, url, part: &mut self.part, path: &self.path };
            match attempt.run(before, progress)? {
                Ok(()) => match self.accept(url)? {
                    Some(fetched) => return Ok(Ok(fetched)),
                    // The resumed halves did not fit: once more, from the start.
                    None => continue,
                },
                Err(Failure::Final(reason)) => return Ok(Err(reason)),
                Err(Failure::Passing(reason)) => {
                    if self.len()? <= before {
                        if left == 0 {
                            return Ok(Err(match self.options.retries {
                                0 => reason,
                                retries => format!("{reason} ({} attempts)", retries + 1),
                            }));
                        }
                        left -= 1;
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(8));
                }
            }
        }
    }

    fn len(&self) -> Result<u64> {
        let metadata = self.part.metadata();
        Ok(metadata.map_err(|source| Error::io("read", &self.path, source))?.len())
    }

    fn restart(&mut self) -> Result<()> {
        self.found = 0;
        let cut = self.part.set_len(0);
        cut.map_err(|source| Error::io("write", &self.path, source))
    }

    /// Checks the sum and gives the file its name; `None` when the download must start over.
    fn accept(&mut self, url: &str) -> Result<Option<Fetched>> {
        let wrong = |source| Error::io("read", &self.path, source);
        let (sha256, bytes) = sum(&mut self.part).map_err(wrong)?;
        let verified = self.request.knows(&sha256);
        let refused = !verified && !self.request.sha256.is_empty();
        if refused && !self.options.accept_unverified {
            if self.found > 0 {
                // Another file's first half was lying there.
                self.restart()?;
                return Ok(None);
            }
            fs::remove_file(&self.path)
                .map_err(|source| Error::io("delete", &self.path, source))?;
            return Err(Error::Checksum {
                name: self.request.name.clone(),
                expected: self.request.sha256.join(" or "),
                received: sha256,
                url: url.to_string(),
            });
        }
        let wrong = |source| Error::io("write", &self.request.file, source);
        self.part.flush().and_then(|()| self.part.sync_all()).map_err(wrong)?;
        fs::rename(&self.path, &self.request.file).map_err(wrong)?;
        Ok(Some(Fetched {
            file: self.request.file.clone(),
            bytes,
            sha256,
            verified,
            url: Some(url.to_string()),
            resumed_from: self.found,
        }))
    }
}
