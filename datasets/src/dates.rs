//! Reading dates, the step between them, carrying them forward.
//!
//! Dates are civil: the files state no time zone, so none is assumed.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Span, civil};
use serde::{Deserialize, Serialize};

/// A civil date and time of day.
pub use jiff::civil::DateTime;

/// Reads `2016-07-01 00:00:00`, `2016-07-01T00:00`, `2016-07-01`, `2016/7/1 0:00` and the like:
/// year, month, day, separated by `-` or `/`, then hours and minutes and, maybe, seconds with or
/// without a fraction. `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, time.trim_start()),
        None => (text, "0:00"),
    };
    let separator = if day.contains('/') { '/' } else { '-' };
    let mut parts = day.split(separator);
    let year = parts.next().filter(|year| year.len() == 4)?;
    let (year, month, day) = (
        i16::try_from(number(year, 4)?).ok()?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    );
    let (seconds, nanos) = match time.split_once('.') {
        Some((seconds, fraction)) => (seconds, fraction_nanos(fraction)?),
        None => (time, 0),
    };
    let mut clock = seconds.split(':');
    let hour = number(clock.next()?, 2)?;
    let minute = number(clock.next()?, 2)?;
    let second = match clock.next() {
        Some(second) => number(second, 2)?,
        None if nanos == 0 => 0,
        None => return None,
    };
    if parts.next().is_some() || clock.next().is_some() {
        return None;
    }
    let small = |number: u32| i8::try_from(number).ok();
    let date = civil::Date::new(year, small(month)?, small(day)?).ok()?;
    let time = civil::Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
    Some(date.to_datetime(time))
}

/// Digits only, at least one and at most `longest`: no sign, no space.
fn number(text: &str, longest: usize) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= longest;
    if digits && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn fraction_nanos(text: &str) -> Option<i32> {
    let value = number(text, 9)?;
    let scale = 10_u32.pow(9 - u32::try_from(text.len()).ok()?);
    i32::try_from(value * scale).ok()
}

/// Writes a date as the benchmark files do: `2016-07-01 00:00:00`, with a fraction only where
/// there is one.
#[must_use]
pub fn format(date: DateTime) -> String {
    // jiff's own form is ISO 8601 with a T.
    date.to_string().replacen('T', " ", 1)
}

/// Seconds from `from` to `to`.
#[must_use]
pub fn seconds_between(from: DateTime, to: DateTime) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// The step from one date to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// A step of fixed length, in milliseconds.
    Fixed(i64),
    /// A step of calendar months.
    Months {
        /// How many.
        months: i32,
        /// Whether every date is the last day of its month.
        month_end: bool,
    },
}

impl Frequency {
    /// A step of hours.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }

    /// A step of minutes.
    #[must_use]
    pub const fn minutes(minutes: i64) -> Self {
        Self::Fixed(minutes * 60_000)
    }

    /// A step of days.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self::hours(days * 24)
    }

    /// The most common step between neighbours; the shorter one of two that are equally common.
    /// `None` for fewer than two dates, or when no step goes forward.
    #[must_use]
    pub fn infer(dates: &[DateTime]) -> Option<Self> {
        if let Some(months) = infer_months(dates) {
            return Some(months);
        }
        let mut counts = BTreeMap::<i64, usize>::new();
        for pair in dates.windows(2) {
            let step = pair[1].duration_since(pair[0]);
            if let Ok(step @ 1..) = i64::try_from(step.as_millis()) {
                *counts.entry(step).or_default() += 1;
            }
        }
        let most = counts.values().max()?;
        let (step, _) = counts.iter().find(|(_, count)| *count == most)?;
        Some(Self::Fixed(*step))
    }

    /// The `count` dates after `last`.
    ///
    /// Months are counted from `last` itself, so the 31st of January is followed by the 28th of
    /// February and the 31st of March. Dates end with the year 9999: fewer may come back.
    #[must_use]
    pub fn forward(&self, last: DateTime, count: usize) -> Vec<DateTime> {
        (1..=count).map_while(|step| self.step(last, i64::try_from(step).ok()?)).collect()
    }

    fn step(&self, last: DateTime, steps: i64) -> Option<DateTime> {
        match *self {
            Self::Fixed(millis) => {
                let span = SignedDuration::from_millis(millis.checked_mul(steps)?);
                last.checked_add(span).ok()
            }
            Self::Months { months, month_end } => {
                let months = i64::from(months).checked_mul(steps)?;
                let span = Span::new().try_months(months).ok()?;
                let date = last.checked_add(span).ok()?;
                if month_end { Some(date.last_of_month()) } else { Some(date) }
            }
        }
    }

    /// How many neighbours are not one step apart.
    #[must_use]
    pub fn irregular(&self, dates: &[DateTime]) -> usize {
        dates
            .windows(2)
            .filter(|pair| {
                // A month-long step from a short month's end may fall on another day, so the
                // month itself is what is compared.
                match *self {
                    Self::Fixed(_) => self.step(pair[0], 1) != Some(pair[1]),
                    Self::Months { months, .. } => {
                        month_number(pair[1]) - month_number(pair[0]) != months
                    }
                }
            })
            .count()
    }
}

fn month_number(date: DateTime) -> i32 {
    i32::from(date.year()) * 12 + i32::from(date.month())
}

/// Months, if every date is on the same day of its month, or on the last, at the same time of
/// day, and most steps are the same number of months.
fn infer_months(dates: &[DateTime]) -> Option<Frequency> {
    let first = *dates.first()?;
    // Two dates a whole number of months apart may as well be days apart; three cannot, since
    // no two neighbouring spans of months from February have one length.
    if dates.len() < 3 || dates.iter().any(|date| date.time() != first.time()) {
        return None;
    }
    let month_end = dates.iter().all(|date| date.date() == date.date().last_of_month());
    let highest = dates.iter().map(|date| date.day()).max()?;
    let same_day = dates.iter().all(|date| date.day() == highest.min(date.days_in_month()));
    if !month_end && !same_day {
        return None;
    }
    let mut counts = BTreeMap::<i32, usize>::new();
    for pair in dates.windows(2) {
        let months = month_number(pair[1]) - month_number(pair[0]);
        if months > 0 {
            *counts.entry(months).or_default() += 1;
        }
    }
    let most = counts.values().max()?;
    let (months, _) = counts.iter().find(|(_, count)| *count == most)?;
    Some(Frequency::Months { months: *months, month_end })
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match *self {
            Self::Months { months, .. } if months % 12 == 0 => (i64::from(months) / 12, "year"),
            Self::Months { months, .. } => (i64::from(months), "month"),
            Self::Fixed(millis) => {
                const UNITS: [(i64, &str); 5] = [
                    (7 * 86_400_000, "week"),
                    (86_400_000, "day"),
                    (3_600_000, "hour"),
                    (60_000, "minute"),
                    (1000, "second"),
                ];
                UNITS
                    .into_iter()
                    .find(|(size, _)| millis % size == 0)
                    .map_or((millis, "millisecond"), |(size, unit)| (millis / size, unit))
            }
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {unit}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(texts: &[&str]) -> Vec<DateTime> {
        texts.iter().map(|text| parse(text).unwrap()).collect()
    }

    #[test]
    fn forms_of_dates() {
        let midnight = civil::date(2016, 7, 1).at(0, 0, 0, 0);
        for text in [
            "2016-07-01 00:00:00",
            "2016-07-01T00:00:00",
            "2016-07-01",
            "2016/7/1 0:00",
            "2016/07/01",
            " 2016-7-1 ",
        ] {
            assert_eq!(parse(text), Some(midnight), "{text}");
        }
        let fine = civil::date(2016, 12, 31).at(23, 59, 58, 250_000_000);
        assert_eq!(parse("2016-12-31 23:59:58.25"), Some(fine));
        assert_eq!(parse(&format(fine)), Some(fine));
        assert_eq!(format(midnight), "2016-07-01 00:00:00");
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "x",
            "1",
            "5.25",
            "01/07/2016",
            "2016-13-01",
            "2016-02-30",
            "2016-07-01 24:00",
            "2016-07-01 00:60:00",
            "2016-07",
            "2016-07-01 0",
            "2016-07-01-02",
            "+016-07-01",
            "2016-07-01 00:00:00:00",
            "2016-07-01 00:00.5",
            "2016-07-01 00:00:00+01:00",
            "16-7-1",
            "2016-07-01 00:00:00.",
            "2016-07-01 00:00:00.1234567890",
            "2016/07-01",
            "2016-٠٧-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_most_common_step_wins() {
        let hourly =
            dates(&["2020-01-01 0:00", "2020-01-01 1:00", "2020-01-01 2:00", "2020-01-03"]);
        assert_eq!(Frequency::infer(&hourly), Some(Frequency::hours(1)));
        assert_eq!(Frequency::hours(1).irregular(&hourly), 1);
        assert_eq!(Frequency::infer(&hourly[..1]), None);
        let still = dates(&["2020-01-01", "2020-01-01"]);
        assert_eq!(Frequency::infer(&still), None);
        let weekly = dates(&["2002-01-01", "2002-01-08", "2002-01-15"]);
        assert_eq!(Frequency::infer(&weekly), Some(Frequency::days(7)));
    }

    #[test]
    fn months_are_not_days() {
        let firsts = dates(&["2021-01-01", "2021-02-01", "2021-03-01", "2021-04-01"]);
        let monthly = Frequency::infer(&firsts).unwrap();
        assert_eq!(monthly, Frequency::Months { months: 1, month_end: false });
        assert_eq!(
            monthly.forward(firsts[3], 3),
            dates(&["2021-05-01", "2021-06-01", "2021-07-01"])
        );
        let ends = dates(&["2021-01-31", "2021-02-28", "2021-03-31", "2021-04-30"]);
        let monthly = Frequency::infer(&ends).unwrap();
        assert_eq!(monthly, Frequency::Months { months: 1, month_end: true });
        // From the 30th, a month end stays a month end.
        assert_eq!(monthly.forward(ends[3], 2), dates(&["2021-05-31", "2021-06-30"]));
        assert_eq!(monthly.irregular(&ends), 0);
        let thirtieth = dates(&["2021-01-30", "2021-02-28", "2021-03-30"]);
        assert_eq!(
            Frequency::infer(&thirtieth),
            Some(Frequency::Months { months: 1, month_end: false })
        );
        let quarters = dates(&["2021-01-01", "2021-04-01", "2021-07-01"]);
        assert_eq!(Frequency::infer(&quarters).unwrap().to_string(), "3 months");
        let years = dates(&["2019-01-01", "2020-01-01", "2021-01-01"]);
        assert_eq!(Frequency::infer(&years).unwrap().to_string(), "1 year");
    }

    #[test]
    fn forward_ends_where_dates_end() {
        let last = civil::date(9999, 12, 30).at(0, 0, 0, 0);
        assert_eq!(Frequency::days(1).forward(last, 5).len(), 1);
        let monthly = Frequency::Months { months: i32::MAX, month_end: true };
        assert!(monthly.forward(last, 5).is_empty());
        assert!(Frequency::Fixed(i64::MAX).forward(last, 5).is_empty());
    }

    #[test]
    fn names_of_steps() {
        for (frequency, name) in [
            (Frequency::hours(1), "1 hour"),
            (Frequency::minutes(15), "15 minutes"),
            (Frequency::days(1), "1 day"),
            (Frequency::days(7), "1 week"),
            (Frequency::Fixed(1500), "1500 milliseconds"),
            (Frequency::Months { months: 1, month_end: true }, "1 month"),
        ] {
            assert_eq!(frequency.to_string(), name);
        }
    }
}
