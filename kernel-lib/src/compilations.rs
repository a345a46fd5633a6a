//! How many kernels a program needs compiled.
//!
//! A kernel is compiled when it is first launched: for its variant, its plan, and whatever else its
//! text depends on. [`Compilations`] counts what is launched for the first time while it watches.
//!
//! ```
//! use tilewright::Compilations;
//! use tilewright::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, _) = tilewright::open_device("cpu")?;
//! let options = AttentionOptions { dynamic_lengths: true, ..AttentionOptions::default() };
//! let attend = |seq| {
//!     let q = Strided::empty(&client, [1, 2, seq, 4], DType::F32);
//!     attention(&client, &q, &q, &q, causal(), &options)
//! };
//! let mut compilations = Compilations::watch();
//! attend(7)?;
//! assert_eq!(compilations.count_new(), 1);
//! attend(300)?;
//! assert_eq!(compilations.count_new(), 0);
//! # Ok(())
//! # }
//! ```

use std::collections::HashSet;

use cubecl::hash::StableHash;
use cubecl::launched::LaunchedKernels;

/// Counts kernels that are launched for the first time since it watches, by every thread and on
/// every device of the process, Burn's own among them. Each is compiled then, unless an earlier
/// launch or the cache on disk had it already.
#[derive(Debug)]
pub struct Compilations {
    seen: HashSet<StableHash>,
    watch: LaunchedKernels,
}

impl Compilations {
    /// Watches from now on.
    pub fn watch() -> Self {
        Self { seen: HashSet::new(), watch: LaunchedKernels::new() }
    }

    /// How many were launched for the first time since this was last asked.
    pub fn count_new(&mut self) -> usize {
        let since = core::mem::replace(&mut self.watch, LaunchedKernels::new()).finish();
        since.into_iter().filter(|kernel| self.seen.insert(*kernel)).count()
    }

    /// How many there had been when it was last asked.
    pub fn count_all(&self) -> usize {
        self.seen.len()
    }
}
