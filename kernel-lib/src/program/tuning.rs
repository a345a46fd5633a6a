//! Tune parameters, their space, and which of its points a device can run.

use core::fmt;

use super::kernel::Kernel;
use super::sizes::Sizes;
use crate::Device;

/// What a tune parameter is to the launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `Rows`: rows that a unit owns.
    Rows,
    /// `Units`: units of a program.
    Units,
    /// `Split`: units that share a row.
    Split,
    /// `usize`: whatever the kernel's text makes of it.
    Value,
}

/// A `#[tune(..)]` parameter of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TuneParam {
    /// Its name in the function.
    pub name: &'static str,
    /// What it decides.
    pub role: Role,
    /// What it may be; the first is preferred.
    pub values: &'static [usize],
}

/// A value for each tune parameter of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuning {
    names: Vec<&'static str>,
    values: Vec<usize>,
}

impl Tuning {
    /// The values of a kernel's parameters, in their order.
    ///
    /// # Panics
    ///
    /// There is not one value for each parameter.
    pub fn new(params: &'static [TuneParam], values: Vec<usize>) -> Self {
        assert_eq!(params.len(), values.len(), "a value for each tune parameter");
        Self { names: params.iter().map(|param| param.name).collect(), values }
    }

    /// The values in the order of the parameters.
    pub fn values(&self) -> &[usize] {
        &self.values
    }
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> =
            self.names.iter().zip(&self.values).map(|(name, v)| format!("{name}={v}")).collect();
        f.pad(&pairs.join(" "))
    }
}

/// Why a tuning cannot run on a device.
// Each variant's message names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TuningRefusal {
    /// A value that the parameter does not list.
    #[error("`{name}` is {given}, but may be {}", one_of(allowed))]
    Value { name: &'static str, given: usize, allowed: &'static [usize] },
    /// The values do not fit the device.
    #[error("{0}")]
    Device(String),
    /// The kernel's own condition refuses them.
    #[error("the kernel's condition `{0}` does not hold")]
    Condition(&'static str),
}

fn one_of(values: &[usize]) -> String {
    let texts: Vec<String> = values.iter().map(usize::to_string).collect();
    texts.join(", ")
}

/// Rows that a unit of a GPU may own; vectors of more are for a CPU's SIMD lanes.
const GPU_ROWS: usize = 8;
/// Cells of a tile that a unit of a GPU may hold; more would not stay in registers.
const GPU_CELLS: usize = 256;
/// Cells of a tile that a unit of a CPU may hold: 4 MiB of its stack.
const CPU_CELLS: usize = 1 << 20;

/// What the launch makes of a tuning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    pub rows: usize,
    pub units: usize,
    pub split: usize,
}

impl Shares {
    pub(crate) fn of(kernel: &Kernel, tuning: &Tuning) -> Self {
        let value = |role| {
            let place = kernel.tune.iter().position(|param| param.role == role);
            place.map_or(1, |place| tuning.values[place])
        };
        Self { rows: value(Role::Rows), units: value(Role::Units), split: value(Role::Split) }
    }
}

impl Kernel {
    /// Every tuning, the preferred values of each parameter first.
    pub fn space(&self) -> Vec<Tuning> {
        let mut points = vec![Vec::new()];
        for param in self.tune {
            points = points
                .iter()
                .flat_map(|point: &Vec<usize>| {
                    param.values.iter().map(|value| [&point[..], &[*value]].concat())
                })
                .collect();
        }
        points.into_iter().map(|values| Tuning::new(self.tune, values)).collect()
    }

    /// Whether a device can run this tuning for these sizes.
    ///
    /// # Errors
    ///
    /// What does not fit.
    pub fn check(
        &self,
        tuning: &Tuning,
        sizes: &Sizes,
        device: &Device,
    ) -> Result<(), TuningRefusal> {
        for (param, &given) in self.tune.iter().zip(&tuning.values) {
            if !param.values.contains(&given) {
                let (name, allowed) = (param.name, param.values);
                return Err(TuningRefusal::Value { name, given, allowed });
            }
        }
        let Shares { rows, units, split } = Shares::of(self, tuning);
        let refuse = |why: String| Err(TuningRefusal::Device(why));
        if device.is_cpu() && units * split > 1 {
            return refuse("on a CPU a program is one unit".to_owned());
        }
        if !device.is_cpu() && rows > GPU_ROWS {
            return refuse(format!("a unit of a GPU owns at most {GPU_ROWS} rows, not {rows}"));
        }
        if !device.is_cpu() && units > device.units {
            return refuse(format!("{units} units; a cube of the device has {}", device.units));
        }
        if !units.is_multiple_of(split) {
            return refuse(format!("{split} units would share a row, but a program has {units}"));
        }
        let most = if device.is_cpu() { CPU_CELLS } else { GPU_CELLS };
        for tensor in self.tensors.iter().filter(|tensor| tensor.loaded) {
            let dim = sizes.get(tensor.shape[3]).unwrap_or(1);
            let cells = dim.div_ceil(split) * rows;
            if cells > most {
                return refuse(format!(
                    "a unit would hold {cells} cells of a tile of `{}`, and at most {most} fit",
                    tensor.name
                ));
            }
        }
        match self.valid {
            Some((condition, holds)) if !holds(tuning, sizes, device) => {
                Err(TuningRefusal::Condition(condition))
            }
            _ => Ok(()),
        }
    }

    /// The tuning that is used where none was measured: on a CPU the one whose rows fill its SIMD
    /// lanes best, on a GPU the first of the [`space`](Kernel::space) with whole planes of units.
    pub fn default_tuning(&self, sizes: &Sizes, device: &Device) -> Option<Tuning> {
        let distance = |tuning: &Tuning| {
            let Shares { rows, units, .. } = Shares::of(self, tuning);
            match device.is_cpu() {
                true => rows.abs_diff(device.lanes),
                false => usize::from(!units.is_multiple_of(device.plane)),
            }
        };
        // Of equals, the first.
        self.space()
            .into_iter()
            .filter(|tuning| self.check(tuning, sizes, device).is_ok())
            .min_by_key(distance)
    }
}
