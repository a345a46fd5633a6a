use core::fmt;

use serde::{Deserialize, Serialize};

use crate::DType;
use crate::language::Stages;

/// Forward or backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pass {
    /// Output and log-sum-exp.
    Forward,
    /// Gradients of q, k and v.
    Backward,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Pass::Forward => "forward",
            Pass::Backward => "backward",
        })
    }
}

/// What a plan is chosen for: two calls with equal problems use the same plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Forward or backward.
    pub pass: Pass,
    /// Element type of q, k, v and the output.
    pub dtype: DType,
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
    /// Queries in a sequence.
    pub seq_q: usize,
    /// Keys in a sequence.
    pub seq_k: usize,
    /// Sequences in the batch.
    pub batch: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; `heads` is a multiple.
    pub kv_heads: usize,
    /// Which stages the variant changes: its class, as far as speed goes.
    pub class: VariantClass,
    /// Whether the scores pass from forward to backward through memory.
    pub save_scores: bool,
}

/// The part of a variant that decides which plan is fast.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum VariantClass {
    /// Neither score nor mask is changed.
    #[default]
    Plain,
    /// A `score_mod`.
    Score,
    /// A `mask_mod`.
    Mask,
    /// Both.
    ScoreAndMask,
}

impl From<Stages> for VariantClass {
    fn from(stages: Stages) -> Self {
        match (stages.score, stages.mask) {
            (false, false) => VariantClass::Plain,
            (true, false) => VariantClass::Score,
            (false, true) => VariantClass::Mask,
            (true, true) => VariantClass::ScoreAndMask,
        }
    }
}

impl VariantClass {
    /// Whether there is a `score_mod`.
    pub fn changes_score(self) -> bool {
        matches!(self, VariantClass::Score | VariantClass::ScoreAndMask)
    }

    /// Whether there is a `mask_mod`.
    pub fn masks(self) -> bool {
        matches!(self, VariantClass::Mask | VariantClass::ScoreAndMask)
    }
}

impl fmt::Display for VariantClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VariantClass::Plain => "plain",
            VariantClass::Score => "score",
            VariantClass::Mask => "mask",
            VariantClass::ScoreAndMask => "score+mask",
        })
    }
}

impl Problem {
    /// Plain self-attention of `[batch, heads, seq, dim]`: as many keys as queries, as long, and
    /// every head with keys of its own.
    pub fn self_attention(
        pass: Pass,
        dtype: DType,
        [batch, heads, seq, dim]: [usize; 4],
    ) -> Problem {
        Problem {
            pass,
            dtype,
            head_dim: dim,
            value_dim: dim,
            seq_q: seq,
            seq_k: seq,
            batch,
            heads,
            kv_heads: heads,
            class: VariantClass::Plain,
            save_scores: false,
        }
    }

    /// What stands for every problem that differs from this one in lengths and batch alone: one of
    /// long sequences.
    pub(crate) fn of_any_length(&self) -> Problem {
        const LONG: usize = 4096;
        Problem { batch: 1, seq_q: LONG, seq_k: LONG, ..*self }
    }

    /// (batch, head) pairs.
    pub fn groups(&self) -> usize {
        self.batch * self.heads
    }

    /// Bytes that must move through device memory at least: every input read once, every output
    /// written once. Forward q, k, v, o; backward those and their gradients; the log-sum-exp in both.
    pub fn floor_bytes(&self) -> usize {
        let queries = self.groups() * self.seq_q;
        let keys = self.batch * self.kv_heads * self.seq_k;
        let one_way = (queries + keys) * (self.head_dim + self.value_dim) * self.dtype.bytes();
        let lse = queries * 4;
        let scores = if self.save_scores { queries * self.seq_k * 4 } else { 0 };
        match self.pass {
            Pass::Forward => one_way + lse + scores,
            Pass::Backward => 2 * one_way + lse + scores,
        }
    }

    /// Floating-point operations of the matrix products: two forward, five backward.
    pub fn flops(&self) -> usize {
        let cells = self.groups() * self.seq_q * self.seq_k;
        let (d, dv) = (self.head_dim, self.value_dim);
        match self.pass {
            Pass::Forward => 2 * cells * (d + dv),
            Pass::Backward => 2 * cells * (3 * d + 2 * dv),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            pass, dtype, head_dim, value_dim, seq_q, seq_k, batch, heads, kv_heads, ..
        } = self;
        write!(f, "{pass} {dtype} B{batch} H{heads}")?;
        if kv_heads != heads {
            write!(f, "/{kv_heads}")?;
        }
        write!(f, " S{seq_q}")?;
        if seq_k != seq_q {
            write!(f, "x{seq_k}")?;
        }
        write!(f, " D{head_dim}")?;
        if value_dim != head_dim {
            write!(f, "x{value_dim}")?;
        }
        write!(f, " {}", self.class)?;
        if self.save_scores {
            write!(f, " saved")?;
        }
        Ok(())
    }
}
