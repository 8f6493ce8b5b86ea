//! The connection log read back from its daily files, newest first, page by page and filtered: what an administrator
//! looks for may be months old, and no page of it needs more memory than its own lines.

use super::{Connection, Kind};
use crate::domain::{PersonId, TicketId};
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

/// Longest line that is read; none of ours comes near.
const MAX_LINE_BYTES: u64 = 16 * 1024;

/// What of the log is wanted; what is absent restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// From this instant on, UTC.
    pub since_utc: Option<DateTime<Utc>>,
    /// Before this instant, UTC.
    pub until_utc: Option<DateTime<Utc>>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// By this person.
    pub person: Option<PersonId>,
    /// About this ticket.
    pub ticket: Option<TicketId>,
}

impl ConnectionFilter {
    pub(super) fn wants(&self, line: &Connection) -> bool {
        self.since_utc.is_none_or(|since| line.at_utc >= since)
            && self.until_utc.is_none_or(|until| line.at_utc < until)
            && self.kind.is_none_or(|kind| kind == line.kind)
            && (self.person.is_none() || self.person == line.person)
            && (self.ticket.is_none() || self.ticket == line.ticket)
    }

    /// Whether a day's file can hold anything wanted. A wall clock that is set back writes at most into a neighbour.
    fn may_hold(&self, day: NaiveDate) -> bool {
        self.since_utc.is_none_or(|since| day >= since.date_naive())
            && self.until_utc.is_none_or(|until| day <= until.date_naive())
    }
}

/// A line's place: its day (UTC) and its number in that day's file. Lines are only ever added, so a place stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Day of the file.
    pub day: NaiveDate,
    /// Line, from 0.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.day, self.line)
    }
}

impl FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a place such as 2026-11-25.120, as a page's own link has it".to_owned();
        let (day, line) = text.split_once('.').ok_or_else(expected)?;
        Ok(Self { day: day.parse().map_err(|_| expected())?, line: line.parse().map_err(|_| expected())? })
    }
}

/// Up to `limit` lines wanted before `before`, newest first, and where to go on when there may be more.
///
/// # Errors
/// When the files cannot be read.
pub(super) fn page(
    dir: &Path,
    filter: &ConnectionFilter,
    before: Option<Place>,
    limit: usize,
) -> io::Result<(Vec<Connection>, Option<Place>)> {
    let mut days: Vec<NaiveDate> =
        std::fs::read_dir(dir)?.filter_map(|file| day_of(file.ok()?.file_name().to_str()?)).collect();
    days.sort_unstable();
    let mut found: Vec<(Place, Connection)> = Vec::new();
    for day in days.into_iter().rev().filter(|day| filter.may_hold(*day)) {
        if before.is_some_and(|before| day > before.day) {
            continue;
        }
        let until = before.filter(|before| before.day == day).map_or(u64::MAX, |before| before.line);
        // One more than is shown tells whether there are older ones.
        let left = limit + 1 - found.len();
        found.extend(newest_of_day(&dir.join(file_name(day)), day, filter, until, left)?);
        if found.len() > limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let older = found.last().map(|(place, _)| *place).filter(|_| more);
    Ok((found.into_iter().map(|(_, line)| line).collect(), older))
}

/// The newest wanted lines of a day before its line `until`, newest first; never more than `most` are held.
fn newest_of_day(
    path: &Path,
    day: NaiveDate,
    filter: &ConnectionFilter,
    until: u64,
    most: usize,
) -> io::Result<impl Iterator<Item = (Place, Connection)> + use<>> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        // Its time was over between the listing and now.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VecDeque::new().into_iter().rev()),
        Err(error) => return Err(error),
    };
    let mut kept: VecDeque<(Place, Connection)> = VecDeque::new();
    let mut bytes = Vec::new();
    for line in 0..until {
        bytes.clear();
        if (&mut file).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        // What is no line of ours (how many were lost, a torn one after a crash) is nobody's connection.
        let Ok(connection) = serde_json::from_slice::<Connection>(&bytes) else { continue };
        if filter.wants(&connection) {
            if kept.len() == most {
                kept.pop_front();
            }
            kept.push_back((Place { day, line }, connection));
        }
    }
    Ok(kept.into_iter().rev())
}

/// Name of a day's file.
pub(super) fn file_name(day: NaiveDate) -> String {
    format!("connections-{day}.jsonl")
}

/// The day a file is of, if it is one of the log's.
pub(super) fn day_of(name: &str) -> Option<NaiveDate> {
    name.strip_prefix("connections-")?.strip_suffix(".jsonl")?.parse().ok()
}
