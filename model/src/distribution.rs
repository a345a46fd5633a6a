//! Forecasts as distributions, with the parametrisation of Hugging Face's models: each step of each
//! channel has a normal, a Student's t or a negative binomial distribution of its own.

use std::f64::consts::PI;

use burn::tensor::activation::log_sigmoid;
use burn::tensor::{DataError, Tensor};
use statrs::distribution::{ContinuousCDF, DiscreteCDF, NegativeBinomial, Normal, StudentsT};

use crate::config::OutputKind;

/// What a model says about the next steps, in the series' own scale: `[batch, channels, horizon]`
/// each.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "few exist at a time, and none for long")]
pub enum Forecast {
    Point(Tensor<3>),
    Normal {
        mean: Tensor<3>,
        deviation: Tensor<3>,
    },
    StudentT {
        freedom: Tensor<3>,
        location: Tensor<3>,
        scale: Tensor<3>,
    },
    /// `count` failures; a success has log-odds `logits`.
    NegativeBinomial {
        count: Tensor<3>,
        logits: Tensor<3>,
    },
}

impl Forecast {
    /// From a head's outputs, which know no bounds, to parameters. `place` and `spread` bring a
    /// location and a scale back from the window's normalisation.
    pub fn of(
        kind: OutputKind,
        outputs: Vec<Tensor<3>>,
        place: impl FnOnce(Tensor<3>) -> Tensor<3>,
        spread: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Self {
        let mut outputs = outputs.into_iter();
        let mut next = || match outputs.next() {
            Some(output) => output,
            None => unreachable!("{kind} has more parameters than the head has layers"),
        };
        let smallest = f64::from(f32::EPSILON);
        match kind {
            OutputKind::Point => Self::Point(place(next())),
            OutputKind::Normal => Self::Normal {
                mean: place(next()),
                deviation: spread(square_plus(next()).clamp_min(smallest)),
            },
            OutputKind::StudentT => Self::StudentT {
                freedom: square_plus(next()) + 2.0,
                location: place(next()),
                scale: spread(square_plus(next()).clamp_min(smallest)),
            },
            // Counts cannot be shifted; their mean is scaled instead.
            OutputKind::NegativeBinomial => {
                let (count, logits) = (square_plus(next()), next());
                let scale = spread(logits.ones_like());
                Self::NegativeBinomial { count, logits: logits + scale.log() }
            }
        }
    }

    /// What it says about channel `output` alone, if only that one is predicted.
    pub fn only(self, output: Option<usize>) -> Self {
        let Some(channel) = output else { return self };
        let only = |x: Tensor<3>| x.narrow(1, channel, 1);
        match self {
            Self::Point(point) => Self::Point(only(point)),
            Self::Normal { mean, deviation } => {
                Self::Normal { mean: only(mean), deviation: only(deviation) }
            }
            Self::StudentT { freedom, location, scale } => Self::StudentT {
                freedom: only(freedom),
                location: only(location),
                scale: only(scale),
            },
            Self::NegativeBinomial { count, logits } => {
                Self::NegativeBinomial { count: only(count), logits: only(logits) }
            }
        }
    }

    /// The forecast as one number for each step.
    pub fn mean(self) -> Tensor<3> {
        match self {
            Self::Point(point) => point,
            Self::Normal { mean, .. } => mean,
            // The degrees of freedom are above two, so that there is a mean.
            Self::StudentT { location, .. } => location,
            Self::NegativeBinomial { count, logits } => count * logits.exp(),
        }
    }

    /// `-ln p(y)` of each step; the squared error for points.
    pub fn negative_log_likelihood(self, y: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Point(point) => (point - y).square(),
            Self::Normal { mean, deviation } => {
                let z = (y - mean) / deviation.clone();
                z.square() * 0.5 + deviation.log() + 0.5 * (2.0 * PI).ln()
            }
            Self::StudentT { freedom, location, scale } => {
                let z = (y - location) / scale.clone();
                let half = freedom.clone() * 0.5;
                let normaliser = ln_gamma(half.clone()) - ln_gamma(half.clone() + 0.5)
                    + (freedom.clone() * PI).log() * 0.5
                    + scale.log();
                normaliser + (half + 0.5) * (z.square() / freedom).log1p()
            }
            Self::NegativeBinomial { count, logits } => {
                let chances = count.clone() * log_sigmoid(logits.clone().neg())
                    + y.clone() * log_sigmoid(logits);
                let ways =
                    ln_gamma(count.clone() + y.clone()) - ln_gamma(y + 1.0) - ln_gamma(count);
                (chances + ways).neg()
            }
        }
    }
}

/// A forecast read back to the host, `[batch, channels, horizon]` in one row.
pub struct Read {
    kind: OutputKind,
    parameters: Vec<Vec<f64>>,
}

impl Forecast {
    /// Waits for the device.
    pub fn read(self) -> Result<Read, DataError> {
        let (kind, tensors) = match self {
            Self::Point(point) => (OutputKind::Point, vec![point]),
            Self::Normal { mean, deviation } => (OutputKind::Normal, vec![mean, deviation]),
            Self::StudentT { freedom, location, scale } => {
                (OutputKind::StudentT, vec![freedom, location, scale])
            }
            Self::NegativeBinomial { count, logits } => {
                (OutputKind::NegativeBinomial, vec![count, logits])
            }
        };
        let read = |tensor: Tensor<3>| -> Result<Vec<f64>, DataError> {
            let values = tensor.into_data().try_into_vec::<f32>()?;
            Ok(values.into_iter().map(f64::from).collect())
        };
        let parameters = tensors.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Read { kind, parameters })
    }
}

impl Read {
    /// The value that each step falls below with this probability, strictly between 0 and 1; `None`
    /// for points, and where a parameter is not finite.
    pub fn quantile(&self, probability: f64) -> Option<Vec<f64>> {
        let steps = self.parameters[0].len();
        let at = |step: usize| -> Option<f64> {
            let number = |parameter: usize| self.parameters[parameter][step];
            match self.kind {
                OutputKind::Point => None,
                OutputKind::Normal => {
                    Some(Normal::new(number(0), number(1)).ok()?.inverse_cdf(probability))
                }
                OutputKind::StudentT => {
                    let standard = StudentsT::new(0.0, 1.0, number(0)).ok()?;
                    Some(number(1) + number(2) * standard.inverse_cdf(probability))
                }
                OutputKind::NegativeBinomial => {
                    // There a success ends the count; here it is what is counted.
                    let failure = 1.0 / (1.0 + number(1).exp());
                    let counts = NegativeBinomial::new(number(0), failure).ok()?;
                    Some(counts.inverse_cdf(probability) as f64)
                }
            }
        };
        (0..steps).map(at).collect()
    }
}

/// A smooth way to the positive numbers: `(x + sqrt(x^2 + 4)) / 2`.
fn square_plus(x: Tensor<3>) -> Tensor<3> {
    (x.clone() + (x.square() + 4.0).sqrt()) * 0.5
}

/// The logarithm of the gamma function for positive `x`: Stirling's series, eight steps up where it
/// converges fast. Differentiable as it is written.
pub fn ln_gamma(x: Tensor<3>) -> Tensor<3> {
    let run = |from: usize| {
        let product = |product: Tensor<3>, step: usize| product * (x.clone() + step as f64);
        (from + 1..from + 4).fold(x.clone() + from as f64, product).log()
    };
    let z = x.clone() + 8.0;
    let inverse = z.clone().recip();
    let square = inverse.clone().square();
    let series = inverse * (square.clone() * (square * (1.0 / 1260.0) - 1.0 / 360.0) + 1.0 / 12.0);
    (z.clone() - 0.5) * z.clone().log() - z + 0.5 * (2.0 * PI).ln() + series - run(0) - run(4)
}
