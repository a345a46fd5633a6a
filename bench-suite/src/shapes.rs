//! The attention shapes that are measured.

use std::fmt;
use std::str::FromStr;

/// Batch, heads, sequence length, and the lengths of keys and values; queries and keys are as many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Sequences.
    pub batch: usize,
    /// Heads.
    pub heads: usize,
    /// Queries and keys.
    pub seq: usize,
    /// Length of a query and of a key.
    pub dim: usize,
    /// Length of a value.
    pub value_dim: usize,
}

const fn shape(batch: usize, heads: usize, seq: usize, dim: usize) -> Shape {
    Shape { batch, heads, seq, dim, value_dim: dim }
}

/// ETTm1's configuration, context 336: batch 128 of 7 channels, 16 heads of 8.
pub const ETTM1: Shape = shape(896, 16, 42, 8);
/// The same with context 512.
pub const ETTM1_LONG: Shape = shape(896, 16, 64, 8);
/// ETTh1's configuration: 4 heads of 4.
pub const ETTH1: Shape = shape(896, 4, 42, 4);
/// The smallest head dimension that FlexAttention takes.
pub const WIDE_HEADS: Shape = shape(896, 8, 42, 16);
/// Traffic: batch 24 of 862 channels.
pub const TRAFFIC: Shape = shape(20_688, 16, 42, 8);
/// Many sequences of 64 patches.
pub const MANY: Shape = shape(8192, 8, 64, 16);
/// A vision transformer.
pub const VIT: Shape = shape(128, 16, 196, 64);
/// A middle length.
pub const MIDDLE: Shape = shape(64, 16, 512, 32);
/// A vision transformer on large images.
pub const VIT_LONG: Shape = shape(8, 12, 3136, 64);
/// A language model's.
pub const LANGUAGE: Shape = shape(4, 16, 4096, 128);
/// A long context.
pub const LONG: Shape = shape(1, 16, 16_384, 64);

/// The shapes that PyTorch's attention back ends were measured on.
pub const PEERS: [Shape; 11] =
    [ETTM1, ETTM1_LONG, ETTH1, WIDE_HEADS, TRAFFIC, MANY, VIT, MIDDLE, VIT_LONG, LANGUAGE, LONG];

/// PatchTST's shapes among them.
pub const PATCHTST: [Shape; 6] = [ETTM1, ETTM1_LONG, ETTH1, WIDE_HEADS, TRAFFIC, MANY];

/// Short sequences, as patches of time series make them.
pub const SHORT: [Shape; 10] = [
    shape(4096, 16, 7, 8),
    shape(4096, 16, 16, 8),
    shape(4096, 16, 32, 8),
    shape(4096, 16, 96, 8),
    shape(4096, 16, 128, 8),
    shape(4096, 16, 7, 16),
    shape(4096, 16, 16, 16),
    shape(4096, 16, 32, 16),
    shape(4096, 16, 96, 16),
    shape(4096, 16, 128, 16),
];

/// Small ones, to see the command work on a CPU.
pub const SMALL: [Shape; 3] = [shape(16, 16, 42, 8), shape(16, 4, 42, 4), shape(2, 4, 196, 64)];

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { batch, heads, seq, dim, value_dim } = self;
        write!(f, "B{batch}H{heads}S{seq}D{dim}")?;
        if value_dim != dim {
            write!(f, "x{value_dim}")?;
        }
        Ok(())
    }
}

/// One shape, as in `B896H16S42D8` or `B896H16S42D24x8` for values of another length, or a set of them by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shapes(pub Vec<Shape>);

impl FromStr for Shapes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let set: &[Shape] = match text {
            "peers" => &PEERS,
            "patchtst" => &PATCHTST,
            "short" => &SHORT,
            "small" => &SMALL,
            _ => return one(text).map(|shape| Shapes(vec![shape])),
        };
        Ok(Shapes(set.to_vec()))
    }
}

fn one(text: &str) -> Result<Shape, String> {
    let wrong = || {
        let sets = "peers, patchtst, short, small";
        format!("`{text}` is no shape; write {sets}, B896H16S42D8 or B896H16S42D24x8")
    };
    let (mut rest, value_dim) = match text.split_once('x') {
        None => (text, None),
        Some((keys, values)) => (keys, Some(positive(values).ok_or_else(wrong)?)),
    };
    let mut number = |letter: char| {
        rest = rest.strip_prefix(letter)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        rest = after;
        positive(digits)
    };
    let shape = (|| {
        let (batch, heads) = (number('B')?, number('H')?);
        let (seq, dim) = (number('S')?, number('D')?);
        Some(Shape { batch, heads, seq, dim, value_dim: value_dim.unwrap_or(dim) })
    })();
    shape.filter(|_| rest.is_empty()).ok_or_else(wrong)
}

fn positive(digits: &str) -> Option<usize> {
    digits.parse().ok().filter(|&n| n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_as_they_are_written() {
        let unequal = Shape { value_dim: 8, ..shape(20_688, 16, 42, 24) };
        assert_eq!(unequal.to_string(), "B20688H16S42D24x8");
        for shape in PEERS.into_iter().chain(SHORT).chain([unequal]) {
            assert_eq!(shape.to_string().parse(), Ok(Shapes(vec![shape])));
        }
        assert_eq!("patchtst".parse::<Shapes>().map(|s| s.0.len()), Ok(6));
        for wrong in [
            "",
            "B1H2S3",
            "B1H2S3D4x",
            "B0H1S1D1",
            "H1B1S1D1",
            "B-1H1S1D1",
            "B1H1S1D8x",
            "B1H1S1D8x0",
        ] {
            let error = wrong.parse::<Shapes>().expect_err(wrong);
            assert!(error.contains("B896H16S42D8"), "{error}");
        }
    }
}
