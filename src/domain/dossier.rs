//! A site's dossier: everything the convention wants on record before images may leave, filed as acts, each one an entry
//! of the register (A1-2, A3-1, A4-1, A5-1, A8-1). What is missing is computed here and nowhere else, so that the page
//! that lists it and the gate that enforces it cannot disagree.

use super::ids::{CameraId, PersonId};
use super::person::{Designation, Role};
use super::site::{Convention, Site};
use super::ticket::Reason;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One of those who signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signatory {
    /// On whose behalf, e.g. "Ville de Charenton-le-Pont".
    pub party: String,
    /// In which capacity, e.g. "le Maire"; names of people stay out of the register.
    pub capacity: String,
}

/// The convention as signed, and whom filmed people write to (A5-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Its reference or title.
    pub reference: String,
    /// When it was signed.
    pub signed_on: NaiveDate,
    /// Who signed: the town, the State, the landlord.
    pub signatories: Vec<Signatory>,
    /// The landlord, as the notice names it.
    pub landlord: String,
    /// Where the right of access is exercised: postal or e-mail address, as printed on the notice.
    pub access_contact: String,
}

/// What an avenant changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Another player than the one the convention names (A6-3).
    Player,
    /// The list of reasons (A3-1).
    Reasons,
    /// Caps and durations (A4-7).
    Limits,
    /// The `urgent` mode (conflict table).
    UrgentMode,
    /// Anything else.
    Other,
}

impl Subject {
    /// All subjects, for forms.
    pub const ALL: [Subject; 5] =
        [Subject::Player, Subject::Reasons, Subject::Limits, Subject::UrgentMode, Subject::Other];

    /// The word used in forms and the register.
    pub fn as_str(self) -> &'static str {
        match self {
            Subject::Player => "player",
            Subject::Reasons => "reasons",
            Subject::Limits => "limits",
            Subject::UrgentMode => "urgent-mode",
            Subject::Other => "other",
        }
    }
}

/// An avenant to the convention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Avenant {
    /// Its reference.
    pub reference: String,
    /// When it was signed.
    pub signed_on: NaiveDate,
    /// What it changes.
    pub subject: Subject,
    /// In a sentence.
    pub summary: String,
}

/// A renewal: the act that lets the convention go on (A8-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// The act's reference.
    pub reference: String,
    /// When it was signed.
    pub signed_on: NaiveDate,
    /// Last day of the convention as renewed, in Paris.
    pub valid_until: NaiveDate,
}

/// A reason with the law it stands on (A3-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonBasis {
    /// Which.
    pub reason: Reason,
    /// Its legal basis.
    pub legal_basis: String,
}

/// The convention's closed list of reasons, as it stands from one version to the next (A3-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonList {
    /// 1 is the convention's own; each change is the next number.
    pub version: u32,
    /// When this version was agreed.
    pub dated: NaiveDate,
    /// The reasons that may be ticked.
    pub reasons: Vec<ReasonBasis>,
}

impl ReasonList {
    /// The convention's own six, with today's law: loi n° 2021-646 of 25 May 2021 put the transmission of images from
    /// shared areas into article L272-2 of the code de la sécurité intérieure.
    pub fn of_the_convention() -> Self {
        let basis =
            "Convention, article 3 ; code de la sécurité intérieure, article L272-2 (loi n° 2021-646 du 25 mai 2021)";
        let entry = |reason| ReasonBasis { reason, legal_basis: basis.to_owned() };
        // The day the convention was signed; always a day of the calendar.
        let dated = NaiveDate::from_ymd_opt(2021, 2, 24).unwrap_or_default();
        Self { version: 1, dated, reasons: Reason::ALL.map(entry).to_vec() }
    }

    /// Whether the reason may be ticked.
    pub fn has(&self, reason: Reason) -> bool {
        self.reasons.iter().any(|entry| entry.reason == reason)
    }
}

/// Somebody of the annex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnexPerson {
    /// Pseudonym.
    pub person: PersonId,
    /// Operator or chief.
    pub role: Role,
}

/// The annex of named agents (A3-3): signed off as a whole, never edited line by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annex {
    /// 1, 2, 3...
    pub version: u32,
    /// The date on it.
    pub dated: NaiveDate,
    /// SHA-256 of the file it was imported from, hexadecimal.
    pub sha256: String,
    /// Everybody in it.
    pub people: Vec<AnnexPerson>,
}

/// The two who decide (A4-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deciders {
    /// Titulaire.
    pub titulaire: PersonId,
    /// Suppléant.
    pub suppleant: PersonId,
    /// From which date.
    pub dated: NaiveDate,
}

/// That a camera shows shared areas alone (A1-2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// Which camera.
    pub camera: CameraId,
    /// When it was looked at.
    pub dated: NaiveDate,
    /// What it shows, in a sentence.
    pub view: String,
    /// Its privacy masks; empty when none is needed.
    pub masks: String,
    /// Where the person-free reference still is kept.
    pub still: String,
}

/// Why an attestation lapses (A1-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alteration {
    /// It looks elsewhere.
    View,
    /// It was moved.
    Position,
    /// Its privacy masks changed.
    Masks,
}

impl Alteration {
    /// All of them, for forms.
    pub const ALL: [Alteration; 3] = [Alteration::View, Alteration::Position, Alteration::Masks];

    /// The word used in forms and the register.
    pub fn as_str(self) -> &'static str {
        match self {
            Alteration::View => "view",
            Alteration::Position => "position",
            Alteration::Masks => "masks",
        }
    }
}

/// How a request that passed the control is opened (conflict table, row 1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "mode")]
pub enum Mode {
    /// By a decider's approval (articles 4 and 6).
    #[default]
    Approval,
    /// At once while a guard's alert stands (article 3), by virtue of an avenant.
    Urgent {
        /// Reference of the avenant, whose subject is [`Subject::UrgentMode`].
        avenant: String,
    },
}

/// One act, as it stands in the register. A file format: add, never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub enum Record {
    /// The convention as signed.
    Agreement(Agreement),
    /// An avenant.
    Avenant(Avenant),
    /// A renewal (A8-1).
    Renewal(Renewal),
    /// A new version of the reasons (A3-1).
    Reasons(ReasonList),
    /// A new version of the annex (A3-3).
    Annex(Annex),
    /// Titulaire and suppléant (A4-1).
    Deciders(Deciders),
    /// The site's entrances, all of them (A5-1).
    Entrances {
        /// Their names.
        entrances: Vec<String>,
    },
    /// A notice hangs at an entrance (A5-1).
    Signage {
        /// Which entrance.
        entrance: String,
        /// Since when.
        posted_on: NaiveDate,
    },
    /// A notice is gone.
    SignageGone {
        /// From which entrance.
        entrance: String,
    },
    /// A camera was attested (A1-2).
    Attestation(Attestation),
    /// A camera's attestation lapses: what it shows is cut (fault 22).
    AttestationLapsed {
        /// Which camera.
        camera: CameraId,
        /// What changed.
        alteration: Alteration,
    },
    /// How requests are opened from now on (conflict table, row 1).
    Opening(Mode),
}

/// What is on record for a site, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    /// The convention as signed.
    pub agreement: Option<Agreement>,
    /// Avenants, oldest first.
    pub avenants: Vec<Avenant>,
    /// The renewal in force.
    pub renewal: Option<Renewal>,
    /// The reasons in force.
    pub reasons: ReasonList,
    /// The annex in force.
    pub annex: Option<Annex>,
    /// Titulaire and suppléant.
    pub deciders: Option<Deciders>,
    /// Entrances, with the day since when a notice hangs there.
    pub entrances: Vec<(String, Option<NaiveDate>)>,
    /// Attestations in force.
    pub attestations: BTreeMap<CameraId, Attestation>,
    /// How many reminders of the renewal have been sent.
    pub renewal_reminders: u8,
    /// How requests are opened.
    pub opening: Mode,
}

impl Default for Dossier {
    fn default() -> Self {
        Self {
            agreement: None,
            avenants: Vec::new(),
            renewal: None,
            reasons: ReasonList::of_the_convention(),
            annex: None,
            deciders: None,
            entrances: Vec::new(),
            attestations: BTreeMap::new(),
            renewal_reminders: 0,
            opening: Mode::Approval,
        }
    }
}

/// Something that is not on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The convention's own record: signatories, landlord, contact.
    Agreement,
    /// An annex with at least one agent who is in their place (A3-3).
    Annex,
    /// Titulaire and suppléant, both in their places (A4-1).
    Deciders,
    /// The list of entrances (A5-1).
    Entrances,
    /// The notice at this entrance (A5-1).
    Signage(String),
    /// Any attested camera (A1-2).
    AnyCamera,
    /// The attestation of this camera: it alone is not shown (A1-2).
    Camera(CameraId),
}

impl Missing {
    /// The stable word; what is cut for it says the same.
    pub fn as_str(&self) -> &'static str {
        match self {
            Missing::Agreement => "agreement-missing",
            Missing::Annex => "annex-missing",
            Missing::Deciders => "deciders-missing",
            Missing::Entrances => "entrances-missing",
            Missing::Signage(_) => "signage-missing",
            Missing::AnyCamera => "no-attested-camera",
            Missing::Camera(_) => "camera-not-attested",
        }
    }

    /// Which one, where it is one of several: an entrance's name, a camera's id.
    pub fn of_which(&self) -> Option<String> {
        match self {
            Missing::Signage(entrance) => Some(entrance.clone()),
            Missing::Camera(camera) => Some(camera.to_string()),
            _ => None,
        }
    }

    /// Whether nothing of the site is transferred without it.
    pub fn blocks(&self) -> bool {
        !matches!(self, Missing::Camera(_))
    }
}

impl Dossier {
    /// Files an act. What belongs together (a renewal and its reminders) changes together.
    pub(super) fn file(&mut self, record: &Record) {
        match record {
            Record::Agreement(agreement) => self.agreement = Some(agreement.clone()),
            Record::Avenant(avenant) => self.avenants.push(avenant.clone()),
            Record::Renewal(renewal) => {
                self.renewal = Some(renewal.clone());
                self.renewal_reminders = 0;
            }
            Record::Reasons(list) => self.reasons = list.clone(),
            Record::Annex(annex) => self.annex = Some(annex.clone()),
            Record::Deciders(deciders) => self.deciders = Some(deciders.clone()),
            Record::Entrances { entrances } => {
                // A notice stays where its entrance stays.
                let known: BTreeMap<_, _> = std::mem::take(&mut self.entrances).into_iter().collect();
                let posted = |name: &String| known.get(name).copied().flatten();
                self.entrances = entrances.iter().map(|name| (name.clone(), posted(name))).collect();
            }
            Record::Signage { entrance, posted_on } => self.post(entrance, Some(*posted_on)),
            Record::SignageGone { entrance } => self.post(entrance, None),
            Record::Attestation(attestation) => {
                self.attestations.insert(attestation.camera.clone(), attestation.clone());
            }
            Record::AttestationLapsed { camera, .. } => {
                self.attestations.remove(camera);
            }
            Record::Opening(mode) => self.opening = mode.clone(),
        }
    }

    fn post(&mut self, entrance: &str, posted_on: Option<NaiveDate>) {
        if let Some((_, posted)) = self.entrances.iter_mut().find(|(name, _)| name == entrance) {
            *posted = posted_on;
        }
    }

    /// The site was declared anew: a renewal and a mode belong to the convention they were agreed
    /// for, an attestation to a camera that stays.
    pub(super) fn redeclared(&mut self, before: &Site, after: &Site) {
        if before.convention != after.convention {
            self.renewal = None;
            self.renewal_reminders = 0;
            self.opening = Mode::Approval;
        }
        self.attestations.retain(|camera, _| after.camera(camera).is_some());
    }

    /// The convention's dates as they stand: its own, or those of the renewal (A8-1).
    pub fn convention(&self, site: &Site) -> Convention {
        let mut convention = site.convention.clone();
        if let Some(end) = self.renewal.as_ref().and_then(|renewal| super::day::end_of(renewal.valid_until)) {
            convention.valid_until_utc = end;
        }
        convention
    }

    /// The avenant in force that lets requests be opened at once while an alert stands; `None`: the mode is not `urgent`.
    pub fn urgent_avenant(&self) -> Option<&Avenant> {
        let Mode::Urgent { avenant } = &self.opening else { return None };
        self.urgent_avenants().find(|known| known.reference == *avenant)
    }

    /// The avenants on record that may put the site into `urgent` mode.
    pub fn urgent_avenants(&self) -> impl Iterator<Item = &Avenant> {
        self.avenants.iter().filter(|avenant| avenant.subject == Subject::UrgentMode)
    }

    /// Whether the annex in force names this person as an operator.
    pub fn names_operator(&self, person: &PersonId) -> bool {
        self.annex.as_ref().is_some_and(|annex| {
            annex.people.iter().any(|named| named.person == *person && named.role == Role::Operator)
        })
    }

    /// Everything that is not on record, what blocks first.
    pub fn missing<'a>(&self, site: &Site, place: impl Fn(&PersonId) -> Option<&'a Designation>) -> Vec<Missing> {
        let mut missing = Vec::new();
        if self.agreement.is_none() {
            missing.push(Missing::Agreement);
        }
        let asks = |named: &AnnexPerson| {
            named.role == Role::Operator
                && place(&named.person).is_some_and(|place| {
                    place.role == Role::Operator
                        && place.sites.contains(&site.id)
                        && place.service.as_ref() == Some(&site.service.id)
                })
        };
        if !self.annex.as_ref().is_some_and(|annex| annex.people.iter().any(asks)) {
            missing.push(Missing::Annex);
        }
        let decides = |person: &PersonId| {
            place(person).is_some_and(|place| place.role == Role::Decider && place.sites.contains(&site.id))
        };
        if !self.deciders.as_ref().is_some_and(|both| decides(&both.titulaire) && decides(&both.suppleant)) {
            missing.push(Missing::Deciders);
        }
        if self.entrances.is_empty() {
            missing.push(Missing::Entrances);
        }
        let bare = self.entrances.iter().filter(|(_, posted)| posted.is_none());
        missing.extend(bare.map(|(entrance, _)| Missing::Signage(entrance.clone())));
        if !site.cameras.iter().any(|camera| self.attestations.contains_key(&camera.id)) {
            missing.push(Missing::AnyCamera);
        }
        let unattested = site.cameras.iter().filter(|camera| !self.attestations.contains_key(&camera.id));
        missing.extend(unattested.map(|camera| Missing::Camera(camera.id.clone())));
        missing
    }

    /// When the three months' notice begins.
    pub fn notice_from(&self, site: &Site) -> Option<DateTime<Utc>> {
        self.convention(site).valid_until_utc.checked_sub_months(chrono::Months::new(3))
    }
}

/// Days before the notice period at which the renewal is reminded of.
pub const RENEWAL_REMINDERS_DAYS: [i64; 2] = [30, 7];
