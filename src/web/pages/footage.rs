//! Holds and retention (`GET /holds`), access requests (`GET /access-requests`): A5-2 to A5-5.
//!
//! Forms on them, all with `csrf`: `POST /holds`, `POST /holds/{hold}/release` (`why`), `POST /holds/clock`,
//! `POST /sites/{site}/retention` (`days`), `POST /access-requests`, `POST /access-requests/{request}/answer` (`answer` =
//! `granted` or a reason).

use super::footage_sentence::scope_text;
use super::names::Names;
use super::{Banner, Locale, Shell, Trouble};
use crate::domain::SiteId;
use crate::domain::footage::{
    AccessAnswer, AccessOutcome, AccessRefusal, AccessRequest, Doubt, Hold, MAX_RETENTION_DAYS,
};
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};

/// Sites with their cameras, each with id and name.
pub type SiteCameras = Vec<(String, String, Vec<(String, String)>)>;

/// A form as typed.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// Site.
    pub site: String,
    /// Cameras.
    pub cameras: Vec<String>,
    /// Beginning, Paris time.
    pub from: String,
    /// End, Paris time.
    pub until: String,
    /// Who requires it.
    pub authority: String,
    /// Their reference.
    pub reference: String,
    /// Its date.
    pub date: String,
    /// SHA-256 of the document.
    pub document_sha256: String,
    /// The day a request was received.
    pub received_on: String,
    /// Who asks.
    pub person: String,
    /// What was wrong.
    pub trouble: Option<Trouble>,
}

/// One hold.
#[derive(Debug, Clone)]
pub struct HoldRow {
    /// The hold.
    pub hold: Hold,
    /// Name of who placed it.
    pub by: String,
}

/// How long a site keeps its footage.
#[derive(Debug, Clone)]
pub struct RetentionRow {
    /// Site.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// Days of 24 hours.
    pub days: u32,
}

/// The page of holds.
#[derive(Debug, Clone, Default)]
pub struct HoldsView {
    /// Newest first.
    pub holds: Vec<HoldRow>,
    /// Each site's retention.
    pub retentions: Vec<RetentionRow>,
    /// Why the destruction waits.
    pub doubt: Option<Doubt>,
    /// What can be held.
    pub cameras: SiteCameras,
    /// Whether the reader may hold, release and set.
    pub may_hold: bool,
    /// The form as typed.
    pub typed: Typed,
    /// Names.
    pub names: Names,
}

/// One access request.
#[derive(Debug, Clone)]
pub struct AccessRow {
    /// The request.
    pub request: AccessRequest,
    /// Who asks; empty once erased.
    pub who: String,
    /// From when on its footage is destroyed, if nothing holds it.
    pub gone_from_utc: DateTime<Utc>,
    /// Not answered within the month.
    pub late: bool,
    /// Not answered, and twenty days have passed.
    pub soon: bool,
}

/// The page of access requests.
#[derive(Debug, Clone, Default)]
pub struct AccessView {
    /// Newest first.
    pub rows: Vec<AccessRow>,
    /// What can be asked for.
    pub cameras: SiteCameras,
    /// Today in Paris.
    pub today: NaiveDate,
    /// The form as typed.
    pub typed: Typed,
    /// Names.
    pub names: Names,
}

/// Draws the page of holds.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render_holds(shell: &Shell, view: &HoldsView) -> askama::Result<String> {
    HoldsPage { shell, view, l: shell.locale, most: MAX_RETENTION_DAYS }.render()
}

/// Draws the page of access requests.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render_access(shell: &Shell, view: &AccessView) -> askama::Result<String> {
    AccessPage { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "holds.html")]
struct HoldsPage<'a> {
    shell: &'a Shell,
    view: &'a HoldsView,
    l: Locale,
    most: u32,
}

#[derive(Template)]
#[template(path = "access_requests.html")]
struct AccessPage<'a> {
    shell: &'a Shell,
    view: &'a AccessView,
    l: Locale,
}

impl Typed {
    fn is_site(&self, id: &str) -> bool {
        self.site == id
    }

    fn is_camera(&self, id: &str) -> bool {
        self.cameras.iter().any(|camera| camera == id)
    }
}

impl HoldsView {
    fn scope(&self, l: Locale, row: &HoldRow) -> String {
        scope_text(l, &self.names, &row.hold.scope)
    }

    fn site(&self, row: &HoldRow) -> String {
        self.names.site(&row.hold.site)
    }

    fn standing(&self) -> usize {
        self.holds.iter().filter(|row| row.hold.released.is_none()).count()
    }
}

impl AccessView {
    fn scope(&self, l: Locale, row: &AccessRow) -> String {
        scope_text(l, &self.names, &row.request.scope)
    }

    fn site(&self, row: &AccessRow) -> String {
        self.names.site(&row.request.site)
    }

    /// The two ways to say no, with their words (A5-3).
    fn refusals(&self, l: Locale) -> Vec<(&'static str, String)> {
        let text = |reason: AccessRefusal| l.t(format!("access-refusal-{}", reason.as_str()));
        let refusal = |reason: AccessRefusal| (reason.as_str(), l.a("access-answer-refused", "reason", text(reason)));
        AccessRefusal::ALL.map(refusal).to_vec()
    }

    fn answer(&self, l: Locale, answer: &AccessAnswer) -> String {
        let by = ("by", self.names.person(&answer.by));
        match answer.outcome {
            AccessOutcome::Granted { frozen_until_utc } => {
                l.with("access-granted", &[by, ("until", l.moment(frozen_until_utc))])
            }
            AccessOutcome::Refused { reason } => {
                l.with("access-refused", &[by, ("reason", l.t(format!("access-refusal-{}", reason.as_str())))])
            }
        }
    }
}
