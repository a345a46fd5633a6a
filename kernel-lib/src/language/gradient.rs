use super::{AnyVariant, Position};

/// Where a derivative written by hand is not the derived one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{variant} at score {score}, {at:?}: the derivative written by hand is {by_hand}, the derived \
     one is {derived}"
)]
pub struct GradientMismatch {
    /// The variant and its parameters.
    pub variant: String,
    /// The score.
    pub score: f64,
    /// The position.
    pub at: Position,
    /// What `grad = ..` gives.
    pub by_hand: f64,
    /// What was derived from the function.
    pub derived: f64,
}

/// Compares a derivative written by hand, `#[score_mod(grad = ..)]`, with the derived one, at
/// scores from -8 to 8 and at positions of a short sequence; a variant without one passes.
///
/// Both are in `f64` and may differ by `tolerance` times the larger of 1 and their size. At a kink,
/// where they may rightly differ, none of the scores should lie: they are odd multiples of 1/14.
///
/// # Errors
///
/// The first score and position at which they differ.
pub fn check_gradient(variant: &AnyVariant, tolerance: f64) -> Result<(), GradientMismatch> {
    let (queries, keys) = (6, 7);
    for query in 0..queries {
        for key in 0..keys {
            let (batch, head) = ((query + key) % 2, (query + 2 * key) % 4);
            let at = Position { batch, head, query, key, queries, keys };
            for step in -56..56 {
                let score = (2.0 * f64::from(step) + 1.0) / 14.0;
                let Some(derived) = variant.derived_grad(score, &at) else { return Ok(()) };
                let by_hand = variant.score_grad(score, &at);
                let scale = derived.abs().max(by_hand.abs()).max(1.0);
                let close = (by_hand - derived).abs() <= tolerance * scale;
                let equal = by_hand == derived || by_hand.is_nan() && derived.is_nan();
                if !close && !equal {
                    let variant = variant.describe();
                    return Err(GradientMismatch { variant, score, at, by_hand, derived });
                }
            }
        }
    }
    Ok(())
}
