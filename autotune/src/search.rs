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

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tilewright::table::{Entry, TIE, Timed};
use tilewright::{Device, Lowering, Plan, Problem};

use crate::method::{Budget, Method};
use crate::space::{Pruned, differences, family, family_name, feasible};
use crate::stand::{Fault, Stand};
use crate::statistics::{chance_of_slower, median, median_interval};

/// At first sight, only who takes this many times the best is dropped: the times of a first sight
/// are not taken in turns.
const FIRST_SIGHT: f64 = 1.5;
/// The part of a problem's time in which plans may be compiled.
const COMPILING: f64 = 0.6;
/// Turns of the run-off that are taken whatever the time.
const FEWEST_TURNS: usize = 5;
/// Slower plans are no runners-up.
const ALSO_RAN: f64 = 1.5;

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

/// A plan in the race.
struct Runner {
    plan: Plan,
    pinned: bool,
    /// Times at first sight.
    look: Vec<f64>,
    /// Times in turns with all others.
    heats: Vec<f64>,
    /// Times of the run-off.
    run_off: Vec<f64>,
}

impl Runner {
    /// The latest times there are: they were taken in turns with those of the best others.
    fn latest(&self) -> &[f64] {
        let times = [&self.run_off, &self.heats, &self.look].into_iter();
        times.filter(|times| !times.is_empty()).map(Vec::as_slice).next().unwrap_or_default()
    }

    fn time(&self) -> f64 {
        median(self.latest()).unwrap_or(f64::INFINITY)
    }

    fn interval(&self) -> Option<[f64; 2]> {
        median_interval(self.latest())
    }

    fn heat(&self) -> f64 {
        median(&self.heats).unwrap_or_else(|| self.first_sight())
    }

    fn first_sight(&self) -> f64 {
        median(&self.look).unwrap_or(f64::INFINITY)
    }
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

struct Race<'a> {
    problem: &'a Problem,
    device: &'a Device,
    stand: &'a mut dyn Stand,
    method: &'a Method,
    report: &'a mut dyn FnMut(Step),
    random: ChaCha8Rng,
    rule: Plan,
    /// To be looked at first, with whether they are pinned.
    wished: Vec<(Plan, bool)>,
    /// Not looked at yet.
    waiting: Vec<Plan>,
    runners: Vec<Runner>,
    refused: Vec<Refused>,
    pruned: Pruned,
}

impl<'a> Race<'a> {
    fn new(
        problem: &'a Problem,
        device: &'a Device,
        stand: &'a mut dyn Stand,
        wishes: &Wishes,
        method: &'a Method,
        report: &'a mut dyn FnMut(Step),
    ) -> Self {
        let (mut waiting, pruned) = feasible(problem, device);
        // Each problem has an order of its own, the same in every run.
        let own = problem.to_string().bytes().fold(method.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut random = ChaCha8Rng::seed_from_u64(own);
        waiting.shuffle(&mut random);
        let rule = Plan::rule(problem, device);
        let mut wished: Vec<(Plan, bool)> = vec![(rule, true)];
        let pinned = wishes.pinned.iter().map(|plan| (*plan, true));
        for (plan, pin) in pinned.chain(wishes.hints.iter().map(|plan| (*plan, false))) {
            let known = wished.iter().any(|(other, _)| *other == plan);
            if !known && plan.check(problem, device).is_ok() {
                wished.push((plan, pin));
            }
        }
        waiting.retain(|plan| wished.iter().all(|(other, _)| other != plan));
        let (runners, refused) = (Vec::new(), Vec::new());
        Self {
            problem,
            device,
            stand,
            method,
            report,
            random,
            rule,
            wished,
            waiting,
            runners,
            refused,
            pruned,
        }
    }

    /// Looks at plans, the promising first.
    fn admit(&mut self, budget: &Budget) -> Result<(), Fault> {
        for (plan, pinned) in std::mem::take(&mut self.wished) {
            self.look(plan, pinned)?;
        }
        while let Some(place) = self.speaker() {
            if budget.is_used_up() && !self.runners.is_empty() {
                break;
            }
            let plan = self.waiting.remove(place);
            self.look(plan, false)?;
        }
        loop {
            self.leave_out_hopeless();
            let Some(place) = self.most_promising() else { return Ok(()) };
            let most = self.method.most_plans;
            let reason = if self.looked() >= most {
                format!("beyond the {most} plans that are tried of each problem")
            } else if budget.is_used_up() && !self.runners.is_empty() {
                "no time left in the budget".to_owned()
            } else {
                let plan = self.waiting.remove(place);
                self.look(plan, false)?;
                continue;
            };
            self.pruned.add(reason, self.waiting.len());
            self.waiting.clear();
        }
    }

    fn looked(&self) -> usize {
        self.runners.len() + self.refused.len()
    }

    fn look(&mut self, plan: Plan, pinned: bool) -> Result<(), Fault> {
        let looked = self.looked() + 1;
        let most = (looked + self.waiting.len()).min(self.method.most_plans.max(looked));
        (self.report)(Step::Look(looked, most));
        match self.stand.look(&plan, self.method.look) {
            Ok(look) => self.runners.push(Runner {
                plan,
                pinned,
                look,
                heats: Vec::new(),
                run_off: Vec::new(),
            }),
            Err(Fault::Plan(why)) => self.refused.push(Refused { plan, why }),
            Err(fatal) => return Err(fatal),
        }
        Ok(())
    }

    /// Who speaks next for a family that too few have spoken for: the plan that is most like what
    /// works without measuring, then any.
    fn speaker(&self) -> Option<usize> {
        let general = Plan::general(self.problem, self.device);
        let spoken = |plan: &Plan| {
            let same = |other: &Plan| family(other) == family(plan);
            let refused = self.refused.iter().filter(|r| same(&r.plan)).count();
            self.runners.iter().filter(|r| same(&r.plan)).count() + refused
        };
        let silent = self.waiting.iter().enumerate();
        let silent = silent.filter(|(_, plan)| spoken(plan) < self.method.speakers);
        silent
            .min_by_key(|(place, plan)| {
                let usual = if plan.lowering == Lowering::Simt { &general } else { &self.rule };
                let unlike = if spoken(plan) == 0 { differences(plan, usual) } else { 0 };
                (family(plan), unlike, *place)
            })
            .map(|(place, _)| place)
    }

    fn best_at_first_sight(&self) -> Option<&Runner> {
        self.runners.iter().min_by(|a, b| a.first_sight().total_cmp(&b.first_sight()))
    }

    /// Leaves out families whose speakers are much slower than the best.
    fn leave_out_hopeless(&mut self) {
        let Some(best) = self.best_at_first_sight() else { return };
        let (best_plan, best_look) = (best.plan, best.look.clone());
        let limit = self.method.hopeless * best.first_sight();
        let mut hopeless = Vec::new();
        for plan in &self.waiting {
            let of = family(plan);
            let known = hopeless.iter().any(|(other, _)| *other == of);
            if known || of == family(&best_plan) {
                continue;
            }
            let speakers = self.runners.iter().filter(|runner| family(&runner.plan) == of);
            let first = speakers.min_by(|a, b| a.first_sight().total_cmp(&b.first_sight()));
            // A family whose speakers were all refused has said nothing against itself.
            let Some(first) = first else { continue };
            let chance = chance_of_slower(&first.look, &best_look);
            if first.first_sight() > limit && chance < self.method.significance {
                hopeless.push((of, family_name(plan)));
            }
        }
        for (of, name) in hopeless {
            let before = self.waiting.len();
            self.waiting.retain(|plan| family(plan) != of);
            let times = self.method.hopeless;
            let reason = format!("{name}: its first plans take over {times} times the best");
            self.pruned.add(reason, before - self.waiting.len());
        }
    }

    /// Who waits and is most like the best so far.
    fn most_promising(&self) -> Option<usize> {
        let best = self.best_at_first_sight().map_or(self.rule, |runner| runner.plan);
        let waiting = self.waiting.iter().enumerate();
        waiting.min_by_key(|(place, plan)| (differences(plan, &best), *place)).map(|(i, _)| i)
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

    fn run_heats(&mut self, budget: &Budget) -> Result<(), Fault> {
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
    fn run_off(&mut self, budget: &Budget) -> Result<Vec<usize>, Fault> {
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

    /// Who won, and whose results are right.
    fn settle(mut self, finalists: &[usize], budget: &Budget) -> Result<Finding, Fault> {
        let mut ranked = self.ranking(finalists);
        let mut winner = None;
        while winner.is_none() && !ranked.is_empty() {
            let candidate = ranked.remove(0);
            if self.is_right(candidate)? {
                winner = Some(candidate);
            }
        }
        let mut entry = None;
        if let Some(winner) = winner {
            let mut beside = Vec::new();
            for i in ranked {
                let enough = beside.len() >= self.method.runners_up || budget.is_used_up();
                let relative = self.relative(i, winner);
                if enough || relative > ALSO_RAN {
                    break;
                }
                // Who is so much faster and yet was not chosen was not measured in turns with it.
                if relative > 1.0 - 0.75 * TIE && self.is_right(i)? {
                    beside.push((i, relative));
                }
            }
            entry = Some(self.entry(winner, &beside));
        }
        let mut timed: Vec<Timed> = self
            .runners
            .iter()
            .map(|runner| Timed { plan: runner.plan, nanoseconds: rounded(runner.time()) })
            .filter(|timed| timed.nanoseconds.is_finite())
            .collect();
        timed.sort_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds).then(a.plan.cmp(&b.plan)));
        let Self { problem, refused, pruned, .. } = self;
        Ok(Finding { problem: *problem, entry, timed, refused, pruned })
    }

    /// All that can be named, who is to be named first in front.
    fn ranking(&self, finalists: &[usize]) -> Vec<usize> {
        let time = |i: usize| self.runners[i].time();
        let best = finalists.iter().map(|&i| time(i)).fold(f64::INFINITY, f64::min);
        let runs = |&i: &usize| time(i).is_finite();
        let mut ranked: Vec<usize> = (0..self.runners.len()).filter(runs).collect();
        let key = |i: usize| {
            let plan = self.runners[i].plan;
            let finalist = finalists.contains(&i);
            let tied = finalist && time(i) <= best * (1.0 + TIE / 2.0);
            // Who is tied with the best stands in front, the rule's plan first.
            (!tied, !finalist, tied && plan != self.rule)
        };
        ranked.sort_by(|&a, &b| {
            let by_time = match key(a).0 {
                false => core::cmp::Ordering::Equal,
                true => time(a).total_cmp(&time(b)),
            };
            let plans = self.runners[a].plan.cmp(&self.runners[b].plan);
            key(a).cmp(&key(b)).then(by_time).then(plans)
        });
        ranked
    }

    /// A plan's time as a part of another's, by times that were taken in turns.
    fn relative(&self, i: usize, to: usize) -> f64 {
        let (runner, other) = (&self.runners[i], &self.runners[to]);
        let pairs = [
            (&runner.run_off, &other.run_off),
            (&runner.heats, &other.heats),
            (&runner.look, &other.look),
        ];
        let both = pairs.into_iter().find_map(|(a, b)| Some(median(a)? / median(b)?));
        both.unwrap_or(f64::INFINITY)
    }

    fn is_right(&mut self, i: usize) -> Result<bool, Fault> {
        let plan = self.runners[i].plan;
        (self.report)(Step::Judge(plan));
        let why = match self.stand.judge(&plan) {
            Ok(None) => return Ok(true),
            Ok(Some(wrong)) => wrong,
            Err(Fault::Plan(why)) => why,
            Err(fatal) => return Err(fatal),
        };
        self.refused.push(Refused { plan, why });
        Ok(false)
    }

    fn entry(&self, winner: usize, beside: &[(usize, f64)]) -> Entry {
        let won = &self.runners[winner];
        let nanoseconds = rounded(won.time());
        let [low, high] = won.interval().unwrap_or([nanoseconds; 2]);
        let mut runners_up: Vec<Timed> = beside
            .iter()
            .map(|&(i, relative)| Timed {
                plan: self.runners[i].plan,
                nanoseconds: rounded(relative * nanoseconds),
            })
            .collect();
        runners_up.sort_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds));
        let rule = self.runners.iter().position(|runner| runner.plan == self.rule);
        let rule_nanoseconds = rule
            .map(|i| rounded(self.relative(i, winner) * nanoseconds))
            .filter(|time| time.is_finite());
        Entry {
            problem: *self.problem,
            plan: won.plan,
            nanoseconds,
            interval: [rounded(low).min(nanoseconds), rounded(high).max(nanoseconds)],
            rule_nanoseconds,
            roofline_fraction: None,
            tried: self.runners.len(),
            pruned: self.pruned.total(),
            runners_up,
        }
    }
}

/// Times are written down to a tenth of a nanosecond.
fn rounded(nanoseconds: f64) -> f64 {
    (nanoseconds * 10.0).round() / 10.0
}
