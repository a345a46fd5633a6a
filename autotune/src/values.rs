//! Elements of tensors as a function of their place: another program can make the same.
//!
//! `bench-suite/peers/inputs.py` is the other program. An element is a sixteenth between -62 and
//! 62, which every element type holds exactly, and nearly normal: the sum of four uniform numbers,
//! with a standard deviation of 1.15.

use half::{bf16, f16};
use tilewright::DType;

/// Longer buffers repeat their first elements, so that making them takes no longer than copying.
pub const PERIOD: usize = (1 << 18) + 7;

/// A hash of 32 bits: `lowbias32` of <https://github.com/skeeto/hash-prospector>.
fn mix(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// The element at a place in memory. A stream is a buffer of its own.
pub fn value(stream: u32, place: usize) -> f32 {
    let place = (place % PERIOD) as u32;
    let bits = mix(mix(place).wrapping_add(mix(stream.wrapping_add(1))));
    let sum: u32 = [0, 5, 10, 15].map(|shift| (bits >> shift) & 31).iter().sum();
    (sum as f32 - 62.0) / 16.0
}

/// The bytes of a buffer of `len` elements.
pub fn buffer(stream: u32, len: usize, dtype: DType) -> Vec<u8> {
    let values = (0..len.min(PERIOD)).map(|place| value(stream, place));
    let block: Vec<u8> = match dtype {
        DType::F32 => values.flat_map(f32::to_le_bytes).collect(),
        DType::F16 => values.flat_map(|x| f16::from_f32(x).to_le_bytes()).collect(),
        DType::Bf16 => values.flat_map(|x| bf16::from_f32(x).to_le_bytes()).collect(),
    };
    let mut bytes = Vec::with_capacity(len * dtype.bytes());
    while bytes.len() < len * dtype.bytes() {
        let missing = len * dtype.bytes() - bytes.len();
        bytes.extend_from_slice(&block[..missing.min(block.len())]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_other_program() {
        // Made by `inputs.py`.
        let first: Vec<f32> = (0..6).map(|place| value(0, place)).collect();
        assert_eq!(first, [-0.125, 0.25, -1.0625, 0.9375, -0.5, 0.0625]);
        assert_eq!([0, 1, 2].map(|place| value(4099, place)), [0.0, 1.0625, -1.125]);
        assert_eq!(value(3, PERIOD + 5), value(3, 5));
    }

    #[test]
    fn values_are_exact_nearly_normal_and_differ_between_streams() {
        let values = |stream| (0..10_000).map(move |place| value(stream, place));
        for x in values(1) {
            assert_eq!(f32::from(bf16::from_f32(x)), x);
            assert_eq!(f32::from(f16::from_f32(x)), x);
        }
        let mean = values(1).sum::<f32>() / 1e4;
        let variance = values(1).map(|x| x * x).sum::<f32>() / 1e4;
        assert!(mean.abs() < 0.05 && (variance - 1.33).abs() < 0.05, "{mean} {variance}");
        let alike = values(1).zip(values(2)).filter(|(a, b)| a == b).count();
        assert!(alike < 400, "{alike}");
    }

    #[test]
    fn long_buffers_repeat() {
        let bytes = buffer(7, PERIOD + 2, DType::F32);
        assert_eq!(bytes.len(), 4 * (PERIOD + 2));
        assert_eq!(bytes[4 * PERIOD..], bytes[..8]);
        assert_eq!(bytes[4..8], value(7, 1).to_le_bytes());
    }
}
