use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tilewright::table::{
    self, Effort, Entry, Estimate, Fingerprint, MAX_DISTANCE, SCHEMA, Source, Standing, Table,
    TableError, Timed, Trust, lookup_in,
};
use tilewright::{DType, Device, Pass, Plan, Problem};

use crate::support::{cpu, devices, problem, problems};

const DATE: &str = "2026-11-20T14:03:00Z";

fn entry(problem: Problem, device: &Device) -> Entry {
    let plan = Plan::rule(&problem, device);
    let general = Plan::general(&problem, device);
    let others = (general != plan).then_some(Timed { plan: general, nanoseconds: 1300.0 });
    Entry {
        problem,
        plan,
        nanoseconds: 1234.5,
        interval: [1230.0, 1241.5],
        rule_nanoseconds: Some(1234.5),
        roofline_fraction: Some(0.25),
        tried: 17,
        pruned: 4,
        runners_up: others.into_iter().collect(),
    }
}

fn a_table(device: &Device, problems: impl IntoIterator<Item = Problem>) -> Table {
    let fingerprint = Fingerprint::new("a device", device);
    let mut table = Table::new(fingerprint, DATE.into(), Effort::Normal, "by hand".into());
    for problem in problems {
        table.insert(entry(problem, device));
    }
    table
}

pub fn patchtst() -> Table {
    let sizes = [(42, 8), (64, 8), (64, 16)];
    let passes = [Pass::Forward, Pass::Backward];
    a_table(&Device::H200, sizes.iter().flat_map(|&(s, d)| passes.map(|pass| problem(pass, s, d))))
}

pub fn parse(text: &str) -> Result<Table, TableError> {
    Table::parse(text, Path::new("my.json"))
}

#[test]
fn a_table_comes_back_from_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table.json");
    let table = patchtst();
    table.save(&path).expect("saved");
    assert_eq!(Table::load(&path).expect("loaded"), table);
    table.save(&path).expect("saved over");
    let files = fs::read_dir(folder.path()).expect("read").count();
    assert_eq!(files, 1, "no temporary file stays behind");
}

#[test]
fn a_file_has_one_line_for_each_entry_in_one_order() {
    let table = patchtst();
    let text = table.to_json().expect("JSON");
    assert_eq!(text.lines().filter(|line| line.contains("\"problem\"")).count(), 6);
    let mut shuffled = table.clone();
    shuffled.entries.reverse();
    assert_eq!(shuffled.to_json().expect("JSON"), text);
    assert_eq!(parse(&text).expect("parsed").to_json().expect("JSON"), text);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = patchtst().save(Path::new("/no/such/folder/t.json")).expect_err("no folder");
    assert!(error.to_string().contains("cannot write"), "{error}");
    assert!(error.to_string().contains("/no/such/folder/t.json"), "{error}");
    let error = Table::load(Path::new("/no/such/table.json")).expect_err("no file");
    assert!(error.to_string().contains("cannot read"), "{error}");
}

#[test]
fn broken_files_are_refused_with_their_place() {
    let text = patchtst().to_json().expect("JSON");
    // Cut off at any place: never a table, never a panic.
    for end in (0..text.trim_end().len()).step_by(37) {
        let error = parse(&text[..end]).expect_err("cut off");
        assert!(matches!(error, TableError::Parse { .. }), "{error}");
    }
    let error = parse("{\n  \"schema\": 2,\n  oops\n}").expect_err("no JSON").to_string();
    assert!(error.starts_with("my.json:3:3: not a tuning table"), "{error}");
    let misspelled = text.replacen("tile_rows", "tile_rowz", 1);
    let error = parse(&misspelled).expect_err("a misspelled field").to_string();
    let line = misspelled.lines().position(|line| line.contains("tile_rowz")).expect("a line") + 1;
    let place = format!("my.json:{line}:");
    assert!(error.contains("tile_rowz") && error.starts_with(&place), "{error}");
    let worded = text.replacen("1234.5", "\"fast\"", 1);
    let error = parse(&worded).expect_err("a word for a number").to_string();
    assert!(error.contains("fast"), "{error}");
}

#[test]
fn another_schema_is_named() {
    let text = patchtst().to_json().expect("JSON");
    let other = text.replacen(&format!("\"schema\": {SCHEMA}"), "\"schema\": 99", 1);
    let error = parse(&other).expect_err("schema 99");
    assert!(matches!(error, TableError::Schema { found: 99, expected: SCHEMA, .. }), "{error}");
    assert!(error.to_string().contains("autotune run"), "says what to do: {error}");
    assert!(error.to_string().contains("newer version"), "{error}");
    // What else changed with the schema is of no interest.
    let error = parse("{\"schema\": 1, \"machines\": []}").expect_err("schema 1");
    assert!(matches!(error, TableError::Schema { found: 1, .. }), "{error}");
    assert!(error.to_string().contains("measure it again"), "{error}");
}

#[test]
fn plans_edited_by_hand_are_checked() {
    let table = patchtst();
    let edited = |change: &dyn Fn(&mut Entry)| {
        let mut table = table.clone();
        change(&mut table.entries[0]);
        parse(&table.to_json().expect("JSON")).map_err(|error| error.to_string())
    };
    let refused = |change: &dyn Fn(&mut Entry), says: &str| {
        let error = edited(change).expect_err(says);
        assert!(error.contains(says) && error.contains("forward f32"), "{error}");
    };
    refused(&|e| e.plan.tile_rows = 3, "tile_rows = 3");
    let many = |e: &mut Entry| {
        e.plan = Plan { teams: 5000, heads: 5000, ..Plan::general(&e.problem, &Device::H200) };
    };
    refused(&many, "units in a cube");
    refused(&|e| e.nanoseconds = -1.0, "-1 ns");
    refused(&|e| e.rule_nanoseconds = Some(0.0), "0 ns");
    refused(&|e| e.interval = [1300.0, 1400.0], "outside its interval");
    refused(&|e| e.roofline_fraction = Some(-0.5), "-0.5 of the roofline");
    refused(&|e| e.tried = 0, "tried = 0");
    let beside =
        |e: &mut Entry, plan, nanoseconds| e.runners_up = vec![Timed { plan, nanoseconds }];
    refused(&|e| beside(e, Plan { team: 0, ..e.plan }, 1300.0), "team = 0");
    refused(&|e| beside(e, e.plan, 1300.0), "twice");
    refused(&|e| beside(e, Plan::general(&e.problem, &Device::H200), 900.0), "runner-up of 900 ns");
    // Sizes whose products no integer holds.
    refused(&|e| e.plan.teams = usize::MAX, "teams = 18446744073709551615");
    let error = edited(&|e| e.problem.batch = usize::MAX).expect_err("a batch of everything");
    assert!(error.contains("batch = 18446744073709551615"), "{error}");
    let error = edited(&|e| e.problem.kv_heads = 3).expect_err("shared by 16/3").to_string();
    assert!(error.contains("16 heads and 3 kv_heads"), "{error}");
    let mut twice = table.clone();
    twice.entries.push(twice.entries[0].clone());
    let error = parse(&twice.to_json().expect("JSON")).expect_err("twice").to_string();
    assert!(error.contains("twice"), "{error}");
}

#[test]
fn built_in_tables_are_sound() {
    // Those that are not are left out, with a word on standard error.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../autotune/tables");
    let mut files = 0;
    for file in fs::read_dir(folder).expect("the tables' folder") {
        let path = file.expect("a file").path();
        let table = Table::load(&path).expect("a sound table");
        assert!(table::embedded().contains(&table), "{} is not built in", path.display());
        files += 1;
    }
    assert_eq!(table::embedded().len(), files);
}

#[test]
fn the_kernel_hash_covers_every_kernel() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![source.join("algorithms"), source.join("tile")];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).expect("a folder") {
            let path = file.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&source).expect("inside").to_string_lossy();
                files.push(name.replace('\\', "/"));
            }
        }
    }
    files.sort();
    assert_eq!(table::kernel_sources().collect::<Vec<_>>(), files);
    assert_eq!(table::kernel_hash().len(), 16);
}

#[test]
fn a_measured_problem_gets_its_plan() {
    let mut table = patchtst();
    let measured = problem(Pass::Backward, 42, 8);
    let index = table.entries.iter().position(|e| e.problem == measured).expect("measured");
    // Not the rule's, to see a difference.
    table.entries[index].plan = Plan { tile_rows: 4, ..Plan::general(&measured, &Device::H200) };
    let answer = lookup_in(&table, &measured, &Device::H200);
    assert_eq!(answer.source, Source::Measured);
    assert_eq!(answer.plan, table.entries[index].plan);
}

#[test]
fn what_other_kernels_were_measured_at_is_an_estimate() {
    let mut table = patchtst();
    table.kernels = "0123456789abcdef".to_owned();
    let measured = problem(Pass::Forward, 42, 8);
    let answer = lookup_in(&table, &measured, &Device::H200);
    let Source::Estimated(Estimate { distance, trust, .. }) = answer.source else {
        panic!("{:?}", answer.source)
    };
    assert_eq!((distance, trust), (0.0, Trust::OtherKernels));
    assert!(answer.source.to_string().contains("other kernels"), "{}", answer.source);
}

#[test]
fn the_nearest_problem_lends_its_plan() {
    let mut table = patchtst();
    // In f32 the rule streams; a plan that is `resident` has more to adapt.
    for entry in table.entries.iter_mut().filter(|e| e.problem.pass == Pass::Forward) {
        entry.plan = Plan::general(&Problem { dtype: DType::Bf16, ..entry.problem }, &Device::H200);
        entry.runners_up.clear();
        entry.rule_nanoseconds = Some(2000.0);
    }
    let asked = problem(Pass::Forward, 48, 8);
    let answer = lookup_in(&table, &asked, &Device::H200);
    let Source::Estimated(Estimate { nearest, distance, trust, .. }) = answer.source else {
        panic!("{:?}", answer.source)
    };
    assert_eq!(nearest, problem(Pass::Forward, 42, 8), "42 is nearer to 48 than 64 is");
    assert!(distance > 0.0 && distance < 1.0, "{distance}");
    assert_eq!(trust, Trust::Full);
    assert_eq!(answer.plan.check(&asked, &Device::H200), Ok(()));
    assert_eq!(answer.plan.tile_cols, 48, "a resident plan has a column for every key");
    assert!(answer.plan.block == 0 || answer.plan.block == 48, "{}", answer.plan);
}

#[test]
fn a_plan_that_is_close_everywhere_stands_before_one_that_won_by_chance() {
    let asked = problem(Pass::Backward, 48, 8);
    let general = |problem: &Problem| Plan::general(problem, &Device::H200);
    let mut table = a_table(&Device::H200, [42, 56].map(|seq| problem(Pass::Backward, seq, 8)));
    let lucky = |problem: &Problem| Plan { tile_cols: 16, ..general(problem) };
    for entry in &mut table.entries {
        let (plan, other) = match entry.problem.seq_q {
            // Nearer, and within the noise.
            42 => (lucky(&entry.problem), general(&entry.problem)),
            _ => (general(&entry.problem), lucky(&entry.problem)),
        };
        let slower = if entry.problem.seq_q == 42 { 1.01 } else { 1.4 };
        entry.plan = plan.adapted(&entry.problem, &entry.problem, &Device::H200);
        let plan = other.adapted(&entry.problem, &entry.problem, &Device::H200);
        entry.runners_up = vec![Timed { plan, nanoseconds: entry.nanoseconds * slower }];
        entry.rule_nanoseconds = Some(entry.nanoseconds * 3.0);
    }
    let answer = lookup_in(&table, &asked, &Device::H200);
    assert_eq!(answer.plan.tile_cols, general(&asked).tile_cols, "{}", answer.plan);
    let Source::Estimated(Estimate { slowdown, neighbours, .. }) = answer.source else {
        panic!("{:?}", answer.source)
    };
    assert_eq!(neighbours, 2);
    assert!(slowdown > 1.0 && slowdown < 1.01, "{slowdown}");
    // Where the rule is best around, it is the answer.
    for entry in &mut table.entries {
        entry.rule_nanoseconds = Some(entry.nanoseconds);
        entry.nanoseconds *= 1.5;
    }
    table.entries.iter_mut().for_each(|entry| entry.runners_up.clear());
    let answer = lookup_in(&table, &asked, &Device::H200);
    assert_eq!(answer.plan, Plan::rule(&asked, &Device::H200));
}

#[test]
fn what_is_far_away_lends_nothing() {
    let table = patchtst();
    let others = [
        problem(Pass::Forward, 4096, 8),
        problem(Pass::Forward, 42, 256),
        Problem { dtype: tilewright::DType::Bf16, ..problem(Pass::Forward, 42, 8) },
        Problem { save_scores: true, ..problem(Pass::Forward, 42, 8) },
        Problem { class: tilewright::VariantClass::Mask, ..problem(Pass::Forward, 42, 8) },
    ];
    for asked in others {
        let answer = lookup_in(&table, &asked, &Device::H200);
        assert_eq!(answer.source, Source::Rule, "{asked}");
        assert_eq!(answer.plan, Plan::rule(&asked, &Device::H200));
    }
}

#[test]
fn tables_serve_their_own_device() {
    let of_gpu = Fingerprint { compute_capability: "9.0".to_owned(), ..patchtst().device };
    let hopper = |name, device| of_gpu.standing(name, "ptx_sm90", &device);
    assert_eq!(hopper("a device", Device::H200), Standing::Same);
    assert_eq!(hopper("another Hopper", Device::H200), Standing::Kin);
    let slice = Device { multiprocessors: 16, ..Device::H200 };
    assert_eq!(hopper("a device", slice), Standing::Kin, "a slice of it");
    assert_eq!(of_gpu.standing("an Ampere", "ptx_sm80", &Device::H200), Standing::Foreign);
    assert_eq!(of_gpu.standing("a device", "", &cpu()), Standing::Foreign);
    let of_cpu = Fingerprint::new("a CPU", &cpu());
    assert_eq!(of_cpu.standing("a CPU", "", &cpu()), Standing::Same);
    assert_eq!(of_cpu.standing("another CPU", "", &cpu()), Standing::Kin);
    let larger = Device { units: 64, ..cpu() };
    assert_eq!(of_cpu.standing("a CPU", "", &larger), Standing::Kin);
    assert_eq!(of_cpu.standing("a CPU", "", &Device { lanes: 4, ..cpu() }), Standing::Foreign);
}

#[test]
fn a_cpu_with_other_cores_uses_all_of_them() {
    let table = a_table(&cpu(), [problem(Pass::Forward, 42, 8)]);
    let larger = Device { units: 64, ..cpu() };
    let answer = lookup_in(&table, &problem(Pass::Forward, 42, 8), &larger);
    assert_eq!((answer.source, answer.plan.teams), (Source::Measured, 64));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_can_run(
        measured in proptest::collection::vec(problems(), 1..20),
        asked in problems(),
        device in devices(),
        like in any::<proptest::sample::Index>(),
        stretch in 1usize..=3,
    ) {
        let table = a_table(&device, measured.clone());
        // Also problems that are like a measured one: others are seldom near.
        let near = like.get(&measured);
        let near = Problem {
            seq_q: near.seq_q.div_ceil(stretch),
            seq_k: near.seq_k * stretch,
            batch: near.batch * stretch,
            ..*near
        };
        for problem in [asked, near] {
            let answer = lookup_in(&table, &problem, &device);
            prop_assert_eq!(answer.plan.check(&problem, &device), Ok(()));
            if let Source::Estimated(Estimate { nearest, distance, slowdown, .. }) = answer.source {
                prop_assert!((0.0..=MAX_DISTANCE).contains(&distance));
                prop_assert!(slowdown >= 1.0, "{slowdown}");
                prop_assert_eq!(
                    (nearest.pass, nearest.dtype, nearest.class),
                    (problem.pass, problem.dtype, problem.class)
                );
            }
        }
        for problem in measured {
            let source = lookup_in(&table, &problem, &device).source;
            prop_assert_eq!(source, Source::Measured, "{}", problem);
        }
    }

    #[test]
    fn every_table_comes_back(measured in proptest::collection::vec(problems(), 0..10)) {
        let table = a_table(&Device::H200, measured);
        let text = table.to_json().expect("JSON");
        prop_assert_eq!(parse(&text).expect("parsed"), table);
    }
}
