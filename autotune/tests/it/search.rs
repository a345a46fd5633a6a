//! Searches on a simulated device.

use std::path::Path;

use tilewright::table::{Effort, Fingerprint, RUNNERS_UP, TIE, Table};
use tilewright::{Device, Pass, Plan, Problem};
use tilewright_autotune::method::{Budget, Method};
use tilewright_autotune::search::{Finding, Wishes, search};
use tilewright_autotune::space::{family, feasible};

use crate::simulated::{SimulatedStand, Simulation, problem, true_time};

fn find(problem: &Problem, simulation: Simulation, effort: Effort, seed: u64) -> Finding {
    let mut stand = SimulatedStand::new(*problem, simulation, seed);
    let method = Method::of(effort, seed);
    let wishes = Wishes::default();
    let budget = Budget::new(None);
    search(problem, &Device::H200, &mut stand, &wishes, &method, &budget, &mut |_| {}).unwrap()
}

fn best(problem: &Problem) -> (Plan, f64) {
    let (plans, _) = feasible(problem, &Device::H200);
    let times = plans.into_iter().map(|plan| (plan, true_time(problem, &plan)));
    times.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

/// What a reader would say of the entry.
fn assert_sound(finding: &Finding) {
    let device = Fingerprint::new("a simulated device", &Device::H200);
    let mut table = Table::new(device, "2026-11-27".to_owned(), Effort::Full, String::new());
    table.insert(finding.entry.clone().unwrap());
    table.check(Path::new("simulated")).unwrap();
}

#[test]
fn the_fastest_plan_is_found_in_spite_of_noise() {
    for (seed, pass) in [(0, Pass::Forward), (1, Pass::Backward), (2, Pass::Forward)] {
        for (seq, dim) in [(42, 8), (64, 16), (196, 64)] {
            let problem = problem(pass, seq, dim);
            let finding = find(&problem, Simulation::default(), Effort::Full, seed);
            assert_sound(&finding);
            let entry = finding.entry.unwrap();
            let (plan, time) = best(&problem);
            let chosen = true_time(&problem, &entry.plan);
            assert!(chosen <= time * (1.0 + TIE), "{problem}: {chosen}, but {plan} takes {time}");
            let [low, high] = entry.interval;
            assert!(low <= entry.nanoseconds && entry.nanoseconds <= high, "{entry:?}");
            assert!(entry.runners_up.len() <= RUNNERS_UP && !entry.runners_up.is_empty());
            let rule = true_time(&problem, &Plan::rule(&problem, &Device::H200));
            let speedup = entry.speedup_over_rule().unwrap();
            assert!((speedup / (rule / chosen) - 1.0).abs() < 0.04, "{speedup} {rule} {chosen}");
            let (feasible, pruned) = feasible(&problem, &Device::H200);
            assert_eq!((entry.tried, entry.pruned), (feasible.len(), pruned.total()));
        }
    }
}

#[test]
fn the_same_seed_finds_the_same() {
    let problem = problem(Pass::Backward, 42, 8);
    let once = find(&problem, Simulation::default(), Effort::Normal, 7);
    assert_eq!(find(&problem, Simulation::default(), Effort::Normal, 7), once);
}

#[test]
fn two_runs_agree() {
    let mut agreed = 0;
    let sizes = [(42, 4), (42, 8), (42, 16), (64, 4), (64, 8), (64, 16), (100, 8), (17, 8)];
    for (seq, dim) in sizes {
        let problem = problem(Pass::Forward, seq, dim);
        let plan = |seed| {
            let noisy = Simulation { noise: 0.05, ..Simulation::default() };
            find(&problem, noisy, Effort::Full, seed).entry.unwrap().plan
        };
        let times = [plan(1), plan(2)].map(|plan| true_time(&problem, &plan));
        agreed += usize::from((times[0] / times[1] - 1.0).abs() <= TIE);
    }
    assert!(agreed * 10 >= sizes.len() * 9, "{agreed} of {}", sizes.len());
}

#[test]
fn what_is_wrong_or_broken_is_reported_and_never_named() {
    let problem = problem(Pass::Forward, 42, 8);
    let (plans, _) = feasible(&problem, &Device::H200);
    let mut by_time = plans;
    by_time.sort_by(|a, b| true_time(&problem, a).total_cmp(&true_time(&problem, b)));
    let simulation = Simulation {
        wrong: vec![by_time[0], by_time[1], by_time[4]],
        broken: vec![by_time[2]],
        ..Simulation::default()
    };
    let finding = find(&problem, simulation.clone(), Effort::Full, 3);
    assert_sound(&finding);
    let entry = finding.entry.unwrap();
    for contender in entry.contenders() {
        assert!(!simulation.wrong.contains(&contender.plan), "{} is wrong", contender.plan);
        assert!(!simulation.broken.contains(&contender.plan), "{} is broken", contender.plan);
    }
    let chosen = true_time(&problem, &entry.plan);
    assert!(chosen <= true_time(&problem, &by_time[3]) * (1.0 + TIE), "the best of the right");
    let said = |plan: Plan| finding.refused.iter().find(|refused| refused.plan == plan).unwrap();
    assert_eq!(said(by_time[0]).why, "out differs by 1");
    assert_eq!(said(by_time[2]).why, "it does not run");

    // Nothing is right: no entry, and the run goes on.
    let all = Simulation { wrong: by_time.clone(), ..Simulation::default() };
    let finding = find(&problem, all, Effort::Quick, 3);
    assert!(finding.entry.is_none() && !finding.refused.is_empty());
    let none = Simulation { broken: by_time, ..Simulation::default() };
    let finding = find(&problem, none, Effort::Normal, 3);
    assert!(finding.entry.is_none() && finding.timed.is_empty());
}

#[test]
fn effort_decides_how_many_plans_are_tried() {
    let problem = problem(Pass::Backward, 64, 16);
    let tried = |method: Method| {
        let mut stand = SimulatedStand::new(problem, Simulation::default(), 0);
        let (wishes, budget) = (Wishes::default(), Budget::new(None));
        let found =
            search(&problem, &Device::H200, &mut stand, &wishes, &method, &budget, &mut |_| {})
                .unwrap();
        (found.entry.unwrap().tried, found.pruned)
    };
    let quick = Method::of(Effort::Quick, 0);
    let (few, _) = tried(quick);
    assert!(few <= quick.most_plans, "{few}");
    let (full, _) = tried(Method::of(Effort::Full, 0));
    assert!(full > 2 * few, "{full} {few}");
    let (five, pruned) = tried(Method { most_plans: 5, ..Method::of(Effort::Full, 0) });
    let beyond = "beyond the 5 plans that are tried of each problem";
    assert_eq!(
        (five, pruned.reasons().find(|(why, _)| *why == beyond)),
        (5, Some((beyond, full - 5)))
    );
}

#[test]
fn a_hopeless_family_is_left_out_by_a_test() {
    // Plain units take 1.6 times as long, at the least.
    let problem = problem(Pass::Forward, 42, 8);
    let method = Method { hopeless: 1.2, speakers: 2, ..Method::of(Effort::Normal, 0) };
    let mut stand = SimulatedStand::new(problem, Simulation::default(), 0);
    let (wishes, budget) = (Wishes::default(), Budget::new(None));
    let finding =
        search(&problem, &Device::H200, &mut stand, &wishes, &method, &budget, &mut |_| {})
            .unwrap();
    let left_out: Vec<&str> =
        finding.pruned.reasons().map(|(reason, _)| reason).filter(|r| r.contains("1.2")).collect();
    assert!(left_out.iter().any(|reason| reason.contains("/simt")), "{left_out:?}");
    // Those that spoke were measured.
    let spoke =
        finding.timed.iter().filter(|timed| family(&timed.plan) != family(&finding.timed[0].plan));
    assert!(spoke.count() >= 2);
}

#[test]
fn a_budget_without_time_still_gives_an_answer() {
    let problem = problem(Pass::Forward, 42, 8);
    let mut stand = SimulatedStand::new(problem, Simulation::default(), 0);
    let method = Method::of(Effort::Full, 0);
    let (wishes, budget) = (Wishes::default(), Budget::new(Some(std::time::Duration::ZERO)));
    let finding =
        search(&problem, &Device::H200, &mut stand, &wishes, &method, &budget, &mut |_| {})
            .unwrap();
    assert_sound(&finding);
    let entry = finding.entry.unwrap();
    assert_eq!(entry.plan, Plan::rule(&problem, &Device::H200));
    let reasons: Vec<&str> = finding.pruned.reasons().map(|(reason, _)| reason).collect();
    assert!(reasons.contains(&"no time left in the budget"), "{reasons:?}");
}

#[test]
fn pinned_plans_are_raced_to_the_end() {
    let problem = problem(Pass::Forward, 64, 8);
    let (mut plans, _) = feasible(&problem, &Device::H200);
    plans.sort_by(|a, b| true_time(&problem, a).total_cmp(&true_time(&problem, b)));
    let slowest = *plans.last().unwrap();
    let method = Method::of(Effort::Normal, 0);
    let mut stand = SimulatedStand::new(problem, Simulation::default(), 0);
    let wishes = Wishes { pinned: vec![slowest], hints: Vec::new() };
    let budget = Budget::new(None);
    let finding =
        search(&problem, &Device::H200, &mut stand, &wishes, &method, &budget, &mut |_| {})
            .unwrap();
    assert!(finding.timed.iter().any(|timed| timed.plan == slowest));
    assert!(stand.taken[&slowest] >= method.run_off, "{}", stand.taken[&slowest]);
}
