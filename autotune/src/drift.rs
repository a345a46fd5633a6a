//! Whether the device stays as fast as it was, by the times of a kernel that is measured again and
//! again through a run.

/// A change of the reference's time that is worth a word.
pub const NOTABLE: f64 = 0.05;

/// What to say when the reference takes `now`, after having taken `medians`: nothing where nothing
/// changed, and nothing that was said before.
pub fn note(medians: &[f64], now: f64) -> Option<String> {
    let (first, before) = (medians.first()?, medians.last()?);
    let change = |time: f64| time / first - 1.0;
    let told = change(*before).abs() >= NOTABLE;
    let is = change(now);
    if (is.abs() >= NOTABLE) == told {
        return None;
    }
    let percent = 100.0 * is.abs();
    Some(match (told, is > 0.0) {
        (true, _) => "the device is as fast as at the start again".to_owned(),
        (false, true) => format!(
            "the device has become {percent:.0}% slower since the start: it is throttled or shared; \
             plans of one problem are compared with each other all the same, but times of problems \
             are not"
        ),
        (false, false) => {
            format!("the device has become {percent:.0}% faster since the start: was it shared?")
        }
    })
}

/// The largest change from the first time, as a part of it.
pub fn worst(medians: &[f64]) -> Option<f64> {
    let first = medians.first()?;
    medians.iter().map(|now| (now / first - 1.0).abs()).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_once() {
        let said = |before, now| note(&[100.0, before], now);
        assert_eq!(note(&[], 100.0), None);
        assert_eq!(said(100.0, 104.0), None, "noise");
        assert!(said(104.0, 112.0).unwrap().contains("12% slower"));
        assert_eq!(said(112.0, 115.0), None, "said before");
        assert!(said(115.0, 101.0).unwrap().contains("again"));
        assert!(said(100.0, 80.0).unwrap().contains("20% faster"));
        let worst_of_three = worst(&[100.0, 104.0, 90.0]).unwrap();
        assert!((worst_of_three - 0.1).abs() < 1e-9, "{worst_of_three}");
        assert_eq!(worst(&[]), None);
    }
}
