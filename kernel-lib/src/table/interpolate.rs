//! What measured problems say about one that was not measured.
//!
//! An entry knows how much slower than the best each of its plans was. Between measured problems
//! that slow-down is interpolated, as a logarithm, over the logarithms of sequence lengths, head
//! dimensions and groups (weights fall with the square of the distance: Shepard, doi
//! 10.1145/800186.810616); the plan for which the least slow-down is expected is the answer. So a
//! plan that was a close second everywhere around stands before one that won a single time by
//! chance. [`Plan::rule`] is one of the plans.
//!
//! Nothing here allocates: the answer to a new problem is found on the stack.

use super::{Answer, Entry, Estimate, Source, Table, Trust};
use crate::device::Device;
use crate::table::schema::RUNNERS_UP;
use crate::{Plan, Problem};

/// Problems further apart than this share no plan: two sequence lengths that differ by a factor of
/// four, for example.
pub const MAX_DISTANCE: f64 = 2.0;

/// Measured problems that have a say.
const NEIGHBOURS: usize = 6;
/// Plans that an entry names.
const CONTENDERS: usize = RUNNERS_UP + 1;
/// Within this distance, who is nearer hardly matters.
const BLUR: f64 = 0.1;
/// Groups that fill a large device: about eight for each multiprocessor.
const FULL: f64 = 1024.0;
/// What an octave of groups counts up to there.
const BELOW_FULL: f64 = 0.5;
/// And beyond.
const BEYOND_FULL: f64 = 0.125;
/// How much slower than the best a plan is taken to be where nothing is known of it.
const UNKNOWN_SLOWDOWN: f64 = 1.25;

/// The plan for a problem according to one table, as if the table had been measured on this device:
/// the problem's own entry, else what is expected from entries like it, else [`Plan::rule`]. It
/// always passes [`Plan::check`].
pub fn lookup_in(table: &Table, problem: &Problem, device: &Device) -> Answer {
    let trust = if table.is_current() { Trust::Full } else { Trust::OtherKernels };
    exact(table, problem, device, trust)
        .or_else(|| estimate(table, problem, device, trust))
        .unwrap_or_else(|| Answer { plan: Plan::rule(problem, device), source: Source::Rule })
}

/// The plan that was measured for this very problem.
pub(super) fn exact(
    table: &Table,
    problem: &Problem,
    device: &Device,
    trust: Trust,
) -> Option<Answer> {
    let entry = table.get(problem)?;
    // A CPU with other cores uses all of them.
    let plan = entry.plan.adapted(problem, problem, device);
    plan.check(problem, device).ok()?;
    let source = match trust {
        Trust::Full => Source::Measured,
        _ => Source::Estimated(Estimate {
            nearest: *problem,
            distance: 0.0,
            neighbours: 1,
            slowdown: 1.0,
            trust,
        }),
    };
    Some(Answer { plan, source })
}

/// A measured problem like the one asked about.
#[derive(Clone, Copy)]
struct Neighbour<'a> {
    entry: &'a Entry,
    distance: f64,
    /// The entry's plans as they are for the problem asked about, and the logarithms of their
    /// slow-downs; `None` where one cannot run it.
    plans: [Option<(Plan, f64)>; CONTENDERS],
    /// The logarithm of the slow-down of a plan that the entry does not name.
    unnamed: f64,
}

impl<'a> Neighbour<'a> {
    fn new(entry: &'a Entry, distance: f64, problem: &Problem, device: &Device) -> Self {
        let best = entry.contenders().map(|c| c.nanoseconds).fold(f64::INFINITY, f64::min);
        let mut plans = [None; CONTENDERS];
        let mut slowest = 0.0;
        for (place, contender) in plans.iter_mut().zip(entry.contenders()) {
            let plan = contender.plan.adapted(&entry.problem, problem, device);
            slowest = (contender.nanoseconds / best).ln();
            *place = plan.check(problem, device).ok().map(|()| (plan, slowest));
        }
        let unnamed = UNKNOWN_SLOWDOWN.ln().max(slowest);
        Self { entry, distance, plans, unnamed }
    }

    fn weight(&self) -> f64 {
        (self.distance + BLUR).powi(-2)
    }

    /// The logarithm of a plan's slow-down there.
    fn slowdown(&self, plan: &Plan) -> f64 {
        let named = self.plans.iter().flatten().find(|(known, _)| known == plan);
        named.map_or(self.unnamed, |(_, slowdown)| *slowdown)
    }

    /// That of what the rule says there now; where the entry does not name it, of what it said when
    /// the entry was measured.
    fn slowdown_of_rule(&self, device: &Device) -> f64 {
        let best = self.entry.contenders().map(|c| c.nanoseconds).fold(f64::INFINITY, f64::min);
        let rule = Plan::rule(&self.entry.problem, device);
        let named = self.entry.contenders().find(|contender| contender.plan == rule);
        let time = named.map(|contender| contender.nanoseconds).or(self.entry.rule_nanoseconds);
        time.map_or(self.unnamed, |time| (time / best).ln().max(0.0))
    }
}

/// The plan that the entries around a problem let expect to be fastest, or `None` where there are
/// none.
pub(super) fn estimate(
    table: &Table,
    problem: &Problem,
    device: &Device,
    trust: Trust,
) -> Option<Answer> {
    let mut neighbours: [Option<Neighbour<'_>>; NEIGHBOURS] = [None; NEIGHBOURS];
    for (place, (distance, entry)) in neighbours.iter_mut().zip(nearest(table, problem)) {
        let neighbour = Neighbour::new(entry, distance, problem, device);
        *place = neighbour.plans.iter().any(Option::is_some).then_some(neighbour);
    }
    let known = || neighbours.iter().flatten();
    let first = known().next()?;
    let total: f64 = known().map(Neighbour::weight).sum();
    let expected = |slowdown: &dyn Fn(&Neighbour<'_>) -> f64| {
        known().map(|n| n.weight() * slowdown(n)).sum::<f64>() / total
    };
    let rule = Plan::rule(problem, device);
    let mut best = (rule, expected(&|neighbour| neighbour.slowdown_of_rule(device)));
    // Of equals the first stays, so that the answer is one.
    for (plan, _) in known().flat_map(|neighbour| neighbour.plans.iter().flatten()) {
        let slowdown = expected(&|neighbour| neighbour.slowdown(plan));
        if slowdown < best.1 {
            best = (*plan, slowdown);
        }
    }
    let source = Source::Estimated(Estimate {
        nearest: first.entry.problem,
        distance: first.distance,
        neighbours: known().count(),
        slowdown: best.1.exp(),
        trust,
    });
    Some(Answer { plan: best.0, source })
}

/// The entries nearest to a problem that say something about it, the nearest first, each with its
/// [`distance`].
pub fn nearest<'a>(
    table: &'a Table,
    problem: &Problem,
) -> impl Iterator<Item = (f64, &'a Entry)> + use<'a> {
    let mut found: [Option<(f64, &Entry)>; NEIGHBOURS] = [None; NEIGHBOURS];
    for entry in &table.entries {
        let Some(distance) = distance(&entry.problem, problem).filter(|&d| d <= MAX_DISTANCE)
        else {
            continue;
        };
        // Of equals the first stays before the others.
        let place = found.iter().position(|other| other.is_none_or(|(d, _)| distance < d));
        if let Some(place) = place {
            found[place..].rotate_right(1);
            found[place] = Some((distance, entry));
        }
    }
    found.into_iter().flatten()
}

/// How unlike two problems are, in factors of two; `None` where a plan for one says nothing about
/// the other.
///
/// Sequence lengths and head dimensions decide what fits on chip and count in full; the number of
/// groups and of heads that share a key head decide how well a device is filled and count less:
/// groups by half where they do not fill one, by an eighth beyond.
pub fn distance(a: &Problem, b: &Problem) -> Option<f64> {
    let same = a.pass == b.pass
        && a.dtype == b.dtype
        && a.class == b.class
        && a.save_scores == b.save_scores;
    if !same {
        return None;
    }
    let octaves = |a: usize, b: usize| (a.max(1) as f64 / b.max(1) as f64).log2().abs();
    let sharing = |p: &Problem| p.heads / p.kv_heads.max(1);
    Some(
        octaves(a.seq_q, b.seq_q).max(octaves(a.seq_k, b.seq_k))
            + octaves(a.head_dim, b.head_dim).max(octaves(a.value_dim, b.value_dim))
            + (crowding(a.groups()) - crowding(b.groups())).abs()
            + 0.5 * octaves(sharing(a), sharing(b)),
    )
}

/// How many groups there are, in octaves as they count.
fn crowding(groups: usize) -> f64 {
    let octaves = (groups.max(1) as f64 / FULL).log2();
    octaves * if octaves > 0.0 { BEYOND_FULL } else { BELOW_FULL }
}
