//! What the attribute macros expand to.

mod any;
mod compose;
mod example;
mod position;
mod registry;
mod table;
mod variant;

pub use crate::tile::math;
pub use any::AnyVariant;
pub use compose::{
    And, AndDevice, HeadPart, HeadParts, Heads, HeadsDevice, HeadsError, Not, NotDevice, Or,
    OrDevice, heads,
};
pub use example::{Example, ExampleSizes, ParamValue};
pub use position::{Position, PositionExpand};
pub use registry::{
    ParamError, ParamInfo, ParamKind, RegisteredVariant, UnknownVariant, find, registered,
};
pub(crate) use table::check as check_tables;
pub use table::{
    Along, Coordinate, DeviceTable, DeviceTableExpand, DeviceTableLaunch, Learned, LearnedParam,
    LearnedSite, MAX_TABLE_RANK, SiteDimension, Table, TableElement, TableError, TableParam,
    TableRead, from_zero,
};
pub use variant::{
    DeviceVariant, LaunchParams, LaunchTarget, Mask, MaskScope, Normaliser, Stages, Variant,
};
