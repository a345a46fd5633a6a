//! From one problem to the entry of a table.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tilewright::conformance::{Case, Layout, PlanPick, Size, check_case};
use tilewright::table::{Entry, RunnerUp};
use tilewright::{Device, Plan, Problem};

use crate::grid::Task;
use crate::timing::{Summary, Timer, TimingError};
use crate::workload::{MemoryOrder, Workload};

/// How thoroughly plans are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Windows for each plan that is left after the first round.
    pub rounds: usize,
    /// Plans slower than this many times the best of the first round are dropped.
    pub keep: f64,
    /// Decides the tensors and the order of measurement.
    pub seed: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { rounds: 9, keep: 2.0, seed: 0 }
    }
}

/// What measuring a problem found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The entry for the table, unless no plan works.
    pub entry: Option<Entry>,
    /// Plans that failed or computed something else than the reference, and how.
    pub refused: Vec<(Plan, String)>,
}

/// What happens while a problem is measured.
pub enum Step {
    /// This many plans are to be measured.
    Plans(usize),
    /// A plan was measured for the first time, or dropped.
    Measured,
    /// A further round begins, of this many plans.
    Round(usize),
}

/// Measures every plan of a problem's space.
///
/// Times are medians over rounds in which the plans take turns in random order, so that a clock
/// that drifts slows all alike. The fastest plan whose output and gradients agree with the
/// reference is the entry.
///
/// # Errors
///
/// The problem itself cannot be run, by any plan.
pub fn tune(
    timer: &Timer,
    task: &Task,
    bandwidth: f64,
    effort: Effort,
    mut report: impl FnMut(Step),
) -> Result<Finding, TimingError> {
    let Task { problem, variant } = task;
    let device = Device::of(timer.client());
    let workload =
        Workload::new(timer.client(), *problem, variant, MemoryOrder::Bhsd, effort.seed)?;
    let mut random = ChaCha8Rng::seed_from_u64(effort.seed);
    let plans: Vec<Plan> = Plan::space(problem, &device)
        .into_iter()
        .filter(|plan| plan.check(problem, &device).is_ok())
        .collect();
    report(Step::Plans(plans.len()));

    let mut refused = Vec::new();
    let mut timed: Vec<(Plan, usize, Vec<f64>)> = Vec::new();
    for plan in &plans {
        match first_times(timer, &workload, *plan) {
            Ok((calls, times)) => timed.push((*plan, calls, times)),
            Err(error) => refused.push((*plan, error.to_string())),
        }
        report(Step::Measured);
    }
    let candidates = timed.len();
    let best = timed.iter().filter_map(|t| median(&t.2)).fold(f64::INFINITY, f64::min);
    timed.retain(|(_, _, times)| median(times).is_some_and(|time| time <= effort.keep * best));
    // The first times decided who stays; who stays starts anew.
    timed.iter_mut().for_each(|(_, _, times)| times.clear());
    for _ in 0..effort.rounds.max(1) {
        report(Step::Round(timed.len()));
        timed.shuffle(&mut random);
        for (plan, calls, times) in &mut timed {
            times.push(timer.window(*calls, |nth| workload.call(nth, Some(*plan)))?);
        }
    }
    let mut ranked: Vec<(Plan, f64)> =
        timed.iter().filter_map(|(plan, _, times)| Some((*plan, median(times)?))).collect();
    // Equal times are ordered by plan, so that the table is the same whatever the order was.
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));

    let mut right = ranked.into_iter().filter(|(plan, _)| match verify(timer, task, *plan) {
        Ok(()) => true,
        Err(wrong) => {
            refused.push((*plan, wrong));
            false
        }
    });
    let winner = right.next();
    let runner_up = right.next().map(|(plan, nanoseconds)| RunnerUp { plan, nanoseconds });
    drop(right);
    let entry = winner.map(|(plan, nanoseconds)| Entry {
        problem: *problem,
        plan,
        nanoseconds: rounded(nanoseconds),
        runner_up: runner_up.map(|r| RunnerUp { nanoseconds: rounded(r.nanoseconds), ..r }),
        candidates,
        floor_fraction: floor_fraction(problem, nanoseconds, bandwidth),
    });
    Ok(Finding { entry, refused })
}

/// Compiles, then takes a first look: how many calls fill a window, and how long one takes.
fn first_times(
    timer: &Timer,
    workload: &Workload,
    plan: Plan,
) -> Result<(usize, Vec<f64>), TimingError> {
    workload.probe(Some(plan))?;
    let call = |nth| workload.call(nth, Some(plan));
    let calls = timer.calls_for(timer.window(1, call)?);
    let times: Result<Vec<f64>, TimingError> = (0..3).map(|_| timer.window(calls, call)).collect();
    Ok((calls, times?))
}

fn median(times: &[f64]) -> Option<f64> {
    Summary::of(times).map(|summary| summary.median)
}

fn rounded(nanoseconds: f64) -> f64 {
    (nanoseconds * 10.0).round() / 10.0
}

fn floor_fraction(problem: &Problem, nanoseconds: f64, bandwidth: f64) -> Option<f64> {
    let floor = problem.floor_bytes() as f64 / bandwidth * 1e9;
    let fraction = floor / nanoseconds;
    fraction.is_finite().then(|| (fraction * 1e4).round() / 1e4)
}

/// Compares the plan's results with the reference, on a batch small enough for that.
fn verify(timer: &Timer, task: &Task, plan: Plan) -> Result<(), String> {
    let p = task.problem;
    let size = Size {
        batch: p.batch.clamp(1, 2),
        heads: p.heads,
        kv_heads: p.kv_heads,
        queries: p.seq_q,
        keys: p.seq_k,
        head_dim: p.head_dim,
        value_dim: p.value_dim,
    };
    let case = Case {
        variant: task.variant.clone(),
        size,
        layout: Layout::Bhsd,
        dtype: p.dtype,
        plan: PlanPick::Given(plan),
        save_scores: p.save_scores,
        scale: None,
        seed: 1,
    };
    check_case(timer.client(), &case)
}
