//! The dashboard, drawn on a terminal in memory.

use std::time::Duration;

use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tilewright_patchtst::dashboard::is_stop;
use tilewright_patchtst::dashboard::view::View;
use tilewright_patchtst::train::report::EpochRow;

/// What stands on a terminal of this size.
fn drawn(view: &View, stopping: bool, [width, height]: [u16; 2]) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view.draw(frame, stopping)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_string() + "\n").collect()
}

fn epoch(epoch: usize, train: f64, val: f64) -> EpochRow {
    EpochRow { epoch, train, val, test: None, learning_rate: 1e-3, seconds: 2.5, data_seconds: 0.0 }
}

fn halfway() -> View {
    View {
        epoch: 2,
        epochs: 4,
        batch: 5,
        batches: 10,
        losses: (1..=25).map(|at| (f64::from(at) / 10.0, 1.0 / f64::from(at))).collect(),
        rows: vec![epoch(1, 0.5, 0.61), epoch(2, 0.25, 0.72)],
        best: 1,
        learning_rate: 2e-4,
        left: Some(Duration::from_secs(90)),
        notes: vec!["synthetic on cpu".into()],
    }
}

#[test]
fn a_run_halfway() {
    let text = drawn(&halfway(), false, [78, 20]);
    for line in [
        "epoch   1/4  train 0.50000  val 0.61000  lr 1.00e-3  2.5 s  best\n",
        "epoch   2/4  train 0.25000  val 0.72000  lr 1.00e-3  2.5 s\n",
        "epoch 3/4 batch 5/10 ",
        "loss 0.0400  lr 2.00e-4  2 minutes left\n",
        "synthetic on cpu",
        "q: stop, keep the checkpoint\n",
        "training",
        "validation",
        // The highest and the lowest of all losses, on the axis.
        "1.0000│",
        "0.0400│",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    // Five eighths of the way.
    let bar = text.lines().find(|line| line.starts_with("epoch 3/4")).unwrap();
    let (done, all) = (bar.matches('━').count(), bar.matches(['━', '─']).count());
    let filled = done as f64 / all as f64;
    assert!((filled - 0.625).abs() < 0.02, "{filled} in {bar}");
    // Both curves: points of Braille over most columns of the chart.
    let columns = (0..78)
        .filter(|x| {
            let at = |line: &str| line.chars().nth(*x).is_some_and(|c| ('⠁'..='⣿').contains(&c));
            text.lines().any(at)
        })
        .count();
    assert!(columns > 40, "{columns} columns in\n{text}");
}

#[test]
fn a_run_that_begins_and_one_that_stops() {
    let mut view = View { epochs: 3, batches: 7, ..View::default() };
    let text = drawn(&view, false, [60, 12]);
    assert!(text.contains("epoch 1/3 batch 0/7"), "{text}");
    assert!(!text.contains("left"), "nothing is known of the time yet:\n{text}");
    // One loss has no lowest and highest to draw between; infinity has no place.
    view.losses = vec![(0.1, 0.5), (0.2, f64::INFINITY)];
    assert!(drawn(&view, false, [60, 12]).contains("0.7500│"));
    let text = drawn(&view, true, [60, 12]);
    assert!(text.contains("stopping; q again: at once"), "{text}");
}

#[test]
fn any_size_will_do() {
    for size in [[1, 1], [3, 2], [10, 5], [200, 3], [4, 60]] {
        drawn(&halfway(), true, size);
    }
}

#[test]
fn q_and_control_c_stop() {
    let key = |code, modifiers| is_stop(&KeyEvent::new(KeyCode::Char(code), modifiers));
    assert!(key('q', KeyModifiers::NONE) && key('c', KeyModifiers::CONTROL));
    assert!(!key('c', KeyModifiers::NONE) && !key('x', KeyModifiers::NONE));
    assert!(!key('q', KeyModifiers::CONTROL));
}
