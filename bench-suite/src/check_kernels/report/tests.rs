use tilewright::cuda_source::Sm;
use tilewright::variants::softmax;
use tilewright::{DType, Lowering, Pass, Plan, Problem, VariantClass};

use super::*;

fn item(origin: Origin, head_dim: usize) -> Item {
    let problem = Problem {
        pass: Pass::Backward,
        dtype: DType::Bf16,
        head_dim,
        value_dim: head_dim,
        seq_q: 196,
        seq_k: 196,
        batch: 128,
        heads: 16,
        kv_heads: 16,
        class: VariantClass::Plain,
        save_scores: false,
    };
    let sm = Sm::Sm90;
    let plan = Plan { lowering: Lowering::Simt, ..Plan::rule(&problem, &sm.device()) };
    Item { origin, problem, plan, variant: softmax().into(), sm }
}

fn row(origin: Origin, head_dim: usize, outcome: &Outcome) -> Row {
    let found = Found {
        kernel: "streaming_backward_keys".to_owned(),
        units: 128,
        shared_bytes: 4096,
        outcome: outcome.clone(),
    };
    Row::new(&item(origin, head_dim), &found)
}

fn compiled(registers: u32, spill_stores: u32, warnings: &[&str]) -> Outcome {
    let warnings = warnings.iter().map(|&warning| warning.to_owned()).collect();
    let stack = spill_stores;
    Outcome::Compiled(Resources { registers, spill_stores, spill_loads: 4, stack, warnings })
}

fn clean() -> Outcome {
    Outcome::Compiled(Resources { registers: 57, ..Resources::default() })
}

fn table() -> Origin {
    Origin::Table("NVIDIA H200".to_owned())
}

#[test]
fn each_outcome_has_its_status() {
    let status = |origin, dim, outcome: &Outcome| row(origin, dim, outcome).status;
    assert_eq!(status(Origin::Rule, 8, &clean()), Status::Ok);
    assert_eq!(status(Origin::Rule, 8, &compiled(255, 16, &[])), Status::Spill);
    assert_eq!(status(Origin::Rule, 64, &compiled(255, 16, &[])), Status::Known);
    assert_eq!(status(Origin::Rule, 64, &compiled(255, 16, &["demoted"])), Status::Warning);
    assert_eq!(status(Origin::Rule, 8, &Outcome::Failed { log: "?".into() }), Status::Failed);
    let lacks = Outcome::Lacks { what: "Instruction 'wgmma' not supported".to_owned() };
    assert_eq!(status(table(), 8, &lacks), Status::NotForIt);
    assert_eq!(status(Origin::Rule, 8, &lacks), Status::Failed);
}

#[test]
fn more_registers_than_there_are_cannot_be_launched() {
    let kernel = "resident_forward".to_owned();
    let outcome = Outcome::Compiled(Resources { registers: 65, ..Resources::default() });
    let mut found = Found { kernel, units: 1024, shared_bytes: 0, outcome };
    let status = |found: &Found| Row::new(&item(Origin::Rule, 8), found).status;
    assert_eq!(status(&found), Status::Failed);
    found.units = 512;
    assert_eq!(status(&found), Status::Ok);
}

#[test]
fn a_failure_names_what_where_and_the_way_out() {
    let rows = vec![row(table(), 8, &clean()), row(Origin::Rule, 8, &compiled(255, 16, &[]))];
    let report = Report::new("NVRTC 13.0".to_owned(), rows);
    let error = report.verdict().expect_err("a spill").to_string();
    for part in [
        "1 kernels",
        "streaming_backward_keys on sm_90a",
        "16 bytes",
        "backward bf16 B128 H16 S196 D8",
        "/simt",
        "Plan::rule",
        "known.rs",
        "--sources",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let rows = vec![row(table(), 8, &compiled(255, 16, &[]))];
    let error = Report::new(String::new(), rows).verdict().expect_err("a spill").to_string();
    assert!(error.contains("autotune run"), "{error}");
}

#[test]
fn many_failures_are_told_in_part() {
    let rows = vec![row(Origin::Rule, 8, &compiled(255, 16, &[])); TOLD + 3];
    let error = Report::new(String::new(), rows).verdict().expect_err("spills").to_string();
    assert!(error.starts_with("11 kernels") && error.ends_with("and 3 more, in the table above"));
}

#[test]
fn the_table_is_aligned_and_counts() {
    let lacks = Outcome::Lacks { what: "no wgmma".to_owned() };
    let rows = vec![
        row(Origin::Rule, 8, &clean()),
        row(Origin::Rule, 64, &compiled(255, 16, &[])),
        row(table(), 8, &lacks),
    ];
    let report = Report::new(String::new(), rows);
    let text = report.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    let column = |name: &str| lines[0].find(name).expect("a column");
    assert!(lines[1][column("status")..].starts_with("ok "), "{text}");
    assert!(lines[2][column("status")..].starts_with("known 2 "), "{text}");
    assert!(lines[4].starts_with("known 2: a unit owns whole rows"), "{text}");
    assert!(lines[3].ends_with("no wgmma"), "{text}");
    let registers = column("regs") + "regs".len();
    assert!(lines[1][..registers].ends_with("  57"), "{text}");
    assert_eq!(
        lines[5],
        "3 rows: 1 ok, 1 spill and are known to, 1 not for the architecture, 0 failed"
    );
    assert!(report.verdict().is_ok());
}

#[test]
fn an_entry_that_no_kernel_needs_is_named() {
    let spilling = vec![row(Origin::Rule, 64, &compiled(255, 16, &[]))];
    let spilling = Report::new(String::new(), spilling);
    assert_eq!(spilling.unneeded().count(), KNOWN_SPILLS.len() - 1);
    let fine = Report::new(String::new(), vec![row(Origin::Rule, 64, &clean())]);
    assert_eq!(fine.unneeded().count(), KNOWN_SPILLS.len());
}

#[test]
fn rows_are_written_as_json() {
    let report = Report::new("NVRTC 13.0".to_owned(), vec![row(Origin::Rule, 8, &clean())]);
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["rows"][0]["status"], "ok");
    assert_eq!(json["rows"][0]["resources"]["registers"], 57);
    assert_eq!(json["tools"], "NVRTC 13.0");
}
