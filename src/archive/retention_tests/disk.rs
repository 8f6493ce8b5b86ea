//! Files, keys and disks that are not there, or not what they were.

use super::*;
use std::process::Command as Program;

/// A file that can be read and not deleted: it is mounted on itself. Gone when dropped.
struct Pinned(PathBuf);

impl Pinned {
    /// `None`, with the reason printed, where that is not allowed: the test then has nothing to test with.
    fn on(path: &Path) -> Option<Self> {
        let done = Program::new("mount").arg("--bind").args([path, path]).output().unwrap();
        if !done.status.success() {
            eprintln!("NOT TESTED: {}; run as root", String::from_utf8_lossy(&done.stderr));
        }
        done.status.success().then(|| Self(path.to_owned()))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = Program::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_5_held_footage_outlives_starts_without_its_disk() {
    let mut house = House::new().await;
    let (from, until) = (start() + TimeDelta::hours(1), start() + TimeDelta::hours(2));
    let (early, late) = (house.record("hall", from), house.record("hall", from + TimeDelta::hours(20)));
    house.record("hall", from + TimeDelta::hours(5));
    house.clock.advance(24 * HOUR);
    house.hold("hall", from, until).await;
    let second = house.hold("hall", late.started_at_utc, late.ended_at_utc).await;
    let (recordings, away) = (house.recordings(), house.dir.path().join("away"));
    let day_key = recordings.join("hall/2026-11-02/day.key");
    // Once before the day is over, once after: its disk is not mounted, and the recorder begins on the empty place.
    for over in [false, true] {
        std::fs::rename(&recordings, &away).unwrap();
        house = house.restarted().await;
        assert!(house.rows().iter().all(|row| row.state == SegmentState::Missing));
        assert_eq!(house.archive.away(), house.rows().len() as u64, "it is told");
        if !over {
            // The day ends meanwhile.
            house.clock.advance(30 * 24 * HOUR);
            house.decider(FootageCommand::ResumePurge).await;
            house.sweep.sweep().await.unwrap();
            assert_eq!(house.attested().len(), 1);
        }
        std::fs::remove_dir_all(&recordings).unwrap();
        std::fs::rename(&away, &recordings).unwrap();
        house = house.restarted().await;
        assert_eq!(house.archive.away(), 0);
        house.sweep.sweep().await.unwrap();
        assert!(house.is_readable(&early) && house.is_readable(&late), "over: {over}");
        assert!(!day_key.exists(), "the day is over, and its key is gone from the disk that is back");
        assert_eq!(house.rows().len(), 2);
    }
    // One held file is away, by itself: what is known of its key stays.
    let file = recordings.join(&late.file);
    let aside = house.dir.path().join("aside.seg");
    std::fs::rename(&file, &aside).unwrap();
    house = house.restarted().await;
    std::fs::rename(&aside, &file).unwrap();
    house = house.restarted().await;
    assert!(house.is_readable(&early) && house.is_readable(&late));
    house.decider(FootageCommand::Release { hold: second, why: "classé".to_owned() }).await;
    house.decider(FootageCommand::ResumePurge).await;
    house.sweep.sweep().await.unwrap();
    assert!(house.is_readable(&early) && !file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_4_what_cannot_be_closed_or_is_away_goes_when_its_time_is_up_with_its_day() {
    let house = House::new().await;
    let rows: Vec<_> = [1, 2, 3].map(|hour| house.record("hall", start() + TimeDelta::hours(hour))).into();
    let index = house.store.segments();
    // A crash left one open, and its header is damaged; another one's file is taken away.
    index.put(&SegmentRow { state: SegmentState::Open, ended: None, ..rows[0].clone() }).unwrap();
    std::fs::write(house.recordings().join(&rows[0].file), b"nothing").unwrap();
    std::fs::remove_file(house.recordings().join(&rows[1].file)).unwrap();
    let mut house = {
        house.clock.advance(4 * HOUR);
        house.restarted().await
    };
    assert_eq!(house.archive.away(), 1);
    house.clock.advance(31 * 24 * HOUR);
    house.decider(FootageCommand::ResumePurge).await;
    house.sweep.sweep().await.unwrap();
    assert!(house.rows().is_empty(), "{:?}", house.rows());
    assert_eq!((house.files(), house.archive.away()), (0, 0));
    let attested = house.attested();
    let one = &attested[0].1[0];
    assert_eq!((attested.len(), one.segments, one.missing, one.key_destroyed), (1, 3, 1, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_4_footage_goes_in_time_also_where_the_master_key_is_not_there() {
    let house = House::new().await;
    let mut house = house;
    // Of a day that was attested long ago something is held.
    let held = house.record("hall", start());
    house.clock.advance(HOUR);
    house.hold("hall", held.started_at_utc, held.ended_at_utc).await;
    house.record("hall", start() + TimeDelta::hours(5));
    house.clock.advance(31 * 24 * HOUR);
    house.decider(FootageCommand::ResumePurge).await;
    house.sweep.sweep().await.unwrap();
    assert_eq!(house.attested().len(), 1);
    let row = house.record("hall", house.clock.utc());
    let open = house.record("hall", house.clock.utc() + TimeDelta::hours(1));
    house.store.segments().put(&SegmentRow { state: SegmentState::Open, ended: None, ..open.clone() }).unwrap();
    let House { dir, clock, control, store, archive, sweep } = house;
    drop((archive, sweep));
    std::fs::remove_file(dir.path().join("master.key")).unwrap();
    let archive = Archive::locked(&dir.path().join("recordings"), store.segments(), 0).unwrap();
    assert!(archive.open_segment(&row.id()).is_err());
    // Where what was open ends nobody knows: whoever holds something of the hour after its start holds it.
    let torn = store.segments().get(&open.id()).unwrap().unwrap();
    assert_eq!(
        (torn.state, torn.ended_at_utc - torn.started_at_utc),
        (SegmentState::Torn, crate::store::LONGEST_SEGMENT)
    );
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let mut sweep = Retention::new(archive.clone(), control.clone(), shared, store.purge_tally()).unwrap();
    sweep.replay().await.unwrap();
    clock.advance(31 * 24 * HOUR);
    sweep.sweep().await.unwrap();
    let house = House { dir, clock, control, store, archive, sweep };
    assert_eq!((house.rows(), house.files()), (vec![held], 1), "what is held stays");
    let attested = house.attested();
    assert_eq!((attested.len(), attested[1].1[0].segments, attested[1].1[0].key_destroyed), (2, 2, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_5_what_could_not_be_destroyed_can_still_be_held() {
    let mut house = House::new().await;
    let (from, until) = (start() + TimeDelta::hours(1), start() + TimeDelta::hours(2));
    let hours = [0, 3, 4, 5, 6, 7].map(|hours| from + TimeDelta::hours(hours));
    let rows = hours.map(|at| house.record("hall", at));
    // The second one cannot be deleted. All others go, also those of the next batch; the day still has its key.
    let stays = house.record("hall", start() + TimeDelta::hours(23));
    let path = house.recordings().join(&rows[1].file);
    let Some(pinned) = Pinned::on(&path) else { return };
    house.clock.advance((30 * 24 + 10) * HOUR);
    house.decider(FootageCommand::ResumePurge).await;
    for _ in 0..2 {
        assert!(house.sweep.sweep().await.is_err());
        let states: Vec<_> = house.rows().iter().map(|row| (row.started_at_utc, row.state)).collect();
        let left = [(rows[1].started_at_utc, SegmentState::Closed), (stays.started_at_utc, SegmentState::Closed)];
        assert_eq!(states, left, "all others are gone, and this one is as it was");
    }
    drop(pinned);
    let hold = house.hold("hall", from + TimeDelta::hours(3), until + TimeDelta::hours(3)).await;
    house.sweep.sweep().await.unwrap();
    let mut house = house.restarted().await;
    assert!(house.is_readable(&rows[1]), "it is held, and there");
    house.clock.advance(24 * HOUR);
    house.decider(FootageCommand::ResumePurge).await;
    house.sweep.sweep().await.unwrap();
    let counts = |house: &House| house.attested().iter().map(|(_, day)| day[0].segments).collect::<Vec<_>>();
    assert_eq!(counts(&house), [6], "what is held is not told as destroyed");
    assert!(house.is_readable(&rows[1]) && !house.is_readable(&stays));
    house.decider(FootageCommand::Release { hold, why: "classé".to_owned() }).await;
    house.sweep.sweep().await.unwrap();
    assert_eq!((counts(&house), house.rows()), (vec![6, 1], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_4_of_a_day_whose_disk_is_away_nobody_claims_to_have_destroyed_the_key() {
    let house = House::new().await;
    house.record("hall", start() + TimeDelta::hours(1));
    let (recordings, away) = (house.recordings(), house.dir.path().join("away"));
    std::fs::rename(&recordings, &away).unwrap();
    house.clock.advance(31 * 24 * HOUR);
    let mut house = house.restarted().await;
    house.decider(FootageCommand::ResumePurge).await;
    house.sweep.sweep().await.unwrap();
    let told = |house: &House| {
        house.attested().iter().map(|(_, day)| (day[0].missing, day[0].key_destroyed)).collect::<Vec<_>>()
    };
    assert_eq!((told(&house), house.rows()), (vec![(1, false)], vec![]));
    // It comes back: all of it goes, and that is told.
    std::fs::remove_dir_all(&recordings).unwrap();
    std::fs::rename(&away, &recordings).unwrap();
    let mut house = house.restarted().await;
    house.sweep.sweep().await.unwrap();
    assert_eq!((told(&house), house.files()), (vec![(1, false), (0, true)], 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_4_segments_that_were_exchanged_are_named() {
    let house = House::new().await;
    let rows: Vec<_> = [1, 2, 3].map(|hour| house.record("hall", start() + TimeDelta::hours(hour))).into();
    let path = |row: &SegmentRow| house.recordings().join(&row.file);
    assert!(rows.iter().all(|row| house.is_readable(row)));
    std::fs::copy(path(&rows[0]), path(&rows[1])).unwrap();
    let said = house.archive.open_segment(&rows[1].id()).unwrap_err().to_string();
    assert!(said.contains("copy of another segment"), "{said}");
    assert!(house.is_readable(&rows[0]) && house.is_readable(&rows[2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_4_a_day_is_not_attested_over_what_could_not_be_deleted() {
    let mut house = House::new().await;
    let rows = [1, 2].map(|hour| house.record("hall", start() + TimeDelta::hours(hour)));
    let Some(pinned) = Pinned::on(&house.recordings().join(&rows[0].file)) else { return };
    house.clock.advance(31 * 24 * HOUR);
    house.decider(FootageCommand::ResumePurge).await;
    assert!(house.sweep.sweep().await.is_err());
    // Its day's key went first: nobody reads it any more.
    let going = SegmentRow { state: SegmentState::Deleting, ..rows[0].clone() };
    assert_eq!((house.rows(), house.attested(), house.files()), (vec![going], vec![], 1));
    let mut house = house.restarted().await;
    house.decider(FootageCommand::ResumePurge).await;
    house.sweep.sweep().await.unwrap_err();
    assert_eq!(house.attested(), []);
    drop(pinned);
    house.sweep.sweep().await.unwrap();
    let attested = house.attested();
    assert_eq!((house.rows(), attested.len()), (vec![], 1));
    assert_eq!((attested[0].1[0].segments, attested[0].1[0].key_destroyed), (2, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_24_what_comes_back_and_cannot_be_deleted_is_served_to_nobody_and_goes_when_it_can() {
    let mut house = House::new().await;
    let rows = [1, 2].map(|hour| house.record("hall", start() + TimeDelta::hours(hour)));
    let day = house.recordings().join("hall/2026-11-02");
    let backup = house.dir.path().join("backup");
    copy(&day, &backup);
    house.clock.advance(32 * 24 * HOUR);
    house.decider(FootageCommand::ResumePurge).await;
    house.sweep.sweep().await.unwrap();
    assert!(!day.exists() && house.rows().is_empty());

    copy(&backup, &day);
    let Some(pinned) = Pinned::on(&house.recordings().join(&rows[0].file)) else { return };
    let house = house.restarted().await;
    let left: Vec<_> = house.rows().iter().map(|row| (row.started_at_utc, row.state)).collect();
    assert_eq!(left, [(rows[0].started_at_utc, SegmentState::Deleting)], "the other one is gone");
    assert!(house.archive.open_segment(&rows[0].id()).is_err(), "its key is gone again");
    let shown = house.archive.ranges(&camera("hall"), start(), house.clock.utc()).unwrap();
    assert!(shown.iter().all(|range| range.segments.is_empty()), "{shown:?}");
    let house = house.restarted().await;
    assert_eq!(house.rows().len(), 1, "and again");
    drop(pinned);
    let house = house.restarted().await;
    assert!(house.rows().is_empty() && !day.exists());
}
