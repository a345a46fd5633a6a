//! Which plans are compiled: every one that a user can get without asking for it.

use std::collections::HashSet;
use std::fmt;

use tilewright::cuda_source::Sm;
use tilewright::language::{AnyVariant, Variant as _, registered};
use tilewright::table::{self, Entry, Table};
use tilewright::variants::{alibi, causal, softcap, softmax};
use tilewright::{DType, DeviceKind, Pass, Plan, Problem, VariantClass};

/// How much is compiled.
pub struct Scope<'a> {
    /// Only what matters most.
    pub quick: bool,
    /// For which architectures.
    pub architectures: &'a [Sm],
}

/// Who chose a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The tuning table of a device with this name.
    Table(String),
    /// [`Plan::rule`], asked for this architecture.
    Rule,
}

/// One plan for one problem on one architecture.
#[derive(Clone, Debug)]
pub struct Item {
    /// Who chose the plan.
    pub origin: Origin,
    /// What for.
    pub problem: Problem,
    /// The plan.
    pub plan: Plan,
    /// A variant of the problem's class.
    pub variant: AnyVariant,
    /// The architecture.
    pub sm: Sm,
}

/// Batch, heads, sequence length, head dimension, value dimension.
type Shape = (usize, usize, usize, usize, usize);

/// PatchTST's attention: its presets, the residual attention of its second and third layer, whose
/// queries are concatenated over layers, and the largest data set of the paper.
const PATCHTST: [Shape; 8] = [
    (896, 16, 42, 8, 8),
    (896, 16, 42, 16, 8),
    (896, 16, 42, 24, 8),
    (896, 16, 64, 8, 8),
    (896, 4, 42, 4, 4),
    (896, 8, 42, 16, 16),
    (20_688, 16, 42, 8, 8),
    (8192, 8, 64, 16, 16),
];
/// A vision transformer, and a sequence that is not short.
const LONGER: [Shape; 2] = [(128, 16, 196, 64, 64), (64, 16, 512, 32, 32)];
/// What variants are compiled on: one short problem, one long one.
const FOR_VARIANTS: [Shape; 2] = [PATCHTST[0], LONGER[0]];

/// Everything to be compiled, tables first.
pub fn items(scope: &Scope<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for table in table::embedded().iter().filter(|table| table.device.kind == DeviceKind::Gpu) {
        items.extend(of_table(table, scope));
    }
    for &sm in scope.architectures {
        items.extend(problems(scope.quick).map(|problem| of_rule(problem, softmax().into(), sm)));
        items.extend(variants(scope.quick).map(|(problem, variant)| of_rule(problem, variant, sm)));
    }
    items
}

fn of_table(table: &Table, scope: &Scope<'_>) -> Vec<Item> {
    let item = |problem, plan, sm| Item {
        origin: Origin::Table(table.device.name.clone()),
        problem,
        plan,
        variant: representative(problem.class),
        sm,
    };
    // Entries that differ only in their batch name the same kernels.
    let kernels = |entry: &&Entry| (Problem { batch: 1, ..entry.problem }, entry.plan);
    let mut seen = HashSet::new();
    let entries: Vec<&Entry> =
        table.entries.iter().filter(|entry| seen.insert(kernels(entry))).collect();
    let all = |&sm: &Sm| entries.iter().map(move |entry| item(entry.problem, entry.plan, sm));
    scope.architectures.iter().flat_map(all).collect()
}

fn of_rule(problem: Problem, variant: AnyVariant, sm: Sm) -> Item {
    let plan = Plan::rule(&problem, &sm.device());
    Item { origin: Origin::Rule, problem, plan, variant, sm }
}

/// The problems that the untuned rule is asked about. Quick: what PatchTST trains in most often,
/// and one of each kind that is run in another way.
fn problems(quick: bool) -> impl Iterator<Item = Problem> {
    let shapes: Vec<Shape> = match quick {
        true => vec![PATCHTST[0], PATCHTST[2], PATCHTST[4], LONGER[0], LONGER[1]],
        false => PATCHTST.into_iter().chain(LONGER).collect(),
    };
    let dtypes: &[DType] = if quick { &[DType::Bf16, DType::F32] } else { &DType::ALL };
    let plain = VariantClass::Plain;
    let all = shapes
        .into_iter()
        .flat_map(|shape| dtypes.iter().map(move |&dtype| (shape, dtype)))
        .flat_map(move |(shape, dtype)| {
            passes().map(move |pass| problem(shape, dtype, pass, plain))
        });
    // Saved scores change both passes.
    let saved = passes().map(move |pass| Problem {
        save_scores: true,
        ..problem(PATCHTST[0], DType::F32, pass, plain)
    });
    all.chain(saved)
}

/// Every registered variant with the first of its examples, whose values are no part of a kernel. The
/// plain one is among the problems.
fn variants(quick: bool) -> impl Iterator<Item = (Problem, AnyVariant)> {
    let shapes = if quick { &FOR_VARIANTS[..1] } else { &FOR_VARIANTS[..] };
    let changing = registered()
        .map(|registered| (VariantClass::from(registered.stages), registered))
        .filter(|(_, registered)| registered.name != "softmax");
    changing.flat_map(move |(class, registered)| {
        let pairs = shapes.iter().flat_map(|&shape| passes().map(move |pass| (shape, pass)));
        pairs.filter_map(move |(shape, pass)| {
            let problem = problem(shape, DType::Bf16, pass, class);
            let sizes = (&Problem { batch: 1, ..problem }).into();
            Some((problem, registered.example_variants(&sizes).next()?))
        })
    })
}

fn passes() -> impl Iterator<Item = Pass> {
    [Pass::Forward, Pass::Backward].into_iter()
}

fn problem(shape: Shape, dtype: DType, pass: Pass, class: VariantClass) -> Problem {
    let (batch, heads, seq, head_dim, value_dim) = shape;
    Problem {
        pass,
        dtype,
        head_dim,
        value_dim,
        seq_q: seq,
        seq_k: seq,
        batch,
        heads,
        kv_heads: heads,
        class,
        save_scores: false,
    }
}

/// A variant for a table's entry, which only names the class of the one measured.
fn representative(class: VariantClass) -> AnyVariant {
    match class {
        VariantClass::Plain => softmax().into(),
        VariantClass::Score => softcap(30.0).into(),
        VariantClass::Mask => causal().into(),
        VariantClass::ScoreAndMask => alibi(8).and(causal()).into(),
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Table(device) => write!(f, "table of {device}"),
            Origin::Rule => f.write_str("rule"),
        }
    }
}

impl fmt::Display for Item {
    /// What a filter looks into.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Item { origin, problem, plan, variant, sm } = self;
        write!(f, "{sm} {problem} {} {plan} {origin}", variant.describe())
    }
}

#[cfg(test)]
mod tests {
    use tilewright::table::{Effort, Fingerprint};

    use super::*;

    fn scope(quick: bool) -> Vec<Item> {
        items(&Scope { quick, architectures: &[Sm::Sm80, Sm::Sm90] })
    }

    #[test]
    fn the_quick_selection_is_a_part_of_the_whole() {
        let (whole, quick) = (scope(false), scope(true));
        // Tables' plans are compiled in both.
        let of_rule = |items: &[Item]| items.iter().filter(|i| i.origin == Origin::Rule).count();
        let [few, all] = [&quick, &whole].map(|items| of_rule(items));
        assert!(few * 2 < all, "{few} of {all}");
        let whole: Vec<String> = whole.iter().map(Item::to_string).collect();
        for item in quick {
            assert!(whole.contains(&item.to_string()), "{item}");
        }
    }

    #[test]
    fn every_variant_pass_and_architecture_is_there() {
        let items = scope(true);
        for registered in registered() {
            for pass in passes() {
                for sm in [Sm::Sm80, Sm::Sm90] {
                    let found = items.iter().any(|item| {
                        item.variant.describe().starts_with(registered.name)
                            && item.problem.pass == pass
                            && item.sm == sm
                    });
                    assert!(found, "{} {pass} {sm}", registered.name);
                }
            }
        }
    }

    #[test]
    fn a_tables_plans_are_compiled_for_every_architecture() {
        let device = Sm::Sm90.device();
        let fingerprint = Fingerprint::new("NVIDIA H200", &device);
        let date = "2026-11-20T14:03:00Z".to_owned();
        let mut table = Table::new(fingerprint, date, Effort::Normal, "by hand".to_owned());
        let problem = problem(PATCHTST[0], DType::Bf16, Pass::Backward, VariantClass::Mask);
        table.insert(Entry {
            problem,
            plan: Plan::rule(&problem, &device),
            nanoseconds: 1.0,
            interval: [1.0, 1.0],
            rule_nanoseconds: None,
            roofline_fraction: None,
            tried: 1,
            pruned: 0,
            runners_up: Vec::new(),
        });
        let architectures = [Sm::Sm80, Sm::Sm90];
        let items = of_table(&table, &Scope { quick: true, architectures: &architectures });
        let of: Vec<Sm> = items.iter().map(|item| item.sm).collect();
        assert_eq!(of, architectures);
        assert_eq!(items[0].origin.to_string(), "table of NVIDIA H200");
        assert_eq!(items[0].variant.describe(), "causal");
    }

    #[test]
    fn a_variant_is_of_its_problems_class() {
        for item in scope(false) {
            assert_eq!(VariantClass::from(item.variant.stages()), item.problem.class, "{item}");
        }
        for class in [
            VariantClass::Plain,
            VariantClass::Score,
            VariantClass::Mask,
            VariantClass::ScoreAndMask,
        ] {
            assert_eq!(VariantClass::from(representative(class).stages()), class);
        }
    }
}
