//! Does the operator agree with plain tensor operations, forward and backward, on a device? For
//! tests, and for a carried machine.

mod learned;
mod views;

use burn::tensor::{Device, TensorData};

use crate::random::Random;

/// Compares the operator on `device` with plain tensor operations on the CPU, forward and backward,
/// for every view of its inputs and for learned parameters; returns how many comparisons passed.
///
/// # Errors
///
/// The comparison and the quantity that differ, and by how much.
pub fn check(device: &Device) -> Result<usize, String> {
    Ok(views::check(device)? + learned::check(device)?)
}

/// Standard normal numbers, the same each time: sums that cancel would now and then miss a tolerance
/// that follows their size.
fn normals<const D: usize>(random: &mut Random, shape: [usize; D]) -> TensorData {
    let len = shape.iter().product();
    let numbers: Vec<f32> = (0..len).map(|_| random.normal() as f32).collect();
    TensorData::new(numbers, shape)
}

/// Compares numbers found with those expected; `what` names both.
fn compare(what: impl Fn() -> String, found: &[f32], expected: &[f32]) -> Result<(), String> {
    let largest = expected.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
    let error = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let worst = error.fold(0.0, |most: f32, e| if e > most || e.is_nan() { e } else { most });
    // A NaN is in no range either.
    let close = (0.0..=2e-5 * largest).contains(&worst);
    if found.len() != expected.len() || !close {
        let what = what();
        return Err(format!("{what} differs by {worst:e} where the largest is {largest:e}"));
    }
    Ok(())
}
