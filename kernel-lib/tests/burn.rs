//! The operator for Burn on the CPU. On a GPU `bench-suite conformance` runs the same check.
#![cfg(feature = "burn")]

#[test]
fn every_view_of_a_tensor_is_read_right() {
    let checked = tilewright::burn::check(&burn::tensor::Device::flex());
    assert_eq!(checked, Ok(10));
}
