//! `ecluse register key` and `ecluse register checkpoint`: what witnesses are given.

use crate::cli::ConfigArgument;
use crate::cli::running::register_dir;
use crate::register::{Checkpoint, Source, examine, make_checkpoint, read_key, read_public_key};
use anyhow::Context;
use std::process::ExitCode;

/// What both take.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

const NO_KEY: &str = "there is no key yet: the server makes it at its first start";

/// Prints the public key.
pub(super) fn key(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = super::config(&arguments.config)?;
    println!("{}", read_public_key(&config.server.data_dir)?.context(NO_KEY)?);
    Ok(ExitCode::SUCCESS)
}

/// Signs what the register holds now; works beside a running server, as its own user.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = super::config(&arguments.config)?;
    let data_dir = &config.server.data_dir;
    let signer = read_key(data_dir, &config.register_origin())?.context(NO_KEY)?;
    let dir = register_dir(data_dir);
    let examined = examine(&Source::Directory(dir.clone()), Some(signer.public())).map_err(super::unreadable)?;
    if let Some(damage) = &examined.report.damage {
        eprintln!("ecluse: the register is damaged, nothing is signed: first bad {damage}");
        return Ok(ExitCode::FAILURE);
    }
    let checkpoint = Checkpoint {
        origin: signer.public().name().to_owned(),
        size: examined.tree.size(),
        root: examined.tree.root(),
    };
    let made = make_checkpoint(&dir, checkpoint, &signer)?;
    print!("{}", made.note);
    eprintln!("ecluse: kept as {}", made.path.display());
    Ok(ExitCode::SUCCESS)
}
