//! Compile-fail tests of the attribute macros, in `tests/`. Why they are a crate of their own stands in
//! the manifest of `tilewright-macros`.
