//! What samples of times say, and how surely. Nothing here supposes that noise is normal.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};
use statrs::statistics::{Data, OrderStatistics};

/// How sure an interval is.
const CONFIDENCE: f64 = 0.95;
/// Up to so many samples on a side, the distribution of ranks is counted out.
const EXACT: usize = 24;

/// The median; `None` of no samples.
pub fn median(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| Data::new(samples.to_vec()).median())
}

/// Where the median of the distribution lies with 95% confidence, between two of the samples
/// (order statistics: David and Nagaraja, "Order Statistics", section 7.1); from the least to the
/// largest where there are too few for that. `None` of no samples.
pub fn median_interval(samples: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, largest) = (*sorted.first()?, *sorted.last()?);
    let below = Binomial::new(0.5, sorted.len() as u64).ok()?;
    // The `k`-th from below and from above, where fewer than `k` fall outside with the chance left.
    let outside = (1.0 - CONFIDENCE) / 2.0;
    let cut = (0..sorted.len() as u64 / 2).take_while(|&k| below.cdf(k) <= outside).count();
    Some(match cut {
        0 => [least, largest],
        _ => [sorted[cut - 1], sorted[sorted.len() - cut]],
    })
}

/// How likely samples as high as `slow` are, beside `fast`, if both come from one distribution: the
/// one-sided test of Mann and Whitney (doi 10.1214/aoms/1177730491), exact for few samples. 1 where
/// a side has none.
pub fn chance_of_slower(slow: &[f64], fast: &[f64]) -> f64 {
    let (m, n) = (slow.len(), fast.len());
    if m == 0 || n == 0 {
        return 1.0;
    }
    // Pairs in which `slow` is not the slower; a tie is a half, and halves count against it.
    let pairs = slow.iter().flat_map(|s| fast.iter().map(move |f| (s, f)));
    let against: f64 = pairs
        .map(|(s, f)| match s.total_cmp(f) {
            core::cmp::Ordering::Less => 1.0,
            core::cmp::Ordering::Equal => 0.5,
            core::cmp::Ordering::Greater => 0.0,
        })
        .sum();
    if m <= EXACT && n <= EXACT {
        return exact_chance(m, n, against.ceil() as usize);
    }
    let (m, n) = (m as f64, n as f64);
    let deviation = (m * n * (m + n + 1.0) / 12.0).sqrt();
    // With the correction for continuity.
    let z = (against + 0.5 - m * n / 2.0) / deviation;
    Normal::standard().cdf(z)
}

/// The chance that at most `most` of the `m * n` pairs are in one order, all orders of all samples
/// being equally likely.
fn exact_chance(m: usize, n: usize, most: usize) -> f64 {
    // `ways[j][u]`: orders of `i` of one and `j` of the other with `u` such pairs. The last in an
    // order is of the first kind, after all `j` others, or of the second.
    let longest = m * n;
    let mut ways = vec![vec![0.0; longest + 1]; n + 1];
    for row in &mut ways {
        row[0] = 1.0;
    }
    for _ in 0..m {
        for j in 0..=n {
            let shorter = if j > 0 { ways[j - 1].clone() } else { vec![0.0; longest + 1] };
            let of_first: Vec<f64> =
                (0..=longest).map(|u| if u >= j { ways[j][u - j] } else { 0.0 }).collect();
            for u in 0..=longest {
                ways[j][u] = of_first[u] + shorter[u];
            }
        }
    }
    let total: f64 = ways[n].iter().sum();
    ways[n].iter().take(most + 1).sum::<f64>() / total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_are_counted_out() {
        // All orders of two and two: pairs 0, 1, 2 (twice), 3, 4.
        for (most, chance) in [(0, 1.0), (1, 2.0), (2, 4.0), (3, 5.0), (4, 6.0)] {
            assert!((exact_chance(2, 2, most) - chance / 6.0).abs() < 1e-12, "{most}");
        }
        // A table of critical values: 5 against 5, at most 4 pairs at 5%, two-sided 2.
        assert!(exact_chance(5, 5, 4) <= 0.05 && exact_chance(5, 5, 5) > 0.05);
        assert!((exact_chance(5, 5, 0) - 1.0 / 252.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_slower_is_told_from_noise() {
        let noisy = |base: f64| (0..10).map(|i| base + f64::from(i * 7 % 10) / 10.0).collect();
        let (fast, slow): (Vec<f64>, Vec<f64>) = (noisy(10.0), noisy(12.0));
        assert!(chance_of_slower(&slow, &fast) < 1e-4);
        assert!(chance_of_slower(&fast, &slow) > 0.99);
        assert!(chance_of_slower(&fast, &fast) > 0.3, "equal samples are no evidence");
        assert_eq!(chance_of_slower(&[], &fast), 1.0);
        // Many samples: the normal approximation agrees with the count at its border.
        let many = |base: f64| -> Vec<f64> {
            (0..25).map(|i| base + f64::from(i * 7 % 25) / 25.0).collect()
        };
        let (few, all) = (
            chance_of_slower(&many(0.1)[..24], &many(0.0)[..24]),
            chance_of_slower(&many(0.1), &many(0.0)),
        );
        assert!((few - all).abs() < 0.05, "{few} {all}");
    }

    #[test]
    fn the_median_lies_in_its_interval() {
        let samples: Vec<f64> = (1..=20).map(f64::from).collect();
        // Binomial tables: ranks 6 and 15 of 20 hold the median with at least 95%.
        assert_eq!(median_interval(&samples), Some([6.0, 15.0]));
        assert_eq!(median_interval(&[3.0, 1.0, 2.0]), Some([1.0, 3.0]));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!((median(&[]), median_interval(&[])), (None, None));
    }

    proptest! {
        #[test]
        fn chances_are_chances(
            a in proptest::collection::vec(0.0..10.0f64, 1..30),
            b in proptest::collection::vec(0.0..10.0f64, 1..30),
        ) {
            let (slower, faster) = (chance_of_slower(&a, &b), chance_of_slower(&b, &a));
            prop_assert!((0.0..=1.0 + 1e-9).contains(&slower), "{slower}");
            // Both cannot be unlikely.
            prop_assert!(slower + faster >= 1.0 - 1e-9, "{slower} {faster}");
            let [low, high] = median_interval(&a).expect("samples");
            let median = median(&a).expect("samples");
            prop_assert!(low <= median && median <= high, "{low} {median} {high}");
        }
    }
}
