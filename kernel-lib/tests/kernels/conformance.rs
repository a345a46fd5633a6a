//! The conformance suite on the CPU. Parts run side by side: while one compiles a kernel, the
//! other computes its reference.

use tilewright::conformance::{Level, Options, cases, run};
use tilewright::{Device, open_device};

fn check(part: usize) {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let options = Options { part: (part, 4), special: part == 0, ..Options::new(Level::Quick) };
    let report = run(&client, &options, |_| {});
    println!("{report}");
    assert!(report.is_success(), "{report}");
}

#[test]
fn first_quarter() {
    check(0);
}

#[test]
fn second_quarter() {
    check(1);
}

#[test]
fn third_quarter() {
    check(2);
}

#[test]
fn fourth_quarter() {
    check(3);
}

#[test]
fn the_selection_is_the_same_every_time_and_covers_what_it_says() {
    let device = crate::support::cpu();
    let texts = |device: &Device| -> Vec<String> {
        cases(&Options::new(Level::Quick), device).iter().map(ToString::to_string).collect()
    };
    let all = texts(&device);
    assert_eq!(all, texts(&device));
    for part in [
        "f32",
        "f16",
        "bf16",
        "Bhsd",
        "Bshd",
        "Packed",
        "Transposed",
        "Broadcast",
        "Mixed",
        "H6/1",
        "S1x1 ",
        "S1x37",
        "S37x1",
        "S130x130",
        "D1x1 ",
        "D256x256",
        "D12x4",
        "saved",
        "Odd",
        "B70000",
    ] {
        assert!(all.iter().any(|case| case.contains(part)), "no case has {part}");
    }
    for variant in tilewright::language::registered() {
        assert!(all.iter().any(|case| case.starts_with(variant.name)), "{}", variant.name);
    }
    println!("{} cases", all.len());
}

#[test]
fn a_filter_selects_by_description() {
    let device = crate::support::h200();
    let options = Options { filter: Some("bf16".to_owned()), ..Options::new(Level::Full) };
    let chosen = cases(&options, &device);
    assert!(!chosen.is_empty());
    assert!(chosen.iter().all(|case| case.to_string().contains("bf16")));
}
