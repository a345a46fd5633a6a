//! Which problems are measured: presets and ranges.

use anyhow::{Context as _, Result, bail};
use tilewright::language::{AnyVariant, RegisteredVariant, Variant as _, find};
use tilewright::variants::{causal, softcap, softmax};
use tilewright::{DType, Pass, Problem, VariantClass};

/// A named set of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// PatchTST's: 42 and 64 patches; heads of 4, 8 and 16; residual attention's longer queries
    Patchtst,
    /// Vision transformers': 196 tokens in 16 heads of 64, 3136 tokens in 12
    Vit,
    /// Language models': causal, 512 and 2048 tokens, heads of 128 that share keys
    Llm,
    /// Lengths of 8 to 512, heads of 4 to 128, 16 to 262144 groups: what interpolation rests on
    General,
    /// One small problem, to see the command work
    Tiny,
}

/// The heads of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
}

impl Heads {
    /// As many key heads, and values as long as keys.
    pub fn new(heads: usize, dim: usize) -> Self {
        Self { heads, kv_heads: heads, head_dim: dim, value_dim: dim }
    }
}

/// How many sequences there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// This many.
    Batch(usize),
    /// So many that there are about as many (batch, head) pairs.
    Groups(usize),
}

impl Amount {
    fn batch(self, heads: usize) -> usize {
        match self {
            Amount::Batch(batch) => batch,
            Amount::Groups(groups) => groups.div_ceil(heads.max(1)),
        }
    }
}

/// One value for each axis, or several: every combination is a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// How many sequences there are.
    pub amounts: Vec<Amount>,
    /// Heads and their dimensions.
    pub heads: Vec<Heads>,
    /// Queries and keys in a sequence.
    pub seq: Vec<(usize, usize)>,
    /// Element types.
    pub dtype: Vec<DType>,
    /// Passes.
    pub pass: Vec<Pass>,
    /// Names of registered variants.
    pub variants: Vec<String>,
    /// Whether scores are saved for the backward pass.
    pub save_scores: bool,
    /// Combinations that move more bytes are left out.
    pub most_bytes: usize,
}

/// A problem, and the variant that it is measured with.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is measured.
    pub problem: Problem,
    /// With which variant of its class.
    pub variant: AnyVariant,
    /// Where the variant comes from, to make it for other sizes.
    registered: Option<&'static RegisteredVariant>,
}

impl Preset {
    /// The problems of a preset: every combination of each grid. A CPU gets fewer, smaller ones.
    pub fn grids(self, cpu: bool) -> Vec<Grid> {
        let of_cpu = |on_cpu: usize, on_gpu: usize| if cpu { on_cpu } else { on_gpu };
        let equal = |lengths: &[usize]| lengths.iter().map(|&n| (n, n)).collect::<Vec<_>>();
        let base = Grid {
            amounts: vec![Amount::Batch(of_cpu(16, 896))],
            heads: vec![Heads::new(4, 4), Heads::new(16, 8), Heads::new(8, 16)],
            seq: equal(&[42, 64]),
            dtype: if cpu { vec![DType::F32] } else { vec![DType::F32, DType::Bf16] },
            pass: vec![Pass::Forward, Pass::Backward],
            variants: vec!["softmax".to_owned()],
            save_scores: false,
            most_bytes: usize::MAX,
        };
        match self {
            Preset::Patchtst => {
                // The second and third layer of residual attention: queries and keys of all layers
                // so far, side by side.
                let residual = [16, 24].map(|dim| Heads { head_dim: dim, ..Heads::new(16, 8) });
                let seq = equal(&[42]);
                let mut grids =
                    vec![base.clone(), Grid { heads: residual.to_vec(), seq, ..base.clone() }];
                if !cpu {
                    // A data set of 862 channels, 24 windows at a time.
                    let amounts = vec![Amount::Batch(862 * 24)];
                    let (heads, seq) = (vec![Heads::new(16, 8)], equal(&[42]));
                    grids.push(Grid { amounts, heads, seq, ..base });
                }
                grids
            }
            Preset::Vit => {
                let grid = |batch, heads, tokens| Grid {
                    amounts: vec![Amount::Batch(batch)],
                    heads: vec![Heads::new(heads, 64)],
                    seq: equal(&[tokens]),
                    ..base.clone()
                };
                match cpu {
                    true => vec![grid(1, 4, 196)],
                    false => vec![grid(128, 16, 196), grid(8, 12, 3136)],
                }
            }
            Preset::Llm => vec![Grid {
                amounts: vec![Amount::Batch(of_cpu(1, 4))],
                heads: vec![Heads { kv_heads: of_cpu(2, 8), ..Heads::new(of_cpu(4, 32), 128) }],
                seq: equal(if cpu { &[128] } else { &[512, 2048] }),
                variants: vec!["causal".to_owned()],
                ..base
            }],
            Preset::General => {
                let groups: &[usize] = if cpu { &[16, 512] } else { &[16, 512, 16_384, 262_144] };
                let dims: &[usize] = if cpu { &[4, 16, 64] } else { &[4, 8, 16, 32, 64, 128] };
                vec![Grid {
                    amounts: groups.iter().map(|&groups| Amount::Groups(groups)).collect(),
                    heads: dims.iter().map(|&dim| Heads::new(8, dim)).collect(),
                    seq: equal(if cpu { &[16, 64] } else { &[8, 16, 32, 64, 128, 256, 512] }),
                    most_bytes: of_cpu(16 << 20, 2 << 30),
                    ..base
                }]
            }
            Preset::Tiny => vec![Grid {
                amounts: vec![Amount::Batch(2)],
                heads: vec![Heads::new(2, 4)],
                seq: equal(&[7]),
                dtype: vec![DType::F32],
                ..base
            }],
        }
    }
}

impl Grid {
    /// Every combination, in the order of problems.
    ///
    /// # Errors
    ///
    /// A variant that does not exist, with names like it; heads that cannot be shared.
    pub fn tasks(&self) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for name in &self.variants {
            let registered = find(name)?;
            for &heads in &self.heads {
                if heads.kv_heads == 0 || !heads.heads.is_multiple_of(heads.kv_heads) {
                    bail!(
                        "{} heads cannot share {} key heads: the first must be a multiple of the \
                         second",
                        heads.heads,
                        heads.kv_heads
                    );
                }
                for &amount in &self.amounts {
                    for &seq in &self.seq {
                        for &dtype in &self.dtype {
                            for &pass in &self.pass {
                                let problem =
                                    self.problem(registered, heads, amount, seq, dtype, pass);
                                if problem.floor_bytes() <= self.most_bytes {
                                    tasks.push(Task::new(registered, problem)?);
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok(in_order(tasks))
    }

    fn problem(
        &self,
        registered: &RegisteredVariant,
        heads: Heads,
        amount: Amount,
        (seq_q, seq_k): (usize, usize),
        dtype: DType,
        pass: Pass,
    ) -> Problem {
        let Heads { heads, kv_heads, head_dim, value_dim } = heads;
        Problem {
            pass,
            dtype,
            head_dim,
            value_dim,
            seq_q,
            seq_k,
            batch: amount.batch(heads),
            heads,
            kv_heads,
            class: registered.stages.into(),
            save_scores: self.save_scores,
        }
    }
}

/// Tasks in the order of problems, each problem once.
pub fn in_order(mut tasks: Vec<Task>) -> Vec<Task> {
    tasks.sort_by_key(|task| task.problem);
    tasks.dedup_by_key(|task| task.problem);
    tasks
}

impl Task {
    /// A problem with the first example of a registered variant.
    ///
    /// # Errors
    ///
    /// The variant has no example.
    pub fn new(registered: &'static RegisteredVariant, problem: Problem) -> Result<Self> {
        let variant = example(registered, &problem);
        let name = registered.name;
        let variant = variant
            .with_context(|| format!("the variant `{name}` has no example to measure it with"))?;
        Ok(Self { problem, variant, registered: Some(registered) })
    }

    /// A problem with plain softmax, which has no sizes.
    pub fn plain(problem: Problem) -> Self {
        Self { problem, variant: softmax().into(), registered: None }
    }

    /// The variant for a problem of other sizes.
    pub fn variant_for(&self, problem: &Problem) -> AnyVariant {
        let made = self.registered.and_then(|registered| example(registered, problem));
        made.unwrap_or_else(|| self.variant.clone())
    }

    /// A problem of a table, with a variant of its class.
    ///
    /// # Errors
    ///
    /// Nothing registered is of that class.
    pub fn of_class(problem: Problem) -> Result<Self> {
        let name = match problem.class {
            VariantClass::Plain => "softmax",
            VariantClass::Score => "softcap",
            VariantClass::Mask => "causal",
            VariantClass::ScoreAndMask => {
                let variant = softcap(30.0).and(causal()).into();
                return Ok(Self { problem, variant, registered: None });
            }
        };
        Self::new(find(name)?, problem)
    }
}

/// What stands for a variant when it is measured.
fn example(registered: &'static RegisteredVariant, problem: &Problem) -> Option<AnyVariant> {
    registered.example_variants(&problem.into()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_what_they_say() {
        for cpu in [false, true] {
            for preset in [Preset::Patchtst, Preset::Vit, Preset::Llm, Preset::General] {
                for grid in preset.grids(cpu) {
                    let tasks = grid.tasks().unwrap();
                    assert!(!tasks.is_empty());
                    for pair in tasks.windows(2) {
                        assert!(pair[0].problem < pair[1].problem, "in order, and each once");
                    }
                }
            }
        }
        let general = Preset::General.grids(false).remove(0).tasks().unwrap();
        let groups: Vec<usize> = general.iter().map(|task| task.problem.groups()).collect();
        assert_eq!((groups.iter().min(), groups.iter().max()), (Some(&16), Some(&262_144)));
    }

    #[test]
    fn every_class_has_a_variant() {
        use VariantClass::{Mask, Plain, Score, ScoreAndMask};
        let base = Preset::Tiny.grids(true).remove(0).tasks().unwrap().remove(0).problem;
        for class in [Plain, Score, Mask, ScoreAndMask] {
            let task = Task::of_class(Problem { class, ..base }).unwrap();
            assert_eq!(VariantClass::from(task.variant.stages()), class);
        }
    }
}
