//! The tables that are in force: those built in, and the user's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use cubecl::client::Client;

use super::nearest::from_table;
use super::{Answer, Source, Table};
use crate::device::Device;
use crate::{Plan, Problem};

/// The environment variable that names table files to use before the ones built in; several are
/// separated as in `PATH`.
pub const TABLE_VARIABLE: &str = "TILEWRIGHT_TABLE";

/// Name and text of the tables built in.
const EMBEDDED: &[(&str, &str)] =
    &[("autotune/tables/cpu.json", include_str!("../../../autotune/tables/cpu.json"))];

/// Answers remembered for each thread; beyond this many, all are forgotten.
const REMEMBERED: usize = 1024;

struct Active {
    /// The user's, in the order given.
    own: Vec<Table>,
    embedded: Vec<Table>,
}

/// The tables built in.
pub fn embedded() -> &'static [Table] {
    &active().embedded
}

fn active() -> &'static Active {
    static ACTIVE: OnceLock<Active> = OnceLock::new();
    ACTIVE.get_or_init(|| {
        let mut own = Vec::new();
        if let Some(paths) = std::env::var_os(TABLE_VARIABLE) {
            for path in std::env::split_paths(&paths).filter(|p| !p.as_os_str().is_empty()) {
                match Table::load(&path) {
                    Ok(table) => own.push(table),
                    Err(error) => {
                        eprintln!("tilewright: {TABLE_VARIABLE}: {error}; the table is not used");
                    }
                }
            }
        }
        let parse = |&(name, text): &(&str, &str)| match Table::parse(text, Path::new(name)) {
            Ok(table) => Some(table),
            Err(error) => {
                // A test parses all of them, so this is for builds that were never tested.
                eprintln!("tilewright: built-in table: {error}; it is not used");
                None
            }
        };
        Active { own, embedded: EMBEDDED.iter().filter_map(parse).collect() }
    })
}

thread_local! {
    static ANSWERS: RefCell<HashMap<Problem, (Device, Answer)>> = RefCell::default();
}

/// The plan for a problem: the first table for this device that has the problem, else the nearest
/// problem in the first that has one near, else [`Plan::rule`].
///
/// Nothing is measured. After its first use in a process this takes no lock, and a problem seen
/// before on the thread costs one hash.
pub fn lookup(problem: &Problem, device: &Device, client: &Client) -> Answer {
    ANSWERS.with_borrow_mut(|answers| {
        if let Some((known, answer)) = answers.get(problem)
            && known == device
        {
            return *answer;
        }
        let answer = search(problem, device, &client.properties().identity.name);
        if answers.len() >= REMEMBERED {
            answers.clear();
        }
        answers.insert(*problem, (*device, answer));
        answer
    })
}

fn search(problem: &Problem, device: &Device, name: &str) -> Answer {
    let active = active();
    let serving = |table: &&Table| table.device.serves(name, device);
    let own: Vec<&Table> = active.own.iter().filter(serving).collect();
    if own.is_empty() && !active.own.is_empty() {
        static SAID: AtomicBool = AtomicBool::new(false);
        if !SAID.swap(true, Ordering::Relaxed) {
            let measured: Vec<&str> = active.own.iter().map(|t| t.device.name.as_str()).collect();
            eprintln!(
                "tilewright: {TABLE_VARIABLE} has tables for {}, not for {name}; they are not used",
                measured.join(", ")
            );
        }
    }
    let mut nearest = None;
    for table in own.into_iter().chain(active.embedded.iter().filter(serving)) {
        match from_table(table, problem, device) {
            Some(answer) if answer.source == Source::Exact => return answer,
            Some(answer) => {
                nearest.get_or_insert(answer);
            }
            None => {}
        }
    }
    nearest.unwrap_or_else(|| Answer { plan: Plan::rule(problem, device), source: Source::Rule })
}
