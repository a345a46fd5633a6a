//! The encoder: layers of attention and feed-forward network.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation::relu};
use rand_chacha::ChaCha8Rng;
use tilewright::language::AnyVariant;

use crate::attention::{Attend, Residual};
use crate::config::{Activation, ModelConfig, NormOrder, VariantName};
use crate::heads::Heads;
use crate::linear::Linear;
use crate::norm::Norm;
use crate::ops;
use crate::pass::{TrainingPass, dropout};

/// How rows of tokens lie: `[batch * channels * tokens, d_model]`.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    pub batch: usize,
    pub channels: usize,
    pub tokens: usize,
}

/// One layer (`TSTEncoderLayer` in the official code).
#[derive(Module, Debug)]
pub struct EncoderLayer {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub output: Linear,
    pub attention_norm: Norm,
    /// After attention over channels, if there is any.
    pub channel_norm: Option<Norm>,
    pub expand: Linear,
    pub contract: Linear,
    pub feed_forward_norm: Norm,
    /// The heads that have queries and keys, by their places in the unpruned layer.
    #[module(skip)]
    pub scored: Vec<usize>,
    /// Those of them that have values.
    #[module(skip)]
    pub heads: Vec<usize>,
}

impl EncoderLayer {
    fn new(
        config: &ModelConfig,
        scored: Vec<usize>,
        heads: Vec<usize>,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let d = config.d_model;
        let queries = scored.len() * config.head_dim();
        let values = heads.len() * config.value_dim();
        let norm = || Norm::new(config.norm, d, device);
        // In the order in which they are used: a seed's weights depend on it.
        let mut linear = |inputs, outputs| Linear::new(inputs, outputs, rng, device);
        let (query, key, value) = (linear(d, queries), linear(d, queries), linear(d, values));
        let output = linear(values, d);
        let (expand, contract) = (linear(d, config.d_ff), linear(config.d_ff, d));
        let biased = |layer: Linear| if config.ff_bias { layer } else { layer.without_bias() };
        Self {
            query,
            key,
            value,
            output,
            attention_norm: norm(),
            channel_norm: config.channel_attention.then(norm),
            expand: biased(expand),
            contract: biased(contract),
            feed_forward_norm: norm(),
            scored,
            heads,
        }
    }

    /// `x`: rows of tokens, and so the result.
    fn forward(
        &self,
        x: Tensor<2>,
        rows: Rows,
        config: &ModelConfig,
        variant: &AnyVariant,
        residual: Option<&mut Residual>,
        pass: Option<&TrainingPass>,
    ) -> Tensor<2> {
        let over_time = |x| self.attend(x, rows.tokens, config, variant, residual, pass);
        let mut x = branch(x, over_time, &self.attention_norm, config.norm_order, pass);
        if let Some(norm) = &self.channel_norm {
            let Rows { batch, channels, tokens } = rows;
            let d = config.d_model;
            let turned = x.reshape([batch, channels, tokens, d]).swap_dims(1, 2);
            let over_channels = |x| self.attend(x, channels, config, variant, None, pass);
            let turned = turned.reshape([batch * tokens * channels, d]);
            let turned = branch(turned, over_channels, norm, config.norm_order, pass);
            let back = turned.reshape([batch, tokens, channels, d]).swap_dims(1, 2);
            x = back.reshape([batch * channels * tokens, d]);
        }
        let feed_forward = |x| self.feed_forward(x, config, pass);
        branch(x, feed_forward, &self.feed_forward_norm, config.norm_order, pass)
    }

    /// Attention among each `sequence` neighbouring rows.
    fn attend(
        &self,
        x: Tensor<2>,
        sequence: usize,
        config: &ModelConfig,
        variant: &AnyVariant,
        residual: Option<&mut Residual>,
        pass: Option<&TrainingPass>,
    ) -> Tensor<2> {
        let [rows, _] = x.dims();
        let heads = |t: Tensor<2>, count: usize, width: usize| {
            t.reshape([rows / sequence, sequence, count, width]).swap_dims(1, 2)
        };
        let (scored, kept) = (self.scored.len(), self.heads.len());
        let places = self.places();
        let attend = Attend {
            kind: config.attention,
            variant,
            dropout: config.attention_dropout,
            kept: places.as_deref(),
        };
        let attended = attend.forward(
            heads(self.query.forward(x.clone()), scored, config.head_dim()),
            heads(self.key.forward(x.clone()), scored, config.head_dim()),
            heads(self.value.forward(x), kept, config.value_dim()),
            residual,
            pass,
        );
        let attended = attended.swap_dims(1, 2).reshape([rows, kept * config.value_dim()]);
        // The official code drops twice here: in `to_out` and in `dropout_attn`. Two independent
        // masks are one mask with the product of their probabilities.
        let kept = (1.0 - config.projection_dropout) * (1.0 - config.path_dropout);
        dropout(self.output.forward(attended), 1.0 - kept, pass)
    }

    /// Where the heads with values are among those with queries; `None` if they are the same.
    fn places(&self) -> Option<Vec<usize>> {
        (self.heads != self.scored).then(|| {
            let place = |head| self.scored.iter().position(|scored| scored == head);
            self.heads.iter().filter_map(place).collect()
        })
    }

    fn feed_forward(
        &self,
        x: Tensor<2>,
        config: &ModelConfig,
        pass: Option<&TrainingPass>,
    ) -> Tensor<2> {
        let hidden = self.expand.forward(x);
        let hidden = match config.activation {
            Activation::Gelu => ops::gelu(hidden),
            Activation::Relu => relu(hidden),
        };
        let hidden = dropout(hidden, config.ff_dropout, pass);
        dropout(self.contract.forward(hidden), config.path_dropout, pass)
    }
}

/// `x` and what `compute` makes of it, summed and normalised in the order that was chosen.
fn branch(
    x: Tensor<2>,
    compute: impl FnOnce(Tensor<2>) -> Tensor<2>,
    norm: &Norm,
    order: NormOrder,
    pass: Option<&TrainingPass>,
) -> Tensor<2> {
    match order {
        NormOrder::Post => norm.forward(x.clone() + compute(x), pass),
        NormOrder::Pre => x.clone() + compute(norm.forward(x, pass)),
        NormOrder::PreResidual => {
            let x = norm.forward(x, pass);
            x.clone() + compute(x)
        }
    }
}

/// All layers.
#[derive(Module, Debug)]
pub struct Encoder {
    pub layers: Vec<EncoderLayer>,
    /// The attention variant of each layer.
    #[module(skip)]
    variants: Vec<AnyVariant>,
}

impl Encoder {
    /// # Panics
    ///
    /// Where [`Config::check`](crate::Config::check) refuses the variants.
    pub fn new(config: &ModelConfig, heads: &Heads, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let variants = config
            .variants()
            .map_err(|error| error.to_string())
            .and_then(|names| names.iter().map(VariantName::build).collect::<Result<Vec<_>, _>>());
        let layers = heads.scored(config).into_iter().zip(heads.kept.clone());
        let layer = |(scored, kept)| EncoderLayer::new(config, scored, kept, rng, device);
        Self {
            layers: layers.map(layer).collect(),
            variants: variants.unwrap_or_else(|error| panic!("{error}")),
        }
    }

    /// `x`: rows of tokens, and so the result.
    pub fn forward(
        &self,
        mut x: Tensor<2>,
        rows: Rows,
        config: &ModelConfig,
        pass: Option<&TrainingPass>,
    ) -> Tensor<2> {
        let mut residual = config.residual_attention.then(Residual::default);
        for (layer, variant) in self.layers.iter().zip(&self.variants) {
            x = layer.forward(x, rows, config, variant, residual.as_mut(), pass);
        }
        x
    }
}
