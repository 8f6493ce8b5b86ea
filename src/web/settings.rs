//! What the web server needs to be told, and the rooms it speaks to.

use super::pages::Language;
use crate::archive::recorder::Recorder;
use crate::clock::Clock;
use crate::control::Control;
use crate::domain::PersonId;
use crate::evidence::TimestampService;
use crate::media::hub::Hub;
use crate::media::viewer::Viewers;
use crate::register::Checkpointer;
use crate::store::totp::TotpSecret;
use crate::store::{LockoutRule, Store};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How the web server runs.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// Address and port of the HTTPS listener; port 0 takes a free one.
    pub listen: SocketAddr,
    /// PEM certificate chain.
    pub certificate_pem: PathBuf,
    /// PEM private key.
    pub key_pem: PathBuf,
    /// PEM of the authority of the workstations' client certificates (A6-1); such a certificate is asked for but may be
    /// missing. `None`: none is asked for.
    pub workstation_ca_pem: Option<PathBuf>,
    /// Also speak TLS 1.2 (ECDHE with AES-256-GCM alone), for players that know no 1.3. Off by default.
    pub allow_tls12: bool,
    /// The URL people use, e.g. `https://ecluse.example.org`; its origin is the only one that may send changes. Requests
    /// that name the very host they were sent to pass as well.
    pub public_url: String,
    /// Language of pages when neither cookie nor browser says one.
    pub language: Language,
    /// STUN and TURN servers told to viewers (`Link` header of WHEP).
    pub ice_servers: Vec<IceServer>,
    /// The mail server, for the administrator's page of mails; `None`: there is none, mails wait.
    pub mail_server: Option<String>,
    /// Plain HTTP listener for Prometheus alone; keep it on loopback or a management network.
    pub metrics_listen: Option<SocketAddr>,
    /// TLS connections served at the same time.
    pub max_connections: usize,
    /// From a connection, or from its previous answer, to the end of the next request's headers; one that takes longer is
    /// closed.
    pub header_timeout: Duration,
    /// An HTTP/2 connection without a request under way for so long is closed; a stream of events is a request under way.
    pub connection_idle: Duration,
    /// A session that is not used for so long ends; watching live images is use.
    pub session_idle: Duration,
    /// A session ends after so long, used or not.
    pub session_ceiling: Duration,
    /// Whether log-ins need a second factor.
    pub second_factor: SecondFactorPolicy,
    /// The landlord's identity provider; `None`: everybody logs in with a password.
    pub oidc: Option<super::OidcSettings>,
    /// Who stamps exports of recordings with the time; `None`: nobody.
    pub timestamps: Option<Arc<TimestampService>>,
    /// How often people may try and change things (fault 25).
    pub limits: Limits,
    /// Patience with requests under way when the server stops.
    pub shutdown_grace: Duration,
}

impl WebSettings {
    /// Defaults for everything but the listener, its certificate and the public URL.
    pub fn new(
        listen: SocketAddr,
        certificate_pem: impl Into<PathBuf>,
        key_pem: impl Into<PathBuf>,
        public_url: impl Into<String>,
    ) -> Self {
        Self {
            listen,
            certificate_pem: certificate_pem.into(),
            key_pem: key_pem.into(),
            workstation_ca_pem: None,
            allow_tls12: false,
            public_url: public_url.into(),
            language: Language::Fr,
            ice_servers: Vec::new(),
            mail_server: None,
            metrics_listen: None,
            max_connections: 1024,
            header_timeout: Duration::from_secs(20),
            connection_idle: Duration::from_secs(60),
            session_idle: Duration::from_secs(30 * 60),
            session_ceiling: Duration::from_secs(12 * 3600),
            second_factor: SecondFactorPolicy::Required,
            oidc: None,
            timestamps: None,
            limits: Limits::default(),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

/// Whether log-ins need a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecondFactorPolicy {
    /// Everybody's do.
    #[default]
    Required,
    /// A password is enough: for trials on one's own machine, `ecluse check` refuses it anywhere else.
    Off,
}

/// An allowance: so many at once, then one more in every period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: NonZeroU32,
    /// How long until the next one.
    pub one_every: Duration,
}

impl Rate {
    /// `burst` at once, then one in every `one_every`; a burst of 0 counts as 1.
    pub fn new(burst: u32, one_every: Duration) -> Self {
        Self { burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), one_every }
    }
}

/// How often people may try and change things (fault 25). Cuts are never limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Log-ins tried from one address (IPv6: one /64).
    pub login_per_address: Rate,
    /// Log-ins tried for one account, known or not.
    pub login_per_account: Rate,
    /// Changes (requests, approvals, new viewings) by one person, or one address where nobody is logged in.
    pub changes: Rate,
    /// When an account is locked out.
    pub lockout: LockoutRule,
}

impl Default for Limits {
    /// 20 then one in 3 s per address; 10 then one in 10 s per account; 60 changes then one a second; locked out after 10
    /// failures within 15 min.
    fn default() -> Self {
        Self {
            login_per_address: Rate::new(20, Duration::from_secs(3)),
            login_per_account: Rate::new(10, Duration::from_secs(10)),
            changes: Rate::new(60, Duration::from_secs(1)),
            lockout: LockoutRule::default(),
        }
    }
}

/// A STUN or TURN server as told to viewers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:host:port` or `turn:host:port?transport=tcp`.
    pub url: String,
    /// TURN user.
    pub username: Option<String>,
    /// TURN password.
    pub credential: Option<String>,
}

/// The demo's props: accounts shown on the log-in page and the page of its mails.
#[derive(Debug, Clone, Default)]
pub struct Demo {
    /// Accounts to show, in order.
    pub accounts: Vec<DemoAccount>,
}

/// One account of the demo, with everything that opens it.
#[derive(Debug, Clone)]
pub struct DemoAccount {
    /// Pseudonym.
    pub person: PersonId,
    /// What it is.
    pub label: String,
    /// Log-in.
    pub email: String,
    /// Password.
    pub password: String,
    /// Secret of the second factor.
    pub totp: TotpSecret,
}

/// The rooms the web server speaks to.
#[derive(Clone)]
pub struct WebContext {
    /// The keeper.
    pub control: Control,
    /// Identities, sessions, outbox.
    pub store: Store,
    /// Viewer branches.
    pub viewers: Arc<Viewers>,
    /// Live streams, for their health.
    pub hub: Arc<Hub>,
    /// Recording, for its state; `None`: nothing is recorded.
    pub recorder: Option<Recorder>,
    /// Signs what the register holds; `None` while it is damaged.
    pub checkpointer: Option<Checkpointer>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Connection log; other rooms (ingest) may write into it too (A6-7).
    pub connections: super::Connections,
    /// Renders the process's metrics; `None`: `/metrics` answers 404.
    pub metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
    /// The demo's props; `None` outside the demo.
    pub demo: Option<Demo>,
}

/// Why the web server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The certificate, the key or the workstations' authority cannot be used.
    #[error("{what} {path}: {why}")]
    Tls {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The identity provider cannot be spoken to as configured.
    #[error(transparent)]
    Oidc(#[from] super::OidcSettingsError),
    /// The listener cannot be opened.
    #[error("cannot listen on {address} for {what}: {source}")]
    Listen {
        /// HTTPS or metrics.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A setting cannot work.
    #[error("{field} \"{value}\": expected {expected}")]
    Setting {
        /// Which.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would work.
        expected: &'static str,
    },
}
