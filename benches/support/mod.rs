//! Shared by the benches: processes, figures, servers, pushers and light viewers.
#![allow(dead_code, reason = "each bench uses its own part")]

pub mod process;
pub mod pushers;
#[path = "../../tests/support/str0m_receiver.rs"]
pub mod receiver;
pub mod report;
pub mod server;

use anyhow::{Result, bail};

use std::time::{Duration, Instant};

/// A light viewer that has joined by WHEP.
pub struct Viewer {
    /// What it receives.
    pub receiver: receiver::Receiver,
    /// Its WHEP resource.
    pub location: String,
    /// When the offer was sent.
    pub offered_at: Instant,
}

impl Viewer {
    /// Joins a ticket with `videos` m-lines.
    ///
    /// # Errors
    /// When the offer is refused.
    pub async fn join(person: &server::Person, ticket: &str, videos: usize) -> Result<Self> {
        let path = format!("/whep/tickets/{ticket}");
        let (offered, offered_at, location, body) = loop {
            let offered = receiver::offer(receiver::local_address(), videos);
            let offered_at = Instant::now();
            let (status, location, body) = person.whep(&path, offered.offer_sdp.clone()).await?;
            match status.as_u16() {
                201 => break (offered, offered_at, location, body),
                // The limit on changes (fault 25): a second later there is one more.
                429 => tokio::time::sleep(Duration::from_secs(1)).await,
                _ => bail!("WHEP: {status}: {body}"),
            }
        };
        let receiver = offered.connect(&body).map_err(anyhow::Error::msg)?;
        Ok(Self { receiver, location, offered_at })
    }
}
