//! What each cell adds to the gradient of a learned parameter, summed over groups, on tensor cores.
//!
//! The same sums as `learned/cells.rs`, of tiles that `query_rows.rs` recomputes as for `dQ`: a cube
//! owns a tile of scores, and the groups whose cells are summed flow past.

use cubecl::prelude::*;

use super::block_list::ListLayout;
use super::query_rows::{Differentiated, QueryRows};
use super::stream::{
    Flow, Own, bring_keys, bring_queries, existing_tiles, is_open, is_seen, kept_of, plane_words,
};
use super::{STAGES, StreamConfig};
use crate::algorithms::learned::Part;
use crate::algorithms::{Layouts, Shape};
use crate::language::{DeviceVariant, LearnedStage};
use crate::tile::chip::Chip;
use crate::tile::fragment::{COLS, ROWS, lane_col, lane_row, zeros};
use crate::tile::math::round_results_to;
use crate::tile::operand::rows16;
use crate::tile::ptx::{F4, cp_async_wait, load_shared, shared_address, store_shared_f32};
use crate::tile::rows::Layout;

/// What is fixed when the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LearnedCellsConfig {
    /// A tile's rows, sixteen to a plane, and its columns.
    pub stream: StreamConfig,
    /// The site whose gradient it is.
    pub site: usize,
    /// Its stage: the score, or the weight.
    pub stage: LearnedStage,
    /// Whether a cube adds up all its cells: they share one element.
    pub one: bool,
}

/// Bytes of shared memory for such tiles.
pub fn learned_bytes(config: &StreamConfig) -> usize {
    let columns = [config.key_columns(), config.value_columns()];
    let rows = config.rows() + config.block;
    STAGES * columns.map(|n| config.chip(rows, n).bytes()).iter().sum::<usize>()
}

/// A cube for a tile of a chunk of groups. Writes a matrix `[rows, keys]` for each chunk of each own
/// group, or one number for each cube. Needs `Δ`, and the words of what a mask leaves.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn plane_learned_cells<V: DeviceVariant, F: Float, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    lse: &[f32],
    delta: &[f32],
    d_out: &[Vector<F, W>],
    sums: &mut [f32],
    lists: &[u32],
    list_layout: ListLayout,
    layouts: Layouts,
    d_out_layout: Layout,
    shape: Shape,
    part: Part,
    scale: f32,
    params: V::Params,
    #[comptime] config: LearnedCellsConfig,
    #[define(F)] dtype: ElemType,
) {
    round_results_to(dtype);
    let stream = comptime!(config.stream);
    let (rows, block) = comptime!((stream.rows(), stream.block));
    let (key_units, value_units) = comptime!((stream.key_units(), stream.value_units()));
    let (key_columns, value_columns) = comptime!((stream.key_columns(), stream.value_columns()));
    // Neighbouring cubes share their queries.
    let col_blocks = shape.keys.div_ceil(block);
    let row_units = part.rows.div_ceil(rows);
    let col_block = CUBE_POS % col_blocks;
    let first_row = part.first_row + CUBE_POS / col_blocks % row_units * rows;
    let chunk = CUBE_POS / (col_blocks * row_units);
    let own = chunk / part.chunks;
    let first = chunk % part.chunks * part.chunk;
    let end = min(first + part.chunk, part.summed);

    let query_shapes =
        comptime!((stream.chip(rows, key_columns), stream.chip(rows, value_columns)));
    let query_bytes =
        comptime!((STAGES * (query_shapes.0.bytes() + query_shapes.1.bytes())) as u32);
    let memory =
        Shared::<[u32]>::new_aligned_slice(comptime!(learned_bytes(&stream) / 4), 128usize);
    let start = shared_address::<u32>(memory.as_ptr());
    let queries = Flow {
        start,
        first: comptime!(query_shapes.0),
        second: comptime!(query_shapes.1),
        extra: 0usize,
    };
    let keys = Flow {
        start: start + query_bytes,
        first: comptime!(stream.chip(block, key_columns)),
        second: comptime!(stream.chip(block, value_columns)),
        extra: 0usize,
    };

    let plane = UNIT_POS / 32;
    let row = first_row as u32 + plane * comptime!(ROWS as u32) + lane_row();
    let first_col = col_block * block;
    let tile = Tile { part, shape, own, row_block: first_row / rows, col_block };
    let mut cells = zeros(comptime!(block / COLS));
    let mut nth = tile.met_from(first, end, lists, list_layout, stream);
    let mut stage = 0usize.runtime();
    if nth < end {
        let group = part.group(shape, own, nth);
        bring_queries::<F, W>(
            q,
            d_out,
            layouts.q,
            d_out_layout,
            group,
            shape,
            first_row,
            queries,
            stage,
            stream,
        );
        bring_keys::<F, W>(k, v, layouts, group, shape, first_col, keys, stage, stream);
    }
    while nth < end {
        let group = part.group(shape, own, nth);
        let rows_of = QueryRows::new(lse, delta, group, shape, row, scale);
        let tiles = tile.tiles(nth, plane, lists, list_layout, stream);
        let kept = tile.kept(nth, plane, lists, list_layout, stream);
        let after = tile.met_from(nth + 1, end, lists, list_layout, stream);
        cp_async_wait();
        sync_cube();
        if after < end {
            // The next group starts on its way.
            let group = part.group(shape, own, after);
            let place = (stage + 1) % STAGES;
            bring_queries::<F, W>(
                q,
                d_out,
                layouts.q,
                d_out_layout,
                group,
                shape,
                first_row,
                queries,
                place,
                stream,
            );
            bring_keys::<F, W>(k, v, layouts, group, shape, first_col, keys, place, stream);
        }
        let (q_chip, d_chip) = queries.stage(stage);
        let (k_chip, v_chip) = keys.stage(stage);
        let holds = comptime!(stream.holds(block / COLS, key_units + value_units));
        let q_rows = Own::new(q_chip, plane, key_units, holds);
        let d_rows = Own::new(d_chip, plane, value_units, holds);
        let col = first_col as u32;
        if is_open(tiles) {
            add_cells::<V>(
                &mut cells, &rows_of, &q_rows, &d_rows, k_chip, v_chip, col, tiles, kept, &params,
                true, config,
            );
        } else {
            add_cells::<V>(
                &mut cells, &rows_of, &q_rows, &d_rows, k_chip, v_chip, col, tiles, kept, &params,
                false, config,
            );
        }
        nth = after;
        stage = (stage + 1) % STAGES;
    }

    let end_row = part.first_row + part.rows;
    if comptime!(config.one) {
        let mut sum = 0.0f32.runtime();
        #[unroll]
        for nth in 0..comptime!(block / COLS) {
            let (upper, lower) = ((row as usize) < end_row, (row as usize + 8) < end_row);
            let x = cells[nth];
            sum += select(upper, x.extract(0usize) + x.extract(1usize), 0.0f32);
            sum += select(lower, x.extract(2usize) + x.extract(3usize), 0.0f32);
        }
        let sum = plane_sum(sum);
        // Nobody reads the last group's rows any more.
        sync_cube();
        if UNIT_POS_PLANE == 0 {
            store_shared_f32(start + plane * 4, sum);
        }
        sync_cube();
        if UNIT_POS == 0 {
            let mut total = 0.0f32.runtime();
            #[unroll]
            for other in 0..comptime!(stream.planes as u32) {
                total += f32::reinterpret(load_shared(start + comptime!(4 * other)));
            }
            sums[CUBE_POS] = total;
        }
    } else {
        let matrix = chunk * part.rows;
        #[unroll]
        for nth in 0..comptime!(block / COLS) {
            #[unroll]
            for cell in 0..4usize {
                let query = row as usize + comptime!(cell / 2 * 8);
                let within = lane_col() as usize + comptime!(nth * COLS + cell % 2);
                let key = first_col + within;
                if query < end_row && key < shape.keys {
                    sums[(matrix + query - part.first_row) * shape.keys + key] =
                        cells[nth].extract(cell);
                }
            }
        }
    }
}

/// Adds one group's cells, of which `tiles` says what is seen, and `kept` of this lane's.
#[allow(clippy::too_many_arguments)]
#[cube]
fn add_cells<V: DeviceVariant>(
    cells: &mut Array<F4>,
    rows_of: &QueryRows,
    q_rows: &Own,
    d_rows: &Own,
    k_chip: Chip,
    v_chip: Chip,
    col: u32,
    tiles: u32,
    kept: u32,
    params: &V::Params,
    #[comptime] open: bool,
    #[comptime] config: LearnedCellsConfig,
) {
    let stream = comptime!(config.stream);
    let (key_units, value_units) = comptime!((stream.key_units(), stream.value_units()));
    let by = comptime!(Differentiated::Learned(config.site, config.stage));
    let q = q_rows.operand();
    let d_out = d_rows.operand();
    #[unroll]
    for key_block in 0..comptime!(stream.block / ROWS) {
        // Asked also where all are seen: what comes before a branch stays there, and the registers of
        // one sixteen suffice.
        if is_seen(tiles, comptime!(key_block as u32), false) {
            let at = comptime!(key_block as u32).runtime();
            let keeps = kept_of(kept, comptime!(key_block as u32), stream);
            let k = rows16(k_chip, 0u32, at, key_units, false, true);
            let v = rows16(v_chip, 0u32, at, value_units, false, true);
            #[unroll]
            for part in 0..2usize {
                let first = col + comptime!((key_block * ROWS + part * COLS) as u32);
                let nth = comptime!(2 * key_block + part);
                cells[nth] += rows_of.gradient::<V>(
                    &q, &d_out, &k, &v, part, first, keeps, params, by, open, stream,
                );
            }
        }
    }
}

/// A tile of scores, in the groups that share their sums.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Tile {
    part: Part,
    shape: Shape,
    own: usize,
    row_block: usize,
    col_block: usize,
}

#[cube]
impl Tile {
    /// What a plane sees of it in the `nth` group.
    fn tiles(
        &self,
        nth: usize,
        plane: u32,
        lists: &[u32],
        layout: ListLayout,
        #[comptime] config: StreamConfig,
    ) -> u32 {
        if comptime!(config.mask) {
            lists[self.words(nth, plane, layout, config)]
        } else {
            existing_tiles(self.shape.keys, self.col_block, config)
        }
    }

    /// Which of this lane's cells are kept there, if that was found before.
    fn kept(
        &self,
        nth: usize,
        plane: u32,
        lists: &[u32],
        layout: ListLayout,
        #[comptime] config: StreamConfig,
    ) -> u32 {
        if comptime!(config.bits) {
            lists[self.words(nth, plane, layout, config) + 1 + UNIT_POS_PLANE as usize]
        } else {
            0u32.runtime()
        }
    }

    fn words(
        &self,
        nth: usize,
        plane: u32,
        layout: ListLayout,
        #[comptime] config: StreamConfig,
    ) -> usize {
        let start = layout.start(self.part.group(self.shape, self.own, nth), self.row_block);
        plane_words(start, self.col_block, plane, layout, config)
    }

    /// The first group from the `nth` on of which a cell is seen; `end` without one.
    fn met_from(
        &self,
        nth: usize,
        end: usize,
        lists: &[u32],
        layout: ListLayout,
        #[comptime] config: StreamConfig,
    ) -> usize {
        let mut met = nth;
        if comptime!(config.mask) {
            let plane = min(UNIT_POS_PLANE, comptime!(config.planes as u32 - 1));
            let mut searching = met < end;
            while searching {
                if plane_any(self.tiles(met, plane, lists, layout, config) != 0) {
                    searching = false;
                } else {
                    met += 1;
                    searching = met < end;
                }
            }
        }
        met
    }
}
