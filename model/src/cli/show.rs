//! `patchtst show`.

use anyhow::Result;
use clap::Args;

use super::settings::ConfigArgs;
use crate::patchtst::PatchTst;
use crate::train::training_loop::learned;

const EXAMPLES: &str = "\
Examples:
  patchtst show --preset traffic --channels 862
  patchtst show --preset etth1 model.patch_len=32 > my.toml     a file to start from";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Channels of the data, for the shapes; the data itself is not opened
    #[arg(long, default_value_t = 7)]
    pub channels: usize,
}

pub(super) fn run(args: &ShowArgs) -> Result<()> {
    let config = args.config.load_open()?;
    print!("{}", config.to_toml()?);
    println!();
    let m = &config.model;
    if m.context == 0 || m.targets == 0 {
        println!(
            "# model.context = {}, model.targets = {}: 0 is taken from data.train; set both to see \
             parameters and shapes",
            m.context, m.targets
        );
        return Ok(());
    }
    // Counting needs no GPU.
    let device = burn::tensor::Device::flex();
    let parameters = learned(&PatchTst::new(m, args.channels, config.train.seed, &device));
    println!("# channels          {}", args.channels);
    println!("# parameters        {parameters}");
    let tokens = m.tokens();
    println!(
        "# tokens            {tokens} ({} steps in patches of {}, every {})",
        m.context, m.patch_len, m.stride
    );
    let sequences = config.train.batch_size * args.channels;
    println!(
        "# attention         {sequences} sequences x {} heads = {} problems of {tokens} x {tokens}",
        m.heads,
        sequences * m.heads,
    );
    for layer in 1..=m.layers {
        let width = if m.residual_attention { layer * m.head_dim() } else { m.head_dim() };
        println!(
            "#   layer {layer}         queries and keys {width} wide, values {}",
            m.value_dim()
        );
    }
    let scores = sequences * m.heads * tokens * tokens * 4;
    println!("# one score tensor  {:.1} MiB, if it were stored", scores as f64 / (1 << 20) as f64);
    Ok(())
}
