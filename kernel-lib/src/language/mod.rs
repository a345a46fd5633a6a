//! What the attribute macros expand to.

mod any;
mod compose;
mod position;
mod registry;
mod variant;

pub use crate::tile::math;
pub use any::AnyVariant;
pub use compose::{And, AndDevice};
pub use position::{Position, PositionExpand};
pub use registry::{
    ParamError, ParamInfo, ParamKind, RegisteredVariant, UnknownVariant, find, registered,
};
pub use variant::{DeviceVariant, LaunchParams, MaskScope, Stages, Variant};
