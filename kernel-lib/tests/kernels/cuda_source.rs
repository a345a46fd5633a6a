use tilewright::cuda_source::{CudaSource, CudaSourceError, MemoryOrder, Sm, cuda_sources};
use tilewright::language::{AnyVariant, Variant as _, heads, registered};
use tilewright::variants::{alibi, blocked, causal, dilated, sliding_window, softcap, softmax};
use tilewright::{Algorithm, DType, Device, Lowering, Pass, Plan, Problem};

use crate::support::problem;

fn plain() -> AnyVariant {
    softmax().into()
}

/// The first plan of this algorithm that the architecture can run.
fn plan(problem: &Problem, algorithm: Algorithm, sm: Sm) -> Plan {
    plans(problem, algorithm, sm).next().expect("a plan")
}

/// The first that brings keys on chip.
fn staged(problem: &Problem, algorithm: Algorithm, sm: Sm) -> Plan {
    plans(problem, algorithm, sm).find(|plan| plan.block > 0).expect("a plan")
}

fn plans(problem: &Problem, algorithm: Algorithm, sm: Sm) -> impl Iterator<Item = Plan> {
    let (device, problem) = (sm.device(), *problem);
    Plan::space(&problem, &device)
        .into_iter()
        .filter(move |plan| plan.algorithm == algorithm && plan.check(&problem, &device).is_ok())
}

#[test]
fn every_algorithm_has_a_text_for_every_pass_and_element_type() {
    let sm = Sm::Sm90;
    for (algorithm, pass, kernels) in [
        (Algorithm::Resident, Pass::Forward, 1),
        (Algorithm::Resident, Pass::Backward, 1),
        (Algorithm::Streaming, Pass::Forward, 1),
        (Algorithm::Streaming, Pass::Backward, 2),
    ] {
        for (dtype, word) in
            [(DType::F32, "float"), (DType::F16, "__half"), (DType::Bf16, "__nv_bfloat16")]
        {
            let problem = Problem { dtype, ..problem(pass, 42, 8) };
            let plan = plan(&problem, algorithm, sm);
            let sources =
                cuda_sources(&problem, &plan, &plain(), MemoryOrder::Bshd, sm).expect("sources");
            assert_eq!(sources.len(), kernels, "{plan} for {problem}");
            for kernel in sources {
                assert!(kernel.entry.starts_with(kernel.kernel), "{}", kernel.entry);
                assert!(kernel.source.contains(&kernel.entry), "{}", kernel.source);
                assert!(kernel.source.contains("__global__"), "{}", kernel.source);
                assert!(kernel.source.contains(word), "{}", kernel.source);
                assert_eq!(kernel.units as usize, plan.team * plan.teams);
            }
        }
    }
}

#[test]
fn the_same_call_has_the_same_text_but_for_the_order_of_shared_buffers() {
    let sm = Sm::Sm90;
    for pass in [Pass::Forward, Pass::Backward] {
        for algorithm in [Algorithm::Resident, Algorithm::Streaming] {
            let problem = Problem { dtype: DType::Bf16, ..problem(pass, 42, 8) };
            let plan = staged(&problem, algorithm, sm);
            let texts = || -> Vec<String> {
                let sources = cuda_sources(&problem, &plan, &plain(), MemoryOrder::Bshd, sm);
                sources.expect("sources").iter().map(CudaSource::canonical).collect()
            };
            let first = texts();
            // Four buffers have 24 orders.
            for _ in 0..8 {
                assert!(first == texts(), "{plan} for {problem}");
            }
        }
    }
}

#[test]
fn bounds_are_not_checked_as_in_a_launch() {
    // A checked read is a choice between the element and zero, by the buffer's length.
    let problem = problem(Pass::Forward, 42, 8);
    let sm = Sm::Sm90;
    let plan = Plan::rule(&problem, &sm.device());
    let sources = cuda_sources(&problem, &plan, &plain(), MemoryOrder::Bshd, sm).expect("sources");
    let text = &sources[0].source;
    assert!(!text.contains("buffer_len"), "{text}");
}

#[test]
fn every_registered_variant_has_a_text() {
    let sm = Sm::Sm80;
    for registered in registered() {
        let sizes = (&problem(Pass::Forward, 42, 8)).into();
        for variant in registered.example_variants(&sizes) {
            for pass in [Pass::Forward, Pass::Backward] {
                let class = variant.stages().into();
                let problem = Problem { class, ..problem(pass, 42, 8) };
                let plan = Plan::rule(&problem, &sm.device());
                cuda_sources(&problem, &plan, &variant, MemoryOrder::Bhsd, sm).expect("sources");
            }
        }
    }
}

#[test]
fn heads_that_differ_have_a_text_on_tensor_cores() {
    let sm = Sm::Sm90;
    let mixed: AnyVariant = heads(0..8, softcap(2.0).and(blocked(8)).and(causal().not()))
        .heads(8..16, sliding_window(9).or(dilated(4)).and(alibi(16)))
        .into();
    for pass in [Pass::Forward, Pass::Backward] {
        for seq in [42, 700] {
            let class = mixed.stages().into();
            let problem = Problem { class, dtype: DType::Bf16, ..problem(pass, seq, 64) };
            let on_tensor_cores = |plan: &Plan| {
                plan.lowering == Lowering::Mma && plan.check(&problem, &sm.device()).is_ok()
            };
            let mut plans = Plan::space(&problem, &sm.device()).into_iter();
            let plan = plans.find(on_tensor_cores).expect("a plan");
            let sources = cuda_sources(&problem, &plan, &mixed, MemoryOrder::Bshd, sm);
            let sources = sources.expect("sources");
            assert!(sources.iter().any(|kernel| kernel.source.contains("tanh")), "{plan}");
        }
    }
}

#[test]
fn what_cannot_run_is_refused_by_name() {
    let problem = problem(Pass::Forward, 42, 8);
    let sm = Sm::Sm80;
    let rule = Plan::rule(&problem, &sm.device());
    let sources = |plan: &Plan, variant: &AnyVariant| {
        cuda_sources(&problem, plan, variant, MemoryOrder::Bshd, sm)
    };
    let error = sources(&Plan { teams: 5000, ..rule }, &plain()).expect_err("too many units");
    assert!(matches!(error, CudaSourceError::Plan { .. }), "{error}");
    assert!(error.to_string().contains("sm_80"), "{error}");
    let error = sources(&rule, &causal().into()).expect_err("another class");
    assert!(error.to_string().contains("causal is mask"), "{error}");
}

#[test]
fn architectures_have_their_names() {
    for sm in Sm::ALL {
        assert_eq!(sm.to_string().parse(), Ok(sm));
    }
    assert_eq!("sm_90".parse(), Ok(Sm::Sm90));
    let error = "sm_1".parse::<Sm>().expect_err("none").to_string();
    assert!(error.contains("sm_90a"), "{error}");
    assert_eq!(Sm::Sm90.device(), Device::H200);
}
