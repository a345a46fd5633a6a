//! What the attribute macros expand to.

mod any;
mod call;
mod compose;
mod erased;
mod example;
mod gradient;
mod hash;
mod params;
mod position;
mod registry;
mod rows;
mod table;
mod variant;

pub use crate::tile::math;
pub use any::AnyVariant;
#[doc(hidden)]
pub use call::{Gives, gives};
pub use compose::{
    And, AndDevice, HeadPart, HeadParts, Heads, HeadsDevice, HeadsError, Not, NotDevice, Or,
    OrDevice, heads,
};
pub use example::{Example, ExampleSizes, ParamValue};
pub use gradient::{GradientMismatch, check_gradient};
pub use hash::combined_hash;
pub use params::{ParamError, ParamInfo, ParamKind, ParamRange};
pub use position::{Position, PositionExpand};
pub use registry::{RegisteredVariant, UnknownVariant, find, registered};
pub use rows::{
    AnyRowStage, DeviceRowStage, Element, Pairing, RowInput, RowParams, RowStage, RowTarget,
    learned_of_rows,
};
pub(crate) use table::check as check_tables;
pub use table::{
    Along, Coordinate, DeviceTable, DeviceTableExpand, DeviceTableLaunch, Learned, LearnedParam,
    LearnedSite, LearnedStage, MAX_TABLE_RANK, SiteDimension, Table, TableElement, TableError,
    TableParam, TableRead, from_zero,
};
pub use variant::{
    DeviceVariant, LaunchParams, LaunchTarget, Mask, MaskScope, Normaliser, Stages, Variant,
};
