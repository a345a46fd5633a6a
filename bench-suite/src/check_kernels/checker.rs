//! From plans to what was found of their kernels, in parallel.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use tilewright::cuda_source::{CudaSource, CudaSourceError, MemoryOrder, Sm, cuda_sources};

use super::compiler::{Compiler, Outcome};
use super::found::{Found, Known};
use super::selection::Item;

/// Expanding a kernel recurses with its nesting; a thread's usual 2 MiB may not do.
const STACK: usize = 32 << 20;

/// Compiles plans.
pub struct Checker<'a> {
    /// With this.
    pub compiler: &'a Compiler,
    /// In as many threads.
    pub jobs: usize,
    /// The CUDA C++ goes there.
    pub sources: Option<&'a Path>,
}

/// A kernel's text, and the form of it that is the same every time.
struct Described {
    source: CudaSource,
    canonical: String,
}

impl Checker<'_> {
    /// What was found of every plan: something of each of its kernels, or of the plan itself where
    /// it has none on the architecture.
    ///
    /// # Errors
    ///
    /// A compiler that cannot be run, a file that cannot be written.
    pub fn check(&self, items: &[Item], known: &mut Known) -> Result<Vec<Vec<Found>>> {
        let recall = |item: &Item| match self.sources {
            None => known.recall(item),
            // Somebody wants to read the text, which is not kept.
            Some(_) => None,
        };
        let mut found: Vec<Option<Vec<Found>>> = items.iter().map(recall).collect();
        let pending: Vec<&Item> = items
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(item, _)| item)
            .collect();
        let mut new = self.check_now(&pending)?.into_iter();
        for (item, found) in items.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            *found = new.next().inspect(|new| known.keep(item, new));
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn check_now(&self, items: &[&Item]) -> Result<Vec<Vec<Found>>> {
        let described = self.in_parallel("described", items, |item| describe(item));
        let kernels = distinct(items, &described);
        if let Some(folder) = self.sources {
            write_sources(folder, &kernels)?;
        }
        let compiled = self.in_parallel("compiled", &kernels, |&(sm, kernel)| {
            let outcome = self.compiler.compile(&kernel.source.source, &kernel.canonical, sm);
            outcome.with_context(|| format!("{} for {sm}", kernel.source.entry))
        });
        let compiled: Result<Vec<Outcome>> = compiled.into_iter().collect();
        let names = kernels.iter().map(|&(sm, kernel)| (sm, kernel.canonical.as_str()));
        let outcomes: HashMap<(Sm, &str), Outcome> = names.zip(compiled?).collect();

        let found = |(item, described): (&&Item, &Result<Vec<Described>, CudaSourceError>)| {
            let of_kernel = |Described { source, canonical }: &Described| {
                let outcome = outcomes[&(item.sm, canonical.as_str())].clone();
                Found {
                    kernel: source.kernel.to_owned(),
                    units: source.units,
                    shared_bytes: source.shared_bytes,
                    outcome,
                }
            };
            match described {
                Ok(kernels) => kernels.iter().map(of_kernel).collect(),
                Err(error @ CudaSourceError::Plan { .. }) => {
                    vec![Found::no_kernel(Outcome::Lacks { what: error.to_string() })]
                }
                Err(error) => vec![Found::no_kernel(Outcome::Failed { log: error.to_string() })],
            }
        };
        Ok(items.iter().zip(&described).map(found).collect())
    }

    /// What `work` makes of every item, in their order.
    fn in_parallel<T: Sync, R: Send>(
        &self,
        what: &'static str,
        items: &[T],
        work: impl Fn(&T) -> R + Sync,
    ) -> Vec<R> {
        let bar = ProgressBar::new(items.len() as u64).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg} {elapsed}") {
            bar.set_style(style);
        }
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return done };
                done.push((index, work(item)));
                bar.inc(1);
                // Without a terminal, a line now and then.
                if bar.is_hidden() && bar.position().is_multiple_of(100) {
                    eprintln!("{}/{} {what}", bar.position(), items.len());
                }
            }
        };
        let mut results: Vec<(usize, R)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.max(1))
                .map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, worker))
                .collect();
            workers
                .into_iter()
                .flat_map(|started| match started.map(thread::ScopedJoinHandle::join) {
                    Ok(Ok(done)) => done,
                    Ok(Err(panic)) => std::panic::resume_unwind(panic),
                    // No further thread can be had, so this one does what is left.
                    Err(_) => worker(),
                })
                .collect()
        });
        bar.finish_and_clear();
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

fn describe(item: &Item) -> Result<Vec<Described>, CudaSourceError> {
    let Item { problem, plan, variant, sm, .. } = item;
    let sources = cuda_sources(problem, plan, variant, MemoryOrder::Bshd, *sm)?;
    let described = |source: CudaSource| Described { canonical: source.canonical(), source };
    Ok(sources.into_iter().map(described).collect())
}

/// Every kernel once for each architecture: problems that differ in their batch share them.
fn distinct<'a>(
    items: &[&Item],
    described: &'a [Result<Vec<Described>, CudaSourceError>],
) -> Vec<(Sm, &'a Described)> {
    let mut seen = HashSet::new();
    let all = items
        .iter()
        .zip(described)
        .flat_map(|(item, described)| described.iter().flatten().map(|kernel| (item.sm, kernel)));
    all.filter(|(sm, kernel)| seen.insert((*sm, kernel.canonical.as_str()))).collect()
}

fn write_sources(folder: &Path, kernels: &[(Sm, &Described)]) -> Result<()> {
    let context = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(folder).with_context(|| context(folder))?;
    for (sm, Described { source, .. }) in kernels {
        let path = folder.join(format!("{}.{sm}.cu", source.entry));
        std::fs::write(&path, &source.source).with_context(|| context(&path))?;
    }
    Ok(())
}
