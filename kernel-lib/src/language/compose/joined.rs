//! Tables and sites of two variants as one: the second's are counted after the first's.

use crate::language::{DeviceVariant, LearnedParam, Position, TableParam, TableRead, Variant};

pub fn tables<'a>(first: &'a impl Variant, second: &'a impl Variant) -> Vec<TableParam<'a>> {
    let mut tables = first.tables();
    tables.extend(second.tables());
    tables
}

pub fn reads_by(first: &impl Variant, second: &impl Variant) -> String {
    format!("({}; {})", first.reads_by(), second.reads_by())
}

pub fn reads_of_second(
    first: &impl Variant,
    second: &impl Variant,
    at: &Position,
    visit: &mut dyn FnMut(TableRead),
) {
    let before = first.tables().len();
    second.reads(at, &mut |read| visit(TableRead { table: before + read.table, ..read }));
}

pub const fn sites<V: Variant>() -> usize {
    <V::Device as DeviceVariant>::LEARNED_SITES
}

pub fn learned<A: Variant, B: Variant>(first: &A, second: &B) -> Vec<LearnedParam> {
    let mut learned = first.learned();
    let mut others = second.learned();
    for site in others.iter_mut().flat_map(|param| &mut param.sites) {
        site.site += sites::<A>();
    }
    learned.extend(others);
    learned
}

pub fn learned_index<A: Variant, B: Variant>(
    first: &A,
    second: &B,
    at: &Position,
    site: usize,
) -> usize {
    match site.checked_sub(sites::<A>()) {
        None => first.learned_index(at, site),
        Some(site) => second.learned_index(at, site),
    }
}

/// Both texts, with an empty line between them where there are two.
pub fn texts(first: String, second: String) -> String {
    match (first.is_empty(), second.is_empty()) {
        (_, true) => first,
        (true, _) => second,
        _ => format!("{first}\n{second}"),
    }
}
