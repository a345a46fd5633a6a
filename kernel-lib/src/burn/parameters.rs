//! A variant's learned parameters as Burn tensors.

use core::fmt;
use std::sync::Arc;

use ::burn::backend::Backend;
use ::burn::backend::tensor::{Device, FloatTensor};
use ::burn::module::Param;
use ::burn::tensor::{DType, FloatDType, Shape, Tensor};

use crate::AttentionOptions;
use crate::language::{AnyVariant, Table};

/// A Burn tensor that a variant reads: as a table of its shape or, with one element, as a learned
/// number. Gradients flow back to it.
///
/// Made from a tensor of 1 to 4 dimensions or from a module's parameter. Kernels read `f32`; a
/// tensor of another type is converted, and so is its gradient.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Row by row.
    values: Tensor<1>,
    shape: Vec<usize>,
}

impl<const D: usize> From<Tensor<D>> for Parameter {
    fn from(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let values = tensor.reshape([shape.iter().product::<usize>()]);
        let values =
            if values.dtype() == DType::F32 { values } else { values.cast(FloatDType::F32) };
        Self { values, shape }
    }
}

impl<const D: usize> From<&Tensor<D>> for Parameter {
    fn from(tensor: &Tensor<D>) -> Self {
        tensor.clone().into()
    }
}

impl<const D: usize> From<&Param<Tensor<D>>> for Parameter {
    fn from(parameter: &Param<Tensor<D>>) -> Self {
        parameter.val().into()
    }
}

/// All of them, one after another; nothing where there are none.
pub(super) fn packed(parameters: &[Parameter]) -> Option<Tensor<1>> {
    match parameters {
        [] => None,
        [only] => Some(only.values.clone()),
        several => Some(Tensor::cat(several.iter().map(|one| one.values.clone()).collect(), 0)),
    }
}

type Make = dyn Fn(Vec<Table>) -> AnyVariant + Send + Sync;

/// What a backend is asked to compute: a variant that is made from the tables of its parameters
/// once these are known.
#[derive(Clone)]
pub struct Operation {
    make: Arc<Make>,
    /// Of each parameter.
    shapes: Vec<Vec<usize>>,
    /// Whether autodiff wants its gradient.
    tracked: Vec<bool>,
    pub(super) options: AttentionOptions,
}

impl Operation {
    pub(super) fn new(
        make: Arc<Make>,
        parameters: &[Parameter],
        options: AttentionOptions,
    ) -> Self {
        Self {
            make,
            shapes: parameters.iter().map(|one| one.shape.clone()).collect(),
            tracked: parameters.iter().map(|one| one.values.is_tracked()).collect(),
            options,
        }
    }

    /// Elements of all parameters.
    pub(super) fn len(&self) -> usize {
        self.lens().sum()
    }

    fn lens(&self) -> impl Iterator<Item = usize> {
        self.shapes.iter().map(|shape| shape.iter().product())
    }

    /// The variant, with `table` making a parameter's table from the place of its first element
    /// among the elements of all parameters, and its shape.
    ///
    /// # Errors
    ///
    /// What `table` finds, or a parameter that autodiff tracks and the variant does not learn.
    pub(super) fn bind<E: fmt::Display>(
        &self,
        mut table: impl FnMut(usize, &[usize]) -> Result<Table, E>,
    ) -> Result<Bound, String> {
        let mut first = 0;
        let mut tables = Vec::new();
        for (number, (shape, len)) in self.shapes.iter().zip(self.lens()).enumerate() {
            let made = table(first, shape);
            tables.push(made.map_err(|error| format!("parameter {number}: {error}"))?);
            first += len;
        }
        let variant = (self.make)(tables.clone());
        let learned = variant.learned();
        let places: Vec<Vec<usize>> = tables
            .iter()
            .map(|table| (0..learned.len()).filter(|&n| learned[n].table == table.id()).collect())
            .collect();
        let mut tracked = self.tracked.iter().zip(&places);
        if let Some(number) = tracked.position(|(&tracked, places)| tracked && places.is_empty()) {
            return Err(format!(
                "parameter {number}, a tensor {:?}, wants a gradient, but {} does not learn it: mark \
                 the function's parameter `#[learned]`, or detach the tensor",
                self.shapes[number],
                variant.describe(),
            ));
        }
        Ok(Bound { variant, places, lens: self.lens().collect() })
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shapes, options, .. } = self;
        f.debug_struct("Operation")
            .field("shapes", shapes)
            .field("options", options)
            .finish_non_exhaustive()
    }
}

/// A variant whose parameters lie in memory.
pub(super) struct Bound {
    pub variant: AnyVariant,
    /// For each parameter, where it stands among what the variant learns: more than once where
    /// functions share it.
    places: Vec<Vec<usize>>,
    lens: Vec<usize>,
}

impl Bound {
    /// The gradients of all parameters, one after another, from those of what the variant learns.
    pub fn gradient<B: Backend>(
        &self,
        learned: &[FloatTensor<B>],
        device: &Device<B>,
    ) -> FloatTensor<B> {
        let each = self.places.iter().zip(&self.lens).map(|(places, &len)| {
            let shared = places.iter().map(|&place| learned[place].clone());
            shared
                .reduce(B::float_add)
                .unwrap_or_else(|| B::float_zeros(Shape::new([len]), device, FloatDType::F32))
        });
        let mut each: Vec<FloatTensor<B>> = each.collect();
        match each.len() {
            0 => B::float_empty(Shape::new([1]), device, FloatDType::F32),
            1 => each.remove(0),
            _ => B::float_cat(each, 0),
        }
    }
}
