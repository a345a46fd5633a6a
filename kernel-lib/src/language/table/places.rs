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
    pub(crate) id: u64,
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
    /// The table that holds its values, by its [`id`](crate::language::Table::id): parameters that
    /// share a table have it in common.
    pub table: u64,
    /// The shape of its values, and of their gradient.
    pub shape: Vec<usize>,
    /// Whether it belongs to a stage of queries, keys or the output.
    pub of_rows: bool,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnedSite {
    /// Its number in the variant, below
    /// [`DeviceVariant::LEARNED_SITES`](crate::language::DeviceVariant::LEARNED_SITES).
    pub site: usize,
    /// The stage whose function it stands in.
    pub stage: LearnedStage,
    /// What the index changes with: over the others, gradients may be summed before they are added
    /// to the parameter's.
    pub along: Along,
    /// What is known of the index in each dimension of the parameter; none of a learned number.
    pub dimensions: Vec<SiteDimension>,
}

impl LearnedSite {
    /// A site that reads a parameter of this shape. A dimension of size 1 is the same for every
    /// index: nothing is known of it but that.
    pub fn new(
        site: usize,
        stage: LearnedStage,
        shape: &[usize],
        mut dimensions: Vec<SiteDimension>,
    ) -> Self {
        let mut along = Along::default();
        for (dimension, &size) in dimensions.iter_mut().zip(shape) {
            if size == 1 {
                *dimension = SiteDimension::default();
            }
            along = along.union(dimension.along);
        }
        Self { site, stage, along, dimensions }
    }
}

/// Stages of attention that may have learned parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LearnedStage {
    /// A `#[score_mod]`.
    Score,
    /// A `#[weight_mod]`: the factor of a weight.
    Weight,
    /// A `#[sink_mod]`: the logit of a row for attending to nothing.
    Sink,
    /// A stage of queries, keys or the output, which is listed by that stage alone.
    Rows,
}

/// The index of a site in one dimension of its parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteDimension {
    /// What it changes with.
    pub along: Along,
    /// What it is, if it is a coordinate of the position and nothing else: different coordinates
    /// then mean different elements, as far as the dimension reaches.
    pub exactly: Option<Coordinate>,
}

/// A coordinate of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coordinate {
    /// The sequence.
    Batch,
    /// The query head.
    Head,
    /// The query.
    Query,
    /// The key.
    Key,
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
    /// What two things depend on between them.
    pub fn union(self, other: Self) -> Self {
        Self {
            batch: self.batch || other.batch,
            head: self.head || other.head,
            query: self.query || other.query,
            key: self.key || other.key,
        }
    }
}
