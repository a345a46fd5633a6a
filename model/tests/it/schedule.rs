//! Learning rates and early stopping.

use tilewright_patchtst::config::{ScheduleKind, presets};
use tilewright_patchtst::train::early_stopping::EarlyStopping;
use tilewright_patchtst::train::schedule::{Schedule, StepRate};

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

/// The rates of epochs 1, 2, ... by hand from `adjust_learning_rate`, whose rate of epoch `e` is set
/// once that epoch is over.
#[test]
fn steps_by_epoch_are_the_official_codes() {
    let rates = |kind: ScheduleKind, epochs: &[u64]| -> Vec<f64> {
        let schedule = schedule(kind, 30, 4);
        epochs
            .iter()
            .map(|epoch| {
                let (first, last) = (4 * (epoch - 1), 4 * epoch - 1);
                assert_eq!(schedule.at(first), schedule.at(last), "{kind:?}, epoch {epoch}");
                schedule.at(first).learning_rate
            })
            .collect()
    };
    let check = |kind: ScheduleKind, epochs: &[u64], expected: &[f64]| {
        for ((found, expected), epoch) in rates(kind, epochs).iter().zip(expected).zip(epochs) {
            assert!(
                (found - expected).abs() < 1e-15,
                "{kind:?}, epoch {epoch}: {found}, {expected}"
            );
        }
    };
    check(ScheduleKind::Constant, &[1, 2, 30], &[1e-2, 1e-2, 1e-2]);
    check(ScheduleKind::Type1, &[1, 2, 3, 4, 5], &[1e-2, 1e-2, 5e-3, 2.5e-3, 1.25e-3]);
    check(
        ScheduleKind::Type2,
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 20, 21, 30],
        &[
            1e-2, 1e-2, 5e-5, 5e-5, 1e-5, 1e-5, 5e-6, 5e-6, 1e-6, 1e-6, 5e-7, 5e-7, 1e-7, 1e-7,
            5e-8, 5e-8,
        ],
    );
    check(ScheduleKind::Type3, &[1, 4, 5, 6], &[1e-2, 1e-2, 9e-3, 8.1e-3]);
    check(ScheduleKind::Tenth10, &[10, 11, 30], &[1e-2, 1e-3, 1e-3]);
    check(ScheduleKind::Tenth15, &[15, 16], &[1e-2, 1e-3]);
    check(ScheduleKind::Tenth25, &[25, 26], &[1e-2, 1e-3]);
    check(ScheduleKind::Tenth5, &[5, 6], &[1e-2, 1e-3]);
}

#[test]
fn the_official_start_is_a_25th_with_another_beta() {
    let mut config = presets::by_name("tiny").unwrap().train;
    (config.learning_rate, config.epochs, config.official_start) = (1e-2, 10, true);
    let at = |config: &_, epoch: u64| Schedule::new(config, 3).at(3 * (epoch - 1));
    config.schedule = ScheduleKind::Type3;
    assert_eq!(at(&config, 1), StepRate { learning_rate: 4e-4, beta1: 0.95 });
    assert_eq!(at(&config, 2), StepRate { learning_rate: 1e-2, beta1: 0.95 });
    assert!((at(&config, 5).learning_rate - 9e-3).abs() < 1e-15);
    config.schedule = ScheduleKind::Type2;
    assert_eq!([at(&config, 2).learning_rate, at(&config, 3).learning_rate], [4e-4, 5e-5]);
    config.schedule = ScheduleKind::OneCycle;
    let with = at(&config, 1);
    config.official_start = false;
    assert_eq!(with, at(&config, 1), "one-cycle is what it is");
}

#[test]
fn schedules_have_the_official_names() {
    for (name, kind) in [
        ("constant", ScheduleKind::Constant),
        ("type1", ScheduleKind::Type1),
        ("type2", ScheduleKind::Type2),
        ("type3", ScheduleKind::Type3),
        ("3", ScheduleKind::Tenth10),
        ("4", ScheduleKind::Tenth15),
        ("5", ScheduleKind::Tenth25),
        ("6", ScheduleKind::Tenth5),
        ("one-cycle", ScheduleKind::OneCycle),
        ("TST", ScheduleKind::OneCycle),
    ] {
        let mut config = presets::by_name("tiny").unwrap();
        config.set(&format!("train.schedule={name}")).unwrap();
        assert_eq!(config.train.schedule, kind, "{name}");
    }
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

/// The official `fine_tune`: one cycle for the head, then one of half the rate for everything.
#[test]
fn frozen_epochs_have_a_cycle_of_their_own() {
    let mut config = presets::by_name("tiny").unwrap().train;
    (config.schedule, config.learning_rate, config.pct_start) = (ScheduleKind::OneCycle, 1e-2, 0.3);
    let alone = |epochs: usize, rate: f64| {
        let mut config = config.clone();
        (config.epochs, config.learning_rate) = (epochs, rate);
        let schedule = Schedule::new(&config, 5);
        (0..5 * epochs as u64).map(|step| schedule.at(step)).collect::<Vec<_>>()
    };
    let expected = [alone(4, 1e-2), alone(6, 5e-3)].concat();
    (config.epochs, config.freeze_epochs) = (10, 4);
    let schedule = Schedule::new(&config, 5);
    let found: Vec<StepRate> = (0..50).map(|step| schedule.at(step)).collect();
    assert_eq!(found, expected);
    config.freeze_epochs = 10;
    let probing = Schedule::new(&config, 5);
    config.freeze_epochs = 0;
    let whole = Schedule::new(&config, 5);
    assert!((0..50).all(|step| probing.at(step) == whole.at(step)));
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
