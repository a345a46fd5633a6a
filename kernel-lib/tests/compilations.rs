//! What is compiled when sequence lengths change. A program of its own, as launches are counted for
//! the whole process; one test after another, for the same reason.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cubecl::client::Client;
use tilewright::language::AnyVariant;
use tilewright::prelude::*;
use tilewright::{Algorithm, Compilations, Device, Pass, Plan, open_device};

fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A hundred lengths of queries and keys, from one to some hundreds, in no order.
fn lengths() -> impl Iterator<Item = [usize; 2]> {
    (0..100).map(|n: usize| [1 + n * 37 % 211, 1 + n * 53 % 307])
}

const HEADS: usize = 2;
const DIM: usize = 4;

/// Both passes of a call, to their end.
fn run(
    client: &Client,
    variant: &AnyVariant,
    [queries, keys]: [usize; 2],
    options: &AttentionOptions,
) {
    let tensor = |seq: usize| {
        let zeros = client.create_from_slice(&vec![0; 4 * HEADS * seq * DIM]);
        Strided::contiguous(zeros, [1, HEADS, seq, DIM], DType::F32)
    };
    let (q, k) = (tensor(queries), tensor(keys));
    let output = attention(client, &q, &k, &k, variant, options).expect("it fits");
    let gradients = attention_backward(client, &q, &k, &k, &output, &output.out, variant, options)
        .expect("it fits");
    for learned in gradients.learned {
        client.read_one(learned.values).expect("it ran");
    }
    client.read_one(gradients.k.handle).expect("it ran");
}

/// A mask, and learned parameters that change with the key and with neither.
fn variant() -> AnyVariant {
    let bias = Table::new([HEADS, 8], vec![0.1; 8 * HEADS]).expect("as many as elements");
    t5_buckets(bias, 8, 20).and(temperature(0.5)).and(sliding_window(5)).into()
}

#[test]
fn new_lengths_compile_nothing() {
    let _alone = alone();
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let options = AttentionOptions { dynamic_lengths: true, ..AttentionOptions::default() };
    let documents = |total: usize| -> AnyVariant {
        let ids = (0..total as u32).map(|at| at * at % 5).collect();
        document(Table::new([1, total], ids).expect("as many as elements")).into()
    };
    let mut compilations = Compilations::watch();
    run(&client, &documents(4), [4, 4], &options);
    assert!(compilations.count_new() >= 3);
    for [total, _] in lengths() {
        run(&client, &documents(total), [total, total], &options);
        assert_eq!(compilations.count_new(), 0, "{total}");
    }
    run(&client, &variant(), [3, 5], &options);
    // Forward, two halves of the backward pass, and the learned gradients.
    assert!(compilations.count_new() >= 5, "{}", compilations.count_all());
    for lengths in lengths() {
        run(&client, &variant(), lengths, &options);
        assert_eq!(compilations.count_new(), 0, "{lengths:?}");
    }
}

#[test]
fn without_the_option_short_sequences_have_kernels_of_their_own() {
    let _alone = alone();
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let mut compilations = Compilations::watch();
    let options = AttentionOptions::default();
    run(&client, &softmax().into(), [6, 6], &options);
    let first = compilations.count_new();
    run(&client, &softmax().into(), [6, 7], &options);
    assert!(first > 0 && compilations.count_new() > 0);
    run(&client, &softmax().into(), [6, 7], &options);
    assert_eq!(compilations.count_new(), 0);
}

#[test]
fn a_plan_for_one_length_is_refused() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let q = Strided::empty(&client, [1, HEADS, 6, DIM], DType::F32);
    let plain = AttentionOptions::default();
    let problem =
        tilewright::problem(Pass::Forward, &q, &q, &q, &softmax().into(), &plain).expect("it fits");
    let plan = Plan::rule(&problem, &Device::of(&client));
    assert_eq!(plan.algorithm, Algorithm::Resident);
    let options = AttentionOptions { plan: Some(plan), dynamic_lengths: true, ..plain };
    let error = attention(&client, &q, &q, &q, softmax(), &options).expect_err("refused");
    assert!(
        error.to_string().ends_with(
            "`dynamic_lengths` needs `streaming`: kernels of `resident` are compiled for one length"
        ),
        "{error}"
    );
}

/// On GPUs, without one: the kernels that would be launched are told apart as CubeCL does.
#[cfg(feature = "cuda")]
mod gpu {
    use std::collections::HashSet;

    use tilewright::cuda_source::{MemoryOrder, Sm, kernel_ids};
    use tilewright::{Problem, VariantClass};

    use super::*;

    /// The different kernels of each length.
    fn kernels(
        variant: &AnyVariant,
        dtype: DType,
        pass: Pass,
        dynamic: bool,
    ) -> Vec<HashSet<String>> {
        let sm = Sm::Sm90;
        let of_length = |[seq_q, seq_k]: [usize; 2]| {
            let problem = Problem {
                pass,
                dtype,
                head_dim: 64,
                value_dim: 64,
                seq_q,
                seq_k,
                // Enough for a GPU to be full: few would take blocks of keys, whatever the length.
                batch: 300 + seq_q % 7,
                heads: HEADS,
                kv_heads: HEADS,
                class: VariantClass::from(variant.stages()),
                save_scores: false,
            };
            let plan = match dynamic {
                true => Plan::for_any_length(&problem, &sm.device()),
                false => Plan::rule(&problem, &sm.device()),
            };
            let ids = kernel_ids(&problem, &plan, variant, MemoryOrder::Bshd, sm, dynamic);
            ids.expect("it runs").into_iter().collect()
        };
        lengths().map(of_length).collect()
    }

    #[test]
    fn new_lengths_compile_nothing() {
        for dtype in DType::ALL {
            for (variant, pass, count) in [
                (softmax().into(), Pass::Forward, 1),
                (softmax().into(), Pass::Backward, 3),
                // Those that find and list blocks are two more, for each side.
                (sliding_window(9).into(), Pass::Forward, 3),
                (sliding_window(9).into(), Pass::Backward, 7),
            ] {
                let dynamic = kernels(&variant, dtype, pass, true);
                let what = format!("{variant:?} {dtype} {pass}");
                assert_eq!(dynamic[0].len(), count, "{what}");
                assert!(dynamic.iter().all(|kernels| *kernels == dynamic[0]), "{what}");
            }
        }
    }

    #[test]
    fn without_the_option_lengths_have_kernels_of_their_own() {
        let fixed = kernels(&softmax().into(), DType::Bf16, Pass::Forward, false);
        let different: HashSet<&String> = fixed.iter().flatten().collect();
        assert!(different.len() > 20, "{}", different.len());
    }

    #[test]
    fn nor_do_gradients_of_learned_parameters() {
        for dtype in DType::ALL {
            let several = kernels(&variant(), dtype, Pass::Backward, true);
            // Seven of the mask, and those of two parameters.
            assert!(several[0].len() > 8, "{:?}", several[0]);
            assert!(several.iter().all(|kernels| *kernels == several[0]), "{dtype}");
        }
    }
}
