//! `log.jsonl`: every event, in order, over interruptions.

use serde_json::Value;
use tilewright_patchtst::train::log::{Event, Log};

use crate::support::{tiny, train};

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "the last line is whole");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_resumed_run_goes_on_in_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let config = tiny(folder.path(), "run");
    train(&config, false, Some(2));
    let path = folder.path().join("run/log.jsonl");
    let events = |lines: &[Value]| -> Vec<String> {
        lines.iter().map(|line| line["event"].as_str().unwrap().to_string()).collect()
    };
    let first = lines(&path);
    assert_eq!(events(&first), ["start", "losses", "losses", "stop"]);
    assert_eq!((&first[0]["step"], &first[3]["step"]), (&Value::from(0), &Value::from(2)));
    assert_eq!(first[0]["attention"], "vanilla");
    assert!(first[1]["loss"].as_f64().unwrap() > 0.0, "{}", first[1]);

    train(&config, true, None);
    let all = lines(&path);
    assert_eq!(all[..4], first[..], "what was written stays");
    assert_eq!((&all[4]["event"], &all[4]["step"]), (&"start".into(), &Value::from(2)));
    let epochs: Vec<_> = all.iter().filter(|line| line["event"] == "epoch").collect();
    assert_eq!(epochs.len(), config.train.epochs);
    assert_eq!((&epochs[0]["epoch"], &epochs[0]["best"]), (&Value::from(1), &Value::from(true)));
    assert!(epochs[1]["val"].is_number() && epochs[1]["seconds"].is_number());
    let last = all.last().unwrap();
    assert_eq!((&last["event"], &last["step"]), (&"finish".into(), &Value::from(10)));
    assert!(last["test"]["mse"].is_number());
    let times: Vec<f64> = all.iter().map(|line| line["time"].as_f64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
}

#[test]
fn a_line_that_a_crash_cut_off_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    std::fs::write(&path, "{\"event\":\"stop\",\"step\":1}\n{\"event\":\"sto").unwrap();
    Log::open(&path).unwrap().write(&Event::Stop { step: 7 }).unwrap();
    let steps: Vec<_> = lines(&path).iter().map(|line| line["step"].clone()).collect();
    assert_eq!(steps, [Value::from(1), Value::from(7)]);
}
