//! What a user would check of own variants and kernels.

use burn::module::Module as _;
use burn::tensor::Device as BurnDevice;
use clap::Parser as _;
use seasonal::forecaster::{PERIOD, error, series, train};
use seasonal::{fading_with_dropout, same_season, seasonal_bias};
use tilewright::conformance::{self, Case, Layout, PlanPick, Size, check_case};
use tilewright::prelude::*;
use tilewright::program::{Gate, Order, Sizes, Trial, find_kernel};
use tilewright::{Device, explain::Explanation, open_device};

/// The suite finds the variants in the registry: shapes, layouts, types and plans, both passes.
#[test]
fn variants_agree_with_the_oracle() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    for name in ["seasonal_bias", "same_season", "fading"] {
        let options = conformance::Options {
            filter: Some(format!("{name}(")),
            special: false,
            ..conformance::Options::new(conformance::Level::Quick)
        };
        assert!(!conformance::cases(&options, &Device::of(&client)).is_empty(), "{name}");
        let report = conformance::run(&client, &options, |_| {});
        assert!(report.is_success(), "{report}");
    }
}

/// A composition is in no registry; one case of it is checked by name.
#[test]
fn dropout_agrees_with_the_oracle() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let size =
        Size { batch: 2, heads: 2, kv_heads: 2, queries: 9, keys: 13, head_dim: 4, value_dim: 4 };
    let case = Case {
        variant: fading_with_dropout(0.5, 0.25, 7).into(),
        size,
        layout: Layout::Bshd,
        dtype: DType::F32,
        plan: PlanPick::Default,
        save_scores: false,
        scale: None,
        seed: 1,
    };
    check_case(&client, &case).unwrap_or_else(|error| panic!("{case}: {error}"));
}

/// What a variant may not be given is refused before anything is launched.
#[test]
fn a_season_without_steps_is_refused() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let q = Strided::empty(&client, [1, 2, 24, 4], DType::F32);
    let call = |variant| attention(&client, &q, &q, &q, variant, &AttentionOptions::default());
    let error = call(same_season(3, 0)).expect_err("no step");
    assert_eq!(
        error.to_string(),
        "`same_season`: `period` is 0, but must be a whole number from 1 to 4294967295"
    );
}

#[test]
fn the_kernel_agrees_with_its_reference() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let kernel = find_kernel("instance_norm").expect("it is registered");
    let sizes = Sizes::new([("batch", 1), ("heads", 2), ("rows", 19), ("dim", 24)]);
    let trial = Trial {
        sizes: sizes.clone(),
        scalars: Vec::new(),
        dtype: DType::F32,
        order: Order::Bhsd,
        seed: 5,
    };
    let gate = Gate::new(&client, kernel, trial).expect("every size is given");
    let device = Device::of(&client);
    let space =
        kernel.space().into_iter().filter(|tuning| kernel.check(tuning, &sizes, &device).is_ok());
    for tuning in space {
        let verdict = gate.judge(Some(&tuning)).expect("it runs");
        assert!(verdict.is_right() && verdict.error.is_some(), "{tuning:?}: {verdict:?}");
    }
}

/// `autotune` is a library: a program that embeds it measures what it links.
#[test]
fn autotune_measures_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("seasonal.json");
    let run = |line: &str| {
        let cli = tilewright_autotune::Cli::try_parse_from(line.split_whitespace());
        tilewright_autotune::run(cli.expect("a command line")).expect("it is measured");
    };
    run(&format!(
        "autotune run --device cpu --variant seasonal_bias --pass forward --seq 24 --head-dim 4 \
         --heads 2 --batch 4 --dtype f32 --quiet --output {}",
        table.display()
    ));
    let table = tilewright::table::Table::load(&table).expect("a table");
    assert_eq!(table.entries.len(), 1);
    assert_eq!((table.entries[0].problem.seq_k, table.entries[0].problem.head_dim), (24, 4));
}

#[test]
fn a_forecaster_learns_the_season() {
    let device = BurnDevice::flex();
    let (model, errors) = train(&device, 60);
    let mean = |errors: &[f32]| errors.iter().sum::<f32>() / errors.len() as f32;
    let (first, last) = (mean(&errors[..5]), mean(&errors[errors.len() - 5..]));
    assert!(last < 0.5 * first, "from {first} to {last}");
    let unseen = series(64, 4 * PERIOD, 1 << 32, &device);
    let found = error(model.valid().forward(unseen.clone(), None), unseen.clone());
    let last_value = error(unseen.clone(), unseen);
    let [found, last_value] = [found, last_value].map(|error| error.into_scalar::<f32>());
    assert!(found < 0.3 * last_value, "{found} beside {last_value}");
}

#[test]
fn a_variant_explains_itself() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let q = Strided::empty(&client, [1, 2, 24, 4], DType::F32);
    let bias = Table::new([2, 6], vec![0.0; 12]).expect("as many as elements");
    let variant = seasonal_bias(bias, 6).and(same_season(3, 6)).into();
    let options = AttentionOptions::default();
    let problem = tilewright::problem(tilewright::Pass::Forward, &q, &q, &q, &variant, &options)
        .expect("it fits");
    let text = Explanation::on_device(&client, &variant, &problem, &options).to_string();
    for part in ["let phase = ", "bias [2, 6] of seasonal_bias", "tiles of "] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
