//! The recordings' storage (`GET /storage`, `GET /api/v1/storage`): room on the disk and how long it lasts, what is recorded,
//! alarms, the clock footage is destroyed by, and the off-site copy (A5-4, faults 6, 13 and 14).
//!
//! Everything comes out of memory: the watch measures every five seconds, and a page that asks more often costs no look at
//! the disk. Never shown: keys and credentials of the copy, or a storage's own words, which may quote them.

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::pages::Notice;
use super::pages::storage::{StorageView, render};
use super::problem::Problem;
use super::request::Request;
use crate::archive::StorageReading;
use crate::archive::offsite::MirrorState;
use crate::archive::recorder::{Recorder, RecordingState};
use crate::domain::footage::Doubt;
use crate::domain::{Action, Actor, CameraId, Command, FootageCommand, Role, SiteId, State, StorageAlarm};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;

/// The storage as one person sees it.
#[derive(Debug, Clone, Serialize)]
pub struct StorageModel {
    /// Whether anything is recorded.
    pub recording: Activity,
    /// Why nothing at all is; for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Cameras of the reader's sites.
    pub cameras: Vec<CameraStorage>,
    /// The recordings' disk; absent where nothing is recorded, or nothing has been measured yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// Alarms that stand.
    pub alarms: Vec<Alarm>,
    /// By which clock footage is destroyed.
    pub clock: RetentionClock,
    /// The off-site copy.
    pub offsite: Offsite,
}

/// Whether anything is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// Not configured.
    Off,
    /// Configured, and impossible as it is.
    Refused,
    /// Every camera that sends pictures is recorded.
    Recording,
    /// No camera sends pictures.
    Waiting,
    /// Some cameras are not recorded although they should be.
    Partly,
    /// None is.
    Stopped,
    /// None is, because the disk is full.
    DiskFull,
}

impl Activity {
    /// The word used in interfaces and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Refused => "refused",
            Self::Recording => "recording",
            Self::Waiting => "waiting",
            Self::Partly => "partly",
            Self::Stopped => "stopped",
            Self::DiskFull => "disk-full",
        }
    }

    fn of(recorder: Option<&Recorder>) -> Self {
        let Some(recorder) = recorder.filter(|recorder| recorder.is_configured()) else { return Self::Off };
        if recorder.fault().is_some() {
            return Self::Refused;
        }
        let cameras = recorder.cameras();
        let count = |wanted: fn(&RecordingState) -> bool| cameras.iter().filter(|camera| wanted(&camera.state)).count();
        let stopped = count(|state| matches!(state, RecordingState::Stopped { .. }));
        let full = count(|state| matches!(state, RecordingState::Stopped { disk_full: true, .. }));
        let recording = count(|state| matches!(state, RecordingState::Recording));
        match (stopped, recording) {
            (0, 0) => Self::Waiting,
            (0, _) => Self::Recording,
            (_, 0) if full > 0 => Self::DiskFull,
            (_, 0) => Self::Stopped,
            _ => Self::Partly,
        }
    }
}

/// One camera's recording.
#[derive(Debug, Clone, Serialize)]
pub struct CameraStorage {
    /// Its site.
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// The camera.
    pub id: CameraId,
    /// Its name.
    pub name: String,
    /// `off`, `recording`, `waiting`, `stopped` or `disk-full`.
    pub state: &'static str,
    /// Why it has stopped; for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Up to when its pictures are on the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_until_utc: Option<DateTime<Utc>>,
    /// Bytes recorded since the server started.
    pub bytes: u64,
}

/// The recordings' disk.
#[derive(Debug, Clone, Serialize)]
pub struct Disk {
    /// When this was measured.
    pub measured_at_utc: DateTime<Utc>,
    /// What may still be written, MiB; absent: the system does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_mib: Option<u64>,
    /// All of it, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_mib: Option<u64>,
    /// Kept for everything else on that disk.
    pub keep_free_mib: u64,
    /// Kept for footage that a hold keeps beyond its time.
    pub hold_reserve_mib: u64,
    /// What of that is taken up.
    pub hold_used_mib: u64,
    /// Below this recording stops.
    pub floor_mib: u64,
    /// Below this an alarm is raised.
    pub warn_free_mib: u64,
    /// Bytes written in the last 24 hours; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_per_day_bytes: Option<u64>,
    /// Days until recording would stop at that rate, with nothing destroyed meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_left: Option<f64>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_left_unknown: Option<&'static str>,
}

impl From<StorageReading> for Disk {
    fn from(reading: StorageReading) -> Self {
        let reserves = reading.reserves;
        let days = reading.days_left();
        Self {
            measured_at_utc: reading.at_utc,
            free_mib: reading.space.map(|space| space.free_mib),
            total_mib: reading.space.map(|space| space.total_mib),
            keep_free_mib: reserves.keep_free_mib,
            hold_reserve_mib: reserves.hold_reserve_mib,
            hold_used_mib: reserves.hold_used_mib,
            floor_mib: reserves.floor_mib,
            warn_free_mib: reserves.warn_mib,
            written_per_day_bytes: match reading.rate {
                crate::archive::Rate::PerDay(bytes) => Some(bytes),
                crate::archive::Rate::Unknown(_) => None,
            },
            // A tenth of a day is more than anybody knows.
            days_left: days.ok().map(|days| (days * 10.0).floor() / 10.0),
            days_left_unknown: days.err().map(|why| why.as_str()),
        }
    }
}

/// One alarm.
#[derive(Debug, Clone, Serialize)]
pub struct Alarm {
    /// Which.
    pub alarm: StorageAlarm,
    /// Since when.
    pub since_utc: DateTime<Utc>,
}

/// By which clock footage is destroyed.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum RetentionClock {
    /// The calendar's.
    Sound,
    /// The passed time's alone, until somebody confirms the calendar or it is put right (fault 6).
    InDoubt {
        /// Since when, by the calendar.
        since_utc: DateTime<Utc>,
        /// What time it was by the passed time, when the doubt began.
        trusted_utc: DateTime<Utc>,
    },
}

impl From<Option<Doubt>> for RetentionClock {
    fn from(doubt: Option<Doubt>) -> Self {
        doubt.map_or(Self::Sound, |Doubt { since_utc, trusted_utc }| Self::InDoubt { since_utc, trusted_utc })
    }
}

/// The off-site copy.
#[derive(Debug, Clone, Serialize)]
pub struct Offsite {
    /// How it is.
    pub state: CopyState,
    /// The other side's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The bucket there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// When everything here was there last; absent: not since the server started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_utc: Option<DateTime<Utc>>,
    /// Segments that are not there yet; absent: not counted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments_waiting: Option<u64>,
    /// When the oldest of them began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_since_utc: Option<DateTime<Utc>>,
    /// Files that are destroyed here and not there yet.
    pub deletions_waiting: usize,
    /// Since when the oldest of them should be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions_since_utc: Option<DateTime<Utc>>,
    /// What is wrong, in a word; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<&'static str>,
    /// Since when it has been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since_utc: Option<DateTime<Utc>>,
    /// Why a copy that is configured is not kept; for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// How the copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyState {
    /// None is configured.
    Off,
    /// One is configured, and impossible as it is.
    Refused,
    /// It has not come round since the start.
    Starting,
    /// The other side does not take what it should.
    Failing,
    /// Something is on its way.
    UnderWay,
    /// All that is closed here is there, and nothing more.
    UpToDate,
}

impl CopyState {
    /// The word used in interfaces and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Refused => "refused",
            Self::Starting => "starting",
            Self::Failing => "failing",
            Self::UnderWay => "under-way",
            Self::UpToDate => "up-to-date",
        }
    }

    fn of(state: &MirrorState) -> Self {
        match state {
            MirrorState { trouble: Some(_), .. } => Self::Failing,
            MirrorState { rounds: 0, .. } => Self::Starting,
            MirrorState { waiting: None | Some(0), doomed: 0, .. } => Self::UpToDate,
            _ => Self::UnderWay,
        }
    }
}

impl Offsite {
    fn of(recorder: Option<&Recorder>, reading: Option<&StorageReading>, may_see_faults: bool) -> Self {
        let none = Self {
            state: CopyState::Off,
            host: None,
            bucket: None,
            last_success_utc: None,
            segments_waiting: None,
            behind_since_utc: None,
            // Also of a copy that is configured no more.
            deletions_waiting: reading.map_or(0, |reading| reading.undeleted),
            deletions_since_utc: reading.and_then(|reading| reading.undeleted_since_utc),
            last_error: None,
            failing_since_utc: None,
            fault: None,
        };
        match recorder.and_then(Recorder::copy) {
            None => none,
            Some(Err(why)) => Self { state: CopyState::Refused, fault: may_see_faults.then(|| why.to_owned()), ..none },
            Some(Ok(copy)) => Self {
                state: CopyState::of(&copy),
                last_success_utc: copy.last_success_utc,
                segments_waiting: copy.waiting,
                behind_since_utc: copy.behind_since_utc,
                deletions_waiting: copy.doomed,
                deletions_since_utc: copy.doomed_since_utc,
                last_error: copy.trouble.map(|trouble| trouble.as_str()),
                failing_since_utc: copy.failing_since_utc,
                host: Some(copy.host),
                bucket: Some(copy.bucket),
                fault: None,
            },
        }
    }
}

/// What this person is shown.
fn model(app: &App, person: &Person) -> StorageModel {
    let recorder = app.context.recorder.as_ref();
    let may_see_faults = person.role == Role::Administrator;
    let reading = recorder.and_then(Recorder::storage);
    app.context.control.read(|state| StorageModel {
        recording: Activity::of(recorder),
        fault: recorder.and_then(Recorder::fault).filter(|_| may_see_faults).map(str::to_owned),
        cameras: cameras(state, person, recorder, may_see_faults),
        disk: reading.map(Disk::from),
        alarms: state.storage_alarms.iter().map(|(alarm, at)| Alarm { alarm: *alarm, since_utc: *at }).collect(),
        clock: RetentionClock::from(state.custody.doubt),
        offsite: Offsite::of(recorder, reading.as_ref(), may_see_faults),
    })
}

fn cameras(state: &State, person: &Person, recorder: Option<&Recorder>, may_see_faults: bool) -> Vec<CameraStorage> {
    let mut rows = Vec::new();
    for site in state.sites.values().filter(|site| access::sees_site(person, &site.id)) {
        for camera in &site.cameras {
            let recording = recorder.and_then(|recorder| recorder.camera(&camera.id));
            let why = match recording.as_ref().map(|recording| &recording.state) {
                Some(RecordingState::Stopped { why, .. }) if may_see_faults => Some(why.clone()),
                _ => None,
            };
            rows.push(CameraStorage {
                site: site.id.clone(),
                site_name: site.name.clone(),
                id: camera.id.clone(),
                name: camera.name.clone(),
                state: recording.as_ref().map_or("off", |recording| recording.state.as_str()),
                why,
                recorded_until_utc: recording.as_ref().and_then(|recording| recording.durable_until_utc),
                bytes: recording.as_ref().map_or(0, |recording| recording.bytes),
            });
        }
    }
    rows
}

/// `GET /storage`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let view = StorageView { storage: model(app, person), may_confirm: person.role != Role::Auditor };
    chrome::page(request, StatusCode::OK, render(&chrome::shell(app, request, caller), &view))
}

/// `GET /api/v1/storage`.
pub fn api(app: &App, caller: &Caller) -> Result<Answer, Problem> {
    answer::json(StatusCode::OK, &model(app, caller.person()?))
}

/// `POST /storage/clock`: the clock is right.
pub async fn clock_form(app: &App, _request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let action = Action::Footage(FootageCommand::ResumePurge);
    app.context.control.execute(Command { actor: Actor::Person(caller.person()?.id.clone()), action }).await?;
    chrome::see_other_with("/storage", &Notice::Saved)
}
