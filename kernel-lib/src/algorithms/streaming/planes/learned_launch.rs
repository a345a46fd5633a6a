//! From the gradient of a learned parameter to tiles on tensor cores.

use cubecl::prelude::*;

use super::StreamConfig;
use super::launch::Lists;
use super::learned_cells::{LearnedCellsConfig, learned_bytes, plane_learned_cells};
use crate::Strided;
#[cfg(feature = "cuda")]
use crate::algorithms::launch::Target;
use crate::algorithms::launch::{Call, buffer, layout, run};
use crate::algorithms::learned::launch::{Argument, OfSite};
use crate::algorithms::learned::work::{Limits, PartSizes, Route};
use crate::language::{DeviceVariant, LearnedSite, Variant};
use crate::plan::{Algorithm, Lowering};

/// Planes of a cube, the first that fits. More would read keys fewer times, but with 162 registers a
/// unit leave room for one cube of eight where three of four planes fit.
const PLANES: [usize; 3] = [4, 2, 1];

/// The tiles of scores that cubes own, and what a mask leaves of them.
pub(in crate::algorithms) struct Tiles {
    config: StreamConfig,
    lists: Lists,
}

impl Tiles {
    /// How much is done at a time.
    pub fn limits(&self, limits: Limits) -> Limits {
        limits.of_tiles(self.config.rows(), self.config.block)
    }
}

impl Call<'_> {
    /// Tiles for what is learned in scores and weights, where tensor cores compute it: with a plan of
    /// long sequences on tensor cores, and elements of 16 bits. In `f32` a gradient that is a sum of
    /// many cells would show how tensor cores round.
    pub(in crate::algorithms) fn learned_tiles<V: Variant>(
        &self,
        variant: &V,
        d_out: &Strided,
    ) -> Option<Tiles> {
        let streams = (self.plan.lowering, self.plan.algorithm);
        if streams != (Lowering::Mma, Algorithm::Streaming) {
            return None;
        }
        let of_pass = self.stream_config(variant, &[d_out]);
        let config = PLANES
            .map(|planes| StreamConfig { planes, ..of_pass })
            .into_iter()
            .find(|config| learned_bytes(config) <= self.device.shared_memory)?;
        if config.elements.is_single() {
            return None;
        }
        let lists = self.lists(variant, false, &config);
        Some(Tiles { config, lists })
    }
}

impl<P> OfSite<'_, P> {
    /// The cells of a part.
    pub(in crate::algorithms) fn tiled<V: DeviceVariant>(
        &self,
        part: &PartSizes,
        site: &LearnedSite,
        d_out: &Strided,
        delta: &Strided,
        tiles: &Tiles,
    ) -> Strided
    where
        P: Fn() -> Argument<V>,
    {
        let (call, work) = (self.call, &self.work);
        let Tiles { config, lists } = tiles;
        let cells = call.numbers(part.groups * work.chunks * work.numbers(part));
        let cubes = part.groups * work.chunks * work.units(part);
        run!(
            call,
            plane_learned_cells::<V>,
            CubeCount::new_1d(cubes as u32),
            CubeDim::new_1d(32 * config.planes as u32),
            call.address_type(&[d_out, &cells, &lists.numbers]),
            call.vector(&[d_out]),
            buffer(call.q),
            buffer(call.k),
            buffer(call.v),
            buffer(call.lse),
            buffer(delta),
            buffer(d_out),
            buffer(&cells),
            buffer(&lists.numbers),
            lists.layout(),
            call.layouts(),
            layout(d_out),
            self.shape(),
            self.part(part),
            call.scale,
            (self.params)(),
            LearnedCellsConfig {
                stream: *config,
                site: site.site,
                stage: site.stage,
                one: work.route == Route::One,
            },
            call.problem.dtype.elem(&call.device),
        );
        cells
    }
}
