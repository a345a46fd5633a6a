//! Sweeps: a run for each combination of some settings, and what they cost and yield side by side.

mod children;
mod report;

use std::path::Path;

use anyhow::{Result, bail};

use crate::config::{Config, overrides};
use crate::data;
use crate::train::group::Member;

pub use children::{Finished, run_all};
pub use report::{Outcome, Report, Row};

/// The dimension whose first value the others' speed is compared with.
pub const ATTENTION: &str = "attention";

/// A setting and the values that it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    pub name: String,
    /// The keys that are set, all to the same value.
    keys: Vec<String>,
    pub values: Vec<String>,
}

impl Dimension {
    /// `name` is what tables call it; `values` are separated by commas.
    pub fn new(name: &str, keys: &[&str], values: &str) -> Result<Self> {
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_string()).collect();
        if let Some(empty) = values.iter().position(String::is_empty) {
            bail!("{name}: value {} of `{}` is empty", empty + 1, values.join(","));
        }
        for (place, value) in values.iter().enumerate() {
            if values[..place].contains(value) {
                bail!("{name}: {value} is given twice");
            }
        }
        Ok(Self { name: name.into(), keys: keys.iter().map(|key| (*key).into()).collect(), values })
    }

    /// From `section.key=a,b,c`.
    pub fn vary(assignment: &str) -> Result<Self> {
        let Some((key, values)) = assignment.split_once('=') else {
            bail!("--vary {assignment}: write section.key=a,b,c");
        };
        let key = key.trim();
        Self::new(key.rsplit('.').next().unwrap_or(key), &[key], values)
    }
}

/// One combination of values.
#[derive(Clone, Debug)]
pub struct Cell {
    /// A value for each dimension, in their order.
    pub values: Vec<String>,
    /// Its run, or why there can be none.
    pub member: Result<Member, String>,
}

/// All combinations over `base`, in `folder`; the last dimension changes fastest. What labelled cases
/// decide must still be open in `base`: each combination may name other cases. A combination that
/// cannot be configured is a cell that says why; a key that does not exist is an error.
pub fn cells(base: &Config, dimensions: &[Dimension], folder: &Path) -> Result<Vec<Cell>> {
    for dimension in dimensions {
        for key in &dimension.keys {
            let known = crate::compare::flat(base)?;
            if !known.contains_key(key) {
                // Setting it says which key is near.
                base.clone().set(&format!("{key}=0"))?;
            }
        }
    }
    let mut combinations: Vec<Vec<String>> = vec![Vec::new()];
    for dimension in dimensions {
        let longer = combinations.iter().flat_map(|shorter| {
            dimension.values.iter().map(move |value| {
                let mut longer = shorter.clone();
                longer.push(value.clone());
                longer
            })
        });
        combinations = longer.collect();
    }
    Ok(combinations
        .into_iter()
        .map(|values| {
            let member = configure(base, dimensions, &values)
                .map(|config| Member::new(folder, name(dimensions, &values), config))
                .map_err(|error| format!("{error:#}"));
            Cell { values, member }
        })
        .collect())
}

fn configure(base: &Config, dimensions: &[Dimension], values: &[String]) -> Result<Config> {
    let mut config = base.clone();
    for (dimension, value) in dimensions.iter().zip(values) {
        for key in &dimension.keys {
            config.set(&format!("{key}={value}"))?;
        }
    }
    let varied =
        |key: &str| dimensions.iter().flat_map(|dimension| &dimension.keys).any(|k| k == key);
    overrides::turn_to_labels(base, &mut config, varied);
    config.check()?;
    data::complete(config)
}

/// `patch_size-24_attention-tuned`: a folder's name, so nothing that a path would take amiss.
fn name(dimensions: &[Dimension], values: &[String]) -> String {
    let parts = dimensions.iter().zip(values);
    let parts: Vec<String> =
        parts.map(|(dimension, value)| format!("{}-{value}", dimension.name)).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    parts.join("_").chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::presets;

    #[test]
    fn cells_are_all_combinations() {
        let base = presets::by_name("etth1").expect("a preset");
        let dimensions = [
            Dimension::new("patch_size", &["model.patch_len", "model.stride"], "12, 24,400")
                .expect("values"),
            Dimension::vary("train.batch_size=32,64").expect("values"),
        ];
        let cells = cells(&base, &dimensions, Path::new("somewhere")).expect("cells");
        let values: Vec<_> = cells.iter().map(|cell| cell.values.join(" ")).collect();
        assert_eq!(values, ["12 32", "12 64", "24 32", "24 64", "400 32", "400 64"]);
        let member = cells[3].member.as_ref().expect("a run");
        assert_eq!(member.name, "patch_size-24_batch_size-64");
        let (model, train) = (&member.config.model, &member.config.train);
        assert_eq!((model.patch_len, model.stride, train.batch_size), (24, 24, 64));
        let error = cells[4].member.as_ref().expect_err("longer than the context");
        assert!(error.contains("model.patch_len = 400"), "{error}");
    }

    #[test]
    fn mistakes_are_named() {
        let base = presets::by_name("etth1").expect("a preset");
        let dimension = Dimension::vary("train.batchsize=32,64").expect("values");
        let error = cells(&base, &[dimension], Path::new(".")).expect_err("no such key");
        assert!(error.to_string().contains("did you mean `train.batch_size`"), "{error}");
        for (given, expected) in [
            ("train.seed", "section.key=a,b,c"),
            ("train.seed=1,,2", "value 2"),
            ("train.seed=1,2,1", "1 is given twice"),
        ] {
            let error = Dimension::vary(given).expect_err(given).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
