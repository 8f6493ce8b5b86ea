//! The archive without cameras: what is written is read back, what is changed is named, what a crash leaves is dealt
//! with, and the key can be changed.

use super::*;
use crate::domain::CameraId;
use crate::store::Store;
use chrono::{DateTime, TimeDelta, Utc};
use std::path::{Path, PathBuf};

pub(super) struct House {
    _dir: tempfile::TempDir,
    pub(super) dir: PathBuf,
    key: PathBuf,
    pub(super) store: Store,
}

impl House {
    pub(super) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let key = temp.path().join("master.key");
        MasterKey::generate().unwrap().write_new(&key).unwrap();
        let store = Store::open(&temp.path().join("store")).unwrap();
        Self { dir: temp.path().join("recordings"), key, store, _dir: temp }
    }

    pub(super) fn master(&self) -> MasterKey {
        MasterKeySource::File(self.key.clone()).load().unwrap()
    }

    pub(super) fn open(&self) -> Archive {
        Archive::open(&self.dir, self.master(), self.store.segments(), 0).unwrap()
    }

    fn check(&self) -> CheckReport {
        check(&self.dir, self.master(), Some(&self.store.segments()), &CheckScope::default()).unwrap()
    }
}

pub(super) fn hall() -> CameraId {
    "hall".parse().unwrap()
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

pub(super) fn begin(archive: &Archive, second: i64, began: Boundary) -> OpenSegment {
    begin_of(archive, "hall", second, began)
}

fn begin_of(archive: &Archive, camera: &str, second: i64, began: Boundary) -> OpenSegment {
    let mut segment = archive
        .begin(Beginning {
            camera: camera.parse().unwrap(),
            started_at_utc: at(second),
            began,
            missed_frames: 0,
            clock: ClockSource::Arrival,
            clock_offset_ms: None,
        })
        .unwrap();
    segment.init(6, [&b"ftyp"[..], b"xx"].into_iter()).unwrap();
    segment
}

fn payload(number: i64) -> Vec<u8> {
    (0..1_000 + number).map(|i| ((i * 7 + number) % 251) as u8).collect()
}

fn add(segment: &mut OpenSegment, number: i64) {
    let start_us = (segment.started_at_utc() + TimeDelta::seconds(number)).timestamp_micros();
    let shot = Shot { start_us, duration_us: 1_000_000, frames: 25, keyframe: number == 0 };
    let bytes = payload(number);
    let (one, two) = bytes.split_at(400);
    segment.fragment(shot, bytes.len(), [one, two].into_iter()).unwrap();
}

fn record(archive: &Archive, second: i64, began: Boundary) -> SegmentRow {
    record_of(archive, "hall", second, began)
}

/// A segment of one fragment of so many bytes.
pub(super) fn record_long(archive: &Archive, second: i64, bytes: usize) -> SegmentRow {
    let mut segment = begin(archive, second, Boundary::Camera);
    let start_us = segment.started_at_utc().timestamp_micros();
    let shot = Shot { start_us, duration_us: 1_000_000, frames: 25, keyframe: true };
    segment.fragment(shot, bytes, std::iter::once(&vec![7; bytes][..])).unwrap();
    segment.finish(Boundary::Length).unwrap()
}

pub(super) fn record_of(archive: &Archive, camera: &str, second: i64, began: Boundary) -> SegmentRow {
    let mut segment = begin_of(archive, camera, second, began);
    for number in 0..5 {
        add(&mut segment, number);
    }
    segment.finish(Boundary::Length).unwrap()
}

/// A segment of five seconds that ends for this reason.
fn record_until(archive: &Archive, second: i64, began: Boundary, ended: Boundary) -> SegmentRow {
    let mut segment = begin(archive, second, began);
    (0..5).for_each(|number| add(&mut segment, number));
    segment.finish(ended).unwrap()
}

fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_segment_that_is_just_being_begun_is_unfinished_and_no_fault() {
    let house = House::new();
    let archive = house.open();
    let _under_way = begin(&archive, 0, Boundary::Recorder);
    let path = all_files(&house.dir).into_iter().find(|path| path.extension().is_some_and(|e| e == "seg")).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in (0..=whole.len()).step_by(7).chain([whole.len()]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let report = house.check();
        assert!(report.is_sound(), "{length} of {}: {report:?}", whole.len());
        assert_eq!(report.unfinished.len(), 1, "{length}: {report:?}");
    }
}

#[test]
fn what_was_recorded_is_read_back_by_time_and_fragment() {
    let house = House::new();
    let archive = house.open();
    for (second, began) in
        [(0, Boundary::Recorder), (5, Boundary::Length), (30, Boundary::Camera), (35, Boundary::Length)]
    {
        record_until(&archive, second, began, if second == 5 { Boundary::Camera } else { Boundary::Length });
    }
    let ranges = archive.ranges(&hall(), at(-10), at(100)).unwrap();
    let told: Vec<_> = ranges.iter().map(|r| (r.from_utc, r.until_utc, r.began, r.segments.len())).collect();
    assert_eq!(told, [(at(0), at(10), Boundary::Recorder, 2), (at(30), at(40), Boundary::Camera, 2)]);
    assert_eq!(archive.ranges(&hall(), at(10), at(30)).unwrap(), []);
    assert_eq!(archive.ranges(&hall(), at(9), at(31)).unwrap().len(), 2);
    assert_eq!(archive.ranges(&"stairs".parse().unwrap(), at(0), at(100)).unwrap(), []);

    let row = &ranges[0].segments[1];
    assert_eq!((row.frames, row.fragments, row.ended), (125, 5, Some(Boundary::Camera)));
    let mut segment = archive.open_segment(&row.id()).unwrap();
    assert_eq!(segment.about().clock, ClockSource::Arrival);
    assert_eq!(segment.init().unwrap(), b"ftypxx");
    let mut media_offset = u64::from(segment.init_length());
    for (number, fragment) in segment.fragments().to_vec().into_iter().enumerate() {
        assert_eq!(fragment.start_utc(), at(5 + number as i64));
        assert_eq!(fragment.media_offset, media_offset);
        assert_eq!(fragment.keyframe, number == 0);
        assert_eq!(segment.fragment(number as u32).unwrap(), payload(number as i64));
        media_offset += u64::from(fragment.length);
    }
    assert!(matches!(segment.fragment(5), Err(ArchiveError::NotFound(_))));
    let report = house.check();
    assert!(report.is_sound() && report.verified == 4 && report.fragments == 20 && report.frames == 500, "{report:?}");
}

#[test]
fn what_lies_between_two_instants_is_laid_out_and_nothing_else_is_reachable() {
    let house = House::new();
    let archive = house.open();
    for (second, began) in
        [(0, Boundary::Recorder), (5, Boundary::Length), (30, Boundary::Camera), (35, Boundary::Length)]
    {
        record_until(&archive, second, began, if second == 5 { Boundary::Camera } else { Boundary::Length });
    }
    // Keyframes are at 0, 5, 30 and 35 alone: what is shown begins at the one before.
    let slices = archive.slices(&hall(), at(7), at(37)).unwrap();
    let told: Vec<_> = slices
        .runs
        .iter()
        .map(|run| (run.began, run.ended, run.slices.iter().map(|s| (s.from_utc(), s.until_utc())).collect::<Vec<_>>()))
        .collect();
    let expected = [
        (Boundary::Length, Some(Boundary::Camera), vec![(at(5), at(10))]),
        (Boundary::Camera, None, vec![(at(30), at(35)), (at(35), at(37))]),
    ];
    assert_eq!(told, expected);
    assert!(slices.unreadable.is_empty());
    let last = &slices.runs[1].slices[1];
    let numbers: Vec<u32> = last.fragments.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, last.bytes()), (vec![0, 1], 6 + 1_000 + 1_001));
    assert_eq!(last.parts(&(4..7)), [(None, 4..6), (Some(0), 0..1)]);
    assert_eq!(last.parts(&(1_005..9_999)), [(Some(0), 999..1_000), (Some(1), 0..1_001)]);
    assert_eq!(last.parts(&(2_007..9_999)), []);
    assert!(archive.slices(&hall(), at(10), at(30)).unwrap().runs.is_empty());
    // A segment that is damaged is a break that is named.
    let row = archive.ranges(&hall(), at(0), at(10)).unwrap()[0].segments[0].clone();
    std::fs::write(house.dir.join(&row.file), b"nothing").unwrap();
    let broken = archive.slices(&hall(), at(0), at(10)).unwrap();
    assert_eq!((broken.runs.len(), broken.unreadable[0].0.clone()), (1, row.id()));
    assert_eq!(broken.runs[0].began, Boundary::Storage);
}

#[test]
fn a5_6_a_segment_that_was_cut_short_is_named_for_what_it_lacks_of_what_was_asked() {
    let house = House::new();
    let archive = house.open();
    let rows: Vec<SegmentRow> = [(0, Boundary::Recorder), (5, Boundary::Length), (10, Boundary::Length)]
        .map(|(second, began)| record(&archive, second, began))
        .into();
    let third = archive.open_segment(&rows[1].id()).unwrap().fragments()[2].file_offset;
    let file = std::fs::OpenOptions::new().write(true).open(house.dir.join(&rows[1].file)).unwrap();
    file.set_len(third).unwrap();
    // Its first two seconds are there.
    let told = |from, until| {
        let slices = archive.slices(&hall(), at(from), at(until)).unwrap();
        let runs: Vec<_> = slices.runs.iter().map(|run| (run.began, run.ended, run.slices.len())).collect();
        (runs, slices.unreadable)
    };
    let (runs, unreadable) = told(0, 15);
    let expected = [(Boundary::Recorder, Some(Boundary::Storage), 2), (Boundary::Storage, None, 1)];
    assert_eq!(runs, expected);
    assert!(unreadable.len() == 1 && unreadable[0].0 == rows[1].id(), "{unreadable:?}");
    assert!(unreadable[0].1.contains("fragment 2") && unreadable[0].1.contains("cut short"), "{unreadable:?}");
    let (runs, unreadable) = told(8, 9);
    assert!(runs.is_empty() && unreadable.len() == 1, "of what was asked for, nothing is there: {unreadable:?}");
    let (runs, unreadable) = told(0, 7);
    assert!(runs == [(Boundary::Recorder, None, 2)] && unreadable.is_empty(), "all that was asked for is there");
    // A file that is gone is named, too.
    std::fs::remove_file(house.dir.join(&rows[1].file)).unwrap();
    drop(archive);
    let archive = house.open();
    assert_eq!(archive.reconcile().unwrap().away, 1);
    let slices = archive.slices(&hall(), at(0), at(15)).unwrap();
    assert_eq!(slices.runs.iter().map(|run| run.began).collect::<Vec<_>>(), [Boundary::Recorder, Boundary::Gone]);
    assert!(slices.unreadable.len() == 1 && slices.unreadable[0].1.contains("gone"), "{:?}", slices.unreadable);
}

/// A bit that flipped in a segment before a crash costs what it hit, not what came after it.
#[test]
fn of_a_damaged_segment_that_a_crash_left_open_everything_else_is_kept() {
    let house = House::new();
    let (row, fragments) = {
        let archive = house.open();
        let mut segment = begin(&archive, 0, Boundary::Recorder);
        (0..4).for_each(|number| add(&mut segment, number));
        let row = house.store.segments().get(&segment.id()).unwrap().unwrap();
        let fragments = archive.open_segment(&row.id()).unwrap().fragments().to_vec();
        (row, fragments)
    };
    let path = house.dir.join(&row.file);
    let sound = std::fs::read(&path).unwrap();
    let flip = |at: u64| {
        let mut bad = sound.clone();
        bad[at as usize] ^= 1;
        std::fs::write(&path, bad).unwrap();
    };
    flip(fragments[1].file_offset + 100);
    {
        let archive = house.open();
        assert_eq!(archive.reconcile().unwrap().closed, 1);
        let mut segment = archive.open_segment(&row.id()).unwrap();
        assert_eq!((segment.fragments().len(), segment.ended()), (4, Some(Boundary::Crash)));
        assert!(segment.fragment(1).is_err());
        for number in [0, 2, 3] {
            assert_eq!(segment.fragment(number).unwrap(), payload(number.into()));
        }
        let report = house.check();
        assert!(report.faults.len() == 1 && report.faults[0].contains("fragment 1:"), "{report:?}");
    }
    // A head that reads as zeros, with footage behind it.
    house.store.segments().put(&row).unwrap();
    let head = fragments[1].file_offset as usize;
    let mut lost = sound.clone();
    lost[head..head + 64].fill(0);
    std::fs::write(&path, &lost).unwrap();
    {
        let archive = house.open();
        let done = archive.reconcile().unwrap();
        assert_eq!((done.unreadable.len(), done.closed, done.empty), (1, 0, 0), "{done:?}");
        assert_eq!(std::fs::read(&path).unwrap(), lost, "nothing is cut off");
        let slices = archive.slices(&hall(), at(0), at(4)).unwrap();
        assert_eq!(
            (slices.runs[0].slices[0].fragments.len(), slices.unreadable.len()),
            (1, 1),
            "what is before it plays"
        );
    }
    // Nothing but zeros is what a power cut leaves.
    house.store.segments().put(&row).unwrap();
    let mut cut = sound.clone();
    cut[head..].fill(0);
    std::fs::write(&path, &cut).unwrap();
    assert_eq!(house.open().reconcile().unwrap().closed, 1);
    assert_eq!(house.store.segments().get(&row.id()).unwrap().unwrap().fragments, 1);
    // Header or init section: nobody can close it, and nobody throws it away. It counts as torn, and the rest goes on.
    let init = fragments[0].file_offset - 10;
    for place in [20, init] {
        house.store.segments().put(&row).unwrap();
        flip(place);
        let archive = house.open();
        let done = archive.reconcile().unwrap();
        assert_eq!((done.unreadable.len(), done.empty, done.closed), (1, 0, 0), "{place}: {done:?}");
        let index = house.store.segments();
        assert_eq!(index.get(&row.id()).unwrap().unwrap().state, SegmentState::Torn);
        let later = record(&archive, 60, Boundary::Recorder);
        assert_eq!(index.to_copy(&hall(), 9).unwrap(), std::slice::from_ref(&later), "it keeps nothing from the copy");
        assert_eq!(archive.ended_before(&hall(), None, at(30), 9).unwrap().len(), 1, "its time runs");
        let slices = archive.slices(&hall(), at(0), at(65)).unwrap();
        assert!(slices.unreadable.len() == 1 && slices.unreadable[0].0 == row.id(), "{slices:?}");
        let after = archive.slices(&hall(), at(61), at(65)).unwrap();
        assert!(after.runs.len() == 1 && after.unreadable.is_empty(), "the next one had begun: {after:?}");
        archive.delete(&later.id()).unwrap();
        drop(archive);
        // What it lacked comes back, say from a copy: the next start closes it.
        std::fs::write(&path, &sound).unwrap();
        let archive = house.open();
        assert_eq!(archive.reconcile().unwrap().closed, 1);
        assert_eq!(index.get(&row.id()).unwrap().unwrap().fragments, 4);
        std::fs::write(&path, &sound).unwrap();
    }
}

#[test]
fn a_day_whose_key_is_damaged_is_recorded_under_another() {
    let house = House::new();
    let first = record(&house.open(), 0, Boundary::Recorder);
    let key = house.dir.join(super::layout::day_key(&hall(), first.started_at_utc.date_naive()));
    let sound = std::fs::read(&key).unwrap();
    std::fs::write(&key, b"{}").unwrap();
    let second = record(&house.open(), 10, Boundary::Recorder);
    let third = record(&house.open(), 20, Boundary::Recorder);
    let archive = house.open();
    assert!(archive.open_segment(&first.id()).is_err());
    for row in [&second, &third] {
        archive.open_segment(&row.id()).unwrap().verify().unwrap();
    }
    assert_eq!(super::walk::day_keys(&house.dir, &hall(), first.started_at_utc.date_naive()).unwrap().len(), 2);
    // Of what is held, the bad key may be the one that opens it: no key goes for that.
    let day = first.started_at_utc.date_naive();
    assert!(!archive.keep_held(&hall(), day, std::slice::from_ref(&first)).unwrap());
    assert_eq!(super::walk::day_keys(&house.dir, &hall(), day).unwrap().len(), 2);
    // A rotation leaves it as it is, and puts the others under the new key.
    drop(archive);
    let new = MasterKey::generate().unwrap();
    let done = rotate_master_key(&house.dir, &house.master(), &new).unwrap();
    assert_eq!(done, Rotated { rewrapped: 1, already: 0, unreadable: 1 });
    std::fs::write(&key, sound).unwrap();
    let done = rotate_master_key(&house.dir, &house.master(), &new).unwrap();
    assert_eq!(done, Rotated { rewrapped: 1, already: 1, unreadable: 0 });
    let archive = Archive::open(&house.dir, new, house.store.segments(), 0).unwrap();
    for row in [&first, &second, &third] {
        archive.open_segment(&row.id()).unwrap().verify().unwrap();
    }
}

#[test]
fn a_segment_that_cannot_be_closed_keeps_no_camera_from_being_recorded() {
    let house = House::new();
    let archive = house.open();
    let mut segment = begin(&archive, 0, Boundary::Recorder);
    add(&mut segment, 0);
    let id = segment.id();
    drop(segment);
    let path = house.dir.join(house.store.segments().get(&id).unwrap().unwrap().file);
    std::fs::write(path, b"nothing").unwrap();
    archive.salvage(&hall()).unwrap();
    assert_eq!(house.store.segments().get(&id).unwrap().unwrap().state, SegmentState::Torn);
    record(&archive, 10, Boundary::Storage);
}

#[test]
fn nothing_readable_is_on_the_disk() {
    let house = House::new();
    record(&house.open(), 0, Boundary::Recorder);
    let master = std::fs::read_to_string(&house.key).unwrap();
    let files = all_files(&house.dir);
    assert!(files.iter().any(|file| file.ends_with("day.key")) && files.len() >= 3, "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for number in 0..5 {
            let plain = payload(number);
            assert!(!bytes.windows(16).any(|window| window == &plain[100..116]), "{}", file.display());
        }
        assert!(!String::from_utf8_lossy(&bytes).contains(master.trim()), "{}", file.display());
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert!(mode & 0o077 == 0 || file.ends_with("ecluse.lock"), "{}: {mode:o}", file.display());
    }
}

#[test]
fn every_flipped_bit_is_found_and_named() {
    let house = House::new();
    let archive = house.open();
    let row = record(&archive, 0, Boundary::Recorder);
    let path = house.dir.join(&row.file);
    let sound = std::fs::read(&path).unwrap();
    let fragments = archive.open_segment(&row.id()).unwrap().fragments().to_vec();
    let header = sound.len() - fragments.iter().map(|f| f.length as usize).sum::<usize>();
    assert!(header > 0);
    for byte in (0..sound.len()).step_by(37).chain([sound.len() - 1, 0]) {
        let mut bad = sound.clone();
        bad[byte] ^= 1 << (byte % 8);
        std::fs::write(&path, &bad).unwrap();
        let report = house.check();
        assert_eq!(report.faults.len(), 1, "byte {byte} of {}: {report:?}", sound.len());
        let fault = &report.faults[0];
        assert!(fault.contains("hall"), "{fault}");
        let inside = |f: &Fragment| f.file_offset..f.file_offset + 40 + u64::from(f.length);
        if let Some(number) = fragments.iter().position(|f| inside(f).contains(&(byte as u64))) {
            assert!(
                fault.contains(&row.file) && fault.contains(&format!("fragment {number}:")),
                "byte {byte}: {fault}"
            );
        }
    }
    // Cut short, at every record's end and in between.
    for length in fragments.iter().flat_map(|f| [f.file_offset, f.file_offset + 50]) {
        std::fs::write(&path, &sound[..length as usize]).unwrap();
        let report = house.check();
        assert!(report.faults.len() == 1 && report.faults[0].contains("cut short"), "{length}: {report:?}");
    }
    std::fs::write(&path, &sound).unwrap();
    assert!(house.check().is_sound());
    std::fs::remove_file(&path).unwrap();
    let report = house.check();
    assert!(report.faults.len() == 1 && report.faults[0].contains("gone"), "{report:?}");
}

#[test]
fn a_fragment_cannot_be_moved_to_another_place_or_segment() {
    let house = House::new();
    let archive = house.open();
    let (one, other) = (record(&archive, 0, Boundary::Recorder), record(&archive, 5, Boundary::Length));
    let fragment = archive.open_segment(&one.id()).unwrap().fragments()[2];
    let (at, length) = (fragment.file_offset as usize, 40 + fragment.length as usize);
    let donor = std::fs::read(house.dir.join(&other.file)).unwrap();
    let path = house.dir.join(&one.file);
    let mut bytes = std::fs::read(&path).unwrap();
    let there = archive.open_segment(&other.id()).unwrap().fragments()[2].file_offset as usize;
    // Its head stays, its content is the other segment's.
    bytes[at + 24..at + length].copy_from_slice(&donor[there + 24..there + length]);
    std::fs::write(&path, bytes).unwrap();
    let report = house.check();
    assert!(report.faults.len() == 1 && report.faults[0].contains("fragment 2:"), "{report:?}");
    // A whole segment under another day's name is not believed either.
    let stolen = house.dir.join("hall/2026-09-22");
    std::fs::create_dir_all(&stolen).unwrap();
    std::fs::write(stolen.join("x.seg"), donor).unwrap();
    assert!(house.check().faults.iter().any(|fault| fault.contains("another camera or day")));
}

/// Every place at which a writer can die: the next start keeps all whole fragments, and says what it did.
#[test]
fn whatever_a_crash_leaves_is_dealt_with_at_the_next_start() {
    let house = House::new();
    let (file, whole, ends) = {
        let archive = house.open();
        let mut segment = begin(&archive, 0, Boundary::Recorder);
        let id = segment.id();
        let mut ends = vec![segment.bytes() as usize];
        for number in 0..3 {
            add(&mut segment, number);
            ends.push(segment.bytes() as usize);
        }
        let row = house.store.segments().get(&id).unwrap().unwrap();
        assert_eq!(row.state, SegmentState::Open);
        segment.finish(Boundary::Length).unwrap();
        let whole = std::fs::read(house.dir.join(&row.file)).unwrap();
        (row, whole, ends)
    };
    let path = house.dir.join(&file.file);
    // In the middle of a record, at its end, in the middle of the end record, between it and the last bytes.
    let in_the_end = [whole.len() - 20, whole.len() - 5];
    for length in ends.iter().flat_map(|end| [*end, end + 10, end + 200]).chain(in_the_end) {
        house.store.segments().put(&file).unwrap();
        std::fs::write(&path, &whole[..length]).unwrap();
        let archive = house.open();
        let kept = ends.iter().filter(|end| **end <= length).count() - 1;
        let done = archive.reconcile().unwrap();
        assert_eq!((done.closed, done.empty), if kept > 0 { (1, 0) } else { (0, 1) }, "{length}: {done:?}");
        let row = house.store.segments().get(&file.id()).unwrap();
        assert_eq!(row.as_ref().map_or(0, |row| row.fragments as usize), kept, "{length}");
        assert_eq!(row.and_then(|row| row.ended), (kept > 0).then_some(Boundary::Crash));
        assert!(house.check().is_sound(), "{length}: {:?}", house.check());
        assert!(archive.reconcile().unwrap().is_quiet(), "once is enough");
    }
}

#[test]
fn files_and_index_that_differ_are_made_to_agree() {
    let house = House::new();
    let rows: Vec<SegmentRow> = {
        let archive = house.open();
        (0..4).map(|n| record(&archive, n * 5, Boundary::Length)).collect()
    };
    let index = house.store.segments();
    index.remove(&rows[0].id()).unwrap();
    std::fs::remove_file(house.dir.join(&rows[1].file)).unwrap();
    index.put(&SegmentRow { state: SegmentState::Deleting, ..rows[2].clone() }).unwrap();
    let archive = house.open();
    let done = archive.reconcile().unwrap();
    assert_eq!((done.indexed, done.missing, done.deleted), (1, 1, 1), "{done:?}");
    assert_eq!(index.get(&rows[0].id()).unwrap().unwrap(), rows[0]);
    assert!(!house.dir.join(&rows[2].file).exists() && index.get(&rows[2].id()).unwrap().is_none());
    archive.delete(&rows[3].id()).unwrap();
    assert!(!house.dir.join(&rows[3].file).exists() && index.get(&rows[3].id()).unwrap().is_none());
    assert!(matches!(archive.open_segment(&rows[3].id()), Err(ArchiveError::NotFound(_))));
    let ranges = archive.ranges(&hall(), at(-1), at(100)).unwrap();
    assert_eq!(ranges.iter().map(|range| range.segments.len()).sum::<usize>(), 1, "a missing file is no footage");
}

#[test]
fn the_master_key_is_changed_without_touching_footage_also_after_a_break() {
    let house = House::new();
    let rows: Vec<SegmentRow> = {
        let archive = house.open();
        (0..3).map(|n| record(&archive, n * 86_400, Boundary::Recorder)).collect()
    };
    let footage: Vec<_> = rows.iter().map(|row| std::fs::read(house.dir.join(&row.file)).unwrap()).collect();
    let (old, new) = (house.master(), MasterKey::generate().unwrap());
    let wrong = MasterKey::generate().unwrap();
    let refused = rotate_master_key(&house.dir, &wrong, &new).unwrap_err();
    assert!(matches!(refused, ArchiveError::WrongMasterKey { .. }), "{refused}");
    {
        let archive = house.open();
        assert!(matches!(rotate_master_key(&house.dir, &old, &new), Err(ArchiveError::InUse { .. })));
        drop(archive);
    }
    // Cut short after the first day: one key is under the new key, the archive still under the old one.
    let first = house.dir.join(super::layout::day_key(&hall(), rows[0].started_at_utc.date_naive()));
    let about = std::fs::read(house.dir.join("archive.json")).unwrap();
    assert_eq!(rotate_master_key(&house.dir, &old, &new).unwrap(), Rotated { rewrapped: 3, already: 0, unreadable: 0 });
    let rotated_first = std::fs::read(&first).unwrap();
    assert_eq!(rotate_master_key(&house.dir, &new, &old).unwrap(), Rotated { rewrapped: 3, already: 0, unreadable: 0 });
    std::fs::write(&first, rotated_first).unwrap();
    assert_eq!(std::fs::read(house.dir.join("archive.json")).unwrap(), about);
    assert!(house.open().open_segment(&rows[0].id()).is_err() && house.open().open_segment(&rows[1].id()).is_ok());
    assert_eq!(rotate_master_key(&house.dir, &old, &new).unwrap(), Rotated { rewrapped: 2, already: 1, unreadable: 0 });

    for (row, bytes) in rows.iter().zip(&footage) {
        assert_eq!(&std::fs::read(house.dir.join(&row.file)).unwrap(), bytes, "footage is not rewritten");
    }
    let refused = Archive::open(&house.dir, house.master(), house.store.segments(), 0).unwrap_err();
    assert!(refused.to_string().contains(old.id()) && refused.to_string().contains(new.id()), "{refused}");
    let archive = Archive::open(&house.dir, new, house.store.segments(), 0).unwrap();
    for row in &rows {
        archive.open_segment(&row.id()).unwrap().verify().unwrap();
    }
}

#[test]
fn a_destroyed_day_key_ends_that_day_and_no_other() {
    let house = House::new();
    let rows: Vec<SegmentRow> = {
        let archive = house.open();
        (0..2).map(|n| record(&archive, n * 86_400, Boundary::Recorder)).collect()
    };
    std::fs::remove_file(house.dir.join(super::layout::day_key(&hall(), rows[0].started_at_utc.date_naive()))).unwrap();
    let archive = house.open();
    assert!(matches!(archive.open_segment(&rows[0].id()), Err(ArchiveError::NoDayKey { .. })));
    archive.open_segment(&rows[1].id()).unwrap().verify().unwrap();
}

#[test]
fn two_segments_that_begin_at_the_same_instant_are_two() {
    let house = House::new();
    let archive = house.open();
    let (one, other) = (record(&archive, 0, Boundary::Recorder), record(&archive, 0, Boundary::WallClock));
    assert_eq!(other.started_at_utc - one.started_at_utc, TimeDelta::milliseconds(1));
    assert!(house.check().is_sound());
}

#[test]
fn fault_13_recording_yields_before_the_disk_is_full() {
    let house = House::new();
    let archive = Archive::open(&house.dir, house.master(), house.store.segments(), u64::MAX).unwrap();
    let beginning = Beginning {
        camera: hall(),
        started_at_utc: at(0),
        began: Boundary::Recorder,
        missed_frames: 0,
        clock: ClockSource::Arrival,
        clock_offset_ms: None,
    };
    let refused = archive.begin(beginning).err().unwrap();
    assert!(refused.is_disk_full() && refused.to_string().contains("keep_free_mib"), "{refused}");
}
