//! Whether two tables say the same.

use serde::Serialize;
use tilewright::table::{Entry, TIE, Table};
use tilewright::{Plan, Problem};

/// What two tables say of one problem.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The same plan.
    Same,
    /// Another plan, but each is within 2% of the best by a table that knows both.
    Tied,
    /// Another plan, this part slower than the best by a table that knows both.
    Slower(f64),
    /// Another plan, and neither table knows both.
    Unknown,
}

/// A problem that both tables have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The problem.
    pub problem: Problem,
    /// The first table's plan.
    pub first: Plan,
    /// The second table's plan.
    pub second: Plan,
    /// How the second's time relates to the first's.
    pub time_ratio: f64,
    /// Whether they agree.
    pub verdict: Verdict,
}

/// Two tables beside each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Problems that both have.
    pub pairs: Vec<Pair>,
    /// Problems of the first alone.
    pub only_first: Vec<Problem>,
    /// Problems of the second alone.
    pub only_second: Vec<Problem>,
}

impl Comparison {
    /// Of two tables.
    pub fn of(first: &Table, second: &Table) -> Self {
        let only = |table: &Table, other: &Table| -> Vec<Problem> {
            let problems = table.entries.iter().map(|entry| entry.problem);
            problems.filter(|problem| other.get(problem).is_none()).collect()
        };
        let pair = |a: &Entry| {
            let b = second.get(&a.problem)?;
            Some(Pair {
                problem: a.problem,
                first: a.plan,
                second: b.plan,
                time_ratio: b.nanoseconds / a.nanoseconds,
                verdict: verdict(a, b),
            })
        };
        Self {
            pairs: first.entries.iter().filter_map(pair).collect(),
            only_first: only(first, second),
            only_second: only(second, first),
        }
    }

    /// The part of the problems that both have for which they choose the same plan or one within 2%;
    /// `None` where they have none in common.
    pub fn agreement(&self) -> Option<f64> {
        let agree = |pair: &&Pair| matches!(pair.verdict, Verdict::Same | Verdict::Tied);
        let agreeing = self.pairs.iter().filter(agree).count();
        (!self.pairs.is_empty()).then(|| agreeing as f64 / self.pairs.len() as f64)
    }
}

fn verdict(a: &Entry, b: &Entry) -> Verdict {
    if a.plan == b.plan {
        return Verdict::Same;
    }
    // A table that measured both plans in turns says by how much they differ.
    let lost = |by: &Entry, plan: Plan| {
        let time = |wanted: Plan| {
            let known = by.contenders().find(|contender| contender.plan == wanted);
            known.map(|contender| contender.nanoseconds)
        };
        Some((time(plan)? / time(by.plan)? - 1.0).abs())
    };
    match lost(a, b.plan).into_iter().chain(lost(b, a.plan)).reduce(f64::min) {
        Some(lost) if lost <= TIE => Verdict::Tied,
        Some(lost) => Verdict::Slower(lost),
        None => Verdict::Unknown,
    }
}
