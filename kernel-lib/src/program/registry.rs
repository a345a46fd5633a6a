//! Every kernel of the program, by name.

use super::kernel::Kernel;

/// An entry of the registry; `#[kernel]` writes one for each function.
pub struct Registered(pub &'static Kernel);

inventory::collect!(Registered);

/// Every kernel of the program, in every crate, sorted by name.
pub fn kernels() -> impl Iterator<Item = &'static Kernel> {
    let mut all: Vec<&'static Kernel> =
        inventory::iter::<Registered>.into_iter().map(|entry| entry.0).collect();
    all.sort_by_key(|kernel| (kernel.name, kernel.module));
    all.into_iter()
}

/// The kernel of this name, or of this path where two modules have one of the same name.
///
/// # Errors
///
/// No kernel has this name, or more than one has.
pub fn find_kernel(name: &str) -> Result<&'static Kernel, UnknownKernel> {
    let (module, short) = match name.rsplit_once("::") {
        Some((module, short)) => (Some(module), short),
        None => (None, name),
    };
    let found: Vec<&'static Kernel> = kernels()
        .filter(|kernel| kernel.name == short)
        .filter(|kernel| module.is_none_or(|module| kernel.module == module))
        .collect();
    match found.as_slice() {
        [kernel] => Ok(kernel),
        [] => Err(UnknownKernel::Nowhere {
            name: name.to_owned(),
            known: kernels().map(|kernel| kernel.name).collect(),
        }),
        several => Err(UnknownKernel::Several {
            name: name.to_owned(),
            paths: several.iter().map(|k| format!("{}::{}", k.module, k.name)).collect(),
        }),
    }
}

/// A name that stands for no kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownKernel {
    /// Nothing is called that.
    #[error("no kernel is called `{name}`; there are: {}", known.join(", "))]
    Nowhere {
        /// The name that was asked for.
        name: String,
        /// Every name.
        known: Vec<&'static str>,
    },
    /// More than one function has the name.
    #[error("`{name}` is more than one kernel; write one of: {}", paths.join(", "))]
    Several {
        /// The name that was asked for.
        name: String,
        /// Their full paths.
        paths: Vec<String>,
    },
}
