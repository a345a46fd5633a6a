//! The guide, one chapter to a module: the same texts are an mdBook in the repository's folder
//! `docs`, where their pictures are. Their code is tested here.

#[doc = include_str!("../../docs/guide/first-variant.md")]
pub mod first_variant {}

#[doc = include_str!("../../docs/guide/derivative.md")]
pub mod derivative {}

#[cfg(feature = "burn")]
#[doc = include_str!("../../docs/guide/learned-parameters.md")]
pub mod learned_parameters {}

#[doc = include_str!("../../docs/guide/sparsity.md")]
pub mod sparsity {}

#[doc = include_str!("../../docs/guide/whole-kernel.md")]
pub mod whole_kernel {}

#[doc = include_str!("../../docs/guide/tuning-table.md")]
pub mod tuning_table {}

#[doc = include_str!("../../docs/guide/explain.md")]
pub mod explain {}
