//! Learning rates and early stopping.

use tilewright_patchtst::config::{ScheduleKind, presets};
use tilewright_patchtst::train::early_stopping::EarlyStopping;
use tilewright_patchtst::train::schedule::Schedule;

fn schedule(kind: ScheduleKind, epochs: usize, per_epoch: usize) -> Schedule {
    let mut config = presets::by_name("tiny").unwrap().train;
    config.schedule = kind;
    config.epochs = epochs;
    config.learning_rate = 1e-2;
    config.pct_start = 0.3;
    Schedule::new(&config, per_epoch)
}

#[test]
fn type3_waits_three_epochs_then_decays() {
    let schedule = schedule(ScheduleKind::Type3, 10, 5);
    let rate = |epoch: u64| schedule.at(epoch * 5).learning_rate;
    assert_eq!([rate(0), rate(1), rate(2), rate(3)], [1e-2; 4]);
    assert!((rate(4) - 9e-3).abs() < 1e-12);
    assert!((rate(6) - 1e-2 * 0.9_f64.powi(3)).abs() < 1e-12);
    assert_eq!(schedule.at(24), schedule.at(20));
}

#[test]
fn early_stopping_counts_epochs_since_the_best() {
    let mut stopping = EarlyStopping::new(2);
    assert!(stopping.record(1, 0.5));
    assert!(stopping.record(2, 0.4));
    assert!(!stopping.record(3, 0.6));
    assert!(!stopping.stops());
    assert!(stopping.record(4, 0.4), "an equal error is as good");
    assert!(!stopping.record(5, f64::NAN));
    assert!(!stopping.record(6, 0.41));
    assert!(stopping.stops());
    assert_eq!((stopping.best_epoch(), stopping.best()), (4, Some(0.4)));
    let mut patient = EarlyStopping::new(0);
    for epoch in 1..100 {
        patient.record(epoch, epoch as f64);
    }
    assert!(!patient.stops());
}
