//! Spills that are shipped for a reason. The only place for them.

use tilewright::{Lowering, Pass};

use super::ptxas::Resources;
use super::selection::Item;

/// Kernels that may spill, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownSpill {
    /// How their tiles live on hardware.
    pub lowerings: &'static [Lowering],
    /// Their passes.
    pub passes: &'static [Pass],
    /// The shortest query or value of theirs, whichever is longer.
    pub least_dim: usize,
    /// Registers that they take at most.
    pub most_registers: u32,
    /// Bytes of a unit that they store at most.
    pub most_bytes: u32,
    /// Why they are shipped nevertheless.
    pub reason: &'static str,
}

/// Every spill that is shipped. An entry that no kernel needs any more is to be deleted: the report
/// names it.
pub const KNOWN_SPILLS: &[KnownSpill] = &[
    KnownSpill {
        lowerings: &[Lowering::Simt, Lowering::Mma],
        passes: &[Pass::Forward, Pass::Backward],
        least_dim: 1,
        most_registers: 200,
        most_bytes: 128,
        reason: "registers are left: ptxas stops at a step of occupancy and stores a few bytes",
    },
    KnownSpill {
        lowerings: &[Lowering::Simt],
        passes: &[Pass::Backward],
        least_dim: 32,
        most_registers: 255,
        most_bytes: 5000,
        reason: "a unit owns whole rows: k, v and both gradients are four times the head",
    },
    KnownSpill {
        lowerings: &[Lowering::Mma],
        passes: &[Pass::Forward, Pass::Backward],
        least_dim: 64,
        most_registers: 255,
        most_bytes: 256,
        reason: "in f32 each operand is two terms, and long heads leave no register",
    },
];

/// The entry that allows this plan's kernel to spill.
pub fn known_spill(item: &Item, found: &Resources) -> Option<&'static KnownSpill> {
    KNOWN_SPILLS.iter().find(|known| {
        known.lowerings.contains(&item.plan.lowering)
            && known.passes.contains(&item.problem.pass)
            && known.least_dim <= item.problem.head_dim.max(item.problem.value_dim)
            && found.registers <= known.most_registers
            && found.spill_stores <= known.most_bytes
    })
}

#[cfg(test)]
mod tests {
    use tilewright::cuda_source::Sm;
    use tilewright::language::AnyVariant;
    use tilewright::variants::softmax;
    use tilewright::{DType, Plan, Problem, VariantClass};

    use super::super::selection::Origin;
    use super::*;

    fn item(pass: Pass, head_dim: usize, value_dim: usize) -> Item {
        let problem = Problem {
            pass,
            dtype: DType::F32,
            head_dim,
            value_dim,
            seq_q: 196,
            seq_k: 196,
            batch: 128,
            heads: 16,
            kv_heads: 16,
            class: VariantClass::Plain,
            save_scores: false,
        };
        let sm = Sm::Sm90;
        let plan = Plan { lowering: Lowering::Simt, ..Plan::rule(&problem, &sm.device()) };
        let variant = AnyVariant::new(softmax());
        Item { origin: Origin::Rule, problem, plan, variant, sm }
    }

    fn allowed(item: &Item, registers: u32, spill_stores: u32) -> bool {
        let found = Resources { registers, spill_stores, ..Resources::default() };
        known_spill(item, &found).is_some()
    }

    #[test]
    fn an_entry_allows_what_it_names_and_nothing_else() {
        assert!(allowed(&item(Pass::Backward, 64, 64), 255, 3000));
        assert!(allowed(&item(Pass::Backward, 8, 128), 255, 3000));
        assert!(!allowed(&item(Pass::Backward, 16, 16), 255, 3000));
        assert!(!allowed(&item(Pass::Forward, 128, 128), 255, 3000));
        assert!(!allowed(&item(Pass::Backward, 64, 64), 255, 30_000), "more than known");
        let mut planes = item(Pass::Backward, 64, 64);
        planes.plan.lowering = Lowering::Mma;
        assert!(!allowed(&planes, 255, 3000), "another lowering");
    }

    #[test]
    fn a_few_bytes_are_allowed_where_registers_are_left() {
        let short = item(Pass::Forward, 8, 8);
        assert!(allowed(&short, 72, 4));
        assert!(!allowed(&short, 72, 256));
        assert!(!allowed(&short, 255, 4));
    }

    #[test]
    fn every_entry_has_a_reason() {
        assert!(KNOWN_SPILLS.iter().all(|known| known.reason.len() > 20));
    }
}
