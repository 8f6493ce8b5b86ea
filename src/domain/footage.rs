//! What becomes of recorded footage: how long it is kept, what a requisition holds back from destruction, what filmed
//! persons ask for, and what was destroyed (A5-2 to A5-5).
//!
//! All of it is decided here, by one writer: the sweep that destroys asks before each batch ([`Custody::verdict`]), so
//! that no hold can be placed between the question and the answer (fault 17).

use super::command::Actor;
use super::day;
use super::event::{Entry, Event};
use super::ids::{AccessId, CameraId, HoldId, PersonId, SiteId};
use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};
use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The longest footage may be kept, days of 24 hours (A5-4). A site may keep it shorter, never longer.
pub const MAX_RETENTION_DAYS: u32 = 30;
/// Footage goes so long before its time is up: a sweep, a retry and a busy disk all fit in between, and the last picture
/// of a segment is younger than its first.
pub const PURGE_AHEAD: TimeDelta = TimeDelta::minutes(10);
/// What was granted to a filmed person stays for so long, so that an extract can be taken out (A5-2).
pub const ACCESS_FREEZE: TimeDelta = TimeDelta::days(7);
/// Days after its receipt at which an access request that nobody has answered is brought to mind (A5-2).
pub const ACCESS_WARNING_DAYS: u64 = 20;
/// Longest period that one hold or one access request may name, days: nothing older is there anyway.
pub const MAX_SCOPE_DAYS: i64 = 31;

/// A piece of footage: one segment, as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footage {
    /// Whose.
    pub camera: CameraId,
    /// When its first picture was taken, UTC.
    pub from_utc: DateTime<Utc>,
    /// Where its last picture ends, UTC.
    pub until_utc: DateTime<Utc>,
    /// When its first picture was taken by the time that had passed, where the calendar was in doubt then.
    pub trusted_utc: Option<DateTime<Utc>>,
}

/// Which footage is meant: cameras of one site, and a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Cameras, at least one.
    pub cameras: BTreeSet<CameraId>,
    /// From this instant.
    #[serde(with = "super::instant")]
    pub from_utc: DateTime<Utc>,
    /// Until before this one.
    #[serde(with = "super::instant")]
    pub until_utc: DateTime<Utc>,
}

impl Scope {
    /// Whether any picture of it is meant; a segment is kept whole.
    pub fn touches(&self, footage: &Footage) -> bool {
        // A segment without a length (its end is not known) counts by its first picture.
        let begins_within = self.from_utc <= footage.from_utc && footage.from_utc < self.until_utc;
        let reaches_in = footage.from_utc < self.from_utc && footage.until_utc > self.from_utc;
        (begins_within || reaches_in) && self.cameras.contains(&footage.camera)
    }
}

/// The judicial requisition that a hold rests on: the sole exception to destruction (A5-5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requisition {
    /// Who requires it, e.g. "Tribunal judiciaire de Créteil".
    pub authority: String,
    /// Their reference.
    pub reference: String,
    /// Its date.
    pub date: NaiveDate,
    /// SHA-256 of the document, 64 hexadecimal digits: the document itself stays with the landlord.
    pub document_sha256: String,
}

/// The two reasons for which access may be refused (A5-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessRefusal {
    /// It would show a third person's private life.
    ThirdPartyPrivacy,
    /// A judicial procedure is under way.
    JudicialProcedure,
}

impl AccessRefusal {
    /// Both.
    pub const ALL: [AccessRefusal; 2] = [AccessRefusal::ThirdPartyPrivacy, AccessRefusal::JudicialProcedure];

    /// The word used in forms, interfaces and the register.
    pub fn as_str(self) -> &'static str {
        match self {
            AccessRefusal::ThirdPartyPrivacy => "third-party-privacy",
            AccessRefusal::JudicialProcedure => "judicial-procedure",
        }
    }

    /// The reason of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// What was destroyed of one camera's day: counts, and a hash over the names and sizes of the segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgedCamera {
    /// The camera.
    pub camera: CameraId,
    /// Segments.
    pub segments: u64,
    /// Pictures in them.
    pub frames: u64,
    /// Bytes they took on the disk.
    pub bytes: u64,
    /// Of the segments, those whose file had been taken away by somebody else before.
    pub missing: u64,
    /// Whether the day's key went as well: then whatever may be left of that day anywhere is unreadable.
    pub key_destroyed: bool,
    /// Hash over the destroyed segments in the order of their destruction, hexadecimal: `h = SHA-256(h || name || size)`,
    /// all as text, from 64 zeros on, or from the hash of the entry before for this camera and day.
    pub sha256: String,
}

/// Something about the footage of one site, as it stands in the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "act")]
pub enum FootageAct {
    /// How long the site keeps its footage was set (A5-4).
    Retention {
        /// Days of 24 hours, 1 to 30.
        days: u32,
    },
    /// A requisition holds footage back from destruction (A5-5).
    Held {
        /// The hold.
        hold: HoldId,
        /// What it covers.
        scope: Scope,
        /// What it rests on.
        requisition: Requisition,
    },
    /// It does no longer: what it covered goes when its time is up, at once if that was before.
    Released {
        /// The hold.
        hold: HoldId,
        /// Reason given.
        why: String,
    },
    /// A filmed person asks for access (A5-2). Who they are is in the erasable table.
    AccessAsked {
        /// The request.
        request: AccessId,
        /// Where and when they say they were filmed.
        scope: Scope,
        /// The day it was received, in Paris.
        received_on: NaiveDate,
        /// Until when it has to be answered: a month, the last day included.
        #[serde(with = "super::instant")]
        answer_by_utc: DateTime<Utc>,
    },
    /// It has waited for twenty days.
    AccessWarned {
        /// The request.
        request: AccessId,
    },
    /// Yes: the footage stays long enough for an extract to be taken.
    AccessGranted {
        /// The request.
        request: AccessId,
        /// Until when.
        #[serde(with = "super::instant")]
        frozen_until_utc: DateTime<Utc>,
    },
    /// No, for one of two reasons (A5-3).
    AccessRefused {
        /// The request.
        request: AccessId,
        /// Which.
        reason: AccessRefusal,
    },
    /// A day's footage was destroyed, but for what was held (A5-4). It is attested here; nobody can prove that no copy is
    /// left elsewhere.
    Purged {
        /// The day it was taken, UTC.
        day: NaiveDate,
        /// What, by camera.
        cameras: Vec<PurgedCamera>,
    },
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Identifier.
    pub id: HoldId,
    /// Whose footage.
    pub site: SiteId,
    /// Which.
    pub scope: Scope,
    /// Why.
    pub requisition: Requisition,
    /// Who placed it.
    pub by: PersonId,
    /// When.
    #[serde(with = "super::instant")]
    pub placed_at_utc: DateTime<Utc>,
    /// Number of its entry: an order that no clock can turn round.
    #[serde(skip)]
    pub placed_seq: u64,
    /// Its end.
    pub released: Option<Release>,
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// Who.
    pub by: PersonId,
    /// When.
    #[serde(with = "super::instant")]
    pub at_utc: DateTime<Utc>,
    /// Number of its entry.
    #[serde(skip)]
    pub seq: u64,
    /// Reason given.
    pub why: String,
}

/// A filmed person's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessRequest {
    /// Identifier.
    pub id: AccessId,
    /// Whose footage.
    pub site: SiteId,
    /// Which.
    pub scope: Scope,
    /// The day it was received, in Paris.
    pub received_on: NaiveDate,
    /// Until before this instant it has to be answered.
    #[serde(with = "super::instant")]
    pub answer_by_utc: DateTime<Utc>,
    /// Who filed it.
    pub by: PersonId,
    /// When.
    #[serde(with = "super::instant")]
    pub filed_at_utc: DateTime<Utc>,
    /// Whether it has been brought to mind.
    pub warned: bool,
    /// The answer.
    pub answer: Option<AccessAnswer>,
}

impl AccessRequest {
    /// From when on it is brought to mind: twenty days after its receipt.
    pub fn warns_at_utc(&self) -> Option<DateTime<Utc>> {
        day::paris_midnight(self.received_on.checked_add_days(chrono::Days::new(ACCESS_WARNING_DAYS))?)
    }
}

/// The answer to an access request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessAnswer {
    /// Who.
    pub by: PersonId,
    /// When.
    #[serde(with = "super::instant")]
    pub at_utc: DateTime<Utc>,
    /// Number of its entry.
    #[serde(skip)]
    pub seq: u64,
    /// What.
    pub outcome: AccessOutcome,
}

/// Yes or no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum AccessOutcome {
    /// Yes.
    Granted {
        /// The footage stays until then.
        #[serde(with = "super::instant")]
        frozen_until_utc: DateTime<Utc>,
    },
    /// No.
    Refused {
        /// Why.
        reason: AccessRefusal,
    },
}

/// Until when a request has to be answered: a calendar month after its receipt, that day included.
pub fn answer_by(received_on: NaiveDate) -> Option<DateTime<Utc>> {
    day::end_of(received_on.checked_add_months(Months::new(1))?)
}

/// The destruction waits, because the calendar moved by more than time passed: somebody has to say that it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// Since when, by the calendar in doubt.
    #[serde(with = "super::instant")]
    pub since_utc: DateTime<Utc>,
    /// What time it would be if the calendar had gone on evenly: what the destruction goes by meanwhile.
    #[serde(with = "super::instant")]
    pub trusted_utc: DateTime<Utc>,
}

/// What may become of a piece of footage now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its time is up.
    Due,
    /// Its time is not up yet.
    Young,
    /// A requisition, or an access that was granted, holds it.
    Held,
}

/// When the end of a camera's day was attested last, and by which hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// When, UTC.
    pub at_utc: DateTime<Utc>,
    /// Number of its entry.
    pub seq: u64,
    /// [`PurgedCamera::sha256`].
    pub sha256: String,
}

/// Everything about footage, folded from the register.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Custody {
    /// How long each site keeps its footage, days, where it was set; see [`Custody::retention`].
    pub retentions: OrdMap<SiteId, u32>,
    /// All holds.
    pub holds: OrdMap<HoldId, Arc<Hold>>,
    /// All access requests.
    pub requests: OrdMap<AccessId, Arc<AccessRequest>>,
    /// Days of footage that are gone, by camera and UTC day.
    pub purged: OrdMap<(CameraId, NaiveDate), Attested>,
    /// Why the destruction waits, if it does.
    pub doubt: Option<Doubt>,
    /// From when to when, by the calendar, it was in doubt and then vouched for by a person.
    pub vouched: Vector<(DateTime<Utc>, DateTime<Utc>)>,
    standing: OrdSet<HoldId>,
    waiting: OrdSet<AccessId>,
}

impl Custody {
    /// How long a site keeps its footage, days of 24 hours. Of a camera that belongs to no site any more, the longest.
    pub fn retention_days(&self, site: Option<&SiteId>) -> u32 {
        let set = site.and_then(|site| self.retentions.get(site)).copied();
        set.map_or(MAX_RETENTION_DAYS, |days| days.min(MAX_RETENTION_DAYS))
    }

    /// When footage of a site that was taken at `taken_utc` goes, if nothing holds it.
    pub fn goes_at(&self, site: Option<&SiteId>, taken_utc: DateTime<Utc>) -> DateTime<Utc> {
        taken_utc + TimeDelta::days(self.retention_days(site).into()) - PURGE_AHEAD
    }

    /// When footage was taken, as far as its age goes: by the calendar; by the time that had passed where the calendar was
    /// in doubt and nobody has vouched for it since.
    pub fn taken(&self, footage: &Footage) -> DateTime<Utc> {
        match footage.trusted_utc {
            Some(trusted) => {
                let vouched = |(since, until): &(DateTime<Utc>, DateTime<Utc>)| {
                    *since - PURGE_AHEAD <= footage.from_utc && footage.from_utc <= *until
                };
                if self.vouched.iter().any(vouched) { footage.from_utc } else { trusted }
            }
            None => footage.from_utc,
        }
    }

    /// What may become of footage at `now`.
    pub fn verdict(&self, site: Option<&SiteId>, footage: &Footage, now: DateTime<Utc>) -> Verdict {
        if now < self.goes_at(site, self.taken(footage)) {
            Verdict::Young
        } else if self.is_held(footage, now) {
            Verdict::Held
        } else {
            Verdict::Due
        }
    }

    /// Whether a requisition, or an access that was granted, holds this footage at `now`. An access holds it against a
    /// site's shorter retention alone: beyond thirty days nothing does but a requisition (A5-4, A5-5).
    pub fn is_held(&self, footage: &Footage, now: DateTime<Utc>) -> bool {
        let longest = self.taken(footage) + TimeDelta::days(MAX_RETENTION_DAYS.into()) - PURGE_AHEAD;
        self.standing().any(|hold| hold.scope.touches(footage))
            || now < longest
                && self.requests.values().any(|request| {
                    let frozen = request.answer.as_ref().is_some_and(|answer| {
                    matches!(answer.outcome, AccessOutcome::Granted { frozen_until_utc } if now < frozen_until_utc)
                });
                    frozen && request.scope.touches(footage)
                })
    }

    /// Whether this footage was destroyed and has come back, e.g. with a backup (fault 24): its day was attested, and
    /// nothing kept it then, neither a hold that stood nor an access that had been granted. What was kept then is no
    /// revenant, whatever became of that hold: it goes by [`Custody::verdict`], since another may have taken its place.
    /// What a calendar that was set back stamped with such a day is not meant.
    pub fn is_revenant(&self, footage: &Footage) -> bool {
        let day = (footage.camera.clone(), footage.from_utc.date_naive());
        let attested = self.purged.get(&day);
        let attested = attested.filter(|attested| footage.trusted_utc.is_none_or(|taken| taken < attested.at_utc));
        attested.is_some_and(|attested| {
            let stood = |hold: &Hold| {
                let released = hold.released.as_ref().is_some_and(|release| release.seq < attested.seq);
                hold.placed_seq < attested.seq && !released && hold.scope.touches(footage)
            };
            let frozen = |request: &AccessRequest| {
                let granted = request.answer.as_ref().filter(|answer| answer.seq < attested.seq);
                granted.is_some_and(|answer| matches!(answer.outcome, AccessOutcome::Granted { .. }))
                    && request.scope.touches(footage)
            };
            !self.holds.values().any(|hold| stood(hold)) && !self.requests.values().any(|request| frozen(request))
        })
    }

    /// Holds that stand.
    pub fn standing(&self) -> impl Iterator<Item = &Hold> {
        self.standing.iter().filter_map(|id| self.holds.get(id).map(Arc::as_ref))
    }

    /// Access requests that wait for their answer.
    pub fn waiting(&self) -> impl Iterator<Item = &AccessRequest> {
        self.waiting.iter().filter_map(|id| self.requests.get(id).map(Arc::as_ref))
    }

    /// Folds one entry in; what does not fit changes nothing.
    pub(super) fn apply(&mut self, entry: &Entry) {
        let (at_utc, seq) = (entry.at_utc, entry.seq);
        let (site, act) = match &entry.event {
            Event::Footage { site, act } => (site, act),
            Event::PurgePaused { trusted_utc } => {
                self.doubt.get_or_insert(Doubt { since_utc: at_utc, trusted_utc: *trusted_utc });
                return;
            }
            Event::PurgeResumed => {
                let doubt = self.doubt.take();
                if let (Some(doubt), Actor::Person(_)) = (doubt, &entry.actor) {
                    self.vouched.push_back((doubt.since_utc, at_utc));
                }
                return;
            }
            _ => return,
        };
        let person = match &entry.actor {
            Actor::Person(person) => Some(person),
            Actor::System => None,
        };
        match (act, person) {
            (FootageAct::Retention { days }, _) => {
                self.retentions.insert(site.clone(), *days);
            }
            (FootageAct::Held { hold, scope, requisition }, Some(by)) => {
                if self.holds.contains_key(hold) {
                    return;
                }
                self.standing.insert(*hold);
                let (site, scope, requisition) = (site.clone(), scope.clone(), requisition.clone());
                let placed = Hold {
                    id: *hold,
                    site,
                    scope,
                    requisition,
                    by: by.clone(),
                    placed_at_utc: at_utc,
                    placed_seq: seq,
                    released: None,
                };
                self.holds.insert(*hold, Arc::new(placed));
            }
            (FootageAct::Released { hold, why }, Some(by)) => {
                let Some(known) = self.holds.get_mut(hold).map(Arc::make_mut) else { return };
                known.released.get_or_insert(Release { by: by.clone(), at_utc, seq, why: why.clone() });
                self.standing.remove(hold);
            }
            (FootageAct::AccessAsked { request, scope, received_on, answer_by_utc }, Some(by)) => {
                if self.requests.contains_key(request) {
                    return;
                }
                self.waiting.insert(*request);
                let asked = AccessRequest {
                    id: *request,
                    site: site.clone(),
                    scope: scope.clone(),
                    received_on: *received_on,
                    answer_by_utc: *answer_by_utc,
                    by: by.clone(),
                    filed_at_utc: at_utc,
                    warned: false,
                    answer: None,
                };
                self.requests.insert(*request, Arc::new(asked));
            }
            (FootageAct::AccessWarned { request }, _) => {
                if let Some(known) = self.requests.get_mut(request) {
                    Arc::make_mut(known).warned = true;
                }
            }
            (FootageAct::AccessGranted { request, frozen_until_utc }, Some(by)) => {
                let outcome = AccessOutcome::Granted { frozen_until_utc: *frozen_until_utc };
                self.answer(request, AccessAnswer { by: by.clone(), at_utc, seq, outcome });
            }
            (FootageAct::AccessRefused { request, reason }, Some(by)) => {
                let outcome = AccessOutcome::Refused { reason: *reason };
                self.answer(request, AccessAnswer { by: by.clone(), at_utc, seq, outcome });
            }
            (FootageAct::Purged { day, cameras }, _) => {
                for purged in cameras {
                    let attested = Attested { at_utc, seq, sha256: purged.sha256.clone() };
                    self.purged.insert((purged.camera.clone(), *day), attested);
                }
            }
            // People's acts by nobody: no file of ours.
            _ => {}
        }
    }

    fn answer(&mut self, request: &AccessId, answer: AccessAnswer) {
        let Some(known) = self.requests.get_mut(request).map(Arc::make_mut) else { return };
        known.answer.get_or_insert(answer);
        self.waiting.remove(request);
    }
}
