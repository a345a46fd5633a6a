//! `cubek-attention`, Burn's fused attention, which runs in this process on the same tensors.
//!
//! Its fastest routine for a problem is taken: plain units, or tensor cores with as many planes as
//! Burn tries. It has a forward pass and, besides plain attention, a causal mask.

use cubecl::client::Client;
use cubecl::ir::{ElemType, FloatKind, UIntKind};
use cubecl::prelude::TensorBinding;
use cubecl::zspace::{Shape, Strides};
use cubek_attention::forward::definition::{
    AccumulatorPrecision, AttentionGlobalTypes, AttentionOptions,
};
use cubek_attention::forward::launch::{BlueprintStrategy, Strategy, launch_ref};
use cubek_attention::forward::routines::blackbox_accelerated::BlackboxAcceleratedStrategy;
use tilewright::{DType, Pass, Strided};
use tilewright_autotune::timing::{Timer, TimingError};
use tilewright_autotune::workload::Workload;

/// Planes of a cube on tensor cores, as Burn tries them.
const PLANES: [u8; 3] = [2, 4, 8];

/// How it computes one problem.
#[derive(Clone, Debug)]
pub struct Cubek {
    strategy: Strategy,
    causal: bool,
}

/// Why it cannot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CubekError {
    /// It has no gradients.
    #[error("refused: its backward pass is not written yet")]
    Backward,
    /// It has two variants.
    #[error("refused: `{0}` is neither plain attention nor a causal mask")]
    Variant(String),
    /// It said so.
    #[error("refused: {0}")]
    Setup(String),
    /// The device failed.
    #[error("{0}")]
    Timing(#[from] TimingError),
}

impl Cubek {
    /// The fastest of its routines, by one window each after one to compile.
    ///
    /// # Errors
    ///
    /// It cannot run the problem; what its last routine said.
    pub fn fastest(
        timer: &Timer,
        workload: &Workload,
        pass: Pass,
        variant: &str,
    ) -> Result<Self, CubekError> {
        if pass == Pass::Backward {
            return Err(CubekError::Backward);
        }
        let causal = match variant {
            "softmax" => false,
            "causal" => true,
            other => return Err(CubekError::Variant(other.to_owned())),
        };
        let accelerated = |num_planes| {
            let strategy = BlackboxAcceleratedStrategy { num_planes, seq_q: 1, seq_kv: 1 };
            Strategy::BlackboxAccelerated(BlueprintStrategy::Inferred(strategy))
        };
        let unit = Strategy::Unit(BlueprintStrategy::Inferred(()));
        let mut fastest: Option<(f64, Self)> = None;
        let mut refusal = None;
        for strategy in PLANES.map(accelerated).into_iter().chain([unit]) {
            let candidate = Self { strategy, causal };
            let first = candidate.window(timer, workload, 1);
            match first.and_then(|_| candidate.window(timer, workload, 1)) {
                Ok(time) if fastest.as_ref().is_none_or(|(least, _)| time < *least) => {
                    fastest = Some((time, candidate));
                }
                Ok(_) => {}
                Err(why) => refusal = Some(why),
            }
        }
        match (fastest, refusal) {
            (Some((_, candidate)), _) => Ok(candidate),
            (None, Some(why)) => Err(why),
            (None, None) => Err(CubekError::Timing(TimingError::Nothing)),
        }
    }

    /// Nanoseconds of a call, as a mean over one window.
    ///
    /// # Errors
    ///
    /// It refuses, or the device fails.
    pub fn window(
        &self,
        timer: &Timer,
        workload: &Workload,
        calls: usize,
    ) -> Result<f64, CubekError> {
        // What it refuses, it refuses before anything is queued.
        let client = timer.client();
        self.output(client, workload, 0)?;
        let call = |nth| self.output(client, workload, nth).map_err(|_| TimingError::Nothing);
        Ok(timer.window(calls, call)?)
    }

    /// Queues a call on the `nth` set of tensors.
    ///
    /// # Errors
    ///
    /// It refuses.
    pub fn output(
        &self,
        client: &Client,
        workload: &Workload,
        nth: usize,
    ) -> Result<Strided, CubekError> {
        let [q, k, v] = workload.inputs(nth);
        let shape = [q.shape[0], q.shape[1], q.shape[2], v.shape[3]];
        let out = Strided::empty_like(client, q, shape);
        let float = element(q.dtype);
        let types = AttentionGlobalTypes {
            query: float,
            key: float,
            value: float,
            mask: ElemType::UInt(UIntKind::U8),
            out: float,
        };
        let options = AttentionOptions {
            causal: self.causal,
            accumulator_precision: AccumulatorPrecision::Strict(ElemType::Float(FloatKind::F32)),
        };
        launch_ref(
            self.strategy.clone(),
            client,
            binding(q),
            binding(k),
            binding(v),
            None,
            binding(&out),
            &types,
            options,
        )
        .map_err(|error| CubekError::Setup(format!("{error:?}")))?;
        Ok(out)
    }
}

fn element(dtype: DType) -> ElemType {
    ElemType::Float(match dtype {
        DType::F32 => FloatKind::F32,
        DType::F16 => FloatKind::F16,
        DType::Bf16 => FloatKind::BF16,
    })
}

fn binding(tensor: &Strided) -> TensorBinding {
    let (shape, strides) = (Shape::new(tensor.shape), Strides::new(&tensor.strides));
    // SAFETY: a workload's tensors, and outputs made for them, fill their memory.
    unsafe { TensorBinding::from_raw_parts(tensor.handle.clone(), strides, shape) }
}
