#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

struct Attention;

impl Attention {
    #[score_mod]
    fn scaled(&self, score: f32) -> f32 {
        score
    }
}

fn main() {}
