//! The conformance suite on the CPU. Parts run side by side: while one compiles a kernel, the
//! other computes its reference.

use tilewright::conformance::{
    Case, Layout, Level, Options, PlanPick, Size, cases, check_case, run,
};
use tilewright::language::{AnyVariant, LaunchParams, LaunchTarget, Position, Stages, Variant};
use tilewright::variants::{Softcap, softcap};
use tilewright::{DType, Device, open_device};

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
    let device = tilewright::Device::H200;
    let options = Options { filter: Some("bf16".to_owned()), ..Options::new(Level::Full) };
    let chosen = cases(&options, &device);
    assert!(!chosen.is_empty());
    assert!(chosen.iter().all(|case| case.to_string().contains("bf16")));
}

/// Runs soft-capping on the device, and says on the host that it does something else.
#[derive(Clone, Debug)]
struct Lying {
    score: f64,
    slope: f64,
    hides: u32,
}

impl Variant for Lying {
    type Device = <Softcap as Variant>::Device;

    fn stages(&self) -> Stages {
        softcap(2.0).stages()
    }

    fn launch_params(&self, target: LaunchTarget<'_>) -> LaunchParams<Self> {
        softcap(2.0).launch_params(target)
    }

    fn score(&self, score: f64, at: &Position) -> f64 {
        softcap(2.0).score(score, at) * self.score
    }

    fn score_grad(&self, score: f64, at: &Position) -> f64 {
        softcap(2.0).score_grad(score, at) * self.slope
    }

    fn keep(&self, at: &Position) -> bool {
        at.query < self.hides || at.key != 0
    }

    fn describe(&self) -> String {
        "lying".to_owned()
    }

    fn source_hash(&self) -> u64 {
        0
    }
}

#[test]
fn a_kernel_that_is_a_little_wrong_is_found() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let outcome = |lie: Lying, dtype| {
        let size = Size {
            batch: 1,
            heads: 2,
            kv_heads: 2,
            queries: 9,
            keys: 9,
            head_dim: 8,
            value_dim: 8,
        };
        let case = Case {
            variant: AnyVariant::new(lie),
            size,
            layout: Layout::Bhsd,
            dtype,
            plan: PlanPick::Streaming,
            save_scores: false,
            scale: None,
            seed: 1,
        };
        check_case(&client, &case)
    };
    let honest = Lying { score: 1.0, slope: 1.0, hides: u32::MAX };
    for (dtype, lie) in [(DType::F32, 1.0001), (DType::Bf16, 1.1)] {
        outcome(honest.clone(), dtype).expect("nothing is wrong here");
        let score = outcome(Lying { score: lie, ..honest.clone() }, dtype).expect_err("the score");
        assert!(score.contains("out differs"), "{score}");
        let slope = outcome(Lying { slope: lie, ..honest.clone() }, dtype).expect_err("the slope");
        assert!(!slope.contains("out differs"), "{slope}");
        assert!(slope.contains("dq differs") && slope.contains("dk differs"), "{slope}");
    }
    let mask = outcome(Lying { hides: 8, ..honest }, DType::F32).expect_err("one key too many");
    assert!(mask.contains("lse differs") && mask.contains("first at [0, 0, 8, 0]"), "{mask}");
}
