#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
struct Softcap {
    cap: f32,
}

fn main() {}
