//! Sites, cameras, recipient services and the convention that binds them (A1-1, A2-1, A8-1).

use super::ids::{CameraId, ServiceId, SiteId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The only force service a site's tickets may serve (A2-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Identifier used in tickets and exports.
    pub id: ServiceId,
    /// Name as people read it, e.g. "CSU de Charenton-le-Pont".
    pub name: String,
    /// Town; a recipient outside the convention's town is refused at start-up.
    pub town: String,
    /// Postal address, e.g. "48 rue de Paris".
    pub address: String,
}

/// When the convention binds; instants are UTC (the day boundary is Europe/Paris, converted when configured; A8-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Convention {
    /// Town that signed.
    pub town: String,
    /// First instant at which tickets are accepted.
    #[serde(with = "super::instant")]
    pub valid_from_utc: DateTime<Utc>,
    /// First instant at which none is accepted any more and live ones are cut (fault 23).
    #[serde(with = "super::instant")]
    pub valid_until_utc: DateTime<Utc>,
}

impl Convention {
    /// Whether the convention binds at `now`: from its first instant, until before the one at which it ends (A8-1).
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.valid_from_utc <= now && now < self.valid_until_utc
    }
}

/// One camera of a site (A1-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// Identifier, also the last part of its RTSP path.
    pub id: CameraId,
    /// Name as people read it, e.g. "Hall, escalier A".
    pub name: String,
}

/// One convention's addresses, with their cameras and recipient ("patrimoine").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Identifier, also the first part of its cameras' RTSP paths.
    pub id: SiteId,
    /// Name as people read it.
    pub name: String,
    /// Postal addresses covered.
    pub addresses: Vec<String>,
    /// The one recipient service (A2-1).
    pub service: Service,
    /// The convention in force.
    pub convention: Convention,
    /// Cameras in the order in which pages and WHEP show them.
    pub cameras: Vec<Camera>,
}

impl Site {
    /// The camera of that name, if it is attached to this site (A1-1).
    pub fn camera(&self, id: &CameraId) -> Option<&Camera> {
        self.cameras.iter().find(|camera| camera.id == *id)
    }
}
