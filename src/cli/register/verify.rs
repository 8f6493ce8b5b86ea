//! `ecluse register verify`: the fsck of the register (fault 12), and the witness's proof.

use super::SourceArguments;
use crate::register::{SignedCheckpoint, VerifyKey, VerifyReport, examine};
use anyhow::Context;
use serde::Serialize;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `ecluse register verify` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Also prove that the register begins with what this checkpoint vouches for; the mail as saved will do
    #[arg(long, value_name = "FILE", requires = "key")]
    checkpoint: Vec<PathBuf>,
    /// The public key that checkpoints must be signed with, or a file that holds it
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
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
    /// The checkpoints given, whose signatures are right; the register begins with their entries when it is sound.
    held_against: Vec<HeldAgainst<'a>>,
}

#[derive(Serialize)]
struct HeldAgainst<'a> {
    name: &'a str,
    origin: &'a str,
    size: u64,
    root: String,
}

/// Verifies and prints what was found.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let key = match &arguments.key {
        Some(key) => Some(parse_key(key)?),
        None => arguments.source.own_key()?,
    };
    let witnessed = match &key {
        Some(key) => arguments.checkpoint.iter().map(|path| witnessed(path, key)).collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    let mut examined = examine(&arguments.source.source()?, key.as_ref()).map_err(super::unreadable)?;
    examined.hold_against(&witnessed);
    let report = &examined.report;
    let sound = report.is_sound();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let held_against = witnessed.iter().map(|known| HeldAgainst {
            name: &known.name,
            origin: &known.checkpoint.origin,
            size: known.checkpoint.size,
            root: known.checkpoint.root.base64(),
        });
        let findings = Findings { sound, report, held_against: held_against.collect() };
        writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?;
    } else {
        for known in witnessed.iter().filter(|_| sound) {
            let (name, size) = (&known.name, known.checkpoint.size);
            writeln!(out, "{name}: signed; its {size} entries are the first {size} of this register, unchanged")?;
        }
        writeln!(out, "{report}")?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A checkpoint from elsewhere. One whose signature is wrong proves nothing, neither way.
fn witnessed(path: &Path, key: &VerifyKey) -> anyhow::Result<SignedCheckpoint> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("checkpoint {name} cannot be read"))?;
    let found = SignedCheckpoint::find(&text, key, &name).and_then(|found| found.verify(key).map(|()| found));
    found.with_context(|| format!("checkpoint {name} proves nothing"))
}

fn parse_key(given: &str) -> anyhow::Result<VerifyKey> {
    let text = if given.contains('+') {
        given.to_owned()
    } else {
        fs::read_to_string(given).with_context(|| format!("key file {given} cannot be read"))?
    };
    Ok(text.trim().parse()?)
}
