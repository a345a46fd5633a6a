use core::fmt;
use core::ops::Deref;

use super::Table;

/// A learned number, a parameter of a variant marked `#[learned]`: a table of one element, so that
/// kernels read it where an optimizer left it.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned(Table);

impl From<f32> for Learned {
    fn from(number: f32) -> Self {
        Self(Table::of_number(number))
    }
}

impl Learned {
    /// The number, unless it lies on a device.
    pub fn number(&self) -> Option<f32> {
        self.0.number()
    }
}

/// A table of one element; a call refuses one of more.
impl From<Table> for Learned {
    fn from(table: Table) -> Self {
        Self(table)
    }
}

impl Deref for Learned {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.0
    }
}

/// The number, or what there is to say of one that is not on the host.
impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "{number}"),
            None => write!(f, "{}", self.0),
        }
    }
}
