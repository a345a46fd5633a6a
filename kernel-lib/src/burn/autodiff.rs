//! The operator's node in Burn's autodiff graph.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend};

use super::{Attention, AttentionBackend};

#[derive(Debug)]
struct AttentionBackward;

/// What the forward pass leaves for the backward pass.
#[derive(Debug, Clone)]
struct Kept<T> {
    inputs: [NodeId; 3],
    out: T,
    lse: T,
    scores: T,
    attention: Attention,
}

impl<B: AttentionBackend> Backward<B, 3> for AttentionBackward {
    type State = Kept<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let d_out = grads.consume::<B>(&ops.node);
        let Kept { inputs, out, lse, scores, attention } = ops.state;
        let [q, k, v] = inputs.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
        let (d_q, d_k, d_v) = B::attention_backward(q, k, v, out, lse, scores, d_out, attention);
        for (parent, gradient) in ops.parents.into_iter().zip([d_q, d_k, d_v]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: AttentionBackend, C: CheckpointStrategy> AttentionBackend for Autodiff<B, C> {
    fn attention_forward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        attention: Attention,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let preparation = AttentionBackward
            .prepare::<C>([q.node(), k.node(), v.node()])
            .compute_bound()
            .stateful();
        let run = |q: FloatTensor<Self>, k: FloatTensor<Self>, v: FloatTensor<Self>| {
            B::attention_forward(
                q.into_primitive(),
                k.into_primitive(),
                v.into_primitive(),
                attention.clone(),
            )
        };
        match preparation {
            OpsKind::Tracked(mut preparation) => {
                let inputs = [&q, &k, &v].map(|tensor| preparation.checkpoint(tensor));
                let (out, lse, scores) = run(q, k, v);
                let kept = Kept {
                    inputs,
                    out: out.clone(),
                    lse: lse.clone(),
                    scores: scores.clone(),
                    attention,
                };
                let tracked = preparation.finish(kept, out);
                (tracked, Self::from_inner(lse), Self::from_inner(scores))
            }
            OpsKind::UnTracked(preparation) => {
                let (out, lse, scores) = run(q, k, v);
                (preparation.finish(out), Self::from_inner(lse), Self::from_inner(scores))
            }
        }
    }

    fn attention_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Attention,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        panic!("attention has no second derivative: use plain tensor operations for it")
    }
}
