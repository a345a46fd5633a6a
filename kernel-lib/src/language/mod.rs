//! What the attribute macros expand to.

mod any;
mod call;
mod compose;
mod gradient;
mod hash;
mod position;
mod registry;
mod variant;

pub use crate::tile::math;
pub use any::AnyVariant;
#[doc(hidden)]
pub use call::{Gives, gives};
pub use compose::{And, AndDevice};
pub use gradient::{GradientMismatch, check_gradient};
pub use hash::combined_hash;
pub use position::{Position, PositionExpand};
pub use registry::{
    ParamError, ParamInfo, ParamKind, RegisteredVariant, UnknownVariant, find, registered,
};
pub use variant::{DeviceVariant, LaunchParams, Stages, Variant};
