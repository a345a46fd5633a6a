//! Labelled cases made ready for a model: read, parted, scaled.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tilewright_datasets::{Loader, LoaderOptions, Scaler, Windows};

use super::few;
use super::ts::{Labels, TsFile};
use crate::config::{Config, Task};
use crate::evaluate::same_for_all;
use crate::score::Score;

/// The cases that a run learns from and is measured on.
pub struct CaseData {
    pub name: String,
    /// The channels: `dim_0` and so on, as aeon and sktime call them.
    pub inputs: Vec<String>,
    /// The classes, or `target`.
    pub outputs: Vec<String>,
    /// Of the channels, by all steps of the training cases.
    pub scaler: Scaler,
    /// Of the numbers that are regressed, by the training cases.
    pub target_scaler: Option<Scaler>,
    pub train: Cases,
    pub validation: Cases,
    pub test: Cases,
    pub notes: Vec<String>,
}

/// Scaled cases, and what a model should say of each; clones share them.
#[derive(Clone, Debug)]
pub struct Cases {
    /// `[cases, context, channels]`
    x: Arc<[f32]>,
    /// `[cases, targets]`: one-hot classes, or scaled numbers.
    y: Arc<[f32]>,
    context: usize,
    channels: usize,
    targets: usize,
}

impl Cases {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.y.len() / self.targets
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// All values, `[cases, context, channels]`.
    pub fn x(&self) -> &[f32] {
        &self.x
    }

    /// All targets, `[cases, targets]`: one-hot classes, or scaled numbers.
    pub fn y(&self) -> &[f32] {
        &self.y
    }

    pub fn channels(&self) -> usize {
        self.channels
    }

    pub fn targets(&self) -> usize {
        self.targets
    }

    /// Batches of cases: `x` `[len, context, channels]` and `y` `[len, targets]`.
    pub(super) fn loader(&self, options: LoaderOptions) -> Result<Loader> {
        // The loader knows rows of one table. Here a row's number is a case's, and the thread that
        // makes a batch puts the cases of these numbers in their places.
        let numbers: Arc<[f32]> = vec![0.0; self.len()].into();
        let rows = Windows::new(numbers, 1, None, 0..self.len(), 1, 0)?;
        let cases = self.clone();
        Ok(Loader::new(rows, options)?.with_transform(move |batch| {
            let pick = |all: &[f32], width: usize| {
                let of = |case: &usize| all[case * width..(case + 1) * width].iter().copied();
                batch.starts.iter().flat_map(of).collect::<Vec<f32>>()
            };
            let x = pick(&cases.x, cases.context * cases.channels);
            let y = pick(&cases.y, cases.targets);
            (batch.x, batch.y) = (x, y);
        }))
    }
}

/// `config` with what its training cases decide: where `model.context` and `model.targets` are 0,
/// they are the cases' length and the number of their classes. Nothing is read if neither is. What
/// rests on these numbers is checked.
pub fn complete(mut config: Config) -> Result<Config> {
    let model = &mut config.model;
    if !model.task.is_labelled() || (model.context > 0 && model.targets > 0) {
        return Ok(config);
    }
    let path = named(&config.data.train, "data.train", model.task)?;
    let first = TsFile::read_first(path).context("data.train")?;
    if model.context == 0 {
        model.context = first.length;
    }
    if model.targets == 0 {
        model.targets = match &first.labels {
            Labels::Classes { names, .. } => names.len(),
            _ => 1,
        };
    }
    config.check()?;
    Ok(config)
}

fn named<'a>(path: &'a str, key: &str, task: Task) -> Result<&'a Path> {
    if path.is_empty() {
        bail!(
            "{key} is not set: model.task = {task} learns from .ts files; set \
             data.train=X_TRAIN.ts data.test=X_TEST.ts"
        );
    }
    Ok(Path::new(path))
}

impl CaseData {
    /// What [the same answer for all](same_for_all) test cases scores.
    pub fn baseline(&self) -> Score {
        same_for_all(&self.train, &self.test, self.target_scaler.as_ref())
    }

    /// Reads `data.train` and `data.test`. A share of the training cases, `data.validation`, drawn by
    /// the run's seed and of each class alike, is validated on instead of trained on.
    pub fn open(config: &Config) -> Result<Self> {
        let (model, data) = (&config.model, &config.data);
        let read = |path: &str, key: &'static str| {
            TsFile::read(named(path, key, model.task)?).context(key)
        };
        let file = read(&data.train, "data.train")?;
        check(&file, config).with_context(|| format!("data.train = {}", data.train))?;
        let mut test = read(&data.test, "data.test")?;
        fit_to(&file, &mut test, model.task)
            .with_context(|| format!("data.test = {}", data.test))?;

        let strata = match &file.labels {
            Labels::Classes { of, .. } => of.clone(),
            _ => vec![0; file.cases()],
        };
        let most = match data.max_windows {
            0 => usize::MAX,
            most => most,
        };
        let (train, validation) = part(&strata, data.validation, config.train.seed, most);
        if validation.is_empty() {
            bail!(
                "data.validation = {}: of {} training cases none is left to validate on; raise it",
                data.validation,
                file.cases()
            );
        }
        let known = pick(&file, &train);
        let scaler = match data.scale {
            true => Scaler::fit(&known.values, file.channels, 0..train.len() * file.length)?,
            false => Scaler::identity(file.channels),
        };
        let target_scaler = match &known.labels {
            Labels::Numbers(numbers) => Some(Scaler::fit(numbers, 1, 0..numbers.len())?),
            _ => None,
        };
        let ready = |file: &TsFile| cases(file, &scaler, target_scaler.as_ref());
        let inputs: Vec<String> = (0..file.channels).map(|place| format!("dim_{place}")).collect();
        let constant = scaler.constant.iter().map(|channel| {
            format!(
                "channel {} does not vary in the training cases; its deviation is taken as 1",
                inputs[*channel]
            )
        });
        Ok(Self {
            name: file.name.clone(),
            outputs: match &file.labels {
                Labels::Classes { names, .. } => names.clone(),
                _ => vec!["target".into()],
            },
            train: ready(&known).context("data.train")?,
            validation: ready(&pick(&file, &validation)).context("data.train")?,
            test: ready(&test).context("data.test")?,
            notes: constant.collect(),
            inputs,
            scaler,
            target_scaler,
        })
    }
}

/// How many targets the cases' labels are; refuses labels that `task` cannot learn.
fn targets(file: &TsFile, task: Task) -> Result<usize> {
    match (&file.labels, task) {
        (Labels::Classes { names, .. }, Task::Classification) => Ok(names.len()),
        (Labels::Numbers(_), Task::Regression) => Ok(1),
        (_, Task::Regression) => bail!(
            "model.task = regression: the cases have no numbers to regress; the header must say \
             @targetlabel true"
        ),
        _ => bail!(
            "model.task = {task}: the cases have no classes; the header must name them, as in \
             @classLabel true a b"
        ),
    }
}

/// Refuses training cases that the model's task, length or number of targets contradicts.
fn check(file: &TsFile, config: &Config) -> Result<()> {
    let model = &config.model;
    let targets = targets(file, model.task)?;
    if model.context != file.length {
        bail!(
            "model.context = {}: the cases have {} steps; set 0 to take it from data.train",
            model.context,
            file.length
        );
    }
    if model.targets != targets {
        bail!(
            "model.targets = {}: the cases have {targets}; set 0 to take it from data.train",
            model.targets
        );
    }
    Ok(())
}

/// Refuses test cases of another shape than the training cases or without labels of `task`. Their
/// header may name fewer classes: few cases need not be of every one.
fn fit_to(train: &TsFile, test: &mut TsFile, task: Task) -> Result<()> {
    targets(test, task)?;
    for (what, own, known) in
        [("dimensions", test.channels, train.channels), ("steps", test.length, train.length)]
    {
        if own != known {
            bail!(
                "its cases have {own} {what}, those of data.train {known}; both must be of one \
                 shape"
            );
        }
    }
    in_the_order_of(train, test)
}

/// Counts the classes of `test` as `train` does, whichever of them its header names and in whatever
/// order.
fn in_the_order_of(train: &TsFile, test: &mut TsFile) -> Result<()> {
    let (Labels::Classes { names: known, .. }, Labels::Classes { names, of }) =
        (&train.labels, &mut test.labels)
    else {
        return Ok(());
    };
    let places = names.iter().map(|name| {
        known
            .iter()
            .position(|other| other == name)
            .with_context(|| format!("the class {name} is none of data.train's: {}", few(known)))
    });
    let places: Vec<usize> = places.collect::<Result<_>>()?;
    of.iter_mut().for_each(|class| *class = places[*class]);
    names.clone_from(known);
    Ok(())
}

/// Which cases are trained on, `most` at most, and which are validated on: of each stratum the share
/// `validation`, rounded, but never all. Both in the file's order.
fn part(strata: &[usize], validation: f64, seed: u64, most: usize) -> (Vec<usize>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn: Vec<usize> = (0..strata.len()).collect();
    drawn.shuffle(&mut rng);
    let count = strata.iter().max().map_or(0, |last| last + 1);
    let mut left: Vec<usize> = vec![0; count];
    strata.iter().for_each(|stratum| left[*stratum] += 1);
    for left in &mut left {
        let share = (*left as f64 * validation).round() as usize;
        *left = share.min(left.saturating_sub(1));
    }
    let (mut train, mut held): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for case in drawn {
        match &mut left[strata[case]] {
            0 => train.push(case),
            left => {
                *left -= 1;
                held.push(case);
            }
        }
    }
    train.truncate(most);
    train.sort_unstable();
    held.sort_unstable();
    (train, held)
}

/// Some of a file's cases.
fn pick(file: &TsFile, cases: &[usize]) -> TsFile {
    let width = file.length * file.channels;
    let values = cases.iter().flat_map(|case| &file.values[case * width..(case + 1) * width]);
    TsFile {
        name: file.name.clone(),
        values: values.copied().collect(),
        labels: match &file.labels {
            Labels::Classes { names, of } => Labels::Classes {
                names: names.clone(),
                of: cases.iter().map(|case| of[*case]).collect(),
            },
            Labels::Numbers(all) => Labels::Numbers(cases.iter().map(|case| all[*case]).collect()),
            Labels::None => Labels::None,
        },
        ..*file
    }
}

/// Scaled values and targets.
fn cases(file: &TsFile, scaler: &Scaler, target_scaler: Option<&Scaler>) -> Result<Cases> {
    let x = scaler.transform(&file.values)?;
    let (y, targets) = match (&file.labels, target_scaler) {
        (Labels::Classes { names, of }, _) => {
            let one_hot = |class: &usize| {
                let class = *class;
                (0..names.len()).map(move |other| f32::from(u8::from(other == class)))
            };
            (of.iter().flat_map(one_hot).collect(), names.len())
        }
        (Labels::Numbers(numbers), Some(scaler)) => (scaler.transform(numbers)?, 1),
        _ => bail!("the cases have no labels"),
    };
    if let Some(place) = x.iter().position(|value| !value.is_finite()) {
        let (case, channel) = (place / (file.length * file.channels), place % file.channels);
        bail!("case {}, dimension {}: a value is too large", case + 1, channel + 1);
    }
    if let Some(place) = y.iter().position(|value| !value.is_finite()) {
        bail!("case {}: the target is too large", place + 1);
    }
    Ok(Cases { x: x.into(), y: y.into(), context: file.length, channels: file.channels, targets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_every_class_and_follow_the_seed() {
        // Ten of class 0, five of class 1, one of class 2.
        let strata: Vec<usize> = [vec![0; 10], vec![1; 5], vec![2]].concat();
        let (train, validation) = part(&strata, 0.2, 7, usize::MAX);
        let of = |cases: &[usize], class| cases.iter().filter(|c| strata[**c] == class).count();
        assert_eq!([0, 1, 2].map(|class| of(&validation, class)), [2, 1, 0]);
        assert_eq!([0, 1, 2].map(|class| of(&train, class)), [8, 4, 1]);
        let mut all = [train.clone(), validation.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..16).collect::<Vec<_>>());
        assert_eq!(part(&strata, 0.2, 7, usize::MAX), (train, validation.clone()));
        let others = (8..20).map(|seed| part(&strata, 0.2, seed, usize::MAX).1);
        assert!(others.into_iter().any(|other| other != validation), "the seed draws");
        // A large share leaves one of each class to train on.
        let (train, _) = part(&strata, 0.99, 7, usize::MAX);
        assert_eq!([0, 1, 2].map(|class| of(&train, class)), [1, 1, 1]);
        assert_eq!(part(&strata, 0.2, 7, 3).0.len(), 3);
    }
}
