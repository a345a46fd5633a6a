//! Attention with blocks of keys flowing past: sequences of any length (FlashAttention-2,
//! arXiv 2307.08691).

pub mod backward;
pub mod forward;
pub mod planes;
