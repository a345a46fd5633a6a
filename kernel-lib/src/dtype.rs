use core::fmt;

use cubecl::ir::ElemType;
use cubecl::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Device;

/// The element types that attention takes and returns. Sums and softmax are `f32` for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 3] = [DType::F32, DType::F16, DType::Bf16];

    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F16 | DType::Bf16 => 2,
        }
    }

    /// Distance from 1 to the next larger number.
    pub fn epsilon(self) -> f64 {
        match self {
            DType::F32 => f64::from(f32::EPSILON),
            DType::F16 => f64::from(half::f16::EPSILON),
            DType::Bf16 => f64::from(half::bf16::EPSILON),
        }
    }

    /// The element type that kernels see; see `tile/convert.rs`.
    pub(crate) fn elem(self, device: &Device) -> ElemType {
        match self {
            DType::Bf16 if device.is_cpu() => u16::elem_type_native(),
            DType::F32 => f32::elem_type_native(),
            DType::F16 => half::f16::elem_type_native(),
            DType::Bf16 => half::bf16::elem_type_native(),
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::Bf16 => "bf16",
        })
    }
}

impl core::str::FromStr for DType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "f32" => Ok(DType::F32),
            "f16" => Ok(DType::F16),
            "bf16" => Ok(DType::Bf16),
            _ => Err(format!("`{text}` is no element type; use f32, f16 or bf16")),
        }
    }
}
