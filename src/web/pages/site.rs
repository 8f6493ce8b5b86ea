//! One site (`GET /sites/{site}`): what is recorded about it, and the forms that change it.
//!
//! Forms on it, all with `csrf`: `POST /sites/{id}/policy` (`day_cap_minutes`, `week_cap_minutes`,
//! `cooling_off_minutes`) and `POST /sites/{id}/records` (`record`: which act, and the act's fields).

use super::shell::role_text;
use super::ticket::reason_text;
use super::{Banner, Locale, Shell, Trouble};
use crate::archive::recorder::{CameraRecording, RecordingState};
use crate::domain::dossier::{Alteration, Annex, Avenant, Dossier, Missing, Subject};
use crate::domain::{CameraId, Convention, PersonId, Policy, Reason, Site};
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::BTreeMap;

/// The site's page.
#[derive(Debug, Clone)]
pub struct SiteView {
    /// The site as declared.
    pub site: Site,
    /// How much it allows its service (A4-7).
    pub policy: Policy,
    /// Whether the policy is this person's to set.
    pub may_set_policy: bool,
    /// Whether acts are this person's to file: the administrator's.
    pub may_file: bool,
    /// Whether the urgent mode is this person's to choose: the deciders'.
    pub may_set_urgent: bool,
    /// Whether going back to prior approval is this person's to file.
    pub may_require_approval: bool,
    /// The convention's dates as they stand (A8-1).
    pub convention: Convention,
    /// What is on record.
    pub dossier: Dossier,
    /// What is not.
    pub missing: Vec<Missing>,
    /// Who may be named titulaire or suppléant.
    pub candidates: Vec<(PersonId, String)>,
    /// Names.
    pub people: BTreeMap<PersonId, String>,
    /// Each camera's name and recording; `None`: nothing is recorded.
    pub recordings: Vec<(String, Option<CameraRecording>)>,
    /// Whether the machine's own words about a fault are for this person: the administrator's.
    pub may_see_faults: bool,
    /// Today, in Paris.
    pub today: NaiveDate,
    /// Why the previous attempt to change something was refused.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &SiteView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "site.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a SiteView,
    l: Locale,
}

/// One number of the policy, with what may be chosen for it.
struct Choice {
    name: &'static str,
    chosen: u32,
    offered: Vec<u32>,
}

impl Choice {
    fn of(name: &'static str, chosen: u32, offered: impl IntoIterator<Item = u32>) -> Self {
        let mut offered: Vec<u32> = offered.into_iter().chain([chosen]).collect();
        offered.sort_unstable();
        offered.dedup();
        Self { name, chosen, offered }
    }

    fn key(&self) -> String {
        self.name.replace('_', "-")
    }
}

impl SiteView {
    fn is_ready(&self) -> bool {
        !self.missing.iter().any(Missing::blocks)
    }

    /// What is missing, and what to do about it.
    fn lacks(&self, l: Locale, missing: &Missing) -> String {
        let what = match missing {
            Missing::Signage(entrance) => entrance.clone(),
            Missing::Camera(camera) => self.camera(camera),
            _ => String::new(),
        };
        l.a(&format!("lacks-{}", missing.as_str()), "what", what)
    }

    /// The class and the words of a camera's recording: never the colour alone.
    fn recording(&self, l: Locale, recording: &Option<CameraRecording>) -> (&'static str, String) {
        let Some(recording) = recording else { return ("waiting", l.t("recording-off")) };
        let class = match recording.state {
            RecordingState::Recording => "open",
            RecordingState::Waiting => "waiting",
            RecordingState::Stopped { .. } => "bad",
        };
        (class, l.t(format!("recording-{}", recording.state.as_str())))
    }

    fn recorded_until(&self, recording: &Option<CameraRecording>) -> Option<DateTime<Utc>> {
        recording.as_ref().and_then(|recording| recording.durable_until_utc)
    }

    fn recording_fault(&self, recording: &Option<CameraRecording>) -> Option<String> {
        match recording.as_ref().map(|recording| &recording.state) {
            Some(RecordingState::Stopped { why, .. }) if self.may_see_faults => Some(why.clone()),
            _ => None,
        }
    }

    /// The camera's clock in words: whose counts, how far apart they are, and how fast that changes.
    fn camera_clock(&self, l: Locale, recording: &Option<CameraRecording>) -> String {
        let Some(clock) = recording.as_ref().and_then(|recording| recording.clock) else { return String::new() };
        let source = l.t(format!("clock-{}", clock.source.as_str()));
        let offset = clock.offset_ms.map(|ms| l.a("clock-offset", "ms", format!("{ms:+}")));
        let drift = clock.drift_ppm.map(|ppm| l.a("clock-drift", "ppm", format!("{ppm:+.0}")));
        [Some(source), offset, drift].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn camera(&self, id: &CameraId) -> String {
        self.site.camera(id).map_or_else(|| id.to_string(), |camera| camera.name.clone())
    }

    fn person(&self, id: &PersonId) -> String {
        self.people.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// The avenant of the urgent mode, while it is in force.
    fn urgent(&self) -> Option<&str> {
        self.dossier.urgent_avenant().map(|avenant| avenant.reference.as_str())
    }

    fn urgent_avenants(&self) -> Vec<&Avenant> {
        self.dossier.urgent_avenants().collect()
    }

    fn needs_player_avenant(&self) -> bool {
        !self.dossier.avenants.iter().any(|avenant| avenant.subject == Subject::Player)
    }

    fn subject(&self, l: Locale, avenant: &Avenant) -> String {
        l.t(format!("subject-{}", avenant.subject.as_str()))
    }

    fn reason(&self, l: Locale, reason: &Reason) -> String {
        reason_text(l, *reason)
    }

    fn is_in_force(&self, reason: &Reason) -> bool {
        self.dossier.reasons.has(*reason)
    }

    fn basis(&self, reason: &Reason) -> String {
        let known = self.dossier.reasons.reasons.iter().find(|entry| entry.reason == *reason);
        known.or(self.dossier.reasons.reasons.first()).map(|entry| entry.legal_basis.clone()).unwrap_or_default()
    }

    fn annexed(&self, l: Locale, annex: &Annex) -> Vec<String> {
        let named = annex.people.iter();
        named.map(|named| format!("{} ({})", self.person(&named.person), role_text(l, named.role))).collect()
    }

    fn is_titulaire(&self, id: &PersonId) -> bool {
        self.dossier.deciders.as_ref().is_some_and(|both| both.titulaire == *id)
    }

    fn is_suppleant(&self, id: &PersonId) -> bool {
        self.dossier.deciders.as_ref().is_some_and(|both| both.suppleant == *id)
    }

    fn signatories(&self) -> String {
        let Some(agreement) = &self.dossier.agreement else { return String::new() };
        let lines: Vec<String> =
            agreement.signatories.iter().map(|who| format!("{} : {}", who.party, who.capacity)).collect();
        lines.join("\n")
    }

    fn entrance_lines(&self) -> String {
        let names: Vec<&str> = self.dossier.entrances.iter().map(|(name, _)| name.as_str()).collect();
        names.join("\n")
    }

    fn notice_from(&self) -> Option<DateTime<Utc>> {
        self.dossier.notice_from(&self.site)
    }

    fn policy_choices(&self) -> [Choice; 3] {
        let policy = &self.policy;
        [
            Choice::of("day_cap_minutes", policy.day_cap_minutes, Policy::DAY_CAP_MINUTES.step_by(60)),
            Choice::of("week_cap_minutes", policy.week_cap_minutes, Policy::WEEK_CAP_MINUTES.step_by(120)),
            Choice::of("cooling_off_minutes", policy.cooling_off_minutes, [0, 15, 30, 60, 120, 240, 480, 720, 1440]),
        ]
    }
}
