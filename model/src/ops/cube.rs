//! The primitives on CubeCL devices.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::{CubeCount, CubeDim};

use super::columns::{self, Pass};
use super::extension::ModelBackend;
use super::{fixed_kernels, mask};

impl ModelBackend for CubeBackend {
    fn product(lhs: CubeTensor, rhs: CubeTensor, dtype: DType) -> CubeTensor {
        let strategy =
            if fixed_kernels() { MatmulStrategy::Cube } else { MatmulStrategy::default() };
        match matmul(lhs, rhs, None, strategy, dtype) {
            Ok(result) => result,
            // Burn's operators return tensors, not results.
            Err(error) => panic!("matrix product: {error:?}"),
        }
    }

    fn masked(x: CubeTensor, control: CubeTensor, site: u32, keep: f64) -> CubeTensor {
        let x = into_contiguous(x);
        let (client, shape, x_dtype) = (x.client.clone(), x.shape(), x.dtype);
        let y =
            empty_device_contiguous_dtype(client.clone(), x.device.clone(), shape.clone(), x_dtype);
        let (count, dim) = elementwise(shape.num_elements());
        mask::masked::launch(
            &client,
            count,
            dim,
            x.into_tensor_arg(),
            control.into_tensor_arg(),
            y.clone().into_tensor_arg(),
            site,
            mask::threshold(keep),
            (1.0 / keep) as f32,
            elem(x_dtype),
        );
        y
    }

    fn column_sums(x: CubeTensor) -> CubeTensor {
        reduce(Pass::Sum, x, None).0
    }

    fn column_statistics(x: CubeTensor) -> (CubeTensor, CubeTensor) {
        reduce(Pass::Statistics, x, None)
    }

    fn normalised_sums(
        x: CubeTensor,
        mean: CubeTensor,
        inverse: CubeTensor,
        dy: CubeTensor,
    ) -> (CubeTensor, CubeTensor) {
        reduce(Pass::Normalised, x, Some([mean, inverse, dy]))
    }
}

/// The element type that kernels see. Activations have no others.
fn elem(dtype: DType) -> ElemType {
    match dtype {
        DType::F32 => FloatKind::F32.into(),
        DType::BF16 => FloatKind::BF16.into(),
        other => panic!("the model's operators take f32 and bf16 tensors, and this is {other:?}"),
    }
}

/// One unit for each element. Grids are widest along x.
pub(super) fn elementwise(elements: usize) -> (CubeCount, CubeDim) {
    (CubeCount::Static(elements.div_ceil(UNITS) as u32, 1, 1), CubeDim::new_1d(UNITS as u32))
}

/// Units in a cube.
const UNITS: usize = 256;
/// Rows for which one unit of a cube is worth starting.
const ROWS_PER_UNIT: usize = 8;
/// Cubes along the rows, at most: a few for each multiprocessor of a large GPU.
const MOST_PARTS: usize = 256;

/// Two passes: each cube sums a stretch of rows, then one cube for each block of columns sums the
/// stretches. The order is fixed, so the same input gives the same bits.
fn reduce(pass: Pass, x: CubeTensor, more: Option<[CubeTensor; 3]>) -> (CubeTensor, CubeTensor) {
    let x = into_contiguous(x);
    let [rows, columns] = x.shape().dims::<2>();
    let (client, device, elem) = (x.client.clone(), x.device.clone(), elem(x.dtype));
    let empty = |shape: [usize; 2]| {
        let shape = Shape::new(shape);
        empty_device_contiguous_dtype(client.clone(), device.clone(), shape, DType::F32)
    };
    let (out_first, out_second) = (empty([1, columns]), empty([1, columns]));
    let [mean, inverse, dy] = match more {
        Some(more) => more.map(into_contiguous),
        // Not read by the other passes; a kernel's arguments are fixed, and so are their types.
        None => [out_first.clone(), out_second.clone(), x.clone()],
    };
    let lanes = columns.next_power_of_two().clamp(8, 32);
    let ranks = UNITS / lanes;
    let parts = rows.div_ceil(ranks * ROWS_PER_UNIT).clamp(1, MOST_PARTS);
    let stretch = rows.div_ceil(parts);
    let blocks = columns.div_ceil(lanes) as u32;
    let dim = CubeDim::new_2d(lanes as u32, ranks as u32);

    let (first, second) = (empty([parts, columns]), empty([parts, columns]));
    columns::partial::launch(
        &client,
        CubeCount::Static(blocks, parts as u32, 1),
        dim,
        x.clone().into_tensor_arg(),
        mean.into_tensor_arg(),
        inverse.into_tensor_arg(),
        dy.into_tensor_arg(),
        first.clone().into_tensor_arg(),
        second.clone().into_tensor_arg(),
        stretch,
        pass,
        lanes as u32,
        ranks as u32,
        elem,
    );
    columns::combine::launch(
        &client,
        CubeCount::Static(blocks, 1, 1),
        dim,
        first.into_tensor_arg(),
        second.into_tensor_arg(),
        x.into_tensor_arg(),
        out_first.clone().into_tensor_arg(),
        out_second.clone().into_tensor_arg(),
        rows,
        pass,
        lanes as u32,
        ranks as u32,
        elem,
    );
    (out_first, out_second)
}
