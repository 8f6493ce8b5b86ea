//! What happened at a site on a day, beside its images: each thing as a shape on the drawing and as a row of the table.
//! Shapes differ in form, not in colour; whatever the drawing says, the table says in words.

use super::super::Locale;
use super::super::locale::iso;
use super::super::names::Names;
use super::super::sentence::close_words;
use super::super::ticket::{cause_word, condition_text, short_id};
use super::TimelineView;
use crate::domain::{CloseCause, Excerpt, PersonId, TicketId};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Europe::Paris;

/// What is closer together than this is one shape with a number: 48 shapes of 14 pixels fit beside each other in the
/// least width the drawing has (`recordings.css`).
const TOGETHER: TimeDelta = TimeDelta::minutes(30);
/// Of so many things that share a shape, its text tells; the table tells of all.
const TOLD: usize = 5;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A guard's alert, in their words.
    Alert(String),
    /// Images were asked for.
    Requested,
    /// A decider approved.
    Approved,
    /// The rule of the `urgent` mode opened it.
    OpenedByRule,
    /// A decider refused, with their reason.
    Refused(String),
    /// Nobody answered.
    Lapsed,
    /// The requester took it back.
    Withdrawn,
    /// A condition fell away, by its word.
    Voided(String),
    /// A transfer ended.
    Ended(CloseCause),
    /// The administrator cut this viewer's session alone, with their reason.
    SessionCut(PersonId, String),
    /// Recordings were looked at.
    Viewed(Excerpt),
    /// Recordings were taken out, for what.
    Exported(Excerpt, String),
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When, UTC.
    pub at_utc: DateTime<Utc>,
    /// What.
    pub what: What,
    /// By whom; `None`: by a rule.
    pub by: Option<PersonId>,
    /// Under which ticket.
    pub ticket: Option<TicketId>,
}

/// Lines of the drawing on which things of one kind stand, in order.
const ROWS: [&str; 6] = ["alerts", "requests", "decisions", "ends", "viewed", "exported"];

impl Mark {
    fn row(&self) -> &'static str {
        match &self.what {
            What::Alert(_) => "alerts",
            What::Requested => "requests",
            What::Approved
            | What::OpenedByRule
            | What::Refused(_)
            | What::Lapsed
            | What::Withdrawn
            | What::Voided(_) => "decisions",
            What::Ended(_) | What::SessionCut(..) => "ends",
            What::Viewed(_) => "viewed",
            What::Exported(..) => "exported",
        }
    }

    /// Its stable word, for styles and tests.
    pub(super) fn word(&self) -> &'static str {
        match &self.what {
            What::Alert(_) => "alert",
            What::Requested => "request",
            What::Approved => "approved",
            What::OpenedByRule => "rule",
            What::Refused(_) => "refused",
            What::Lapsed => "lapsed",
            What::Withdrawn => "withdrawn",
            What::Voided(_) => "voided",
            What::Ended(cause) => cause_word(cause),
            What::SessionCut(..) => "session-cut",
            What::Viewed(_) => "viewed",
            What::Exported(..) => "exported",
        }
    }

    /// Its shape: the commands of an SVG path around (0, 0), 14 wide and high at most.
    pub(super) fn shape(&self) -> &'static str {
        match &self.what {
            What::Alert(_) => "M0-6 7 6H-7Z",
            What::Requested => "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0",
            What::Approved => "M-6 0-2 5 6-5",
            What::OpenedByRule => "M2-7-4 1H3L-2 7",
            What::Refused(_) => "M-5-5 5 5M5-5-5 5",
            What::Lapsed => "M-5-6H5L-5 6H5Z",
            What::Withdrawn => "M6 0H-6M-1-5-6 0-1 5",
            What::Voided(_) => "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0M-4 4 4-4",
            What::Ended(CloseCause::Expired) => "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0M0-4V0H3",
            What::Ended(CloseCause::EndOfIntervention) => "M-5-5H5V5H-5Z",
            What::Ended(CloseCause::InterruptedByLandlord { .. }) => "M-6-6H6V6H-6ZM-3-3 3 3M3-3-3 3",
            What::Ended(CloseCause::CutByAdministrator { .. }) => "M-3-6H3L6-3V3L3 6H-3L-6 3V-3ZM-3 0H3",
            What::Ended(_) => "M-5-5H5V5H-5ZM-5 5 5-5",
            What::SessionCut(..) => "M-3-6H3L6-3V3L3 6H-3L-6 3V-3ZM-3-3 3 3M3-3-3 3",
            What::Viewed(_) => "M-7 0Q0-8 7 0Q0 8-7 0ZM-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
            What::Exported(..) => "M0-6V3M-4-1 0 3 4-1M-6 6H6",
        }
    }

    /// What happened, in words.
    pub(super) fn text(&self, l: Locale) -> String {
        match &self.what {
            What::Ended(cause) => l.t(format!("state-{}", cause_word(cause))),
            _ => l.t(format!("recordings-mark-{}", self.word())),
        }
    }

    /// Who did it, as people read it.
    pub(super) fn who(&self, l: Locale, names: &Names) -> String {
        self.by.as_ref().map_or_else(|| l.t("actor-system"), |person| names.person(person))
    }

    /// Words that were given with it; what was looked at, and for what.
    pub(super) fn detail(&self, l: Locale, names: &Names) -> String {
        let quoted = |words: &str| format!("«\u{a0}{words}\u{a0}»");
        match &self.what {
            What::Alert(words) | What::Refused(words) => quoted(words),
            What::Voided(condition) => condition_text(l, condition),
            What::Ended(cause) => close_words(l, cause).as_deref().map(quoted).unwrap_or_default(),
            What::SessionCut(viewer, why) => format!("{} · {}", names.person(viewer), quoted(why)),
            What::Viewed(footage) => stretch(l, footage, names),
            What::Exported(footage, reference) => format!("{} · {}", stretch(l, footage, names), quoted(reference)),
            _ => String::new(),
        }
    }

    /// All of it in one line, as seen from a day.
    fn sentence(&self, l: Locale, names: &Names, seen_from: NaiveDate) -> String {
        let made = day(self.at_utc);
        let date = if made == seen_from { String::new() } else { l.calendar(made) };
        let ticket = self.ticket.as_ref().map(short_id).unwrap_or_default();
        let (what, who) = (self.text(l), self.who(l, names));
        let parts = [date, clock(self.at_utc), what, who, ticket, self.detail(l, names)];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
    }

    fn footage(&self) -> Option<&Excerpt> {
        match &self.what {
            What::Viewed(footage) | What::Exported(footage, _) => Some(footage),
            _ => None,
        }
    }
}

/// Which cameras, from when until when.
fn stretch(l: Locale, footage: &Excerpt, names: &Names) -> String {
    let cameras: Vec<String> = footage.cameras.iter().map(|camera| names.camera(camera)).collect();
    let from = footage.from_utc;
    let until = if day(from) == day(footage.until_utc) {
        clock(footage.until_utc)
    } else {
        format!("{} {}", l.calendar(day(footage.until_utc)), clock(footage.until_utc))
    };
    format!("{}\u{a0}: {} {} – {until}", cameras.join(", "), l.calendar(day(from)), clock(from))
}

fn day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Paris).date_naive()
}

/// The time of day in Paris.
pub(super) fn clock(at: DateTime<Utc>) -> String {
    at.with_timezone(&Paris).format("%H:%M:%S").to_string()
}

/// One line of the drawing.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) glyphs: Vec<Glyph>,
}

/// One shape on it: one thing, or several that are close together.
pub(super) struct Glyph {
    pub(super) x: String,
    pub(super) word: &'static str,
    pub(super) shape: &'static str,
    pub(super) count: usize,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) title: String,
}

/// Images that were looked at or taken out before, without a break.
pub(super) struct Seen {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) title: String,
}

impl TimelineView {
    /// The lines on which something stands.
    pub(super) fn rows(&self, l: Locale) -> Vec<Row> {
        let row = |name: &'static str| {
            let marks = self.marks.iter().filter(|mark| mark.row() == name && self.contains(mark.at_utc));
            Row { name, glyphs: self.glyphs(l, marks) }
        };
        ROWS.into_iter().map(row).filter(|row| !row.glyphs.is_empty()).collect()
    }

    fn contains(&self, at_utc: DateTime<Utc>) -> bool {
        self.from_utc <= at_utc && at_utc < self.until_utc
    }

    /// `marks` are in the order of time.
    fn glyphs<'a>(&self, l: Locale, marks: impl Iterator<Item = &'a Mark>) -> Vec<Glyph> {
        let mut groups: Vec<Vec<&Mark>> = Vec::new();
        for mark in marks {
            match groups.last_mut() {
                Some(group) if group.first().is_some_and(|first| mark.at_utc - first.at_utc < TOGETHER) => {
                    group.push(mark);
                }
                _ => groups.push(vec![mark]),
            }
        }
        let glyph = |group: Vec<&Mark>| {
            let (first, last) = (*group.first()?, *group.last()?);
            let alike = group.iter().all(|mark| mark.word() == first.word());
            let (word, shape) =
                if alike { (first.word(), first.shape()) } else { ("several", "M-6-2H2V6H-6ZM-2-2V-6H6V2H2") };
            Some(Glyph {
                x: self.percent(first.at_utc),
                word,
                shape,
                count: group.len(),
                first: iso(first.at_utc),
                last: iso(last.at_utc),
                title: self.told(l, &group),
            })
        };
        groups.into_iter().filter_map(glyph).collect()
    }

    /// Of a group: how many there are, then the first of them in words.
    fn told(&self, l: Locale, group: &[&Mark]) -> String {
        let mut lines: Vec<String> =
            group.iter().take(TOLD).map(|mark| mark.sentence(l, &self.names, self.day)).collect();
        if group.len() > 1 {
            lines.insert(0, l.n("recordings-several", group.len()));
        }
        if group.len() > TOLD {
            lines.push(l.n("recordings-more", group.len() - TOLD));
        }
        lines.join("\n")
    }

    /// Stretches of this day that were looked at or taken out, on whatever day; what overlaps is one.
    pub(super) fn seen(&self, l: Locale) -> Vec<Seen> {
        let within = |mark: &'_ Mark| {
            let footage = mark.footage()?;
            let (from, until) = (footage.from_utc.max(self.from_utc), footage.until_utc.min(self.until_utc));
            (from < until).then_some((from, until))
        };
        let mut stretches: Vec<_> = self.marks.iter().filter_map(|mark| Some((within(mark)?, mark))).collect();
        stretches.sort_by_key(|(stretch, _)| *stretch);
        let mut joined: Vec<(DateTime<Utc>, DateTime<Utc>, Vec<&Mark>)> = Vec::new();
        for ((from, until), mark) in stretches {
            match joined.last_mut() {
                Some((_, end, marks)) if from <= *end => {
                    *end = until.max(*end);
                    marks.push(mark);
                }
                _ => joined.push((from, until, vec![mark])),
            }
        }
        let seen = |(from, until, marks): (DateTime<Utc>, DateTime<Utc>, Vec<&Mark>)| {
            let values = [("from", clock(from)), ("until", clock(until))];
            let mut lines = vec![l.with("recordings-seen", &values)];
            lines.push(self.told(l, &marks));
            Seen {
                x: self.percent(from),
                width: format!("{:.3}%", 100.0 * self.span(&from, &until) as f64 / self.width() as f64),
                first: iso(from),
                last: iso(until),
                title: lines.join("\n"),
            }
        };
        joined.into_iter().map(seen).collect()
    }

    pub(super) fn percent(&self, at: DateTime<Utc>) -> String {
        format!("{:.3}%", 100.0 * self.x(&at) as f64 / self.width() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::pages::Language;
    use std::collections::BTreeSet;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn mark(at_utc: DateTime<Utc>, what: What) -> Mark {
        Mark { at_utc, what, by: Some("decider".parse().unwrap()), ticket: None }
    }

    fn viewed(at_utc: DateTime<Utc>, from: &str, minutes: i64) -> Mark {
        let (site, cameras) = ("arcade".parse().unwrap(), vec!["hall".parse().unwrap()]);
        let until_utc = at(from) + TimeDelta::minutes(minutes);
        mark(at_utc, What::Viewed(Excerpt { site, cameras, from_utc: at(from), until_utc }))
    }

    /// The longest day of the year in Paris: 25 hours.
    fn view(marks: Vec<Mark>) -> TimelineView {
        TimelineView {
            site: "arcade".parse().unwrap(),
            site_name: String::new(),
            day: "2026-10-25".parse().unwrap(),
            before: None,
            after: None,
            from_utc: at("2026-10-24T22:00:00Z"),
            until_utc: at("2026-10-25T23:00:00Z"),
            lanes: vec![],
            tickets: vec![],
            marks,
            names: Names::default(),
            now: at("2026-10-26T08:00:00Z"),
        }
    }

    #[test]
    fn a5_6_hundreds_of_events_on_one_day_stay_apart_and_all_are_counted() {
        let begin = at("2026-10-24T22:00:00Z");
        let marks = (0..750).map(|n| viewed(begin + TimeDelta::minutes(2 * n), "2026-10-24T22:00:00Z", 5)).collect();
        let view = view(marks);
        let rows = view.rows(Locale::default());
        let [row] = &rows[..] else { panic!("one line") };
        assert_eq!((row.name, row.glyphs.len()), ("viewed", 50));
        assert_eq!(row.glyphs.iter().map(|glyph| glyph.count).sum::<usize>(), 750);
        let places: Vec<f64> = row.glyphs.iter().map(|glyph| glyph.x.trim_end_matches('%').parse().unwrap()).collect();
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 2.0 - 1e-9), "{places:?}");
        let title: Vec<&str> = row.glyphs[0].title.lines().collect();
        assert_eq!((title.len(), title[0], title[6]), (7, "15 événements :", "et 10 autres, au tableau"));
    }

    #[test]
    fn a4_4_every_end_has_words_in_both_languages_and_the_four_of_the_convention_shapes_of_their_own() {
        let why = || "x".to_owned();
        let causes = [
            CloseCause::Expired,
            CloseCause::EndOfIntervention,
            CloseCause::InterruptedByLandlord { why: why() },
            CloseCause::CutByAdministrator { why: why() },
            CloseCause::RefusedAfterOpening { why: why() },
            CloseCause::GateCondition { condition: why() },
            CloseCause::Unanswered,
            CloseCause::RegisterFailure,
            CloseCause::ServerStopped,
        ];
        let ends = causes.map(What::Ended);
        let others = [
            What::Alert(why()),
            What::Requested,
            What::Approved,
            What::OpenedByRule,
            What::Refused(why()),
            What::Lapsed,
            What::Withdrawn,
            What::Voided(why()),
            What::SessionCut("agent".parse().unwrap(), why()),
            viewed(at("2026-10-25T08:00:00Z"), "2026-10-25T08:00:00Z", 1).what,
        ];
        let whats: Vec<What> = ends.into_iter().chain(others).collect();
        let shapes: BTreeSet<&str> =
            whats.iter().map(|what| mark(DateTime::UNIX_EPOCH, what.clone()).shape()).collect();
        // The five ends that are no person's deed share one; their words tell them apart.
        assert_eq!(shapes.len(), whats.len() - 4);
        for language in Language::ALL {
            let l = Locale { language };
            let texts: BTreeSet<String> =
                whats.iter().map(|what| mark(DateTime::UNIX_EPOCH, what.clone()).text(l)).collect();
            assert_eq!(texts.len(), whats.len(), "{texts:?}");
            let missing = ROWS.iter().chain(&["seen"]).find(|row| l.find(&format!("recordings-row-{row}")).is_none());
            assert_eq!(missing, None);
        }
    }

    #[test]
    fn different_events_close_together_share_a_shape_that_is_nobodys_and_its_text_names_them() {
        let moment = at("2026-10-25T08:00:00Z");
        let view = view(vec![mark(moment, What::Approved), mark(moment, What::Refused("non".to_owned()))]);
        let rows = view.rows(Locale::default());
        let glyph = &rows[0].glyphs[0];
        assert_eq!((glyph.word, glyph.count), ("several", 2));
        assert!(
            glyph.title.contains("demande approuvée")
                && glyph.title.contains("« non »".replace(' ', "\u{a0}").as_str())
        );
    }

    #[test]
    fn a5_6_images_seen_before_are_joined_and_those_of_another_day_have_their_date() {
        let view = view(vec![
            viewed(at("2026-10-25T09:00:00Z"), "2026-10-25T08:00:00Z", 10),
            viewed(at("2026-10-25T10:00:00Z"), "2026-10-25T08:05:00Z", 10),
            viewed(at("2026-10-27T10:00:00Z"), "2026-10-25T22:00:00Z", 120),
        ]);
        let seen = view.seen(Locale::default());
        assert_eq!(seen.len(), 2);
        assert_eq!(
            (seen[0].first.as_str(), seen[0].last.as_str()),
            ("2026-10-25T08:00:00.000Z", "2026-10-25T08:15:00.000Z")
        );
        assert_eq!(seen[1].last, "2026-10-25T23:00:00.000Z", "no further than the day");
        assert!(seen[1].title.contains("27 oct. 2026 · 11:00:00"), "{}", seen[1].title);
        assert_eq!(view.rows(Locale::default())[0].glyphs.iter().map(|glyph| glyph.count).sum::<usize>(), 2);
    }
}
