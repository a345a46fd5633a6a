//! Measuring beside others, who are not there, misbehave, or are PyTorch on the CPU.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::{bench_suite, text};

const ROW: [&str; 18] = [
    "batch",
    "heads",
    "seq_q",
    "seq_k",
    "head_dim",
    "value_dim",
    "dtype",
    "layout",
    "variant",
    "pass",
    "impl",
    "ms",
    "least_ms",
    "spread",
    "floor_ms",
    "tflops",
    "plan",
    "error",
];

/// Runs on the CPU, with an interpreter, and reads what was written.
fn run(python: &str, more: &[&str], folder: &Path) -> (Output, Value) {
    let folder_text = folder.to_str().expect("UTF-8");
    let fixed = ["attention", "--device", "cpu", "--dtype", "f32", "--samples", "2"];
    let output =
        bench_suite(&[&fixed[..], &["--python", python, "--output", folder_text], more].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let json = std::fs::read_to_string(folder.join("attention.json")).expect("JSON");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    for row in json["rows"].as_array().expect("rows") {
        let keys: Vec<&String> = row.as_object().expect("a row").keys().collect();
        assert_eq!(keys.len(), ROW.len(), "{keys:?}");
        for name in ROW {
            assert!(row.get(name).is_some(), "{name} in {row}");
        }
    }
    (output, json)
}

fn row<'a>(json: &'a Value, implementation: &str, pass: &str) -> &'a Value {
    json["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["impl"] == implementation && row["pass"] == pass)
        .unwrap_or_else(|| panic!("no row of {implementation}, {pass}"))
}

#[test]
fn without_python_ours_are_measured_and_the_reason_is_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--peers", "--shapes", "B2H2S7D4"];
    let (output, json) = run("/no/such/python", &arguments, folder.path());
    let said = text(&output.stderr);
    assert!(said.contains("no peers: cannot start `/no/such/python`"), "{said}");
    assert!(json["notes"][0].as_str().is_some_and(|note| note.contains("/no/such/python")));
    assert!(row(&json, "tilewright", "forward")["ms"].as_f64().is_some());
}

#[test]
#[cfg(unix)]
fn without_pytorch_the_reason_is_given() {
    // A Python without its installed packages.
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bare_python.sh");
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--peers", "--shapes", "B2H2S7D4", "--pass", "forward"];
    let (output, json) = run(python.to_str().expect("UTF-8"), &arguments, folder.path());
    let said = text(&output.stderr);
    assert!(said.contains("no peers: No module named 'torch'"), "{said}");
    let rows = json["rows"].as_array().expect("rows");
    let implementations: Vec<_> = rows.iter().map(|row| row["impl"].as_str()).collect();
    assert_eq!(
        implementations,
        [Some("tilewright"), Some("cubek")],
        "those in this process, and nobody from Python"
    );
}

#[test]
#[cfg(unix)]
fn who_crashes_refuses_or_is_wrong_has_no_time_and_the_others_go_on() {
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/stub_interpreter.sh");
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--peers", "--shapes", "B2H2S7D4"];
    let (_, json) = run(stub.to_str().expect("UTF-8"), &arguments, folder.path());
    assert_eq!(json["notes"][0], "peers: PyTorch 0.0, no Triton, Python 3, on stub");
    for pass in ["forward", "backward"] {
        let ours = row(&json, "tilewright", pass);
        let error = ours["error"].as_f64().expect("compared with the reference");
        assert!(ours["ms"].as_f64().is_some() && error < 1e-4, "{ours}");
        for (peer, reason) in [
            ("vanilla", "wrong: off by 1.00e0"),
            ("flex", "the process ended (exit status: 3): flex has crashed"),
            ("triton", "not installed"),
            // After the crash.
            ("sdpa_cudnn", "wrong: off by 1.00e0"),
        ] {
            let row = row(&json, peer, pass);
            assert!(row["ms"].is_null(), "{row}");
            assert!(row["error"].as_str().is_some_and(|why| why.starts_with(reason)), "{row}");
        }
    }
    let markdown = std::fs::read_to_string(folder.path().join("attention.md")).expect("Markdown");
    for says in ["| SDPA cuDNN |", "| Triton | not installed |", "(attention.svg)"] {
        assert!(markdown.contains(says), "{says}: {markdown}");
    }
    let svg = std::fs::read_to_string(folder.path().join("attention.svg")).expect("SVG");
    well_formed(&svg);
    for title in ["Tilewright", "vanilla compiled", "SDPA flash", "FlexAttention", "Triton"] {
        assert!(svg.contains(title), "{title}");
    }
}

/// Every element is closed, in order, and no text has a stray bracket.
fn well_formed(xml: &str) {
    let mut open = Vec::new();
    let mut rest = xml;
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>'), "a stray bracket in `{before}`");
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') || name.starts_with(['?', '!']) => {}
            None => open.push(name),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty() && xml.trim_end().ends_with("</svg>"), "{open:?} are open");
}

/// Set `TILEWRIGHT_TEST_PYTHON` to an interpreter with PyTorch where `python3` has none.
#[test]
fn pytorch_agrees_with_the_reference() {
    let python = std::env::var("TILEWRIGHT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let torch = Command::new(&python).args(["-c", "import torch"]).output();
    if !torch.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: `{python}` has no PyTorch");
        return;
    }
    for (shape, layout, variant) in [
        ("B3H4S42D8", "bhsd", "softmax"),
        ("B3H4S42D8", "packed", "causal"),
        ("B3H4S20D6x4", "bshd", "alibi"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let peers = "--peers=vanilla,sdpa_flash,triton";
        let arguments = [peers, "--shapes", shape, "--layout", layout, "--variant", variant];
        let (_, json) = run(&python, &arguments, folder.path());
        for pass in ["forward", "backward"] {
            for one in ["tilewright", "vanilla"] {
                let row = row(&json, one, pass);
                let error = row["error"].as_f64().unwrap_or_else(|| panic!("{row}"));
                assert!(error < 1e-5 && row["ms"].as_f64().is_some(), "{row}");
            }
            let flash = row(&json, "sdpa_flash", pass);
            let refuses = flash["error"] == "has no such variant";
            assert_eq!(refuses, variant == "alibi", "{flash}");
            assert!(row(&json, "triton", pass)["error"].is_string(), "it needs a GPU");
        }
    }
}
