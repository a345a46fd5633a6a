//! What no table of cases says about tables.

use cubecl::client::Client;
use cubecl::prelude::*;

use super::special::{both_passes, device_tensor, expect, inputs, read, refused, text};
use crate::language::{AnyVariant, Table, TableElement, Variant as _};
use crate::random::Random;
use crate::variants::{causal, dense_bias, document, per_head_scale, relative_bias, temperature};
use crate::{AttentionError, AttentionOptions, attention};

/// A table of random numbers.
fn table(shape: &[usize]) -> Result<Table, String> {
    let mut random = Random::new(11);
    let values = (0..shape.iter().product()).map(|_| random.normal() as f32).collect();
    made(shape, values)
}

fn made<T: TableElement>(shape: &[usize], values: Vec<T>) -> Result<Table<T>, String> {
    Table::new(shape, values).map_err(|error| error.to_string())
}

/// The forward pass alone, of `[2, 2, 5, 8]` queries and 6 keys.
fn call(client: &Client, variant: impl Into<AnyVariant>) -> Result<(), AttentionError> {
    let [q, k, v] = inputs(5, 6).map(|host| device_tensor(client, &host));
    attention(client, &q, &k, &v, variant, &AttentionOptions::default()).map(|_| ())
}

pub(super) fn do_not_fit(client: &Client) -> Result<(), String> {
    call(client, relative_bias(table(&[2, 10])?)).map_err(text)?;
    refused(
        call(client, relative_bias(table(&[2, 9])?)),
        "a short table",
        &[
            "relative_bias: bias is [2, 9]",
            "query 0, key 5 element 9 of dimension 1",
            "these sizes need [2, 10]",
        ],
    )?;
    refused(
        call(client, per_head_scale(table(&[2, 5])?)),
        "a table of another rank",
        &["per_head_scale: scales has 2 dimensions, [2, 5], but is read with 1"],
    )?;
    refused(
        call(client, temperature(table(&[2])?)),
        "two numbers for one",
        &["temperature: t is one number, but a table [2] was given"],
    )?;
    let ids = made(&[2, 5], vec![0u32; 10])?;
    refused(
        call(client, causal().and(document(ids))),
        "ids for too few keys",
        &["document: ids is [2, 5]", "key 5", "these sizes need [2, 6]"],
    )?;
    // The answer to one problem is none to another.
    let [q, k, v] = inputs(7, 6).map(|host| device_tensor(client, &host));
    let options = AttentionOptions::default();
    let longer = attention(client, &q, &k, &v, relative_bias(table(&[2, 10])?), &options);
    refused(longer.map(|_| ()), "more queries than the table has", &["[2, 12]"])
}

pub(super) fn hidden(client: &Client) -> Result<(), String> {
    // Distances to keys that `causal` hides; of 6 queries and 6 keys one half of a table.
    let [q, k, v] = inputs(6, 6).map(|host| device_tensor(client, &host));
    let half = table(&[2, 6])?;
    both_passes(client, [&q, &k, &v], &q, relative_bias(half.clone()).and(causal()))?;
    let options = AttentionOptions::default();
    let open = attention(client, &q, &k, &v, relative_bias(half), &options);
    refused(open.map(|_| ()), "half a table without a mask", &["relative_bias: bias is [2, 6]"])
}

pub(super) fn on_device(client: &Client) -> Result<(), String> {
    let [q, k, v] = inputs(5, 6).map(|host| device_tensor(client, &host));
    let bias = table(&[1, 2, 5, 6])?;
    let values = bias.values().map_err(|error| error.to_string())?;
    // The same numbers with the dimensions in reverse order, after three that are not read.
    let strides = [1, 1, 2, 10];
    let mut memory = vec![f32::NAN; 3 + values.len()];
    for (place, &value) in values.iter().enumerate() {
        let [head, query, key] = [place / 30, place / 6 % 5, place % 6];
        memory[3 + head * strides[1] + query * strides[2] + key * strides[3]] = value;
    }
    let handle = client.create_from_slice(f32::as_bytes(&memory)).offset_start(12);
    let lying = Table::on_device(client, handle, [1, 2, 5, 6], strides)
        .map_err(|error| error.to_string())?;
    let (expected, d_expected) = both_passes(client, [&q, &k, &v], &q, dense_bias(bias))?;
    let (given, d_given) = both_passes(client, [&q, &k, &v], &q, dense_bias(lying))?;
    for (name, given, expected) in [
        ("out", &given.out, &expected.out),
        ("dq", &d_given.q, &d_expected.q),
        ("dk", &d_given.k, &d_expected.k),
    ] {
        let same = read(client, given)? == read(client, expected)?;
        expect(same, || format!("{name} changes with where a table lies"))?;
    }
    Ok(())
}
