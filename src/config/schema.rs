//! The shape of the configuration file: what each key becomes, its default, and what is expected of it.

use crate::domain::{CameraId, Role, ServiceId, SiteId};
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The whole file.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where state lives.
    pub server: ServerConfig,
    /// Pages, API and WHEP.
    pub https: HttpsConfig,
    /// Cameras.
    pub rtsp: RtspConfig,
    /// Log-ins.
    pub auth: AuthConfig,
    /// The landlord's identity provider; `None`: everybody logs in with a password of this server.
    pub oidc: Option<OidcConfig>,
    /// Viewers.
    pub webrtc: WebrtcConfig,
    /// The mail server; `None`: mails are queued and never sent.
    pub mail: Option<MailConfig>,
    /// The register's checkpoints.
    pub register: RegisterConfig,
    /// Recording; `None`: nothing is recorded.
    pub recorder: Option<RecorderConfig>,
    /// How long traces are kept.
    pub retention: RetentionConfig,
    /// Figures for Prometheus.
    pub metrics: Option<MetricsConfig>,
    /// The server's own log.
    pub log: LogConfig,
    /// Recipient services (A2-1).
    pub service: Vec<ServiceConfig>,
    /// Sites (A1-1).
    pub site: Vec<SiteConfig>,
}

/// `[server]`.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Directory of the register and the store.
    pub data_dir: PathBuf,
    /// Language of pages when neither the person's account nor the browser says one: `fr` or `en`.
    pub language: LanguageConfig,
}

/// A language of pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LanguageConfig {
    /// Français.
    #[default]
    Fr,
    /// English.
    En,
}

/// `[https]`.
#[derive(Debug, Clone)]
pub struct HttpsConfig {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// PEM certificate chain.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// The URL people use, for links in mails; e.g. `https://ecluse.example.org`.
    pub public_url: String,
    /// PEM of the authority of the workstations' client certificates (A6-1).
    pub workstation_ca: Option<PathBuf>,
    /// Whether TLS 1.2 (ECDHE with AES-256-GCM alone) is spoken beside TLS 1.3.
    pub allow_tls12: bool,
}

/// `[auth]`.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// Whether log-ins need a second factor: `required` or `off`.
    pub second_factor: SecondFactorConfig,
    /// An account is locked out after so many wrong passwords or codes,
    pub lockout_attempts: u32,
    /// within so many minutes,
    pub lockout_window_min: u64,
    /// for so many minutes; the next time for twice as long.
    pub lockout_min: u64,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            second_factor: SecondFactorConfig::default(),
            lockout_attempts: 10,
            lockout_window_min: 15,
            lockout_min: 15,
        }
    }
}

/// Whether log-ins need a second factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactorConfig {
    /// Everybody's do (MFA for every person).
    #[default]
    Required,
    /// A password is enough: on a machine that listens to itself alone.
    Off,
}

/// `[oidc]`: log-in by the landlord's identity provider.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// The provider's name on the log-in page.
    pub name: String,
    /// Issuer, as its own documents write it.
    pub issuer: String,
    /// What the provider knows this server as.
    pub client_id: String,
    /// File whose first line is the client's secret.
    pub client_secret_file: PathBuf,
    /// PEM of the only authorities the provider's certificate may come from; `None`: those the system believes.
    pub ca: Option<PathBuf>,
    /// Who may log in this way.
    pub roles: Vec<Role>,
    /// Values of `amr` any of which proves a second factor.
    pub second_factor_amr: Vec<String>,
    /// Values of `acr` any of which proves a second factor.
    pub second_factor_acr: Vec<String>,
}

impl OidcConfig {
    /// The landlord's roles: the only ones that may log in this way. The police never do (A6-1).
    pub const ROLES: [Role; 4] = [Role::Decider, Role::Guard, Role::Dpo, Role::Administrator];
}

/// `[rtsp]`.
#[derive(Debug, Clone)]
pub struct RtspConfig {
    /// Address and port to listen on (RTSPS).
    pub listen: SocketAddr,
    /// PEM certificate chain.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// PEM of the authority whose client certificates encoders may present (fault 21).
    pub client_ca: Option<PathBuf>,
    /// A publisher that sends nothing for so many seconds is dropped.
    pub stall_timeout_s: u64,
}

/// `[webrtc]`.
#[derive(Debug, Clone, Default)]
pub struct WebrtcConfig {
    /// UDP ports for viewers, one each.
    pub udp_ports: UdpPorts,
    /// The address viewers reach this server at, when it is behind 1:1 NAT.
    pub external_address: Option<IpAddr>,
    /// `stun://host:port`.
    pub stun_server: Option<String>,
    /// `turn://user:password@host:port?transport=tcp` or `turns://...`.
    pub turn_servers: Vec<Secret>,
}

/// `[mail]` (A3-7, A6-6).
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// Sender of every mail, with or without a name: `Écluse <ecluse@example.org>`.
    pub from: String,
    /// The mail server.
    pub smtp: SmtpUrl,
    /// User to log in as.
    pub user: Option<String>,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// PEM of the only authorities the mail server's certificate may come from; `None`: those the system believes.
    pub ca: Option<PathBuf>,
    /// What this server calls itself; `None`: the host of `https.public_url`.
    pub hello_name: Option<String>,
    /// Send without encryption, to a test relay on a loopback address.
    pub allow_plain: bool,
    /// For connection, encryption and log-in together, seconds.
    pub connect_timeout_s: u64,
    /// For one mail, seconds.
    pub send_timeout_s: u64,
}

/// How a mail server's URL begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpScheme {
    /// TLS from the first byte.
    Smtps,
    /// STARTTLS.
    Smtp,
}

/// Where the mail server is, written `"smtps://HOST:465"` or `"smtp://HOST:587"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SmtpUrl {
    /// How it is spoken to.
    pub scheme: SmtpScheme,
    /// Its name, or an IP address; its certificate must say the same.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl SmtpUrl {
    /// Whether it is on this very machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for SmtpUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = |what: &str| format!("{what}: expected smtps://HOST:465 or smtp://HOST:587");
        let (scheme, rest) = text.split_once("://").ok_or_else(|| expected("no scheme"))?;
        let (scheme, default_port) = match scheme {
            "smtps" => (SmtpScheme::Smtps, 465),
            "smtp" => (SmtpScheme::Smtp, 587),
            _ => return Err(expected("another scheme")),
        };
        if rest.contains('@') {
            return Err("user and password have keys of their own, user and password_file".to_owned());
        }
        let (host, port) = match rest.strip_prefix('[') {
            // An IPv6 address.
            Some(rest) => rest.split_once(']').ok_or_else(|| expected("no ] after the address"))?,
            None => rest.find(':').map_or((rest, ""), |at| rest.split_at(at)),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => default_port,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(|| expected("no port number"))?,
            None => return Err(expected("something between address and port")),
        };
        let fits = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c));
        if !fits {
            return Err(expected("no host"));
        }
        Ok(Self { scheme, host: host.to_owned(), port })
    }
}

impl TryFrom<String> for SmtpUrl {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// `[register]`.
#[derive(Debug, Clone, Default)]
pub struct RegisterConfig {
    /// The register's name in its checkpoints; see [`Config::register_origin`].
    pub origin: Option<String>,
    /// E-mail addresses that each day's checkpoint goes to.
    pub witnesses: Vec<String>,
}

/// `[recorder]` (A4-10, A5-4).
#[derive(Debug, Clone)]
pub struct RecorderConfig {
    /// Where recordings lie; `None`: see [`Config::recordings_dir`].
    pub directory: Option<PathBuf>,
    /// How long images are kept, days of 24 h; at most 30.
    pub retention_days: u32,
    /// Length of a segment, seconds.
    pub segment_s: u64,
    /// Length of a fragment, milliseconds: what a power cut may cost.
    pub fragment_ms: u64,
    /// Recording stops while less than this is free on its disk, MiB (fault 13).
    pub keep_free_mib: u64,
    /// Kept free besides, for footage that a hold keeps beyond its time, MiB (A5-5).
    pub hold_reserve_mib: u64,
    /// Administrators are told when less than this is free, MiB.
    pub warn_free_mib: u64,
    /// File whose first line is the master key.
    pub master_key_file: Option<PathBuf>,
    /// Name of the systemd credential that is the master key.
    pub master_key_credential: Option<String>,
    /// Name of the environment variable that holds the master key.
    pub master_key_env: Option<String>,
    /// The copy elsewhere; `None`: there is none.
    pub offsite: Option<OffsiteConfig>,
    /// Who stamps exports with the time; `None`: nobody.
    pub timestamp: Option<TimestampConfig>,
}

/// `[recorder.timestamp]`: a time stamping service (RFC 3161) for exports.
#[derive(Debug, Clone)]
pub struct TimestampConfig {
    /// Its address, `http://` or `https://`.
    pub url: String,
    /// PEM of the authorities that vouch for its certificate.
    pub ca: PathBuf,
}

/// `[recorder.offsite]`: a copy of the recordings in an S3-compatible bucket.
#[derive(Debug, Clone)]
pub struct OffsiteConfig {
    /// `https://HOST[:PORT]`.
    pub endpoint: String,
    /// The storage's region.
    pub region: String,
    /// Bucket.
    pub bucket: String,
    /// What every name begins with.
    pub prefix: String,
    /// Access key.
    pub access_key_id: String,
    /// File whose first line is the access key's secret.
    pub secret_access_key_file: PathBuf,
    /// PEM of authorities that may vouch for the storage besides the system's.
    pub ca: Option<PathBuf>,
}

/// `[retention]`: how long what is written about people's acts is kept.
#[derive(Debug, Clone)]
pub struct RetentionConfig {
    /// Days that a closed matter stays in the register: a ticket with its sessions and mails, a start of the server.
    pub register_days: u16,
    /// Days of the connection log.
    pub connections_days: u16,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { register_days: 3 * 365, connections_days: 365 }
    }
}

/// `[metrics]`.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// Plain HTTP listener for Prometheus; keep it on loopback or a management network.
    pub listen: SocketAddr,
}

/// `[log]`.
#[derive(Debug, Clone, Default)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// A tracing filter, e.g. `info` or `info,ecluse::media=debug`.
    pub level: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For log collectors: one JSON object per line.
    Json,
}

/// `[[service]]`.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Identifier.
    pub id: ServiceId,
    /// Name as people read it.
    pub name: String,
    /// Its town; must be the convention's.
    pub town: String,
    /// Postal address.
    pub address: String,
}

/// `[[site]]`.
#[derive(Debug, Clone)]
pub struct SiteConfig {
    /// Identifier; first part of its cameras' RTSP paths.
    pub id: SiteId,
    /// Name as people read it.
    pub name: String,
    /// Addresses covered (A1-1).
    pub addresses: Vec<String>,
    /// Identifier of the one recipient service (A2-1).
    pub service: ServiceId,
    /// The convention in force.
    pub convention: ConventionConfig,
    /// Its cameras, in the order pages show them.
    pub camera: Vec<CameraConfig>,
}

/// `[site.convention]`.
#[derive(Debug, Clone)]
pub struct ConventionConfig {
    /// Town that signed.
    pub town: String,
    /// First day, `YYYY-MM-DD`, from 00:00 Europe/Paris (A8-1).
    pub valid_from: chrono::NaiveDate,
    /// Last day, `YYYY-MM-DD`, to its end in Europe/Paris (fault 23).
    pub valid_until: chrono::NaiveDate,
}

/// `[[site.camera]]`.
#[derive(Debug, Clone)]
pub struct CameraConfig {
    /// Identifier; second part of its RTSP path.
    pub id: CameraId,
    /// Name as people read it.
    pub name: String,
    /// User name its encoder logs in with.
    pub user: Option<String>,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// SHA-256 of the encoder's client certificate, hexadecimal.
    pub client_certificate_sha256: Option<String>,
}

/// A range of UDP ports, written `"50000-50999"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UdpPorts(pub RangeInclusive<u16>);

impl Default for UdpPorts {
    fn default() -> Self {
        Self(50_000..=50_999)
    }
}

impl UdpPorts {
    /// How many ports, and so viewers, there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl FromStr for UdpPorts {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("\"{text}\": expected a range of UDP ports such as \"50000-50999\", low end first");
        let (low, high) = text.split_once('-').ok_or_else(expected)?;
        let (low, high): (u16, u16) =
            (low.trim().parse().map_err(|_| expected())?, high.trim().parse().map_err(|_| expected())?);
        if low == 0 || low > high { Err(expected()) } else { Ok(Self(low..=high)) }
    }
}

impl TryFrom<String> for UdpPorts {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A text that must not be printed: its `Debug` shows three stars.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The text itself; do not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Config {
    /// The register's name in its checkpoints: as configured, else `HOST/register` with the host of the public URL.
    pub fn register_origin(&self) -> String {
        self.register.origin.clone().unwrap_or_else(|| {
            let url = &self.https.public_url;
            let host = url.strip_prefix("https://").unwrap_or(url).split('/').next().unwrap_or_default();
            // Without its port, which may change; of an IPv6 address the colons stay.
            let host = match host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
                _ => host,
            };
            format!("{host}/register")
        })
    }

    /// Where recordings lie: as configured, else `recordings` in the data directory.
    pub fn recordings_dir(&self) -> PathBuf {
        let configured = self.recorder.as_ref().and_then(|recorder| recorder.directory.clone());
        configured.unwrap_or_else(|| self.server.data_dir.join("recordings"))
    }

    /// Makes relative paths relative to the file's directory instead of the process's.
    pub(super) fn resolve_paths(&mut self, base: &Path) {
        let mut paths: Vec<&mut PathBuf> = vec![
            &mut self.server.data_dir,
            &mut self.https.certificate,
            &mut self.https.key,
            &mut self.rtsp.certificate,
            &mut self.rtsp.key,
        ];
        paths.extend(self.rtsp.client_ca.as_mut());
        paths.extend(self.https.workstation_ca.as_mut());
        if let Some(mail) = &mut self.mail {
            paths.extend(mail.password_file.as_mut());
            paths.extend(mail.ca.as_mut());
        }
        if let Some(recorder) = &mut self.recorder {
            paths.extend(recorder.directory.as_mut());
            paths.extend(recorder.master_key_file.as_mut());
            if let Some(offsite) = &mut recorder.offsite {
                paths.push(&mut offsite.secret_access_key_file);
                paths.extend(offsite.ca.as_mut());
            }
            paths.extend(recorder.timestamp.as_mut().map(|timestamp| &mut timestamp.ca));
        }
        if let Some(oidc) = &mut self.oidc {
            paths.push(&mut oidc.client_secret_file);
            paths.extend(oidc.ca.as_mut());
        }
        paths.extend(
            self.site.iter_mut().flat_map(|site| &mut site.camera).filter_map(|camera| camera.password_file.as_mut()),
        );
        for path in paths {
            if path.is_relative() {
                *path = base.join(&path);
            }
        }
    }
}
