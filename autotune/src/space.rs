//! Which plans of a problem are measured, and why the others are not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tilewright::{Algorithm, Device, Lowering, Plan, PlanRefusal, Problem};

/// How many plans were left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pruned(BTreeMap<String, usize>);

impl Pruned {
    /// Counts plans that are left out.
    pub fn add(&mut self, reason: impl Into<String>, plans: usize) {
        if plans > 0 {
            *self.0.entry(reason.into()).or_default() += plans;
        }
    }

    /// Counts those of another problem too.
    pub fn extend(&mut self, other: &Pruned) {
        for (reason, plans) in &other.0 {
            self.add(reason.as_str(), *plans);
        }
    }

    /// All that are left out.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Reason and number, in order of reasons.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(reason, plans)| (reason.as_str(), *plans))
    }
}

/// The plans that a device can run, in order, and why not the others. Nothing is compiled to find
/// out.
pub fn feasible(problem: &Problem, device: &Device) -> (Vec<Plan>, Pruned) {
    let mut pruned = Pruned::default();
    let mut plans = Vec::new();
    for plan in Plan::space(problem, device) {
        match plan.check(problem, device) {
            Ok(()) => plans.push(plan),
            Err(refusal) => pruned.add(reason(&refusal), 1),
        }
    }
    (plans, pruned)
}

/// A refusal without its numbers, so that refusals can be counted.
fn reason(refusal: &PlanRefusal) -> String {
    match refusal {
        PlanRefusal::SharedMemory { .. } => "more shared memory than a cube has".to_owned(),
        PlanRefusal::Units { .. } => "more units than a cube has".to_owned(),
        PlanRefusal::TooManyKeys { .. } => "more keys than fit on chip".to_owned(),
        PlanRefusal::Registers { what, .. } => format!("registers: {what}"),
        PlanRefusal::Parameter { parameter, allowed, .. } => format!("{parameter}: {allowed}"),
        PlanRefusal::Problem { what, needs } => format!("{what}: only in {needs}"),
        PlanRefusal::Device { parameter, needs, .. } => format!("{parameter}: only on {needs}"),
        other => other.to_string(),
    }
}

/// Plans that are alike enough for some to speak for all.
pub type Family = (Algorithm, Lowering);

/// The family of a plan.
pub fn family(plan: &Plan) -> Family {
    (plan.algorithm, plan.lowering)
}

/// A family in words, as in plans: `streaming/simt`.
pub fn family_name(plan: &Plan) -> String {
    let text = plan.to_string();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// In how many parameters two plans differ; the parts of one size count as one.
pub fn differences(a: &Plan, b: &Plan) -> usize {
    let differ = [
        a.algorithm != b.algorithm,
        a.lowering != b.lowering,
        a.tile_rows != b.tile_rows,
        a.tile_cols != b.tile_cols,
        a.team != b.team,
        a.teams != b.teams || a.heads != b.heads,
        (a.block > 0) != (b.block > 0) || a.block != b.block && a.algorithm == b.algorithm,
        a.vector != b.vector,
    ];
    differ.into_iter().filter(|&differs| differs).count()
}
