//! `ecluse recordings`: the master key, and whether footage is what was recorded. Offline, except that `check` may run
//! beside the server.

use super::{ConfigArgument, offsite, recorder, running};
use crate::archive::{CheckReport, CheckScope, MasterKey, MasterKeySource, check, rotate_master_key};
use crate::config::{Config, RecorderConfig};
use crate::domain::CameraId;
use crate::evidence::{Stamp, Verified, verify};
use crate::register::VerifyKey;
use crate::store::{Store, StoreError};
use anyhow::{Context, bail};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `ecluse recordings` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Decrypt recordings and name every fragment that is not what was written
    ///
    /// Beside a running server it reads files alone; offline it also compares them with the index.
    /// Exit status: 0 sound, 1 something is wrong, 2 could not be read.
    Check(CheckArguments),
    /// Verify an export: the ZIP and the register's public key are all it needs, on any machine
    ///
    /// Exit status: 0 it is what was exported, 1 something is wrong, 2 could not be read.
    Verify(VerifyArguments),
    /// Make a master key, in a file of its own
    NewKey(NewKeyArguments),
    /// Put recordings under another master key, without rewriting footage; the server must be stopped
    ///
    /// The old key is the configuration's. Cut short, run it again. Then name the new key in the configuration.
    RotateKey(RotateArguments),
    /// Bring the off-site copy into an empty directory
    ///
    /// Files stay encrypted: the master key opens them. The copy itself is not changed.
    FetchCopy(FetchArguments),
    /// Forget an off-site copy that has been deleted, so that another can be begun; the server must be stopped
    ///
    /// Nothing is deleted over there: do that first, by hand. Until then the server would delete there what must go, and a
    /// copy that is forgotten keeps it (A5-4). Without --deleted this only says which copy it is about.
    ForgetCopy(ForgetArguments),
}

#[derive(clap::Args)]
struct CheckArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Look at this camera alone
    #[arg(long, value_name = "CAMERA")]
    camera: Option<CameraId>,
    /// Look at one segment in N
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    one_in: u32,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct VerifyArguments {
    /// The export
    file: PathBuf,
    /// The register's public key, or a file that holds it; to be had by another way than the export
    #[arg(long, value_name = "VKEY")]
    key: String,
    /// PEM of the authority whose time stamp the export should have (RFC 3161)
    ///
    /// Without it a time stamp is compared with the export and its time is told, but nobody vouches for that time. With it
    /// an export without a time stamp, or with somebody else's, is a fault.
    #[arg(long, value_name = "PEM")]
    timestamp_ca: Option<PathBuf>,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct NewKeyArguments {
    /// File to make; one that exists is left alone
    file: PathBuf,
}

#[derive(clap::Args)]
struct FetchArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Directory to make, or an empty one
    directory: PathBuf,
}

#[derive(clap::Args)]
struct ForgetArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The copy has been deleted over there
    #[arg(long)]
    deleted: bool,
}

#[derive(clap::Args)]
struct RotateArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// File with the new key (`ecluse recordings new-key FILE`)
    #[arg(long, value_name = "FILE")]
    new_key: PathBuf,
}

/// Exit status: neither sound nor damaged, nobody knows.
const COULD_NOT_READ: u8 = 2;

/// Runs it.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check(arguments) => Ok(run_check(arguments).unwrap_or_else(|error| {
            eprintln!("ecluse: {error:#}");
            ExitCode::from(COULD_NOT_READ)
        })),
        Command::Verify(arguments) => Ok(run_verify(arguments).unwrap_or_else(|error| {
            eprintln!("ecluse: {error:#}");
            ExitCode::from(COULD_NOT_READ)
        })),
        Command::NewKey(arguments) => {
            let key = MasterKey::generate()?;
            key.write_new(&arguments.file)?;
            println!("{}: master key {}; keep a copy apart from the recordings", arguments.file.display(), key.id());
            Ok(ExitCode::SUCCESS)
        }
        Command::RotateKey(arguments) => run_rotate(arguments),
        Command::FetchCopy(arguments) => {
            let (_, recorder) = recorder_config(&arguments.config)?;
            let copy = recorder.offsite.context("the configuration has no [recorder.offsite]: there is no copy")?;
            offsite::fetch(&copy, &arguments.directory)
        }
        Command::ForgetCopy(arguments) => {
            let (config, _) = recorder_config(&arguments.config)?;
            let store = Store::open(&running::store_dir(&config.server.data_dir))?;
            offsite::forget(&store.offsite(), arguments.deleted)
        }
    }
}

/// The configuration and its `[recorder]`, whatever else may be wrong with the file.
fn recorder_config(argument: &ConfigArgument) -> anyhow::Result<(Config, RecorderConfig)> {
    let path = argument.config.display();
    let loaded = Config::load(&argument.config).with_context(|| format!("configuration {path} cannot be read"))?;
    let readable = loaded.has("server.data_dir") && loaded.has("recorder");
    let config = loaded.config.filter(|_| readable);
    let config = config.with_context(|| format!("configuration {path} cannot be used; `ecluse check` says why"))?;
    match config.recorder.clone() {
        Some(recorder) => Ok((config, recorder)),
        None => bail!("configuration {path} has no [recorder]: nothing is recorded"),
    }
}

fn configured_key(recorder: &RecorderConfig) -> anyhow::Result<MasterKey> {
    let source = recorder::master_key(recorder).context("[recorder] names no master key")?;
    Ok(source.load()?)
}

fn run_check(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let (config, recorder) = recorder_config(&arguments.config)?;
    let store_dir = running::store_dir(&config.server.data_dir);
    let store = match store_dir.is_dir().then(|| Store::open(&store_dir)) {
        Some(Ok(store)) => Some(store),
        // The server has it: its start compares.
        Some(Err(StoreError::InUse { .. })) | None => None,
        Some(Err(error)) => return Err(error.into()),
    };
    let scope = CheckScope { camera: arguments.camera.clone(), one_in: arguments.one_in as usize };
    let index = store.as_ref().map(Store::segments);
    let report = check(&config.recordings_dir(), configured_key(&recorder)?, index.as_ref(), &scope)?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(out: &mut impl Write, report: &CheckReport) -> std::io::Result<()> {
    for fault in &report.faults {
        writeln!(out, "{fault}")?;
    }
    for file in &report.unfinished {
        writeln!(out, "segment {file}: being written, or left by a crash; its whole fragments are sound")?;
    }
    let CheckReport { segments, verified, fragments, frames, bytes, .. } = report;
    writeln!(
        out,
        "{verified} of {segments} segments are sound: {fragments} fragments, {frames} pictures, {bytes} bytes"
    )?;
    if !report.index_compared {
        writeln!(out, "the index was not compared: a server has it open, or there is none")?;
    }
    match report.faults.len() {
        0 => writeln!(out, "no fault found"),
        faults => writeln!(out, "{faults} fault(s)"),
    }
}

fn run_verify(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let VerifyArguments { file, key, timestamp_ca, json } = arguments;
    let text = if key.contains('+') {
        key.clone()
    } else {
        std::fs::read_to_string(key).with_context(|| format!("key file {key} cannot be read"))?
    };
    let key: VerifyKey = text.trim().parse()?;
    let authorities = timestamp_ca.as_deref().map(recorder::authorities).transpose();
    let authorities = authorities.map_err(|why| anyhow::anyhow!("--timestamp-ca {why}"))?;
    let name = file.display();
    let opened = std::fs::File::open(file).with_context(|| format!("export {name} cannot be opened"))?;
    let found =
        verify(opened, &key, authorities.as_deref()).with_context(|| format!("export {name} cannot be read"))?;
    let mut out = std::io::stdout().lock();
    if *json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        print_verified(&mut out, &found)?;
    }
    Ok(if found.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_verified(out: &mut impl Write, found: &Verified) -> std::io::Result<()> {
    for fault in &found.faults {
        writeln!(out, "{fault}")?;
    }
    let Verified { files, frames, bytes, .. } = found;
    writeln!(out, "{files} file(s) are what was exported: {frames} pictures, {bytes} bytes")?;
    let service =
        found.manifest.as_ref().and_then(|manifest| manifest.timestamp_service.as_deref()).unwrap_or_default();
    match found.timestamp {
        Stamp::NotAsked | Stamp::Wrong => {}
        Stamp::Missing => writeln!(out, "no time stamp: {service} gave none, or it was taken out")?,
        Stamp::Unvouched(at) => writeln!(
            out,
            "time stamp of {service}: {}, if it is believed; --timestamp-ca PEM verifies it",
            at.to_rfc3339()
        )?,
        Stamp::Vouched(at) => writeln!(out, "time stamp of {service}: it existed at {}", at.to_rfc3339())?,
    }
    match (&found.manifest, found.faults.len()) {
        (Some(manifest), 0) => writeln!(
            out,
            "export {} of {} at {}, entry {} of the register, for: {}",
            manifest.export,
            manifest.site_name,
            manifest.exported_at_utc.to_rfc3339(),
            manifest.register_seq,
            manifest.reference
        ),
        (_, faults) => writeln!(out, "{faults} fault(s)"),
    }
}

fn run_rotate(arguments: &RotateArguments) -> anyhow::Result<ExitCode> {
    let (config, recorder) = recorder_config(&arguments.config)?;
    let old = configured_key(&recorder)?;
    let new = MasterKeySource::File(arguments.new_key.clone()).load()?;
    if old.id() == new.id() {
        bail!("{} is the key the recordings are under already", arguments.new_key.display());
    }
    let done = rotate_master_key(&config.recordings_dir(), &old, &new)?;
    println!("{} day keys wrapped anew, {} were already; no footage was touched", done.rewrapped, done.already);
    println!(
        "the recordings are under master key {} now: name {} in [recorder] before the server is started",
        new.id(),
        arguments.new_key.display()
    );
    if done.unreadable > 0 {
        eprintln!(
            "ecluse: {} files of keys could not be, and stay as they are: KEEP THE OLD KEY, put them right, then run this again with the old key in the configuration",
            done.unreadable
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
