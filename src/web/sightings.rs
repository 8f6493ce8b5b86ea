//! Notes when a registered workstation was last heard of, for the administrator's page.

use super::app::App;
use super::request::Certificate;
use crate::domain::WorkstationId;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A machine is written down once in so long at most.
const EVERY: TimeDelta = TimeDelta::seconds(60);

/// What was written down last, by name. As many as there are registered workstations.
#[derive(Default)]
pub struct Sightings(Mutex<HashMap<WorkstationId, DateTime<Utc>>>);

impl Sightings {
    /// Whether it is time to write this one down again.
    fn is_due(&self, workstation: &WorkstationId, now: DateTime<Utc>) -> bool {
        // Every change is one insertion: the map is whole even if a holder panicked.
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(workstation).is_some_and(|last| (now - *last).abs() < EVERY) {
            return false;
        }
        noted.insert(workstation.clone(), now);
        true
    }
}

/// A request came with this certificate. Waits for nothing: a lost note is followed by the next one.
pub fn note(app: &App, certificate: &Certificate) {
    let registered = app.context.control.read(|state| {
        let mut known = state.workstations.values();
        known.find(|known| known.certificate_sha256 == certificate.sha256).map(|known| known.id.clone())
    });
    let now = app.context.clock.utc();
    let Some(workstation) = registered.filter(|workstation| app.sightings.is_due(workstation, now)) else { return };
    let store = app.context.store.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = store.sightings().put(&workstation, now) {
            tracing::warn!(%error, %workstation, "when it was last seen could not be written down");
        }
    });
}
