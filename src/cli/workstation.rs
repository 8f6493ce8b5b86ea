//! `ecluse workstation`: which machines may show a transfer (A6-1). Through the running server's console, or directly
//! while no server runs; each change is an entry of the register.

use super::people::done;
use super::{ConfigArgument, check};
use crate::console::{Order, Outcome};
use crate::domain::{ServiceId, Workstation, WorkstationId};
use crate::pki::Authority;
use anyhow::{Context, bail};
use clap::Subcommand;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where a passphrase may stand instead of in a file. Never an argument: those show in the list of processes.
const PASSPHRASE_VARIABLE: &str = "ECLUSE_P12_PASSPHRASE";
/// Shortest passphrase, characters: the file travels.
const SHORTEST: usize = 12;
/// How often a passphrase may be mistyped.
const ATTEMPTS: usize = 3;

/// What `ecluse workstation` takes.
#[derive(clap::Args)]
#[command(after_help = "\
The authority is the configuration's https.workstation_ca; it is made at the first issue, its key beside it. The passphrase
of the PKCS#12 file comes from --passphrase-file or from the variable ECLUSE_P12_PASSPHRASE; on a terminal it is asked for,
twice; else, or when nothing is typed, it is drawn and shown once. It is never an argument: those show in the list of
processes.

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
        (None, Err(_)) if std::io::stdin().is_terminal() => match typed_twice(rpassword::prompt_password)? {
            Some(text) => text,
            None => return Ok((crate::store::password::generate()?, true)),
        },
        (None, Err(_)) => return Ok((crate::store::password::generate()?, true)),
    };
    long_enough(&given)?;
    Ok((given, false))
}

/// Asks for a passphrase without showing it, until two in a row are the same and long enough. `None`: nothing was typed,
/// one is to be drawn.
fn typed_twice(mut ask: impl FnMut(&'static str) -> std::io::Result<String>) -> anyhow::Result<Option<String>> {
    for _ in 0..ATTEMPTS {
        let first = ask("passphrase of the file (empty: one is drawn and shown): ").context("the terminal")?;
        if first.is_empty() {
            return Ok(None);
        }
        if let Err(why) = long_enough(&first) {
            eprintln!("{why}");
            continue;
        }
        if ask("the same again: ").context("the terminal")? == first {
            return Ok(Some(first));
        }
        eprintln!("they are not the same");
    }
    bail!("nothing was issued: no passphrase in {ATTEMPTS} attempts");
}

fn long_enough(given: &str) -> anyhow::Result<()> {
    if given.chars().count() < SHORTEST {
        bail!(
            "the passphrase has {} characters: at least {SHORTEST} are needed, the file travels",
            given.chars().count()
        );
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::typed_twice;

    fn answers(lines: &[&str]) -> anyhow::Result<Option<String>> {
        let mut lines = lines.iter();
        typed_twice(|_| lines.next().map(|line| (*line).to_owned()).ok_or(std::io::ErrorKind::UnexpectedEof.into()))
    }

    #[test]
    fn a_passphrase_is_typed_twice_and_long_enough() {
        let good = "une phrase assez longue";
        assert_eq!(answers(&[good, good]).unwrap().as_deref(), Some(good));
        assert_eq!(answers(&["trop court", good, "une autre phrase", good, good]).unwrap().as_deref(), Some(good));
        assert_eq!(answers(&[""]).unwrap(), None, "one is drawn");
        assert!(answers(&["court", "court", "court", good, good]).is_err(), "not for ever");
        assert!(answers(&[good]).is_err(), "the terminal is gone");
    }
}
