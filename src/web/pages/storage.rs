//! The recordings' storage (`GET /storage`): room, rate, alarms, clock and off-site copy, for the landlord's people who answer
//! for the recordings, and the auditor.

use super::{Banner, Locale, Shell};
use crate::web::storage::{Activity, CameraStorage, CopyState, Disk, RetentionClock, StorageModel};
use askama::Template;

/// The page.
#[derive(Debug, Clone)]
pub struct StorageView {
    /// What is shown.
    pub storage: StorageModel,
    /// Whether this person may vouch for the clock.
    pub may_confirm: bool,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &StorageView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "storage.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a StorageView,
    l: Locale,
}

/// The bar of the disk: how far it is full, where recording stops and where the alarm begins, in thousandths.
struct Bar {
    used: u64,
    stops: u64,
    warns: u64,
}

impl Page<'_> {
    /// The class of the state of all recording; its words and its shape say the same.
    fn recording(&self) -> &'static str {
        match self.view.storage.recording {
            Activity::Recording => "open",
            Activity::Waiting => "waiting",
            Activity::Off => "over",
            Activity::Refused | Activity::Partly | Activity::Stopped | Activity::DiskFull => "bad",
        }
    }

    /// The class of a camera's state.
    fn camera(&self, camera: &CameraStorage) -> &'static str {
        match camera.state {
            "recording" => "open",
            "waiting" => "waiting",
            "off" => "over",
            _ => "bad",
        }
    }

    /// The class of the copy's state.
    fn copy(&self) -> &'static str {
        match self.view.storage.offsite.state {
            CopyState::UpToDate => "open",
            CopyState::Starting | CopyState::UnderWay => "waiting",
            CopyState::Off => "over",
            CopyState::Refused | CopyState::Failing => "bad",
        }
    }

    fn has_copy(&self) -> bool {
        !matches!(self.view.storage.offsite.state, CopyState::Off | CopyState::Refused)
    }

    fn in_doubt(&self) -> bool {
        matches!(self.view.storage.clock, RetentionClock::InDoubt { .. })
    }

    fn doubt(&self) -> String {
        match &self.view.storage.clock {
            RetentionClock::Sound => String::new(),
            RetentionClock::InDoubt { since_utc, trusted_utc } => {
                let values = [("since", self.l.moment(since_utc)), ("trusted", self.l.moment(trusted_utc))];
                self.l.with("storage-clock-doubt-text", &values)
            }
        }
    }

    fn bar(&self, disk: &Disk) -> Option<Bar> {
        let (total, free) = (disk.total_mib.filter(|total| *total > 0)?, disk.free_mib?);
        let from_start = |left: &u64| total.saturating_sub(*left).saturating_mul(1_000) / total;
        Some(Bar {
            used: from_start(&free),
            stops: from_start(&disk.floor_mib),
            warns: from_start(&disk.warn_free_mib),
        })
    }

    /// MiB as people read it: "800 MiB", "1,5 GiB".
    fn mib(&self, mib: &u64) -> String {
        let scaled = |power: i32, unit: &str| {
            format!("{}\u{202f}{unit}", self.l.decimal(*mib as f64 / 1_024_f64.powi(power), 1))
        };
        match mib {
            0..=1_023 => format!("{mib}\u{202f}MiB"),
            1_024..=1_048_575 => scaled(1, "GiB"),
            _ => scaled(2, "TiB"),
        }
    }

    /// How long the disk lasts, or why nobody can say.
    fn lasts(&self, disk: &Disk) -> String {
        match (disk.days_left, disk.days_left_unknown) {
            (Some(days), _) => {
                let digits = if days < 10.0 { 1 } else { 0 };
                self.l.a("storage-days", "days", self.l.decimal(days, digits))
            }
            (None, Some(why)) => self.l.t(format!("storage-days-unknown-{why}")),
            (None, None) => String::new(),
        }
    }
}
