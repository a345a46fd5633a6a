//! Which plans are looked at, and in which order.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use tilewright::{Device, Lowering, Plan, Problem};

use super::race::{Race, Runner};
use super::{Refused, Step, Wishes};
use crate::method::{Budget, Method};
use crate::space::{differences, family, family_name, feasible};
use crate::stand::{Fault, Stand};
use crate::statistics::chance_of_slower;

impl<'a> Race<'a> {
    pub(super) fn new(
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
    pub(super) fn admit(&mut self, budget: &Budget) -> Result<(), Fault> {
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
}
