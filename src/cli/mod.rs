//! The command line: one file per subcommand. Text for people is made here, at the edge.

mod cameras;
mod check;
mod checkpoints;
mod demo;
mod healthcheck;
mod notify;
mod offsite;
mod people;
mod push;
mod recorder;
mod recordings;
mod register;
mod running;
mod serve;
mod site;
mod sites;
mod workstation;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Consent-gated live video.
///
/// Cameras push RTSPS in; the landlord's decision opens the gate; the police watch over AES-256 WebRTC; every step stands
/// in a register.
#[derive(Parser)]
#[command(
    name = "ecluse",
    version,
    max_term_width = 110,
    after_help = "\
Examples:
  ecluse demo                                   the whole story on this machine, with real footage
  ecluse check --config /etc/ecluse/ecluse.toml names every fault of the file and the machine
  ecluse serve --config /etc/ecluse/ecluse.toml the real thing
  ecluse people add --role administrator --name NAME --email ADDRESS
  ecluse register verify --config /etc/ecluse/ecluse.toml"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the whole story on this machine, with real footage
    Demo(demo::Arguments),
    /// Run the server
    Serve(serve::Arguments),
    /// Name every fault of a configuration and of this machine, with line and column
    Check(check::Arguments),
    /// Who may do what: add, list, place, strike, new password
    People(people::Arguments),
    /// A site's dossier and policy: show what is missing, file acts (A1-2, A3-1, A4-1, A4-7, A5-1, A8-1)
    Site(Box<site::Arguments>),
    /// Which machines may show a transfer: issue, list, revoke (A6-1)
    Workstation(workstation::Arguments),
    /// Read and verify the register, offline
    Register(register::Arguments),
    /// Footage: verify it, make and change the master key (A5-4)
    Recordings(recordings::Arguments),
    /// Play a clip as a camera would (a prop of the demo and of tests)
    #[command(hide = true)]
    Push(push::Arguments),
    /// Ask a running server whether it is well (for container health checks)
    Healthcheck(healthcheck::Arguments),
}

/// The file every subcommand of a real installation starts from.
#[derive(clap::Args, Clone)]
struct ConfigArgument {
    /// Configuration file; config/ecluse.toml documents every key
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "ECLUSE_CONFIG",
        default_value = "/etc/ecluse/ecluse.toml",
        global = true
    )]
    config: PathBuf,
}

/// Runs the command line to its end; the exit code is the process's.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::People(arguments) => people::run(&arguments),
        Command::Site(arguments) => site::run(&arguments),
        Command::Workstation(arguments) => workstation::run(&arguments),
        Command::Register(arguments) => register::run(&arguments),
        Command::Recordings(arguments) => recordings::run(&arguments),
        Command::Push(arguments) => push::run(&arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("ecluse: {error:#}");
        ExitCode::FAILURE
    })
}
