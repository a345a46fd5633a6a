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

/// The numbers of PyTorch's own test (`test_onecycle_lr_cosine_annealing`): `max_lr=25`,
/// `total_steps=10`, with the default momenta and final division.
#[test]
fn one_cycle_is_pytorchs() {
    let mut config = presets::by_name("tiny").unwrap().train;
    config.schedule = ScheduleKind::OneCycle;
    config.epochs = 5;
    config.learning_rate = 25.0;
    config.pct_start = 0.3;
    let schedule = Schedule::new(&config, 2);
    let annealed = |start: f64, end: f64, share: f64| {
        end + (start - end) / 2.0 * ((std::f64::consts::PI * share).cos() + 1.0)
    };
    let mut rates = vec![1.0, 13.0, 25.0];
    let mut momenta = vec![0.95, 0.9, 0.85];
    for step in 1..=7 {
        rates.push(annealed(25.0, 1e-4, f64::from(step) / 7.0));
        momenta.push(annealed(0.85, 0.95, f64::from(step) / 7.0));
    }
    for (step, (rate, momentum)) in rates.iter().zip(&momenta).enumerate() {
        let found = schedule.at(step as u64);
        assert!((found.learning_rate - rate).abs() < 1e-9, "step {step}: {found:?}, {rate}");
        assert!((found.beta1 - momentum).abs() < 1e-12, "step {step}: {found:?}, {momentum}");
    }
    assert!((schedule.at(9).learning_rate - 1e-4).abs() < 1e-12);
    config.cycle_momentum = false;
    assert_eq!(Schedule::new(&config, 2).at(2).beta1, 0.9);
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
