//! What models are measured by: errors of forecasts and of regressions, and how well classes are
//! told apart.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evaluate::Errors;

/// How well classes are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The share of cases whose likeliest class is the right one.
    pub accuracy: f64,
    /// The mean of the classes' F1, `2 tp / (2 tp + fp + fn)`, over classes that occur or are
    /// predicted; each counts the same, however rare.
    pub macro_f1: f64,
    /// The mean of `-ln p` of the right class: the loss that is trained.
    pub cross_entropy: f64,
}

/// Errors of regressed numbers, in their own units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumberScore {
    pub mse: f64,
    pub mae: f64,
    pub rmse: f64,
    /// The mean squared error of scaled numbers: the loss that is trained.
    pub loss: f64,
}

/// What one model is measured by on one part, by its task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Score {
    /// A classification's.
    Classes(ClassScore),
    /// A regression's. Before the next, whose numbers it has too.
    Numbers(NumberScore),
    /// A forecast's, or a reconstruction's.
    Errors(Errors),
}

impl Score {
    /// What early stopping goes by, and epochs are compared by.
    pub fn loss(&self) -> f64 {
        match self {
            Self::Classes(score) => score.cross_entropy,
            Self::Numbers(score) => score.loss,
            Self::Errors(errors) => errors.mse,
        }
    }

    /// What people call the loss. A regression's is of scaled numbers, so it is none of those that
    /// have a name.
    pub fn loss_name(&self) -> &'static str {
        match self {
            Self::Classes(_) => "cross-entropy",
            Self::Numbers(_) => "loss",
            Self::Errors(_) => "MSE",
        }
    }

    /// Its numbers as people call them, the most telling first.
    pub fn named(&self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Classes(score) => vec![
                ("accuracy", score.accuracy),
                ("macro-F1", score.macro_f1),
                ("cross-entropy", score.cross_entropy),
            ],
            Self::Numbers(score) => {
                vec![("MSE", score.mse), ("MAE", score.mae), ("RMSE", score.rmse)]
            }
            Self::Errors(errors) => vec![("MSE", errors.mse), ("MAE", errors.mae)],
        }
    }

    /// One of its numbers, if it has it.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.named().into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// A forecast's errors.
    pub fn errors(&self) -> Option<Errors> {
        match self {
            Self::Errors(errors) => Some(*errors),
            _ => None,
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> =
            self.named().iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        f.write_str(&parts.join("  "))
    }
}

/// The names of the numbers in `scores`, each once, in their order.
pub fn names<'a>(scores: impl Iterator<Item = &'a Score>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (name, _) in scores.flat_map(Score::named) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A name as a key in files: `macro_f1`.
pub fn key(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// Mean and sample deviation (divided by `n - 1`) of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub mean: f64,
    /// `None` for a single number.
    pub std: Option<f64>,
}

impl Spread {
    /// `None` for no numbers.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        (!values.is_empty()).then_some(Self { mean, std })
    }
}

/// The spread of each number of some scores, by its [`key`]. `None` unless all have the same.
pub fn spreads(scores: &[Score]) -> Option<BTreeMap<String, Spread>> {
    let names = names(scores.iter());
    let spread = |name: &&'static str| {
        let values: Option<Vec<f64>> = scores.iter().map(|score| score.get(name)).collect();
        Some((key(name), Spread::of(&values?)?))
    };
    let spreads: Option<BTreeMap<_, _>> = names.iter().map(spread).collect();
    spreads.filter(|spreads| !spreads.is_empty())
}

/// How often each class was taken for each: `[truth][prediction]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confusion(pub Vec<Vec<usize>>);

impl Confusion {
    /// Of pairs of a true class and a predicted one, each below `classes`.
    pub fn of(pairs: impl Iterator<Item = (usize, usize)>, classes: usize) -> Self {
        let mut counts = vec![vec![0; classes]; classes];
        pairs.for_each(|(truth, prediction)| counts[truth][prediction] += 1);
        Self(counts)
    }

    /// The share of right predictions.
    pub fn accuracy(&self) -> f64 {
        let right: usize = self.0.iter().enumerate().map(|(class, row)| row[class]).sum();
        let all: usize = self.0.iter().flatten().sum();
        right as f64 / all as f64
    }

    /// See [`ClassScore::macro_f1`].
    pub fn macro_f1(&self) -> f64 {
        let f1 = |class: usize| {
            let truths: usize = self.0[class].iter().sum();
            let predictions: usize = self.0.iter().map(|row| row[class]).sum();
            let right = self.0[class][class];
            // Their sum is 2 tp + fp + fn.
            (truths + predictions > 0).then(|| 2.0 * right as f64 / (truths + predictions) as f64)
        };
        let all: Vec<f64> = (0..self.0.len()).filter_map(f1).collect();
        all.iter().sum::<f64>() / all.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confusions_are_scored() {
        // Of class 0 three right and one taken for 1; of class 1 two right; 2 never occurs.
        let pairs = [(0, 0), (0, 0), (0, 0), (0, 1), (1, 1), (1, 1)];
        let confusion = Confusion::of(pairs.into_iter(), 3);
        assert_eq!(confusion.0, [[3, 1, 0], [0, 2, 0], [0, 0, 0]]);
        assert!((confusion.accuracy() - 5.0 / 6.0).abs() < 1e-15);
        let expected = (6.0 / 7.0 + 4.0 / 5.0) / 2.0;
        assert!((confusion.macro_f1() - expected).abs() < 1e-15);
        // Predicted, but never there: its F1 is 0, and counts.
        let confusion = Confusion::of([(0, 0), (0, 1)].into_iter(), 2);
        assert!((confusion.macro_f1() - (2.0 / 3.0) / 2.0).abs() < 1e-15);
    }

    #[test]
    fn scores_come_back_from_json_as_what_they_were() {
        for score in [
            Score::Classes(ClassScore { accuracy: 0.5, macro_f1: 0.25, cross_entropy: 1.5 }),
            Score::Numbers(NumberScore { mse: 4.0, mae: 1.5, rmse: 2.0, loss: 0.5 }),
            Score::Errors(Errors { mse: 0.5, mae: 0.25 }),
        ] {
            let text = serde_json::to_string(&score).expect("JSON");
            assert_eq!(serde_json::from_str::<Score>(&text).expect("a score"), score, "{text}");
        }
    }

    #[test]
    fn spreads_are_of_scores_of_one_kind() {
        let errors = |mse| Score::Errors(Errors { mse, mae: 1.0 });
        let both = spreads(&[errors(1.0), errors(3.0)]).expect("a spread");
        assert_eq!((both["mse"].mean, both["mse"].std), (2.0, Some(2.0_f64.sqrt())));
        let other = Score::Classes(ClassScore { accuracy: 1.0, macro_f1: 1.0, cross_entropy: 0.0 });
        assert_eq!(spreads(&[errors(1.0), other]), None);
        assert_eq!(spreads(&[]), None);
    }
}
