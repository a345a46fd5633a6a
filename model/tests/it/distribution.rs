//! Forecasts with a spread: likelihoods against statrs, quantiles, and training.

use burn::tensor::{Device, Tensor, TensorData};
use statrs::distribution::{
    Continuous, ContinuousCDF, Discrete, NegativeBinomial, Normal, StudentsT,
};
use statrs::function::gamma;
use tilewright_patchtst::config::presets;
use tilewright_patchtst::distribution::{Forecast, ln_gamma};
use tilewright_patchtst::{PatchTst, tensors};

use crate::support::{assert_close, random, values};

fn tensor(numbers: &[f32]) -> Tensor<3> {
    Tensor::from_data(TensorData::new(numbers.to_vec(), [1, 1, numbers.len()]), &Device::flex())
}

#[test]
fn ln_gamma_and_its_derivative() {
    let numbers = [1e-3_f32, 0.1, 0.5, 1.0, 1.5, 2.0, 3.7, 10.0, 123.4, 5e3, 1e5];
    let x = Tensor::<3>::from_data(
        TensorData::new(numbers.to_vec(), [1, 1, numbers.len()]),
        &Device::flex().autodiff(),
    )
    .require_grad();
    let y = ln_gamma(x.clone());
    let slopes = values(&x.grad(&y.clone().sum().backward()).unwrap());
    for ((x, y), slope) in numbers.iter().zip(values(&y)).zip(slopes) {
        let exact = gamma::ln_gamma(f64::from(*x));
        assert!((f64::from(y) - exact).abs() < 4e-6 * exact.abs().max(1.0), "{x}: {y} {exact}");
        let exact = gamma::digamma(f64::from(*x));
        assert!((f64::from(slope) - exact).abs() < 2e-5 * exact.abs().max(1.0), "{x}: {slope}");
    }
}

#[test]
fn likelihoods_are_those_of_the_distributions() {
    let ys = [0.0_f32, 1.0, 3.0, 7.0, 40.0];
    let nll = |forecast: Forecast| values(&forecast.negative_log_likelihood(tensor(&ys)));
    let all = |number: f32| tensor(&[number; 5]);
    let exact = |ln: &dyn Fn(f64) -> f64| -> Vec<f32> {
        ys.iter().map(|y| -ln(f64::from(*y)) as f32).collect()
    };
    let normal = Normal::new(2.0, 1.5).unwrap();
    let found = nll(Forecast::Normal { mean: all(2.0), deviation: all(1.5) });
    assert_close(&found, &exact(&|y| normal.ln_pdf(y)), 1e-6);
    let student = StudentsT::new(2.0, 1.5, 4.5).unwrap();
    let found = nll(Forecast::StudentT { freedom: all(4.5), location: all(2.0), scale: all(1.5) });
    assert_close(&found, &exact(&|y| student.ln_pdf(y)), 1e-5);
    let logits = 0.7_f32;
    let failure = 1.0 / (1.0 + f64::from(logits).exp());
    let counts = NegativeBinomial::new(3.5, failure).unwrap();
    let found = nll(Forecast::NegativeBinomial { count: all(3.5), logits: all(logits) });
    assert_close(&found, &exact(&|y| counts.ln_pmf(y as u64)), 1e-5);
    assert_close(
        &values(&Forecast::NegativeBinomial { count: all(3.5), logits: all(logits) }.mean())[..1],
        &[3.5 * logits.exp()],
        1e-6,
    );
}

#[test]
fn quantiles_hold_their_share() {
    let read = |forecast: Forecast| forecast.read().unwrap();
    let normal = read(Forecast::Normal { mean: tensor(&[5.0]), deviation: tensor(&[2.0]) });
    assert!((normal.quantile(0.9).unwrap()[0] - (5.0 + 2.0 * 1.281_551_6)).abs() < 1e-5);
    let student = read(Forecast::StudentT {
        freedom: tensor(&[3.0]),
        location: tensor(&[1.0]),
        scale: tensor(&[0.5]),
    });
    let cdf = StudentsT::new(1.0, 0.5, 3.0).unwrap().cdf(student.quantile(0.05).unwrap()[0]);
    assert!((cdf - 0.05).abs() < 1e-4, "{cdf}");
    let counts = read(Forecast::NegativeBinomial { count: tensor(&[4.0]), logits: tensor(&[0.0]) });
    // Half of the mass of four failures of a fair coin lies at or below 3 successes.
    assert_eq!(counts.quantile(0.5).unwrap()[0], 3.0);
    assert!(read(Forecast::Point(tensor(&[1.0]))).quantile(0.5).is_none());
}

#[test]
fn every_distribution_is_learned_and_every_parameter_moves() {
    for (output, scaling) in
        [("normal", "std"), ("student-t", "last"), ("negative-binomial", "mean")]
    {
        let mut config = presets::by_name("tiny").unwrap();
        for assignment in [
            "model.attention=vanilla",
            "model.dropout=0",
            &format!("model.output={output}"),
            &format!("model.scaling={scaling}"),
        ] {
            config.set(assignment).unwrap();
        }
        config.check().unwrap();
        let device = Device::flex().autodiff();
        let model = PatchTst::new(&config.model, 2, 3, &device);
        assert_eq!(model.network.head.projections.len(), config.model.output.parameters());
        let x = (random([4, 2, config.model.context], 7, &device) * 4.0).abs().round();
        let y = (random([4, 2, config.model.horizon], 8, &device) * 4.0).abs().round();
        let loss = |model: &PatchTst| model.loss(x.clone(), y.clone(), None, None);
        let before = values(&loss(&model))[0];
        let gradients = loss(&model).backward();
        // One step downhill, by hand.
        let mut weights = tensors::of_module(&model);
        for (number, layer) in model.network.head.projections.iter().enumerate() {
            let tilewright_patchtst::per_channel::PerChannel::Shared(layer) = layer else {
                panic!("a shared head")
            };
            let gradient = layer.weight.val().grad(&gradients).expect("a gradient");
            let moved = layer.weight.val().without_autodiff() - gradient.clone() * 1e-3;
            assert!(values(&gradient).iter().any(|v| *v != 0.0), "{output}, parameter {number}");
            weights.insert(format!("network.head.projections.{number}.weight"), moved.into_data());
        }
        let model = tensors::into_module(model, weights).unwrap();
        let after = values(&loss(&model))[0];
        assert!(after < before, "{output}: {before} {after}");
    }
}
