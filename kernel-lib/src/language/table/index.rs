use core::ops::Index;

use super::{Table, TableElement};

/// An integer that indexes a [`Table`].
pub trait TableIndex {
    /// As a number that every index is.
    fn number(self) -> i64;
}

impl TableIndex for u32 {
    fn number(self) -> i64 {
        self.into()
    }
}

impl TableIndex for i32 {
    fn number(self) -> i64 {
        self.into()
    }
}

/// Indexing as in a variant's function.
///
/// # Panics
///
/// Where the values of a table on a device cannot be read back.
macro_rules! index {
    (<$($A:ident),+> $index:ty, $name:pat => $numbers:expr) => {
        impl<T: TableElement, $($A: TableIndex),+> Index<$index> for Table<T> {
            type Output = T;

            fn index(&self, $name: $index) -> &T {
                match self.values() {
                    Ok(values) => &values[self.place(&$numbers)],
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
}

index!(<A> (A,), (a,) => [a.number()]);
index!(<A, B> (A, B), (a, b) => [a.number(), b.number()]);
index!(<A, B, C> (A, B, C), (a, b, c) => [a.number(), b.number(), c.number()]);
index!(
    <A, B, C, D> (A, B, C, D),
    (a, b, c, d) => [a.number(), b.number(), c.number(), d.number()]
);

impl<T: TableElement> Index<u32> for Table<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        &self[(index,)]
    }
}

impl<T: TableElement> Index<i32> for Table<T> {
    type Output = T;

    fn index(&self, index: i32) -> &T {
        &self[(index,)]
    }
}
