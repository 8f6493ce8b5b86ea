//! `ecluse workstation`: which machines may show a transfer (A6-1). Through the running server's console, or directly
//! while no server runs; each change is an entry of the register.

use super::people::done;
use super::{ConfigArgument, check};
use crate::console::{Order, Outcome};
use crate::domain::{ServiceId, Workstation, WorkstationId};
use crate::pki::Authority;
use anyhow::{Context, bail};
use clap::Subcommand;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where a passphrase may stand instead of in a file. Never an argument: those show in the list of processes.
const PASSPHRASE_VARIABLE: &str = "ECLUSE_P12_PASSPHRASE";
/// Shortest passphrase, characters: the file travels.
const SHORTEST: usize = 12;

/// What `ecluse workstation` takes.
#[derive(clap::Args)]
#[command(after_help = "\
The authority is the configuration's https.workstation_ca; it is made at the first issue, its key beside it. The passphrase
of the PKCS#12 file comes from --passphrase-file, from the variable ECLUSE_P12_PASSPHRASE, or is drawn and shown once.

Examples:
  ecluse workstation issue --name poste-1 --service csu-charenton --out poste-1.p12
  ecluse workstation revoke poste-1 --why \"volé le 3 mars\"")]
pub(super) struct Arguments {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// A new certificate for a workstation of one service, as a PKCS#12 file
    Issue {
        #[command(flatten)]
        config: ConfigArgument,
        /// Its name: what the register says images are watched from
        #[arg(long)]
        name: WorkstationId,
        /// The one service whose people may use it
        #[arg(long)]
        service: ServiceId,
        /// Where the PKCS#12 file goes; it must not exist yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// File whose first line is the passphrase
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// For how long it is valid
        #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// The registered workstations
    List {
        #[command(flatten)]
        config: ConfigArgument,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// A workstation shows nothing any more: what is watched from it is cut at once
    Revoke {
        #[command(flatten)]
        config: ConfigArgument,
        /// Its name
        name: WorkstationId,
        /// Why; written to the register
        #[arg(long)]
        why: String,
    },
}

/// Carries the deed out and says what was done.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.deed {
        Deed::Issue { config, name, service, out, passphrase_file, days } => {
            issue(config, name, service, out, passphrase_file.as_deref(), *days)?;
        }
        Deed::List { config, json } => {
            let Outcome::Workstations { workstations } = done(config, Order::WorkstationList)? else {
                bail!(UNEXPECTED)
            };
            if *json {
                println!("{}", serde_json::to_string_pretty(&workstations)?);
            } else {
                print(&workstations);
            }
        }
        Deed::Revoke { config, name, why } => {
            recorded(done(config, Order::WorkstationRevoke { workstation: name.clone(), why: why.clone() })?)?;
            println!("{name} revoked: what was watched from it has been cut");
        }
    }
    Ok(ExitCode::SUCCESS)
}

const UNEXPECTED: &str = "the server answered something else: use the same `ecluse` as the server";

fn recorded(outcome: Outcome) -> anyhow::Result<()> {
    match outcome {
        Outcome::WorkstationRecorded { .. } => Ok(()),
        _ => bail!(UNEXPECTED),
    }
}

fn issue(
    config: &ConfigArgument,
    name: &WorkstationId,
    service: &ServiceId,
    out: &Path,
    passphrase_file: Option<&Path>,
    days: u32,
) -> anyhow::Result<()> {
    let loaded = check::read(config);
    let Some(usable) = loaded.usable() else {
        check::print(&loaded);
        bail!("nothing was issued: correct the errors above");
    };
    let Some(authority) = &usable.https.workstation_ca else {
        bail!(
            "https.workstation_ca is not set: write workstation_ca = \"/etc/ecluse/workstations-ca.pem\" into [https], issue \
             again (the authority is made there), then restart the server"
        );
    };
    let (passphrase, drawn) = passphrase(passphrase_file)?;
    let authority = Authority::open_or_create_at(authority, "Ecluse workstations")
        .with_context(|| format!("https.workstation_ca {}, and its key beside it", authority.display()))?;
    let file = authority.workstation(name.as_str(), days, &passphrase)?;
    // The file first: a certificate nobody has registered opens nothing, a registered one nobody holds confuses.
    write_new(out, &file.pkcs12)?;
    let workstation = Workstation {
        id: name.clone(),
        service: service.clone(),
        certificate_sha256: file.sha256,
        until_utc: file.until_utc,
    };
    if let Err(why) = done(config, Order::WorkstationIssue { workstation }).and_then(recorded) {
        // It opens nothing; a leftover would only be mistaken for one that does.
        let _ = std::fs::remove_file(out);
        return Err(why);
    }
    println!("{name} issued for {service}, until {}: {}", file.until_utc.format("%Y-%m-%d"), out.display());
    if drawn {
        println!("passphrase, shown this once: {passphrase}");
    }
    Ok(())
}

/// The passphrase, and whether it was drawn here.
fn passphrase(file: Option<&Path>) -> anyhow::Result<(String, bool)> {
    let given = match (file, std::env::var(PASSPHRASE_VARIABLE)) {
        (Some(file), _) => {
            let text =
                std::fs::read_to_string(file).with_context(|| format!("--passphrase-file {}", file.display()))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        (None, Ok(text)) => text,
        (None, Err(_)) => return Ok((crate::store::password::generate()?, true)),
    };
    if given.chars().count() < SHORTEST {
        bail!(
            "the passphrase has {} characters: at least {SHORTEST} are needed, the file travels",
            given.chars().count()
        );
    }
    Ok((given, false))
}

/// Writes a file only its owner can read, unless there is one.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = open.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.with_context(|| format!("--out {}: it must be a new file in a directory you may write to", path.display()))
}

fn print(workstations: &[Workstation]) {
    if workstations.is_empty() {
        println!("none yet: ecluse workstation issue --name NAME --service SERVICE --out FILE.p12");
        return;
    }
    println!("{:<24} {:<24} {:<12} SHA-256 of the certificate", "name", "service", "until");
    for known in workstations {
        let until = known.until_utc.format("%Y-%m-%d").to_string();
        println!("{:<24} {:<24} {until:<12} {}", known.id.as_str(), known.service.as_str(), known.certificate_sha256);
    }
}
