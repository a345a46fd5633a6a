//! Variants made of variants: one file for each kind.

mod and;
mod heads;
mod joined;
mod not;
mod or;

pub use and::{And, AndDevice};
pub use heads::{HeadPart, HeadParts, Heads, HeadsDevice, HeadsError, heads};
pub use not::{Not, NotDevice};
pub use or::{Or, OrDevice};

/// A hash of a kind of composition and its parts' hashes, in their order (FNV-1a).
fn source_hash(kind: &str, parts: &[u64]) -> u64 {
    let parts = parts.iter().flat_map(|part| part.to_le_bytes());
    kind.bytes().chain(parts).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
