//! What a lookup costs a caller: no memory, no lock; and which tables it asks.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tilewright::table::{Effort, Entry, Fingerprint, Source, Table, Trust, lookup, use_tables};
use tilewright::{Device, Pass, Plan, Problem, open_device};

use crate::support::problem;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is the system allocator's; counting touches nothing but a number without a
// destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as for the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as for the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn table(device: Fingerprint, plan: Plan, problem: Problem) -> Table {
    let date = "2026-11-20T14:03:00Z".to_owned();
    let mut table = Table::new(device, date, Effort::Normal, "by hand".to_owned());
    table.insert(Entry {
        problem,
        plan,
        nanoseconds: 10.0,
        interval: [9.0, 11.0],
        rule_nanoseconds: Some(20.0),
        roofline_fraction: None,
        tried: 2,
        pruned: 0,
        runners_up: Vec::new(),
    });
    table
}

/// One test, as the tables in force are those of the whole process.
#[test]
fn lookups_ask_the_tables_in_force_and_allocate_nothing() {
    let (client, name) = open_device("cpu").expect("a CPU");
    let device = Device::of(&client);
    // Nobody else asks about saved scores of 43 keys.
    let measured = Problem { save_scores: true, ..problem(Pass::Forward, 43, 8) };
    let like_it = Problem { batch: 897, ..measured };
    let plan = Plan { tile_rows: 2, ..Plan::rule(&measured, &device) };
    let own = Fingerprint::new(name, &device);

    use_tables(vec![table(own.clone(), plan, measured)]);
    let answer = lookup(&measured, &device, &client);
    assert_eq!((answer.plan, answer.source), (plan, Source::Measured));
    let Source::Estimated(estimate) = lookup(&like_it, &device, &client).source else {
        panic!("the neighbour has no say");
    };
    assert_eq!((estimate.nearest, estimate.trust), (measured, Trust::Full));

    // New problems and known ones, measured, estimated and left to the rule.
    let asked = |batch| Problem { batch, ..measured };
    let before = ALLOCATIONS.get();
    for batch in 1..500 {
        lookup(&asked(batch), &device, &client);
        lookup(&measured, &device, &client);
        lookup(&problem(Pass::Backward, 5000 + batch, 200), &device, &client);
    }
    assert_eq!(ALLOCATIONS.get(), before, "a lookup allocates");

    // Another thread, which never asked before, hears of new tables, and so does this one.
    let other = Plan { tile_rows: 4, ..plan };
    let elsewhere = Fingerprint { name: "another CPU".to_owned(), ..own.clone() };
    use_tables(vec![table(elsewhere, other, measured)]);
    let ask = || lookup(&measured, &device, &client);
    let answers = std::thread::scope(|scope| [scope.spawn(ask).join().expect("an answer"), ask()]);
    for answer in answers {
        let Source::Estimated(estimate) = answer.source else { panic!("{:?}", answer.source) };
        assert_eq!((answer.plan, estimate.trust), (other, Trust::OtherDevice));
    }
    let foreign = Fingerprint { lanes: device.lanes + 1, ..own };
    use_tables(vec![table(foreign, other, measured)]);
    assert_eq!(lookup(&measured, &device, &client).source, Source::Rule);
    use_tables(Vec::new());
}
