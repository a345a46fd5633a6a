//! Where tables are read, and where gradients of learned parameters go.

use cubecl::server::Handle;

use super::{MAX_TABLE_RANK, TableError};

/// A table of a variant, as the check before a launch sees it.
#[derive(Clone, Debug)]
pub struct TableParam<'a> {
    /// Name of the annotated function.
    pub variant: &'static str,
    /// The parameter's name in it.
    pub name: &'static str,
    /// With how many indices the function reads it; 0 where the parameter is a learned number.
    pub rank: usize,
    /// Whether a mask reads it.
    pub in_mask: bool,
    /// Whether its values decide where other tables are read.
    pub decides: bool,
    /// Sizes of its dimensions.
    pub shape: &'a [usize],
    /// Tells the tables of a program apart.
    pub(crate) number: u64,
    /// Its memory, if it lies on a device.
    pub(crate) home: Option<&'a Handle>,
    /// Why its values could not be read back, if they could not.
    pub(crate) failure: Option<&'a TableError>,
}

/// One element that a variant's function reads at some position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRead {
    /// The table, by its place in [`Variant::tables`](crate::language::Variant::tables).
    pub table: usize,
    /// The index, before it is brought into the table; numbers beyond its rank are 0.
    pub index: [i64; MAX_TABLE_RANK],
}

/// A learned parameter of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnedParam {
    /// Name of the annotated function.
    pub variant: &'static str,
    /// The parameter's name in it.
    pub name: &'static str,
    /// The shape of its values, and of their gradient.
    pub shape: Vec<usize>,
    /// The sites that read it: its gradient is the sum over all of them.
    pub sites: Vec<LearnedSite>,
}

impl LearnedParam {
    /// Number of its elements.
    #[allow(clippy::len_without_is_empty, reason = "a table has at least one element")]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// One place of a function that reads a learned parameter. Equal indices share a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedSite {
    /// Its number in the variant, below
    /// [`DeviceVariant::LEARNED_SITES`](crate::language::DeviceVariant::LEARNED_SITES).
    pub site: usize,
    /// What the index changes with: over the others, gradients may be summed before they are added
    /// to the parameter's.
    pub along: Along,
}

/// Parts of a position that something depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Along {
    /// The sequence.
    pub batch: bool,
    /// The query head.
    pub head: bool,
    /// The query.
    pub query: bool,
    /// The key.
    pub key: bool,
}

impl Along {
    /// What an index changes with, given that of each dimension of a table of this shape: a
    /// dimension of size 1 is the same for every index.
    pub fn of_index(shape: &[usize], dimensions: &[Along]) -> Self {
        let moving = shape.iter().zip(dimensions).filter(|(size, _)| **size > 1);
        moving.fold(Self::default(), |all, (_, one)| Self {
            batch: all.batch || one.batch,
            head: all.head || one.head,
            query: all.query || one.query,
            key: all.key || one.key,
        })
    }
}
