//! The sweep with a real keeper, register, index and files; time is what the test says it is.

mod calendar;
mod disk;

use super::retention::{Retention, Swept};
use super::*;
use crate::clock::{Clock, ManualClock};
use crate::control::{Control, ControlSettings};
use crate::domain::footage::PurgedCamera;
use crate::domain::{
    Action, Actor, Camera, CameraId, Command, Convention, Designation, Event, FootageAct, FootageCommand, HoldId, Role,
    ScopeForm, Service, Site,
};
use crate::register::Register;
use crate::store::Store;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

struct House {
    dir: tempfile::TempDir,
    clock: ManualClock,
    control: Control,
    store: Store,
    archive: Archive,
    sweep: Retention,
}

fn camera(name: &str) -> CameraId {
    name.parse().unwrap()
}

fn start() -> DateTime<Utc> {
    "2026-11-02T00:00:00Z".parse().unwrap()
}

/// What a backup does: the files of a directory, in another one.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn open_archive(dir: &Path, store: &Store) -> Archive {
    let key = dir.join("master.key");
    if !key.exists() {
        MasterKey::generate().unwrap().write_new(&key).unwrap();
    }
    let master = MasterKeySource::File(key).load().unwrap();
    let archive = Archive::open(&dir.join("recordings"), master, store.segments(), 0).unwrap();
    archive.reconcile().unwrap();
    archive
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(start());
        let store = Store::open(&dir.path().join("store")).unwrap();
        let register = Register::open(&dir.path().join("register")).unwrap();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let control =
            Control::start(ControlSettings::new(dir.path()), register, store.clone(), shared.clone()).unwrap();
        let archive = open_archive(dir.path(), &store);
        let sweep = Retention::new(archive.clone(), control.clone(), shared, store.purge_tally()).unwrap();
        let house = Self { dir, clock, control, store, archive, sweep };
        let service = Service {
            id: "csu".parse().unwrap(),
            name: "CSU".to_owned(),
            town: "Charenton-le-Pont".to_owned(),
            address: "48 rue de Paris".to_owned(),
        };
        let site = Site {
            id: "arcade".parse().unwrap(),
            name: "Arcade".to_owned(),
            addresses: vec!["1 rue de l'Arcade".to_owned()],
            service,
            convention: Convention {
                town: "Charenton-le-Pont".to_owned(),
                valid_from_utc: start(),
                valid_until_utc: start() + TimeDelta::days(1_000),
            },
            cameras: ["hall", "court"].map(|id| Camera { id: camera(id), name: id.to_owned() }).into(),
        };
        let sites = [site.id.clone()].into();
        house.act(Actor::System, Action::DeclareSite(site)).await;
        let person = "titulaire".parse().unwrap();
        let place = Designation { person, role: Role::Decider, sites, service: None };
        house.act(Actor::System, Action::Designate(place)).await;
        house
    }

    /// The archive is closed and opened again.
    async fn restarted(self) -> Self {
        let House { dir, clock, control, store, archive, sweep } = self;
        drop((archive, sweep));
        let archive = open_archive(dir.path(), &store);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let mut sweep = Retention::new(archive.clone(), control.clone(), shared, store.purge_tally()).unwrap();
        sweep.replay().await.unwrap();
        House { dir, clock, control, store, archive, sweep }
    }

    async fn act(&self, actor: Actor, action: Action) {
        self.control.execute(Command { actor, action }).await.unwrap();
    }

    async fn decider(&self, command: FootageCommand) {
        self.act(Actor::Person("titulaire".parse().unwrap()), Action::Footage(command)).await;
    }

    /// A segment of a minute with one fragment.
    fn record(&self, name: &str, at: DateTime<Utc>) -> SegmentRow {
        let mut segment = self
            .archive
            .begin(Beginning {
                camera: camera(name),
                started_at_utc: at,
                began: Boundary::Length,
                missed_frames: 0,
                clock: ClockSource::Arrival,
                clock_offset_ms: None,
            })
            .unwrap();
        segment.init(4, [&b"ftyp"[..]].into_iter()).unwrap();
        let shot = Shot { start_us: at.timestamp_micros(), duration_us: 60_000_000, frames: 1_500, keyframe: true };
        segment.fragment(shot, 5, [&b"image"[..]].into_iter()).unwrap();
        segment.finish(Boundary::Length).unwrap()
    }

    fn rows(&self) -> Vec<SegmentRow> {
        self.store.segments().all().map(Result::unwrap).collect()
    }

    fn recordings(&self) -> PathBuf {
        self.dir.path().join("recordings")
    }

    /// Copies all segments and the archive's description, and no key; which segments.
    fn copy_segments(&self, to: &Path) -> Vec<String> {
        std::fs::create_dir(to).unwrap();
        std::fs::copy(self.recordings().join("archive.json"), to.join("archive.json")).unwrap();
        let files: Vec<String> = self.rows().into_iter().map(|row| row.file).collect();
        for file in &files {
            std::fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
            std::fs::copy(self.recordings().join(file), to.join(file)).unwrap();
        }
        files
    }

    /// Decrypts a segment of a copy with the master key and whatever keys lie there.
    fn opens(&self, copy: &Path, file: &str) -> Result<(), ArchiveError> {
        let master = MasterKeySource::File(self.dir.path().join("master.key")).load()?;
        let keys = crate::archive::keys::Keys::open(copy, master, false)?;
        let fragment = crate::archive::reader::SegmentReader::open(copy, file, &keys)?.fragment(0)?;
        assert_eq!(fragment, b"image");
        Ok(())
    }

    fn files(&self) -> usize {
        let mut found = 0;
        for (camera, day) in self.archive.days_on_disk().unwrap() {
            let dir = self.recordings().join(camera.as_str()).join(day.to_string());
            let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
            found += names.filter(|name| name.to_string_lossy().ends_with(".seg")).count();
        }
        found
    }

    fn is_readable(&self, row: &SegmentRow) -> bool {
        self.archive.open_segment(&row.id()).is_ok_and(|mut segment| segment.fragment(0).is_ok_and(|f| f == b"image"))
    }

    fn attested(&self) -> Vec<(NaiveDate, Vec<PurgedCamera>)> {
        let entries = self.control.entries(None, 10_000).unwrap();
        let purged = entries.into_iter().filter_map(|entry| match entry.event {
            Event::Footage { act: FootageAct::Purged { day, cameras }, .. } => Some((day, cameras)),
            _ => None,
        });
        purged.collect()
    }

    fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.control.entries(None, 10_000).unwrap().iter().filter(|entry| wanted(&entry.event)).count()
    }

    async fn hold(&self, name: &str, from: DateTime<Utc>, until: DateTime<Utc>) -> HoldId {
        let hold = HoldId::generate();
        let form = ScopeForm {
            site: "arcade".to_owned(),
            cameras: vec![name.to_owned()],
            from_utc: Some(from),
            until_utc: Some(until),
        };
        self.decider(FootageCommand::Hold {
            hold,
            form,
            authority: "Tribunal judiciaire".to_owned(),
            reference: "PV 1".to_owned(),
            date: from.date_naive().to_string(),
            document_sha256: "0".repeat(64),
        })
        .await;
        hold
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// C-5: days of 24 hours, whatever a calendar month is.
async fn a5_4_over_thirty_five_days_nothing_older_than_thirty_stays_but_what_is_held_and_the_register_says_both() {
    let mut house = House::new().await;
    let (held_from, held_until) = (start() + TimeDelta::hours(30), start() + TimeDelta::hours(42));
    let (mut hold, mut copied) = (None, Vec::new());
    let copy = house.dir.path().join("copy");
    for step in 0..35 * 4_i64 {
        let at = start() + TimeDelta::hours(6 * step);
        house.record("hall", at);
        if step % 2 == 0 {
            house.record("court", at);
        }
        house.clock.advance(6 * HOUR);
        if step == 12 {
            hold = Some(house.hold("hall", held_from, held_until).await);
            // Somebody copies the footage, with the master key.
            copied = house.copy_segments(&copy);
            assert!(copied.iter().all(|file| house.opens(&copy, file).is_err()), "without the days' keys");
        }
        house.sweep.sweep().await.unwrap();
        let oldest = house.clock.utc() - TimeDelta::days(30);
        for row in house.rows() {
            let held =
                row.camera == camera("hall") && row.started_at_utc >= held_from && row.started_at_utc < held_until;
            assert!(row.started_at_utc > oldest || held, "{} is there at {}", row.id(), house.clock.utc());
        }
    }
    // On the disk as in the index; where something of a day is held, its own keys stay, and not the day's.
    assert_eq!(house.files(), house.rows().len());
    let held: Vec<_> = house.rows().into_iter().filter(|row| row.started_at_utc < held_until).collect();
    assert_eq!(held.len(), 2, "30 h and 36 h");
    assert!(held.iter().all(|row| house.is_readable(row)));
    for gone in ["hall/2026-11-02", "hall/2026-11-03", "hall/2026-11-05", "court/2026-11-02", "court/2026-11-03"] {
        assert!(!house.recordings().join(gone).join("day.key").exists(), "{gone}");
    }
    // The copy, with every key that is left and the master key: what was held opens, and nothing else does.
    let keys = house.recordings().join("hall/2026-11-03/held.keys");
    std::fs::copy(&keys, copy.join("hall/2026-11-03/held.keys")).unwrap();
    assert!(copied.len() > held.len());
    for file in &copied {
        let is_held = held.iter().any(|row| row.file == *file);
        assert_eq!(house.opens(&copy, file).is_ok(), is_held, "{file}");
    }
    // One entry for each day that is over, with counts, and a hash that anybody can compute again.
    let attested = house.attested();
    let days: Vec<String> = attested.iter().map(|(day, _)| day.to_string()).collect();
    assert_eq!(days, ["2026-11-02", "2026-11-03", "2026-11-04", "2026-11-05", "2026-11-06"]);
    let of = |day: usize, name: &str| attested[day].1.iter().find(|one| one.camera == camera(name)).unwrap();
    assert_eq!((of(0, "hall").segments, of(0, "hall").frames, of(0, "hall").key_destroyed), (4, 6_000, true));
    assert_eq!((of(1, "hall").segments, of(1, "hall").key_destroyed), (2, true));
    assert_eq!((of(1, "court").segments, of(1, "court").key_destroyed), (2, true));
    let mut hash = "0".repeat(64);
    for hour in ["00", "12"] {
        let text = format!("{hash}court/2026-11-03/2026-11-03T{hour}-00-00.000Z.seg{}", of(1, "court").bytes / 2);
        hash = openssl::sha::sha256(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    }
    assert_eq!(of(1, "court").sha256, hash);
    // Released, it goes at once, and the register says so.
    house.decider(FootageCommand::Release { hold: hold.unwrap(), why: "classé".to_owned() }).await;
    assert_eq!(house.sweep.sweep().await.unwrap(), Swept { segments: 2, days: 1, ..Swept::default() });
    assert!(!keys.exists() && held.iter().all(|row| !house.is_readable(row)));
    let attested = house.attested();
    let (day, cameras) = attested.last().unwrap();
    assert_eq!((day.to_string().as_str(), cameras[0].segments, cameras[0].key_destroyed), ("2026-11-03", 2, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_17_a_hold_placed_while_the_purge_runs_keeps_all_that_is_left() {
    let mut house = House::new().await;
    let all: Vec<_> = (0..40).map(|n| house.record("hall", start() + TimeDelta::minutes(n))).collect();
    house.clock.advance(31 * 24 * HOUR);
    let form = ScopeForm {
        site: "arcade".to_owned(),
        cameras: vec!["hall".to_owned()],
        from_utc: Some(start()),
        until_utc: Some(start() + TimeDelta::hours(1)),
    };
    let hold = FootageCommand::Hold {
        hold: HoldId::generate(),
        form,
        authority: "Tribunal judiciaire".to_owned(),
        reference: "PV 1".to_owned(),
        date: "2026-11-02".to_owned(),
        document_sha256: "0".repeat(64),
    };
    let actor = Actor::Person("titulaire".parse().unwrap());
    let (control, store) = (house.control.clone(), house.store.clone());
    let names = || store.segments().all().map(|row| row.unwrap().id()).collect::<Vec<_>>();
    let mut sweeping = Box::pin(house.sweep.sweep());
    // The purge runs until its first batch is gone; then somebody holds what it is working through.
    while names().len() == all.len() {
        assert!(futures_util::poll!(&mut sweeping).is_pending(), "there is more than one batch");
        tokio::task::yield_now().await;
    }
    let holding = async {
        control.execute(Command { actor, action: Action::Footage(hold) }).await.unwrap();
        names()
    };
    let (swept, left_when_told) = tokio::join!(sweeping, holding);
    assert!(left_when_told.len() >= all.len() - 8, "the batch under way alone came first: {}", left_when_told.len());
    for row in all.iter().filter(|row| left_when_told.contains(&row.id())) {
        assert!(house.is_readable(row), "{} was held and is gone", row.id());
    }
    let swept = swept.unwrap();
    assert_eq!(swept.segments as usize + house.rows().len(), all.len());
    assert_eq!(swept.held as usize, house.rows().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_24_what_a_backup_brings_back_is_destroyed_before_anything_is_served() {
    let mut house = House::new().await;
    let set = |days| FootageCommand::SetRetention { site: "arcade".parse().unwrap(), days };
    house.decider(set(7)).await;
    for hour in [1, 2, 3] {
        house.record("hall", start() + TimeDelta::hours(hour));
    }
    let day = house.recordings().join("hall/2026-11-02");
    let backup = house.dir.path().join("backup");
    copy(&day, &backup);
    house.clock.advance(9 * 24 * HOUR);
    let stays = house.record("hall", house.clock.utc() - TimeDelta::hours(1));
    house.sweep.sweep().await.unwrap();
    assert!(!day.exists());
    assert_eq!(house.attested().len(), 1);
    // Longer from now on: by age alone, what comes back would be allowed to stay.
    house.decider(set(30)).await;
    let House { dir, clock, control, store, archive, sweep } = house;
    drop((archive, sweep));
    copy(&backup, &day);
    let archive = open_archive(dir.path(), &store);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let sweep = Retention::new(archive.clone(), control.clone(), shared, store.purge_tally()).unwrap();
    let mut house = House { dir, clock, control, store, archive, sweep };
    assert_eq!(house.rows().len(), 4, "the index took them in");
    assert_eq!(house.sweep.replay().await.unwrap(), 3);
    assert_eq!(house.rows(), std::slice::from_ref(&stays));
    assert!(!day.exists() && house.is_readable(&stays));
    house.sweep.sweep().await.unwrap();
    assert_eq!(house.attested().len(), 2, "that it came back and went again stands in the register");
    assert_eq!(house.sweep.replay().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_5_a_second_requisition_keeps_what_the_first_one_had_kept_also_across_a_restart() {
    let mut house = House::new().await;
    let (from, until) = (start() + TimeDelta::hours(1), start() + TimeDelta::hours(2));
    let held = house.record("hall", from);
    house.record("hall", from + TimeDelta::hours(5));
    house.clock.advance(6 * HOUR);
    let first = house.hold("hall", from, until).await;
    house.clock.advance(31 * 24 * HOUR);
    house.sweep.sweep().await.unwrap();
    assert_eq!((house.rows(), house.attested().len()), (vec![held.clone()], 1));
    // The second is placed after the day was attested, and the first is lifted: nothing of it was ever free.
    house.clock.advance(24 * HOUR);
    let second = house.hold("hall", from, until).await;
    house.decider(FootageCommand::Release { hold: first, why: "classé".to_owned() }).await;
    let mut house = house.restarted().await;
    assert!(house.is_readable(&held), "the second one holds it");
    house.sweep.sweep().await.unwrap();
    assert!(house.is_readable(&held));
    house.decider(FootageCommand::Release { hold: second, why: "classé".to_owned() }).await;
    // Nothing was recorded for a month: somebody says that the calendar is right.
    house.decider(FootageCommand::ResumePurge).await;
    house.sweep.sweep().await.unwrap();
    assert_eq!((house.rows(), house.attested().len()), (vec![], 2));
}
