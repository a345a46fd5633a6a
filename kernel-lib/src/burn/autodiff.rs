//! The operator's node in Burn's autodiff graph.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend};

use super::{AttentionBackend, Operation};

#[derive(Debug)]
struct AttentionBackward;

/// What the forward pass leaves for the backward pass.
#[derive(Debug, Clone)]
struct Kept<T> {
    /// q, k, v and the parameters.
    inputs: [NodeId; 4],
    out: T,
    lse: T,
    scores: T,
    operation: Operation,
}

impl<B: AttentionBackend> Backward<B, 4> for AttentionBackward {
    type State = Kept<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let d_out = grads.consume::<B>(&ops.node);
        let Kept { inputs, out, lse, scores, operation } = ops.state;
        let [q, k, v, parameters] =
            inputs.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
        let (d_q, d_k, d_v, d_parameters) =
            B::attention_backward(q, k, v, parameters, out, lse, scores, d_out, operation);
        for (parent, gradient) in ops.parents.into_iter().zip([d_q, d_k, d_v, d_parameters]) {
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
        parameters: FloatTensor<Self>,
        operation: Operation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let preparation = AttentionBackward
            .prepare::<C>([q.node(), k.node(), v.node(), parameters.node()])
            .compute_bound()
            .stateful();
        let run = |inputs: [FloatTensor<Self>; 4]| {
            let [q, k, v, parameters] = inputs.map(|tensor| tensor.into_primitive());
            B::attention_forward(q, k, v, parameters, operation.clone())
        };
        match preparation {
            OpsKind::Tracked(mut preparation) => {
                let inputs = [&q, &k, &v, &parameters].map(|tensor| preparation.checkpoint(tensor));
                let (out, lse, scores) = run([q, k, v, parameters]);
                let kept = Kept {
                    inputs,
                    out: out.clone(),
                    lse: lse.clone(),
                    scores: scores.clone(),
                    operation,
                };
                let tracked = preparation.finish(kept, out);
                (tracked, Self::from_inner(lse), Self::from_inner(scores))
            }
            OpsKind::UnTracked(preparation) => {
                let (out, lse, scores) = run([q, k, v, parameters]);
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
        _: FloatTensor<Self>,
        _: Operation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        panic!("attention has no second derivative: use plain tensor operations for it")
    }
}
