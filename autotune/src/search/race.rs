//! Heats, in which the slower drop out, and the run-off of the finalists.

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use tilewright::{Device, Plan, Problem};

use super::{Refused, Step};
use crate::method::{Budget, Method};
use crate::space::Pruned;
use crate::stand::{Fault, Stand};
use crate::statistics::{chance_of_slower, median, median_interval};

/// At first sight, only who takes this many times the best is dropped: the times of a first sight
/// are not taken in turns.
const FIRST_SIGHT: f64 = 1.5;
/// Turns of the run-off that are taken whatever the time.
const FEWEST_TURNS: usize = 5;

/// A plan in the race.
pub(super) struct Runner {
    pub plan: Plan,
    pub pinned: bool,
    /// Times at first sight.
    pub look: Vec<f64>,
    /// Times in turns with all others.
    pub heats: Vec<f64>,
    /// Times of the run-off.
    pub run_off: Vec<f64>,
}

impl Runner {
    /// The latest times there are: they were taken in turns with those of the best others.
    pub fn latest(&self) -> &[f64] {
        let times = [&self.run_off, &self.heats, &self.look].into_iter();
        times.filter(|times| !times.is_empty()).map(Vec::as_slice).next().unwrap_or_default()
    }

    pub fn time(&self) -> f64 {
        median(self.latest()).unwrap_or(f64::INFINITY)
    }

    pub fn interval(&self) -> Option<[f64; 2]> {
        median_interval(self.latest())
    }

    pub fn heat(&self) -> f64 {
        median(&self.heats).unwrap_or_else(|| self.first_sight())
    }

    pub fn first_sight(&self) -> f64 {
        median(&self.look).unwrap_or(f64::INFINITY)
    }
}

/// All plans of a problem, and how far they are.
pub(super) struct Race<'a> {
    pub problem: &'a Problem,
    pub device: &'a Device,
    pub stand: &'a mut dyn Stand,
    pub method: &'a Method,
    pub report: &'a mut dyn FnMut(Step),
    pub random: ChaCha8Rng,
    pub rule: Plan,
    /// To be looked at first, with whether they are pinned.
    pub wished: Vec<(Plan, bool)>,
    /// Not looked at yet.
    pub waiting: Vec<Plan>,
    pub runners: Vec<Runner>,
    pub refused: Vec<Refused>,
    pub pruned: Pruned,
}

impl Race<'_> {
    pub(super) fn best_at_first_sight(&self) -> Option<&Runner> {
        self.runners.iter().min_by(|a, b| a.first_sight().total_cmp(&b.first_sight()))
    }

    /// The runners that are not out of the question at first sight.
    fn left(&self) -> Vec<usize> {
        let Some(best) = self.best_at_first_sight() else { return Vec::new() };
        let limit = FIRST_SIGHT * best.first_sight();
        let slow = |runner: &Runner| {
            runner.first_sight() > limit
                && chance_of_slower(&runner.look, &best.look) < self.method.significance
        };
        let stays = |runner: &Runner| runner.pinned || !slow(runner);
        (0..self.runners.len()).filter(|&i| stays(&self.runners[i])).collect()
    }

    pub(super) fn run_heats(&mut self, budget: &Budget) -> Result<(), Fault> {
        let mut left = self.left();
        let mut times = self.method.first_heat;
        for heat in 0..self.method.heats {
            let settled = left.len() <= 1 || heat > 0 && left.len() <= self.method.finalists;
            if settled || heat > 0 && budget.is_used_up() {
                break;
            }
            (self.report)(Step::Heat(left.len()));
            for _ in 0..times {
                left.shuffle(&mut self.random);
                let mut failed = Vec::new();
                for &i in &left {
                    match self.stand.sample(&self.runners[i].plan) {
                        Ok(time) => self.runners[i].heats.push(time),
                        Err(Fault::Plan(why)) => failed.push((i, why)),
                        Err(fatal) => return Err(fatal),
                    }
                }
                for (i, why) in failed {
                    left.retain(|&other| other != i);
                    self.fail(i, why);
                }
            }
            if heat > 0 {
                times *= 2;
            }
            self.drop_slower(&mut left);
        }
        Ok(())
    }

    /// A runner that ran before and no longer does.
    fn fail(&mut self, runner: usize, why: String) {
        let Runner { plan, look, heats, run_off, .. } = &mut self.runners[runner];
        self.refused.push(Refused { plan: *plan, why });
        // Without times nobody takes it for a plan that works.
        [look, heats, run_off].into_iter().for_each(Vec::clear);
    }

    fn drop_slower(&self, left: &mut Vec<usize>) {
        let heat = |i: usize| self.runners[i].heat();
        let Some(&best) = left.iter().min_by(|&&a, &&b| heat(a).total_cmp(&heat(b))) else {
            return;
        };
        left.retain(|&i| {
            let runner = &self.runners[i];
            let chance = chance_of_slower(&runner.heats, &self.runners[best].heats);
            runner.pinned || chance >= self.method.significance
        });
    }

    /// The finalists' turns; the finalists.
    pub(super) fn run_off(&mut self, budget: &Budget) -> Result<Vec<usize>, Fault> {
        let most = self.runners.iter().map(|runner| runner.heats.len()).max().unwrap_or(0);
        let to_the_end = |runner: &Runner| runner.heats.len() == most && !runner.look.is_empty();
        let mut finalists: Vec<usize> =
            (0..self.runners.len()).filter(|&i| to_the_end(&self.runners[i])).collect();
        if most == 0 {
            finalists.retain(|i| self.left().contains(i));
        }
        finalists.sort_by(|&a, &b| self.runners[a].heat().total_cmp(&self.runners[b].heat()));
        let mut place = 0;
        finalists.retain(|&i| {
            place += 1;
            place <= self.method.finalists || self.runners[i].pinned
        });
        (self.report)(Step::RunOff(finalists.len()));
        for turn in 0..self.method.run_off {
            if turn >= FEWEST_TURNS && budget.is_used_up() {
                break;
            }
            let mut order = finalists.clone();
            if turn % 2 == 1 {
                order.reverse();
            }
            for i in order {
                match self.stand.sample(&self.runners[i].plan) {
                    Ok(time) => self.runners[i].run_off.push(time),
                    Err(Fault::Plan(why)) => {
                        finalists.retain(|&other| other != i);
                        self.fail(i, why);
                    }
                    Err(fatal) => return Err(fatal),
                }
            }
        }
        Ok(finalists)
    }
}
