//! Presets, files, single keys, and the errors a person meets.

use proptest::prelude::*;
use tilewright_patchtst::config::{AttentionKind, Config, Scaling, overrides, presets};

fn error(assignment: &str) -> String {
    Config::default().set(assignment).unwrap_err().to_string()
}

#[test]
fn every_preset_is_sound_and_survives_toml() {
    for name in presets::NAMES {
        let config = presets::by_name(name).unwrap();
        config.check().unwrap();
        assert_eq!(overrides::from_toml(&config.to_toml().unwrap()).unwrap(), config, "{name}");
    }
}

#[test]
fn keys_are_set() {
    let mut config = Config::default();
    for assignment in [
        "model.d_model=64",
        "model.attention=vanilla",
        "train.learning_rate=1",
        "train.schedule = one-cycle",
        "data.dataset=2024",
        "model.scaling=none",
    ] {
        config.set(assignment).unwrap();
    }
    assert_eq!((config.model.d_model, config.model.attention), (64, AttentionKind::Vanilla));
    assert_eq!((config.train.learning_rate, config.data.dataset.as_str()), (1.0, "2024"));
    assert_eq!(config.model.scaling, Scaling::None);
}

#[test]
fn errors_say_what_was_meant() {
    insta::assert_snapshot!(error("model.dmodel=1"), @"unknown key `model.dmodel`; did you mean `model.d_model`?");
    insta::assert_snapshot!(error("d_model=1"), @"unknown key `d_model`; did you mean `model.d_model`?");
    insta::assert_snapshot!(error("modle.heads=1"), @"unknown key `modle.heads`; did you mean `model.heads`?");
    insta::assert_snapshot!(error("model.qwertyuiop=1"), @"unknown key `model.qwertyuiop`");
    insta::assert_snapshot!(error("model.d_model"), @"`model.d_model` is not an assignment; write section.key=value, as in model.d_model=128");
    insta::assert_snapshot!(error("model.d_model=wide"), @"model.d_model = \"wide\": expected a whole number, found text");
    insta::assert_snapshot!(error("model.d_model=-3"), @"model.d_model = -3: must not be negative");
    insta::assert_snapshot!(error("model.dropout=true"), @"model.dropout = true: expected a number, found true or false");
    assert!(
        error("model.attention=flash").contains("vanilla"),
        "{}",
        error("model.attention=flash")
    );
    insta::assert_snapshot!(
        presets::by_name("eth1").unwrap_err(),
        @"unknown preset `eth1`; did you mean `etth1`?; known: synthetic, etth1, etth2, ettm1, ettm2, weather, electricity, traffic, illness, exchange_rate, pretrain, finetune, classification, regression, tiny"
    );
}

#[test]
fn files_lie_over_their_preset() {
    let config = overrides::from_toml(
        "preset = \"ettm1\"\n[model]\nheads = 8\n[train]\nlearning_rate = 1\n",
    )
    .unwrap();
    assert_eq!(
        (config.model.heads, config.model.d_model, config.train.learning_rate),
        (8, 128, 1.0)
    );
    let unknown = overrides::from_toml("[model]\nd_modell = 8").unwrap_err().to_string();
    insta::assert_snapshot!(unknown, @"unknown key `model.d_modell`; did you mean `model.d_model`?");
    assert!(
        overrides::from_toml("[modl]\nheads = 8")
            .unwrap_err()
            .to_string()
            .starts_with("unknown key `modl`")
    );
    assert!(overrides::from_toml("model = ").unwrap_err().to_string().contains("not valid TOML"));
}

#[test]
fn what_cannot_run_is_refused() {
    let refused = |assignment: &str| {
        let mut config = Config::default();
        config.set(assignment).unwrap();
        config.check().unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused("model.heads=5"), @"model.heads = 5: must divide model.d_model = 32, unless model.d_k and model.d_v are set");
    insta::assert_snapshot!(refused("model.patch_len=200"), @"model.patch_len = 200: must not exceed model.context = 96");
    insta::assert_snapshot!(refused("model.dropout=1.0"), @"model.dropout = 1: must lie in [0, 1)");
    insta::assert_snapshot!(refused("train.batch_size=0"), @"train.batch_size = 0: must be at least 1");
    insta::assert_snapshot!(refused("train.learning_rate=0"), @"train.learning_rate = 0: must be positive");
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,60}", key in "[a-z_.=]{0,20}") {
        let _ = overrides::from_toml(&text);
        let _ = Config::default().set(&text);
        let _ = Config::default().set(&key);
    }
}
