//! `ecluse register`: read and verify the register without the server, offline. All but `purge` take no lock and leave the
//! log as it is, so they work on a register in use.

mod checkpoint;
mod export;
mod purge;
mod show;
mod verify;

use super::ConfigArgument;
use crate::config::Config;
use crate::register::{RegisterError, Source, VerifyKey, read_public_key};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `ecluse register` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Verify every entry and name the first bad one
    ///
    /// Exit status: 0 sound, 1 damaged, 2 could not be read.
    Verify(verify::Arguments),
    /// Print entries, as sentences or as they stand
    ///
    /// Exit status: 0 all shown, 1 shown up to the first bad entry, 2 could not be read.
    Show(show::Arguments),
    /// Take the register out: as a document, as a table, or as it stands
    ///
    /// Exit status: 0 all of it, 1 up to the first bad entry, 2 could not be read or written.
    Export(export::Arguments),
    /// Drop what has served its time ([retention] register_days), while no server runs; the rest stays verifiable
    ///
    /// The server does the same at its start. Exit status: 0 done or nothing to do, 1 damaged and left alone, 2 could
    /// not be opened.
    Purge(purge::Arguments),
    /// Print the public key that the register's checkpoints are signed with
    Key(checkpoint::Arguments),
    /// Verify the register, sign and keep a checkpoint of it, and print that
    ///
    /// Exit status: 0 signed, 1 damaged and not signed, 2 could not be read or signed.
    Checkpoint(checkpoint::Arguments),
}

/// Where the register is.
#[derive(clap::Args)]
struct SourceArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// A copy or an export of the register, instead of the configuration's
    #[arg(long, value_name = "EXPORT.jsonl", conflicts_with = "dir")]
    file: Option<PathBuf>,
    /// The register's directory, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl SourceArguments {
    /// The source meant.
    fn source(&self) -> anyhow::Result<Source> {
        match (&self.file, &self.dir) {
            (Some(file), _) => Ok(Source::Copy(file.clone())),
            (None, Some(dir)) => Ok(Source::Directory(dir.clone())),
            (None, None) => Ok(Source::Directory(super::running::register_dir(&config(&self.config)?.server.data_dir))),
        }
    }

    /// The public key that lies beside the configuration's register, if that is what is meant and there is one.
    fn own_key(&self) -> anyhow::Result<Option<VerifyKey>> {
        match (&self.file, &self.dir) {
            (None, None) => Ok(read_public_key(&config(&self.config)?.server.data_dir)?),
            _ => Ok(None),
        }
    }
}

/// The configuration, even one that no server would start on: for reading it needs the data directory alone.
fn config(argument: &ConfigArgument) -> anyhow::Result<Config> {
    let path = &argument.config;
    let loaded = Config::load(path).with_context(|| {
        format!(
            "configuration {} cannot be read; --config names it, --dir or --file name a register without one",
            path.display()
        )
    })?;
    let readable = loaded.has("server.data_dir");
    match loaded.config {
        Some(config) if readable => Ok(config),
        _ => bail!("configuration {} has no readable server.data_dir; `ecluse check` says why", path.display()),
    }
}

/// Runs it.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let outcome = match &arguments.command {
        Command::Verify(arguments) => verify::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Purge(arguments) => purge::run(arguments),
        Command::Key(arguments) => checkpoint::key(arguments),
        Command::Checkpoint(arguments) => checkpoint::run(arguments),
    };
    // Whoever pipes this into `head` has seen enough.
    Ok(outcome.unwrap_or_else(|error| {
        if !is_broken_pipe(&error) {
            eprintln!("ecluse: {error:#}");
        }
        ExitCode::from(COULD_NOT_READ)
    }))
}

/// Exit status: neither sound nor damaged, nobody knows.
const COULD_NOT_READ: u8 = 2;

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Says what to do about a register that cannot be read.
fn unreadable(error: RegisterError) -> anyhow::Error {
    let hint = match &error {
        RegisterError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "no register there: --config, --dir or --file names one"
        }
        RegisterError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            "run this as the server's own user or as root"
        }
        _ => "nothing is said about what could not be read",
    };
    anyhow::Error::new(error).context(hint)
}
