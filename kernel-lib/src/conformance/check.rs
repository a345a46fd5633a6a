//! Runs one case.

use cubecl::client::Client;

use super::case::Case;
use super::math_backend::math_backend;
use super::tensors::{DeviceInputs, Inputs, download, soil};
use super::tolerance::{Magnitudes, allowed, allowed_f32, allowed_lse, distance};
use crate::device::Device;
use crate::reference::{self, HostTensor};
use crate::{
    AttentionError, AttentionOptions, DType, Pass, Plan, Strided, attention, attention_backward,
    problem, table,
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

/// A result and what it must be.
struct Comparison {
    name: &'static str,
    got: HostTensor,
    reference: HostTensor,
    allowed: f64,
}

/// Results of a run by name, as numbers.
type Results = Vec<(&'static str, HostTensor)>;
/// All bits of a run's results.
type Bits = Vec<(&'static str, Vec<u8>)>;

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
        let mut results: Vec<(&'static str, &Strided)> = vec![
            ("out", &output.out),
            ("lse", &output.lse),
            ("dq", &gradients.q),
            ("dk", &gradients.k),
            ("dv", &gradients.v),
        ];
        results.extend(output.scores.as_ref().map(|scores| ("scores", scores)));
        let mut tensors = Vec::new();
        let mut bits = Vec::new();
        for (name, tensor) in results {
            let (host, raw) = download(client, tensor, name)?;
            tensors.push((name, host));
            bits.push((name, raw));
        }
        Ok((tensors, bits))
    };
    let (results, bits) = run()?;
    let (_, again) = run()?;

    let mut failures = Vec::new();
    let mut worst = 0.0_f64;
    for comparison in compare(case, &inputs, results) {
        let Comparison { name, got, reference, allowed } = comparison;
        let distance = distance(&got, &reference);
        let ratio = if distance == 0.0 { 0.0 } else { distance / allowed };
        worst = worst.max(ratio);
        if ratio > 1.0 {
            failures.push(format!(
                "{name} differs by {distance:.3e}, allowed {allowed:.3e}, largest {:.3e}{}",
                reference.max_abs(),
                first_difference(&got, &reference, allowed),
            ));
        }
    }
    for ((name, first), (_, second)) in bits.iter().zip(&again) {
        if first != second {
            failures.push(format!("{name}: a second run gave other bits"));
        }
    }
    let failure = (!failures.is_empty()).then(|| failures.join("; "));
    Ok(Outcome { plans: [forward_plan, backward_plan], worst, failure })
}

fn compare(case: &Case, inputs: &Inputs, results: Results) -> Vec<Comparison> {
    let Inputs { q, k, v, d_out } = inputs;
    // The number that the kernels were given, not the one it was rounded from.
    let scale = f64::from(case.scale.unwrap_or(1.0 / (case.size.head_dim as f32).sqrt()));
    let forward = reference::forward(q, k, v, &case.variant, scale);
    let gradients = reference::backward(q, k, v, d_out, &case.variant, scale);
    let magnitudes = Magnitudes::of(inputs, &case.variant, scale);
    let math =
        (case.dtype != DType::F32).then(|| math_backend(inputs, &case.variant, scale, case.dtype));
    let like_math = |reference: &HostTensor, math: Option<&HostTensor>, magnitude| {
        allowed(reference, math.unwrap_or(reference), magnitude, case.dtype)
    };
    let math_gradients = math.as_ref().map(|(_, gradients)| gradients);
    let compare = |(name, got): (&'static str, HostTensor)| {
        let (reference, allowed) = match name {
            "out" => {
                let math = math.as_ref().map(|(out, _)| out);
                (&forward.out, like_math(&forward.out, math, magnitudes.out))
            }
            "lse" => (&forward.lse, allowed_lse(&forward.lse, case.dtype)),
            "scores" => (&forward.scores, allowed_f32(&forward.scores, magnitudes.scores)),
            "dq" => {
                let math = math_gradients.map(|gradients| &gradients.q);
                (&gradients.q, like_math(&gradients.q, math, magnitudes.q))
            }
            "dk" => {
                let math = math_gradients.map(|gradients| &gradients.k);
                (&gradients.k, like_math(&gradients.k, math, magnitudes.k))
            }
            _ => {
                let math = math_gradients.map(|gradients| &gradients.v);
                (&gradients.v, like_math(&gradients.v, math, magnitudes.v))
            }
        };
        Comparison { name, got, reference: reference.clone(), allowed }
    };
    results.into_iter().map(compare).collect()
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
