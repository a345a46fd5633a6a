//! What no table of cases says: empty tensors, infinities, and errors.

use cubecl::client::Client;

use super::tables;
use super::tensors::{download, normal, upload};
use super::tolerance::distance;
use crate::random::Random;
use crate::reference::HostTensor;
use crate::tensor::contiguous_strides;
use crate::variants::{causal, sliding_window, softmax};
use crate::{
    AttentionError, AttentionGradients, AttentionOptions, AttentionOutput, DType, Pass, Plan,
    Strided, attention, attention_backward,
};

type Check = fn(&Client) -> Result<(), String>;

/// Name and body of every special check.
pub(super) const CHECKS: &[(&str, Check)] = &[
    ("rows without a key give 0 and no gradient", masked_rows),
    ("a NaN stays in its row and its head", nan_in_a_query),
    ("infinities give what the reference gives", infinities),
    ("an empty batch gives empty results", empty_batch),
    ("no query gives zero gradients", no_query),
    ("tensors over one repeated element", one_element),
    ("tf32 is as coarse as it says, and used where asked for", tf32),
    ("errors name the argument and both values", errors),
    ("errors of the backward pass", backward_errors),
    ("tables that do not fit are refused", tables::do_not_fit),
    ("what a mask hides reads no table", tables::hidden),
    ("tables lie in memory as they like", tables::on_device),
];

pub(super) fn device_tensor(client: &Client, host: &HostTensor) -> Strided {
    upload(client, host, contiguous_strides(host.shape), 0, DType::F32)
}

pub(super) fn text(error: AttentionError) -> String {
    error.to_string()
}

pub(super) fn read(client: &Client, tensor: &Strided) -> Result<HostTensor, String> {
    download(client, tensor, "reading a result").map(|(host, _)| host).map_err(text)
}

pub(super) fn expect(what: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if what { Ok(()) } else { Err(otherwise()) }
}

/// Queries, keys and values for `[2, 2, queries, 8]` and `[2, 2, keys, 8]`.
pub(super) fn inputs(queries: usize, keys: usize) -> [HostTensor; 3] {
    let mut random = Random::new(5);
    [queries, keys, keys].map(|seq| normal([2, 2, seq, 8], DType::F32, &mut random))
}

pub(super) fn both_passes(
    client: &Client,
    [q, k, v]: [&Strided; 3],
    d_out: &Strided,
    variant: impl Into<crate::language::AnyVariant>,
) -> Result<(AttentionOutput, AttentionGradients), String> {
    let variant = variant.into();
    let options = AttentionOptions::default();
    let output = attention(client, q, k, v, &variant, &options).map_err(text)?;
    let gradients = attention_backward(client, q, k, v, &output, d_out, &variant, &options);
    Ok((output, gradients.map_err(text)?))
}

fn masked_rows(client: &Client) -> Result<(), String> {
    // With fewer keys than queries, causal masks everything from the first queries.
    let [q, k, v] = inputs(9, 4).map(|host| device_tensor(client, &host));
    let (output, gradients) = both_passes(client, [&q, &k, &v], &q, causal())?;
    let out = read(client, &output.out)?;
    let lse = read(client, &output.lse)?;
    let d_q = read(client, &gradients.q)?;
    for query in 0..9 {
        let masked = query < 5;
        for d in 0..8 {
            let (o, g) = (out.at([1, 1, query, d]), d_q.at([1, 1, query, d]));
            expect(o.is_finite() && g.is_finite(), || format!("row {query}: {o}, gradient {g}"))?;
            expect(!masked || (o == 0.0 && g == 0.0), || {
                format!("masked row {query} gives {o}, gradient {g}")
            })?;
        }
        let l = lse.at([1, 1, query, 0]);
        expect((l == f64::NEG_INFINITY) == masked, || format!("row {query}: log-sum-exp {l}"))?;
    }
    let (output, gradients) = both_passes(client, [&q, &k, &v], &q, sliding_window(0))?;
    for tensor in [&output.out, &gradients.q, &gradients.k, &gradients.v] {
        let host = read(client, tensor)?;
        expect(host.data.iter().all(|&x| x == 0.0), || {
            "a mask of everything gives more than 0".into()
        })?;
    }
    Ok(())
}

fn nan_in_a_query(client: &Client) -> Result<(), String> {
    let [mut q, k, v] = inputs(20, 20);
    *q.at_mut([0, 1, 3, 2]) = f64::NAN;
    let [q, k, v] = [q, k, v].map(|host| device_tensor(client, &host));
    let (output, gradients) = both_passes(client, [&q, &k, &v], &v, softmax())?;
    let out = read(client, &output.out)?;
    let d_k = read(client, &gradients.k)?;
    HostTensor::from_fn(out.shape, |_| 0.0);
    for (name, tensor, whole_head) in [("out", out, false), ("dk", d_k, true)] {
        let mut wrong = None;
        HostTensor::from_fn(tensor.shape, |index| {
            let in_head = index[..2] == [0, 1];
            let expected = in_head && (whole_head || index[2] == 3);
            if tensor.at(index).is_nan() != expected {
                wrong.get_or_insert(index);
            }
            0.0
        });
        if let Some(index) = wrong {
            return Err(format!("{name} at {index:?} is {}", tensor.at(index)));
        }
    }
    Ok(())
}

fn infinities(client: &Client) -> Result<(), String> {
    let [q, mut k, mut v] = inputs(20, 20);
    *k.at_mut([0, 0, 5, 1]) = f64::INFINITY;
    *v.at_mut([1, 1, 6, 2]) = f64::INFINITY;
    let reference = crate::reference::forward(&q, &k, &v, &softmax().into(), 8f64.sqrt().recip());
    let [q, k, v] = [q, k, v].map(|host| device_tensor(client, &host));
    let device = crate::Device::of(client);
    let options = AttentionOptions::default();
    let problem =
        |pass| crate::problem(pass, &q, &k, &v, &softmax().into(), &options).map_err(text);
    let general = |pass| Ok::<_, String>(Plan::general(&problem(pass)?, &device));
    let [_, _, queries, dim] = reference.out.shape;
    // Plain units follow the reference. Where tensor cores take an `f32` as a sum, an infinity has
    // no terms, and makes its head NaN; never another one.
    for (plans, may_be_nan) in
        [(Some([general(Pass::Forward)?, general(Pass::Backward)?]), false), (None, true)]
    {
        let with = |nth: usize| AttentionOptions { plan: plans.map(|p| p[nth]), ..options.clone() };
        let output = attention(client, &q, &k, &v, softmax(), &with(0)).map_err(text)?;
        let gradients = attention_backward(client, &q, &k, &v, &output, &q, softmax(), &with(1))
            .map_err(text)?;
        let out = read(client, &output.out)?;
        for (i, (x, r)) in out.data.iter().zip(&reference.out.data).enumerate() {
            let head = i / (queries * dim);
            let excused = may_be_nan && x.is_nan() && (head == 0 || head == 3);
            // A key of infinity is a score of either infinity: NaN, or no weight at all.
            let same = if r.is_finite() { (x - r).abs() < 1e-4 } else { x == r || x.is_nan() };
            expect(same || excused, || format!("element {i} of out is {x}, expected {r}"))?;
        }
        // Gradients may be anything where infinities took part; elsewhere they are finite.
        let d_q = read(client, &gradients.q)?;
        expect(d_q.at([0, 1, 0, 0]).is_finite(), || "an infinity reached another head".to_owned())?;
    }
    Ok(())
}

fn tf32(client: &Client) -> Result<(), String> {
    let host = inputs(40, 40);
    let [q, k, v] = &host;
    let reference = crate::reference::forward(q, k, v, &softmax().into(), 8f64.sqrt().recip());
    let [q, k, v] = host.map(|host| device_tensor(client, &host));
    let run = |tf32| -> Result<_, String> {
        let options = AttentionOptions { tf32, ..AttentionOptions::default() };
        let output = attention(client, &q, &k, &v, softmax(), &options).map_err(text)?;
        let gradients = attention_backward(client, &q, &k, &v, &output, &v, softmax(), &options);
        Ok((read(client, &output.out)?, read(client, &gradients.map_err(text)?.k)?))
    };
    let ((exact, exact_k), (coarse, coarse_k)) = (run(false)?, run(true)?);
    let off = |x: &HostTensor, from: &HostTensor| distance(x, from) / from.max_abs();
    let (out, d_k) = (off(&coarse, &reference.out), off(&coarse_k, &exact_k));
    expect(out < 2e-3 && d_k < 5e-3, || format!("off by {out:.1e}, the keys' gradient {d_k:.1e}"))?;
    let (same, sharp) = (coarse.data == exact.data, off(&exact, &reference.out));
    expect(sharp < 1e-5, || format!("without tf32 off by {sharp:.1e}"))?;
    expect(same != crate::Device::of(client).tensor_cores, || {
        format!("the output with tf32 {} that without", if same { "is" } else { "is not" })
    })
}

fn empty_batch(client: &Client) -> Result<(), String> {
    let tensor = || Strided::empty(client, [0, 2, 5, 8], DType::F32);
    let (q, k, v) = (tensor(), tensor(), tensor());
    let (output, gradients) = both_passes(client, [&q, &k, &v], &q, softmax())?;
    for (name, tensor) in [("out", &output.out), ("dq", &gradients.q), ("dk", &gradients.k)] {
        let shape = tensor.shape;
        expect(shape == [0, 2, 5, 8], || format!("{name} of an empty batch is {shape:?}"))?;
    }
    Ok(())
}

fn no_query(client: &Client) -> Result<(), String> {
    let q = Strided::empty(client, [2, 2, 0, 8], DType::F32);
    let [_, k, v] = inputs(1, 6).map(|host| device_tensor(client, &host));
    super::tensors::soil(client, &[2 * 2 * 6 * 8 * 4; 4]);
    let (output, gradients) = both_passes(client, [&q, &k, &v], &q, softmax())?;
    expect(output.out.is_empty(), || "out is not empty".to_owned())?;
    for (name, tensor) in [("dk", &gradients.k), ("dv", &gradients.v)] {
        let host = read(client, tensor)?;
        expect(host.data.iter().all(|&x| x == 0.0), || format!("{name} is not 0"))?;
    }
    Ok(())
}

/// The gradient of a sum is one element, repeated everywhere.
fn one_element(client: &Client) -> Result<(), String> {
    let [q, k, v] = inputs(11, 13);
    let one = HostTensor { shape: [2, 2, 11, 8], data: vec![0.5; 2 * 2 * 11 * 8] };
    let expected =
        crate::reference::backward(&q, &k, &v, &one, &softmax().into(), 8f64.sqrt().recip());
    let d_out = upload(client, &one, [0; 4], 0, DType::F32);
    let [q, k, v] = [q, k, v].map(|host| device_tensor(client, &host));
    let (_, gradients) = both_passes(client, [&q, &k, &v], &d_out, softmax())?;
    let pairs =
        [(&gradients.q, expected.q), (&gradients.k, expected.k), (&gradients.v, expected.v)];
    for (tensor, expected) in pairs {
        let host = read(client, tensor)?;
        let distance = super::tolerance::distance(&host, &expected);
        expect(distance < 1e-5, || format!("a gradient differs by {distance:e}"))?;
    }
    Ok(())
}

/// What a call must be refused with.
pub(super) fn refused(
    outcome: Result<(), AttentionError>,
    what: &str,
    says: &[&str],
) -> Result<(), String> {
    match outcome {
        Ok(()) => Err(format!("{what} was not refused")),
        Err(error) => {
            let message = error.to_string();
            match says.iter().find(|part| !message.contains(**part)) {
                None => Ok(()),
                Some(part) => Err(format!("{what}: `{message}` does not say `{part}`")),
            }
        }
    }
}

fn errors(client: &Client) -> Result<(), String> {
    let tensor = |shape| Strided::empty(client, shape, DType::F32);
    let with = |q: &Strided, k: &Strided, v: &Strided, options: &AttentionOptions| {
        attention(client, q, k, v, softmax(), options).map(|_| ())
    };
    let usual = AttentionOptions::default();
    let q = tensor([2, 4, 5, 8]);
    let k = tensor([2, 4, 6, 8]);
    let call = |q: &Strided, k: &Strided, v: &Strided| with(q, k, v, &usual);

    refused(call(&q, &tensor([3, 4, 6, 8]), &k), "another batch", &["k: batch is 3", "q has 2"])?;
    refused(call(&q, &tensor([2, 4, 6, 7]), &k), "another head_dim", &["k: dim is 7", "q has 8"])?;
    refused(call(&q, &k, &tensor([2, 4, 7, 8])), "another seq", &["v: seq is 7", "k has 6"])?;
    refused(call(&q, &k, &tensor([2, 2, 6, 8])), "other heads", &["v: heads is 2", "k has 4"])?;
    let three = tensor([2, 3, 6, 8]);
    refused(call(&q, &three, &three), "three key heads", &["4 heads", "3", "multiple"])?;
    let none = tensor([2, 0, 6, 8]);
    refused(call(&q, &none, &none), "no key head", &["0"])?;
    let zero = |seq| tensor([2, 4, seq, 0]);
    refused(call(&zero(5), &zero(6), &k), "head_dim 0", &["q: head_dim is 0", "1 to 256"])?;
    let wide = |seq| tensor([2, 4, seq, 257]);
    refused(call(&wide(5), &wide(6), &k), "head_dim 257", &["q: head_dim is 257", "256"])?;
    refused(call(&q, &k, &zero(6)), "value_dim 0", &["v: value_dim is 0"])?;
    let no_keys = tensor([2, 4, 0, 8]);
    refused(call(&q, &no_keys, &no_keys), "no key", &["k: seq is 0"])?;
    let half = Strided::empty(client, [2, 4, 6, 8], DType::F16);
    refused(call(&q, &half, &k), "another element type", &["k is f16", "q is f32"])?;
    let mut long = q.clone();
    long.strides = [1 << 20, 1 << 10, 8, 1];
    refused(call(&long, &k, &k), "strides beyond the memory", &["q: ", "bytes"])?;
    for scale in [f32::NAN, f32::INFINITY] {
        let options = AttentionOptions { scale: Some(scale), ..usual.clone() };
        refused(with(&q, &k, &k, &options), "a scale of no number", &["scale is", "finite"])?;
    }
    let device = crate::Device::of(client);
    let problem = crate::problem(crate::Pass::Forward, &q, &k, &k, &softmax().into(), &usual)
        .map_err(text)?;
    let rule = Plan::general(&problem, &device);
    let plans = [
        (Plan { tile_rows: 3, ..rule }, "tile_rows = 3"),
        (Plan { tile_cols: 0, ..rule }, "tile_cols = 0"),
        (Plan { teams: 1 << 20, heads: 1 << 20, ..rule }, "units in a cube"),
    ];
    for (plan, says) in plans {
        let options = AttentionOptions { plan: Some(plan), ..usual.clone() };
        refused(with(&q, &k, &k, &options), "a plan that cannot run", &["cannot run here", says])?;
    }
    Ok(())
}

fn backward_errors(client: &Client) -> Result<(), String> {
    let tensor = |shape| Strided::empty(client, shape, DType::F32);
    let (q, k) = (tensor([2, 4, 5, 8]), tensor([2, 4, 6, 8]));
    let usual = AttentionOptions::default();
    let output = attention(client, &q, &k, &k, softmax(), &usual).map_err(text)?;
    let call = |output: &AttentionOutput, d_out: &Strided, options: &AttentionOptions| {
        attention_backward(client, &q, &k, &k, output, d_out, softmax(), options).map(|_| ())
    };
    let other = tensor([2, 4, 4, 8]);
    refused(call(&output, &other, &usual), "d_out of another shape", &["d_out: seq is 4", "5"])?;
    let half = Strided::empty(client, [2, 4, 5, 8], DType::Bf16);
    refused(call(&output, &half, &usual), "d_out of another type", &["d_out is bf16", "f32"])?;
    let wrong = AttentionOutput { out: other, ..output.clone() };
    refused(call(&wrong, &q, &usual), "out of another shape", &["out: seq is 4"])?;
    let options = AttentionOptions { save_scores: true, ..usual.clone() };
    refused(call(&output, &q, &options), "scores that were not saved", &["save_scores"])?;
    call(&output, &q, &usual).map_err(text)
}
