use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

use cubecl::prelude::*;

use super::joined;
use crate::language::{
    DeviceVariant, LaunchParams, LaunchTarget, LearnedParam, LearnedStage, Mask, MaskScope,
    Normaliser, ParamError, Position, Stages, TableParam, TableRead, Variant,
};
use crate::variants::{Softmax, softmax};

/// A variant for some of the heads, made by [`heads`]; `R` is what the others have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads<V, R> {
    first: u32,
    end: u32,
    part: V,
    rest: R,
}

/// Different variants for different heads, in one launch: this one for the query heads of a range.
///
/// Say what the other heads have with [`Heads::heads`]; those in no range have plain attention. A
/// part may change scores, mask, and learn; in it `at.head` remains the head's number in the call,
/// so a table with a row for each head has one for all of the heads up to the part's last.
///
/// ```
/// use tilewright::prelude::*;
///
/// // Eight heads look nearby, eight far away, as in arXiv 1904.10509.
/// let mixed = heads(0..8, blocked(64)).heads(8..16, dilated(64));
/// let at = |head| Position { batch: 0, head, query: 70, key: 6, queries: 128, keys: 128 };
/// assert!(!mixed.keep(&at(7)) && mixed.keep(&at(8)) && mixed.keep(&at(16)));
/// ```
///
/// A call is refused where a range is empty, two have a head in common, or one reaches beyond the
/// call's heads; [`Variant::check_heads`] tells beforehand.
#[must_use]
pub fn heads<V: Variant>(range: Range<u32>, variant: V) -> Heads<V, Softmax> {
    Heads { first: range.start, end: range.end, part: variant, rest: softmax() }
}

impl<V: Variant, R: HeadParts> Heads<V, R> {
    /// Another variant, for the query heads of another range.
    #[must_use]
    pub fn heads<W: Variant>(self, range: Range<u32>, variant: W) -> Heads<W, Self> {
        Heads { first: range.start, end: range.end, part: variant, rest: self }
    }

    fn part(&self) -> HeadPart {
        HeadPart { heads: self.first..self.end, variant: self.part.describe() }
    }

    fn has(&self, at: &Position) -> bool {
        (self.first..self.end).contains(&at.head)
    }
}

/// One part of a per-head choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadPart {
    /// Its query heads.
    pub heads: Range<u32>,
    /// What they have.
    pub variant: String,
}

impl fmt::Display for HeadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "heads {:?}, {}", self.heads, self.variant)
    }
}

/// The parts of a per-head choice: [`Heads`], and [`Softmax`] where no part is left.
pub trait HeadParts: Variant {
    /// The parts, in the order in which they were given.
    fn parts(&self) -> Vec<HeadPart>;
}

impl HeadParts for Softmax {
    fn parts(&self) -> Vec<HeadPart> {
        Vec::new()
    }
}

impl<V: Variant, R: HeadParts> HeadParts for Heads<V, R> {
    fn parts(&self) -> Vec<HeadPart> {
        let mut parts = self.rest.parts();
        parts.push(self.part());
        parts
    }
}

/// Why the parts of a per-head choice do not fit each other or a call.
// Each variant's message names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadsError {
    /// A range without a head.
    #[error(
        "{part}: no head is in this range; write the first and the one after the last, as in \
         `heads(0..8, ..)`"
    )]
    Empty { part: HeadPart },
    /// A head in two ranges.
    #[error("{first} and {second} overlap: a head has one part; compose with `and` inside of one")]
    Overlap { first: HeadPart, second: HeadPart },
    /// Weights of their own in one part, and sums of weights in the others.
    #[error(
        "{part}: a sigmoid for each weight cannot stand beside softmax in one launch; give all heads \
         the one or the other"
    )]
    Normaliser { part: HeadPart },
    /// A stage of queries, keys or the output, which is for all heads.
    #[error(
        "{part}: what changes queries, keys or the output is for all heads; join it outside, as in \
         `rope(10000.0).and(heads(..))`"
    )]
    Rows { part: HeadPart },
    /// A range beyond the heads of a call.
    #[error("{part}: the range reaches beyond the call's {heads} query heads")]
    Beyond { part: HeadPart, heads: usize },
}

/// The parameters of a part and of the rest, and the part's heads.
#[derive(CubeType, CubeLaunch)]
pub struct HeadsParams<V: LaunchArg + CubeType, R: LaunchArg + CubeType> {
    first: u32,
    end: u32,
    part: V,
    rest: R,
}

/// The device half of [`Heads`].
pub struct HeadsDevice<V, R>(PhantomData<(V, R)>);

#[cube]
impl<V: DeviceVariant, R: DeviceVariant> DeviceVariant for HeadsDevice<V, R> {
    type Params = HeadsParams<V::Params, R::Params>;

    fn score(score: f32, at: Position, params: &Self::Params) -> f32 {
        // All cells of a tile are of one head, so units do not part ways here.
        if at.head >= params.first && at.head < params.end {
            V::score(score, at, &params.part)
        } else {
            R::score(score, at, &params.rest)
        }
    }

    fn score_grad(score: f32, at: Position, params: &Self::Params) -> f32 {
        if at.head >= params.first && at.head < params.end {
            V::score_grad(score, at, &params.part)
        } else {
            R::score_grad(score, at, &params.rest)
        }
    }

    fn keep(at: Position, params: &Self::Params) -> bool {
        if at.head >= params.first && at.head < params.end {
            V::keep(at, &params.part)
        } else {
            R::keep(at, &params.rest)
        }
    }

    const NORMALISER: Normaliser = R::NORMALISER.then(V::NORMALISER);

    fn sink(at: Position, params: &Self::Params) -> f32 {
        // The logit of a head without a sink.
        let mut sink = f32::NEG_INFINITY.runtime();
        if at.head >= params.first && at.head < params.end {
            if comptime!(V::NORMALISER == Normaliser::Sink) {
                sink = V::sink(at, &params.part);
            }
        } else if comptime!(R::NORMALISER == Normaliser::Sink) {
            sink = R::sink(at, &params.rest);
        }
        sink
    }

    const WEIGHS: bool = R::WEIGHS || V::WEIGHS;

    fn weight(at: Position, params: &Self::Params) -> f32 {
        if at.head >= params.first && at.head < params.end {
            V::weight(at, &params.part)
        } else {
            R::weight(at, &params.rest)
        }
    }

    const LEARNED_SITES: usize = R::LEARNED_SITES + V::LEARNED_SITES;

    // Where a site is not read its derivative is 0, and its index is what it would be: it must not
    // change with the head if the part's does not.
    fn learned_index(at: Position, params: &Self::Params, #[comptime] site: usize) -> u32 {
        if comptime!(site < R::LEARNED_SITES) {
            R::learned_index(at, &params.rest, site)
        } else {
            V::learned_index(at, &params.part, comptime!(site - R::LEARNED_SITES))
        }
    }

    fn learned_grad(
        score: f32,
        at: Position,
        params: &Self::Params,
        #[comptime] site: usize,
        #[comptime] stage: LearnedStage,
    ) -> f32 {
        let inside = at.head >= params.first && at.head < params.end;
        if comptime!(site < R::LEARNED_SITES) {
            if inside {
                f32::new(0.0)
            } else {
                R::learned_grad(score, at, &params.rest, site, stage)
            }
        } else {
            let site = comptime!(site - R::LEARNED_SITES);
            if inside {
                V::learned_grad(score, at, &params.part, site, stage)
            } else {
                f32::new(0.0)
            }
        }
    }
}

impl<V: Mask, R: HeadParts + Mask> Mask for Heads<V, R> {}

impl<V: Variant, R: HeadParts> Variant for Heads<V, R> {
    type Device = HeadsDevice<V::Device, R::Device>;

    fn stages(&self) -> Stages {
        self.rest.stages().union(self.part.stages())
    }

    fn launch_params(&self, target: LaunchTarget<'_>) -> LaunchParams<Self> {
        let (part, rest) = (self.part.launch_params(target), self.rest.launch_params(target));
        HeadsParamsLaunch::new(self.first, self.end, part, rest)
    }

    fn sink(&self, at: &Position) -> f64 {
        match (self.has(at), self.part.normaliser(), self.rest.normaliser()) {
            (true, Normaliser::Sink, _) => self.part.sink(at),
            (false, _, Normaliser::Sink) => self.rest.sink(at),
            _ => f64::NEG_INFINITY,
        }
    }

    fn weight(&self, at: &Position) -> f64 {
        if self.has(at) { self.part.weight(at) } else { self.rest.weight(at) }
    }

    fn score(&self, score: f64, at: &Position) -> f64 {
        if self.has(at) { self.part.score(score, at) } else { self.rest.score(score, at) }
    }

    fn score_grad(&self, score: f64, at: &Position) -> f64 {
        if self.has(at) { self.part.score_grad(score, at) } else { self.rest.score_grad(score, at) }
    }

    fn keep(&self, at: &Position) -> bool {
        if self.has(at) { self.part.keep(at) } else { self.rest.keep(at) }
    }

    fn mask_scope(&self) -> MaskScope {
        if !self.stages().mask {
            return MaskScope::SHARED;
        }
        let scope = self.rest.mask_scope().union(self.part.mask_scope());
        MaskScope { head: true, ..scope }
    }

    fn mask_known_on_host(&self) -> bool {
        // What the host knows it knows for every head alike.
        !self.stages().mask
    }

    fn tables(&self) -> Vec<TableParam<'_>> {
        joined::tables(&self.rest, &self.part)
    }

    fn reads_by(&self) -> String {
        let parts = joined::reads_by(&self.rest, &self.part);
        format!("{}..{} {parts}", self.first, self.end)
    }

    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead)) {
        match self.has(at) {
            true => joined::reads_of_second(&self.rest, &self.part, at, visit),
            false => self.rest.reads(at, visit),
        }
    }

    fn learned(&self) -> Vec<LearnedParam> {
        joined::learned(&self.rest, &self.part)
    }

    fn learned_index(&self, at: &Position, site: usize) -> usize {
        joined::learned_index(&self.rest, &self.part, at, site)
    }

    fn learned_grad(&self, score: f64, at: &Position, site: usize, stage: LearnedStage) -> f64 {
        match (site.checked_sub(joined::sites::<R>()), self.has(at)) {
            (Some(site), true) => self.part.learned_grad(score, at, site, stage),
            (None, false) => self.rest.learned_grad(score, at, site, stage),
            _ => 0.0,
        }
    }

    fn check_heads(&self, heads: usize) -> Result<(), HeadsError> {
        self.rest.check_heads(heads)?;
        let part = self.part();
        if part.heads.is_empty() {
            return Err(HeadsError::Empty { part });
        }
        let common = |other: &HeadPart| {
            other.heads.start < part.heads.end && part.heads.start < other.heads.end
        };
        if let Some(first) = self.rest.parts().into_iter().find(common) {
            return Err(HeadsError::Overlap { first, second: part });
        }
        if part.heads.end as usize > heads {
            return Err(HeadsError::Beyond { part, heads });
        }
        if self.part.normaliser() == Normaliser::Sigmoid {
            return Err(HeadsError::Normaliser { part });
        }
        if !self.part.row_stages().is_empty() {
            return Err(HeadsError::Rows { part });
        }
        self.part.check_heads(heads)
    }

    fn check_params(&self) -> Result<(), ParamError> {
        self.rest.check_params()?;
        self.part.check_params()
    }

    fn describe(&self) -> String {
        let parts = self.parts();
        let parts = parts.iter().map(|part| format!("{:?}: {}", part.heads, part.variant));
        format!("heads({})", parts.collect::<Vec<_>>().join(", "))
    }

    fn source_hash(&self) -> u64 {
        super::source_hash("heads", &[self.rest.source_hash(), self.part.source_hash()])
    }
}
