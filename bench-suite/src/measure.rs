//! One problem, by everyone who takes part, in turns.

use tilewright::{Device, Plan, Problem, table};
use tilewright_autotune::timing::{Summary, Timer, TimingError};
use tilewright_autotune::workload::{MemoryOrder, Workload};

use crate::attention::Plans;
use crate::implementation::Implementation;
use crate::oracle::Oracle;
use crate::peers::cubek::Cubek;
use crate::peers::{PeerError, Peers, Setup};
use crate::results::{Row, RowError};
use crate::subjects::{Subject, TABLE_STREAM};

/// Decides the tensors.
const SEED: u64 = 0;
/// The windows of one competitor take no longer than this together, if that leaves a few.
const LONG_NANOSECONDS: f64 = 2e9;
/// A few.
const FEWEST_WINDOWS: usize = 5;
/// After a longer window the device's clock and caches are what they would be.
const SHORT_NANOSECONDS: f64 = 5e6;

/// One problem, with the variant that poses it.
#[derive(Debug)]
pub struct Task {
    /// Sizes and element type.
    pub problem: Problem,
    /// Its variant.
    pub subject: Subject,
}

/// How a problem is measured.
#[derive(Debug)]
pub struct Method {
    /// How tensors lie in memory.
    pub order: MemoryOrder,
    /// Which plans of ours take part.
    pub plans: Plans,
    /// Which peers, where there are any.
    pub rivals: Vec<Implementation>,
    /// Windows for each.
    pub samples: usize,
    /// Bytes that a copy moves in a second.
    pub bandwidth: f64,
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Competitor {
    Plan(Plan),
    Peer(Implementation),
}

/// What is known of one so far.
#[derive(Debug)]
struct Entry {
    competitor: Competitor,
    /// Calls in a window.
    calls: usize,
    /// What a window took at first sight, in nanoseconds.
    window: f64,
    /// Nanoseconds of a call, for each window.
    times: Vec<f64>,
    /// Against the reference, or why it is out.
    error: Option<RowError>,
}

/// A problem on a device.
struct Contest<'a> {
    timer: &'a Timer,
    task: &'a Task,
    workload: Workload,
    peers: Option<&'a mut Peers>,
    /// Burn's kernel, once it was found.
    cubek: Option<Cubek>,
}

/// Measures a problem. `report` hears what is being done.
pub fn measure<'a>(
    timer: &'a Timer,
    task: &'a Task,
    method: &Method,
    peers: Option<&'a mut Peers>,
    mut report: impl FnMut(String),
) -> Vec<Row> {
    let p = task.problem;
    let client = timer.client();
    let device = Device::of(client);
    let empty = Row {
        batch: p.batch,
        heads: p.heads,
        seq_q: p.seq_q,
        seq_k: p.seq_k,
        head_dim: p.head_dim,
        value_dim: p.value_dim,
        dtype: p.dtype.to_string(),
        layout: method.order.name().to_owned(),
        variant: task.subject.name.clone(),
        pass: p.pass.to_string(),
        floor_ms: Some(p.floor_bytes() as f64 / method.bandwidth * 1e3),
        ..Row::default()
    };
    let out = |why: String| vec![Row { error: Some(RowError::Reason(why)), ..empty.clone() }];
    if !method.order.suits(&p) {
        return out("skipped: packed q, k and v have equal sizes".to_owned());
    }
    let memory = client.properties().memory.max_memory().unwrap_or(u64::MAX) as usize;
    let needed = Workload::bytes(&p);
    if needed > memory / 10 * 8 {
        let gib = |bytes: usize| bytes as f64 / (1u64 << 30) as f64;
        return out(format!("skipped: needs {:.1} GiB of {:.1}", gib(needed), gib(memory)));
    }
    let workload = match Workload::new(client, p, &task.subject.variant, method.order, SEED) {
        Ok(workload) => workload,
        Err(error) => return out(error.to_string()),
    };
    let plans = match method.plans {
        Plans::Rule => vec![Plan::rule(&p, &device)],
        Plans::Table => vec![table::lookup(&p, &device, client).plan],
        Plans::All => Plan::space(&p, &device)
            .into_iter()
            .filter(|plan| plan.check(&p, &device).is_ok())
            .collect(),
    };
    let there = peers.is_some();
    let rivals = method.rivals.iter().filter(|rival| there || !rival.is_python());
    let mut competitors: Vec<Competitor> = plans.into_iter().map(Competitor::Plan).collect();
    competitors.extend(rivals.map(|&rival| Competitor::Peer(rival)));
    let compared = competitors.iter().any(|one| matches!(one, Competitor::Peer(_)));
    let mut contest = Contest { timer, task, workload, peers, cubek: None };
    let refused = contest.set_up(method).err();
    let mut entries: Vec<Entry> = Vec::new();
    for competitor in competitors {
        report(format!("preparing {}", competitor.name()));
        let first = match (&refused, competitor) {
            (Some(why), Competitor::Peer(peer)) if peer.is_python() => Err(why.to_string()),
            _ => contest.first_look(competitor),
        };
        entries.push(Entry::new(competitor, first));
    }
    if compared {
        report("the reference".to_owned());
        let oracle = Oracle::new(&p, &task.subject.variant, method.order, SEED);
        for entry in entries.iter_mut().filter(|entry| entry.is_in()) {
            report(format!("checking {}", entry.competitor.name()));
            entry.error = Some(contest.check(entry.competitor, &oracle, p.dtype));
        }
    }
    for round in 0..method.samples.max(1) {
        report(format!("round {} of {}", round + 1, method.samples));
        for entry in &mut entries {
            if entry.is_in() && round < entry.rounds(method.samples) {
                match contest.turn(entry) {
                    Ok(nanoseconds) => entry.times.push(nanoseconds),
                    Err(why) => entry.error = Some(RowError::Reason(why)),
                }
            }
        }
    }
    entries.into_iter().map(|entry| entry.into_row(&p, &empty)).collect()
}

impl Competitor {
    fn name(self) -> &'static str {
        match self {
            Competitor::Plan(_) => Implementation::Tilewright.name(),
            Competitor::Peer(peer) => peer.name(),
        }
    }
}

impl Entry {
    fn new(competitor: Competitor, first: Result<(usize, f64), String>) -> Self {
        let (calls, window, error) = match first {
            Ok((calls, nanoseconds)) => (calls, calls as f64 * nanoseconds, None),
            Err(why) => (1, 0.0, Some(RowError::Reason(why))),
        };
        Self { competitor, calls, window, times: Vec::new(), error }
    }

    fn is_in(&self) -> bool {
        !matches!(self.error, Some(RowError::Reason(_)))
    }

    fn rounds(&self, samples: usize) -> usize {
        let most = (LONG_NANOSECONDS / self.window.max(1.0)) as usize;
        samples.clamp(1, most.max(FEWEST_WINDOWS))
    }

    fn into_row(self, p: &Problem, empty: &Row) -> Row {
        let (implementation, plan) = match self.competitor {
            Competitor::Plan(plan) => (Implementation::Tilewright, plan.to_string()),
            Competitor::Peer(peer) => (peer, String::new()),
        };
        let row = Row { implementation, plan, ..empty.clone() };
        let summary = Summary::of(&self.times).filter(|_| self.is_in());
        let Some(summary) = summary else {
            let why = || RowError::Reason(TimingError::Nothing.to_string());
            return Row { error: Some(self.error.unwrap_or_else(why)), ..row };
        };
        let ms = summary.median * 1e-6;
        Row {
            ms: Some(ms),
            least_ms: Some(summary.least * 1e-6),
            spread: Some(summary.spread),
            tflops: Some(p.flops() as f64 / (ms * 1e-3) * 1e-12),
            error: self.error,
            ..row
        }
    }
}

impl Contest<'_> {
    /// Gives the peers the same case.
    fn set_up(&mut self, method: &Method) -> Result<(), PeerError> {
        let Some(peers) = self.peers.as_deref_mut() else { return Ok(()) };
        let (task, p) = (self.task, self.task.problem);
        peers.setup(Setup {
            batch: p.batch,
            heads: p.heads,
            seq_q: p.seq_q,
            seq_k: p.seq_k,
            head_dim: p.head_dim,
            value_dim: p.value_dim,
            dtype: p.dtype.to_string(),
            layout: method.order.name().to_owned(),
            variant: task.subject.name.clone(),
            params: task.subject.params.clone(),
            tables: task.subject.tables.clone(),
            table_stream: TABLE_STREAM,
            direction: p.pass.to_string(),
            seed: SEED,
            sets: self.workload.sets(),
        })
    }

    /// Compiles and runs; how many calls fill a window, and nanoseconds of one.
    fn first_look(&mut self, competitor: Competitor) -> Result<(usize, f64), String> {
        match competitor {
            Competitor::Plan(plan) => {
                self.workload.probe(Some(plan)).map_err(|error| error.to_string())?;
            }
            Competitor::Peer(Implementation::Cubek) => {
                let (pass, variant) = (self.task.problem.pass, &self.task.subject.name);
                let fastest = Cubek::fastest(self.timer, &self.workload, pass, variant);
                self.cubek = Some(fastest.map_err(|error| error.to_string())?);
            }
            Competitor::Peer(_) => {}
        }
        // The first window still learns how long the host takes to queue a call.
        self.window(competitor, 1)?;
        let calls = self.timer.calls_for(self.window(competitor, 1)?);
        Ok((calls, self.window(competitor, calls)?))
    }

    fn cubek(&self) -> Result<&Cubek, String> {
        self.cubek.as_ref().ok_or_else(|| "it was not prepared".to_owned())
    }

    /// One window that counts.
    fn turn(&mut self, entry: &Entry) -> Result<f64, String> {
        // Another program ran on the device in between.
        if self.peers.is_some() && entry.window < SHORT_NANOSECONDS {
            self.window(entry.competitor, entry.calls)?;
        }
        self.window(entry.competitor, entry.calls)
    }

    /// Nanoseconds of a call, as a mean over one window.
    fn window(&mut self, competitor: Competitor, calls: usize) -> Result<f64, String> {
        match competitor {
            Competitor::Plan(plan) => {
                let call = |nth| self.workload.call(nth, Some(plan));
                self.timer.window(calls, call).map_err(|error| error.to_string())
            }
            Competitor::Peer(Implementation::Cubek) => {
                let window = self.cubek()?.window(self.timer, &self.workload, calls);
                window.map_err(|error| error.to_string())
            }
            Competitor::Peer(peer) => match self.peers.as_deref_mut() {
                Some(peers) => peers.time(peer, calls).map_err(|error| error.to_string()),
                None => Err("there are no peers".to_owned()),
            },
        }
    }

    /// The error against the reference.
    fn check(
        &mut self,
        competitor: Competitor,
        oracle: &Oracle,
        dtype: tilewright::DType,
    ) -> RowError {
        let results = match competitor {
            Competitor::Plan(plan) => self
                .workload
                .results(Some(plan))
                .map_err(anyhow::Error::from)
                .and_then(|results| oracle.read(self.timer.client(), &results)),
            Competitor::Peer(Implementation::Cubek) => self
                .cubek()
                .map_err(anyhow::Error::msg)
                .and_then(|cubek| Ok(vec![cubek.output(self.timer.client(), &self.workload, 0)?]))
                .and_then(|results| oracle.read(self.timer.client(), &results)),
            Competitor::Peer(peer) => match self.peers.as_deref_mut() {
                Some(peers) => peers.results(peer, oracle.groups()).map_err(anyhow::Error::from),
                None => Err(anyhow::anyhow!("there are no peers")),
            },
        };
        match results.map(|results| oracle.error(&results)) {
            Err(error) => RowError::Reason(error.to_string()),
            // What computes something else has no time.
            Ok(error) if error > Oracle::limit(dtype) => {
                RowError::Reason(format!("wrong: off by {error:.2e} of the largest element"))
            }
            Ok(error) => RowError::Relative(error),
        }
    }
}
