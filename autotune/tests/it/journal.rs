//! Runs that are cut off, and go on.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::bail;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tilewright::table::{Effort, Fingerprint, Table};
use tilewright::{Device, Pass};
use tilewright_autotune::grid::Task;
use tilewright_autotune::journal::{Header, Journal};
use tilewright_autotune::laboratory::Laboratory as _;
use tilewright_autotune::method::{Budget, Method};
use tilewright_autotune::session::{Event, Session, journal_of, tabulate};

use crate::simulated::{SimulatedLaboratory, Simulation, problem};

/// Tells a test process that it is the child of another, and where to write.
const CHILD: &str = "AUTOTUNE_TEST_TABLE";

fn tasks() -> Vec<Task> {
    let sizes = [(42, 8), (64, 8), (64, 16)];
    let passes = [Pass::Forward, Pass::Backward];
    sizes.iter().flat_map(|&(s, d)| passes.map(|pass| Task::plain(problem(pass, s, d)))).collect()
}

fn empty_table(laboratory: &SimulatedLaboratory) -> Table {
    let (date, command) = ("2026-11-27T18:00:00Z".to_owned(), "a test".to_owned());
    Table::new(laboratory.fingerprint().clone(), date, Effort::Normal, command)
}

/// Measures everything, unless `stop` ends it, which is asked before each step.
fn run(
    output: &Path,
    simulation: Simulation,
    stop: &mut dyn FnMut() -> bool,
) -> anyhow::Result<Table> {
    let laboratory = SimulatedLaboratory::new(simulation);
    let tasks = tasks();
    let session = Session {
        laboratory: &laboratory,
        tasks: &tasks,
        method: Method::of(Effort::Normal, 0),
        budget: Budget::new(None),
        journal: &journal_of(output, false)?,
        pinned: &|_| Vec::new(),
    };
    let mut table = empty_table(&laboratory);
    tabulate(&session, &mut table, output, &mut |event| {
        if matches!(event, Event::Step(_)) && stop() {
            bail!("cut off");
        }
        Ok(())
    })?;
    Ok(table)
}

/// Without noise a run's times do not depend on how many it took before.
fn quiet() -> Simulation {
    Simulation { noise: 0.0, ..Simulation::default() }
}

#[test]
fn a_run_that_is_cut_off_at_any_step_finds_what_a_whole_one_finds() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run(&folder.path().join("whole.json"), quiet(), &mut || false).unwrap();
    let output = folder.path().join("table.json");
    let (mut steps, mut runs, mut allowed) = (0, 0, 3);
    let table = loop {
        runs += 1;
        let mut left = allowed;
        let outcome = run(&output, quiet(), &mut || {
            steps += 1;
            left -= 1;
            left == 0
        });
        if let Ok(table) = outcome {
            break table;
        }
        // What was known before costs nothing, so that every run comes further.
        allowed += 40;
        assert!(runs < 1000, "no end after {steps} steps");
    };
    assert!(runs > 5, "{runs}");
    assert_eq!(table, whole);
    assert_eq!(Table::load(&output).unwrap(), whole);
    assert!(!journal_of(&output, false).unwrap().exists(), "a complete run leaves no journal");
}

/// The measurements that a journal holds, as lines without the header.
fn measured(journal: &Path) -> Vec<String> {
    let text = fs::read_to_string(journal).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().skip(1).map(str::to_owned).collect()
}

/// The child of the test below: a slow run that somebody ends.
#[test]
fn a_child_of_another_test() {
    let Some(output) = std::env::var_os(CHILD) else { return };
    let slow = Simulation { pause: Duration::from_micros(200), ..quiet() };
    run(&PathBuf::from(output), slow, &mut || false).unwrap();
}

#[test]
fn kill_9_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run(&folder.path().join("whole.json"), quiet(), &mut || false).unwrap();
    let output = folder.path().join("table.json");
    let journal = journal_of(&output, false).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let child = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::a_child_of_another_test"])
            .env(CHILD, &output)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut known: Vec<String> = Vec::new();
    let mut killed = 0;
    for _ in 0..20 {
        let mut child = child();
        // Killed as soon as it has measured so much more, wherever it is then.
        let length = || fs::metadata(&journal).map_or(0, |file| file.len());
        let enough = length() + random.random_range(1..20_000);
        let ended = loop {
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            if length() > enough {
                break false;
            }
            std::thread::sleep(Duration::from_micros(random.random_range(50..500)));
        };
        // SIGKILL.
        child.kill().unwrap();
        let output_of_child = child.wait_with_output().unwrap();
        if ended {
            assert!(output_of_child.status.success(), "{output_of_child:?}");
            break;
        }
        killed += 1;
        let now = measured(&journal);
        assert!(now.starts_with(&known), "a measurement is lost or changed");
        known = now;
        if output.exists() {
            let partial = Table::load(&output).expect("never half written");
            assert!(partial.entries.iter().all(|entry| whole.entries.contains(entry)));
        }
        let litter = fs::read_dir(folder.path()).unwrap().count();
        assert!(litter < 60, "{litter} files");
    }
    assert!(killed == 20 && known.len() > 100, "{killed} {}", known.len());
    assert!(child().wait().unwrap().success());
    assert_eq!(Table::load(&output).unwrap(), whole);
    assert!(!journal.exists());
}

fn header(effort: Effort) -> Header {
    Header::new(Fingerprint::new("a simulated device", &Device::H200), effort, 0)
}

#[test]
fn a_foreign_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    drop(Journal::open(&path, &header(Effort::Normal)).unwrap());
    let refused = |header: &Header| match Journal::open(&path, header) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("taken"),
    };
    let error = refused(&header(Effort::Full));
    assert!(error.contains("effort normal") && error.contains("this one has full"), "{error}");
    assert!(error.contains("a.journal") && error.contains("--fresh"), "{error}");
    let elsewhere = Fingerprint::new("another device", &Device::H200);
    let error = refused(&Header::new(elsewhere, Effort::Normal, 0));
    assert!(error.contains("device a simulated device"), "{error}");
    let kernels = Header { kernels: "other".to_owned(), ..header(Effort::Normal) };
    assert!(refused(&kernels).contains("kernels"));
    let other_driver = Fingerprint {
        driver: "1.2.3".to_owned(),
        ..Fingerprint::new("a simulated device", &Device::H200)
    };
    assert!(refused(&Header::new(other_driver, Effort::Normal, 0)).contains("driver"));
    Journal::open(&path, &header(Effort::Normal)).unwrap();
}

#[test]
fn two_runs_do_not_share_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let _first = Journal::open(&path, &header(Effort::Normal)).unwrap();
    let Err(error) = Journal::open(&path, &header(Effort::Normal)) else { panic!("taken") };
    assert!(error.to_string().contains("another run is writing it"), "{error}");
}

#[test]
fn a_line_without_an_end_is_dropped_and_a_broken_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let open = || Journal::open(&path, &header(Effort::Normal));
    let mut journal = open().unwrap();
    journal.add_reference(17.0).unwrap();
    drop(journal);
    let add = |text: &str| {
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    add("{\"reference\":1");
    let journal = open().unwrap();
    assert_eq!(journal.reference(), [17.0]);
    drop(journal);
    assert!(!fs::read_to_string(&path).unwrap().contains("{\"reference\":1\n"));
    add("{\"sample\":[3,1.0]}\n");
    let Err(error) = open() else { panic!("taken") };
    let error = error.to_string();
    assert!(error.contains("a.journal:3") && error.contains("no plan has the number 3"), "{error}");
    for broken in ["nonsense\n", "{\"sample\":[0,-1.0]}\n", "{\"surprise\":1}\n", "\u{0}\n"] {
        fs::write(&path, "").unwrap();
        drop(open().unwrap());
        add(broken);
        let Err(error) = open() else { panic!("{broken} was taken") };
        assert!(error.to_string().contains("a.journal:2"), "{error}");
    }
}
