//! What a call computes and how it will run: the function, its derivative, the plan, what the mask
//! leaves, the generated CUDA C++ and what it takes of a GPU. No GPU is needed.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tilewright::cuda_source::{CudaSource, Sm};
use tilewright::explain::Explanation;
use tilewright::language::{AnyVariant, ExampleSizes, find};
use tilewright::{AttentionOptions, DType, Pass, Problem, open_device};
use tilewright_autotune::problems::PassName;

use crate::check_kernels::compiler::{Compiler, Outcome};
use crate::check_kernels::toolkit::Toolkit;

/// What `explain` takes.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// A variant's function, as in softcap; `bench-suite explain list` names all
    pub variant: String,
    /// A parameter that is a number, as in cap=30; what is not given is the function's first example
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub params: Vec<(String, f64)>,
    /// The architecture that kernels are generated for
    #[arg(long, default_value = "sm_90a", value_name = "ARCH")]
    pub arch: Sm,
    /// Plans of this device and its tuning table, instead of an architecture's: auto, cpu, cuda
    #[arg(long, value_name = "DEVICE", conflicts_with = "arch")]
    pub device: Option<String>,
    /// Queries, and keys unless --keys says otherwise
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub seq: usize,
    /// Keys
    #[arg(long, value_name = "N")]
    pub keys: Option<usize>,
    /// Length of queries, keys and values
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub head_dim: usize,
    /// Query heads
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub heads: usize,
    /// Key heads, if query heads share them
    #[arg(long, value_name = "N")]
    pub kv_heads: Option<usize>,
    /// Sequences
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub batch: usize,
    /// f32, f16 or bf16
    #[arg(long, default_value = "bf16", value_name = "TYPE")]
    pub dtype: DType,
    /// forward, backward
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "forward,backward",
        value_name = "PASS,.."
    )]
    pub pass: Vec<PassName>,
    /// Kernels that take lengths as arguments
    #[arg(long)]
    pub dynamic_lengths: bool,
    /// Print the CUDA C++ too
    #[arg(long)]
    pub source: bool,
    /// A folder for the CUDA C++ of every kernel
    #[arg(long, value_name = "FOLDER")]
    pub sources: Option<PathBuf>,
    /// The folder of a CUDA toolkit, for registers and spills [default: $CUDA_PATH]
    #[arg(long, value_name = "FOLDER")]
    pub cuda: Option<PathBuf>,
    /// A folder that keeps what the toolkit found
    #[arg(long, value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
}

/// `cap=30`
fn parameter(text: &str) -> Result<(String, f64), String> {
    let pair = text.split_once('=');
    pair.and_then(|(name, value)| Some((name.trim().to_owned(), value.trim().parse().ok()?)))
        .ok_or_else(|| format!("write a name and a number, as in cap=30, not `{text}`"))
}

/// Prints the explanation.
///
/// # Errors
///
/// A name that is no variant's, parameters that do not fit it, sizes that are none, or a file that
/// cannot be written.
pub fn run(args: &ExplainArgs) -> Result<()> {
    if args.variant == "list" {
        for registered in tilewright::language::registered() {
            let first = registered.doc.lines().next().unwrap_or_default();
            println!("{}\n    {first}", registered.signature());
        }
        return Ok(());
    }
    let sizes = sizes(args)?;
    let variant = variant(args, &sizes)?;
    let compiler = args.compiler();
    for pass in &args.pass {
        let problem = problem(args, &variant, (*pass).into());
        let options = AttentionOptions {
            dynamic_lengths: args.dynamic_lengths,
            ..AttentionOptions::default()
        };
        let (explanation, sm) = match &args.device {
            Some(device) => {
                let (client, _) = open_device(device)?;
                let sm = Sm::of(&client);
                (Explanation::on_device(&client, &variant, &problem, &options), sm)
            }
            None => {
                let explained =
                    Explanation::for_architecture(args.arch, &variant, &problem, &options);
                (explained, Some(args.arch))
            }
        };
        if args.source {
            print!("{explanation:#}");
        } else {
            print!("{explanation}");
        }
        if let (Ok(kernels), Some(sm)) = (&explanation.kernels, sm) {
            match &compiler {
                Ok(compiler) => print_resources(compiler, kernels, sm)?,
                Err(error) => println!("registers\n  not known: {error:#}"),
            }
            if let Some(folder) = &args.sources {
                write_sources(folder, kernels, sm)?;
            }
        }
        println!();
    }
    Ok(())
}

impl ExplainArgs {
    fn compiler(&self) -> Result<Compiler> {
        Compiler::open(&Toolkit::find(self.cuda.as_deref())?, self.cache.as_deref())
    }
}

fn sizes(args: &ExplainArgs) -> Result<ExampleSizes> {
    let keys = args.keys.unwrap_or(args.seq);
    for (option, size) in [
        ("--seq", args.seq),
        ("--keys", keys),
        ("--head-dim", args.head_dim),
        ("--heads", args.heads),
        ("--batch", args.batch),
    ] {
        if size == 0 {
            bail!("{option} is 0; at least 1 is needed");
        }
    }
    let kv_heads = args.kv_heads.unwrap_or(args.heads);
    if kv_heads == 0 || !args.heads.is_multiple_of(kv_heads) {
        bail!("--heads is {} and --kv-heads {kv_heads}: the first must be a multiple", args.heads);
    }
    if args.head_dim > tilewright::MAX_HEAD_DIM {
        bail!("--head-dim is {}; at most {}", args.head_dim, tilewright::MAX_HEAD_DIM);
    }
    let (heads, queries) = (args.heads, args.seq);
    let (head_dim, value_dim) = (args.head_dim, args.head_dim);
    Ok(ExampleSizes { batch: args.batch, heads, queries, keys, head_dim, value_dim })
}

/// The variant with the parameters given, or of its first example, whose tables fit the sizes.
fn variant(args: &ExplainArgs, sizes: &ExampleSizes) -> Result<AnyVariant> {
    let registered = find(&args.variant)?;
    if !args.params.is_empty() {
        let params: Vec<(&str, f64)> =
            args.params.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        return Ok(registered.with_params(&params)?);
    }
    let first = registered.example_variants(sizes).next();
    first.with_context(|| format!("`{}` has no example: give its parameters", args.variant))
}

fn problem(args: &ExplainArgs, variant: &AnyVariant, pass: Pass) -> Problem {
    Problem {
        pass,
        dtype: args.dtype,
        head_dim: args.head_dim,
        value_dim: args.head_dim,
        seq_q: args.seq,
        seq_k: args.keys.unwrap_or(args.seq),
        batch: args.batch,
        heads: args.heads,
        kv_heads: args.kv_heads.unwrap_or(args.heads),
        class: variant.stages().into(),
        save_scores: false,
    }
}

/// What each kernel takes of a multiprocessor.
fn print_resources(compiler: &Compiler, kernels: &[CudaSource], sm: Sm) -> Result<()> {
    println!("registers ({})", compiler.tools());
    for kernel in kernels {
        let name = kernel.kernel;
        match compiler.compile(&kernel.source, &kernel.canonical(), sm)? {
            Outcome::Compiled(found) => {
                let spilled = match found.spill_stores + found.spill_loads {
                    0 => "no spill".to_owned(),
                    bytes => format!("{bytes} bytes spilled"),
                };
                println!("  {name}: {} registers of a unit, {spilled}", found.registers);
            }
            Outcome::Lacks { what } => println!("  {name}: {sm} lacks {what}"),
            Outcome::Failed { log } => println!("  {name}: not compiled: {log}"),
        }
    }
    Ok(())
}

fn write_sources(folder: &Path, kernels: &[CudaSource], sm: Sm) -> Result<()> {
    let failed = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(folder).with_context(|| failed(folder))?;
    for kernel in kernels {
        let path = folder.join(format!("{}.{sm}.cu", kernel.entry));
        std::fs::write(&path, &kernel.source).with_context(|| failed(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(line: &str) -> ExplainArgs {
        let words = ["bench-suite", "explain"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).expect("a command line").command {
            Command::Explain(args) => args,
            other => panic!("{other:?}"),
        }
    }

    fn explained(line: &str) -> String {
        let args = args(line);
        let variant = variant(&args, &sizes(&args).expect("sizes")).expect("a variant");
        let problem = problem(&args, &variant, Pass::Forward);
        let options = AttentionOptions::default();
        Explanation::for_architecture(args.arch, &variant, &problem, &options).to_string()
    }

    #[test]
    fn a_parameter_is_a_name_and_a_number() {
        assert_eq!(args("softcap --param cap=30").params, [("cap".to_owned(), 30.0)]);
        assert!(parameter("cap").expect_err("no number").contains("as in cap=30"));
    }

    #[test]
    fn a_variant_of_given_parameters_is_explained() {
        let text = explained("softcap --param cap=12.5 --seq 42 --head-dim 8");
        assert!(text.starts_with("softcap(cap=12.5)\n  forward bf16 B16 H8 S42 D8"), "{text}");
        assert!(text.contains("plane_forward: "), "{text}");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_to_do() {
        let refused = |line: &str| {
            let args = args(line);
            let found = sizes(&args).and_then(|sizes| variant(&args, &sizes));
            found.expect_err("refused").to_string()
        };
        assert!(refused("sotfcap").contains("is it one of: softcap"));
        assert!(refused("softcap --param cup=3").contains("it is softcap(cap: f32)"));
        assert!(refused("softcap --seq 0").contains("--seq is 0"));
        assert!(refused("softcap --heads 8 --kv-heads 3").contains("must be a multiple"));
    }
}
