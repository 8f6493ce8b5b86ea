//! `ecluse register`: read and verify the register without the server.

use super::ConfigArgument;
use std::process::ExitCode;

/// What `ecluse register` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    _config: ConfigArgument,
}

/// Runs it.
pub(super) fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the register's verifier is not wired in this build")
}
