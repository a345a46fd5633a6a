//! A hash of the kernels' source text, so that a table says which kernels it measured.

/// Every file that decides what a kernel does, relative to `src`.
const SOURCES: &[(&str, &str)] = &[
    ("algorithms/gradient.rs", include_str!("../algorithms/gradient.rs")),
    ("algorithms/launch.rs", include_str!("../algorithms/launch.rs")),
    ("algorithms/mod.rs", include_str!("../algorithms/mod.rs")),
    ("algorithms/resident/backward.rs", include_str!("../algorithms/resident/backward.rs")),
    ("algorithms/resident/forward.rs", include_str!("../algorithms/resident/forward.rs")),
    ("algorithms/resident/mod.rs", include_str!("../algorithms/resident/mod.rs")),
    (
        "algorithms/resident/planes/backward.rs",
        include_str!("../algorithms/resident/planes/backward.rs"),
    ),
    (
        "algorithms/resident/planes/forward.rs",
        include_str!("../algorithms/resident/planes/forward.rs"),
    ),
    ("algorithms/resident/planes/mod.rs", include_str!("../algorithms/resident/planes/mod.rs")),
    (
        "algorithms/resident/planes/per_query.rs",
        include_str!("../algorithms/resident/planes/per_query.rs"),
    ),
    (
        "algorithms/resident/planes/softmax.rs",
        include_str!("../algorithms/resident/planes/softmax.rs"),
    ),
    ("algorithms/scores.rs", include_str!("../algorithms/scores.rs")),
    ("algorithms/softmax.rs", include_str!("../algorithms/softmax.rs")),
    ("algorithms/streaming/backward.rs", include_str!("../algorithms/streaming/backward.rs")),
    ("algorithms/streaming/forward.rs", include_str!("../algorithms/streaming/forward.rs")),
    ("algorithms/streaming/mod.rs", include_str!("../algorithms/streaming/mod.rs")),
    ("tile/chip.rs", include_str!("../tile/chip.rs")),
    ("tile/convert.rs", include_str!("../tile/convert.rs")),
    ("tile/exp.rs", include_str!("../tile/exp.rs")),
    ("tile/fragment.rs", include_str!("../tile/fragment.rs")),
    ("tile/half.rs", include_str!("../tile/half.rs")),
    ("tile/math.rs", include_str!("../tile/math.rs")),
    ("tile/mod.rs", include_str!("../tile/mod.rs")),
    ("tile/ptx.rs", include_str!("../tile/ptx.rs")),
    ("tile/rows.rs", include_str!("../tile/rows.rs")),
    ("tile/simt.rs", include_str!("../tile/simt.rs")),
    ("tile/stage.rs", include_str!("../tile/stage.rs")),
    ("tile/team.rs", include_str!("../tile/team.rs")),
];

/// FNV-1a of the kernels' source text, as 16 hexadecimal digits.
///
/// It depends on nothing but the text: two builds of the same sources agree, on any machine.
pub fn kernel_hash() -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = OFFSET;
    for (name, text) in SOURCES {
        // Line ends may differ from checkout to checkout.
        for byte in name.bytes().chain(text.bytes().filter(|&b| b != b'\r')) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    format!("{hash:016x}")
}

/// The files that [`kernel_hash`] covers, relative to `src`.
pub fn kernel_sources() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(name, _)| *name)
}
