//! Operators of a GPU that write into tensors that exist.
//!
//! Burn's tensors are values: an update makes a new one. A step that is recorded once and replayed
//! must find its weights where it left them, so here Adam's update, the running statistics and the
//! inputs of a step are written where they lie. Burn does not know of these writes, so the caller
//! keeps them apart from what reads the same tensors, by flushing the device in between, and holds
//! the tokens they return until then: an operator whose result nobody wants may not run.

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::{CubeCount, CubeDim};

use super::cube::elementwise;
use super::writes;

/// What an operator in place returns, to be held until the device is flushed.
pub type Token = Tensor<1>;

/// A copy of `x` without gaps between its rows, which the operators here need.
pub fn packed<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as InPlaceBackend>::packed(x.into_dispatch()))
}

/// `target[..] = source`, of the same number of elements.
pub fn overwrite(target: &Tensor<1>, source: Tensor<1>) -> Token {
    let token = <Dispatch as InPlaceBackend>::overwrite(
        target.clone().into_dispatch(),
        source.into_dispatch(),
    );
    Tensor::from_dispatch(token)
}

/// Adam's update of a parameter and its moments, by the rates in `control`.
pub fn adam<const D: usize>(
    parameter: &Tensor<D>,
    gradient: Tensor<D>,
    first: &Tensor<D>,
    second: &Tensor<D>,
    control: &Tensor<1>,
    beta2: f64,
) -> Token {
    let token = <Dispatch as InPlaceBackend>::adam_update(
        parameter.clone().into_dispatch(),
        gradient.into_dispatch(),
        first.clone().into_dispatch(),
        second.clone().into_dispatch(),
        control.clone().into_dispatch(),
        beta2,
    );
    Tensor::from_dispatch(token)
}

/// `running += momentum * (factor * batch - running)`
pub fn follow(running: &Tensor<1>, batch: Tensor<1>, momentum: f64, factor: f64) -> Token {
    let token = <Dispatch as InPlaceBackend>::follow(
        running.clone().into_dispatch(),
        batch.into_dispatch(),
        momentum,
        factor,
    );
    Tensor::from_dispatch(token)
}

/// Writes `value` into the slot of `ring` that `control` names.
pub fn record(ring: &Tensor<1>, value: Tensor<1>, control: &Tensor<1>) -> Token {
    let token = <Dispatch as InPlaceBackend>::record(
        ring.clone().into_dispatch(),
        value.into_dispatch(),
        control.clone().into_dispatch(),
    );
    Tensor::from_dispatch(token)
}

/// A backend whose tensors can be written in place.
#[backend_extension(Cube, Fusion)]
pub trait InPlaceBackend: Backend {
    #[fusion(meta = |x| x.clone())]
    fn packed(x: FloatTensor<Self>) -> FloatTensor<Self>;

    #[fusion(meta = |target, _source| token(target))]
    fn overwrite(target: FloatTensor<Self>, source: FloatTensor<Self>) -> FloatTensor<Self>;

    #[fusion(meta = |parameter, _gradient, _first, _second, _control, _beta2| token(parameter))]
    fn adam_update(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        control: FloatTensor<Self>,
        beta2: f64,
    ) -> FloatTensor<Self>;

    #[fusion(meta = |running, _batch, _momentum, _factor| token(running))]
    fn follow(
        running: FloatTensor<Self>,
        batch: FloatTensor<Self>,
        momentum: f64,
        factor: f64,
    ) -> FloatTensor<Self>;

    #[fusion(meta = |ring, _value, _control| token(ring))]
    fn record(
        ring: FloatTensor<Self>,
        value: FloatTensor<Self>,
        control: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

fn token(like: &TensorSpec) -> TensorSpec {
    TensorSpec::new(Shape::new([1]), like.dtype)
}

impl InPlaceBackend for CubeBackend {
    fn packed(x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let y = empty(&x, x.shape());
        let (count, dim) = elementwise(x.shape().num_elements());
        let client = x.client.clone();
        writes::overwrite::launch(
            &client,
            count,
            dim,
            x.into_tensor_arg(),
            y.clone().into_tensor_arg(),
        );
        y
    }

    fn overwrite(target: CubeTensor, source: CubeTensor) -> CubeTensor {
        let source = into_contiguous(source);
        let token = empty(&target, Shape::new([1]));
        let (count, dim) = elementwise(target.shape().num_elements());
        let client = target.client.clone();
        writes::overwrite::launch(
            &client,
            count,
            dim,
            source.into_tensor_arg(),
            dense(target).into_tensor_arg(),
        );
        token
    }

    fn adam_update(
        parameter: CubeTensor,
        gradient: CubeTensor,
        first: CubeTensor,
        second: CubeTensor,
        control: CubeTensor,
        beta2: f64,
    ) -> CubeTensor {
        let gradient = into_contiguous(gradient);
        let token = empty(&parameter, Shape::new([1]));
        let (count, dim) = elementwise(parameter.shape().num_elements());
        let client = parameter.client.clone();
        writes::adam::launch(
            &client,
            count,
            dim,
            gradient.into_tensor_arg(),
            control.into_tensor_arg(),
            dense(parameter).into_tensor_arg(),
            dense(first).into_tensor_arg(),
            dense(second).into_tensor_arg(),
            beta2 as f32,
        );
        token
    }

    fn follow(running: CubeTensor, batch: CubeTensor, momentum: f64, factor: f64) -> CubeTensor {
        let batch = into_contiguous(batch);
        let token = empty(&running, Shape::new([1]));
        let (count, dim) = elementwise(running.shape().num_elements());
        let client = running.client.clone();
        writes::follow::launch(
            &client,
            count,
            dim,
            batch.into_tensor_arg(),
            dense(running).into_tensor_arg(),
            momentum as f32,
            factor as f32,
        );
        token
    }

    fn record(ring: CubeTensor, value: CubeTensor, control: CubeTensor) -> CubeTensor {
        let token = empty(&ring, Shape::new([1]));
        let client = ring.client.clone();
        writes::record::launch(
            &client,
            CubeCount::Static(1, 1, 1),
            CubeDim::new_1d(1),
            value.into_tensor_arg(),
            control.into_tensor_arg(),
            dense(ring).into_tensor_arg(),
        );
        token
    }
}

fn empty(like: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, like.dtype)
}

/// `target` itself, which must have been made by [`packed`]: a copy would take the write elsewhere.
fn dense(target: CubeTensor) -> CubeTensor {
    let (shape, strides) = (target.meta.shape(), target.meta.strides());
    let mut step = 1;
    for (size, stride) in shape.iter().zip(strides.iter()).rev() {
        assert!(
            *size == 1 || *stride == step,
            "a tensor written in place has gaps: {shape:?} with strides {strides:?}"
        );
        step *= size;
    }
    target
}
