//! Parameters that are tables of numbers, and single numbers that are learned.

mod device;
mod host;
mod index;
mod learned;
mod places;
mod range;

pub use device::{DeviceTable, DeviceTableExpand, DeviceTableLaunch, from_zero};
pub use host::{Table, TableElement, TableError};
pub use learned::Learned;
pub(crate) use range::{check, needed};

pub use places::{
    Along, Coordinate, LearnedParam, LearnedSite, LearnedStage, SiteDimension, TableParam,
    TableRead,
};

/// The most dimensions of a table.
pub const MAX_TABLE_RANK: usize = 4;

/// The element of dimension `dimension` that `index` means: the nearest that exists. A dimension
/// of size 1 is the same for every index.
fn clamp(index: i64, size: usize) -> usize {
    index.clamp(0, size as i64 - 1) as usize
}
