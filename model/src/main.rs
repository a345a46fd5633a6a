use clap::Parser;

fn main() -> anyhow::Result<()> {
    tilewright_patchtst::cli::run(tilewright_patchtst::cli::Cli::parse())
}
