//! Who won, and whose results are right.

use tilewright::table::{Entry, TIE, Timed};

use super::race::Race;
use super::{Finding, Refused, Step};
use crate::method::Budget;
use crate::stand::Fault;
use crate::statistics::median;

/// Slower plans are no runners-up.
const ALSO_RAN: f64 = 1.5;

impl Race<'_> {
    /// Who won, and whose results are right.
    pub(super) fn settle(mut self, finalists: &[usize], budget: &Budget) -> Result<Finding, Fault> {
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
