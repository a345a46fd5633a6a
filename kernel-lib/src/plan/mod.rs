//! How a problem is run, and which ways are possible.
//!
//! Each lowering has its own plans: [`simt`], [`mma`]. A plan says in full how a kernel runs; what
//! a device cannot do is refused with a reason, never adjusted in silence.

mod mma;
mod simt;
mod stream;

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::{PlanRefusal, Problem};

/// How keys reach the rows that attend to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// All keys of a head at once; one pass, no online softmax.
    Resident,
    /// Blocks of keys flow past, with online softmax.
    Streaming,
}

/// How a tile lives on hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lowering {
    /// Plain units, exact `f32` arithmetic.
    Simt,
    /// Planes and tensor cores: products of 16-bit numbers, summed in `f32`. An `f32` is taken as
    /// the sum of two tf32 numbers, 22 of its 24 bits.
    Mma,
}

/// How a problem is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// How keys reach the rows that attend to them.
    pub algorithm: Algorithm,
    /// How a tile lives on hardware.
    pub lowering: Lowering,
    /// Rows that one unit owns at a time (`simt`); 16 in `mma`, which a plane owns together.
    pub tile_rows: usize,
    /// Columns of a score tile: `resident` forward in `simt` has one tile with a column for every
    /// key. 8 in `mma`.
    pub tile_cols: usize,
    /// Units of a team: they share the keys of one head. A plane in `mma`.
    pub team: usize,
    /// Teams of a cube.
    pub teams: usize,
    /// Heads of a cube: their rows come on chip together. In `simt` one for each team.
    pub heads: usize,
    /// Rows brought on chip together, 0 to read them where they lie. `resident` brings all.
    pub block: usize,
    /// Elements of the vectors in which rows are read. The launch uses narrower ones where strides
    /// or alignment ask for it.
    pub vector: usize,
}

impl Plan {
    /// A plan that works well without measuring.
    pub fn rule(problem: &Problem, device: &Device) -> Plan {
        let plan = mma::rule(problem, device).unwrap_or_else(|| simt::rule(problem, device));
        debug_assert_eq!(plan.check(problem, device), Ok(()), "{plan} for {problem}");
        plan
    }

    /// The rule's plan for sequences of any length and any number of them: one plan, whose kernels
    /// take both as arguments. See [`AttentionOptions`](crate::AttentionOptions::dynamic_lengths).
    pub fn for_any_length(problem: &Problem, device: &Device) -> Plan {
        Plan::rule(&problem.of_any_length(), device)
    }

    /// Whether the plan's kernels take sequence lengths as arguments.
    pub(crate) fn check_any_length(&self) -> Result<(), PlanRefusal> {
        match self.algorithm {
            Algorithm::Streaming => Ok(()),
            Algorithm::Resident => Err(PlanRefusal::Problem {
                what: "`dynamic_lengths`",
                needs: "`streaming`: kernels of `resident` are compiled for one length",
            }),
        }
    }

    /// The rule's plan among those that run any problem: plain units.
    pub fn general(problem: &Problem, device: &Device) -> Plan {
        simt::rule(problem, device)
    }

    /// Bytes of shared memory that a cube needs.
    pub fn shared_memory(&self, problem: &Problem) -> usize {
        match self.lowering {
            Lowering::Simt => simt::shared_memory(self, problem),
            Lowering::Mma => mma::shared_memory(self, problem),
        }
    }

    /// Whether this device can run this problem this way.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn check(&self, problem: &Problem, device: &Device) -> Result<(), PlanRefusal> {
        for (parameter, given) in [
            ("tile_cols", self.tile_cols),
            ("team", self.team),
            ("teams", self.teams),
            ("heads", self.heads),
        ] {
            if given == 0 {
                return Err(PlanRefusal::Parameter { parameter, given, allowed: "at least 1" });
            }
        }
        for (parameter, given) in [("tile_rows", self.tile_rows), ("vector", self.vector)] {
            if !given.is_power_of_two() || given > 16 {
                let allowed = "1, 2, 4, 8 or 16";
                return Err(PlanRefusal::Parameter { parameter, given, allowed });
            }
        }
        match self.lowering {
            Lowering::Simt => simt::check(self, problem, device)?,
            Lowering::Mma => mma::check(self, problem, device)?,
        }
        let needed = self.team * self.teams;
        if needed > device.units {
            return Err(PlanRefusal::Units { needed, available: device.units });
        }
        let needed = self.shared_memory(problem);
        if needed > device.shared_memory {
            return Err(PlanRefusal::SharedMemory { needed, available: device.shared_memory });
        }
        Ok(())
    }

    /// The plan for `to` that is to `to` what this one is to `from`: what follows from the sizes of
    /// a problem follows from the new sizes. [`check`](Plan::check) may refuse it.
    pub fn adapted(self, from: &Problem, to: &Problem, device: &Device) -> Plan {
        match self.lowering {
            Lowering::Simt => simt::adapted(self, from, to, device),
            Lowering::Mma => mma::adapted(self, to, device),
        }
    }

    /// Every plan worth trying. Some may be refused by [`check`](Plan::check).
    pub fn space(problem: &Problem, device: &Device) -> Vec<Plan> {
        let mut plans = vec![Plan::rule(problem, device)];
        plans.extend(mma::space(problem, device));
        plans.extend(simt::space(problem, device));
        plans.sort();
        plans.dedup();
        plans
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { algorithm, tile_rows, tile_cols, team, teams, heads, block, vector, .. } = self;
        let algorithm = match algorithm {
            Algorithm::Resident => "resident",
            Algorithm::Streaming => "streaming",
        };
        match self.lowering {
            Lowering::Simt => {
                write!(f, "{algorithm}/simt rows{tile_rows} cols{tile_cols} team{team}x{teams}")?;
                write!(f, " block{block} vec{vector}")
            }
            Lowering::Mma if *block > 0 => {
                write!(f, "{algorithm}/mma planes{teams} block{block} vec{vector}")
            }
            Lowering::Mma => write!(f, "{algorithm}/mma heads{heads} planes{teams} vec{vector}"),
        }
    }
}
