//! Everything the demo makes: authority, certificates, passwords, configuration, people. Kept in the data directory and
//! used again at the next start.

use super::people::{DemoPerson, cast};
use super::pushers::Push;
use super::{Arguments, footage, settle_port};
use crate::archive::MasterKey;
use crate::cli::running::Running;
use crate::domain::{Action, Actor, Command, Designation, Policy, Role, ServiceId, SiteId, Workstation};
use crate::pki::{Authority, Issued, Usage};
use crate::store::totp::TotpSecret;
use crate::store::{Identity, password as hashing};
use crate::web::DemoAccount;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The site's configuration without its cameras.
const TEMPLATE: &str = include_str!("../../../config/demo/ecluse.toml");
/// The demo's one site.
pub(super) const SITE: &str = "arcade";
/// Its one dedicated workstation.
const WORKSTATION: &str = "poste-1";
/// Its recipient service.
const SERVICE: &str = "csu-charenton";
/// Names of the first cameras; further ones are numbered.
const CAMERA_NAMES: [&str; 4] =
    ["Cour, côté rue de l'Arcade", "Allée, escalier A", "Accès au parking", "Abords du local vélos"];

/// One camera of the demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DemoCamera {
    /// Identifier.
    pub id: String,
    /// Name.
    pub name: String,
    /// Where it pushes.
    pub url: String,
    /// Its user name.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// The demo's dedicated workstation (A6-1): import the PKCS#12 file into a browser, or give the PEM pair to a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DemoWorkstation {
    /// Its name, as the register says it.
    pub name: String,
    /// PKCS#12 file.
    pub p12: PathBuf,
    /// Its passphrase.
    pub passphrase: String,
    /// PEM certificate.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// Whether operators and chiefs need it.
    pub required: bool,
}

/// `demo.json`: everything a person or a test needs to use the demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DemoFile {
    /// Base of all pages.
    pub https_url: String,
    /// Where the demo's mails are read.
    pub mails_url: String,
    /// Port of the pages.
    pub https_port: u16,
    /// Port of the cameras (RTSPS).
    pub rtsp_port: u16,
    /// Directory of everything the demo made.
    pub data_dir: PathBuf,
    /// The configuration it runs on.
    pub config: PathBuf,
    /// PEM of the demo's authority.
    pub ca: PathBuf,
    /// SHA-256 of the server key's SPKI, base64, for Chromium's `--ignore-certificate-errors-spki-list`.
    pub spki_sha256: String,
    /// Process of the server.
    pub pid: u32,
    /// Site identifier.
    pub site: String,
    /// People with their passwords.
    pub people: Vec<DemoPerson>,
    /// Cameras with their passwords.
    pub cameras: Vec<DemoCamera>,
    /// The dedicated workstation.
    #[serde(default)]
    pub workstation: Option<DemoWorkstation>,
}

/// The demo's props.
pub(super) struct Props {
    directory: PathBuf,
    https: SocketAddr,
    rtsp: SocketAddr,
    /// A mail catcher, where one was named.
    smtp: Option<SocketAddr>,
    no_recording: bool,
    pub(super) file: DemoFile,
}

impl Props {
    /// Opens the data directory, making what is missing.
    pub(super) fn open_or_make(arguments: &Arguments) -> anyhow::Result<Self> {
        let directory = std::path::absolute(&arguments.data_dir)?;
        std::fs::create_dir_all(&directory).with_context(|| format!("{} cannot be made", directory.display()))?;
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700))?;
        std::fs::create_dir_all(directory.join("data"))?;
        std::fs::set_permissions(directory.join("data"), std::fs::Permissions::from_mode(0o700))?;
        let (https, rtsp) = (settle_port(arguments.https)?, settle_port(arguments.rtsp)?);
        let authority = Authority::open_or_create(&directory.join("pki"), "Ecluse demo CA")?;
        let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut hosts = vec!["localhost", "127.0.0.1", "::1"];
        if !hostname.trim().is_empty() && hostname.trim() != "localhost" {
            hosts.push(hostname.trim());
        }
        let addresses = [https.ip().to_string(), rtsp.ip().to_string()];
        for address in &addresses {
            if !hosts.contains(&address.as_str()) {
                hosts.push(address);
            }
        }
        let server = authority.issue("server", Usage::Server, &hosts, 365)?;

        let known: Option<DemoFile> =
            std::fs::read_to_string(directory.join("demo.json")).ok().and_then(|text| serde_json::from_str(&text).ok());
        let mut people = match known.as_ref().map(|file| file.people.clone()) {
            Some(people) if !people.is_empty() => people,
            _ => cast()?,
        };
        // A directory of an earlier version knows no second factors.
        for person in people.iter_mut().filter(|person| person.totp_secret.is_empty()) {
            person.totp_secret = TotpSecret::generate()?.base32();
        }
        let mut cameras = Vec::new();
        for index in 0..usize::from(arguments.cameras) {
            let id = format!("camera-{}", index + 1);
            let name =
                CAMERA_NAMES.get(index).map_or_else(|| format!("Caméra {}", index + 1), |name| (*name).to_owned());
            let password_path = directory.join("pki").join(format!("{id}.password"));
            if !password_path.exists() {
                write_private(&password_path, hashing::generate()?.as_str())?;
            }
            let password = std::fs::read_to_string(&password_path)?.trim().to_owned();
            let url = format!("rtsps://localhost:{}/{SITE}/{id}", rtsp.port());
            cameras.push(DemoCamera { user: id.clone(), id, name, url, password });
        }
        let recordings_key = directory.join("pki/recordings.key");
        if !recordings_key.exists() {
            MasterKey::generate()?.write_new(&recordings_key)?;
        }
        let issued = authority.issue(WORKSTATION, Usage::Client, &[], 365)?;
        let workstation = workstation(&directory, &authority, issued, arguments.require_workstation)?;
        let file = DemoFile {
            https_url: format!("https://localhost:{}", https.port()),
            mails_url: format!("https://localhost:{}/demo/mails", https.port()),
            https_port: https.port(),
            rtsp_port: rtsp.port(),
            config: directory.join("ecluse.toml"),
            data_dir: directory.clone(),
            ca: authority.certificate_path(),
            spki_sha256: spki_sha256(&server)?,
            pid: std::process::id(),
            site: SITE.to_owned(),
            people,
            cameras,
            workstation: Some(workstation),
        };
        let props = Self { directory, https, rtsp, smtp: arguments.smtp, no_recording: arguments.no_recording, file };
        props.write_config()?;
        Ok(props)
    }

    /// The configuration file the demo runs on: an ordinary one.
    pub(super) fn config_path(&self) -> PathBuf {
        self.directory.join("ecluse.toml")
    }

    /// Accounts for the log-in page.
    pub(super) fn accounts(&self) -> anyhow::Result<Vec<DemoAccount>> {
        let account = |person: &DemoPerson| {
            Ok(DemoAccount {
                person: person.id.parse()?,
                label: person.name.clone(),
                email: person.email.clone(),
                password: person.password.clone(),
                totp: TotpSecret::from_base32(&person.totp_secret)?,
            })
        };
        self.file.people.iter().map(account).collect()
    }

    fn write_config(&self) -> anyhow::Result<()> {
        std::fs::write(self.config_path(), self.configuration()).context("the demo's configuration cannot be written")
    }

    /// The embedded configuration with this demo's addresses and cameras.
    fn configuration(&self) -> String {
        let mut text = TEMPLATE
            .replace("127.0.0.1:8443", &self.https.to_string())
            .replace("127.0.0.1:8322", &self.rtsp.to_string())
            .replace("https://localhost:8443", &self.file.https_url);
        if self.file.workstation.as_ref().is_some_and(|workstation| workstation.required) {
            text = text.replace("[https]\n", "[https]\nworkstation_ca = \"pki/ca.pem\"\n");
        }
        if self.no_recording
            && let Some((before, rest)) = text.split_once("[recorder]")
            && let Some((_, after)) = rest.split_once("\n[")
        {
            text = format!("{before}[{after}");
        }
        if let Some(relay) = self.smtp {
            let mail = format!(
                "[mail]\nfrom = \"Écluse <ecluse@demo.example>\"\nsmtp = \"smtp://{relay}\"\nallow_plain = true\n\n"
            );
            text = text.replacen("[[service]]", &format!("{mail}[[service]]"), 1);
        }
        for camera in &self.file.cameras {
            // Ids, names and users are this file's own: nothing in them needs escaping. A String takes all writes.
            let _ = write!(
                text,
                "\n[[site.camera]]\nid = \"{0}\"\nname = \"{1}\"\nuser = \"{2}\"\npassword_file = \"pki/{0}.password\"\n",
                camera.id, camera.name, camera.user
            );
        }
        text
    }

    /// Makes the clips, saying how far it is.
    pub(super) fn clips(&self) -> anyhow::Result<Vec<PathBuf>> {
        let directory = self.directory.join("clips");
        let mut clips = Vec::new();
        for (index, camera) in self.file.cameras.iter().enumerate() {
            // Further cameras show the first four views again: four minutes of encoding help nobody.
            let view = index % CAMERA_NAMES.len();
            let count = self.file.cameras.len().min(CAMERA_NAMES.len());
            let shown = std::cell::Cell::new(false);
            let clip = footage::clip(&directory, view, &camera.name, |percent| {
                shown.set(true);
                eprint!("\rencoding the footage, once: camera {}/{count} {percent:>3} % ", view + 1);
                // Progress is a courtesy: a closed standard error is no reason to stop.
                let _ = std::io::stderr().flush();
            })?;
            if shown.get() {
                eprintln!();
            }
            clips.push(clip);
        }
        Ok(clips)
    }

    /// What each camera plays: its own clip, none without clips.
    pub(super) fn pushes(&self, clips: &[PathBuf]) -> Vec<Push> {
        let push = |(camera, clip): (&DemoCamera, &PathBuf)| Push {
            camera: camera.clone(),
            clip: clip.clone(),
            ca: self.file.ca.clone(),
        };
        self.file.cameras.iter().zip(clips).map(push).collect()
    }

    /// Puts the cast into the annex and the identity table, once.
    pub(super) async fn seed_people(&self, running: &Running) -> anyhow::Result<()> {
        for person in &self.file.people {
            let id = person.id.parse()?;
            let police = person.role.is_police();
            let of_site = police || matches!(person.role, Role::Decider | Role::Guard | Role::Dpo);
            let designation = Designation {
                person: person.id.parse()?,
                role: person.role,
                sites: of_site.then(|| SITE.parse::<SiteId>()).transpose()?.into_iter().collect(),
                service: police.then(|| SERVICE.parse::<ServiceId>()).transpose()?,
            };
            let store = running.store().clone();
            let known = running.control().read(|state| state.people.get(&designation.person) == Some(&designation));
            let (identity, secret, identity_secret) =
                (person.clone(), person.password.clone(), person.totp_secret.clone());
            tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
                if store.people().get(&id)?.is_none() {
                    store.people().put(&Identity {
                        person: id.clone(),
                        email: identity.email,
                        name: identity.name,
                        language: "fr".to_owned(),
                        password_hash: hashing::hash(&secret)?,
                    })?;
                }
                if store.second_factors().get(&id)?.is_none() {
                    let secret = TotpSecret::from_base32(&identity_secret)?;
                    store.second_factors().enrol(&id, &secret, 0, chrono::Utc::now(), |_| false)?;
                }
                Ok(())
            })
            .await??;
            if !known {
                let command = Command { actor: Actor::System, action: Action::Designate(designation) };
                running.control().execute(command).await?;
            }
        }
        let site: SiteId = SITE.parse()?;
        let site = running.control().read(|state| state.sites.get(&site).cloned());
        super::dossier::file(running, &site.context("the demo's site is not declared")?, &self.file.people).await?;
        self.shorten_the_pause(running).await
    }

    /// Who plays the story twice does not want to wait in between: the demo's decider says so, once (A4-7).
    async fn shorten_the_pause(&self, running: &Running) -> anyhow::Result<()> {
        let site: SiteId = SITE.parse()?;
        let decider = self.file.people.iter().find(|person| person.role == Role::Decider);
        let is_set = running.control().read(|state| state.policies.contains_key(&site));
        if let (Some(decider), false) = (decider, is_set) {
            let policy = Policy { cooling_off_minutes: 0, ..Policy::default() };
            let actor = Actor::Person(decider.id.parse()?);
            running.control().execute(Command { actor, action: Action::SetPolicy { site, policy } }).await?;
        }
        Ok(())
    }

    /// Registers the workstation, once; a renewed certificate takes the place of the one before.
    pub(super) async fn seed_workstation(&self, running: &Running) -> anyhow::Result<()> {
        let Some(workstation) = &self.file.workstation else { return Ok(()) };
        let certificate = openssl::x509::X509::from_pem(&std::fs::read(&workstation.certificate)?)?;
        let registered = Workstation {
            id: workstation.name.parse()?,
            service: SERVICE.parse()?,
            certificate_sha256: crate::pki::sha256(&certificate)?,
            until_utc: crate::pki::until(&certificate)?,
        };
        let known = running.control().read(|state| state.workstations.get(&registered.id).cloned());
        let execute = async |action| running.control().execute(Command { actor: Actor::System, action }).await;
        if known.as_ref().is_some_and(|known| *known != registered) {
            let why = "certificat renouvelé / certificate renewed".to_owned();
            execute(Action::RevokeWorkstation { workstation: registered.id.clone(), why }).await?;
        }
        if known.as_ref() != Some(&registered) {
            execute(Action::IssueWorkstation(registered)).await?;
        }
        Ok(())
    }

    /// `demo.json`, as text.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(&self.file)?)
    }

    /// Writes `demo.json`, readable by its owner alone. It appears whole, when the server is up: tests wait for it.
    pub(super) fn write_demo_json(&self) -> anyhow::Result<()> {
        write_private(&self.directory.join("demo.json"), &self.json()?)
    }
}

/// The workstation's certificate as browsers import it.
fn workstation(
    directory: &Path,
    authority: &Authority,
    issued: Issued,
    required: bool,
) -> anyhow::Result<DemoWorkstation> {
    let p12 = directory.join("pki").join(format!("{WORKSTATION}.p12"));
    let passphrase_path = directory.join("pki").join(format!("{WORKSTATION}.passphrase"));
    if !passphrase_path.exists() {
        write_private(&passphrase_path, &hashing::generate()?)?;
    }
    let passphrase = std::fs::read_to_string(&passphrase_path)?.trim().to_owned();
    std::fs::write(&p12, authority.pkcs12(&issued, WORKSTATION, &passphrase)?)?;
    std::fs::set_permissions(&p12, std::fs::Permissions::from_mode(0o600))?;
    let name = WORKSTATION.to_owned();
    Ok(DemoWorkstation { name, p12, passphrase, certificate: issued.certificate, key: issued.key, required })
}

/// What Chromium compares when it is told to trust exactly this server.
fn spki_sha256(server: &Issued) -> anyhow::Result<String> {
    let pem = std::fs::read(&server.certificate).with_context(|| server.certificate.display().to_string())?;
    let spki = openssl::x509::X509::from_pem(&pem)?.public_key()?.public_key_to_der()?;
    Ok(openssl::base64::encode_block(&openssl::sha::sha256(&spki)))
}

/// Writes a file only its owner can read; it appears whole.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        writeln!(file, "{text}")?;
        std::fs::rename(&part, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_embedded_configuration_has_no_fault() {
        let camera = "\n[[site.camera]]\nid = \"cour\"\nname = \"Cour\"\nuser = \"cour\"\npassword_file = \"p\"\n";
        let (config, faults) = Config::parse(&format!("{TEMPLATE}{camera}"), Path::new("."));
        assert!(config.is_some() && faults.is_empty(), "{faults:?}");
        // The texts that are replaced by the addresses asked for.
        assert_eq!(TEMPLATE.matches("127.0.0.1:8443").count(), 1);
        assert_eq!(TEMPLATE.matches("127.0.0.1:8322").count(), 1);
        assert_eq!(TEMPLATE.matches("https://localhost:8443").count(), 1);
    }
}
