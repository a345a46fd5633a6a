//! Which problems are measured: presets and ranges.

use anyhow::Context as _;
use tilewright::language::{AnyVariant, RegisteredVariant, find};
use tilewright::{DType, Pass, Problem};

/// A named set of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// PatchTST's: 42 and 64 patches; heads of 4, 8 and 16
    Patchtst,
    /// One small problem, to see the command work
    Tiny,
}

/// One value for each axis, or several.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Sequences in the batch.
    pub batch: Vec<usize>,
    /// Query heads, and head dimension. Key heads are as many.
    pub heads: Vec<(usize, usize)>,
    /// Queries and keys.
    pub seq: Vec<usize>,
    /// Element types.
    pub dtype: Vec<DType>,
    /// Passes.
    pub pass: Vec<Pass>,
    /// Names of registered variants.
    pub variants: Vec<String>,
    /// Whether scores are saved for the backward pass.
    pub save_scores: bool,
}

/// A problem, and the variant that it is measured with.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is measured.
    pub problem: Problem,
    /// With which variant of its class.
    pub variant: AnyVariant,
}

impl Preset {
    /// The problems of a preset. Batches are smaller on a CPU.
    pub fn grid(self, cpu: bool) -> Grid {
        let dtype = if cpu { vec![DType::F32] } else { vec![DType::F32, DType::Bf16] };
        let grid = Grid {
            batch: vec![if cpu { 16 } else { 896 }],
            heads: vec![(4, 4), (16, 8), (8, 16)],
            seq: vec![42, 64],
            dtype,
            pass: vec![Pass::Forward, Pass::Backward],
            variants: vec!["softmax".to_owned()],
            save_scores: false,
        };
        match self {
            Preset::Patchtst => grid,
            Preset::Tiny => Grid {
                batch: vec![2],
                heads: vec![(2, 4)],
                seq: vec![7],
                dtype: vec![DType::F32],
                ..grid
            },
        }
    }
}

impl Grid {
    /// Every combination, in the order of problems.
    ///
    /// # Errors
    ///
    /// A variant that does not exist, with names like it.
    pub fn tasks(&self) -> anyhow::Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for name in &self.variants {
            let registered = find(name)?;
            for &batch in &self.batch {
                for &(heads, dim) in &self.heads {
                    for &seq in &self.seq {
                        for &dtype in &self.dtype {
                            for &pass in &self.pass {
                                let problem = Problem {
                                    pass,
                                    dtype,
                                    head_dim: dim,
                                    value_dim: dim,
                                    seq_q: seq,
                                    seq_k: seq,
                                    batch,
                                    heads,
                                    kv_heads: heads,
                                    class: registered.stages.into(),
                                    save_scores: self.save_scores,
                                };
                                tasks.push(Task {
                                    problem,
                                    variant: example(registered, &problem)?,
                                });
                            }
                        }
                    }
                }
            }
        }
        tasks.sort_by_key(|task| task.problem);
        tasks.dedup_by_key(|task| task.problem);
        Ok(tasks)
    }
}

/// What stands for a variant when it is measured.
fn example(registered: &RegisteredVariant, problem: &Problem) -> anyhow::Result<AnyVariant> {
    let variant = registered.example_variants(&problem.into()).next();
    let name = registered.name;
    variant.with_context(|| format!("the variant `{name}` has no example to measure it with"))
}
