//! Which measured problem stands for one that was not measured.

use super::{Answer, Source, Table};
use crate::device::Device;
use crate::{Plan, Problem};

/// Problems further apart than this share no plan: two sequence lengths that differ by a factor of
/// four, for example.
pub const MAX_DISTANCE: f64 = 2.0;

/// The plan for a problem according to one table: the problem's own entry, else that of the
/// nearest problem, else [`Plan::rule`]. It always passes [`Plan::check`].
pub fn lookup_in(table: &Table, problem: &Problem, device: &Device) -> Answer {
    from_table(table, problem, device)
        .unwrap_or_else(|| Answer { plan: Plan::rule(problem, device), source: Source::Rule })
}

/// As [`lookup_in`], or `None` where the table has nothing near.
pub(super) fn from_table(table: &Table, problem: &Problem, device: &Device) -> Option<Answer> {
    if let Ok(i) = table.entries.binary_search_by(|entry| entry.problem.cmp(problem)) {
        let entry = &table.entries[i];
        let plan = entry.plan.adapted(&entry.problem, problem, device);
        if plan.check(problem, device).is_ok() {
            return Some(Answer { plan, source: Source::Exact });
        }
    }
    let mut best: Option<(f64, Answer)> = None;
    for entry in &table.entries {
        let Some(distance) = distance(&entry.problem, problem) else { continue };
        // The first of several at the same distance stays, so that the answer is one.
        if distance > MAX_DISTANCE || best.as_ref().is_some_and(|(least, _)| distance >= *least) {
            continue;
        }
        let plan = entry.plan.adapted(&entry.problem, problem, device);
        if plan.check(problem, device).is_ok() {
            let source = Source::Nearest { problem: entry.problem, distance };
            best = Some((distance, Answer { plan, source }));
        }
    }
    best.map(|(_, answer)| answer)
}

/// How unlike two problems are, in factors of two; `None` where a plan for one says nothing about
/// the other.
///
/// Sequence lengths and head dimensions decide what fits on chip and count in full; the number of
/// groups and of heads that share a key head decide how well a device is filled and count less.
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
        octaves(a.seq_q, b.seq_q)
            + octaves(a.seq_k, b.seq_k)
            + octaves(a.head_dim, b.head_dim)
            + octaves(a.value_dim, b.value_dim)
            + 0.125 * octaves(a.groups(), b.groups())
            + 0.5 * octaves(sharing(a), sharing(b)),
    )
}
