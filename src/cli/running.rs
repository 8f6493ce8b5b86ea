//! The server's rooms, wired together: opened from the ground up, closed from the gates down. Shared by `ecluse serve`
//! and `ecluse demo`, so that what the demo shows is the real server.

use super::{cameras, checkpoints, recorder, sites};
use crate::archive::recorder::Recorder;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, LanguageConfig, SecondFactorConfig, Secret};
use crate::console;
use crate::control::{Control, ControlSettings};
use crate::mail::{Courier, MailSettings, Notifier, Witnesses};
use crate::media::hub::{Hub, HubLimits};
use crate::media::ingest::IngestServer;
use crate::media::viewer::{ViewerSettings, Viewers};
use crate::register::{Checkpointer, Register, open_key};
use crate::store::{LockoutRule, Store};
use crate::web::pages::Language;
use crate::web::{
    Connections, Demo, IceServer, Limits, OidcSettings, SecondFactorPolicy, Server, WebContext, WebSettings,
};
use anyhow::Context;
use chrono::TimeDelta;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// All of an orderly stop; what is not over by then is left behind (systemd's patience is longer).
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Requests under way get so long of it.
const REQUESTS_WITHIN: Duration = Duration::from_secs(1);

/// What the demo adds to the server.
#[derive(Default)]
pub(super) struct Extras {
    /// Accounts shown on the log-in page, and the page of mails.
    pub demo: Option<Demo>,
}

/// The server, running.
pub(super) struct Running {
    store: Store,
    control: Control,
    checkpointer: Option<Checkpointer>,
    hub: Arc<Hub>,
    viewers: Arc<Viewers>,
    recorder: Option<Recorder>,
    ingest: IngestServer,
    courier: Courier,
    web: Server,
    console: Option<console::server::Console>,
}

/// Where the register lies in the data directory.
pub(super) fn register_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("register")
}

/// Where the store lies in the data directory.
pub(super) fn store_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("store")
}

impl Running {
    /// Opens every room, the register first: without it nothing else may start ("pas de trace, pas de transfert").
    ///
    /// # Errors
    /// The first room that cannot open, by name, with what to do.
    pub(super) async fn start(config: &Config, extras: Extras) -> anyhow::Result<Self> {
        gstreamer::init().context("GStreamer does not start")?;
        crate::media::dtls_srtp::register().context("the AES-256 elements cannot be registered")?;
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder();
        let metrics = metrics.inspect_err(|error| tracing::warn!(%error, "no metrics")).ok();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let data_dir = config.server.data_dir.clone();
        let (control, store, checkpointer) = {
            let (clock, public_url) = (clock.clone(), config.https.public_url.clone());
            let origin = config.register_origin();
            let register_days = config.retention.register_days;
            tokio::task::spawn_blocking(move || signing_keeper(&data_dir, clock, &public_url, &origin, register_days))
                .await
                .context("the keeper's start")??
        };
        if let Some(checkpointer) = &checkpointer {
            let witnesses = Witnesses::new(store.clone(), config.register.witnesses.clone(), language(config).as_str());
            let (checkpointer, control, clock) = (checkpointer.clone(), control.clone(), clock.clone());
            tokio::spawn(checkpoints::daily(checkpointer, control, clock, witnesses, checkpoints::LOOK_EVERY));
        }
        sites::declare(&control, config).await?;
        let courier = Courier::start(MailSettings::from_config(config)?, &store, control.clone(), clock.clone())?;
        let hub = Hub::new(HubLimits::default());
        let viewers = Viewers::new(viewer_settings(config), hub.clone())?;
        // Before the cameras are let in: the first picture counts.
        let recorder = recorder::start(config, &store, &hub, &clock, &control).await;
        let connections = Connections::open(
            &config.server.data_dir.join("connections"),
            TimeDelta::days(config.retention.connections_days.into()),
            clock.clone(),
        )
        .context("the connection log cannot be opened")?;
        let access = cameras::access(config)?;
        let ingest = IngestServer::start(cameras::settings(config), access, hub.clone())?;
        tokio::spawn(cameras::keep_log(ingest.events(), connections.clone()));
        let context = WebContext {
            control: control.clone(),
            store: store.clone(),
            viewers: viewers.clone(),
            hub: hub.clone(),
            recorder: recorder.clone(),
            checkpointer: checkpointer.clone(),
            clock,
            connections,
            metrics,
            demo: extras.demo,
        };
        let web = Server::start(
            WebSettings {
                oidc: OidcSettings::from_config(config)?,
                timestamps: recorder::timestamps(config)?,
                ..web_settings(config)
            },
            context,
        )
        .await?;
        let socket = console::socket_path(&config.server.data_dir);
        let console = console::server::open(&socket, control.clone(), store.clone());
        let console = console
            .inspect_err(|error| tracing::error!(%error, path = %socket.display(), "no console: `ecluse people` waits for a stopped server"))
            .ok();
        Ok(Self { store, control, checkpointer, hub, viewers, recorder, ingest, courier, web, console })
    }

    /// Where the pages are, with the real port.
    pub(super) fn https_addr(&self) -> SocketAddr {
        self.web.local_addr()
    }

    /// Port of the cameras.
    pub(super) fn rtsp_port(&self) -> u16 {
        self.ingest.local_port()
    }

    /// Names, sessions, mails.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// The keeper.
    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    /// How many cameras are live now.
    pub(super) fn cameras_online(&self) -> usize {
        self.hub.health().iter().filter(|(_, health)| health.online).count()
    }

    /// Shuts the gates and records it, then closes everything else; at most five seconds.
    pub(super) async fn stop(self) {
        drop(self.console);
        let orderly = async {
            self.control.shutdown().await;
            if let Some(checkpointer) = &self.checkpointer {
                checkpoints::at_shutdown(checkpointer, &self.control).await;
            }
            self.viewers.shutdown().await;
            self.courier.shutdown().await;
            self.ingest.shutdown().await;
            // After the cameras: their last pictures are recorded too.
            if let Some(recorder) = &self.recorder {
                recorder.shutdown().await;
            }
            self.web.shutdown().await;
        };
        if tokio::time::timeout(STOP_WITHIN, orderly).await.is_err() {
            tracing::error!("not everything stopped within 5 s; the gates are shut, leaving now");
        }
    }
}

/// The register, the store and the keeper, without media and pages: blocking, since the register is replayed.
pub(super) fn keeper(data_dir: &Path, clock: Arc<dyn Clock>, public_url: &str) -> anyhow::Result<(Control, Store)> {
    keeper_of(Register::open(&register_dir(data_dir))?, data_dir, clock, public_url)
}

/// The same with the register's key, and what signs with it; nothing signs a damaged register.
fn signing_keeper(
    data_dir: &Path,
    clock: Arc<dyn Clock>,
    public_url: &str,
    origin: &str,
    register_days: u16,
) -> anyhow::Result<(Control, Store, Option<Checkpointer>)> {
    let signer = open_key(data_dir, origin)?;
    let register = Register::open_with(&register_dir(data_dir), Some(signer.public()))?;
    let now = clock.utc();
    let (register, purged) = register.purge(now - TimeDelta::days(register_days.into()), now, Some(signer.public()))?;
    if purged > 0 {
        tracing::info!(purged, register_days, "entries of the register had served their time");
    }
    let checkpointer =
        register.damage().is_none().then(|| Checkpointer::new(register.dir(), signer, register.reader()));
    let (control, store) = keeper_of(register, data_dir, clock, public_url)?;
    Ok((control, store, checkpointer))
}

fn keeper_of(
    register: Register,
    data_dir: &Path,
    clock: Arc<dyn Clock>,
    public_url: &str,
) -> anyhow::Result<(Control, Store)> {
    let store = Store::open(&store_dir(data_dir)).map_err(|error| match error.is_disk_full() {
        true => anyhow::Error::new(error).context("the disk is full: free space, then start again"),
        false => error.into(),
    })?;
    let settings = ControlSettings::new(data_dir).with_effect(Notifier::new(store.clone(), public_url));
    let control = Control::start(settings, register, store.clone(), clock)?;
    Ok((control, store))
}

fn viewer_settings(config: &Config) -> ViewerSettings {
    ViewerSettings {
        udp_ports: config.webrtc.udp_ports.0.clone(),
        external_address: config.webrtc.external_address,
        stun_server: config.webrtc.stun_server.clone(),
        turn_servers: config.webrtc.turn_servers.iter().map(|url| url.expose().to_owned()).collect(),
        ..ViewerSettings::default()
    }
}

fn language(config: &Config) -> Language {
    match config.server.language {
        LanguageConfig::Fr => Language::Fr,
        LanguageConfig::En => Language::En,
    }
}

fn web_settings(config: &Config) -> WebSettings {
    let https = &config.https;
    WebSettings {
        workstation_ca_pem: https.workstation_ca.clone(),
        allow_tls12: https.allow_tls12,
        language: language(config),
        second_factor: match config.auth.second_factor {
            SecondFactorConfig::Required => SecondFactorPolicy::Required,
            SecondFactorConfig::Off => SecondFactorPolicy::Off,
        },
        limits: Limits {
            lockout: LockoutRule {
                attempts: config.auth.lockout_attempts,
                window: Duration::from_secs(config.auth.lockout_window_min * 60),
                first: Duration::from_secs(config.auth.lockout_min * 60),
            },
            ..Limits::default()
        },
        ice_servers: ice_servers(config),
        mail_server: config.mail.as_ref().map(|mail| format!("{}:{}", mail.smtp.host, mail.smtp.port)),
        metrics_listen: config.metrics.as_ref().map(|metrics| metrics.listen),
        shutdown_grace: REQUESTS_WITHIN,
        ..WebSettings::new(https.listen, &https.certificate, &https.key, &https.public_url)
    }
}

/// The same servers as browsers want them: `stun:host:port`, and a relay's user and password apart from its address.
fn ice_servers(config: &Config) -> Vec<IceServer> {
    let webrtc = &config.webrtc;
    let stun = webrtc.stun_server.iter().map(|url| IceServer {
        url: url.replacen("://", ":", 1),
        username: None,
        credential: None,
    });
    stun.chain(webrtc.turn_servers.iter().map(relay)).collect()
}

fn relay(url: &Secret) -> IceServer {
    let url = url.expose();
    let (scheme, rest) = url.split_once("://").unwrap_or(("turn", url));
    // The last @ ends the credentials: a password may contain one.
    let (who, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    IceServer { url: format!("{scheme}:{host}"), username: given(user), credential: given(password) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a7_1_a_relays_credentials_are_told_apart_from_its_address() {
        let server = relay(&Secret::new("turns://csu:p@ss:word@turn.example.org:5349?transport=tcp"));
        assert_eq!(server.url, "turns:turn.example.org:5349?transport=tcp");
        assert_eq!(server.username.as_deref(), Some("csu"));
        assert_eq!(server.credential.as_deref(), Some("p@ss:word"));
        let open = relay(&Secret::new("turn://turn.example.org:3478"));
        assert_eq!((open.url.as_str(), open.username, open.credential), ("turn:turn.example.org:3478", None, None));
    }
}
