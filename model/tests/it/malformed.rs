//! Malformed configurations and inputs: each is answered in one line that names the key or the
//! cell, and none panics.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use tilewright_datasets::{ReadOptions, Series};
use tilewright_patchtst::config::overrides;
use tilewright_patchtst::data::Data;
use tilewright_patchtst::forecast::Forecaster;
use tilewright_patchtst::runtime;
use tilewright_patchtst::sweep::Dimension;
use tilewright_patchtst::train::checkpoint::Checkpoint;
use tilewright_patchtst::train::report::read_losses;
use tilewright_patchtst::train::run_folder::RunFolder;

use crate::support::{tiny, train};

#[track_caller]
fn check<T>(given: &str, result: Result<T>, expected: &str) {
    let Err(error) = result else { panic!("accepted: {given}") };
    let text = format!("{error:#}");
    assert!(text.contains(expected), "{given}: `{text}` does not say `{expected}`");
    assert!(!text.trim_end().contains('\n'), "{given}: more than a line: {text}");
}

/// As far as training goes before its first step.
fn configure(text: &str) -> Result<()> {
    let config = overrides::from_toml(text)?;
    config.check()?;
    Data::open(&config)?.train_loader(&config)?;
    runtime::open(&config)?;
    Ok(())
}

#[test]
fn configurations() {
    for (text, expected) in [
        ("[model", "line 1"),
        ("a = 1\na = 2", "line 2"),
        ("model = 3", "`model`"),
        ("preset = 3", "preset = 3"),
        ("preset = \"etth9\"", "did you mean `etth"),
        ("[modle]\nheads = 2", "`modle`"),
        ("[model]\nd_modle = 8", "did you mean `model.d_model`"),
        ("[model]\nheads = \"four\"", "model.heads = \"four\""),
        ("[model]\nheads = [1]", "model.heads"),
        ("[model]\nheads = -1", "model.heads = -1"),
        ("[model]\nheads = 0", "model.heads = 0"),
        ("[model]\nheads = 5", "model.heads = 5"),
        ("[model]\ndropout = 1.5", "dropout = 1.5"),
        ("[model]\ndropout = nan", "dropout = NaN"),
        ("[model]\npatch_len = 0", "model.patch_len = 0"),
        ("[model]\nstride = 0", "model.stride = 0"),
        ("[model]\npatch_len = 97", "model.patch_len = 97"),
        ("[model]\nhorizon = 0", "model.horizon = 0"),
        ("[model]\nd_model = 4000000", "model.d_model = 4000000"),
        ("[model]\nd_ff = 9000000000", "model.d_ff = 9000000000"),
        ("[model]\nhorizon = 100000000", "model.horizon = 100000000"),
        ("[model]\nlayers = 100000", "model.layers = 100000"),
        ("[model]\ntask = \"classification\"\npooling = \"none\"", "model.pooling = none"),
        ("[model]\nvariant = \"blockd(3)\"", "model.variant = blockd(3)"),
        ("[model]\ndecomposition = 4", "model.decomposition = 4"),
        ("[model]\noutput = \"normal\"\ntask = \"pretrain\"", "model.output = normal"),
        ("[prune.heads]\n7 = [0]", "prune.heads.7"),
        ("[prune]\ndynamic = 4", "prune.dynamic = 4"),
        ("[pretrain]\nmask_ratio = 1.0", "pretrain.mask_ratio = 1"),
        ("[model]\ncontext = 100000000", "100000000"),
        ("[model]\nattention = \"flash\"", "flash"),
        ("[train]\nschedule = \"type9\"", "type9"),
        ("[train]\nlearning_rate = 0.0", "train.learning_rate = 0"),
        ("[train]\nlearning_rate = inf", "train.learning_rate = inf"),
        ("[train]\nbatch_size = 0", "train.batch_size = 0"),
        ("[train]\nbatch_size = 1000000", "train.batch_size = 1000000"),
        ("[train]\nepochs = 0", "train.epochs = 0"),
        ("[train]\nbeta1 = 1.0", "train.beta1 = 1"),
        ("[train]\nepsilon = 0.0", "train.epsilon = 0"),
        ("[train]\nclip_norm = -1.0", "train.clip_norm = -1"),
        ("[train]\nschedule = \"one-cycle\"\npct_start = 1.5", "train.pct_start = 1.5"),
        ("[train]\nseed = 99999999999999999999", "line 2"),
        ("[data]\ndataset = \"nowhere\"", "data.dataset = nowhere"),
        ("[data]\nfeatures = \"X\"", "data.features"),
        ("[data]\nfeatures = \"S\"\ntarget = \"nobody\"", "nobody"),
        ("[data]\nworkers = 1000000", "data.workers = 1000000"),
        ("[data]\nvalidation = 0", "data.validation = 0"),
        ("[data]\nvalidation = 1.0", "data.validation = 1"),
        ("[model]\ntask = \"regression\"", "data.train is not set"),
        ("[runtime]\ndevice = \"gpu\"", "runtime.device = gpu"),
        ("[runtime]\ndevice = \"cuda:x\"", "runtime.device = cuda:x"),
        ("[runtime]\nautotune = \"hard\"", "hard"),
    ] {
        check(text, configure(text), expected);
    }
    for (varied, expected) in [
        ("train.seed", "section.key=a,b,c"),
        ("train.seed=", "value 1"),
        ("train.seed=1,1", "1 is given twice"),
    ] {
        check(varied, Dimension::vary(varied), expected);
    }
}

#[test]
fn series() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.csv");
    let read = |path: &Path| Ok(Series::read(path, &ReadOptions::default())?);
    let rows = "2020-01-01,1,2\n2020-01-02,3,4\n";
    for (text, expected) in [
        ("".to_string(), "given.csv"),
        ("date,a,b\n".into(), "given.csv"),
        (format!("date,a,b\n{rows}2020-01-03,x,6\n"), "line 4"),
        (format!("date,a,b\n{rows}2020-01-03,5,\n"), "line 4"),
        (format!("date,a,b\n{rows}2020-01-03,5\n"), "line 4"),
        (format!("date,a,b\n{rows}2020-13-03,5,6\n"), "line 4"),
        (format!("date,a,b\n{rows}2020-01-01,5,6\n"), "line 4"),
        (format!("date,a,b\n{rows}2020-01-03,inf,6\n"), "line 4"),
        (format!("date,a,a\n{rows}"), "`a`"),
        ("date\n2020-01-01\n".into(), "given.csv"),
    ] {
        std::fs::write(&path, &text).unwrap();
        check(&text, read(&path), expected);
    }
    std::fs::write(&path, b"date,a\n2020-01-01,\xff\n").unwrap();
    check("bytes that are no text", read(&path), "line 2");
    check("a folder", read(folder.path()), &folder.path().display().to_string());
    check("no file", read(&folder.path().join("missing.csv")), "missing.csv");
}

#[test]
fn run_folders() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny(folder.path(), "run");
    (config.train.epochs, config.data.max_windows) = (1, 64);
    train(&config, false, None);
    let path = folder.path().join("run");
    let run = RunFolder::open(&path).unwrap();

    let checkpoint = Checkpoint::read(&run.checkpoint()).unwrap();
    let forecaster = Forecaster::new(&config, &checkpoint, &Device::flex()).unwrap();
    let input = folder.path().join("input.csv");
    std::fs::write(&input, "date,c0,OT\n2020-01-01,1,2\n2020-01-02,3,4\n").unwrap();
    let forecast = |path: &Path| {
        forecaster.forecast(&Series::read(path, &ReadOptions::default())?, config.model.horizon)
    };
    check("columns that are missing", forecast(&input), "input lacks columns");
    let header = format!("date,{}\n", checkpoint.facts.inputs.join(","));
    let row = format!("2020-01-01{}\n", ",1".repeat(checkpoint.facts.inputs.len()));
    std::fs::write(&input, header + &row).unwrap();
    check("too few rows", forecast(&input), "input has 1 rows; the model reads 48");

    let whole = std::fs::read(run.checkpoint()).unwrap();
    std::fs::write(run.checkpoint(), &whole[..whole.len() / 2]).unwrap();
    check("half a checkpoint", Checkpoint::read(&run.checkpoint()), "checkpoint.safetensors");
    std::fs::write(run.checkpoint(), b"").unwrap();
    check("an empty checkpoint", Checkpoint::read(&run.checkpoint()), "checkpoint.safetensors");
    std::fs::write(run.metrics(), "{").unwrap();
    check("damaged metrics", run.finished(), "metrics.json");
    std::fs::write(run.losses(), "epoch,train\n1,x\n").unwrap();
    check("damaged losses", read_losses(&run.losses()), "losses.csv");
    std::fs::write(path.join("config.toml"), "[model]\nheads = ").unwrap();
    check("a damaged configuration", run.config(), "line 2");
    check("no run", RunFolder::open(folder.path()), "is not a run");
}
