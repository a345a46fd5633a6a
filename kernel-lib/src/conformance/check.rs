//! Runs one case.

use cubecl::client::Client;

use super::case::Case;
use super::math_backend::math_backend;
use super::tensors::{DeviceInputs, Inputs, download, soil};
use super::tolerance::{Magnitudes, allowed, allowed_f32, allowed_learned, allowed_lse, distance};
use crate::device::Device;
use crate::reference::{self, HostTensor};
use crate::{
    AttentionError, AttentionGradients, AttentionOptions, AttentionOutput, DType, LearnedGradient,
    Pass, Plan, Strided, attention, attention_backward, problem, table,
};

/// What came of a case.
pub(super) struct Outcome {
    /// The plans that ran: forward, backward.
    pub plans: [Plan; 2],
    /// The largest distance from the reference, in what is allowed.
    pub worst: f64,
    /// What is wrong, if something is.
    pub failure: Option<String>,
}

/// What a run computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    Out,
    Lse,
    Scores,
    DQ,
    DK,
    DV,
    /// A learned parameter's gradient, by its place among them and the parameter's name.
    Learned(usize, &'static str),
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Quantity::Out => "out",
            Quantity::Lse => "lse",
            Quantity::Scores => "scores",
            Quantity::DQ => "dq",
            Quantity::DK => "dk",
            Quantity::DV => "dv",
            Quantity::Learned(_, name) => name,
        }
    }
}

/// A result and what it must be.
struct Comparison {
    quantity: Quantity,
    got: HostTensor,
    reference: HostTensor,
    allowed: f64,
}

/// Results of a run, as numbers.
pub(super) type Results = Vec<(Quantity, HostTensor)>;
/// All bits of a run's results.
pub(super) type Bits = Vec<(Quantity, Vec<u8>)>;

/// Runs a case twice and compares it with the reference and with itself.
pub(super) fn check(client: &Client, case: &Case) -> Result<Outcome, AttentionError> {
    let device = Device::of(client);
    let inputs = Inputs::of(case);
    let on_device = DeviceInputs::of(case, &inputs, client);
    let options = |pass| -> Result<(AttentionOptions, Plan), AttentionError> {
        let options = AttentionOptions {
            scale: case.scale,
            save_scores: case.save_scores,
            ..AttentionOptions::default()
        };
        let DeviceInputs { q, k, v, .. } = &on_device;
        let problem = problem(pass, q, k, v, &case.variant, &options)?;
        // A plan that serves only one of the passes is run in that one.
        let given = case.plan.resolve(&problem, &device, case.seed).map(|plan| {
            match plan.check(&problem, &device) {
                Ok(()) => plan,
                Err(_) => Plan::rule(&problem, &device),
            }
        });
        let ran = given.unwrap_or_else(|| table::lookup(&problem, &device, client).plan);
        Ok((AttentionOptions { plan: given, ..options }, ran))
    };
    let (forward, forward_plan) = options(Pass::Forward)?;
    let (backward, backward_plan) = options(Pass::Backward)?;

    let run = || -> Result<(Results, Bits), AttentionError> {
        let DeviceInputs { q, k, v, d_out } = &on_device;
        let sizes = [q, k, v, d_out].map(|t| t.len() * t.dtype.bytes());
        soil(client, &sizes);
        let output = attention(client, q, k, v, &case.variant, &forward)?;
        soil(client, &sizes);
        let gradients =
            attention_backward(client, q, k, v, &output, d_out, &case.variant, &backward)?;
        let mut results = of_output(output);
        results.extend(of_gradients(gradients));
        read(client, results)
    };
    let first = run()?;
    let (_, again) = run()?;
    let (worst, failure) = Expected::of(case, &inputs).judge(first, &again);
    Ok(Outcome { plans: [forward_plan, backward_plan], worst, failure })
}

/// What the forward pass computes.
pub(super) fn of_output(output: AttentionOutput) -> Vec<(Quantity, Strided)> {
    let mut results = vec![(Quantity::Out, output.out), (Quantity::Lse, output.lse)];
    results.extend(output.scores.map(|scores| (Quantity::Scores, scores)));
    results
}

/// What the backward pass computes.
pub(super) fn of_gradients(gradients: AttentionGradients) -> Vec<(Quantity, Strided)> {
    let AttentionGradients { q, k, v, learned } = gradients;
    let mut results = vec![(Quantity::DQ, q), (Quantity::DK, k), (Quantity::DV, v)];
    let learned = learned.into_iter().enumerate();
    results.extend(learned.map(|(nth, LearnedGradient { param, values })| {
        let values = Strided::contiguous(values, [1, 1, 1, param.len()], DType::F32);
        (Quantity::Learned(nth, param.name), values)
    }));
    results
}

/// Results on the host.
pub(super) fn read(
    client: &Client,
    results: Vec<(Quantity, Strided)>,
) -> Result<(Results, Bits), AttentionError> {
    let mut tensors = Vec::new();
    let mut bits = Vec::new();
    for (quantity, tensor) in results {
        let (host, raw) = download(client, &tensor, quantity.name())?;
        tensors.push((quantity, host));
        bits.push((quantity, raw));
    }
    Ok((tensors, bits))
}

/// What a case must give.
pub(super) struct Expected {
    dtype: DType,
    forward: reference::Forward,
    gradients: reference::Gradients,
    magnitudes: Magnitudes,
    /// Of the math back end, at 16 bits.
    math: Option<(HostTensor, reference::Gradients)>,
}

impl Expected {
    pub(super) fn of(case: &Case, inputs: &Inputs) -> Self {
        let Inputs { q, k, v, d_out } = inputs;
        let (variant, dtype) = (&case.variant, case.dtype);
        // The number that the kernels were given, not the one it was rounded from.
        let scale = f64::from(case.scale.unwrap_or(1.0 / (case.size.head_dim as f32).sqrt()));
        Self {
            dtype,
            forward: reference::forward(q, k, v, variant, scale),
            gradients: reference::backward(q, k, v, d_out, variant, scale),
            magnitudes: Magnitudes::of(inputs, variant, scale),
            math: (dtype != DType::F32).then(|| math_backend(inputs, variant, scale, dtype)),
        }
    }

    /// The largest distance of a run's results, in what is allowed, and what is wrong with them, if
    /// something is; `again` are the bits of a second run.
    pub(super) fn judge(
        &self,
        (results, bits): (Results, Bits),
        again: &Bits,
    ) -> (f64, Option<String>) {
        let mut failures = Vec::new();
        let mut worst = 0.0_f64;
        for result in results {
            let Comparison { quantity, got, reference, allowed } = self.compare(result);
            let distance = distance(&got, &reference);
            let ratio = if distance == 0.0 { 0.0 } else { distance / allowed };
            worst = worst.max(ratio);
            if ratio > 1.0 {
                failures.push(format!(
                    "{} differs by {distance:.3e}, allowed {allowed:.3e}, largest {:.3e}{}",
                    quantity.name(),
                    reference.max_abs(),
                    first_difference(&got, &reference, allowed),
                ));
            }
        }
        for ((quantity, first), (_, second)) in bits.iter().zip(again) {
            if first != second {
                failures.push(format!("{}: a second run gave other bits", quantity.name()));
            }
        }
        (worst, (!failures.is_empty()).then(|| failures.join("; ")))
    }

    fn compare(&self, (quantity, got): (Quantity, HostTensor)) -> Comparison {
        let Self { dtype, forward, gradients, magnitudes, math } = self;
        let like_math = |reference: &HostTensor, math: Option<&HostTensor>, magnitude| {
            allowed(reference, math.unwrap_or(reference), magnitude, *dtype)
        };
        let math_out = math.as_ref().map(|(out, _)| out);
        let math_gradients = math.as_ref().map(|(_, gradients)| gradients);
        let (reference, allowed) = match quantity {
            Quantity::Out => {
                let allowed = like_math(&forward.out, math_out, magnitudes.out);
                (forward.out.clone(), allowed)
            }
            Quantity::Lse => (forward.lse.clone(), allowed_lse(&forward.lse, *dtype)),
            Quantity::Scores => {
                (forward.scores.clone(), allowed_f32(&forward.scores, magnitudes.scores))
            }
            Quantity::DQ => {
                let math = math_gradients.map(|gradients| &gradients.q);
                (gradients.q.clone(), like_math(&gradients.q, math, magnitudes.q))
            }
            Quantity::DK => {
                let math = math_gradients.map(|gradients| &gradients.k);
                (gradients.k.clone(), like_math(&gradients.k, math, magnitudes.k))
            }
            Quantity::DV => {
                let math = math_gradients.map(|gradients| &gradients.v);
                (gradients.v.clone(), like_math(&gradients.v, math, magnitudes.v))
            }
            Quantity::Learned(nth, _) => {
                let reference = as_tensor(&gradients.learned[nth]);
                let math = math_gradients.map(|gradients| as_tensor(&gradients.learned[nth]));
                let math = math.as_ref().unwrap_or(&reference);
                let allowed = allowed_learned(&reference, math, magnitudes.learned[nth], *dtype);
                (reference, allowed)
            }
        };
        Comparison { quantity, got, reference, allowed }
    }
}

fn as_tensor(gradient: &reference::LearnedGradient) -> HostTensor {
    HostTensor { shape: [1, 1, 1, gradient.data.len()], data: gradient.data.clone() }
}

/// Where a result first is too far off, and how many of its elements are.
fn first_difference(got: &HostTensor, reference: &HostTensor, allowed: f64) -> String {
    let mut off = 0;
    let mut first = None;
    HostTensor::from_fn(got.shape, |index| {
        let (g, r) = (got.at(index), reference.at(index));
        let close = g == r || (g - r).abs() <= allowed || (g.is_nan() && r.is_nan());
        if !close {
            off += 1;
            first.get_or_insert((index, g, r));
        }
        0.0
    });
    match first {
        Some((index, g, r)) => {
            format!(", first at {index:?}: {g:.6e} for {r:.6e}, {off} of {}", got.data.len())
        }
        None => String::new(),
    }
}
