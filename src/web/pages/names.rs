//! Names behind identifiers, for sentences about register entries.

use crate::domain::{CameraId, PersonId, ServiceId, SessionId, SiteId, TicketId};
use std::collections::BTreeMap;

/// Names as people read them. What is missing (an erased person, a removed camera) is shown by its identifier.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// People; erased ones are absent.
    pub people: BTreeMap<PersonId, String>,
    /// Sites.
    pub sites: BTreeMap<SiteId, String>,
    /// Cameras.
    pub cameras: BTreeMap<CameraId, String>,
    /// Services.
    pub services: BTreeMap<ServiceId, String>,
    /// Who watches in a session, and under which ticket: entries about a session's course do not repeat it.
    pub sessions: BTreeMap<SessionId, (PersonId, TicketId)>,
}

impl Names {
    /// A person's name, or their pseudonym.
    pub fn person(&self, id: &PersonId) -> String {
        self.people.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
    /// A site's name, or its identifier.
    pub fn site(&self, id: &SiteId) -> String {
        self.sites.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
    /// A camera's name, or its identifier.
    pub fn camera(&self, id: &CameraId) -> String {
        self.cameras.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
    /// A service's name, or its identifier.
    pub fn service(&self, id: &ServiceId) -> String {
        self.services.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
}
