//! Gradients of learned parameters: indices of every form, against the reference. The variants here
//! are registered, so that the conformance suite runs them too.

use tilewright::conformance::{Case, Layout, PlanPick, Size, check_case};
use tilewright::language::{ExampleSizes, find};
use tilewright::prelude::*;
use tilewright::{DType, open_device};

/// Two parameters, one element for each query and one for each key of each head.
#[score_mod]
fn by_place(
    score: f32,
    at: Position,
    #[learned] rows: Table,
    #[learned] columns: Table,
    #[learned] t: f32,
) -> f32 {
    score * rows[at.query] + columns[(at.head, at.key)] * t
}

/// The dimension of the head lies within: two runs of dimensions change with query and key.
#[score_mod(example(bias = table(queries, heads, keys)))]
fn head_within(score: f32, at: Position, #[learned] bias: Table) -> f32 {
    score + bias[(at.query, at.head, at.key / 2)]
}

/// The dimension of the head lies innermost, and neighbours share an element.
#[score_mod]
fn head_innermost(score: f32, at: Position, #[learned] bias: Table) -> f32 {
    score + bias[(at.query.abs_diff(at.key), at.head)]
}

/// Heads and sequences that share elements in ways that only the function knows.
#[score_mod]
fn shared(score: f32, at: Position, #[learned] pairs: Table, #[learned] halves: Table) -> f32 {
    score * pairs[(at.head / 2, at.key % 3)] + halves[(at.batch / 2, at.head, at.query / 4)]
}

/// One parameter at two sites, and one that says where another is read.
#[score_mod(example(kinds = table(batch, keys), bias = table(8)))]
fn by_kind(score: f32, at: Position, kinds: Table<u32>, #[learned] bias: Table) -> f32 {
    score + bias[kinds[(at.batch, at.key)]] * bias[at.head % 2]
}

const NAMES: [&str; 5] = ["by_place", "head_within", "head_innermost", "shared", "by_kind"];

fn check(size: Size, dtype: DType, plan: PlanPick) {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    for name in NAMES {
        let registered = find(name).expect("registered");
        let sizes = ExampleSizes {
            batch: size.batch,
            heads: size.heads,
            queries: size.queries,
            keys: size.keys,
            head_dim: size.head_dim,
            value_dim: size.value_dim,
        };
        for variant in registered.example_variants(&sizes) {
            let case = Case {
                variant,
                size,
                layout: Layout::Bshd,
                dtype,
                plan,
                save_scores: false,
                scale: None,
                seed: 3,
            };
            check_case(&client, &case).unwrap_or_else(|error| panic!("{case}: {error}"));
        }
    }
}

#[test]
fn indices_of_every_form_agree_with_the_reference() {
    let size =
        Size { batch: 5, heads: 4, kv_heads: 2, queries: 21, keys: 45, head_dim: 8, value_dim: 4 };
    check(size, DType::F32, PlanPick::Default);
}
