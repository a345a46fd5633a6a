//! Every registered variant, drawn in the terminal, then run on the CPU, forward and backward, and
//! compared with the reference.
//!
//! ```sh
//! cargo run --release --example variants            # all of them
//! cargo run --release --example variants -- causal strided
//! ```

use std::process::ExitCode;

use tilewright::conformance::{Case, Layout, PlanPick, Size, check_case};
use tilewright::language::{RegisteredVariant, find, registered};
use tilewright::open_device;
use tilewright::picture::Picture;
use tilewright::prelude::*;

/// Several series take turns in one sequence; each position sees those of its own series.
///
/// A variant of a program's own is registered like the library's.
#[mask_mod(example(3))]
pub fn interleaved(at: Position, series: u32) -> bool {
    at.query % series == at.key % series
}

const SIZE: Size =
    Size { batch: 2, heads: 2, kv_heads: 2, queries: 42, keys: 42, head_dim: 8, value_dim: 8 };

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("variants: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows what the command line names, and says how many were wrong.
fn run() -> Result<usize, Box<dyn std::error::Error>> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let chosen: Vec<&RegisteredVariant> = match names.as_slice() {
        [] => registered().collect(),
        names => names.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
    };
    let (client, device) = open_device("cpu")?;
    println!("On {device}:\n");

    let mut wrong = 0;
    for registered in chosen {
        println!("{}: {}", registered.signature(), first_paragraph(registered.doc));
        let sizes = SIZE.example_sizes();
        if let Some(variant) = registered.example_variants(&sizes).next() {
            wrong += usize::from(!show(&client, &variant));
        }
    }
    if names.is_empty() {
        println!("Compositions have a kernel of their own each, like these:");
        let joined = causal().and(sliding_window(6).or(dilated(6))).and(softcap(5.0));
        for variant in [head_mixed(2, 8, 6).into(), joined.into()] {
            wrong += usize::from(!show(&client, &variant));
        }
    }
    Ok(wrong)
}

/// Draws a variant's first head, runs it, and says whether it agrees with the reference.
fn show(client: &cubecl::client::Client, variant: &AnyVariant) -> bool {
    println!("\n{}", Picture::new(variant, 0, SIZE.queries, SIZE.keys));
    let case = Case {
        variant: variant.clone(),
        size: SIZE,
        layout: Layout::Bshd,
        dtype: DType::F32,
        plan: PlanPick::Rule,
        save_scores: false,
        scale: None,
        seed: 1,
    };
    let outcome = check_case(client, &case);
    match &outcome {
        Ok(()) => println!("{variant:?}: forward and backward agree with the reference\n"),
        Err(error) => println!("{variant:?}: {error}\n"),
    }
    outcome.is_ok()
}

fn first_paragraph(doc: &str) -> String {
    let paragraph: Vec<&str> = doc.lines().take_while(|line| !line.is_empty()).collect();
    paragraph.join(" ")
}
