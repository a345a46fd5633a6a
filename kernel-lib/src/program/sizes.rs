//! The sizes of a call, by the names that a kernel gives them.

use core::fmt;

/// Sizes by name, in the order in which a kernel's shapes first name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sizes(Vec<(&'static str, usize)>);

impl Sizes {
    /// These sizes.
    pub fn new(sizes: impl IntoIterator<Item = (&'static str, usize)>) -> Self {
        let mut made = Self::default();
        for (name, size) in sizes {
            made.set(name, size);
        }
        made
    }

    /// The size of this name.
    pub fn get(&self, name: &str) -> Option<usize> {
        if name == ONE {
            return Some(1);
        }
        self.0.iter().find(|(known, _)| *known == name).map(|(_, size)| *size)
    }

    /// Replaces or adds a size.
    pub fn set(&mut self, name: &'static str, size: usize) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = size,
            None => self.0.push((name, size)),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().copied()
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(name, n)| format!("{name}={n}")).collect();
        f.pad(&pairs.join(" "))
    }
}

/// The name of a dimension of size one.
pub(crate) const ONE: &str = "1";
