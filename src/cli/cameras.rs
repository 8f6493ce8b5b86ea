//! From the configuration's cameras to the ingest's: paths and proofs; and the ingest's events into the connection log.

use crate::config::{CameraConfig, Config, SiteConfig};
use crate::media::ingest::{CameraAccess, Credential, IngestEvent, IngestSettings, Secret, What};
use crate::web::Connections;
use crate::web::connections::{Connection, Kind};
use anyhow::{Context, bail};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// How the ingest listens.
pub(super) fn settings(config: &Config) -> IngestSettings {
    let rtsp = &config.rtsp;
    IngestSettings {
        client_ca_pem: rtsp.client_ca.clone(),
        stall_timeout: Duration::from_secs(rtsp.stall_timeout_s),
        ..IngestSettings::new(rtsp.listen, rtsp.certificate.clone(), rtsp.key.clone())
    }
}

/// Every camera's path `/SITE/CAMERA` and what opens it (A6-4, fault 21).
///
/// # Errors
/// When a password file cannot be read, or a digest is none; the camera and the file are named.
pub(super) fn access(config: &Config) -> anyhow::Result<Vec<CameraAccess>> {
    let of_site = |site: &SiteConfig, camera: &CameraConfig| {
        let credential = credential(camera).with_context(|| format!("camera \"{}\"", camera.id))?;
        Ok(CameraAccess { camera: camera.id.clone(), path: format!("/{}/{}", site.id, camera.id), credential })
    };
    config.site.iter().flat_map(|site| site.camera.iter().map(move |camera| of_site(site, camera))).collect()
}

fn credential(camera: &CameraConfig) -> anyhow::Result<Credential> {
    if let Some(digest) = &camera.client_certificate_sha256 {
        let sha256 = sha256(digest).context("client_certificate_sha256 is not 64 hexadecimal digits")?;
        return Ok(Credential::ClientCertificate { sha256 });
    }
    let (Some(user), Some(file)) = (&camera.user, &camera.password_file) else {
        bail!("no user and password_file, and no client_certificate_sha256");
    };
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let password = text.lines().next().unwrap_or_default().trim();
    Ok(Credential::Password { user: user.clone(), password: Secret::new(password) })
}

/// Reads a digest written with or without colons, in either case.
fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().filter(|c| *c != ':').map(|c| u8::try_from(c.to_digit(16)?).ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (digits.len() == 64).then(|| bytes.try_into().ok())?
}

/// Writes publishers that come, go or are refused into the connection log (A6-7), until the ingest ends.
pub(super) async fn keep_log(mut events: Receiver<IngestEvent>, connections: Connections) {
    loop {
        match events.recv().await {
            Ok(event) => connections.note(line(&event)),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "publishers' events missing in the connection log")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn line(event: &IngestEvent) -> Connection {
    let camera = event.camera.as_ref().map_or("?", |camera| camera.as_str());
    let (kind, detail) = match &event.what {
        What::Publishing { tls, audio_dropped, .. } => {
            let sound = if *audio_dropped { ", sound dropped" } else { "" };
            (Kind::PublisherCame, format!("{camera}: {}{sound}", tls.as_deref().unwrap_or("no TLS")))
        }
        What::Refused(reason) => (Kind::PublisherRefused, format!("{camera}: {reason}")),
        What::Dropped { reason, .. } => (Kind::PublisherWent, format!("{camera}: {reason}")),
    };
    Connection::new(kind, Some(event.peer), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_may_have_colons_and_capitals() {
        let plain = "00ff".repeat(16);
        let with_colons = vec!["00:FF"; 16].join(":");
        assert_eq!(sha256(&plain), sha256(&with_colons));
        assert_eq!(sha256(&plain).unwrap()[..2], [0x00, 0xff]);
        for wrong in ["", "00", &plain[1..], &format!("{plain}00"), &plain.replace('f', "g")] {
            assert_eq!(sha256(wrong), None, "{wrong}");
        }
    }
}
