//! Whether plans compute a problem right: many plans, one reference.

use cubecl::client::Client;

use super::case::{Case, Layout, PlanPick, Size};
use super::check::{Bits, Expected, Results, of_gradients, of_output, read};
use super::tensors::{DeviceInputs, Inputs, soil};
use crate::device::Device;
use crate::language::AnyVariant;
use crate::{
    AttentionError, AttentionOptions, AttentionOutput, Pass, Plan, Problem, attention,
    attention_backward,
};

/// Sequences that the reference is computed for, at most.
const BATCH: usize = 2;
/// Products that one pass of the reference may take: about a second.
const PRODUCTS: usize = 1 << 27;

/// A problem on few sequences, and one a little shorter, of odd lengths, with what the oracle says
/// of both.
///
/// Lengths and dimensions are the problem's own. So are the heads, unless that would take the host
/// too long; then there are fewer, and of one head that is still too long the first queries alone.
pub struct PlanGate {
    client: Client,
    device: Device,
    problem: Problem,
    trials: Vec<Trial>,
}

/// One of the two.
struct Trial {
    problem: Problem,
    case: Case,
    inputs: DeviceInputs,
    expected: Expected,
    /// Of the forward pass, for the backward pass.
    output: Option<AttentionOutput>,
}

impl PlanGate {
    /// Computes what a problem's plans must give. `variant` makes the variant for a problem's sizes.
    ///
    /// # Errors
    ///
    /// The problem cannot be run.
    pub fn new(
        client: &Client,
        problem: &Problem,
        variant: impl Fn(&Problem) -> AnyVariant,
    ) -> Result<Self, AttentionError> {
        let small = small(problem);
        let sibling = ragged(&small);
        let mut trials = vec![Trial::new(client, small, variant(&small), Layout::Bhsd)?];
        if sibling != small {
            trials.push(Trial::new(client, sibling, variant(&sibling), Layout::Bshd)?);
        }
        let device = Device::of(client);
        Ok(Self { client: client.clone(), device, problem: *problem, trials })
    }

    /// Runs a plan twice on both and compares with the oracle and with itself.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn judge(&self, plan: &Plan) -> Result<(), String> {
        for trial in &self.trials {
            let plan = plan.adapted(&self.problem, &trial.problem, &self.device);
            if plan.check(&trial.problem, &self.device).is_err() {
                // The sibling alone may be out of its reach, as with shared heads.
                continue;
            }
            let run = || trial.run(&self.client, plan).map_err(|error| error.to_string());
            let (first, (_, again)) = (run()?, run()?);
            if let (_, Some(wrong)) = trial.expected.judge(first, &again) {
                return Err(format!("for {}: {wrong}", trial.problem));
            }
        }
        Ok(())
    }
}

impl Trial {
    fn new(
        client: &Client,
        problem: Problem,
        variant: AnyVariant,
        layout: Layout,
    ) -> Result<Self, AttentionError> {
        let size = Size {
            batch: problem.batch,
            heads: problem.heads,
            kv_heads: problem.kv_heads,
            queries: problem.seq_q,
            keys: problem.seq_k,
            head_dim: problem.head_dim,
            value_dim: problem.value_dim,
        };
        let case = Case {
            variant,
            size,
            layout,
            dtype: problem.dtype,
            plan: PlanPick::Rule,
            save_scores: problem.save_scores,
            scale: None,
            seed: 1,
        };
        let host = Inputs::of(&case);
        let inputs = DeviceInputs::of(&case, &host, client);
        let expected = Expected::of(&case, &host);
        let mut trial = Self { problem, case, inputs, expected, output: None };
        if problem.pass == Pass::Backward {
            let forward = Problem { pass: Pass::Forward, ..problem };
            let rule = Plan::rule(&forward, &Device::of(client));
            trial.output = Some(trial.forward(client, rule)?);
        }
        Ok(trial)
    }

    fn options(&self, plan: Plan) -> AttentionOptions {
        let save_scores = self.problem.save_scores;
        AttentionOptions { save_scores, plan: Some(plan), ..AttentionOptions::default() }
    }

    fn forward(&self, client: &Client, plan: Plan) -> Result<AttentionOutput, AttentionError> {
        let DeviceInputs { q, k, v, .. } = &self.inputs;
        attention(client, q, k, v, &self.case.variant, &self.options(plan))
    }

    fn run(&self, client: &Client, plan: Plan) -> Result<(Results, Bits), AttentionError> {
        let DeviceInputs { q, k, v, d_out } = &self.inputs;
        soil(client, &[q, k, v, d_out].map(|tensor| tensor.len() * tensor.dtype.bytes()));
        let results = match &self.output {
            None => of_output(self.forward(client, plan)?),
            Some(output) => {
                let (variant, options) = (&self.case.variant, self.options(plan));
                let gradients =
                    attention_backward(client, q, k, v, output, d_out, variant, &options)?;
                of_gradients(gradients)
            }
        };
        read(client, results)
    }
}

/// The problem on few sequences, and on fewer heads where the reference would take too long.
fn small(problem: &Problem) -> Problem {
    let p = *problem;
    let of_group = p.seq_q * p.seq_k * (p.head_dim + p.value_dim);
    let groups = (PRODUCTS / of_group.max(1)).max(1);
    let batch = p.batch.clamp(1, BATCH);
    if batch * p.heads <= groups || p.heads != p.kv_heads {
        return Problem { batch, ..p };
    }
    let fits = |heads: &usize| p.heads.is_multiple_of(*heads) && *heads <= groups;
    let heads = (1..=p.heads).rev().find(fits).unwrap_or(1);
    Problem {
        batch: batch.min(groups / heads),
        heads,
        kv_heads: heads,
        seq_q: few_queries(&p),
        ..p
    }
}

/// As many queries of one head as the reference can take, with an edge as ragged as all have.
fn few_queries(problem: &Problem) -> usize {
    const BLOCK: usize = 64;
    let of_query = problem.seq_k * (problem.head_dim + problem.value_dim);
    let blocks = (PRODUCTS / of_query.max(1) / BLOCK).max(1);
    problem.seq_q.min(blocks * BLOCK + problem.seq_q % BLOCK)
}

/// A little shorter, of odd lengths, which differ where that is possible.
fn ragged(problem: &Problem) -> Problem {
    let odd_below = |n: usize| if n < 2 { n } else { (n - 2) | 1 };
    let seq_q = odd_below(problem.seq_q);
    let seq_k = match odd_below(problem.seq_k) {
        same if same == seq_q && same > 2 => same - 2,
        other => other,
    };
    Problem { seq_q, seq_k, ..*problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn problem(seq_q: usize, seq_k: usize, heads: usize, dim: usize) -> Problem {
        let shape = [896, heads, seq_q, dim];
        Problem { seq_k, ..Problem::self_attention(Pass::Forward, DType::F32, shape) }
    }

    #[test]
    fn siblings_are_shorter_and_odd() {
        for ((q, k), expected) in [
            ((42, 42), (41, 39)),
            ((64, 64), (63, 61)),
            ((43, 42), (41, 39)),
            ((2, 2), (1, 1)),
            ((1, 1), (1, 1)),
            ((9, 1), (7, 1)),
        ] {
            let sibling = ragged(&problem(q, k, 1, 8));
            assert_eq!((sibling.seq_q, sibling.seq_k), expected, "{q} {k}");
        }
    }

    #[test]
    fn the_reference_is_computed_for_few_groups() {
        let short = small(&problem(42, 42, 16, 8));
        assert_eq!((short.batch, short.heads), (2, 16));
        let long = small(&problem(512, 512, 16, 128));
        assert_eq!((long.batch, long.heads, long.kv_heads), (1, 2, 2));
        assert_eq!((long.seq_q, long.head_dim), (512, 128));
        let longer = small(&problem(3140, 3140, 12, 64));
        assert_eq!((longer.batch, longer.heads, longer.kv_heads), (1, 1, 1));
        assert_eq!((longer.seq_q, longer.seq_k), (320 + 3140 % 64, 3140));
    }
}
