//! `ecluse register verify`: the fsck of the register (fault 12).

use super::SourceArguments;
use crate::register::{VerifyReport, walk};
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// What `ecluse register verify` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// The findings for programs.
#[derive(Serialize)]
struct Findings<'a> {
    sound: bool,
    #[serde(flatten)]
    report: &'a VerifyReport,
}

/// Verifies and prints what was found.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (report, _) = walk(&arguments.source.source()?, |_| {}).map_err(super::unreadable)?;
    let sound = report.is_sound();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let findings = Findings { sound, report: &report };
        writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?;
    } else {
        writeln!(out, "{report}")?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
