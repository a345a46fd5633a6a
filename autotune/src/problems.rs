//! Which problems a command is about, as the command line says it.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use tilewright::{DType, Pass, Problem};

use crate::grid::{Amount, Grid, Heads, Preset, Task, in_order};

/// Which problems.
#[derive(Args, Clone, Debug)]
pub struct ProblemArgs {
    /// auto, cpu, cuda or cuda:1
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Named sets of problems; the options below replace their values
    #[arg(long, value_enum, value_delimiter = ',', default_value = "patchtst")]
    pub preset: Vec<Preset>,
    /// Queries and keys
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub seq: Vec<usize>,
    /// Keys, where they are not as many as queries
    #[arg(long, value_delimiter = ',', value_name = "N,..", requires = "seq")]
    pub seq_k: Vec<usize>,
    /// Head dimensions
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub head_dim: Vec<usize>,
    /// Length of a value, where it is not that of a key
    #[arg(long, value_name = "N")]
    pub value_dim: Option<usize>,
    /// Heads
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub heads: Vec<usize>,
    /// Key and value heads, where several query heads share one
    #[arg(long, value_name = "N")]
    pub kv_heads: Option<usize>,
    /// Sequences in the batch
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub batch: Vec<usize>,
    /// Pairs of sequence and head, about: a way to say the batch
    #[arg(long, value_delimiter = ',', value_name = "N,..", conflicts_with = "batch")]
    pub groups: Vec<usize>,
    /// Element types: f32, f16, bf16
    #[arg(long, value_delimiter = ',', value_name = "TYPE,..")]
    pub dtype: Vec<DType>,
    /// forward, backward
    #[arg(long, value_delimiter = ',', value_enum, value_name = "PASS,..")]
    pub pass: Vec<PassName>,
    /// Variants to measure with; a table has one entry for each class: with a score_mod, a mask_mod,
    /// both or neither
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub variant: Vec<String>,
    /// The backward pass reads scores that the forward pass saved
    #[arg(long)]
    pub save_scores: bool,
}

/// A pass, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PassName {
    /// Output and log-sum-exp
    Forward,
    /// Gradients
    Backward,
}

impl From<PassName> for Pass {
    fn from(name: PassName) -> Self {
        match name {
            PassName::Forward => Pass::Forward,
            PassName::Backward => Pass::Backward,
        }
    }
}

impl ProblemArgs {
    /// The problems, in order.
    ///
    /// # Errors
    ///
    /// A variant that does not exist, a size of 0, or heads that cannot be shared.
    pub fn tasks(&self, cpu: bool) -> Result<Vec<Task>> {
        for (option, given) in [
            ("--seq", &self.seq),
            ("--seq-k", &self.seq_k),
            ("--head-dim", &self.head_dim),
            ("--heads", &self.heads),
            ("--batch", &self.batch),
            ("--groups", &self.groups),
        ] {
            if given.contains(&0) {
                bail!("{option} 0: sizes are 1 or more");
            }
        }
        let dims = self.head_dim.iter().copied().chain(self.value_dim);
        if let Some(wrong) = dims.clone().find(|dim| !(1..=tilewright::MAX_HEAD_DIM).contains(dim))
        {
            bail!("a head of {wrong}: the kernels do 1 to {}", tilewright::MAX_HEAD_DIM);
        }
        let mut tasks = Vec::new();
        for preset in &self.preset {
            let mut grids = preset.grids(cpu);
            if !self.heads.is_empty() || !self.head_dim.is_empty() {
                // Its grids differ in their heads.
                grids.truncate(1);
            }
            for grid in grids {
                tasks.extend(self.laid_over(grid).tasks()?);
            }
        }
        Ok(in_order(tasks))
    }

    /// A preset's grid with the values given in the place of its own.
    fn laid_over(&self, mut grid: Grid) -> Grid {
        if !self.seq.is_empty() {
            let keys = |q: usize| if self.seq_k.is_empty() { vec![q] } else { self.seq_k.clone() };
            let pairs = self.seq.iter().flat_map(|&q| keys(q).into_iter().map(move |k| (q, k)));
            grid.seq = pairs.collect();
        }
        if !self.heads.is_empty() || !self.head_dim.is_empty() {
            let or = |given: &[usize], usual| {
                if given.is_empty() { vec![usual] } else { given.to_vec() }
            };
            let most = grid.heads.iter().copied().max_by_key(|heads| heads.heads);
            let usual = most.unwrap_or(Heads::new(16, 8));
            let numbers = or(&self.heads, usual.heads);
            let dims = or(&self.head_dim, usual.head_dim);
            let pairs =
                numbers.iter().flat_map(|&n| dims.iter().map(move |&dim| Heads::new(n, dim)));
            grid.heads = pairs.collect();
        }
        for heads in &mut grid.heads {
            heads.value_dim = self.value_dim.unwrap_or(heads.value_dim);
            heads.kv_heads = self.kv_heads.unwrap_or(heads.kv_heads);
        }
        if !self.batch.is_empty() {
            grid.amounts = self.batch.iter().map(|&batch| Amount::Batch(batch)).collect();
        }
        if !self.groups.is_empty() {
            grid.amounts = self.groups.iter().map(|&groups| Amount::Groups(groups)).collect();
        }
        if !self.dtype.is_empty() {
            grid.dtype.clone_from(&self.dtype);
        }
        if !self.pass.is_empty() {
            grid.pass = self.pass.iter().map(|&pass| pass.into()).collect();
        }
        if !self.variant.is_empty() {
            grid.variants.clone_from(&self.variant);
        }
        grid.save_scores = self.save_scores;
        grid
    }
}

/// One of several parts of a run, the first being 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which.
    pub part: usize,
    /// Of how many.
    pub parts: usize,
}

impl Shard {
    /// The tasks of this part. Problems that differ only in their batch stay together, as the same
    /// kernels run them; beyond that neighbours are apart, so that parts take about as long.
    pub fn of(self, tasks: Vec<Task>) -> Vec<Task> {
        let kernels = |task: &Task| Problem { batch: 1, ..task.problem };
        let mut seen: Vec<Problem> = Vec::new();
        let mut mine = Vec::new();
        for task in tasks {
            let place = seen.iter().position(|known| *known == kernels(&task));
            let place = place.unwrap_or_else(|| {
                seen.push(kernels(&task));
                seen.len() - 1
            });
            if place % self.parts == self.part - 1 {
                mine.push(task);
            }
        }
        mine
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (part, parts) = text.split_once('/')?;
            Some(Shard { part: part.trim().parse().ok()?, parts: parts.trim().parse().ok()? })
        };
        let shard = read().ok_or_else(|| format!("`{text}` is no part; write 1/4"))?;
        match (1..=shard.parts).contains(&shard.part) {
            true => Ok(shard),
            false => Err(format!("`{text}`: parts are 1/{0} to {0}/{0}", shard.parts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        problems: ProblemArgs,
    }

    fn tasks(arguments: &[&str]) -> Result<Vec<Task>> {
        let given = [&["autotune"], arguments].concat();
        Only::try_parse_from(given)?.problems.tasks(false)
    }

    #[test]
    fn axes_replace_those_of_the_preset() {
        let given = ["--seq", "42,64", "--head-dim", "4,8", "--groups", "4096", "--dtype", "bf16"];
        let tasks = tasks(&[&given[..], &["--variant", "softmax,softcap"]].concat()).unwrap();
        // Two lengths, two dimensions, two passes, two classes.
        assert_eq!(tasks.len(), 16);
        for task in &tasks {
            assert_eq!((task.problem.groups(), task.problem.dtype), (4096, DType::Bf16));
        }
        let shared = super::tests::tasks(&["--heads", "8", "--kv-heads", "3"]).unwrap_err();
        assert!(shared.to_string().contains("8 heads cannot share 3"), "{shared}");
        let zero = super::tests::tasks(&["--seq", "0"]).unwrap_err();
        assert!(zero.to_string().contains("--seq 0"), "{zero}");
        let wide = super::tests::tasks(&["--head-dim", "257"]).unwrap_err();
        assert!(wide.to_string().contains("1 to 256"), "{wide}");
    }

    #[test]
    fn shards_share_out_every_task() {
        let all = tasks(&[]).unwrap();
        let shard = |text: &str| text.parse::<Shard>().unwrap().of(all.clone());
        let mut together: Vec<_> =
            ["1/3", "2/3", "3/3"].iter().flat_map(|text| shard(text)).collect();
        together.sort_by_key(|task| task.problem);
        let problems = |tasks: &[Task]| tasks.iter().map(|task| task.problem).collect::<Vec<_>>();
        assert_eq!(problems(&together), problems(&all));
        for wrong in ["0/3", "4/3", "1", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
