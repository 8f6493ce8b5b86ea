//! Recordings (`GET /recordings`, `/recordings/{site}`): the day of a site's cameras on a line, the player, the export.
//!
//! The form on it: `POST /recordings/{site}/export` (`csrf`, `cameras`, `from`, `until`, `reference`).

mod marks;

pub use marks::{Mark, What};

use super::names::Names;
use super::{Banner, Locale, Shell};
use crate::archive::Boundary;
use crate::domain::{CameraId, SiteId, TicketId};
use askama::Template;
use chrono::{DateTime, NaiveDate, Timelike, Utc};
use chrono_tz::Europe::Paris;
use marks::clock;

/// A site whose recordings may be looked at.
#[derive(Debug, Clone)]
pub struct SiteLink {
    /// Identifier.
    pub id: SiteId,
    /// Name.
    pub name: String,
}

/// The list.
#[derive(Debug, Clone)]
pub struct RecordingsView {
    /// The reader's sites.
    pub sites: Vec<SiteLink>,
}

/// Pictures without a break.
#[derive(Debug, Clone)]
pub struct Bar {
    /// From when, UTC.
    pub from_utc: DateTime<Utc>,
    /// Until when, UTC.
    pub until_utc: DateTime<Utc>,
    /// Why it begins, when that is a gap.
    pub began: Option<Boundary>,
    /// Why it ends, when that is a gap.
    pub ended: Option<Boundary>,
    /// Pictures known to be missing before it.
    pub missed_frames: u64,
}

/// One camera's day.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Identifier.
    pub id: CameraId,
    /// Name.
    pub name: String,
    /// What there is.
    pub bars: Vec<Bar>,
    /// Whether it stands on the page by itself.
    pub alone: bool,
}

impl Lane {
    /// Where nothing is recorded between what is, with the reason: as the bars before and after tell it.
    fn gaps(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>, Option<Boundary>)> {
        let (mut found, mut bars) = (Vec::new(), self.bars.iter());
        // Where the calendar was set back, two bars may overlap: what counts is the one that reaches furthest.
        let Some(mut furthest) = bars.next() else { return found };
        for bar in bars {
            if bar.from_utc > furthest.until_utc {
                found.push((furthest.until_utc, bar.from_utc, bar.began.or(furthest.ended)));
            }
            if bar.until_utc > furthest.until_utc {
                furthest = bar;
            }
        }
        found
    }
}

/// One site's day.
#[derive(Debug, Clone)]
pub struct TimelineView {
    /// The site.
    pub site: SiteId,
    /// Its name.
    pub site_name: String,
    /// The day, in Paris.
    pub day: NaiveDate,
    /// The day before.
    pub before: Option<NaiveDate>,
    /// The day after, unless that is to come.
    pub after: Option<NaiveDate>,
    /// Its first instant, UTC.
    pub from_utc: DateTime<Utc>,
    /// The next day's first instant, UTC.
    pub until_utc: DateTime<Utc>,
    /// Its cameras.
    pub lanes: Vec<Lane>,
    /// Tickets that were open: since when, until when, UTC.
    pub tickets: Vec<(TicketId, DateTime<Utc>, DateTime<Utc>)>,
    /// What happened otherwise, oldest first; and what was done since with the day's images.
    pub marks: Vec<Mark>,
    /// Names of people and cameras.
    pub names: Names,
    /// When this was drawn, UTC.
    pub now: DateTime<Utc>,
}

/// Draws the list.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render_list(shell: &Shell, view: &RecordingsView) -> askama::Result<String> {
    List { shell, view, l: shell.locale }.render()
}

/// Draws a day.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &TimelineView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "recordings.html")]
struct List<'a> {
    shell: &'a Shell,
    view: &'a RecordingsView,
    l: Locale,
}

#[derive(Template)]
#[template(path = "recordings_site.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a TimelineView,
    l: Locale,
}

impl TimelineView {
    /// Seconds from the day's start, as the drawing counts.
    fn x(&self, at: &DateTime<Utc>) -> i64 {
        (*at - self.from_utc).num_seconds().clamp(0, self.width())
    }

    /// How wide something is; what is short is still seen.
    fn span(&self, from: &DateTime<Utc>, until: &DateTime<Utc>) -> i64 {
        (self.x(until) - self.x(from)).max(60)
    }

    /// 86,400, but for the two days on which the clocks change.
    fn width(&self) -> i64 {
        (self.until_utc - self.from_utc).num_seconds()
    }

    /// What a bar is called where it is not seen.
    fn run(&self, l: Locale, lane: &Lane, bar: &Bar) -> String {
        let values = [("camera", lane.name.clone()), ("from", clock(bar.from_utc)), ("until", clock(bar.until_utc))];
        l.with("recordings-run", &values)
    }

    fn is_alone(&self) -> bool {
        self.lanes.iter().any(|lane| lane.alone)
    }

    fn hours(&self) -> Vec<i64> {
        (1..self.width() / 3_600).map(|hour| hour * 3_600).collect()
    }

    /// Every third hour of the day with its place: on the days when clocks change the hours are those that clocks show.
    fn axis(&self) -> Vec<(String, String)> {
        let instants = (0..self.width() / 3_600).map(|hour| self.from_utc + chrono::TimeDelta::hours(hour));
        let on_the_third = |at: &DateTime<Utc>| at.with_timezone(&Paris).hour().is_multiple_of(3);
        instants
            .filter(on_the_third)
            .map(|at| (self.percent(at), at.with_timezone(&Paris).format("%H:%M").to_string()))
            .collect()
    }

    /// For `datetime-local`: Paris, without a zone.
    fn local(&self, at: &DateTime<Utc>) -> String {
        at.with_timezone(&Paris).format("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// Where the reader most likely wants to begin: the last ten minutes there are.
    fn start(&self) -> String {
        self.local(&(self.end_utc() - chrono::TimeDelta::minutes(10)).max(self.from_utc))
    }

    fn end(&self) -> String {
        self.local(&self.end_utc())
    }

    fn end_utc(&self) -> DateTime<Utc> {
        self.lanes.iter().flat_map(|lane| &lane.bars).map(|bar| bar.until_utc).max().unwrap_or(self.until_utc)
    }
}

fn why(l: Locale, boundary: Option<Boundary>) -> String {
    boundary.map_or_else(|| "–".to_owned(), |why| l.t(format!("boundary-{}", why.as_str())))
}
