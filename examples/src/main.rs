//! `seasonal train | autotune ..`: a program of a user.

use burn::module::Module as _;
use burn::tensor::Device;
use clap::{Parser, Subcommand};
use seasonal::forecaster::{PERIOD, error, series, train};

/// Trains a small forecaster, or measures plans for this crate's variants and kernels.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  seasonal train\n  seasonal autotune run --variant seasonal_bias \
                  --seq 24 --head-dim 4 --heads 2 --batch 32 --output seasonal.json\n  \
                  seasonal autotune kernel instance_norm"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train, then forecast series that were not seen
    Train {
        /// Steps of the optimizer
        #[arg(long, default_value_t = 150)]
        steps: u32,
    },
    /// The program `autotune`, with the variants and kernels of this crate
    Autotune(tilewright_autotune::Cli),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Cli::parse().command {
        Command::Train { steps } => train_and_test(steps),
        Command::Autotune(cli) => Ok(tilewright_autotune::run(cli)?),
    }
}

fn train_and_test(steps: u32) -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let (model, errors) = train(&device, steps);
    for (step, error) in errors.iter().enumerate().step_by(25) {
        println!("step {step:4}: mean squared error {error:.4}");
    }
    let unseen = series(256, 4 * PERIOD, 1 << 32, &device);
    let found = error(model.valid().forward(unseen.clone(), None), unseen.clone());
    let last_value = error(unseen.clone(), unseen);
    println!(
        "unseen series: {:.4}, repeating the last value {:.4}",
        found.into_scalar::<f32>(),
        last_value.into_scalar::<f32>()
    );
    Ok(())
}
