//! The `urgent` mode (conflict table, row 1): where an avenant allows it, and only while a guard's alert for the site
//! stands, a request that passed the control is opened at once. No person decides; the landlord is told at once and cuts
//! with one tap.
//!
//! One alert opens one ticket: without this it would be the standing approval that A4-3 rules out. Caps, cooling-off and
//! duration hold as for any other request (A4-7): the control has looked at them before.

use crate::domain::alert::Alert;
use crate::domain::event::Event;
use crate::domain::ids::{SiteId, TicketId};
use crate::domain::person::Role;
use crate::domain::site::Site;
use crate::domain::state::State;
use chrono::{DateTime, TimeDelta, Utc};

/// The opening of a request that has just passed the control, where the mode and an alert allow it.
pub(super) fn opening(
    state: &State,
    site: &Site,
    ticket: TicketId,
    duration_minutes: u32,
    now: DateTime<Utc>,
) -> Option<Event> {
    let avenant = state.dossier(&site.id).urgent_avenant()?.reference.clone();
    let alert = state.urgent_alert(&site.id, now)?.id;
    let ceiling = now + TimeDelta::minutes(duration_minutes.into());
    let expires_at_utc = ceiling.min(state.convention(site).valid_until_utc);
    Some(Event::OpenedUrgently { ticket, expires_at_utc, alert, avenant })
}

impl State {
    /// The alert under which a request for this site would be opened at once: open, raised by somebody who still is a
    /// guard of the site, and not used yet. `None` also where the mode is not `urgent`.
    pub fn urgent_alert(&self, site: &SiteId, now: DateTime<Utc>) -> Option<&Alert> {
        self.dossier(site).urgent_avenant()?;
        let by_guard = |alert: &Alert| {
            let place = self.people.get(&alert.by);
            place.is_some_and(|place| place.role == Role::Guard && place.sites.contains(site))
        };
        let mut alerts = self.alerts.values();
        alerts.find(|alert| alert.site == *site && alert.is_open_at(now) && alert.opened.is_none() && by_guard(alert))
    }
}
