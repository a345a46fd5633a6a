//! How thoroughly, and for how long, plans are measured.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tilewright::table::{Effort, RUNNERS_UP};

/// How a problem's plans are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Method {
    /// The level that the rest follows from.
    pub effort: Effort,
    /// Decides the tensors and every order.
    pub seed: u64,
    /// Plans that are compiled for one problem, at most.
    pub most_plans: usize,
    /// Plans of each family, an algorithm in a lowering, that speak for it.
    pub speakers: usize,
    /// A family whose speakers all take this many times the best is left out.
    pub hopeless: f64,
    /// Times taken of a plan at first sight.
    pub look: usize,
    /// Times taken of each plan in the first heat; in each later heat as many as before it.
    pub first_heat: usize,
    /// Heats at most.
    pub heats: usize,
    /// Plans in the run-off, at most.
    pub finalists: usize,
    /// Turns of each finalist in the run-off.
    pub run_off: usize,
    /// A plan is dropped only where chance makes it look as slow as it does this rarely.
    pub significance: f64,
    /// Runners-up whose results are compared with the oracle, and so may be named.
    pub runners_up: usize,
}

impl Method {
    /// The method of a level.
    pub fn of(effort: Effort, seed: u64) -> Self {
        let normal = Self {
            effort,
            seed,
            most_plans: usize::MAX,
            speakers: 2,
            hopeless: 3.0,
            look: 4,
            first_heat: 6,
            heats: 3,
            finalists: 5,
            run_off: 20,
            significance: 0.02,
            runners_up: 3,
        };
        match effort {
            Effort::Quick => Self {
                most_plans: 12,
                speakers: 1,
                hopeless: 1.5,
                heats: 2,
                finalists: 3,
                run_off: 12,
                runners_up: 2,
                ..normal
            },
            Effort::Normal => normal,
            Effort::Full => Self {
                speakers: 1,
                hopeless: f64::INFINITY,
                heats: 4,
                finalists: 8,
                run_off: 40,
                runners_up: RUNNERS_UP,
                ..normal
            },
        }
    }
}

/// When a run must be done.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    deadline: Option<Instant>,
}

impl Budget {
    /// From now on; `None` for as long as it takes.
    pub fn new(limit: Option<Duration>) -> Self {
        Self { deadline: limit.and_then(|limit| Instant::now().checked_add(limit)) }
    }

    /// Whether all of it is used.
    pub fn is_used_up(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The part of what is left for one of `left` problems.
    pub fn share(&self, left: usize) -> Budget {
        let now = Instant::now();
        let deadline = self.deadline.map(|deadline| {
            now + deadline.saturating_duration_since(now) / u32::try_from(left.max(1)).unwrap_or(1)
        });
        Budget { deadline }
    }

    /// A part of it, from now on.
    pub fn part(&self, part: f64) -> Budget {
        let now = Instant::now();
        let deadline = self
            .deadline
            .map(|deadline| now + deadline.saturating_duration_since(now).mul_f64(part));
        Budget { deadline }
    }
}

/// A duration as people write it: `90s`, `10m`, `1h 30m`.
///
/// # Errors
///
/// Anything else, and nothing or less.
pub fn duration(text: &str) -> Result<Duration> {
    let signed: jiff::SignedDuration =
        text.parse().with_context(|| format!("`{text}` is no duration; write 90s, 10m or 1h"))?;
    if !signed.is_positive() {
        bail!("`{text}` leaves no time; write 90s, 10m or 1h");
    }
    Ok(signed.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("10m").unwrap(), Duration::from_secs(600));
        assert_eq!(duration("1h 30m").unwrap(), Duration::from_secs(5400));
        assert!(duration("ten").unwrap_err().to_string().contains("90s, 10m or 1h"));
        assert!(duration("-3s").is_err() && duration("0s").is_err());
    }

    #[test]
    fn a_budget_is_shared_out() {
        let none = Budget::new(None);
        assert!(!none.share(3).is_used_up());
        let used = Budget::new(Some(Duration::ZERO));
        assert!(used.is_used_up() && used.share(2).is_used_up() && used.part(0.5).is_used_up());
        let hour = Budget::new(Some(Duration::from_secs(3600)));
        assert!(!hour.share(100).is_used_up());
    }
}
