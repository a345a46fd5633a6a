//! `autotune`: measures attention plans and writes tuning tables.
use clap::Parser;

fn main() -> anyhow::Result<()> {
    tilewright_autotune::run(tilewright_autotune::Cli::parse())
}
