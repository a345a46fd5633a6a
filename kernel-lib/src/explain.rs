//! What a call computes and how it will run, to read.
//!
//! ```
//! use tilewright::explain::Explanation;
//! use tilewright::prelude::*;
//! use tilewright::{Pass, problem};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, _) = tilewright::open_device("cpu")?;
//! let q = Strided::empty(&client, [2, 4, 300, 8], DType::F32);
//! let variant = softcap(30.0).and(causal()).into();
//! let options = AttentionOptions::default();
//! let problem = problem(Pass::Forward, &q, &q, &q, &variant, &options)?;
//! let text = Explanation::on_device(&client, &variant, &problem, &options).to_string();
//! assert!(text.contains("cap * (score / cap).tanh()"));
//! assert!(text.contains("derivative"));
//! # Ok(())
//! # }
//! ```
//!
//! A program says all of this of its own calls, each once, where the environment variable
//! [`EXPLAIN_VARIABLE`] is set: to `1`, or to `cuda` for the generated CUDA C++ too.
//! `bench-suite explain` adds registers and spills, without a GPU.

use core::fmt;
use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use cubecl::client::Client;

use crate::attention::tuned;
#[cfg(feature = "cuda")]
use crate::cuda_source::{CudaSource, MemoryOrder, Sm, cuda_sources};
use crate::device::Device;
use crate::language::{AnyVariant, LearnedParam};
use crate::picture::MaskBlocks;
use crate::table::Source;
use crate::tile::fragment::{COLS, ROWS};
use crate::{Algorithm, AttentionOptions, Lowering, Plan, PlanRefusal, Problem};

/// The environment variable that makes a program explain its calls on standard error.
pub const EXPLAIN_VARIABLE: &str = "TILEWRIGHT_EXPLAIN";

/// Pairs of query and key that are looked at on the host at most.
const LOOKED_AT: usize = 1 << 25;

/// What a call computes and how it will run. Shown as text; with `{:#}`, CUDA C++ included.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Name and parameters of the variant.
    pub variant: String,
    /// The problem that the call poses.
    pub problem: Problem,
    /// The device, or the architecture.
    pub device: String,
    /// The variant's function; empty where it is not written in the language.
    pub function: String,
    /// The derivative with respect to the score, as Rust; empty where there is none.
    pub derivative: String,
    /// What the variant learns.
    pub learned: Vec<LearnedParam>,
    /// The plan, or why the one that was asked for cannot run.
    pub plan: Result<Plan, PlanRefusal>,
    /// Where the plan comes from.
    pub origin: String,
    /// What the mask leaves of the plan's tiles, or why that is not known.
    pub tiles: Result<TileCount, String>,
    /// The kernels of the call, or why they are not shown.
    #[cfg(feature = "cuda")]
    pub kernels: Result<Vec<CudaSource>, String>,
    /// Bytes of shared memory that the plan sets aside for a cube.
    pub shared_memory: usize,
}

/// What a mask leaves of the tiles of a plan, in the first sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileCount {
    /// Queries of a tile.
    pub rows: usize,
    /// Keys of a tile.
    pub cols: usize,
    /// Heads that were looked at: one where all have the same mask.
    pub heads: usize,
    /// The tiles of all of these heads.
    pub tiles: MaskBlocks,
    /// Whether the plan's kernels leave out empty tiles.
    pub left_out: bool,
}

impl Explanation {
    /// Of a call on this device.
    pub fn on_device(
        client: &Client,
        variant: &AnyVariant,
        problem: &Problem,
        options: &AttentionOptions,
    ) -> Self {
        let device = Device::of(client);
        let properties = client.properties();
        let (plan, origin) = match options.plan {
            Some(plan) => (plan, GIVEN.to_owned()),
            None => {
                let answer = tuned(problem, &device, client, options.dynamic_lengths);
                (answer.plan, answer.source.to_string())
            }
        };
        let name = properties.identity.name.clone();
        let explained = Self::new(variant, problem, options, (&device, name), plan, origin);
        #[cfg(feature = "cuda")]
        let explained = {
            let mut explained = explained;
            explained.kernels = match Sm::of(client) {
                Some(sm) => explained.generate(variant, sm),
                None if device.is_cpu() => Err("the CPU runtime compiles kernels to machine code \
                     in memory; `bench-suite explain` shows their CUDA C++"
                    .to_owned()),
                None => Err(format!(
                    "{} is none of the architectures known here: {}",
                    properties.identity.fingerprint,
                    Sm::ALL.map(|sm| sm.to_string()).join(", ")
                )),
            };
            explained
        };
        explained
    }

    /// Of a call on a GPU of this architecture, which need not be there. Nothing was measured on
    /// it, so the plan is the call's or the rule's.
    #[cfg(feature = "cuda")]
    pub fn for_architecture(
        sm: Sm,
        variant: &AnyVariant,
        problem: &Problem,
        options: &AttentionOptions,
    ) -> Self {
        let device = sm.device();
        let rule = || match options.dynamic_lengths {
            true => Plan::for_any_length(problem, &device),
            false => Plan::rule(problem, &device),
        };
        let (plan, origin) = match options.plan {
            Some(plan) => (plan, GIVEN.to_owned()),
            None => (rule(), Source::Rule.to_string()),
        };
        let on = (&device, sm.to_string());
        let explained = Self::new(variant, problem, options, on, plan, origin);
        Self { kernels: explained.generate(variant, sm), ..explained }
    }

    fn new(
        variant: &AnyVariant,
        problem: &Problem,
        options: &AttentionOptions,
        (device, name): (&Device, String),
        plan: Plan,
        origin: String,
    ) -> Self {
        let check = match options.dynamic_lengths {
            true => plan.check_any_length().and_then(|()| plan.check(problem, device)),
            false => plan.check(problem, device),
        };
        Self {
            variant: variant.describe(),
            problem: *problem,
            device: name,
            function: variant.source(),
            derivative: variant.derivative(),
            learned: variant.learned(),
            tiles: count(variant, problem, &plan),
            shared_memory: if check.is_ok() { plan.shared_memory(problem) } else { 0 },
            plan: check.map(|()| plan),
            origin,
            #[cfg(feature = "cuda")]
            kernels: Ok(Vec::new()),
        }
    }

    #[cfg(feature = "cuda")]
    fn generate(&self, variant: &AnyVariant, sm: Sm) -> Result<Vec<CudaSource>, String> {
        let Ok(plan) = &self.plan else { return Err("no plan, no kernel".to_owned()) };
        cuda_sources(&self.problem, plan, variant, MemoryOrder::default(), sm)
            .map_err(|error| error.to_string())
    }
}

const GIVEN: &str = "given by the call";

/// What the mask leaves of the tiles of a plan.
fn count(variant: &AnyVariant, problem: &Problem, plan: &Plan) -> Result<TileCount, String> {
    if !problem.class.masks() {
        return Err("no mask: every tile is computed".to_owned());
    }
    let (rows, cols, left_out) = match (plan.lowering, plan.algorithm) {
        (Lowering::Mma, Algorithm::Streaming) => (ROWS * plan.teams, plan.block, true),
        (Lowering::Mma, Algorithm::Resident) => (ROWS, COLS, variant.mask_known_on_host()),
        (Lowering::Simt, _) => (plan.tile_rows * plan.team, plan.tile_cols, false),
    };
    let Problem { heads, seq_q, seq_k, .. } = *problem;
    let pairs = seq_q.saturating_mul(seq_k);
    let heads = if variant.mask_scope().head { heads.min(LOOKED_AT / pairs.max(1)) } else { 1 };
    if heads == 0 || pairs > LOOKED_AT {
        return Err(format!(
            "{pairs} pairs of query and key are too many to look at here; ask for shorter sequences"
        ));
    }
    let mut tiles = MaskBlocks::default();
    for head in 0..heads {
        tiles += MaskBlocks::of_tiles(variant, head as u32, [seq_q, seq_k], [rows, cols]);
    }
    Ok(TileCount { rows, cols, heads, tiles, left_out })
}

impl fmt::Display for TileCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, cols, heads, tiles, left_out } = self;
        let MaskBlocks { empty, partial, full } = tiles;
        let all = (empty + partial + full).max(1) as f64;
        let share = |count: &usize| 100.0 * *count as f64 / all;
        let heads = if *heads == 1 { "one head" } else { &format!("{heads} heads") };
        write!(
            f,
            "tiles of {rows} queries by {cols} keys in {heads} of the first sequence: {empty} empty \
             ({:.1}%), {partial} masked in part ({:.1}%), {full} open ({:.1}%)",
            share(empty),
            share(partial),
            share(full)
        )?;
        f.write_str(match left_out {
            true => "; empty ones are left out",
            false => "; this plan computes the empty ones too",
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variant, problem, device, .. } = self;
        writeln!(f, "{variant}\n  {problem} on {device}")?;
        section(f, "function", &self.function, "written by hand, not in the language")?;
        let none = if self.function.is_empty() { "written by hand" } else { "a mask has none" };
        section(f, "derivative with respect to the score", &self.derivative, none)?;
        for param in &self.learned {
            let LearnedParam { variant, name, shape, sites, .. } = param;
            let sites = match sites.len() {
                1 => "one place".to_owned(),
                several => format!("{several} places"),
            };
            writeln!(f, "learned\n  {name} {shape:?} of {variant}, read in {sites}")?;
        }
        match &self.plan {
            Ok(plan) => writeln!(
                f,
                "plan\n  {plan}\n  {}\n  {} units and {} bytes of shared memory for a cube",
                self.origin,
                plan.team * plan.teams,
                self.shared_memory
            )?,
            Err(refusal) => writeln!(f, "plan\n  cannot run here: {refusal}")?,
        }
        match &self.tiles {
            Ok(tiles) => writeln!(f, "mask\n  {tiles}")?,
            Err(why) => writeln!(f, "mask\n  {why}")?,
        }
        self.write_kernels(f)
    }
}

impl Explanation {
    #[cfg(feature = "cuda")]
    fn write_kernels(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "kernels")?;
        let kernels = match &self.kernels {
            Ok(kernels) => kernels,
            Err(why) => return writeln!(f, "  not shown: {why}"),
        };
        for CudaSource { kernel, entry, source, units, shared_bytes } in kernels {
            let lines = source.lines().count();
            writeln!(
                f,
                "  {kernel}: {units} units, {shared_bytes} bytes of shared memory, {lines} lines of \
                 CUDA C++"
            )?;
            if f.alternate() {
                writeln!(f, "\n// {entry}\n{}", source.trim_end())?;
            }
        }
        Ok(())
    }

    #[cfg(not(feature = "cuda"))]
    fn write_kernels(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "kernels\n  not shown: build with the feature `cuda` for their CUDA C++")
    }
}

/// A heading, and the text below it or what is said where there is none.
fn section(f: &mut fmt::Formatter<'_>, heading: &str, text: &str, none: &str) -> fmt::Result {
    writeln!(f, "{heading}")?;
    if text.is_empty() {
        return writeln!(f, "  {none}");
    }
    text.lines().try_for_each(|line| writeln!(f, "  {line}"))
}

/// What [`EXPLAIN_VARIABLE`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Nothing,
    Summary,
    Cuda,
}

impl Detail {
    fn of(value: Option<&str>) -> Result<Self, String> {
        match value {
            None | Some("" | "0") => Ok(Detail::Nothing),
            Some("1") => Ok(Detail::Summary),
            Some("cuda") => Ok(Detail::Cuda),
            Some(other) => Err(format!("{EXPLAIN_VARIABLE} is `{other}`; write 1, or cuda")),
        }
    }
}

/// Explains a call on standard error, the first of its kind, if the environment asks for it.
pub(crate) fn if_asked(
    client: &Client,
    variant: &AnyVariant,
    problem: &Problem,
    options: &AttentionOptions,
) {
    static ASKED: OnceLock<Detail> = OnceLock::new();
    static SAID: OnceLock<Mutex<HashSet<(String, Problem)>>> = OnceLock::new();
    let asked = *ASKED.get_or_init(|| {
        let value = std::env::var(EXPLAIN_VARIABLE).ok();
        Detail::of(value.as_deref()).unwrap_or_else(|error| {
            eprintln!("tilewright: {error}");
            Detail::Nothing
        })
    });
    if asked == Detail::Nothing {
        return;
    }
    let said = SAID.get_or_init(Mutex::default);
    let call = (variant.describe(), *problem);
    if said.lock().unwrap_or_else(PoisonError::into_inner).insert(call) {
        let explanation = Explanation::on_device(client, variant, problem, options);
        match asked {
            Detail::Cuda => eprintln!("{explanation:#}"),
            _ => eprintln!("{explanation}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_asks_in_words_that_are_known() {
        assert_eq!(Detail::of(None), Ok(Detail::Nothing));
        assert_eq!(Detail::of(Some("0")), Ok(Detail::Nothing));
        assert_eq!(Detail::of(Some("1")), Ok(Detail::Summary));
        assert_eq!(Detail::of(Some("cuda")), Ok(Detail::Cuda));
        let error = Detail::of(Some("yes")).expect_err("no such word");
        assert_eq!(error, "TILEWRIGHT_EXPLAIN is `yes`; write 1, or cuda");
    }
}
