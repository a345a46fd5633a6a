//! Devices and problems for the other tests.

use proptest::prelude::*;
use tilewright::{DType, Device, DeviceKind, Pass, Problem, VariantClass};

pub fn cpu() -> Device {
    Device {
        kind: DeviceKind::Cpu,
        units: 2,
        plane: 1,
        shared_memory: 32_768,
        lanes: 16,
        multiprocessors: 1,
        tensor_cores: false,
    }
}

pub fn devices() -> impl Strategy<Value = Device> {
    prop_oneof![Just(cpu()), Just(Device::H200)]
}

/// Problems of every kind: tiny, PatchTST's, long, with unequal lengths and shared heads.
pub fn problems() -> impl Strategy<Value = Problem> {
    let seq = || prop_oneof![1usize..=130, 1usize..=70, 1usize..=20_000];
    let dim = || prop_oneof![1usize..=256, Just(4usize), Just(8), Just(16), Just(64)];
    let pass = prop_oneof![Just(Pass::Forward), Just(Pass::Backward)];
    let dtype = proptest::sample::select(DType::ALL.to_vec());
    let class = proptest::sample::select(vec![
        VariantClass::Plain,
        VariantClass::Score,
        VariantClass::Mask,
        VariantClass::ScoreAndMask,
    ]);
    let heads = (1usize..=8, 1usize..=4);
    let kind = (pass, dtype, class, any::<bool>());
    (kind, dim(), dim(), seq(), seq(), 1usize..=20_000, heads).prop_map(
        |((pass, dtype, class, save_scores), head_dim, value_dim, seq_q, seq_k, batch, heads)| {
            let (kv_heads, sharing) = heads;
            Problem {
                pass,
                dtype,
                head_dim,
                value_dim,
                seq_q,
                seq_k,
                batch,
                heads: kv_heads * sharing,
                kv_heads,
                class,
                save_scores,
            }
        },
    )
}

/// A problem of PatchTST.
pub fn problem(pass: Pass, seq: usize, dim: usize) -> Problem {
    Problem::self_attention(pass, DType::F32, [896, 16, seq, dim])
}
