use core::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cubecl::client::Client;
use cubecl::prelude::*;
use cubecl::server::Handle;

use super::places::TableParam;
use super::{MAX_TABLE_RANK, clamp};
use crate::{DType, Strided};

/// What a table holds: `f32`, `u32` or `i32`.
pub trait TableElement:
    CubeElement + CubePrimitive + Copy + Default + PartialEq + fmt::Debug
{
    /// Its name in a variant's function.
    const NAME: &'static str;
}

impl TableElement for f32 {
    const NAME: &'static str = "f32";
}

impl TableElement for u32 {
    const NAME: &'static str = "u32";
}

impl TableElement for i32 {
    const NAME: &'static str = "i32";
}

/// Why numbers do not make a table.
// Each variant's message names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Not as many values as the shape has elements.
    #[error("a table of shape {shape:?} has {expected} elements, but {given} values were given")]
    Length { shape: Vec<usize>, expected: usize, given: usize },
    /// No dimension, or more than four.
    #[error("a table has 1 to 4 dimensions, and {shape:?} has {}", shape.len())]
    Rank { shape: Vec<usize> },
    /// A dimension of size 0.
    #[error("a table's dimensions have at least 1 element each, and the shape is {shape:?}")]
    Empty { shape: Vec<usize> },
    /// More elements than 32 bits count.
    #[error("a table of shape {shape:?} is too large: its memory has at most 2^32 - 1 elements")]
    Large { shape: Vec<usize> },
    /// Not one stride for each dimension.
    #[error("a table of shape {shape:?} needs a stride for each dimension, and {given} were given")]
    Strides { shape: Vec<usize>, given: usize },
    /// The memory of a table is smaller than its shape and strides reach.
    #[error("shape and strides of the table reach over {needed} bytes, but its memory has {given}")]
    Memory { needed: usize, given: usize },
    /// A tensor of another element type.
    #[error("a table holds f32, and the tensor is {given}: convert it first")]
    DType { given: DType },
    /// The device did not hand the values over.
    #[error("the values of a table could not be read back from its device: {reason}")]
    Read { reason: String },
}

/// A table of numbers, a parameter of a variant: `Table` holds `f32`.
///
/// It has 1 to 4 dimensions. In a variant's function it is indexed by one integer or a tuple of
/// them; an index outside it means the nearest element that exists, and a call is refused where
/// that would happen. A dimension of size 1 is the same for every index, so a bias
/// `[1, heads, queries, keys]` is shared by the sequences of a batch.
///
/// ```
/// use tilewright::prelude::*;
///
/// let slopes = Table::new([3], vec![0.5f32, 0.25, 0.125])?;
/// assert_eq!(slopes[1u32], 0.25);
/// assert!(Table::new([2, 3], vec![0u32; 5]).is_err());
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
///
/// A copy of a table is the same table: its values are shared, and are copied to a device once.
pub struct Table<T: TableElement = f32>(Arc<Held<T>>);

struct Held<T> {
    /// Tells the tables of a program apart, also from those that are no more.
    id: u64,
    shape: Vec<usize>,
    strides: Vec<usize>,
    values: Values<T>,
}

enum Values<T> {
    /// Row by row, and where they were copied to.
    Host { values: Vec<T>, copies: Mutex<Vec<Handle>> },
    /// On a device, and row by row once somebody asks.
    Device { client: Client, handle: Handle, read: OnceLock<Result<Vec<T>, TableError>> },
}

impl<T: TableElement> Table<T> {
    /// A table of this shape, its values row by row: the last index runs fastest.
    ///
    /// # Errors
    ///
    /// Not as many values as the shape has elements, no dimension or more than four, or one of
    /// size 0.
    pub fn new(shape: impl AsRef<[usize]>, values: Vec<T>) -> Result<Self, TableError> {
        let shape = shape.as_ref().to_vec();
        let expected = check_shape(&shape)?;
        if values.len() != expected {
            return Err(TableError::Length { shape, expected, given: values.len() });
        }
        let strides = row_major(&shape);
        let values = Values::Host { values, copies: Mutex::default() };
        Ok(Self::holding(shape, strides, values))
    }

    /// The table whose values lie in a device's memory, at these strides in elements; nothing is
    /// copied. Kernels read what is there when they run.
    ///
    /// The methods of a variant that run on the host read the values back when first asked for one,
    /// and keep them: that is slow, and for tests. Make a new table of changed memory for them.
    ///
    /// # Errors
    ///
    /// As [`new`](Table::new), or memory smaller than shape and strides reach.
    pub fn on_device(
        client: &Client,
        handle: Handle,
        shape: impl AsRef<[usize]>,
        strides: impl AsRef<[usize]>,
    ) -> Result<Self, TableError> {
        let (shape, strides) = (shape.as_ref().to_vec(), strides.as_ref().to_vec());
        check_shape(&shape)?;
        if strides.len() != shape.len() {
            return Err(TableError::Strides { shape, given: strides.len() });
        }
        let extent = extent(&shape, &strides).filter(|&extent| u32::try_from(extent).is_ok());
        let Some(extent) = extent else { return Err(TableError::Large { shape }) };
        let (needed, given) = (extent * size_of::<T>(), handle.size_in_used() as usize);
        if needed > given {
            return Err(TableError::Memory { needed, given });
        }
        let values = Values::Device { client: client.clone(), handle, read: OnceLock::new() };
        Ok(Self::holding(shape, strides, values))
    }

    /// The same of values that lie row by row.
    ///
    /// # Errors
    ///
    /// As [`on_device`](Table::on_device).
    pub fn dense_on_device(
        client: &Client,
        handle: Handle,
        shape: impl AsRef<[usize]>,
    ) -> Result<Self, TableError> {
        let shape = shape.as_ref();
        Self::on_device(client, handle, shape, row_major(shape))
    }

    /// The number of a table that holds one, if it is on the host.
    pub(super) fn number(&self) -> Option<T> {
        match &self.0.values {
            Values::Host { values, .. } if values.len() == 1 => Some(values[0]),
            _ => None,
        }
    }

    /// A table of one element.
    pub(super) fn of_number(number: T) -> Self {
        let values = Values::Host { values: vec![number], copies: Mutex::default() };
        Self::holding(vec![1], vec![1], values)
    }

    fn holding(shape: Vec<usize>, strides: Vec<usize>, values: Values<T>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Held { id, shape, strides, values }))
    }

    /// A number that tells it apart from every other table of the program; a copy is the same table.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Sizes of its dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// Number of its dimensions.
    pub fn rank(&self) -> usize {
        self.0.shape.len()
    }

    /// Number of its elements.
    #[allow(clippy::len_without_is_empty, reason = "a table has at least one element")]
    pub fn len(&self) -> usize {
        self.0.shape.iter().product()
    }

    /// Its values, row by row. Those of a table on a device are read back at the first call.
    ///
    /// # Errors
    ///
    /// The device does not hand them over.
    pub fn values(&self) -> Result<&[T], TableError> {
        match &self.0.values {
            Values::Host { values, .. } => Ok(values),
            Values::Device { client, handle, read } => {
                let read = read.get_or_init(|| self.read_back(client, handle));
                read.as_deref().map_err(TableError::clone)
            }
        }
    }

    fn read_back(&self, client: &Client, handle: &Handle) -> Result<Vec<T>, TableError> {
        let bytes = client
            .read_one(handle.clone())
            .map_err(|error| TableError::Read { reason: error.to_string() })?;
        let memory = T::from_bytes(&bytes);
        let value = |place: usize| {
            let (mut rest, mut at) = (place, 0);
            for (size, stride) in self.shape().iter().zip(self.strides()).rev() {
                at += rest % size * stride;
                rest /= size;
            }
            memory[at]
        };
        Ok((0..self.len()).map(value).collect())
    }

    /// The value that a variant's function sees at this index, one number for each dimension. Of a
    /// table whose values cannot be read back, it is the type's default.
    pub fn at(&self, index: &[i64]) -> T {
        let values = self.values().unwrap_or_default();
        values.get(self.place(index)).copied().unwrap_or_default()
    }

    /// The number, in row-major order, of the element that an index means.
    pub fn place(&self, index: &[i64]) -> usize {
        let clamped = index.iter().zip(self.shape());
        clamped.fold(0, |place, (&index, &size)| place * size + clamp(index, size))
    }

    /// What a check before a launch must know of it.
    pub fn param(
        &self,
        variant: &'static str,
        name: &'static str,
        rank: usize,
        in_mask: bool,
        decides: bool,
    ) -> TableParam<'_> {
        let (home, failure) = match &self.0.values {
            Values::Host { .. } => (None, None),
            Values::Device { handle, read, .. } => {
                let failure = read.get().and_then(|read| read.as_ref().err());
                (Some(handle), failure)
            }
        };
        TableParam {
            variant,
            name,
            rank,
            in_mask,
            decides,
            shape: self.shape(),
            id: self.id(),
            home,
            failure,
        }
    }

    /// Strides of its dimensions on a device, in elements.
    pub(super) fn strides(&self) -> &[usize] {
        &self.0.strides
    }

    /// Elements of memory from the first to the last.
    pub(super) fn extent(&self) -> usize {
        extent(self.shape(), self.strides()).unwrap_or_default()
    }

    /// Its memory on the client's device: copied there if it came from the host and was not yet.
    pub(crate) fn upload(&self, client: &Client) -> Handle {
        match &self.0.values {
            Values::Device { handle, .. } => handle.clone(),
            Values::Host { values, copies } => {
                let mut copies = copies.lock().unwrap_or_else(PoisonError::into_inner);
                let there = copies.iter().find(|copy| copy.service == client.service_id());
                if let Some(handle) = there {
                    return handle.clone();
                }
                let handle = client.create_from_slice(T::as_bytes(values));
                copies.push(handle.clone());
                handle
            }
        }
    }
}

impl Table {
    /// A tensor as a table of four dimensions; nothing is copied. See
    /// [`on_device`](Table::on_device).
    ///
    /// # Errors
    ///
    /// A tensor that is not `f32`, or has no element.
    pub fn from_tensor(client: &Client, tensor: &Strided) -> Result<Self, TableError> {
        if tensor.dtype != DType::F32 {
            return Err(TableError::DType { given: tensor.dtype });
        }
        Self::on_device(client, tensor.handle.clone(), tensor.shape, tensor.strides)
    }
}

/// How many elements a table of this shape has.
fn check_shape(shape: &[usize]) -> Result<usize, TableError> {
    let shape_given = || shape.to_vec();
    if shape.is_empty() || shape.len() > MAX_TABLE_RANK {
        return Err(TableError::Rank { shape: shape_given() });
    }
    if shape.contains(&0) {
        return Err(TableError::Empty { shape: shape_given() });
    }
    let len = shape.iter().try_fold(1usize, |len, &size| len.checked_mul(size));
    len.filter(|&len| u32::try_from(len).is_ok())
        .ok_or_else(|| TableError::Large { shape: shape_given() })
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for d in (1..shape.len()).rev() {
        // Too large a shape is refused later.
        strides[d - 1] = strides[d].saturating_mul(shape[d]);
    }
    strides
}

/// Elements of memory from the first to the last, unless that is no number.
fn extent(shape: &[usize], strides: &[usize]) -> Option<usize> {
    shape.iter().zip(strides).try_fold(1usize, |extent, (&size, &stride)| {
        extent.checked_add((size - 1).checked_mul(stride)?)
    })
}

impl<T: TableElement> Clone for Table<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The same table, or two with the same values on the host.
impl<T: TableElement> PartialEq for Table<T> {
    fn eq(&self, other: &Self) -> bool {
        let same_values = match (&self.0.values, &other.0.values) {
            (Values::Host { values, .. }, Values::Host { values: others, .. }) => values == others,
            _ => false,
        };
        Arc::ptr_eq(&self.0, &other.0) || (self.0.shape == other.0.shape && same_values)
    }
}

impl<T: TableElement> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table<{}>{:?}", T::NAME, self.shape())
    }
}

/// Its shape.
impl<T: TableElement> fmt::Display for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shape())
    }
}
