//! What a call computes and how it runs, in words.

use tilewright::explain::Explanation;
use tilewright::language::AnyVariant;
use tilewright::prelude::*;
use tilewright::{Pass, Problem, VariantClass, open_device};

fn problem(variant: &AnyVariant, pass: Pass, seq: usize, heads: usize) -> Problem {
    Problem {
        pass,
        dtype: DType::Bf16,
        head_dim: 64,
        value_dim: 64,
        seq_q: seq,
        seq_k: seq,
        batch: 8,
        heads,
        kv_heads: heads,
        class: VariantClass::from(variant.stages()),
        save_scores: false,
    }
}

#[test]
fn a_call_on_a_cpu() {
    let (client, name) = open_device("cpu").expect("the CPU runtime is built in");
    let bias = Table::new([4, 8], vec![0.0; 32]).expect("as many as elements");
    let variant = t5_buckets(bias, 8, 20).and(softcap(30.0)).and(causal()).into();
    let problem = problem(&variant, Pass::Forward, 300, 4);
    let options = AttentionOptions::default();
    let text = Explanation::on_device(&client, &variant, &problem, &options).to_string();
    for part in [
        "t5_buckets(bias=[4, 8], buckets=8, max_distance=20) and softcap(cap=30) and causal",
        &format!("forward bf16 B8 H4 S300 D64 score+mask on {name}"),
        "let half = buckets / 2;",
        "bias [4, 8] of t5_buckets, read in one place",
        "streaming/simt",
        "in one head of the first sequence",
        "; this plan computes the empty ones too",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
}

#[test]
fn a_plan_that_cannot_run_is_said_to() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let variant = softmax().into();
    let short = problem(&variant, Pass::Forward, 42, 4);
    let plan = tilewright::Plan::rule(&short, &tilewright::Device::of(&client));
    let long = problem(&variant, Pass::Forward, 4200, 4);
    let options = AttentionOptions { plan: Some(plan), ..AttentionOptions::default() };
    let explanation = Explanation::on_device(&client, &variant, &long, &options);
    assert!(explanation.plan.is_err());
    let text = explanation.to_string();
    assert!(text.contains("cannot run here: `resident` keeps all 4200 scores"), "{text}");
    assert!(text.contains("no mask: every tile is computed"), "{text}");
}

#[test]
fn too_long_a_sequence_is_not_looked_at() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let variant = causal().into();
    let options = AttentionOptions::default();
    let long = problem(&variant, Pass::Forward, 100_000, 4);
    let explanation = Explanation::on_device(&client, &variant, &long, &options);
    let why = explanation.tiles.expect_err("too many");
    assert!(why.contains("10000000000 pairs of query and key are too many"), "{why}");
}

#[cfg(feature = "cuda")]
mod gpu {
    use tilewright::cuda_source::Sm;

    use super::*;

    #[test]
    fn a_call_on_a_gpu_that_is_not_there() {
        let variant = sliding_window(64).into();
        let options = AttentionOptions::default();
        for (pass, kernels) in [(Pass::Forward, 3), (Pass::Backward, 7)] {
            let problem = problem(&variant, pass, 1024, 12);
            let explained = Explanation::for_architecture(Sm::Sm90, &variant, &problem, &options);
            assert_eq!(explained.kernels.as_ref().map(Vec::len), Ok(kernels));
            let tiles = explained.tiles.clone().expect("it has a mask");
            assert!(tiles.left_out && tiles.heads == 1);
            // 16 by 16 tiles, of which the diagonal and its neighbours are left.
            assert_eq!((tiles.rows, tiles.cols), (64, 64));
            assert_eq!(tiles.tiles.empty, 16 * 16 - 16 - 2 * 15);
            let text = explained.to_string();
            assert!(text.contains("streaming/mma planes4 block64"), "{text}");
            assert!(text.contains("lines of CUDA C++"), "{text}");
            assert!(format!("{explained:#}").contains("__global__"));
        }
    }

    #[test]
    fn heads_that_differ_are_all_looked_at() {
        let variant = heads(0..2, sliding_window(8)).and(causal()).into();
        let problem = problem(&variant, Pass::Forward, 256, 4);
        let options = AttentionOptions::default();
        let explained = Explanation::for_architecture(Sm::Sm90, &variant, &problem, &options);
        let tiles = explained.tiles.clone().expect("it has a mask");
        assert_eq!(tiles.heads, 4);
        // Blocks of 64 queries and 32 keys: those above the diagonal in all four, and those far below it
        // in two.
        assert_eq!(tiles.tiles.empty, 4 * (6 + 4 + 2) + 2 * (1 + 3 + 5));
    }
}
