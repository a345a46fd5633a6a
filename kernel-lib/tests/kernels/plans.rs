use proptest::prelude::*;
use tilewright::{Algorithm, DType, Device, Lowering, Pass, Plan, PlanRefusal, Problem};

use crate::support::{cpu, devices, problem, problems};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_rule_always_fits(problem in problems(), device in devices()) {
        let plan = Plan::rule(&problem, &device);
        prop_assert_eq!(plan.check(&problem, &device), Ok(()), "{} for {}", plan, problem);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn plans_that_pass_stay_within_the_device(problem in problems(), device in devices()) {
        let space = Plan::space(&problem, &device);
        prop_assert!(space.contains(&Plan::rule(&problem, &device)), "the rule is a candidate");
        let mut sorted = space.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(&sorted, &space, "sorted, and each once");
        for plan in space {
            if plan.check(&problem, &device).is_ok() {
                prop_assert!(plan.team * plan.teams <= device.units, "{}", plan);
                prop_assert!(plan.shared_memory(&problem) <= device.shared_memory, "{}", plan);
                prop_assert!(plan.tile_rows <= 16 && plan.vector <= 16, "{}", plan);
                prop_assert!(plan.tile_cols > 0, "{}", plan);
            }
        }
    }

    #[test]
    fn plans_survive_json(problem in problems(), device in devices()) {
        for plan in Plan::space(&problem, &device) {
            let text = serde_json::to_string(&plan).expect("a plan is JSON");
            prop_assert_eq!(serde_json::from_str::<Plan>(&text).expect("and back"), plan);
        }
    }
}

#[test]
fn short_sequences_stay_on_chip_and_long_ones_stream() {
    for device in [cpu(), Device::H200] {
        for pass in [Pass::Forward, Pass::Backward] {
            let half = Problem { dtype: DType::Bf16, ..problem(pass, 42, 8) };
            let short = Plan::rule(&half, &device);
            assert_eq!(short.algorithm, Algorithm::Resident, "{short}");
            let long = Plan::rule(&problem(pass, 4096, 64), &device);
            assert_eq!(long.algorithm, Algorithm::Streaming, "{long}");
        }
    }
    // The exception that was measured: f32 on plain units.
    let single = Plan::general(&problem(Pass::Forward, 42, 8), &Device::H200);
    let chosen = (single.lowering, single.algorithm);
    assert_eq!(chosen, (Lowering::Simt, Algorithm::Streaming), "{single}");
}

#[test]
fn the_rule_is_what_was_measured_to_be_fastest() {
    use {
        DType::{Bf16, F32},
        Pass::{Backward, Forward},
    };
    let device = Device::H200;
    // On an H100; few heads leave planes idle, small ones leave registers for long sequences.
    for (pass, dtype, batch, heads, seq, dim, fastest) in [
        (Forward, Bf16, 20_688, 16, 42, 8, "resident/mma heads16 planes4 vec8"),
        (Forward, Bf16, 1809, 8, 56, 28, "resident/mma heads4 planes4 vec8"),
        (Backward, Bf16, 7414, 4, 15, 28, "resident/mma heads4 planes4 vec8"),
        (Forward, Bf16, 14, 8, 102, 8, "streaming/mma planes4 block64 vec8"),
        (Backward, Bf16, 14, 8, 37, 16, "resident/mma heads1 planes1 vec8"),
        (Forward, Bf16, 1943, 8, 153, 20, "resident/mma heads1 planes1 vec8"),
        (Backward, Bf16, 1943, 8, 153, 20, "streaming/mma planes4 block64 vec8"),
        (Forward, Bf16, 684, 16, 180, 8, "resident/mma heads4 planes4 vec8"),
        (Forward, Bf16, 281, 4, 12, 128, "streaming/mma planes4 block32 vec8"),
        (Forward, Bf16, 9, 8, 391, 68, "streaming/mma planes4 block32 vec8"),
        (Forward, F32, 3, 8, 60, 52, "streaming/mma planes4 block32 vec4"),
        (Forward, F32, 4134, 4, 13, 100, "resident/simt rows1 cols13 team13x9 block13 vec4"),
        (Backward, F32, 10, 16, 100, 8, "streaming/mma planes4 block64 vec4"),
        (Forward, F32, 313, 16, 122, 32, "streaming/mma planes4 block32 vec4"),
        (Backward, F32, 896, 16, 64, 8, "resident/mma heads4 planes4 vec4"),
        (Forward, F32, 68_655, 4, 12, 8, "resident/mma heads4 planes2 vec4"),
    ] {
        let sizes = Problem { batch, heads, kv_heads: heads, ..problem(pass, seq, dim) };
        let plan = Plan::rule(&Problem { dtype, ..sizes }, &device);
        assert_eq!(plan.to_string(), fastest, "{pass} {dtype} B{batch} H{heads} S{seq} D{dim}");
    }
    // One query among many keys has tensor cores all the same.
    let decoding = Problem { seq_q: 1, ..problem(Forward, 4096, 128) };
    assert_eq!(Plan::rule(&decoding, &device).lowering, Lowering::Mma);
    // What a device does not say of itself is no reason to panic.
    for odd in [Device { multiprocessors: 0, ..device }, cpu()] {
        let plan = Plan::rule(&decoding, &odd);
        assert_eq!(plan.check(&decoding, &odd), Ok(()), "{plan}");
    }
}

#[test]
fn refusals_name_the_parameter_and_both_values() {
    let problem = Problem { dtype: DType::Bf16, ..problem(Pass::Forward, 42, 8) };
    let device = Device::H200;
    let rule = Plan::general(&problem, &device);
    assert_eq!((rule.algorithm, rule.lowering), (Algorithm::Resident, Lowering::Simt));
    let said = |plan: Plan| plan.check(&problem, &device).expect_err("refused").to_string();
    assert!(said(Plan { tile_rows: 3, ..rule }).contains("tile_rows = 3"));
    assert!(said(Plan { vector: 32, ..rule }).contains("vector = 32"));
    assert!(said(Plan { team: 0, ..rule }).contains("team = 0"));
    assert!(said(Plan { tile_cols: 41, ..rule }).contains("tile_cols = 41"));
    assert!(said(Plan { heads: 7, ..rule }).contains("heads = 7"));
    let wide = said(Plan { teams: 1000, heads: 1000, ..rule });
    assert!(wide.contains("units") && wide.contains("1024"), "{wide}");
    let streaming = Plan { algorithm: Algorithm::Streaming, tile_cols: 8, block: 36, ..rule };
    assert!(said(streaming).contains("block = 36"));
    let on_cpu = Plan { team: 2, ..Plan::rule(&problem, &cpu()) };
    let refusal = on_cpu.check(&problem, &cpu()).expect_err("refused");
    assert_eq!(refusal, PlanRefusal::Device { parameter: "team", given: 2, needs: "a GPU" });
}

#[test]
fn tensor_cores_take_short_sequences() {
    let half = |pass, seq, dim| Problem { dtype: DType::Bf16, ..problem(pass, seq, dim) };
    let device = Device::H200;
    for pass in [Pass::Forward, Pass::Backward] {
        for (seq, dim) in [(7, 8), (42, 4), (42, 8), (64, 16), (128, 16)] {
            let plan = Plan::rule(&half(pass, seq, dim), &device);
            assert_eq!(plan.lowering, Lowering::Mma, "{plan} for {seq} x {dim}");
        }
        for dim in [4, 8, 16] {
            let single = Plan::rule(&problem(pass, 42, dim), &device);
            assert_eq!((single.lowering, single.vector), (Lowering::Mma, 4), "{single}");
        }
        let without = Device { tensor_cores: false, ..device };
        assert_eq!(Plan::rule(&half(pass, 42, 8), &without).lowering, Lowering::Simt);
        // What they cannot do, each with its reason.
        let plan = Plan::rule(&half(pass, 42, 8), &device);
        let said =
            |problem: Problem| plan.check(&problem, &device).expect_err("refused").to_string();
        let good = half(pass, 42, 8);
        assert!(said(Problem { dtype: DType::F32, ..good }).contains("vector = 8"));
        assert!(said(Problem { save_scores: true, ..good }).contains("saved scores"));
        assert!(
            said(Problem { heads: 2 * plan.heads, kv_heads: plan.heads, ..good })
                .contains("grouped")
        );
        assert!(
            said(Problem { heads: plan.heads + 1, kv_heads: plan.heads + 1, ..good })
                .contains("divisor")
        );
        assert!(said(Problem { seq_q: 4096, seq_k: 4096, ..good }).contains("registers"));
    }
}

#[test]
fn the_space_of_a_short_problem_has_both_algorithms() {
    for device in [cpu(), Device::H200] {
        for pass in [Pass::Forward, Pass::Backward] {
            let problem = problem(pass, 42, 8);
            let valid: Vec<Plan> = Plan::space(&problem, &device)
                .into_iter()
                .filter(|plan| plan.check(&problem, &device).is_ok())
                .collect();
            for algorithm in [Algorithm::Resident, Algorithm::Streaming] {
                assert!(valid.iter().any(|plan| plan.algorithm == algorithm), "{algorithm:?}");
            }
        }
    }
}
