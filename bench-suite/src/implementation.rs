//! Whose code is measured.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Whose code computes attention.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Implementation {
    /// This library
    #[default]
    #[value(skip)]
    Tilewright,
    /// PyTorch: the formula as it is written
    Vanilla,
    /// PyTorch: the same through torch.compile
    VanillaCompiled,
    /// PyTorch: scaled_dot_product_attention with FlashAttention
    SdpaFlash,
    /// PyTorch: scaled_dot_product_attention with the memory-efficient kernels
    SdpaEfficient,
    /// PyTorch: scaled_dot_product_attention with cuDNN
    SdpaCudnn,
    /// PyTorch: FlexAttention, compiled
    Flex,
    /// FlashAttention-2 written in Triton, tuned for the problem
    Triton,
    /// Burn's: cubek-attention, its fastest routine for the problem
    Cubek,
}

impl Implementation {
    /// Everyone, in the order of tables and pictures.
    pub const ALL: [Self; 9] = [
        Self::Tilewright,
        Self::Vanilla,
        Self::VanillaCompiled,
        Self::SdpaFlash,
        Self::SdpaEfficient,
        Self::SdpaCudnn,
        Self::Flex,
        Self::Triton,
        Self::Cubek,
    ];

    /// Whether it needs a Python interpreter.
    pub fn is_python(self) -> bool {
        !matches!(self, Self::Tilewright | Self::Cubek)
    }

    /// The name in results and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tilewright => "tilewright",
            Self::Vanilla => "vanilla",
            Self::VanillaCompiled => "vanilla_compiled",
            Self::SdpaFlash => "sdpa_flash",
            Self::SdpaEfficient => "sdpa_efficient",
            Self::SdpaCudnn => "sdpa_cudnn",
            Self::Flex => "flex",
            Self::Triton => "triton",
            Self::Cubek => "cubek",
        }
    }

    /// The name in tables and pictures.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tilewright => "Tilewright",
            Self::Vanilla => "vanilla",
            Self::VanillaCompiled => "vanilla compiled",
            Self::SdpaFlash => "SDPA flash",
            Self::SdpaEfficient => "SDPA efficient",
            Self::SdpaCudnn => "SDPA cuDNN",
            Self::Flex => "FlexAttention",
            Self::Triton => "Triton",
            Self::Cubek => "cubek",
        }
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json_and_of_the_command_line() {
        for one in Implementation::ALL {
            assert_eq!(serde_json::to_value(one).expect("JSON"), one.name());
            let value = one.to_possible_value().map(|value| value.get_name().to_owned());
            let ours = one == Implementation::Tilewright;
            assert_eq!(value.as_deref(), (!ours).then_some(one.name()));
        }
    }
}
