//! The landlord's recordings: the timeline of a site, viewings (HLS) and exports. For the site's deciders alone (A5-6,
//! A4-10); the police have no row here (A1-3).
//!
//! "No trace, no playback": a viewing exists only after its entry stands in the register, and no picture leaves without
//! one; an export is recorded before its first byte. What a viewing was opened for is all that can be reached through it.

pub mod export;
mod marks;
pub mod media;
pub mod outlet;
pub mod progress;
mod timeline;
pub mod viewings;

pub use timeline::{list_page, page};

use super::app::App;
use super::auth::Person;
use super::problem::Problem;
use crate::archive::{Archive, ArchiveError};
use crate::domain::{Site, SiteId};
use http::StatusCode;

/// The archive, for reading.
fn archive(app: &App) -> Result<Archive, Problem> {
    let archive = app.context.recorder.as_ref().and_then(|recorder| recorder.archive().cloned());
    archive.ok_or_else(|| {
        let detail = "nothing is recorded here, or the recordings cannot be opened: ask the administrator";
        Problem::new(StatusCode::CONFLICT, "no-recordings", detail)
    })
}

/// The site, if its recordings are this person's to see.
fn site(app: &App, person: &Person, id: &SiteId) -> Result<Site, Problem> {
    let site = app.context.control.read(|state| state.sites.get(id).cloned());
    site.filter(|_| person.sites.contains(id)).ok_or_else(Problem::not_found)
}

/// A look into the archive, where blocking is allowed.
async fn look<T: Send + 'static>(
    archive: Archive,
    look: impl FnOnce(&Archive) -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(move || look(&archive)).await?.map_err(|error| match error {
        ArchiveError::NotFound(_) => Problem::not_found(),
        other => Problem::internal("the recordings cannot be read", &other),
    })
}
