//! What the language refuses, and how it says so.

#[test]
fn refusals_point_at_the_place_and_name_the_way_out() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
