//! Sites and cameras (`GET /sites`): health without images, for the landlord and the administrator.

use super::{Banner, Locale, Shell};
use crate::domain::{CameraId, SiteId};
use askama::Template;
use chrono::{DateTime, Utc};

/// One camera's health.
#[derive(Debug, Clone)]
pub struct CameraRow {
    /// Identifier.
    pub id: CameraId,
    /// Name as people read it.
    pub name: String,
    /// Whether a publisher holds the stream (fault 15).
    pub online: bool,
    /// Who publishes: user and address.
    pub publisher: Option<String>,
    /// Codec, e.g. `H264`; empty before the first frame.
    pub codec: String,
    /// Width in pixels, 0 before the first frame.
    pub width: u32,
    /// Height in pixels, 0 before the first frame.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
    /// Bits per second.
    pub bitrate_bps: u64,
    /// Milliseconds since the last frame (fault 16).
    pub frame_age_ms: Option<u64>,
    /// Sound was offered and is dropped.
    pub audio_dropped: bool,
}

/// One site.
#[derive(Debug, Clone)]
pub struct SiteRow {
    /// Identifier.
    pub id: SiteId,
    /// Name as people read it.
    pub name: String,
    /// Addresses covered.
    pub addresses: Vec<String>,
    /// Recipient service's name (A2-1).
    pub service: String,
    /// The convention binds from, UTC (A8-1).
    pub valid_from_utc: DateTime<Utc>,
    /// The convention binds until, UTC.
    pub valid_until_utc: DateTime<Utc>,
    /// Cameras in the site's order.
    pub cameras: Vec<CameraRow>,
}

/// Sites and cameras.
#[derive(Debug, Clone, Default)]
pub struct SitesView {
    /// Sites this person may see.
    pub sites: Vec<SiteRow>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &SitesView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "sites.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a SitesView,
    l: Locale,
}

impl CameraRow {
    fn is_old(&self) -> bool {
        self.frame_age_ms.is_some_and(|ms| ms > 2_000)
    }
}

impl SiteRow {
    fn online(&self) -> usize {
        self.cameras.iter().filter(|camera| camera.online).count()
    }

    /// The last day on which it binds: the end itself is the midnight after.
    fn last_moment(&self) -> DateTime<Utc> {
        self.valid_until_utc - chrono::TimeDelta::milliseconds(1)
    }

    fn in_force(&self, now: &DateTime<Utc>) -> bool {
        (self.valid_from_utc..self.valid_until_utc).contains(now)
    }
}
