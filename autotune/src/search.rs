//! From the plans of one problem to the fastest that is right.
//!
//! 1. **Prune.** What the device cannot run is left out without compiling. Of each family, an
//!    algorithm in a lowering, a few plans speak for all; where they are hopeless, so is the family.
//! 2. **Race.** The others take turns, in random order, so that a clock that drifts slows all
//!    alike. Each heat doubles the times taken of everyone left (successive halving: Jamieson and
//!    Talwalkar, arXiv 1502.07943), and who is slower than the best drops out, but only where the
//!    test of Mann and Whitney says that this is no chance.
//! 3. **Run off.** The finalists alternate, A B A B. Of those that end up within a hair of the best
//!    the rule's plan is taken, or the first in order, so that two runs agree.
//! 4. **Judge.** A plan whose results differ from the oracle's is reported and never named.

mod admission;
mod race;
mod verdict;

use serde::{Deserialize, Serialize};
use tilewright::table::{Entry, Timed};
use tilewright::{Device, Plan, Problem};

use crate::method::{Budget, Method};
use crate::space::Pruned;
use crate::stand::{Fault, Stand};
use race::Race;

/// The part of a problem's time in which plans may be compiled.
const COMPILING: f64 = 0.6;

/// Plans that someone has reasons to name.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Raced to the end, whatever their times; [`Plan::rule`]'s always is.
    pub pinned: Vec<Plan>,
    /// Tried first, such as what won for problems like this one.
    pub hints: Vec<Plan>,
}

/// A plan that is out for another reason than its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// The plan.
    pub plan: Plan,
    /// What happened, or what is wrong with its results.
    pub why: String,
}

/// What measuring a problem found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The problem.
    pub problem: Problem,
    /// The entry for the table, unless no plan works; without its fraction of the roofline.
    pub entry: Option<Entry>,
    /// Every plan that was measured, the fastest first. The pinned ones were in the run-off.
    pub timed: Vec<Timed>,
    /// Plans that failed or computed something else than the oracle, and how.
    pub refused: Vec<Refused>,
    /// Plans that were not tried, and why.
    pub pruned: Pruned,
}

/// What happens while a problem is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A plan is looked at: how many were, and how many there are at most.
    Look(usize, usize),
    /// A heat begins, of this many plans.
    Heat(usize),
    /// The run-off begins, of this many plans.
    RunOff(usize),
    /// A plan's results are compared with the oracle.
    Judge(Plan),
}

/// Finds the fastest plan of a problem's space whose results are right.
///
/// # Errors
///
/// The stand fails as a whole. A plan that fails is no error: it is among the refused.
pub fn search(
    problem: &Problem,
    device: &Device,
    stand: &mut dyn Stand,
    wishes: &Wishes,
    method: &Method,
    budget: &Budget,
    report: &mut dyn FnMut(Step),
) -> Result<Finding, Fault> {
    let mut race = Race::new(problem, device, stand, wishes, method, report);
    race.admit(&budget.part(COMPILING))?;
    race.run_heats(budget)?;
    let finalists = race.run_off(budget)?;
    race.settle(&finalists, budget)
}
