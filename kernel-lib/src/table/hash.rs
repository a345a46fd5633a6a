//! A hash of the kernels' source text, so that a table says which kernels it measured.

use std::sync::OnceLock;

/// Files under `src`, each with its text.
macro_rules! sources {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../", $path)))),+]
    };
}

/// Every file that decides what a kernel does, relative to `src`.
const SOURCES: &[(&str, &str)] = sources![
    "algorithms/gradient.rs",
    "algorithms/launch.rs",
    "algorithms/learned/cells.rs",
    "algorithms/learned/launch.rs",
    "algorithms/learned/mod.rs",
    "algorithms/learned/scatter.rs",
    "algorithms/learned/sinks.rs",
    "algorithms/learned/sums.rs",
    "algorithms/learned/work.rs",
    "algorithms/mod.rs",
    "algorithms/resident/backward.rs",
    "algorithms/resident/forward.rs",
    "algorithms/resident/mod.rs",
    "algorithms/resident/planes/backward.rs",
    "algorithms/resident/planes/fold.rs",
    "algorithms/resident/planes/forward.rs",
    "algorithms/resident/planes/mod.rs",
    "algorithms/resident/planes/parts.rs",
    "algorithms/resident/planes/per_query.rs",
    "algorithms/resident/planes/softmax.rs",
    "algorithms/resident/planes/stages.rs",
    "algorithms/resident/planes/tile_map.rs",
    "algorithms/rows/cells.rs",
    "algorithms/rows/gradients.rs",
    "algorithms/rows/launch.rs",
    "algorithms/rows/mod.rs",
    "algorithms/rows/values.rs",
    "algorithms/scores.rs",
    "algorithms/softmax.rs",
    "algorithms/streaming/backward.rs",
    "algorithms/streaming/forward.rs",
    "algorithms/streaming/mod.rs",
    "algorithms/streaming/planes/backward_keys.rs",
    "algorithms/streaming/planes/backward_queries.rs",
    "algorithms/streaming/planes/block_list.rs",
    "algorithms/streaming/planes/delta.rs",
    "algorithms/streaming/planes/forward.rs",
    "algorithms/streaming/planes/launch.rs",
    "algorithms/streaming/planes/learned_cells.rs",
    "algorithms/streaming/planes/learned_launch.rs",
    "algorithms/streaming/planes/mod.rs",
    "algorithms/streaming/planes/query_rows.rs",
    "algorithms/streaming/planes/stream.rs",
    "tile/chip.rs",
    "tile/chip/shape.rs",
    "tile/convert.rs",
    "tile/elements.rs",
    "tile/exp.rs",
    "tile/fragment.rs",
    "tile/math.rs",
    "tile/mod.rs",
    "tile/operand.rs",
    "tile/ptx.rs",
    "tile/rows.rs",
    "tile/simt.rs",
    "tile/stage.rs",
    "tile/team.rs",
];

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a of the kernels' source text, as 16 hexadecimal digits.
///
/// It depends on nothing but the text: two builds of the same sources agree, on any machine.
pub fn kernel_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let mut hash = OFFSET;
        for (name, text) in SOURCES {
            // Line ends may differ from checkout to checkout.
            for byte in name.bytes().chain(text.bytes().filter(|&b| b != b'\r')) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
            }
        }
        format!("{hash:016x}")
    })
}

/// The files that [`kernel_hash`] covers, relative to `src`.
pub fn kernel_sources() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(name, _)| *name)
}
