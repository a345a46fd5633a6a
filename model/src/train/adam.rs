//! Adam (Kingma and Ba, ICLR 2015) as `torch.optim.Adam` computes it.
//!
//! Burn's own restores its state on Burn's default device, which is a GPU that may not be there,
//! and cannot move beta1 from step to step as one-cycle does.

use std::any::Any;
use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use crate::ops::control;
use crate::ops::in_place::{self, Token};
use crate::tensors::{NamedTensors, Path};
use crate::train::schedule::StepRate;

/// The optimiser and its moments.
pub struct Adam {
    beta2: f64,
    epsilon: f64,
    steps: i32,
    moments: HashMap<ParamId, Box<dyn Any + Send>>,
}

struct Moments<const D: usize> {
    first: Tensor<D>,
    second: Tensor<D>,
}

impl Adam {
    pub fn new(beta2: f64, epsilon: f64) -> Self {
        Self { beta2, epsilon, steps: 0, moments: HashMap::new() }
    }

    /// Counts a step, the `index`-th of the run from 0, and gives its control values.
    pub fn advance(&mut self, seed: u64, index: u64, rate: StepRate) -> [f32; control::LENGTH] {
        self.steps += 1;
        control::values(seed, index, rate, self.beta2, self.epsilon, self.steps)
    }

    /// The step that [`advance`](Self::advance) counted, where tensors are values; the model is
    /// moved through.
    pub fn step<M: Module>(&mut self, model: M, gradients: GradientsParams, rate: StepRate) -> M {
        let correction1 = 1.0 - rate.beta1.powi(self.steps);
        let correction2 = (1.0 - self.beta2.powi(self.steps)).sqrt();
        model.map(&mut Update {
            beta1: rate.beta1,
            beta2: self.beta2,
            // p -= rate / c1 * m / (sqrt(v) / c2 + eps), with c2 multiplied through.
            step_size: rate.learning_rate / correction1 * correction2,
            epsilon: self.epsilon * correction2,
            moments: &mut self.moments,
            gradients,
        })
    }

    /// The same on a GPU, writing into the model's tensors and the moments; the rates are read from
    /// `control` there.
    pub fn step_in_place<M: Module>(
        &mut self,
        model: &M,
        gradients: &mut GradientsParams,
        control: &Tensor<1>,
    ) -> Vec<Token> {
        let mut update = UpdateInPlace {
            beta2: self.beta2,
            moments: &mut self.moments,
            gradients,
            control,
            tokens: Vec::new(),
        };
        model.visit(&mut update);
        update.tokens
    }

    /// Gives the moments, made if they do not exist, memory that [`step_in_place`](Self::step_in_place)
    /// can write to.
    pub fn pack<M: Module>(&mut self, model: &M) {
        model.visit(&mut PackMoments { moments: &mut self.moments });
    }

    /// Steps taken.
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// The moments under the names of `model`'s parameters, `first.*` and `second.*`.
    pub fn record<M: Module>(&self, model: &M) -> NamedTensors {
        let mut record =
            Record { path: Path::default(), moments: &self.moments, out: NamedTensors::default() };
        model.visit(&mut record);
        record.out
    }

    /// Takes back what [`record`](Self::record) gave, on `device`.
    pub fn restore<M: Module>(
        &mut self,
        model: &M,
        tensors: &NamedTensors,
        steps: i32,
        device: &Device,
    ) {
        self.steps = steps;
        model.visit(&mut Restore {
            path: Path::default(),
            moments: &mut self.moments,
            tensors,
            device: device.clone().without_autodiff(),
        });
    }
}

struct Update<'a> {
    beta1: f64,
    beta2: f64,
    step_size: f64,
    epsilon: f64,
    moments: &'a mut HashMap<ParamId, Box<dyn Any + Send>>,
    gradients: GradientsParams,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let held = self.moments.remove(&param.id).and_then(|m| m.downcast::<Moments<D>>().ok());
        let fresh = gradient.clone() * (1.0 - self.beta1);
        let fresh_square = gradient.square() * (1.0 - self.beta2);
        let moments = match held {
            Some(held) => Moments {
                first: held.first * self.beta1 + fresh,
                second: held.second * self.beta2 + fresh_square,
            },
            None => Moments { first: fresh, second: fresh_square },
        };
        let change =
            moments.first.clone() * self.step_size / (moments.second.clone().sqrt() + self.epsilon);
        self.moments.insert(param.id, Box::new(moments));
        let (id, value, mapper) = param.consume();
        let value = value.without_autodiff() - change;
        Param::from_mapped_value(id, Tensor::from_inner(value).require_grad(), mapper)
    }
}

struct UpdateInPlace<'a> {
    beta2: f64,
    moments: &'a mut HashMap<ParamId, Box<dyn Any + Send>>,
    gradients: &'a mut GradientsParams,
    control: &'a Tensor<1>,
    tokens: Vec<Token>,
}

impl ModuleVisitor for UpdateInPlace<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let moments = self.moments.get(&param.id).and_then(|m| m.downcast_ref::<Moments<D>>());
        if let (Some(gradient), Some(moments)) = (self.gradients.remove::<D>(param.id), moments) {
            let value = param.val().without_autodiff();
            let (first, second) = (&moments.first, &moments.second);
            self.tokens.push(in_place::adam(
                &value,
                gradient,
                first,
                second,
                self.control,
                self.beta2,
            ));
        }
    }
}

struct PackMoments<'a> {
    moments: &'a mut HashMap<ParamId, Box<dyn Any + Send>>,
}

impl ModuleVisitor for PackMoments<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        // Running statistics have no gradient and no moments.
        if !value.is_require_grad() {
            return;
        }
        let held = self.moments.remove(&param.id).and_then(|m| m.downcast::<Moments<D>>().ok());
        let moments = match held {
            Some(held) => *held,
            None => {
                let zeros = || Tensor::zeros(value.dims(), &value.device().without_autodiff());
                Moments { first: zeros(), second: zeros() }
            }
        };
        let moments = Moments {
            first: in_place::packed(moments.first),
            second: in_place::packed(moments.second),
        };
        self.moments.insert(param.id, Box::new(moments));
    }
}

struct Record<'a> {
    path: Path,
    moments: &'a HashMap<ParamId, Box<dyn Any + Send>>,
    out: NamedTensors,
}

impl ModuleVisitor for Record<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(moments) =
            self.moments.get(&param.id).and_then(|m| m.downcast_ref::<Moments<D>>())
        {
            let name = self.path.name();
            self.out.insert(format!("first.{name}"), moments.first.to_data());
            self.out.insert(format!("second.{name}"), moments.second.to_data());
        }
    }
}

struct Restore<'a> {
    path: Path,
    moments: &'a mut HashMap<ParamId, Box<dyn Any + Send>>,
    tensors: &'a NamedTensors,
    device: Device,
}

impl ModuleVisitor for Restore<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        let load = |prefix: &str| {
            let data = self.tensors.get(&format!("{prefix}.{name}"))?;
            Some(Tensor::<D>::from_data(data.clone(), &self.device))
        };
        if let (Some(first), Some(second)) = (load("first"), load("second")) {
            self.moments.insert(param.id, Box::new(Moments { first, second }));
        }
    }
}
