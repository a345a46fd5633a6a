//! Other people's attention, measured beside ours: in a Python process, or, of Burn's ([`cubek`]),
//! in this one.
//!
//! The Python process runs `peers/attention.py`, which this program carries along. It is asked for one
//! window at a time, so that its measurements and ours take turns. A peer that hangs or crashes
//! loses its place; the process is started again for the others.

mod child;
pub mod cubek;
pub mod protocol;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use self::child::Child;
use self::protocol::{Done, Request, Time};
pub use self::protocol::{Hello, Setup, Versions};
use crate::implementation::Implementation;

/// The program of the child; the first file is where it starts.
const SCRIPTS: [(&str, &str); 4] = [
    ("attention.py", include_str!("../../peers/attention.py")),
    ("implementations.py", include_str!("../../peers/implementations.py")),
    ("inputs.py", include_str!("../../peers/inputs.py")),
    ("triton_attention.py", include_str!("../../peers/triton_attention.py")),
];

/// Why a peer did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// There is no such interpreter.
    #[error("cannot start `{}`: {source}; --python chooses another", python.display())]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The scripts cannot be put where an interpreter finds them, or results not be read back.
    #[error("cannot use a temporary folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The peer said no.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
        /// Whether the process can answer nothing more.
        fatal: bool,
    },
    /// No answer in time.
    #[error("no answer within {seconds} s")]
    Silent {
        /// How long it had.
        seconds: u64,
    },
    /// The process ended.
    #[error("the process ended ({status}): {last}")]
    Ended {
        /// How.
        status: String,
        /// The last line of its standard error.
        last: String,
    },
    /// The answer is none.
    #[error("an answer that is not understood: `{line}` ({source})")]
    Garbled {
        /// Its beginning.
        line: String,
        /// Why it is none.
        source: serde_json::Error,
    },
}

impl PeerError {
    /// Whether the process is of no more use.
    pub fn ends_the_child(&self) -> bool {
        match self {
            PeerError::Refused { fatal, .. } => *fatal,
            _ => true,
        }
    }
}

/// The peers on one device.
#[derive(Debug)]
pub struct Peers {
    python: PathBuf,
    folder: TempDir,
    hello: Hello,
    versions: Versions,
    child: Option<Child>,
    setup: Option<Setup>,
    prepared: Vec<Implementation>,
}

impl Peers {
    /// Starts the process and asks what is installed.
    ///
    /// # Errors
    ///
    /// There is no such interpreter, or it has no PyTorch for this device.
    pub fn start(python: &Path, hello: Hello) -> Result<Self, PeerError> {
        let folder = TempDir::with_prefix("tilewright-peers-")?;
        for (name, text) in SCRIPTS {
            std::fs::write(folder.path().join(name), text)?;
        }
        let mut peers = Self {
            python: python.to_owned(),
            folder,
            hello,
            versions: Versions::default(),
            child: None,
            setup: None,
            prepared: Vec::new(),
        };
        peers.running()?;
        Ok(peers)
    }

    /// What is installed.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Makes the tensors of a case; what was prepared for another is forgotten.
    ///
    /// # Errors
    ///
    /// They do not fit into memory, say.
    pub fn setup(&mut self, setup: Setup) -> Result<(), PeerError> {
        self.prepared.clear();
        self.setup = None;
        self.running()?;
        self.ask::<Done>(&Request::Setup(&setup))?;
        self.setup = Some(setup);
        Ok(())
    }

    /// Compiles an implementation for the case and runs it once.
    ///
    /// # Errors
    ///
    /// It refuses the case, or fails.
    pub fn prepare(&mut self, implementation: Implementation) -> Result<(), PeerError> {
        self.running()?;
        if !self.prepared.contains(&implementation) {
            self.ask::<Done>(&Request::Prepare { implementation })?;
            self.prepared.push(implementation);
        }
        Ok(())
    }

    /// Nanoseconds of a call, as a mean over one window.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn time(&mut self, implementation: Implementation, calls: usize) -> Result<f64, PeerError> {
        // The process may be another than the one that was asked to prepare.
        self.prepare(implementation)?;
        let Time { ms } = self.ask(&Request::Time { implementation, calls })?;
        Ok(ms * 1e6)
    }

    /// The output, or the gradients of q, k and v one after another, of some (batch, head) pairs.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn results(
        &mut self,
        implementation: Implementation,
        groups: &[(usize, usize)],
    ) -> Result<Vec<f32>, PeerError> {
        self.prepare(implementation)?;
        let file = self.folder.path().join("results");
        self.ask::<Done>(&Request::Results { implementation, groups, file: &file })?;
        let bytes = std::fs::read(&file)?;
        let (words, _) = bytes.as_chunks::<4>();
        Ok(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    /// Starts the process where there is none, and tells it the case.
    fn running(&mut self) -> Result<(), PeerError> {
        if self.child.is_some() {
            return Ok(());
        }
        self.prepared.clear();
        let script = self.folder.path().join(SCRIPTS[0].0);
        self.child = Some(Child::start(&self.python, &script)?);
        let hello = self.hello.clone();
        self.versions = self.ask(&Request::Hello(&hello))?;
        if let Some(setup) = self.setup.clone() {
            self.ask::<Done>(&Request::Setup(&setup))?;
        }
        Ok(())
    }

    fn ask<T: serde::de::DeserializeOwned>(
        &mut self,
        request: &Request<'_>,
    ) -> Result<T, PeerError> {
        let Some(child) = &mut self.child else {
            return Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into());
        };
        let answer = child.ask(request, request.limit());
        if answer.as_ref().is_err_and(PeerError::ends_the_child) {
            self.child = None;
        }
        answer
    }
}
