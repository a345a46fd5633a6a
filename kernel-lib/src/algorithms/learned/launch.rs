//! From a checked call to the launches of gradients of learned parameters.

use cubecl::prelude::*;

use super::cells::{CellsConfig, learned_cells};
use super::scatter::{ScatterConfig, scatter_cells};
use super::sinks::learned_sinks;
use super::sums::{GatheringLaunch, clear, fold_sums, gather_sums};
use super::work::{Limits, PartSizes, Route, Work};
use super::{PartLaunch, SubTableLaunch};
use crate::algorithms::ShapeLaunch;
#[cfg(feature = "cuda")]
use crate::algorithms::launch::Target;
use crate::algorithms::launch::{Call, Gradients, buffer, layout, run};
use crate::algorithms::streaming::planes::delta::row_products;
use crate::language::{
    DeviceVariant, LaunchTarget, LearnedSite, LearnedStage, Normaliser, Variant,
};
use crate::tile::exp::Exp2;
use crate::{DType, Problem, Strided};

/// Units of a cube.
const UNITS: usize = 128;
/// Partial sums that one unit adds up at a time.
const TOGETHER: usize = 32;
/// Elements of the tables of a cube that lie on chip at most: 32 KiB.
const ON_CHIP: usize = 1 << 13;
/// Planes of a cube at most.
const PLANES: usize = 4;

/// Queues the gradients of the learned parameters of scores, weights and sinks, if there are any.
pub fn backward<V: Variant>(variant: &V, call: &Call<'_>, gradients: &Gradients<'_>) {
    backward_within(variant, call, gradients, Limits::of(&call.device, call.dynamic_lengths));
}

/// The same, so much at a time.
pub fn backward_within<V: Variant>(
    variant: &V,
    call: &Call<'_>,
    gradients: &Gradients<'_>,
    limits: Limits,
) {
    let params = variant.learned();
    let own = || params.iter().zip(gradients.learned).filter(|(param, _)| !param.of_rows);
    if own().next().is_none() {
        return;
    }
    let delta = call.delta(gradients.d_out);
    let tiles = call.learned_tiles(variant, gradients.d_out);
    for (param, gradient) in own() {
        call.clear(gradient);
        for site in &param.sites {
            let is_sink = site.stage == LearnedStage::Sink;
            if is_sink && variant.normaliser() != Normaliser::Sink {
                continue;
            }
            // Sinks have no tiles.
            let tiles = tiles.as_ref().filter(|_| !is_sink);
            let limits = tiles.map_or(limits, |tiles| tiles.limits(limits));
            let of_site = OfSite {
                call,
                problem: call.problem,
                work: Work::new(site, &param.shape, &call.problem, limits),
                site: site.site,
                params: || variant.launch_params(LaunchTarget(call.target)),
            };
            let d_out = gradients.d_out;
            of_site.add_to::<V::Device>(gradient, |part| match tiles {
                Some(tiles) => of_site.tiled::<V::Device>(part, site, d_out, &delta, tiles),
                None if is_sink => of_site.sinks::<V::Device>(part, &delta),
                None => of_site.cells::<V::Device>(part, site, d_out, &delta),
            });
        }
    }
}

impl Call<'_> {
    /// Cubes and their units for so many tasks. On a CPU one cube, whose units take them in turn.
    pub(in crate::algorithms) fn spread(&self, tasks: usize) -> (CubeCount, CubeDim) {
        let (cubes, units) = match self.device.is_cpu() {
            true => (1, self.device.units),
            false => (tasks.div_ceil(UNITS), UNITS),
        };
        (CubeCount::new_1d(cubes as u32), CubeDim::new_1d(units as u32))
    }

    pub(in crate::algorithms) fn numbers(&self, len: usize) -> Strided {
        self.target.empty([1, 1, 1, len], DType::F32)
    }

    /// `Δ` of every row.
    fn delta(&self, d_out: &Strided) -> Strided {
        let problem = &self.problem;
        let delta = self.target.empty([problem.batch, problem.heads, problem.seq_q, 1], DType::F32);
        let units = if self.device.is_cpu() { self.device.units } else { UNITS };
        run!(
            self,
            row_products,
            CubeCount::new_1d((problem.groups() * problem.seq_q).div_ceil(units) as u32),
            CubeDim::new_1d(units as u32),
            self.address_type(&[d_out]),
            self.vector(&[d_out]),
            buffer(self.out),
            buffer(d_out),
            buffer(&delta),
            layout(self.out),
            layout(d_out),
            self.shape(),
            problem.value_dim,
            problem.dtype.elem(&self.device),
        );
        delta
    }

    pub(in crate::algorithms) fn clear(&self, numbers: &Strided) {
        let len = numbers.len();
        let (cubes, units) = self.spread(len);
        run!(self, clear, cubes, units, self.address_type(&[numbers]), buffer(numbers), len);
    }

    /// `[outer, count, inner]` with so many neighbours summed that at most `most` are left; and how
    /// many that are.
    fn fold(
        &self,
        mut sums: Strided,
        [outer, mut count, inner]: [usize; 3],
        most: usize,
    ) -> (Strided, usize) {
        // What is one number already is copied, so that no length has a kernel that others lack.
        let mut first = self.dynamic_lengths;
        while count > most || first {
            first = false;
            let folded = count.div_ceil(TOGETHER);
            let fewer = self.numbers(outer * folded * inner);
            let (cubes, units) = self.spread(fewer.len());
            run!(
                self,
                fold_sums,
                cubes,
                units,
                self.address_type(&[&sums]),
                buffer(&sums),
                buffer(&fewer),
                outer,
                count,
                inner,
                TOGETHER,
            );
            (sums, count) = (fewer, folded);
        }
        (sums, count)
    }
}

/// The gradient of one site on its way.
pub struct OfSite<'a, P> {
    pub call: &'a Call<'a>,
    /// The call's, or one whose queries and keys are the tokens and dimensions of rows.
    pub problem: Problem,
    pub work: Work,
    /// The site's number.
    pub site: usize,
    /// Makes the variant's launch arguments.
    pub params: P,
}

/// The launch arguments of a device variant's parameters.
pub type Argument<V> = <<V as DeviceVariant>::Params as LaunchArg>::RuntimeArg;

impl<P> OfSite<'_, P> {
    /// Adds to the gradient what `cells` says of each part.
    pub fn add_to<V: DeviceVariant>(
        &self,
        gradient: &Strided,
        cells: impl Fn(&PartSizes) -> Strided,
    ) where
        P: Fn() -> Argument<V>,
    {
        for part in self.work.parts() {
            let (sums, pieces) = self.sums::<V>(&part, cells(&part));
            self.gather::<V>(&part, &sums, pieces, gradient);
        }
    }

    /// Sums of a part, `[groups, pieces, elements that a group may name]`, and the number of pieces.
    fn sums<V: DeviceVariant>(&self, part: &PartSizes, cells: Strided) -> (Strided, usize)
    where
        P: Fn() -> Argument<V>,
    {
        let work = &self.work;
        let (groups, chunks, rows) = (part.groups, work.chunks, part.rows);
        let (sums, pieces) = match work.route {
            Route::One => (cells, chunks * work.units(part)),
            Route::Cells => (cells, chunks),
            Route::Keys => (cells, chunks * rows),
            Route::Queries => {
                (self.call.fold(cells, [groups * chunks * rows, work.keys, 1], 1).0, chunks)
            }
            Route::Table => {
                let pieces = work.pieces(part);
                (self.scatter::<V>(part, &cells, pieces), pieces)
            }
        };
        self.call.fold(sums, [groups, pieces, work.len(part)], TOGETHER)
    }

    pub fn part(&self, part: &PartSizes) -> PartLaunch {
        let work = &self.work;
        PartLaunch::new(
            work.heads,
            part.first_group,
            part.groups,
            part.first_row,
            part.rows,
            work.summed,
            work.summed_heads,
            work.chunks,
            work.chunk,
            work.keys,
        )
    }

    pub fn shape(&self) -> ShapeLaunch {
        let Problem { batch, heads, kv_heads, seq_q, seq_k, .. } = self.problem;
        ShapeLaunch::new(batch, heads, heads / kv_heads, seq_q, seq_k)
    }

    fn sub_table(&self) -> SubTableLaunch {
        let runs = self.work.runs;
        // A parameter has fewer than 2^32 elements.
        let [outer, inner] = [runs.outer, runs.inner].map(|run| run.map(|n| n as u32));
        SubTableLaunch::new(outer[0], outer[1], inner[0], inner[1])
    }

    /// Memory for the cells of a part, and cubes and units for them.
    pub fn room(&self, part: &PartSizes) -> (Strided, CubeCount, CubeDim) {
        let (call, work) = (self.call, &self.work);
        let cells = call.numbers(part.groups * work.chunks * work.numbers(part));
        let (cubes, units) = call.spread(part.groups * work.chunks * work.units(part));
        (cells, cubes, units)
    }

    fn exp(&self) -> Exp2 {
        if self.call.device.is_cpu() { Exp2::Polynomial } else { Exp2::SpecialUnit }
    }

    fn cells<V: DeviceVariant>(
        &self,
        part: &PartSizes,
        site: &LearnedSite,
        d_out: &Strided,
        delta: &Strided,
    ) -> Strided
    where
        P: Fn() -> Argument<V>,
    {
        let (call, work) = (self.call, &self.work);
        let problem = &call.problem;
        let (cells, cubes, units) = self.room(part);
        run!(
            call,
            learned_cells::<V>,
            cubes,
            units,
            call.address_type(&[d_out, &cells]),
            work.rows,
            call.vector(&[d_out]),
            buffer(call.q),
            buffer(call.k),
            buffer(call.v),
            buffer(d_out),
            buffer(call.lse),
            buffer(delta),
            buffer(&cells),
            call.layouts(),
            layout(d_out),
            self.shape(),
            self.part(part),
            call.scale,
            (self.params)(),
            CellsConfig {
                site: site.site,
                stage: site.stage,
                head_dim: problem.head_dim,
                value_dim: problem.value_dim,
                cols: work.cols,
                unroll: !call.device.is_cpu(),
                exp: self.exp(),
                mask: problem.class.masks(),
                one: work.route == Route::One,
            },
            problem.dtype.elem(&call.device),
        );
        cells
    }

    fn sinks<V: DeviceVariant>(&self, part: &PartSizes, delta: &Strided) -> Strided
    where
        P: Fn() -> Argument<V>,
    {
        let (call, work) = (self.call, &self.work);
        let (cells, cubes, units) = self.room(part);
        run!(
            call,
            learned_sinks::<V>,
            cubes,
            units,
            call.address_type(&[&cells]),
            work.rows,
            buffer(call.lse),
            buffer(delta),
            buffer(&cells),
            self.shape(),
            self.part(part),
            (self.params)(),
            self.site,
            self.exp(),
            work.route == Route::One,
        );
        cells
    }

    fn scatter<V: DeviceVariant>(&self, part: &PartSizes, cells: &Strided, pieces: usize) -> Strided
    where
        P: Fn() -> Argument<V>,
    {
        let (call, work) = (self.call, &self.work);
        let len = work.runs.len();
        let tables = call.numbers(part.groups * pieces * len);
        // Not known of lengths to come.
        let one_run = work.runs.outer[1] == 1 && !call.dynamic_lengths;
        let site = self.site;
        let config = if call.device.is_cpu() {
            ScatterConfig { site, lanes: 1, planes: call.device.units, on_chip: 0, one_run }
        } else {
            // A power of two, so that not every length is compiled anew.
            let room = len.next_power_of_two();
            let on_chip = if room <= ON_CHIP { room } else { 0 };
            let planes = (ON_CHIP / room.min(ON_CHIP)).min(PLANES);
            ScatterConfig { site, lanes: call.device.plane, planes, on_chip, one_run }
        };
        let cubes = match call.device.is_cpu() {
            true => 1,
            false => (part.groups * pieces).div_ceil(config.planes),
        };
        run!(
            call,
            scatter_cells::<V>,
            CubeCount::new_1d(cubes as u32),
            CubeDim::new_1d((config.planes * config.lanes) as u32),
            call.address_type(&[cells, &tables]),
            buffer(cells),
            buffer(&tables),
            self.shape(),
            self.part(part),
            self.sub_table(),
            pieces,
            (self.params)(),
            config,
        );
        tables
    }

    fn gather<V: DeviceVariant>(
        &self,
        part: &PartSizes,
        sums: &Strided,
        pieces: usize,
        gradient: &Strided,
    ) where
        P: Fn() -> Argument<V>,
    {
        let (call, work) = (self.call, &self.work);
        let len = work.len(part);
        let [[teams, team_step], [groups, step]] = work.gathering(part);
        let (cubes, units) = call.spread(teams * len);
        run!(
            call,
            gather_sums::<V>,
            cubes,
            units,
            call.address_type(&[sums, gradient]),
            buffer(sums),
            buffer(gradient),
            self.shape(),
            self.part(part),
            self.sub_table(),
            GatheringLaunch::new(teams, team_step, groups, step),
            pieces,
            len,
            (self.params)(),
            self.site,
            work.route,
        );
    }
}
