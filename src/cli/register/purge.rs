//! `ecluse register purge`: what has served its time goes (REQUIREMENTS, "Law around it"), while no server runs.

use crate::cli::ConfigArgument;
use crate::cli::running::register_dir;
use crate::register::{Register, read_public_key};
use chrono::{TimeDelta, Utc};
use std::process::ExitCode;

/// What it takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

/// Purges and says how many entries it dropped.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = super::config(&arguments.config)?;
    let data_dir = &config.server.data_dir;
    let key = read_public_key(data_dir)?;
    let register = Register::open_with(&register_dir(data_dir), key.as_ref()).map_err(super::unreadable)?;
    let days = config.retention.register_days;
    let now = Utc::now();
    let (register, purged) =
        register.purge(now - TimeDelta::days(days.into()), now, key.as_ref()).map_err(super::unreadable)?;
    if let Some(damage) = register.damage() {
        eprintln!("ecluse: the register is damaged, nothing is purged: first bad {damage}");
        return Ok(ExitCode::FAILURE);
    }
    println!("{purged} entries of matters closed more than {days} days ago were dropped; their hashes stay");
    Ok(ExitCode::SUCCESS)
}
