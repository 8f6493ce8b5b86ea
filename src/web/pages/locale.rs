//! Languages, and how words, times and quantities read in them.

use super::ticket::short_id;
use crate::domain::{Reason, TicketId};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Europe::Paris;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, langid};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

fluent_templates::static_loader! {
    static TEXTS = {
        locales: "./web/locales",
        fallback_language: "fr",
        // The marks around inserted values are for bidirectional text; French and English are not.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static FRENCH: LanguageIdentifier = langid!("fr");
static ENGLISH: LanguageIdentifier = langid!("en");
/// Between a number and its unit.
const NARROW: char = '\u{202f}';

/// Languages of the pages, French first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Français.
    #[default]
    Fr,
    /// English.
    En,
}

impl Language {
    /// Both, French first.
    pub const ALL: [Language; 2] = [Language::Fr, Language::En];

    /// `fr` or `en`.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::Fr => "fr",
            Language::En => "en",
        }
    }

    /// The language of a tag such as `fr`, `fr-CA` or `en`; `None` for any other.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }
}

/// In which language a page is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Locale {
    /// The language.
    pub language: Language,
}

/// Markup that is already safe: made here, from escaped values alone.
pub(super) struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl askama::filters::HtmlSafe for Markup {}

/// A count, however many references a template puts before it.
pub(super) trait Count {
    fn count(&self) -> u64;
}
impl Count for u32 {
    fn count(&self) -> u64 {
        u64::from(*self)
    }
}
impl Count for u64 {
    fn count(&self) -> u64 {
        *self
    }
}
impl Count for usize {
    fn count(&self) -> u64 {
        *self as u64
    }
}
impl<T: Count> Count for &T {
    fn count(&self) -> u64 {
        (*self).count()
    }
}

/// An instant, likewise.
pub(super) trait At {
    fn at(&self) -> DateTime<Utc>;
}
impl At for DateTime<Utc> {
    fn at(&self) -> DateTime<Utc> {
        *self
    }
}
impl<T: At> At for &T {
    fn at(&self) -> DateTime<Utc> {
        (*self).at()
    }
}

/// A day of the calendar, likewise.
pub(super) trait Day {
    fn day(&self) -> NaiveDate;
}
impl Day for NaiveDate {
    fn day(&self) -> NaiveDate {
        *self
    }
}
impl<T: Day> Day for &T {
    fn day(&self) -> NaiveDate {
        (*self).day()
    }
}

impl Locale {
    fn id(self) -> &'static LanguageIdentifier {
        match self.language {
            Language::Fr => &FRENCH,
            Language::En => &ENGLISH,
        }
    }

    /// The text of a key.
    pub(super) fn t(self, key: impl AsRef<str>) -> String {
        TEXTS.lookup(self.id(), key.as_ref())
    }

    /// The text of a key, if there is one.
    pub(super) fn find(self, key: &str) -> Option<String> {
        TEXTS.try_lookup(self.id(), key)
    }

    /// The text of a key with values put in.
    pub(super) fn with(self, key: &str, values: &[(&'static str, String)]) -> String {
        TEXTS.lookup_with_args(self.id(), key, &fluent(values))
    }

    /// The text of a key with values put in, if there is one.
    pub(super) fn find_with(self, key: &str, values: &[(&'static str, String)]) -> Option<String> {
        TEXTS.try_lookup_with_args(self.id(), key, &fluent(values))
    }

    /// The text of a key with one value put in.
    pub(super) fn a(self, key: &str, name: &'static str, value: impl fmt::Display) -> String {
        self.with(key, &[(name, value.to_string())])
    }

    /// The text of a key about `n` things; the key chooses singular or plural by `$n`.
    pub(super) fn n(self, key: &str, n: impl Count) -> String {
        let n = n.count();
        let values = HashMap::from([(Cow::Borrowed("n"), FluentValue::from(n))]);
        TEXTS.lookup_with_args(self.id(), key, &values)
    }

    /// A reason as people read it.
    pub(super) fn reason(self, reason: &Reason) -> String {
        self.t(format!("reason-{}", reason.as_str()))
    }

    /// A ticket's short name.
    pub(super) fn short(self, ticket: &TicketId) -> String {
        short_id(ticket)
    }

    /// An instant in full: day, hour, minute, second in Paris; UTC in the title.
    pub(super) fn time(self, at: impl At) -> Markup {
        let at = at.at();
        let paris = at.with_timezone(&Paris);
        let text = format!("{} {:02}:{:02}:{:02}", self.day(at), paris.hour(), paris.minute(), paris.second());
        stamp(at, &text)
    }

    /// An instant as seen from `now`: the hour alone when it is the same day in Paris, else with the day.
    pub(super) fn hour(self, at: impl At, now: impl At) -> Markup {
        let at = at.at();
        stamp(at, &self.hour_text(at, now.at()))
    }

    /// The same as plain text.
    pub(super) fn hour_text(self, at: DateTime<Utc>, now: DateTime<Utc>) -> String {
        let paris = at.with_timezone(&Paris);
        let hour = format!("{:02}:{:02}", paris.hour(), paris.minute());
        if paris.date_naive() == now.with_timezone(&Paris).date_naive() {
            hour
        } else {
            format!("{} {hour}", self.day(at))
        }
    }

    /// An instant for scripts.
    pub(super) fn iso(self, at: impl At) -> String {
        iso(at)
    }

    /// An instant as plain text, day and hour in Paris, rounded up to the minute: what is promised from then on is true.
    pub(super) fn moment(self, at: impl At) -> String {
        let at = at.at();
        let whole = at.with_second(0).and_then(|at| at.with_nanosecond(0)).unwrap_or(at);
        self.minute_text(if whole < at { whole + TimeDelta::minutes(1) } else { at })
    }

    /// Day, hour and minute in Paris, as plain text.
    pub(super) fn minute_text(self, at: DateTime<Utc>) -> String {
        let paris = at.with_timezone(&Paris);
        format!("{} {:02}:{:02}", self.day(at), paris.hour(), paris.minute())
    }

    /// A day in Paris; UTC in the title.
    pub(super) fn date(self, at: impl At) -> Markup {
        let at = at.at();
        stamp(at, &self.day(at))
    }

    fn day(self, at: DateTime<Utc>) -> String {
        self.calendar(at.with_timezone(&Paris).date_naive())
    }

    /// A day of the calendar, as plain text.
    pub(super) fn calendar(self, day: impl Day) -> String {
        let day = day.day();
        let month = self.t(format!("month-{}", day.month()));
        format!("{} {month} {}", Datelike::day(&day), day.year())
    }

    /// Minutes as hours: "2 h", "2 h 30".
    pub(super) fn minutes(self, minutes: impl Count) -> String {
        let minutes = minutes.count();
        match (minutes / 60, minutes % 60) {
            (0, rest) => format!("{rest}{NARROW}min"),
            (hours, 0) => format!("{hours}{NARROW}h"),
            (hours, rest) => format!("{hours}{NARROW}h{NARROW}{rest:02}"),
        }
    }

    /// Milliseconds as a length of time, to the second.
    pub(super) fn length(self, ms: impl Count) -> String {
        let seconds = ms.count() / 1000;
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) => format!("{s}{NARROW}s"),
            (0, m, s) => format!("{m}{NARROW}min {s:02}{NARROW}s"),
            (h, m, s) => format!("{h}{NARROW}h {m:02}{NARROW}min {s:02}{NARROW}s"),
        }
    }

    /// Microseconds as milliseconds: "3,2 ms".
    pub(super) fn cut(self, us: impl Count) -> String {
        format!("{}{NARROW}ms", self.decimal(us.count() as f64 / 1000.0, 1))
    }

    /// Age of a picture: "40 ms", "2,5 s".
    pub(super) fn age(self, ms: impl Count) -> String {
        match ms.count() {
            ms @ 0..=999 => format!("{ms}{NARROW}ms"),
            ms @ 1000..=119_999 => format!("{}{NARROW}s", self.decimal(ms as f64 / 1000.0, 1)),
            ms => self.length(ms),
        }
    }

    /// Bytes: "12,4 Mo", "12.4 MB".
    pub(super) fn bytes(self, bytes: impl Count) -> String {
        let unit = match self.language {
            Language::Fr => "o",
            Language::En => "B",
        };
        self.scaled(bytes.count() as f64, unit)
    }

    /// Bits per second: "4,1 Mbit/s".
    pub(super) fn rate(self, bps: impl Count) -> String {
        self.scaled(bps.count() as f64, "bit/s")
    }

    fn scaled(self, value: f64, unit: &str) -> String {
        let (value, prefix) = match value {
            v if v >= 1e9 => (v / 1e9, "G"),
            v if v >= 1e6 => (v / 1e6, "M"),
            v if v >= 1e3 => (v / 1e3, "k"),
            v => return format!("{v:.0}{NARROW}{unit}"),
        };
        format!("{}{NARROW}{prefix}{unit}", self.decimal(value, 1))
    }

    /// A number with so many decimals, with the language's decimal mark.
    pub(super) fn decimal(self, value: f64, digits: usize) -> String {
        let text = format!("{value:.digits$}");
        match self.language {
            Language::Fr => text.replace('.', ","),
            Language::En => text,
        }
    }
}

/// The text of a key, for what is no page: tables.
pub fn words(l: Locale, key: &str) -> String {
    l.t(key)
}

/// The same with values in it.
pub fn words_with(l: Locale, key: &str, values: &[(&'static str, String)]) -> String {
    l.with(key, values)
}

fn fluent<'a>(values: &'a [(&'static str, String)]) -> HashMap<Cow<'static, str>, FluentValue<'a>> {
    values.iter().map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(value.as_str()))).collect()
}

/// An instant for machines, in UTC to the millisecond.
pub(super) fn iso(at: impl At) -> String {
    at.at().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn stamp(at: DateTime<Utc>, text: &str) -> Markup {
    // Digits, month names from our own texts, and punctuation: nothing to escape.
    Markup(format!("<time datetime=\"{}\" title=\"{}\">{text}</time>", iso(at), at.format("%Y-%m-%d %H:%M:%S UTC")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn instants_are_shown_in_paris_with_utc_beside() {
        let fr = Locale::default();
        assert_eq!(
            fr.time(at("2026-07-01T22:30:05Z")).to_string(),
            "<time datetime=\"2026-07-01T22:30:05.000Z\" title=\"2026-07-01 22:30:05 UTC\">2 juil. 2026 00:30:05</time>"
        );
        assert_eq!(fr.hour_text(at("2026-11-24T22:59:00Z"), at("2026-11-24T10:00:00Z")), "23:59");
        assert_eq!(fr.hour_text(at("2026-11-24T23:01:00Z"), at("2026-11-24T10:00:00Z")), "25 nov. 2026 00:01");
        let en = Locale { language: Language::En };
        assert_eq!(en.hour_text(at("2026-11-24T23:01:00Z"), at("2026-11-24T10:00:00Z")), "25 Nov 2026 00:01");
    }

    #[test]
    fn quantities_read_in_their_language() {
        let (fr, en) = (Locale::default(), Locale { language: Language::En });
        assert_eq!(fr.minutes(150_u32), "2\u{202f}h\u{202f}30");
        assert_eq!(fr.minutes(120_u32), "2\u{202f}h");
        assert_eq!(fr.bytes(12_400_000_u64), "12,4\u{202f}Mo");
        assert_eq!(en.bytes(12_400_000_u64), "12.4\u{202f}MB");
        assert_eq!(en.rate(4_100_000_u64), "4.1\u{202f}Mbit/s");
        assert_eq!(fr.cut(3_240_u64), "3,2\u{202f}ms");
        assert_eq!(fr.length(3_725_000_u64), "1\u{202f}h 02\u{202f}min 05\u{202f}s");
        assert_eq!(fr.age(2_500_u64), "2,5\u{202f}s");
    }

    #[test]
    fn tags_name_languages() {
        assert_eq!(Language::from_tag("fr-CA"), Some(Language::Fr));
        assert_eq!(Language::from_tag("EN"), Some(Language::En));
        assert_eq!(Language::from_tag("de"), None);
    }
}
