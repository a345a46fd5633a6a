//! A variant on a part of a problem: some queries of one group, and all of its keys.

use tilewright::language::{
    AnyRowStage, AnyVariant, LaunchParams, LaunchTarget, LearnedParam, LearnedStage, Normaliser,
    Pairing, Position, RowInput, RowParams, RowStage, RowTarget, Stages, Variant,
};
use tilewright::variants::{Rope, Softmax, rope};

/// Where in the whole problem the tensors of a piece stand.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub batch: u32,
    pub head: u32,
    pub key_head: u32,
    /// The first query.
    pub first: u32,
    pub queries: u32,
}

impl Place {
    /// A query, and whatever its key is.
    fn of_query(&self, at: &Position) -> Position {
        let query = self.first + at.query;
        Position { batch: self.batch, head: self.head, query, queries: self.queries, ..*at }
    }

    /// A key as a row: every piece has all of them.
    fn of_key(&self, at: &Position) -> Position {
        Position { batch: self.batch, head: self.key_head, ..*at }
    }
}

/// A variant on tensors that hold some queries of one group alone: positions are those in the
/// whole problem. For the reference, which runs on the host; it is never launched.
#[derive(Clone, Debug)]
pub struct Part {
    pub variant: AnyVariant,
    pub place: Place,
}

impl Part {
    fn whole(&self, at: &Position) -> Position {
        self.place.of_query(at)
    }
}

impl Variant for Part {
    type Device = <Softmax as Variant>::Device;

    fn stages(&self) -> Stages {
        self.variant.stages()
    }

    fn launch_params(&self, _target: LaunchTarget<'_>) -> LaunchParams<Self> {}

    fn score(&self, score: f64, at: &Position) -> f64 {
        self.variant.score(score, &self.whole(at))
    }

    fn score_grad(&self, score: f64, at: &Position) -> f64 {
        self.variant.score_grad(score, &self.whole(at))
    }

    fn keep(&self, at: &Position) -> bool {
        self.variant.keep(&self.whole(at))
    }

    fn normaliser(&self) -> Normaliser {
        self.variant.normaliser()
    }

    fn sink(&self, at: &Position) -> f64 {
        self.variant.sink(&self.whole(at))
    }

    fn weight(&self, at: &Position) -> f64 {
        self.variant.weight(&self.whole(at))
    }

    /// Without those of rows, whose gradients nobody asks for here.
    fn learned(&self) -> Vec<LearnedParam> {
        self.variant.learned().into_iter().filter(|param| !param.of_rows).collect()
    }

    fn learned_index(&self, at: &Position, site: usize) -> usize {
        self.variant.learned_index(&self.whole(at), site)
    }

    fn learned_grad(&self, score: f64, at: &Position, site: usize, stage: LearnedStage) -> f64 {
        self.variant.learned_grad(score, &self.whole(at), site, stage)
    }

    fn row_stages(&self) -> Vec<AnyRowStage> {
        let part = |stage: &AnyRowStage, target| {
            AnyRowStage::new(RowsOfPart { stage: stage.clone(), target, place: self.place })
        };
        let stages = self.variant.row_stages();
        let parts = stages.iter().flat_map(|stage| match stage.target() {
            // Queries are those of the piece and keys all of them: stages of their own.
            RowTarget::QueriesAndKeys => {
                vec![part(stage, RowTarget::Queries), part(stage, RowTarget::Keys)]
            }
            target => vec![part(stage, target)],
        });
        parts.collect()
    }

    fn describe(&self) -> String {
        self.variant.describe()
    }

    fn source_hash(&self) -> u64 {
        self.variant.source_hash()
    }
}

/// A stage of rows on the tensors of a piece.
#[derive(Clone, Debug)]
struct RowsOfPart {
    stage: AnyRowStage,
    /// Whose rows: never of queries and keys together.
    target: RowTarget,
    place: Place,
}

impl RowsOfPart {
    fn whole(&self, at: &Position) -> Position {
        match self.target {
            RowTarget::Keys => self.place.of_key(at),
            _ => self.place.of_query(at),
        }
    }
}

impl RowStage for RowsOfPart {
    // Any will do.
    type Device = <Rope as RowStage>::Device;

    fn target(&self) -> RowTarget {
        self.target
    }

    fn pairing(&self) -> Pairing {
        self.stage.pairing()
    }

    fn launch_params(&self, target: LaunchTarget<'_>) -> RowParams<Self> {
        RowStage::launch_params(&rope(1.0), target)
    }

    fn value(&self, row: [f64; 4], at: &Position) -> f64 {
        self.stage.value(row, &self.whole(at))
    }

    fn slope(&self, row: [f64; 4], at: &Position, of: RowInput) -> f64 {
        self.stage.slope(row, &self.whole(at), of)
    }

    fn describe(&self) -> String {
        self.stage.describe()
    }

    fn source_hash(&self) -> u64 {
        self.stage.source_hash()
    }
}
