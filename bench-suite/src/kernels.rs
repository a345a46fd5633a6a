//! Device time of whole kernels under `#[kernel]`, beside what memory bandwidth allows.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tilewright::program::{Example, Kernel, Sizes, find_kernel, kernels};
use tilewright::{DType, Device, open_device};
use tilewright_autotune::bandwidth::copy_bandwidth;
use tilewright_autotune::kernels::{KernelTask, Rounds, tune_kernel};
use tilewright_autotune::timing::Timer;

const EXAMPLES: &str = "\
Examples:
  bench-suite kernels                                   every kernel on its examples, every tuning
  bench-suite kernels --kernel fused_softmax --tunings all --output results/
On a CPU the examples have fewer sequences and heads. Other sizes are measured by `autotune kernel
NAME --shape ..`.";

/// What `kernels` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct KernelsArgs {
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Names of kernels; all of the program without it
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub kernel: Vec<String>,
    /// Element types: f32, f16, bf16
    #[arg(long, value_delimiter = ',', default_value = "bf16,f32", value_name = "TYPE,..")]
    pub dtype: Vec<DType>,
    /// Which tunings are run
    #[arg(long, value_enum, default_value = "all")]
    pub tunings: Tunings,
    /// Windows measured for each tuning
    #[arg(long, default_value_t = 21, value_name = "N")]
    pub samples: usize,
    /// A folder for kernels.json and kernels.md
    #[arg(long, short, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// Which tunings are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tunings {
    /// The one that a call without a tuning gets
    Default,
    /// Every one that the device can run; the fastest is reported beside the default
    All,
}

/// One tuning of a kernel, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// The values of the tune parameters.
    pub tuning: String,
    /// Median time of a call in milliseconds.
    pub ms: f64,
    /// From the lower to the upper quartile, as a part of the median.
    pub spread: f64,
    /// The largest error, as a part of the largest element; `None` without a reference.
    pub error: Option<f64>,
}

/// One kernel on one example.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The kernel's name.
    pub kernel: String,
    /// A hash of its text, as 16 hexadecimal digits.
    pub source: String,
    /// Its sizes.
    pub sizes: String,
    /// Element type.
    pub dtype: String,
    /// The time that memory bandwidth alone would take.
    pub floor_ms: f64,
    /// What a call without a tuning takes.
    pub default: Option<Timing>,
    /// The fastest tuning measured.
    pub best: Option<Timing>,
    /// Tunings that ran and agreed with the reference.
    pub measured: usize,
    /// Tunings that the device cannot run, that failed or that computed something else.
    pub refused: usize,
    /// Those among them that a device should have run: that failed or were wrong.
    pub failures: Vec<String>,
}

/// Measurements of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelResults {
    /// The device's name.
    pub device: String,
    /// The commit that the program was built from.
    pub commit: String,
    /// The command line.
    pub command: String,
    /// Bytes read and written by a copy in a second, in 1e9.
    pub copy_gigabytes_per_second: f64,
    /// The measurements.
    pub rows: Vec<Row>,
}

/// Measures, prints and writes.
///
/// # Errors
///
/// An unknown kernel, a device that cannot be opened or fails, results that cannot be written, or a
/// tuning that fails or computes something else.
pub fn run(args: &KernelsArgs) -> Result<()> {
    let chosen: Vec<&'static Kernel> = match args.kernel.as_slice() {
        [] => kernels().collect(),
        names => names.iter().map(|name| find_kernel(name)).collect::<Result<_, _>>()?,
    };
    let (client, name) = open_device(&args.device)?;
    let device = Device::of(&client);
    let timer = Timer::new(&client);
    let bandwidth = copy_bandwidth(&timer).context("measuring the bandwidth of a copy")?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut results = KernelResults {
        device: name,
        commit: crate::COMMIT.to_owned(),
        command: format!("bench-suite {}", arguments.join(" ")),
        copy_gigabytes_per_second: bandwidth / 1e9,
        rows: Vec::new(),
    };
    for kernel in chosen {
        for example in kernel.examples {
            for &dtype in &args.dtype {
                let sizes = fitting(kernel, example, dtype, &device)?;
                let task = KernelTask { kernel, sizes, scalars: example.scalars.to_vec(), dtype };
                let row = measure(&timer, &task, args, bandwidth)
                    .with_context(|| format!("measuring {} {} {dtype}", kernel.name, task.sizes))?;
                eprintln!("{} {} {}: {}", row.kernel, row.sizes, row.dtype, row.summary());
                results.rows.push(row);
                // A run that is cut short keeps what it measured.
                if let Some(folder) = &args.output {
                    results.save(folder)?;
                }
            }
        }
    }
    print!("{}", results.to_markdown());
    if let Some(folder) = &args.output {
        println!("written to {}", folder.display());
    }
    let failures: Vec<&String> = results.rows.iter().flat_map(|row| &row.failures).collect();
    if let Some(first) = failures.first() {
        bail!("{} tunings failed, the first: {first}", failures.len());
    }
    Ok(())
}

/// Bytes that a CPU moves for one call, at most.
const CPU_BYTES: usize = 8 << 20;

/// An example's sizes; on a CPU with fewer sequences and heads.
fn fitting(kernel: &Kernel, example: &Example, dtype: DType, device: &Device) -> Result<Sizes> {
    let mut sizes = Sizes::new(example.sizes.iter().copied());
    for name in [0, 1].map(|dimension| kernel.tensors[kernel.program.tensor()].shape[dimension]) {
        while device.is_cpu() && kernel.floor_bytes(&sizes, dtype)? > CPU_BYTES {
            match sizes.get(name) {
                Some(size) if size > 1 => sizes.set(name, size / 2),
                _ => break,
            }
        }
    }
    Ok(sizes)
}

fn measure(timer: &Timer, task: &KernelTask, args: &KernelsArgs, bandwidth: f64) -> Result<Row> {
    let KernelTask { kernel, sizes, dtype, .. } = task;
    let device = Device::of(timer.client());
    let default = kernel.default_tuning(sizes, &device);
    let only = match args.tunings {
        Tunings::All => None,
        Tunings::Default => Some(Vec::from_iter(default.clone())),
    };
    // Nothing is dropped early: the default's time is wanted too.
    let rounds = Rounds { rounds: args.samples, keep: f64::INFINITY, seed: 0 };
    let finding = tune_kernel(timer, task, only.as_deref(), rounds, |_| {})?;
    let timings: Vec<Timing> = finding
        .timed
        .iter()
        .map(|timed| Timing {
            tuning: timed.tuning.to_string(),
            ms: timed.time.median * 1e-6,
            spread: timed.time.spread,
            error: timed.error,
        })
        .collect();
    let place = finding.timed.iter().position(|timed| Some(&timed.tuning) == default.as_ref());
    let failures = finding
        .refused
        .iter()
        .filter(|(tuning, _)| kernel.check(tuning, sizes, &device).is_ok())
        .map(|(tuning, why)| format!("{} {sizes} {dtype} {tuning}: {why}", kernel.name))
        .collect();
    Ok(Row {
        kernel: kernel.name.to_owned(),
        source: format!("{:016x}", kernel.source_hash),
        sizes: sizes.to_string(),
        dtype: dtype.to_string(),
        floor_ms: kernel.floor_bytes(sizes, *dtype)? as f64 / bandwidth * 1e3,
        default: place.map(|place| timings[place].clone()),
        best: timings.first().cloned(),
        measured: timings.len(),
        refused: finding.refused.len(),
        failures,
    })
}

impl Row {
    fn summary(&self) -> String {
        match &self.best {
            Some(best) => format!("{:.4} ms with {}", best.ms, best.tuning),
            None => "no tuning works".to_owned(),
        }
    }
}

impl KernelResults {
    /// A table for a terminal and for a document.
    pub fn to_markdown(&self) -> String {
        let KernelResults { device, commit, copy_gigabytes_per_second, command, rows } = self;
        let mut text = format!(
            "{device}, commit {commit}, a copy reaches {copy_gigabytes_per_second:.0} GB/s\n\n\
             `{command}`\n\nMilliseconds of a call; the floor is what memory bandwidth alone would \
             take, for inputs read once and outputs written once.\n\n\
             | kernel | sizes | type | floor | best | of floor | tuning | default | error | measured |\n\
             |---|---|---|---|---|---|---|---|---|---|\n"
        );
        for row in rows {
            let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.4}"));
            let best = row.best.as_ref();
            let part = best.map(|best| format!("{:.0}%", 100.0 * row.floor_ms / best.ms));
            let error = best.and_then(|best| best.error).map(|error| format!("{error:.1e}"));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.4} | {} | {} | {} | {} | {} | {} of {} |",
                row.kernel,
                row.sizes,
                row.dtype,
                row.floor_ms,
                number(best.map(|best| best.ms)),
                part.unwrap_or("-".to_owned()),
                best.map_or("-", |best| best.tuning.as_str()),
                number(row.default.as_ref().map(|timing| timing.ms)),
                error.unwrap_or("-".to_owned()),
                row.measured,
                row.measured + row.refused,
            );
        }
        text
    }

    /// Writes `kernels.json` and `kernels.md` into a folder, which is made.
    ///
    /// # Errors
    ///
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let json = serde_json::to_string_pretty(self)? + "\n";
        for (name, text) in [("kernels.json", json), ("kernels.md", self.to_markdown())] {
            let path = folder.join(name);
            // Whole or not at all.
            let file = tempfile::NamedTempFile::new_in(folder)
                .with_context(|| format!("cannot write into {}", folder.display()))?;
            std::fs::write(file.path(), text)
                .with_context(|| format!("cannot write {}", path.display()))?;
            file.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}
