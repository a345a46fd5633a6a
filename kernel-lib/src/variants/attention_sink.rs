use cubecl::prelude::*;

use crate::language::{
    AnyVariant, DeviceTable, DeviceVariant, Example, LaunchParams, LaunchTarget, MaskScope,
    Normaliser, ParamInfo, ParamKind, ParamValue, Position, RegisteredVariant, Stages, Table,
    TableParam, TableRead, Variant,
};
use crate::table::text_hash;

/// Softmax with a sink: each head has a logit of its own for attending to nothing
/// ([arXiv 2309.17453](https://arxiv.org/abs/2309.17453), as in gpt-oss,
/// [arXiv 2508.10925](https://arxiv.org/abs/2508.10925)).
///
/// Weights are `exp(s) / (exp(sinks[head]) + Σ exp(s))`. Zeros everywhere are "softmax off by one".
/// `sinks` is `[heads]`; it is not learned here.
///
/// ```
/// use tilewright::language::{Normaliser, Table, Variant};
/// use tilewright::variants::attention_sink;
///
/// let off_by_one = attention_sink(Table::new([8], vec![0.0; 8])?);
/// assert_eq!(off_by_one.normaliser(), Normaliser::Sink);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionSink {
    /// A logit for each head.
    pub sinks: Table,
}

/// Softmax with a sink: see [`AttentionSink`].
#[must_use]
pub fn attention_sink(sinks: Table) -> AttentionSink {
    AttentionSink { sinks }
}

/// The device half of [`AttentionSink`].
pub struct AttentionSinkDevice;

#[cube]
impl DeviceVariant for AttentionSinkDevice {
    type Params = DeviceTable<f32>;

    fn score(score: f32, _at: Position, _params: &DeviceTable<f32>) -> f32 {
        score
    }

    fn score_grad(_score: f32, _at: Position, _params: &DeviceTable<f32>) -> f32 {
        f32::new(1.0)
    }

    fn keep(_at: Position, _params: &DeviceTable<f32>) -> bool {
        bool::new(true)
    }

    const NORMALISER: Normaliser = Normaliser::Sink;

    fn sink(at: Position, params: &DeviceTable<f32>) -> f32 {
        params.read(at.head, 0u32, 0u32, 0u32, 1usize)
    }

    const WEIGHS: bool = false;

    fn weight(_at: Position, _params: &DeviceTable<f32>) -> f32 {
        f32::new(1.0)
    }

    const LEARNED_SITES: usize = 0;

    fn learned_index(_at: Position, _params: &DeviceTable<f32>, #[comptime] _site: usize) -> u32 {
        u32::new(0)
    }

    fn learned_grad(
        _score: f32,
        _at: Position,
        _params: &DeviceTable<f32>,
        #[comptime] _site: usize,
    ) -> f32 {
        f32::new(0.0)
    }
}

const SOURCE_HASH: u64 = text_hash(include_str!("attention_sink.rs"));

impl Variant for AttentionSink {
    type Device = AttentionSinkDevice;

    fn stages(&self) -> Stages {
        Stages::default()
    }

    fn launch_params(&self, target: LaunchTarget<'_>) -> LaunchParams<Self> {
        self.sinks.launch(target)
    }

    fn score(&self, score: f64, _at: &Position) -> f64 {
        score
    }

    fn score_grad(&self, _score: f64, _at: &Position) -> f64 {
        1.0
    }

    fn keep(&self, _at: &Position) -> bool {
        true
    }

    fn sink(&self, at: &Position) -> f64 {
        f64::from(self.sinks.at(&[i64::from(at.head)]))
    }

    fn tables(&self) -> Vec<TableParam<'_>> {
        vec![self.sinks.param("attention_sink", "sinks", 1, false, false)]
    }

    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead)) {
        visit(TableRead { table: 0, index: [i64::from(at.head), 0, 0, 0] });
    }

    fn mask_scope(&self) -> MaskScope {
        MaskScope::SHARED
    }

    fn mask_known_on_host(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("attention_sink(sinks={})", self.sinks)
    }

    fn source_hash(&self) -> u64 {
        SOURCE_HASH
    }
}

inventory::submit! {
    RegisteredVariant {
        name: "attention_sink",
        module: module_path!(),
        source_hash: SOURCE_HASH,
        stages: Stages { score: false, mask: false },
        params: &[ParamInfo { name: "sinks", kind: ParamKind::Table, learned: false }],
        examples: &[&[Example::Table(|sizes| vec![sizes.heads])]],
        build: |values| match &values[0] {
            ParamValue::Table(sinks) => AnyVariant::new(attention_sink(sinks.clone())),
            other => panic!("{other:?} was given where a table is needed"),
        },
        doc: "Softmax with a sink: each head has a logit of its own for attending to nothing.",
    }
}
