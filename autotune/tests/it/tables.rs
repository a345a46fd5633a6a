//! Tables merged and compared, and what is said of them.

use tilewright::table::{Effort, Entry, Fingerprint, Table, Timed};
use tilewright::{Device, Pass, Plan, Problem};
use tilewright_autotune::compare::{Comparison, Verdict};
use tilewright_autotune::merge::merged;
use tilewright_autotune::occupancy::Occupancy;

use crate::simulated::problem;

fn entry(problem: Problem, plan: Plan, beside: Option<(Plan, f64)>) -> Entry {
    Entry {
        problem,
        plan,
        nanoseconds: 100.0,
        interval: [99.0, 101.0],
        rule_nanoseconds: None,
        roofline_fraction: None,
        tried: 2,
        pruned: 0,
        runners_up: beside
            .into_iter()
            .map(|(plan, nanoseconds)| Timed { plan, nanoseconds })
            .collect(),
    }
}

fn table(date: &str, effort: Effort, entries: impl IntoIterator<Item = Entry>) -> Table {
    let device = Fingerprint::new("a device", &Device::H200);
    let mut table = Table::new(device, date.to_owned(), effort, "by hand".to_owned());
    entries.into_iter().for_each(|entry| table.insert(entry));
    table
}

fn plans(problem: &Problem) -> [Plan; 2] {
    [Plan::rule(problem, &Device::H200), Plan::general(problem, &Device::H200)]
}

#[test]
fn the_entry_with_most_effort_stays_and_of_those_the_newest() {
    let asked = problem(Pass::Forward, 42, 8);
    let [a, b] = plans(&asked);
    let quick = table("2026-11-29", Effort::Quick, [entry(asked, a, None)]);
    let full = table("2026-11-27", Effort::Full, [entry(asked, b, None)]);
    let newer = table("2026-11-28", Effort::Full, [entry(asked, a, None)]);
    let plan = |tables: Vec<Table>| merged(tables).unwrap().entries[0].plan;
    assert_eq!(plan(vec![quick.clone(), full.clone()]), b);
    assert_eq!(plan(vec![newer.clone(), full.clone()]), a);
    let whole = merged(vec![full, quick, newer]).unwrap();
    assert_eq!((whole.effort, whole.date.as_str()), (Effort::Quick, "2026-11-29"));
    assert!(merged(Vec::new()).is_err());
}

#[test]
fn plans_within_two_percent_agree() {
    let asked = problem(Pass::Forward, 42, 8);
    let [a, b] = plans(&asked);
    let of = |plan, beside| table("2026-11-27", Effort::Full, [entry(asked, plan, beside)]);
    let verdict = |first: &Table, second: &Table| {
        let comparison = Comparison::of(first, second);
        (comparison.pairs[0].verdict, comparison.agreement())
    };
    assert_eq!(verdict(&of(a, None), &of(a, None)), (Verdict::Same, Some(1.0)));
    assert_eq!(verdict(&of(a, Some((b, 101.0))), &of(b, None)), (Verdict::Tied, Some(1.0)));
    assert_eq!(verdict(&of(a, None), &of(b, Some((a, 101.0)))), (Verdict::Tied, Some(1.0)));
    let (apart, agreement) = verdict(&of(a, Some((b, 130.0))), &of(b, None));
    assert!(matches!(apart, Verdict::Slower(lost) if (lost - 0.3).abs() < 1e-9), "{apart:?}");
    assert_eq!(agreement, Some(0.0));
    assert_eq!(verdict(&of(a, None), &of(b, None)), (Verdict::Unknown, Some(0.0)));
    let other = table("2026-11-27", Effort::Full, [entry(problem(Pass::Forward, 64, 8), a, None)]);
    let comparison = Comparison::of(&of(a, None), &other);
    assert_eq!((comparison.only_first.len(), comparison.only_second.len()), (1, 1));
    assert_eq!(comparison.agreement(), None);
}

#[test]
fn occupancy_counts_cubes_and_waves() {
    let asked = problem(Pass::Forward, 42, 8);
    let device = Fingerprint {
        compute_capability: "9.0".to_owned(),
        ..Fingerprint::new("a device", &Device::H200)
    };
    let plan = Plan::rule(&asked, &Device::H200);
    let filled = Occupancy::of(&plan, &asked, &device);
    assert_eq!(filled.cubes, 896 * 16 / plan.heads);
    assert_eq!(filled.units, plan.team * plan.teams);
    assert!(filled.resident >= 1 && filled.resident * filled.units <= 2048, "{filled:?}");
    let waves = filled.cubes as f64 / (filled.resident * 132) as f64;
    assert!((filled.waves - waves).abs() < 1e-9);
}
