//! Kernels under `#[kernel]`: what each takes on its examples, with the tuning that a call without
//! one gets.

use anyhow::{Context as _, Result, bail};
use tilewright::DType;
use tilewright::cuda_source::{CudaSource, Sm};
use tilewright::program::{Kernel, Sizes, kernels};

use super::compiler::{Compiler, Outcome};

/// Compiles them for every architecture and prints a line for each.
///
/// # Errors
///
/// A compiler that cannot be run, or a kernel that does not compile, that spills, or that the
/// compiler warns about.
pub fn check(compiler: &Compiler, architectures: &[Sm]) -> Result<()> {
    let mut failures: Vec<String> = Vec::new();
    for kernel in kernels() {
        for example in kernel.examples {
            let sizes = Sizes::new(example.sizes.iter().copied());
            for dtype in [DType::Bf16, DType::F32] {
                for &sm in architectures {
                    let (line, fault) = describe(compiler, kernel, &sizes, dtype, sm)?;
                    println!("{line}");
                    failures.extend(fault.map(|fault| format!("{line}: {fault}")));
                }
            }
        }
    }
    if let Some(first) = failures.first() {
        bail!("{} kernels under #[kernel] may not be shipped, the first: {first}", failures.len());
    }
    Ok(())
}

/// A line, and what is wrong.
fn describe(
    compiler: &Compiler,
    kernel: &Kernel,
    sizes: &Sizes,
    dtype: DType,
    sm: Sm,
) -> Result<(String, Option<String>)> {
    let tuning = kernel.default_tuning(sizes, &sm.device());
    let text = tuning.as_ref().map(ToString::to_string);
    let name = format!("{sm} {} {sizes} {dtype} {}", kernel.name, text.unwrap_or_default());
    let source: CudaSource = match kernel.cuda_source(sizes, dtype, tuning.as_ref(), sm) {
        Ok(source) => source,
        Err(error) => return Ok((name, Some(error.to_string()))),
    };
    let outcome = compiler
        .compile(&source.source, &source.canonical(), sm)
        .with_context(|| format!("{} for {sm}", source.entry))?;
    Ok(match outcome {
        Outcome::Compiled(resources) => {
            let line = format!(
                "{name}: {} registers, {} bytes on chip",
                resources.registers, source.shared_bytes
            );
            let spilled = resources.spill_stores + resources.spill_loads;
            let fault = match resources.warnings.first() {
                _ if spilled > 0 => Some(format!("it spills {spilled} bytes")),
                Some(warning) => Some(warning.clone()),
                None if resources.stack > 0 => {
                    Some(format!("tiles of {} bytes are not in registers", resources.stack))
                }
                None => None,
            };
            (line, fault)
        }
        Outcome::Lacks { what } => (name, Some(format!("the architecture lacks {what}"))),
        Outcome::Failed { log } => (name, Some(log)),
    })
}
