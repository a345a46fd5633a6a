//! From a call to the launches of its stages of rows, around those of attention.

use cubecl::prelude::*;

use super::cells::{RowCellsConfig, row_cells};
use super::gradients::row_gradients;
use super::values::{RowsConfig, WayLaunch, row_values};
use super::{Indices, RowSizesLaunch};
#[cfg(feature = "cuda")]
use crate::algorithms::launch::Target;
use crate::algorithms::launch::{Call, Gradients, buffer, layout, run};
use crate::algorithms::learned::launch::OfSite;
use crate::algorithms::learned::work::{Limits, PartSizes, Route, Work};
use crate::language::{
    AnyRowStage, DeviceRowStage, LaunchTarget, LearnedParam, RowStage, RowTarget,
};
use crate::{Problem, Strided};

/// Units of a cube.
const UNITS: usize = 128;

/// A tensor on its way through a stage.
#[derive(Clone, Copy)]
pub struct Tensors<'a> {
    /// The old elements.
    pub old: &'a Strided,
    /// The gradients of the new ones; on the way there, whatever.
    pub d_new: &'a Strided,
    /// Where the new elements go, or the gradients of the old ones.
    pub to: &'a Strided,
}

/// Queues the forward pass: `attend` between the stages before and after it.
pub fn forward(stages: &[AnyRowStage], call: &Call<'_>, attend: impl FnOnce(&Call<'_>)) {
    let inputs = Inputs::of(stages, call);
    let outputs = outputs(stages);
    let out = if outputs.is_empty() { call.out } else { call.raw.unwrap_or(call.out) };
    attend(&Call { q: inputs.q(), k: inputs.k(), out, ..*call });
    let olds = through(&outputs, out, call);
    if let (Some(stage), Some(old)) = (outputs.last(), olds.last()) {
        stage.launch_values(call, &[Tensors { old, d_new: old, to: call.out }]);
    }
}

/// Queues the backward pass: `attend` between the transposed stages.
pub fn backward(
    stages: &[AnyRowStage],
    params: &[LearnedParam],
    call: &Call<'_>,
    gradients: &Gradients<'_>,
    attend: impl FnOnce(&Call<'_>, &Gradients<'_>),
) {
    let learned = learned_of_stages(stages, params, gradients.learned);
    let inputs = Inputs::of(stages, call);
    let outputs = outputs(stages);
    let out = call.raw.unwrap_or(call.out);

    let mut d_out = gradients.d_out.clone();
    let after: Vec<_> =
        stages.iter().zip(&learned).filter(|(stage, _)| stage.is_of_output()).collect();
    let olds = through(&outputs, out, call);
    for ((stage, learned), old) in after.into_iter().zip(&olds).rev() {
        let to = call.target.empty_like(&d_out, d_out.shape);
        let tensors = [Tensors { old, d_new: &d_out, to: &to }];
        stage.launch_gradients(call, &tensors);
        stage.launch_learned(call, &tensors, learned);
        d_out = to;
    }

    let target = |old: &[Strided], given: &Strided| match old.len() {
        1 => given.clone(),
        _ => call.target.empty_like(given, given.shape),
    };
    let mut d_q = target(&inputs.q, gradients.d_q);
    let mut d_k = target(&inputs.k, gradients.d_k);
    attend(
        &Call { q: inputs.q(), k: inputs.k(), out, ..*call },
        &Gradients { d_out: &d_out, d_q: &d_q, d_k: &d_k, ..*gradients },
    );

    let (mut olds_q, mut olds_k) = (inputs.q.as_slice(), inputs.k.as_slice());
    let before = stages.iter().zip(&learned).filter(|(stage, _)| !stage.is_of_output());
    for (stage, learned) in before.rev() {
        let (of_q, of_k) = (changes_queries(stage), changes_keys(stage));
        if of_q {
            olds_q = &olds_q[..olds_q.len() - 1];
        }
        if of_k {
            olds_k = &olds_k[..olds_k.len() - 1];
        }
        let to_q = target(olds_q, gradients.d_q);
        let to_k = target(olds_k, gradients.d_k);
        let last = |olds: &'_ [Strided]| olds.len() - 1;
        let mut tensors = Vec::new();
        if of_q {
            tensors.push(Tensors { old: &olds_q[last(olds_q)], d_new: &d_q, to: &to_q });
        }
        if of_k {
            tensors.push(Tensors { old: &olds_k[last(olds_k)], d_new: &d_k, to: &to_k });
        }
        stage.launch_gradients(call, &tensors);
        stage.launch_learned(call, &tensors, learned);
        if of_q {
            d_q = to_q;
        }
        if of_k {
            d_k = to_k;
        }
    }
}

fn changes_queries(stage: &AnyRowStage) -> bool {
    matches!(stage.target(), RowTarget::Queries | RowTarget::QueriesAndKeys)
}

fn changes_keys(stage: &AnyRowStage) -> bool {
    matches!(stage.target(), RowTarget::Keys | RowTarget::QueriesAndKeys)
}

fn outputs(stages: &[AnyRowStage]) -> Vec<&AnyRowStage> {
    stages.iter().filter(|stage| stage.is_of_output()).collect()
}

/// For each stage of the output what it changes: `first`, then what the stage before made.
fn through(stages: &[&AnyRowStage], first: &Strided, call: &Call<'_>) -> Vec<Strided> {
    let Some((_, others)) = stages.split_last() else { return Vec::new() };
    let mut olds = vec![first.clone()];
    for stage in others {
        let old = &olds[olds.len() - 1];
        let to = call.target.empty_like(old, old.shape);
        stage.launch_values(call, &[Tensors { old, d_new: old, to: &to }]);
        olds.push(to);
    }
    olds
}

/// The gradients of each stage's learned parameters, in the order of the variant's.
fn learned_of_stages(
    stages: &[AnyRowStage],
    params: &[LearnedParam],
    gradients: &[Strided],
) -> Vec<Vec<Strided>> {
    let mut of_rows = params.iter().zip(gradients).filter(|(param, _)| param.of_rows);
    let counts = stages.iter().map(|stage| stage.learned().len());
    counts.map(|count| of_rows.by_ref().take(count).map(|(_, g)| g.clone()).collect()).collect()
}

/// Queries and keys as they were given, then as each stage left them.
struct Inputs {
    q: Vec<Strided>,
    k: Vec<Strided>,
}

impl Inputs {
    fn of(stages: &[AnyRowStage], call: &Call<'_>) -> Self {
        let mut inputs = Self { q: vec![call.q.clone()], k: vec![call.k.clone()] };
        for stage in stages {
            let (of_q, of_k) = (changes_queries(stage), changes_keys(stage));
            let (old_q, old_k) = (inputs.q(), inputs.k());
            let to_q = of_q.then(|| call.target.empty_like(old_q, old_q.shape));
            let to_k = of_k.then(|| call.target.empty_like(old_k, old_k.shape));
            let tensors: Vec<Tensors<'_>> = [(old_q, &to_q), (old_k, &to_k)]
                .into_iter()
                .filter_map(|(old, to)| Some(Tensors { old, d_new: old, to: to.as_ref()? }))
                .collect();
            if !tensors.is_empty() {
                stage.launch_values(call, &tensors);
            }
            inputs.q.extend(to_q);
            inputs.k.extend(to_k);
        }
        inputs
    }

    fn q(&self) -> &Strided {
        &self.q[self.q.len() - 1]
    }

    fn k(&self) -> &Strided {
        &self.k[self.k.len() - 1]
    }
}

/// How a launch takes one tensor, or two: the second is the first again where there is none.
struct Spread<'a> {
    first: Tensors<'a>,
    second: Tensors<'a>,
    config: RowsConfig,
    cubes: CubeCount,
    units: CubeDim,
}

impl<'a> Spread<'a> {
    /// Nothing where no tensor has a row.
    fn of(call: &Call<'_>, tensors: &[Tensors<'a>]) -> Option<Self> {
        let filled: Vec<Tensors<'a>> =
            tensors.iter().copied().filter(|tensors| !tensors.old.is_empty()).collect();
        let (&first, &second) = (filled.first()?, filled.last()?);
        let dims = first.old.shape[3];
        let cpu = call.device.is_cpu();
        let lanes = if cpu { 1 } else { dims.next_power_of_two().min(call.device.plane) };
        let per_cube = if cpu { call.device.units } else { UNITS / lanes };
        let rows = |tensors: &Tensors<'_>| tensors.old.len() / dims;
        let cubes: usize = filled.iter().map(|tensors| rows(tensors).div_ceil(per_cube)).sum();
        Some(Self {
            first,
            second,
            config: RowsConfig { lanes, both: filled.len() > 1 },
            cubes: CubeCount::new_1d(if cpu { 1 } else { cubes as u32 }),
            units: CubeDim::new_1d(if cpu { call.device.units as u32 } else { UNITS as u32 }),
        })
    }

    fn address_type(&self, call: &Call<'_>) -> AddressType {
        let Self { first, second, .. } = self;
        call.address_type(&[first.old, first.d_new, first.to, second.old, second.d_new, second.to])
    }
}

fn way(tensors: &Tensors<'_>) -> WayLaunch {
    let [batch, heads, tokens, dims] = tensors.old.shape;
    WayLaunch::new(
        RowSizesLaunch::new(batch * heads * tokens, heads, tokens, dims),
        layout(tensors.old),
        layout(tensors.to),
    )
}

/// New elements of one or two tensors, in one launch.
pub fn values<S: RowStage>(stage: &S, call: &Call<'_>, tensors: &[Tensors<'_>]) {
    let Some(spread) = Spread::of(call, tensors) else { return };
    let Spread { first, second, config, .. } = spread;
    run!(
        call,
        row_values::<S::Device>,
        spread.cubes.clone(),
        spread.units,
        spread.address_type(call),
        1,
        buffer(first.old),
        buffer(second.old),
        buffer(first.to),
        buffer(second.to),
        way(&first),
        way(&second),
        stage.launch_params(LaunchTarget(call.target)),
        config,
        call.problem.dtype.elem(&call.device),
    );
}

/// Gradients of the old elements of one or two tensors, in one launch.
pub fn gradients<S: RowStage>(stage: &S, call: &Call<'_>, tensors: &[Tensors<'_>]) {
    let Some(spread) = Spread::of(call, tensors) else { return };
    let Spread { first, second, config, .. } = spread;
    run!(
        call,
        row_gradients::<S::Device>,
        spread.cubes.clone(),
        spread.units,
        spread.address_type(call),
        1,
        buffer(first.old),
        buffer(second.old),
        buffer(first.d_new),
        buffer(second.d_new),
        buffer(first.to),
        buffer(second.to),
        way(&first),
        way(&second),
        layout(first.d_new),
        layout(second.d_new),
        stage.launch_params(LaunchTarget(call.target)),
        config,
        call.problem.dtype.elem(&call.device),
    );
}

/// Gradients of the stage's learned parameters, summed over all tensors.
pub fn learned<S: RowStage>(
    stage: &S,
    call: &Call<'_>,
    tensors: &[Tensors<'_>],
    gradients: &[Strided],
) {
    for (param, gradient) in stage.learned().iter().zip(gradients) {
        call.clear(gradient);
        for tensors in tensors.iter().filter(|tensors| !tensors.old.is_empty()) {
            let [batch, heads, tokens, dims] = tensors.old.shape;
            let problem = Problem {
                batch,
                heads,
                kv_heads: heads,
                seq_q: tokens,
                seq_k: dims,
                ..call.problem
            };
            for site in &param.sites {
                let limits = Limits::of(&call.device, call.dynamic_lengths);
                let of_site = OfSite {
                    call,
                    problem,
                    work: Work::new(site, &param.shape, &problem, limits),
                    site: site.site,
                    params: || stage.launch_params(LaunchTarget(call.target)),
                };
                of_site.add_to::<Indices<S::Device>>(gradient, |part| {
                    cells::<S::Device, _>(&of_site, part, tensors)
                });
            }
        }
    }
}

fn cells<D: DeviceRowStage, P>(
    of_site: &OfSite<'_, P>,
    part: &PartSizes,
    tensors: &Tensors<'_>,
) -> Strided
where
    P: Fn() -> <D::Params as LaunchArg>::RuntimeArg,
{
    let (call, work) = (of_site.call, &of_site.work);
    let (cells, cubes, units) = of_site.room(part);
    run!(
        call,
        row_cells::<D>,
        cubes,
        units,
        call.address_type(&[tensors.old, tensors.d_new, &cells]),
        work.rows,
        1,
        buffer(tensors.old),
        buffer(tensors.d_new),
        buffer(&cells),
        layout(tensors.old),
        layout(tensors.d_new),
        of_site.shape(),
        of_site.part(part),
        (of_site.params)(),
        RowCellsConfig {
            site: of_site.site,
            cols: work.cols,
            unroll: !call.device.is_cpu(),
            one: work.route == Route::One,
        },
        call.problem.dtype.elem(&call.device),
    );
    cells
}
