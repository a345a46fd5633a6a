//! Classification and regression of `.ts` files, from training to predictions.

use std::fmt::Write as _;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::compare::Comparison;
use tilewright_patchtst::config::{AttentionKind, Config, Pooling, Task, overrides, presets};
use tilewright_patchtst::data::ts::TsFile;
use tilewright_patchtst::data::{Data, Part, complete};
use tilewright_patchtst::predict::{Predictions, Predictor};
use tilewright_patchtst::runtime;
use tilewright_patchtst::score::Score;
use tilewright_patchtst::train::checkpoint::Checkpoint;
use tilewright_patchtst::train::report::Metrics;
use tilewright_patchtst::train::run_folder::RunFolder;
use tilewright_patchtst::train::seeds::Seeds;
use tilewright_patchtst::train::training_loop::Outcome;

use crate::cli::{patchtst, text};
use crate::support::train;

const STEPS: usize = 40;
const CLASSES: [&str; 3] = ["slow", "middling", "fast"];

/// A wave of `frequency` radians a step and of `height`, from anywhere, in noise.
fn wave(frequency: f64, height: f64, rng: &mut ChaCha8Rng) -> String {
    let phase = rng.random_range(0.0..std::f64::consts::TAU);
    let values = (0..STEPS).map(|step| {
        let noise = rng.random_range(-0.3..0.3);
        format!("{:.4}", height * (phase + frequency * step as f64).sin() + noise)
    });
    values.collect::<Vec<_>>().join(",")
}

/// Classes by the frequency of the first of two dimensions; the second says nothing.
fn classes(path: &Path, cases: usize, seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut text = String::from("@problemName Waves\n@dimensions 2\n@classLabel true");
    CLASSES.iter().for_each(|class| write!(text, " {class}").unwrap());
    text.push_str("\n@data\n");
    for case in 0..cases {
        let class = case % 3;
        let first = wave([0.3, 0.6, 1.2][class], 1.0, rng);
        writeln!(text, "{first}:{}:{}", wave(0.5, 1.0, rng), CLASSES[class]).unwrap();
    }
    std::fs::write(path, text).unwrap();
}

/// A number by the height of the wave.
fn numbers(path: &Path, cases: usize, seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut text = String::from("@univariate true\n@targetlabel true\n@data\n");
    for _ in 0..cases {
        let height = rng.random_range(0.5..3.0);
        writeln!(text, "{}:{:.4}", wave(0.5, height, rng), 1000.0 + 100.0 * height).unwrap();
    }
    std::fs::write(path, text).unwrap();
}

/// A small model of `preset`, whose cases lie in `folder`, with plain attention.
fn small(folder: &Path, preset: &str, name: &str) -> Config {
    let mut config = presets::by_name(preset).unwrap();
    let path = |part: &str| folder.join(format!("{preset}_{part}.ts"));
    let make = if preset == "classification" { classes } else { numbers };
    for (part, cases, seed) in [("TRAIN", 120, 1), ("TEST", 60, 2)] {
        if !path(part).exists() {
            make(&path(part), cases, seed);
        }
    }
    (config.data.train, config.data.test) =
        (path("TRAIN").display().to_string(), path("TEST").display().to_string());
    let model = &mut config.model;
    (model.d_model, model.heads, model.d_ff, model.layers) = (32, 4, 64, 2);
    model.attention = AttentionKind::Vanilla;
    config.data.workers = 0;
    config.train.epochs = 12;
    config.runtime.device = "cpu".into();
    config.runtime.cache = "off".into();
    config.runtime.runs = folder.join("runs").display().to_string();
    config.runtime.name = name.into();
    config.check().unwrap();
    let config = complete(config).unwrap();
    config.check().unwrap();
    config
}

fn finished(config: &Config) -> Metrics {
    let Outcome::Finished(metrics) = train(config, false, None) else { panic!("not interrupted") };
    *metrics
}

fn checkpoint(config: &Config) -> Checkpoint {
    let run = Path::new(&config.runtime.runs).join(&config.runtime.name);
    Checkpoint::read(&run.join("checkpoint.safetensors")).unwrap()
}

#[test]
fn classes_are_learned() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(folder.path(), "classification", "run");
    assert_eq!((config.model.context, config.model.targets), (STEPS, 3));
    let data = Data::open(&config).unwrap();
    let device = runtime::open(&config).unwrap().device;
    let accuracy = |model: &PatchTst| {
        let evaluation = data.measure(model, Part::Test, &config, &device).unwrap();
        let right = evaluation.confusion.unwrap().accuracy();
        assert_eq!(evaluation.complete.get("accuracy"), Some(right));
        right
    };
    let untrained = PatchTst::new(&config.model, data.channels(), 3, &device);
    assert!(accuracy(&untrained) < 0.6, "{}", accuracy(&untrained));

    let metrics = finished(&config);
    let Score::Classes(score) = metrics.test else { panic!("{metrics:?}") };
    assert!(score.accuracy >= 0.95 && score.macro_f1 >= 0.95, "{score:?}");
    // Of three classes, equally often there.
    let Some(Score::Classes(one)) = metrics.same_for_all else { panic!("{metrics:?}") };
    assert!((one.accuracy - 1.0 / 3.0).abs() < 1e-9, "{one:?}");
    assert!((one.cross_entropy - 3.0_f64.ln()).abs() < 1e-5, "{one:?}");
    assert!(score.cross_entropy < 0.3 * one.cross_entropy, "{score:?}");
    // A fifth of each class, in cases of which there are equally many.
    let windows = metrics.windows;
    assert_eq!((windows.train, windows.val, windows.test), (96, 24, 60));
    let rows = &checkpoint(&config).position.rows;
    let best = rows[metrics.best_epoch - 1].val;
    assert!((best - metrics.val.loss()).abs() < 1e-9, "stopping goes by the loss");
    let model = checkpoint(&config).model(&config, &device).unwrap();
    assert_eq!(accuracy(&model), score.accuracy);

    // Predictions are of the same model, whatever the size of a batch.
    let file = TsFile::read(Path::new(&config.data.test)).unwrap();
    let mut other = config.clone();
    other.train.batch_size = 7;
    let predictor = Predictor::new(&other, &checkpoint(&config), &device).unwrap();
    let Predictions::Classes { names, probabilities } = predictor.predict(&file).unwrap() else {
        panic!("classes were trained")
    };
    assert_eq!((names.as_slice(), probabilities.len()), (&CLASSES.map(String::from)[..], 180));
    let right = probabilities.chunks(3).enumerate().filter(|(case, row)| {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{row:?}");
        row.iter().all(|other| *other <= row[case % 3])
    });
    assert_eq!(right.count(), (score.accuracy * 60.0).round() as usize);
    let mut nameless = checkpoint(&config);
    nameless.facts.outputs.clear();
    let error = Predictor::new(&config, &nameless, &device).err().unwrap().to_string();
    assert!(error.contains("names 0 classes, model.targets = 3"), "{error}");
}

#[test]
fn numbers_are_learned_in_their_own_units() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(folder.path(), "regression", "run");
    assert_eq!(config.model.targets, 1);
    let metrics = finished(&config);
    let Score::Numbers(score) = metrics.test else { panic!("{metrics:?}") };
    // What the mean of the training cases errs by: the deviation of numbers spread over 250.
    let Some(Score::Numbers(mean)) = metrics.same_for_all else { panic!("{metrics:?}") };
    let deviation = 250.0 / 12.0_f64.sqrt();
    assert!((mean.rmse - deviation).abs() < 0.15 * deviation, "{mean:?}");
    assert!(score.rmse < 0.5 * mean.rmse && score.mae < 0.5 * mean.mae, "{score:?} {mean:?}");
    assert!((score.rmse * score.rmse - score.mse).abs() < 1e-9 && score.mae < score.rmse);
    let std = checkpoint(&config).facts.target_scaler.unwrap().std[0];
    assert!((std - deviation).abs() < 0.15 * deviation, "{std}");
    assert!((score.loss * std * std - score.mse).abs() < 1e-9 * score.mse, "{score:?}");

    let device = runtime::open(&config).unwrap().device;
    let file = TsFile::read(Path::new(&config.data.test)).unwrap();
    let predictor = Predictor::new(&config, &checkpoint(&config), &device).unwrap();
    let Predictions::Numbers(found) = predictor.predict(&file).unwrap() else {
        panic!("numbers were trained")
    };
    let tilewright_patchtst::data::ts::Labels::Numbers(truths) = &file.labels else {
        panic!("numbers were made")
    };
    let squares = found.iter().zip(truths).map(|(found, truth)| (found - truth).powi(2));
    let mse = squares.sum::<f64>() / truths.len() as f64;
    assert!((mse - score.mse).abs() < 1e-3 * score.mse, "{mse} {score:?}");
    let mut unscaled = checkpoint(&config);
    unscaled.facts.target_scaler = None;
    let error = Predictor::new(&config, &unscaled, &device).err().unwrap().to_string();
    assert!(error.contains("no scale of the numbers") && !error.contains('\n'), "{error}");

    // Tables of runs show the loss that stopped them, which is not in the numbers' units.
    let loss = format!("{:.4}", metrics.val.loss());
    let run = RunFolder::open(&folder.path().join("runs/run")).unwrap();
    let compared = Comparison::of(&[run]).unwrap().table().text();
    let seeds = Seeds::of(&[("run".into(), metrics)]).unwrap().table().text();
    assert!(compared.contains("validation loss") && compared.contains(&loss), "{compared}");
    assert!(!compared.contains("validation MSE"), "{compared}");
    assert!(seeds.contains("val loss") && seeds.matches(&loss).count() == 2, "{seeds}");
}

#[test]
fn a_resumed_classification_is_the_uninterrupted_one_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        let mut config = small(folder.path(), "classification", name);
        config.train.epochs = 3;
        // Threads make the batches of cases in no order of their own.
        config.data.workers = 2;
        config
    };
    let (whole, parts) = (run("whole"), run("parts"));
    assert!(whole.model.ff_dropout > 0.0, "dropout is part of what must be resumed");
    let expected = finished(&whole);
    assert!(matches!(train(&parts, false, Some(4)), Outcome::Interrupted));
    assert!(matches!(train(&parts, true, Some(8)), Outcome::Interrupted));
    let Outcome::Finished(found) = train(&parts, true, None) else { panic!("interrupted again") };
    assert_eq!((found.test, found.val, found.steps), (expected.test, expected.val, 18));
    assert!(checkpoint(&parts).weights() == checkpoint(&whole).weights(), "weights differ");
    assert_eq!(checkpoint(&parts).facts, checkpoint(&whole).facts);
}

#[test]
fn data_decides_what_is_open_and_contradicts_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(folder.path(), "classification", "run");
    let other = small(folder.path(), "regression", "other");
    let error = |change: &dyn Fn(&mut Config)| {
        let mut changed = config.clone();
        change(&mut changed);
        let opened = complete(changed).and_then(|config| Data::open(&config).map(|_| ()));
        let text = format!("{:#}", opened.expect_err("refused"));
        assert!(!text.contains('\n'), "{text}");
        text
    };
    for (found, expected) in [
        (error(&|c| c.model.context = 50), "model.context = 50: the cases have 40 steps"),
        (error(&|c| c.model.targets = 4), "model.targets = 4: the cases have 3"),
        (error(&|c| c.model.task = Task::Regression), "must say @targetlabel true"),
        (error(&|c| c.data.test = String::new()), "data.test is not set"),
        (error(&|c| c.data.test = other.data.test.clone()), "as in @classLabel true a b"),
        (error(&|c| c.data.validation = 0.001), "data.validation = 0.001: of 120 training cases"),
        (error(&|c| (c.data.train, c.model.context) = (String::new(), 0)), "data.train is not set"),
        (error(&|c| (c.data.train, c.model.targets) = ("gone.ts".into(), 0)), "gone.ts"),
    ] {
        assert!(found.contains(expected), "`{found}` does not say `{expected}`");
    }
    let error = |name: &str, text: String| {
        let mut changed = config.clone();
        changed.data.test = folder.path().join(name).display().to_string();
        std::fs::write(&changed.data.test, text).unwrap();
        format!("{:#}", Data::open(&changed).err().unwrap())
    };
    let shorter = error("shorter.ts", "@classLabel true slow fast\n@data\n1,2:3,4:slow\n".into());
    assert!(shorter.contains("shorter.ts: its cases have 2 steps, those of data.train 40"));
    let narrow = error("narrow.ts", "@classLabel true slow fast\n@data\n1,2:slow\n".into());
    assert!(narrow.contains("narrow.ts: its cases have 1 dimensions, those of data.train 2"));

    let mut few = config.clone();
    few.data.max_windows = 10;
    let error = Data::open(&few).unwrap().train_loader(&few).unwrap_err().to_string();
    assert!(error.contains("train.batch_size = 16: the training part holds only 10 cases"));

    // The classes of a test file are told by their names, whatever their order.
    let text = std::fs::read_to_string(&config.data.test).unwrap();
    let turned = folder.path().join("turned.ts");
    std::fs::write(&turned, text.replace("true slow middling fast", "true fast slow middling"))
        .unwrap();
    let device = runtime::open(&config).unwrap().device;
    let model = PatchTst::new(&config.model, 2, 3, &device);
    let confusion = |config: &Config| {
        let data = Data::open(config).unwrap();
        data.measure(&model, Part::Test, config, &device).unwrap().confusion
    };
    let mut same = config.clone();
    same.data.test = turned.display().to_string();
    assert_eq!(confusion(&same), confusion(&config));
    // It need not name all of them: the last two of three, say.
    let some = text.replace("true slow middling fast", "true fast middling");
    let some: Vec<&str> = some.lines().filter(|line| !line.ends_with(":slow")).collect();
    std::fs::write(&turned, some.join("\n")).unwrap();
    let (found, expected) = (confusion(&same).unwrap().0, confusion(&config).unwrap().0);
    assert_eq!((&found[0], &found[1..]), (&vec![0; 3], &expected[1..]));

    std::fs::write(&turned, text.replace("fast", "quick")).unwrap();
    let error = format!("{:#}", Data::open(&same).err().unwrap());
    assert!(error.contains("the class quick is none of data.train's"), "{error}");
}

#[test]
fn a_task_of_labels_forgets_the_windows_of_a_series() {
    let config = overrides::from_toml("[model]\ntask = \"classification\"\n").unwrap();
    let model = &config.model;
    assert_eq!((model.context, model.targets, model.pooling), (0, 0, Pooling::Mean));
    let text = "[model]\ncontext = 50\npooling = \"max\"\ntask = \"regression\"\n";
    let model = overrides::from_toml(text).unwrap().model;
    assert_eq!((model.context, model.targets, model.pooling), (50, 0, Pooling::Max));
}

#[test]
fn the_command_line_from_training_to_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    classes(&here.join("Waves_TRAIN.ts"), 120, 1);
    classes(&here.join("Waves_TEST.ts"), 60, 2);
    let run = |arguments: &[&str]| {
        let output = patchtst(here, arguments);
        let (out, err) = text(&output);
        assert!(output.status.success(), "{arguments:?}\n{out}\n{err}");
        (out, err)
    };
    let refused = |arguments: &[&str]| {
        let output = patchtst(here, arguments);
        assert!(!output.status.success(), "{arguments:?}");
        text(&output).1
    };
    // Not the preset: what the default says of windows does not stand in the way.
    let small = [
        "--device",
        "cpu",
        "model.task=classification",
        "data.train=Waves_TRAIN.ts",
        "data.test=Waves_TEST.ts",
        "model.attention=vanilla",
        "runtime.cache=off",
        "train.batch_size=16",
        "train.epochs=2",
    ];
    let (out, err) = run(&[&["train", "runtime.name=run"][..], &small].concat());
    assert!(out.contains("test       accuracy ") && !out.contains("published"), "{out}");
    assert!(err.contains("Waves on cpu") && err.contains("epoch   2/2"), "{err}");
    let (out, _) = run(&["eval", "--run", "runs/run", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let metrics: serde_json::Value =
        serde_json::from_slice(&std::fs::read(here.join("runs/run/metrics.json")).unwrap())
            .unwrap();
    assert_eq!(json["test"]["complete"], metrics["test"]);
    assert_eq!(json["classes"], serde_json::json!(CLASSES));
    let (out, _) = run(&["eval", "--run", "runs/run"]);
    assert!(out.contains("60 cases") && out.contains("truth \\ predicted"), "{out}");

    // Cases without labels are predicted as those with them.
    let labelled = std::fs::read_to_string(here.join("Waves_TEST.ts")).unwrap();
    let (_, cases) = labelled.split_once("@data\n").unwrap();
    let cases: String =
        cases.lines().map(|case| format!("{}\n", case.rsplit_once(':').unwrap().0)).collect();
    std::fs::write(here.join("new.ts"), format!("@classLabel false\n@data\n{cases}")).unwrap();
    let checkpoint = "runs/run/checkpoint.safetensors";
    run(&["predict", "--checkpoint", checkpoint, "--input", "new.ts", "--output", "p.csv"]);
    let rows = std::fs::read_to_string(here.join("p.csv")).unwrap();
    assert!(rows.starts_with("case,label,p(slow),p(middling),p(fast)\n1,"), "{rows}");
    let right = rows
        .lines()
        .skip(1)
        .enumerate()
        .filter(|(case, row)| row.split(',').nth(1) == Some(CLASSES[case % 3]));
    let accuracy = metrics["test"]["accuracy"].as_f64().unwrap();
    assert_eq!(right.count(), (accuracy * 60.0).round() as usize);

    let err = refused(&["forecast", "--run", "runs/run", "--output", "next.csv"]);
    assert!(err.contains("use patchtst predict"), "{err}");
    std::fs::write(here.join("bad.ts"), "@data\n1,2:3,4\n").unwrap();
    let err = refused(&["predict", "--run", "runs/run", "--input", "bad.ts", "--output", "q.csv"]);
    assert!(err.contains("2 dimensions and 2 steps; the model was trained on 2"), "{err}");
    assert!(!here.join("q.csv").exists());

    // Seeds, a sweep and a comparison report what classifications are measured by.
    let (out, _) = run(&[&["train", "--seeds", "2", "runtime.name=group"][..], &small].concat());
    assert!(out.contains("test accuracy") && out.contains("deviation"), "{out}");
    let again = [&["train", "--seeds", "2", "runtime.name=group"][..], &small].concat();
    assert!(run(&again).1.contains("seed 2022: finished, test accuracy"));
    let sweep = ["sweep", "--vary", "train.learning_rate=1e-3,1e-4", "--output", "swept"];
    let (out, _) = run(&[&sweep[..], &small].concat());
    assert!(out.contains("test accuracy") && !out.contains("failed"), "{out}");
    let csv = std::fs::read_to_string(here.join("swept/sweep.csv")).unwrap();
    assert!(
        csv.contains("val_loss,test_accuracy,test_macro_f1,test_cross_entropy,epochs"),
        "{csv}"
    );
    let (out, _) = run(&["compare", "runs/group"]);
    assert!(out.contains("test macro-F1") && out.contains("validation cross-entropy"), "{out}");
    let (out, _) = run(&[&["find-lr", "--steps", "25", "--output", "found"][..], &small].concat());
    assert!(out.contains("train.learning_rate="), "{out}");
}
