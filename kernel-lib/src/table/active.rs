//! The tables that are in force: those built in, and the user's.
//!
//! A lookup takes no lock: a set of tables that was ever in force stays in memory to the end of the
//! process, each thread knows the latest, and a counter says whether there is a newer one.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use cubecl::client::Client;

use super::interpolate::{estimate, exact};
use super::memory::{Memory, Question};
use super::{Answer, Source, Standing, Table, Trust};
use crate::device::Device;
use crate::{Plan, Problem};

/// The environment variable that names table files to use before the ones built in; several are
/// separated as in `PATH`.
pub const TABLE_VARIABLE: &str = "TILEWRIGHT_TABLE";

/// Name and text of the tables built in.
const EMBEDDED: &[(&str, &str)] = &[
    ("autotune/tables/cpu.json", include_str!("../../../autotune/tables/cpu.json")),
    (
        "autotune/tables/nvidia-h100-80gb-hbm3.json",
        include_str!("../../../autotune/tables/nvidia-h100-80gb-hbm3.json"),
    ),
];

/// A table, and whether the user was told that it is not what it seems.
struct Own {
    table: Table,
    said: AtomicBool,
}

/// The tables in force.
pub(super) struct Active {
    /// The user's, in the order given.
    own: Vec<Own>,
    embedded: &'static [Table],
}

/// The newest of all that were ever in force, and the lock that its change takes.
static NEWEST: Mutex<Option<&'static Active>> = Mutex::new(None);
/// How many there were.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The tables built in.
pub fn embedded() -> &'static [Table] {
    static TABLES: OnceLock<Vec<Table>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let parse = |&(name, text): &(&str, &str)| match Table::parse(text, Path::new(name)) {
            Ok(table) => Some(table),
            Err(error) => {
                // A test parses all of them, so this is for builds that were never tested.
                eprintln!("tilewright: built-in table: {error}; it is not used");
                None
            }
        };
        EMBEDDED.iter().filter_map(parse).collect()
    })
}

/// The tables that lookups answer from: those given or named by [`TABLE_VARIABLE`], then those built
/// in.
pub fn in_force() -> impl Iterator<Item = &'static Table> {
    newest().0.tables()
}

/// Lets lookups, on every thread from now on, answer from these tables before the ones built in. They
/// take the place of tables given before, and of those that [`TABLE_VARIABLE`] names.
///
/// The tables stay in memory to the end of the process: this is for the start of a program.
pub fn use_tables(tables: Vec<Table>) {
    let mut newest = NEWEST.lock().unwrap_or_else(PoisonError::into_inner);
    *newest = Some(put_in_force(tables));
}

fn put_in_force(tables: Vec<Table>) -> &'static Active {
    let own = tables.into_iter().map(|table| Own { table, said: AtomicBool::new(false) });
    let active = Box::leak(Box::new(Active { own: own.collect(), embedded: embedded() }));
    GENERATION.fetch_add(1, Ordering::Release);
    active
}

/// What is in force now, and its number.
fn newest() -> (&'static Active, u64) {
    let mut newest = NEWEST.lock().unwrap_or_else(PoisonError::into_inner);
    let active = *newest.get_or_insert_with(|| put_in_force(of_environment()));
    (active, GENERATION.load(Ordering::Acquire))
}

fn of_environment() -> Vec<Table> {
    let Some(paths) = std::env::var_os(TABLE_VARIABLE) else { return Vec::new() };
    let mut tables = Vec::new();
    for path in std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()) {
        match Table::load(&path) {
            Ok(table) => tables.push(table),
            Err(error) => {
                eprintln!("tilewright: {TABLE_VARIABLE}: {error}; the table is not used");
            }
        }
    }
    tables
}

thread_local! {
    static MEMORY: RefCell<Memory> = const { RefCell::new(Memory::EMPTY) };
}

/// The plan for a problem.
///
/// The first table that was measured on this device, with these kernels, and has the problem,
/// answers. Else the plan is estimated from what is nearest in the first table that says anything,
/// one of this device and these kernels before one of older kernels, and that before one of another
/// device of the kind; else it is [`Plan::rule`].
///
/// Nothing is measured and nothing is allocated. A problem seen before on the thread costs one hash;
/// no thread waits for another, but when tables are put in force.
pub fn lookup(problem: &Problem, device: &Device, client: &Client) -> Answer {
    let identity = &client.properties().identity;
    let question = Question::new(problem, device, &identity.name);
    MEMORY.with_borrow_mut(|memory| {
        let active = match memory.active {
            Some(active) if memory.generation == GENERATION.load(Ordering::Acquire) => active,
            _ => {
                let (active, generation) = newest();
                memory.renew(active, generation);
                active
            }
        };
        memory.recall(&question).unwrap_or_else(|| {
            let answer = active.search(problem, device, &identity.name, &identity.fingerprint);
            memory.keep(&question, answer);
            answer
        })
    })
}

impl Active {
    fn tables(&'static self) -> impl Iterator<Item = &'static Table> {
        self.own.iter().map(|own| &own.table).chain(self.embedded)
    }

    fn search(
        &'static self,
        problem: &Problem,
        device: &Device,
        name: &str,
        compiled_for: &str,
    ) -> Answer {
        let trust = |table: &Table| match table.device.standing(name, compiled_for, device) {
            Standing::Same if table.is_current() => Some(Trust::Full),
            Standing::Same => Some(Trust::OtherKernels),
            Standing::Kin => Some(Trust::OtherDevice),
            Standing::Foreign => None,
        };
        for own in &self.own {
            own.say(trust(&own.table), name);
        }
        for wanted in [Trust::Full, Trust::OtherKernels, Trust::OtherDevice] {
            let trusted = || self.tables().filter(|table| trust(table) == Some(wanted));
            let measured = trusted().find_map(|table| exact(table, problem, device, wanted));
            let estimated = || trusted().find_map(|table| estimate(table, problem, device, wanted));
            if let Some(answer) = measured.or_else(estimated) {
                return answer;
            }
        }
        Answer { plan: Plan::rule(problem, device), source: Source::Rule }
    }
}

impl Own {
    /// Says once if the table is worth less than the user may think.
    fn say(&self, trust: Option<Trust>, name: &str) {
        let worth = match trust {
            Some(Trust::Full) => return,
            Some(Trust::OtherKernels) => {
                "with other kernels: its plans are used as estimates; measure again with \
                 `autotune run`"
            }
            Some(Trust::OtherDevice) => "not here: its plans are used as estimates",
            None => "nothing like this device: it is not used",
        };
        if !self.said.swap(true, Ordering::Relaxed) {
            let of = &self.table.device.name;
            eprintln!("tilewright: on {name}: a tuning table was measured on {of}, {worth}");
        }
    }
}
