//! Named footage: what is looked at afterwards or taken out (A4-10, A5-6).

use super::ids::{CameraId, SiteId};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The longest stretch of one viewing, hours: whoever needs more opens another, and each is an entry.
pub const MOST_VIEWING_HOURS: i64 = 6;
/// The longest stretch of one export, hours.
pub const MOST_EXPORT_HOURS: i64 = 24;

/// Cameras of one site between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// Whose images.
    pub site: SiteId,
    /// Which cameras; each once.
    pub cameras: Vec<CameraId>,
    /// From this instant on, UTC.
    #[serde(with = "super::instant")]
    pub from_utc: DateTime<Utc>,
    /// Before this instant, UTC.
    #[serde(with = "super::instant")]
    pub until_utc: DateTime<Utc>,
}

impl Excerpt {
    /// How long it is.
    pub fn span(&self) -> TimeDelta {
        self.until_utc - self.from_utc
    }
}
