//! Batches: shuffled reproducibly, prefetched by threads, resumable in the middle of an epoch.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::window::Windows;

/// How batches are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderOptions {
    /// Windows in a batch; the last batch of an epoch may hold fewer.
    pub batch: usize,
    /// Seed of the order; `None` keeps the order of time.
    pub shuffle: Option<u64>,
    /// Threads that make batches ahead; 0 makes each one when it is asked for.
    pub workers: usize,
    /// Finished batches that each worker holds ready, at least 1.
    pub prefetch: usize,
    /// Whether a last batch that is not full is left out. The published PatchTST results leave it
    /// out even in testing; leave this off to count every window.
    pub drop_last: bool,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { batch: 32, shuffle: None, workers: 0, prefetch: 2, drop_last: false }
    }
}

/// Some windows, side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// What is read: [len, context, channels], row-major.
    pub x: Vec<f32>,
    /// What is predicted: [len, horizon, channels_out], row-major.
    pub y: Vec<f32>,
    /// Row of the series at which each window begins to read.
    pub starts: Vec<usize>,
    /// How many windows.
    pub len: usize,
    /// Position of the batch in its epoch, from 0; not shifted by [`Epoch::skip_batches`].
    pub index: usize,
}

impl Batch {
    /// The windows of these indices, in this order.
    ///
    /// # Panics
    ///
    /// When an index is not a window.
    #[must_use]
    pub fn gather(windows: &Windows, indices: &[usize], index: usize) -> Self {
        let len = indices.len();
        let mut x = Vec::with_capacity(len * windows.context() * windows.channels());
        let mut y = Vec::with_capacity(len * windows.horizon() * windows.channels_out());
        for &window in indices {
            x.extend_from_slice(windows.x(window));
            windows.extend_y(window, &mut y);
        }
        Self {
            x,
            y,
            starts: indices.iter().map(|&window| windows.start(window)).collect(),
            len,
            index,
        }
    }
}

/// Work done on each batch in the thread that makes it: augmentation, masking, re-layout.
pub type Transform = dyn Fn(&mut Batch) + Send + Sync;

/// Makes the batches of any epoch.
///
/// The order of an epoch is a pure function of the seed, the epoch and the number of windows:
/// neither the number of workers nor what was read before changes it.
#[derive(Clone)]
pub struct Loader {
    windows: Windows,
    options: LoaderOptions,
    transform: Option<Arc<Transform>>,
    waited_nanos: Arc<AtomicU64>,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("windows", &self.windows)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// A loader over windows.
    ///
    /// # Errors
    ///
    /// [`Error::BadSetting`] for batches of 0, more than 1024 workers, or a `prefetch` of 0.
    pub fn new(windows: Windows, options: LoaderOptions) -> Result<Self> {
        let bad = |setting, value: usize, why| Error::BadSetting {
            setting,
            value: value.to_string(),
            why,
        };
        if options.batch == 0 {
            return Err(bad("batch", 0, "a batch holds at least one window"));
        }
        if options.workers > 1024 {
            return Err(bad("workers", options.workers, "at most 1024"));
        }
        if options.prefetch == 0 {
            return Err(bad("prefetch", 0, "a worker holds at least one batch ready"));
        }
        Ok(Self { windows, options, transform: None, waited_nanos: Arc::new(AtomicU64::new(0)) })
    }

    /// Has `transform` work on each batch in the thread that makes it. It must be a pure function
    /// of the batch, or the order of the workers would show.
    #[must_use]
    pub fn with_transform(
        mut self,
        transform: impl Fn(&mut Batch) + Send + Sync + 'static,
    ) -> Self {
        self.transform = Some(Arc::new(transform));
        self
    }

    /// The windows.
    #[must_use]
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// Batches in each epoch.
    #[must_use]
    pub fn batches(&self) -> usize {
        if self.options.drop_last {
            self.windows.len() / self.options.batch
        } else {
            self.windows.len().div_ceil(self.options.batch)
        }
    }

    /// Windows in each epoch: fewer than there are when `drop_last` leaves some out.
    #[must_use]
    pub fn windows_used(&self) -> usize {
        self.windows.len().min(self.batches() * self.options.batch)
    }

    /// Seconds that readers of this loader have stood waiting for data, over all epochs; with no
    /// workers, the seconds of making the batches.
    #[must_use]
    pub fn wait_seconds(&self) -> f64 {
        Duration::from_nanos(self.waited_nanos.load(Ordering::Relaxed)).as_secs_f64()
    }

    /// The order of the windows in an epoch.
    #[must_use]
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.windows.len()).collect();
        if let Some(seed) = self.options.shuffle {
            // ChaCha is specified, so an order is the same on every machine and in every year;
            // each epoch has a stream of its own.
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(epoch);
            order.shuffle(&mut random);
        }
        order
    }

    /// The batches of an epoch. Threads start at the first batch asked for.
    #[must_use]
    pub fn epoch(&self, epoch: u64) -> Epoch {
        Epoch {
            maker: Arc::new(Maker {
                windows: self.windows.clone(),
                transform: self.transform.clone(),
                order: self.order(epoch),
                batch: self.options.batch,
                batches: self.batches(),
                epoch,
            }),
            options: self.options.clone(),
            waited_nanos: Arc::clone(&self.waited_nanos),
            waited_here: Duration::ZERO,
            next: 0,
            first: 0,
            workers: None,
            failed: false,
        }
    }
}

/// What a worker needs to make any batch of an epoch.
struct Maker {
    windows: Windows,
    transform: Option<Arc<Transform>>,
    order: Vec<usize>,
    batch: usize,
    batches: usize,
    epoch: u64,
}

impl Maker {
    fn make(&self, index: usize) -> Result<Batch> {
        let from = index * self.batch;
        let to = (from + self.batch).min(self.order.len());
        let work = || {
            let mut batch = Batch::gather(&self.windows, &self.order[from..to], index);
            if let Some(transform) = &self.transform {
                transform(&mut batch);
            }
            batch
        };
        catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Error::Worker {
            epoch: self.epoch,
            batch: index,
            message: panic_message(panic.as_ref()),
        })
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_string()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_string()
    }
}

/// The batches of one epoch, in order; an iterator of `Result<Batch>`.
///
/// Dropped in the middle, it stops its threads and waits for them. After an error it ends.
pub struct Epoch {
    maker: Arc<Maker>,
    options: LoaderOptions,
    waited_nanos: Arc<AtomicU64>,
    waited_here: Duration,
    next: usize,
    first: usize,
    workers: Option<Workers>,
    failed: bool,
}

impl Epoch {
    /// Leaves out the first `count` batches without making them: where training stopped after
    /// `count` steps of this epoch, the rest is exactly what it would have read.
    ///
    /// # Panics
    ///
    /// When batches have been read already.
    #[must_use]
    pub fn skip_batches(mut self, count: usize) -> Self {
        assert!(
            self.workers.is_none() && self.next == self.first,
            "skip_batches comes before the first batch"
        );
        self.next = self.next.saturating_add(count).min(self.maker.batches);
        self.first = self.next;
        self
    }

    /// Seconds spent waiting for data in this epoch.
    #[must_use]
    pub fn wait_seconds(&self) -> f64 {
        self.waited_here.as_secs_f64()
    }

    fn receive(&mut self) -> Result<Batch> {
        if self.options.workers == 0 {
            return self.maker.make(self.next);
        }
        let workers = match &self.workers {
            Some(workers) => workers,
            None => self.workers.insert(Workers::start(
                &self.maker,
                self.options.workers,
                self.options.prefetch,
                self.next,
            )?),
        };
        workers.receive(self.next, self.first).unwrap_or_else(|| {
            // Workers catch panics, so this is a thread that was ended from outside.
            Err(Error::Worker {
                epoch: self.maker.epoch,
                batch: self.next,
                message: "the thread ended without a word".to_string(),
            })
        })
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if self.failed || self.next >= self.maker.batches {
            self.workers = None;
            return None;
        }
        let began = Instant::now();
        let batch = self.receive();
        let waited = began.elapsed();
        self.waited_here += waited;
        let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.waited_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.next += 1;
        self.failed = batch.is_err();
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = if self.failed { 0 } else { self.maker.batches - self.next };
        // An error ends the epoch early.
        (left.min(1), Some(left))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoch")
            .field("epoch", &self.maker.epoch)
            .field("next", &self.next)
            .field("batches", &self.maker.batches)
            .finish_non_exhaustive()
    }
}

/// Threads that make batches ahead. Worker `w` of `n` makes batches `first + w`, `first + w + n`,
/// and so on into a channel of its own, so reading the channels in turn is the order of the
/// batches, whatever the threads' speeds.
struct Workers {
    channels: Vec<Receiver<Result<Batch>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(maker: &Arc<Maker>, count: usize, prefetch: usize, first: usize) -> Result<Self> {
        // A worker without a batch to make would only be a thread to start and stop.
        let count = count.min(maker.batches - first).max(1);
        let mut workers =
            Self { channels: Vec::with_capacity(count), threads: Vec::with_capacity(count) };
        for worker in 0..count {
            let (sender, receiver) = sync_channel(prefetch);
            let maker = Arc::clone(maker);
            let thread = Builder::new()
                .name(format!("data-{worker}"))
                .spawn(move || work(&maker, &sender, first + worker, count))
                .map_err(|source| Error::Spawn { worker, source })?;
            workers.channels.push(receiver);
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// The batch `next` of an epoch read from `first` on; `None` if its thread is gone.
    fn receive(&self, next: usize, first: usize) -> Option<Result<Batch>> {
        let turn = (next - first) % self.channels.len();
        self.channels[turn].recv().ok()
    }
}

fn work(maker: &Maker, sender: &SyncSender<Result<Batch>>, first: usize, step: usize) {
    for index in (first..maker.batches).step_by(step) {
        let batch = maker.make(index);
        let failed = batch.is_err();
        // Nobody listens any more: the epoch was dropped.
        if sender.send(batch).is_err() || failed {
            return;
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Closing the channels wakes workers that wait for room in them.
        self.channels.clear();
        for thread in self.threads.drain(..) {
            // Panics were caught and reported with their batch.
            let _ = thread.join();
        }
    }
}
