//! Clipping of gradients by their common norm (Pascanu et al., "On the difficulty of training
//! recurrent neural networks", ICML 2013), as `torch.nn.utils.clip_grad_norm_` does it.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::ops;

/// Keeps a norm of zero from being divided by, as in PyTorch.
const EPSILON: f64 = 1e-6;

/// Scales all gradients by `min(1, most / norm)`, where `norm` is the Euclidean norm of all of them
/// together. The norm stays on the device, so nothing is waited for, and its sums have a fixed
/// order: the same gradients are scaled by the same bits.
pub fn clip<M: Module>(model: &M, gradients: &mut GradientsParams, most: f64) {
    let mut squares = Squares { gradients, sums: Vec::new() };
    model.visit(&mut squares);
    let sums = squares.sums;
    if sums.is_empty() {
        return;
    }
    let columns = Tensor::cat(sums, 1);
    let [_, count] = columns.dims();
    let norm = ops::column_sums(columns.reshape([count, 1])).sqrt();
    let factor = ((norm + EPSILON).recip() * most).clamp_max(1.0);
    model.visit(&mut Scale { gradients, factor });
}

/// The sum of squares of each gradient, as a row of partial sums.
struct Squares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<2>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let count = gradient.shape().num_elements();
            // Neighbouring units read neighbouring numbers.
            let columns = 1 << count.trailing_zeros().min(5);
            let gradient = gradient.reshape([count / columns, columns]);
            self.sums.push(ops::column_sums(gradient.square()));
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    /// `[1, 1]`
    factor: Tensor<2>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let factor = self.factor.clone().reshape([1; D]);
            self.gradients.register(param.id, gradient * factor);
        }
    }
}
