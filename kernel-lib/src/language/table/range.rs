//! Whether the tables of a variant fit a problem: asked before every launch, since a kernel takes
//! the nearest element for one that does not exist and says nothing.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use cubecl::client::Client;

use super::{MAX_TABLE_RANK, TableParam, TableRead};
use crate::AttentionError;
use crate::language::{AnyRowStage, AnyVariant, ExampleSizes, Position, RowTarget};
use crate::random::Random;

/// Up to this many pairs of query and key, all are looked at.
const ALL: usize = 1 << 20;
/// Beyond, besides the borders, this many.
const SAMPLE: usize = 1 << 16;
/// Answers that are remembered.
const REMEMBERED: usize = 1 << 12;

/// What reads tables: the stages of scores, or a stage of rows.
pub(crate) trait Reader {
    fn tables(&self) -> Vec<TableParam<'_>>;
    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead));
    /// Whether what is read there counts.
    fn keep(&self, at: &Position) -> bool;
    /// Tells apart what reads differently.
    fn name(&self) -> String;
    /// A position in words.
    fn place(&self, at: &Position) -> String;
}

impl Reader for AnyVariant {
    fn tables(&self) -> Vec<TableParam<'_>> {
        self.tables()
    }

    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead)) {
        self.reads(at, visit);
    }

    fn keep(&self, at: &Position) -> bool {
        self.keep(at)
    }

    fn name(&self) -> String {
        format!("{:x} {}", self.source_hash(), self.reads_by())
    }

    fn place(&self, at: &Position) -> String {
        let &Position { batch, head, query, key, .. } = at;
        format!("batch {batch}, head {head}, query {query}, key {key}")
    }
}

impl Reader for AnyRowStage {
    fn tables(&self) -> Vec<TableParam<'_>> {
        self.tables()
    }

    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead)) {
        self.reads(at, visit);
    }

    fn keep(&self, _at: &Position) -> bool {
        true
    }

    fn name(&self) -> String {
        format!("rows {:x} {}", self.source_hash(), self.reads_by())
    }

    fn place(&self, at: &Position) -> String {
        let &Position { batch, head, query, key, .. } = at;
        format!("batch {batch}, head {head}, token {query}, dimension {key}")
    }
}

/// Checks device, dimensions and sizes of a variant's tables, and of those of its stages of rows.
///
/// # Errors
///
/// A table does not fit.
pub(crate) fn check(
    client: &Client,
    variant: &AnyVariant,
    sizes: &ExampleSizes,
    kv_heads: usize,
) -> Result<(), AttentionError> {
    check_reader(client, variant, sizes)?;
    for stage in variant.row_stages() {
        check_reader(client, &stage, &of_rows(stage.target(), sizes, kv_heads))?;
    }
    Ok(())
}

/// Tokens as queries and dimensions as keys.
fn of_rows(target: RowTarget, sizes: &ExampleSizes, kv_heads: usize) -> ExampleSizes {
    let ExampleSizes { heads, queries, keys, head_dim, value_dim, .. } = *sizes;
    let (heads, tokens, dims) = match target {
        RowTarget::Queries => (heads, queries, head_dim),
        RowTarget::Keys => (kv_heads, keys, head_dim),
        RowTarget::QueriesAndKeys => (heads, queries.max(keys), head_dim),
        RowTarget::Output => (heads, queries, value_dim),
    };
    ExampleSizes { heads, queries: tokens, keys: dims, ..*sizes }
}

/// Where each function reads is computed on the host, for all positions of a small problem; of a
/// large one, for the borders and a sample. The same question is answered once.
fn check_reader(
    client: &Client,
    reader: &impl Reader,
    sizes: &ExampleSizes,
) -> Result<(), AttentionError> {
    let tables = reader.tables();
    for table in &tables {
        check_one(client, table)?;
    }
    if tables.is_empty() {
        return Ok(());
    }
    let question = question(reader, &tables, sizes);
    let remembered = || FOUND_TO_FIT.lock().unwrap_or_else(PoisonError::into_inner);
    if remembered().contains(&question) {
        return Ok(());
    }
    for at in positions(sizes) {
        check_at(reader, &tables, &at, sizes)?;
    }
    // Asked again: values may have been read back since.
    if let Some(failure) = reader.tables().iter().find_map(|table| table.failure) {
        return Err(AttentionError::TableValues(failure.clone()));
    }
    let mut remembered = remembered();
    if remembered.len() >= REMEMBERED {
        remembered.clear();
    }
    remembered.insert(question);
    Ok(())
}

static FOUND_TO_FIT: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Everything that decides where a reader reads which table.
fn question(reader: &impl Reader, tables: &[TableParam<'_>], sizes: &ExampleSizes) -> String {
    let deciding: Vec<u64> =
        tables.iter().filter(|table| table.decides).map(|table| table.id).collect();
    let shapes: Vec<&[usize]> = tables.iter().map(|table| table.shape).collect();
    format!("{} {shapes:?} {deciding:?} {sizes:?}", reader.name())
}

fn check_one(client: &Client, table: &TableParam<'_>) -> Result<(), AttentionError> {
    let &TableParam { variant, name, rank, shape, home, .. } = table;
    let given = shape.to_vec();
    if rank == 0 {
        if shape.iter().product::<usize>() != 1 {
            return Err(AttentionError::LearnedNumber { variant, name, given });
        }
    } else if shape.len() != rank {
        return Err(AttentionError::TableRank { variant, name, given, expected: rank });
    }
    if home.is_some_and(|handle| handle.service != client.service_id()) {
        return Err(AttentionError::TableDevice { variant, name });
    }
    Ok(())
}

fn check_at(
    reader: &impl Reader,
    tables: &[TableParam<'_>],
    at: &Position,
    sizes: &ExampleSizes,
) -> Result<(), AttentionError> {
    let mut outside: Option<(TableRead, usize)> = None;
    reader.reads(at, &mut |read| {
        let table = &tables[read.table];
        let wrong = table.shape.iter().zip(read.index).position(|(&size, index)| {
            // A dimension of size 1 is the same for every index.
            size > 1 && !(0..size as i64).contains(&index)
        });
        if let Some(dimension) = wrong {
            outside.get_or_insert((read, dimension));
        }
    });
    let Some((read, dimension)) = outside else { return Ok(()) };
    let table = &tables[read.table];
    // The score of a pair that is masked anyway is thrown away.
    if !table.in_mask && !reader.keep(at) {
        return Ok(());
    }
    let needed = &needed_by(reader, sizes)[read.table];
    Err(AttentionError::TableIndex {
        variant: table.variant,
        name: table.name,
        given: table.shape.to_vec(),
        at: reader.place(at),
        dimension,
        index: read.index[dimension],
        advice: advice(read.index[dimension], needed),
    })
}

fn advice(index: i64, needed: &[usize]) -> String {
    match index {
        ..0 => "no index may be below 0".to_owned(),
        0x8000_0000.. => "an unsigned number below 0 wraps to one like this".to_owned(),
        _ => format!("these sizes need {needed:?}"),
    }
}

/// For each table of a variant, then of its stages of rows, the least shape in which everything that
/// is read exists.
pub(crate) fn needed(variant: &AnyVariant, sizes: &ExampleSizes) -> Vec<Vec<usize>> {
    let mut needed = needed_by(variant, sizes);
    for stage in variant.row_stages() {
        needed.extend(needed_by(&stage, &of_rows(stage.target(), sizes, sizes.heads)));
    }
    needed
}

fn needed_by(reader: &impl Reader, sizes: &ExampleSizes) -> Vec<Vec<usize>> {
    let tables = reader.tables();
    let mut needed = vec![[1; MAX_TABLE_RANK]; tables.len()];
    for at in positions(sizes) {
        reader.reads(&at, &mut |read| {
            let table = &tables[read.table];
            if !table.in_mask && !reader.keep(&at) {
                return;
            }
            for (needed, index) in needed[read.table].iter_mut().zip(read.index) {
                *needed = (*needed).max(usize::try_from(index + 1).unwrap_or(1));
            }
        });
    }
    let shapes = needed.iter().zip(&tables);
    shapes.map(|(needed, table)| needed[..table.rank.max(1)].to_vec()).collect()
}

/// All positions of a small problem; of a large one the corners of every head, the borders of
/// the first, every sequence once, and a sample.
fn positions(sizes: &ExampleSizes) -> Box<dyn Iterator<Item = Position>> {
    let ExampleSizes { batch, heads, queries, keys, .. } = *sizes;
    let place = move |[batch, head, query, key]: [usize; 4]| Position {
        batch: batch as u32,
        head: head as u32,
        query: query as u32,
        key: key as u32,
        queries: queries as u32,
        keys: keys as u32,
    };
    let counts = [batch, heads, queries, keys];
    let all = counts.into_iter().try_fold(1usize, usize::checked_mul);
    if all == Some(0) {
        return Box::new(core::iter::empty());
    }
    if let Some(all) = all.filter(|&all| all <= ALL) {
        return Box::new((0..all).map(move |i| {
            let (pair, rest) = (i % (queries * keys), i / (queries * keys));
            place([rest / heads, rest % heads, pair / keys, pair % keys])
        }));
    }
    let ends = |count: usize| [0, count - 1];
    let corners = ends(batch).into_iter().flat_map(move |b| {
        (0..heads).flat_map(move |h| {
            let queries = ends(queries).into_iter();
            queries.flat_map(move |q| ends(keys).map(|k| [b, h, q, k]))
        })
    });
    let rows = ends(queries).into_iter().flat_map(move |q| (0..keys).map(move |k| [0, 0, q, k]));
    let columns = ends(keys).into_iter().flat_map(move |k| (0..queries).map(move |q| [0, 0, q, k]));
    let sequences = (0..batch).map(|b| [b, 0, 0, 0]);
    let mut random = Random::new(all.unwrap_or(0) as u64);
    let sample = (0..SAMPLE).map(move |_| counts.map(|n| (random.bits() % n as u64) as usize));
    Box::new(corners.chain(rows).chain(columns).chain(sequences).chain(sample).map(place))
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::cuda_source::Recorder;
    use crate::language::Table;
    use crate::variants::per_head_scale;

    #[test]
    fn a_table_on_another_device_is_refused() {
        let (client, _) = crate::open_device("cpu").expect("the CPU runtime is built in");
        // A handle that belongs to no device that there is.
        let handle = Recorder::handle(12);
        let table = Table::on_device(&client, handle, [3], [1]).expect("it fits");
        let sizes =
            ExampleSizes { batch: 1, heads: 3, queries: 2, keys: 2, head_dim: 8, value_dim: 8 };
        let error = check(&client, &per_head_scale(table).into(), &sizes, 3).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "per_head_scale: scales is a table on another device than q: move it there"
        );
    }

    #[test]
    fn all_positions_of_a_small_problem_and_the_corners_of_a_large_one() {
        let none =
            ExampleSizes { batch: 0, heads: 0, queries: 0, keys: 0, head_dim: 8, value_dim: 8 };
        let sizes = ExampleSizes { batch: 2, heads: 3, queries: 4, keys: 5, ..none };
        let small: HashSet<[u32; 4]> =
            positions(&sizes).map(|at| [at.batch, at.head, at.query, at.key]).collect();
        assert_eq!(small.len(), 120);
        assert!(small.contains(&[1, 2, 3, 4]));
        let sizes = ExampleSizes { batch: 70_000, heads: 9, queries: 400, keys: 500, ..none };
        let large: HashSet<[u32; 4]> =
            positions(&sizes).map(|at| [at.batch, at.head, at.query, at.key]).collect();
        for batch in [0, 69_999] {
            for head in 0..9 {
                assert!(large.contains(&[batch, head, 399, 0]));
                assert!(large.contains(&[batch, head, 0, 499]));
            }
        }
        assert!(large.len() > SAMPLE && large.len() < 3 * SAMPLE, "{}", large.len());
        assert!(positions(&ExampleSizes { batch: 0, ..sizes }).next().is_none());
    }
}
