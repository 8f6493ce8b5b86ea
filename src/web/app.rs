//! What all requests share.

use super::auth::Auth;
use super::auth::oidc::Oidc;
use super::bearer::Bearers;
use super::connections::{Connection, Kind};
use super::limits::Limit;
use super::link::Links;
use super::recordings::outlet;
use super::recordings::progress::Exports;
use super::recordings::viewings::Viewings;
use super::settings::{ServeError, WebContext, WebSettings};
use super::sightings::Sightings;
use super::whep::Resources;
use crate::domain::{CameraId, SiteId};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

/// A camera came or went: what [`super::events`] tells pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraChange {
    /// Its site.
    pub site: SiteId,
    /// Which.
    pub camera: CameraId,
    /// Whether it is there now.
    pub online: bool,
}

/// The web server's shared state.
pub struct App {
    /// How it runs.
    pub settings: WebSettings,
    /// The rooms it speaks to.
    pub context: WebContext,
    /// Log-ins and sessions.
    pub auth: Auth,
    /// Log-ins by the landlord's identity provider, where one is configured.
    pub oidc: Option<Oidc>,
    /// Viewer tokens of third-party players.
    pub bearers: Bearers,
    /// Links of open tickets that have been used: what they are bound to.
    pub links: Links,
    /// Workstations that were heard of.
    pub sightings: Sightings,
    /// Live WHEP resources: whose they are.
    pub resources: Resources,
    /// Viewings of recordings.
    pub viewings: Viewings,
    /// How far exports of recordings are.
    pub exports: Exports,
    /// Turns at reading fragments of recordings (fault 25).
    pub reads: Arc<Semaphore>,
    /// Exports under way.
    pub exporters: Arc<Semaphore>,
    /// Changes per person, or per address.
    pub changes: Limit<String>,
    failed_handshakes: Limit<IpAddr>,
    /// Cameras that come and go.
    pub cameras: broadcast::Sender<CameraChange>,
    /// The one origin that may send changes, e.g. `https://ecluse.example.org`.
    pub origin: String,
    /// The server stops.
    pub stop: CancellationToken,
}

impl App {
    /// Puts it together.
    ///
    /// # Errors
    /// [`ServeError::Setting`] when the public URL has no origin, [`ServeError::Oidc`] when the identity provider's
    /// authorities cannot be used.
    pub fn new(settings: WebSettings, context: WebContext, stop: CancellationToken) -> Result<Arc<App>, ServeError> {
        let origin = origin_of(&settings.public_url).ok_or_else(|| ServeError::Setting {
            field: "public_url",
            value: settings.public_url.clone(),
            expected: "an https:// URL, e.g. https://ecluse.example.org",
        })?;
        let auth = Auth::new(&settings);
        let oidc = settings.oidc.clone().map(Oidc::new).transpose()?;
        let bearers = Bearers::new(context.clock.clone());
        let changes = Limit::new(settings.limits.changes);
        let failed_handshakes = Limit::new(settings.limits.login_per_address);
        let cameras = broadcast::Sender::new(256);
        let resources = Resources::default();
        Ok(Arc::new(App {
            settings,
            context,
            auth,
            oidc,
            bearers,
            links: Links::default(),
            sightings: Sightings::default(),
            resources,
            viewings: Viewings::default(),
            exports: Exports::default(),
            reads: Arc::new(Semaphore::new(outlet::READS)),
            exporters: Arc::new(Semaphore::new(outlet::EXPORTS)),
            changes,
            failed_handshakes,
            cameras,
            origin,
            stop,
        }))
    }

    /// Writes a failed handshake into the connection log (A6-5, A6-7), a few per address: a port scan is no reason to
    /// fill a disk.
    pub fn note_failed_handshake(&self, address: SocketAddr, error: &openssl::ssl::Error) {
        tracing::debug!(%address, %error, "TLS handshake failed");
        if self.failed_handshakes.check(&super::limits::subscriber(address.ip())).is_ok() {
            let reason = error
                .ssl_error()
                .and_then(|stack| stack.errors().first().and_then(openssl::error::Error::reason))
                .unwrap_or("the peer went away");
            self.context.connections.note(Connection::new(Kind::TlsRefused, Some(address), reason));
        }
    }

    /// Runs a blocking look into the store where blocking is allowed.
    ///
    /// # Errors
    /// The store's own, as a problem.
    pub async fn in_store<T: Send + 'static>(
        &self,
        look: impl FnOnce(&crate::store::Store) -> Result<T, crate::store::StoreError> + Send + 'static,
    ) -> Result<T, super::problem::Problem> {
        let store = self.context.store.clone();
        Ok(tokio::task::spawn_blocking(move || look(&store)).await??)
    }
}

/// Scheme, host and port of an `https` URL.
fn origin_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let well_formed = !host.is_empty() && !host.contains(['@', ' ']);
    well_formed.then(|| format!("https://{}", host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::origin_of;

    #[test]
    fn origins_are_read_from_urls() {
        assert_eq!(origin_of("https://Ecluse.example.org/x?y").as_deref(), Some("https://ecluse.example.org"));
        assert_eq!(origin_of("https://[::1]:8443").as_deref(), Some("https://[::1]:8443"));
        assert_eq!(origin_of("https://a:443/").as_deref(), Some("https://a"));
        for wrong in ["http://a", "https://", "https://u@h", ""] {
            assert_eq!(origin_of(wrong), None, "{wrong}");
        }
    }
}
