#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn without_value(score: f32) -> f32 {
    if score > 1.0 {
        return;
    }
    score
}

#[mask_mod]
fn truth_without_value(at: Position) -> bool {
    if at.key > 4 {
        return;
    }
    true
}

#[score_mod]
fn other_type(score: f32, at: Position) -> f32 {
    if score > 1.0 {
        return at.key;
    }
    score
}

#[score_mod]
fn never_reached(score: f32) -> f32 {
    return score;
    score + 1.0
}

#[score_mod]
fn both_ways(score: f32) -> f32 {
    if score > 1.0 {
        return score;
    } else {
        return 1.0;
    }
    score
}

#[score_mod]
fn inside_an_operand(score: f32) -> f32 {
    1.0 + if score > 1.0 { return score } else { 2.0 }
}

#[score_mod]
fn inside_an_argument(score: f32) -> f32 {
    score.min(return 1.0)
}

#[score_mod]
fn twice(score: f32) -> f32 {
    return return score;
}

#[score_mod]
fn unused_other_side(score: f32) -> f32 {
    if score > 1.0 {
        return score;
    } else {
        score * 2.0
    }
    score
}

#[score_mod]
fn without_else(score: f32) -> f32 {
    let a = if score > 1.0 {
        return 2.0;
    };
    score
}

fn main() {}
