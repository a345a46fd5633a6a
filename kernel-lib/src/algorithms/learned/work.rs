//! Who sums what for one site, decided on the host from sizes alone.

use crate::language::{Along, Coordinate, LearnedSite, LearnedStage};
use crate::{Device, Problem};

/// Which elements of a parameter the cells of one group name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// All of them one.
    One,
    /// Every cell another.
    Cells,
    /// Every query another.
    Queries,
    /// Every key another.
    Keys,
    /// What the index says: several cells may share one.
    Table,
}

/// How much is done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Numbers that the cells of a launch may take in memory.
    pub memory: usize,
    /// Units among which cells are shared out, if there are enough of them.
    pub units: usize,
    /// Planes likewise.
    pub planes: usize,
    /// Queries that a unit takes together, and keys.
    pub rows: usize,
    pub cols: usize,
    /// Whether tiles have this size whatever the lengths.
    pub fixed: bool,
}

impl Limits {
    /// Enough to fill a device of its kind; sums are the same on all of a kind.
    pub fn of(device: &Device, fixed: bool) -> Self {
        // 256 MiB.
        let memory = 1 << 26;
        if device.is_cpu() {
            // A vector of eight lanes is compiled in half the time of one of sixteen.
            Self { memory, units: 64, planes: 16, rows: device.lanes.min(8), cols: 32, fixed }
        } else {
            Self { memory, units: 1 << 18, planes: 1 << 12, rows: 2, cols: 8, fixed }
        }
    }

    /// The same where a cube of tensor cores takes so many queries and keys together, whatever the
    /// lengths.
    pub fn of_tiles(self, rows: usize, cols: usize) -> Self {
        Self { units: 1 << 9, rows, cols, fixed: true, ..self }
    }
}

/// The dimensions of a parameter that change with query or key, as runs of neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// `[stride, length]` in elements.
    pub outer: [usize; 2],
    /// The same.
    pub inner: [usize; 2],
}

impl Runs {
    fn of(site: &LearnedSite, shape: &[usize]) -> Self {
        let mut runs: Vec<[usize; 2]> = Vec::new();
        let mut stride = 1;
        let mut adjoins = false;
        for (dimension, &size) in site.dimensions.iter().zip(shape).rev() {
            if size == 1 {
                continue;
            }
            let moves = dimension.along.query || dimension.along.key;
            match runs.last_mut() {
                Some(run) if moves && adjoins => run[1] *= size,
                _ if moves => runs.push([stride, size]),
                _ => {}
            }
            adjoins = moves;
            stride *= size;
        }
        // Four dimensions have at most two runs.
        let run = |nth: usize| runs.get(nth).copied().unwrap_or([1, 1]);
        Self { outer: run(1), inner: run(0) }
    }

    /// How many elements they reach.
    pub fn len(&self) -> usize {
        self.outer[1] * self.inner[1]
    }
}

/// How the gradient of a site is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    pub route: Route,
    pub runs: Runs,
    /// Queries that a unit takes together, and keys.
    pub rows: usize,
    pub cols: usize,
    /// Own heads: every head, or one for all.
    pub heads: usize,
    /// Own groups.
    pub groups: usize,
    /// Groups that an own group stands for, and heads among them.
    pub summed: usize,
    pub summed_heads: usize,
    /// Into how many chunks they are cut, and how many a chunk holds.
    pub chunks: usize,
    pub chunk: usize,
    /// Cells of a query: a cell for each key, or one.
    pub keys: usize,
    queries: usize,
    /// Whether different sequences, and different heads, name different elements.
    batches_apart: bool,
    heads_apart: bool,
    limits: Limits,
}

/// Own groups and queries of one launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSizes {
    pub first_group: usize,
    pub groups: usize,
    pub first_row: usize,
    pub rows: usize,
}

impl Work {
    /// For a parameter of this shape, read at this site.
    pub fn new(site: &LearnedSite, shape: &[usize], problem: &Problem, limits: Limits) -> Self {
        let Problem { batch, heads, seq_q: queries, seq_k, .. } = *problem;
        // A sink belongs to a row.
        let keys = if site.stage == LearnedStage::Sink { 1 } else { seq_k };
        let Along { batch: by_batch, head: by_head, query, key } = site.along;
        // A coordinate beyond the dimension would be taken for the last that it has.
        let apart = |coordinate, count| {
            let mut dimensions = site.dimensions.iter().zip(shape);
            dimensions.any(|(one, &size)| one.exactly == Some(coordinate) && size >= count)
        };
        let apart_by_query = !query || apart(Coordinate::Query, queries);
        let apart_by_key = !key || apart(Coordinate::Key, keys);
        let route = match (query, key) {
            (false, false) => Route::One,
            _ if !(apart_by_query && apart_by_key) => Route::Table,
            (true, true) => Route::Cells,
            (true, false) => Route::Queries,
            (false, true) => Route::Keys,
        };
        let own_heads = if by_head { heads } else { 1 };
        let groups = if by_batch { batch } else { 1 } * own_heads;
        let summed = batch * heads / groups;
        let (rows, cols) = match limits.fixed {
            true => (limits.rows, limits.cols),
            // Tiles of one size, as few as may be.
            false => (
                limits.rows.min(queries.next_power_of_two()),
                keys.div_ceil(keys.div_ceil(limits.cols)),
            ),
        };
        let units = groups * queries.div_ceil(rows) * keys.div_ceil(cols);
        let chunk = summed.div_ceil(limits.units.div_ceil(units).min(summed));
        Self {
            route,
            runs: Runs::of(site, shape),
            rows,
            cols,
            heads: own_heads,
            groups,
            summed,
            summed_heads: heads / own_heads,
            chunks: summed.div_ceil(chunk),
            chunk,
            queries,
            keys,
            batches_apart: !by_batch || apart(Coordinate::Batch, batch),
            heads_apart: !by_head || apart(Coordinate::Head, heads),
            limits,
        }
    }

    /// Elements that the cells of one group may name.
    pub fn len(&self, part: &PartSizes) -> usize {
        match self.route {
            Route::One => 1,
            Route::Cells => part.rows * self.keys,
            Route::Queries => part.rows,
            Route::Keys => self.keys,
            Route::Table => self.runs.len(),
        }
    }

    /// Numbers that the units of a launch write for one chunk of one own group.
    pub fn numbers(&self, part: &PartSizes) -> usize {
        match self.route {
            Route::One => self.units(part),
            _ => part.rows * self.keys,
        }
    }

    /// Units for one chunk of one own group.
    pub fn units(&self, part: &PartSizes) -> usize {
        part.rows.div_ceil(self.rows) * self.keys.div_ceil(self.cols)
    }

    /// Planes among which the cells of an own group are shared out, each with a table of its own:
    /// not so many that their tables are more than the cells.
    pub fn pieces(&self, part: &PartSizes) -> usize {
        let cells = part.rows * self.keys;
        let wanted = self.limits.planes.div_ceil(part.groups);
        wanted.min(cells / self.runs.len().max(64)).max(1)
    }

    /// How many times units for all elements are needed, and how many groups each of them adds up:
    /// `[[count, step]; 2]`, the steps in groups. Groups that may name the same elements have one
    /// unit for each of these.
    pub fn gathering(&self, part: &PartSizes) -> [[usize; 2]; 2] {
        let groups = part.groups;
        let batches = groups / self.heads;
        let whole = groups.is_multiple_of(self.heads);
        match (self.batches_apart, self.heads_apart) {
            (true, true) => [[groups, 1], [1, 0]],
            (true, false) if whole => [[batches, self.heads], [self.heads, 1]],
            (false, true) if whole => [[self.heads, 1], [batches, self.heads]],
            _ => [[1, 0], [groups, 1]],
        }
    }

    /// What is done in one go: whole groups if their numbers fit the memory, else some rows.
    pub fn parts(&self) -> Vec<PartSizes> {
        let per_rows = self.chunks
            * match self.route {
                Route::One => self.keys.div_ceil(self.cols),
                _ => self.keys * self.rows,
            };
        let row_units = self.queries.div_ceil(self.rows);
        let fitting = (self.limits.memory / per_rows).max(1);
        if fitting < row_units {
            let step = fitting * self.rows;
            let part = |(group, row): (usize, usize)| PartSizes {
                first_group: group,
                groups: 1,
                first_row: row,
                rows: step.min(self.queries - row),
            };
            let rows = || (0..self.queries).step_by(step);
            return (0..self.groups)
                .flat_map(|g| rows().map(move |row| (g, row)))
                .map(part)
                .collect();
        }
        let mut step = (fitting / row_units).min(self.groups);
        if self.route == Route::Table {
            step = step.min(self.limits.memory / self.runs.len()).max(1);
        }
        if step >= self.heads {
            step -= step % self.heads;
        }
        let part = |group| PartSizes {
            first_group: group,
            groups: step.min(self.groups - group),
            first_row: 0,
            rows: self.queries,
        };
        (0..self.groups).step_by(step).map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::language::{Table, Variant};
    use crate::variants::{dense_bias, per_head_scale, relative_bias, temperature};
    use crate::{DType, Pass};

    fn problem([batch, heads, seq_q, seq_k]: [usize; 4]) -> Problem {
        Problem {
            pass: Pass::Backward,
            dtype: DType::F32,
            head_dim: 8,
            value_dim: 8,
            seq_q,
            seq_k,
            batch,
            heads,
            kv_heads: heads,
            class: Default::default(),
            save_scores: false,
        }
    }

    const GPU: Limits =
        Limits { memory: 1 << 26, units: 1 << 18, planes: 1 << 12, rows: 2, cols: 8, fixed: false };

    fn work(variant: impl Variant, sizes: [usize; 4]) -> Work {
        let param = &variant.learned()[0];
        Work::new(&param.sites[0], &param.shape, &problem(sizes), GPU)
    }

    fn table(shape: &[usize]) -> Table {
        Table::new(shape, vec![0.0; shape.iter().product()]).expect("as many as elements")
    }

    #[test]
    fn sums_over_what_an_index_does_not_change_with() {
        let work = work(relative_bias(table(&[16, 83])), [20_688, 16, 42, 42]);
        assert_eq!((work.route, work.groups, work.summed), (Route::Table, 16, 20_688));
        assert_eq!((work.runs.len(), work.cols), (83, 7));
        // Units enough for a device, matrices of a few megabytes.
        let part = work.parts()[0];
        assert!(work.units(&part) * work.groups * work.chunks >= 1 << 18);
        assert!(work.numbers(&part) * work.groups * work.chunks < 1 << 22);
    }

    #[test]
    fn a_route_follows_from_the_index() {
        let sizes = [3, 4, 5, 6];
        let route = |variant| work(variant, sizes).route;
        assert_eq!(route(dense_bias(table(&[3, 4, 5, 6]))), Route::Cells);
        assert_eq!(route(dense_bias(table(&[3, 4, 5, 1]))), Route::Queries);
        assert_eq!(route(dense_bias(table(&[1, 4, 1, 6]))), Route::Keys);
        assert_eq!(route(dense_bias(table(&[3, 4, 1, 1]))), Route::One);
        // Keys beyond the table share its last element, if a mask hides them.
        assert_eq!(route(dense_bias(table(&[1, 1, 5, 4]))), Route::Table);
        assert_eq!(work(temperature(1.0), sizes).route, Route::One);
        let scales = work(per_head_scale(table(&[4])), sizes);
        assert_eq!((scales.route, scales.groups, scales.summed), (Route::One, 4, 3));
    }

    #[test]
    fn parts_start_where_a_tile_of_tensor_cores_does() {
        let variant = relative_bias(table(&[12, 6271]));
        let param = &variant.learned()[0];
        let parts = |memory| {
            let limits = Limits { memory, ..GPU }.of_tiles(128, 64);
            let work =
                Work::new(&param.sites[0], &param.shape, &problem([8, 12, 3136, 3136]), limits);
            assert_eq!((work.rows, work.cols, work.chunks), (128, 64, 1));
            work.parts()
        };
        let heads: Vec<usize> = parts(GPU.memory).iter().map(|part| part.groups).collect();
        assert_eq!(heads, [6, 6]);
        assert!(parts(1 << 20).iter().all(|part| part.first_row % 128 == 0 && part.groups == 1));
    }

    #[test]
    fn runs_join_neighbouring_dimensions() {
        let runs = |shape: &[usize]| work(dense_bias(table(shape)), [3, 4, 5, 6]).runs;
        assert_eq!(runs(&[3, 4, 5, 6]), Runs { outer: [1, 1], inner: [1, 30] });
        assert_eq!(runs(&[3, 4, 5, 1]), Runs { outer: [1, 1], inner: [1, 5] });
        assert_eq!(runs(&[3, 4, 1, 1]), Runs { outer: [1, 1], inner: [1, 1] });
    }

    proptest! {
        #[test]
        fn parts_cover_every_row_of_every_group_once(
            sizes in prop::array::uniform4(1usize..9),
            own in prop::array::uniform4(any::<bool>()),
            memory in 1usize..2000,
            units in 1usize..500,
        ) {
            let shape: Vec<usize> =
                sizes.iter().zip(own).map(|(&size, own)| if own { size } else { 1 }).collect();
            let limits = Limits { memory, units, ..GPU };
            let variant = dense_bias(table(&shape));
            let param = &variant.learned()[0];
            let work = Work::new(&param.sites[0], &shape, &problem(sizes), limits);
            prop_assert_eq!(work.groups * work.summed, sizes[0] * sizes[1]);
            prop_assert!((work.chunks - 1) * work.chunk < work.summed);
            prop_assert!(work.chunks * work.chunk >= work.summed);
            let mut seen = vec![0; work.groups * sizes[2]];
            for part in work.parts() {
                let numbers = part.groups * work.chunks * work.numbers(&part);
                prop_assert!(numbers <= memory.max(work.chunks * sizes[3] * work.rows));
                for group in part.first_group..part.first_group + part.groups {
                    for row in part.first_row..part.first_row + part.rows {
                        seen[group * sizes[2] + row] += 1;
                    }
                }
                let [[teams, team_step], [groups, step]] = work.gathering(&part);
                let mut gathered: Vec<usize> = (0..teams)
                    .flat_map(|team| (0..groups).map(move |nth| team * team_step + nth * step))
                    .collect();
                gathered.sort_unstable();
                prop_assert_eq!(gathered, (0..part.groups).collect::<Vec<_>>());
            }
            prop_assert!(seen.iter().all(|&times| times == 1));
        }
    }
}
