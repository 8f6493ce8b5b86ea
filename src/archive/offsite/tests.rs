//! The copy against a real S3 server on this machine, over TLS, with files behind it.

use super::*;
use crate::archive::tests::{House, hall, record_of};
use crate::archive::{Archive, Boundary, CheckScope, check, rotate_master_key};
use crate::archive::{MasterKey, SegmentRow};
use crate::clock::SystemClock;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "../../../tests/support/s3_server.rs"]
mod s3_server;

use s3_server::Storage;

const PATIENCE: Duration = Duration::from_secs(60);

fn mirror(house: &House, archive: &Archive, settings: &OffsiteSettings) -> Mirror {
    Mirror::start(archive.clone(), house.store.offsite(), settings, Arc::new(SystemClock)).unwrap()
}

async fn until(what: &str, mirror: &Mirror, met: impl Fn(&MirrorState) -> bool) {
    let began = Instant::now();
    while !met(&mirror.state()) {
        assert!(began.elapsed() < PATIENCE, "{what}: {:?}", mirror.state());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_quiet(state: &MirrorState) -> bool {
    state.rounds > 0 && state.fault.is_none() && state.behind_since_utc.is_none() && state.doomed == 0
}

/// Segments of two days and two cameras.
fn some(archive: &Archive) -> Vec<SegmentRow> {
    let of = [("hall", 0), ("hall", 60), ("hall", 90_000), ("court", 30)];
    of.map(|(camera, second)| record_of(archive, camera, second, Boundary::Length)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_the_copy_has_what_is_here_as_it_lies_here_and_no_longer_than_here() {
    let (house, storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    let mut rows = some(&archive);
    let mirror = mirror(&house, &archive, &storage.settings());
    until("all is copied", &mirror, |state| state.copied == 4 && is_quiet(state)).await;

    let days = ["court/2026-09-21", "hall/2026-09-21", "hall/2026-09-22"];
    let mut expected: Vec<String> = days.iter().map(|day| format!("{day}/day.key")).collect();
    expected.extend(rows.iter().map(|row| row.file.clone()));
    expected.push("archive.json".to_owned());
    expected.sort();
    assert_eq!(storage.files(), expected);
    for name in &expected {
        assert_eq!(storage.read(name), std::fs::read(house.dir.join(name)).unwrap(), "{name}");
    }

    // What is being written stays here until it is closed.
    let open = crate::archive::tests::begin(&archive, 90_100, Boundary::Camera);
    rows.push(record_of(&archive, "court", 90, Boundary::Length));
    until("what is new is copied", &mirror, |state| state.copied == 5 && is_quiet(state)).await;
    assert_eq!(storage.files().len(), expected.len() + 1);
    open.finish(Boundary::Recorder).unwrap();
    until("what is closed is copied", &mirror, |state| state.copied == 6 && is_quiet(state)).await;

    // Day by day what goes here goes there, with the day's key.
    let today = rows[2].started_at_utc.date_naive();
    archive.purge(&rows[..2], today).unwrap();
    until("what is destroyed here is destroyed there", &mirror, |state| {
        is_quiet(state) && !storage.has_of("hall/2026-09-21/")
    })
    .await;
    let left = storage.files();
    assert!(left.iter().all(|name| !name.starts_with("hall/2026-09-21")), "{left:?}");
    assert!(left.contains(&rows[2].file) && left.contains(&"hall/2026-09-22/day.key".to_owned()), "{left:?}");
    mirror.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_what_must_go_waits_for_a_storage_that_is_away_and_across_a_restart() {
    let (house, mut storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    let rows = some(&archive);
    let first = mirror(&house, &archive, &storage.settings());
    until("all is copied", &first, |state| state.copied == 4 && is_quiet(state)).await;
    storage.stop().await;
    archive.purge(&rows[..2], rows[2].started_at_utc.date_naive()).unwrap();
    until("it is said", &first, |state| state.fault.is_some() && state.doomed >= 3).await;
    assert!(first.state().doomed_since_utc.is_some() && first.state().failing_since_utc.is_some());
    first.shutdown().await;
    assert!(storage.files().contains(&rows[0].file));

    storage.listen().await;
    let second = mirror(&house, &archive, &storage.settings());
    until("it goes", &second, |state| is_quiet(state) && !storage.has_of("hall/2026-09-21/")).await;
    assert_eq!(second.state().copied, 0, "nothing is copied twice");
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_comes_back_and_opens_with_the_master_key_alone() {
    let (house, storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    let rows = some(&archive);
    // More than one part of an upload.
    let long = crate::archive::tests::record_long(&archive, 200_000, 20 * 1024 * 1024);
    let copying = mirror(&house, &archive, &storage.settings());
    until("all is copied", &copying, |state| state.copied == 5 && is_quiet(state)).await;
    assert_eq!(storage.read(&long.file).len() as u64, long.bytes);
    copying.shutdown().await;
    drop((copying, archive));

    // The master key changes; the copy follows without footage being sent again.
    let new = MasterKey::generate().unwrap();
    let new_file = house.dir.with_file_name("new.key");
    new.write_new(&new_file).unwrap();
    let load = || crate::archive::MasterKeySource::File(new_file.clone()).load().unwrap();
    rotate_master_key(&house.dir, &house.master(), &load()).unwrap();
    let archive = Archive::open(&house.dir, load(), house.store.segments(), 0).unwrap();
    let again = mirror(&house, &archive, &storage.settings());
    until("the keys follow", &again, |state| {
        is_quiet(state)
            && storage.read("hall/2026-09-21/day.key")
                == std::fs::read(house.dir.join("hall/2026-09-21/day.key")).unwrap()
    })
    .await;
    assert_eq!(again.state().copied, 0);
    again.shutdown().await;

    let back = tempfile::tempdir().unwrap();
    let into = back.path().join("recordings");
    let mut told = Vec::new();
    let fetched = fetch_copy(&storage.settings(), &into, |so_far| told.push(so_far.files)).await.unwrap();
    assert_eq!((fetched.files, told.len() as u64), (fetched.of_files, fetched.of_files));
    let report = check(&into, load(), None, &CheckScope::default()).unwrap();
    assert_eq!((report.segments, report.faults.len()), (rows.len() as u64 + 1, 0), "{report:?}");
    let refused = fetch_copy(&storage.settings(), &into, |_| {}).await;
    assert!(matches!(refused, Err(OffsiteError::NotEmpty { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_6_what_is_stamped_before_the_newest_copied_segment_is_copied_too() {
    let (house, storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    some(&archive);
    let first = mirror(&house, &archive, &storage.settings());
    until("all is copied", &first, |state| state.copied == 4 && is_quiet(state)).await;
    // The calendar is set back by a day.
    let early = record_of(&archive, "hall", 120, Boundary::WallClock);
    until("it follows", &first, |state| state.copied == 5 && is_quiet(state) && state.waiting == Some(0)).await;
    assert!(storage.files().contains(&early.file));
    first.shutdown().await;
    // Two more while no copy is kept; the file of one of them is away for a time.
    let (second, third) =
        (record_of(&archive, "hall", 180, Boundary::Length), record_of(&archive, "hall", 240, Boundary::Length));
    let (path, aside) = (house.dir.join(&second.file), house.dir.with_file_name("aside.seg"));
    std::fs::rename(&path, &aside).unwrap();
    let again = mirror(&house, &archive, &storage.settings());
    until("the one that is there", &again, |state| state.copied == 1 && state.rounds > 0).await;
    let state = again.state();
    assert_eq!((state.waiting, state.behind_since_utc), (Some(1), Some(second.ended_at_utc)), "{state:?}");
    assert!(storage.files().contains(&third.file) && !storage.files().contains(&second.file));
    std::fs::rename(&aside, &path).unwrap();
    until("and the other", &again, |state| state.copied == 2 && is_quiet(state)).await;
    assert!(storage.files().contains(&second.file));
    again.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_refuses_or_is_another_is_named_and_nothing_is_marked_copied() {
    let (house, storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    some(&archive);
    let good = storage.settings();
    let wrong = [
        OffsiteSettings { secret: Secret::new("another secret".to_owned()), ..good.clone() },
        OffsiteSettings { access_key_id: "somebody-else".to_owned(), ..good.clone() },
        // Who vouches for the storage is not known: nothing is sent to it.
        OffsiteSettings { ca_pem: None, ..good.clone() },
    ];
    for settings in wrong {
        let mirror = mirror(&house, &archive, &settings);
        until("it is said", &mirror, |state| state.fault.is_some()).await;
        let state = mirror.state();
        assert!(state.copied == 0 && state.behind_since_utc.is_some(), "{state:?}");
        assert!(!format!("{state:?} {settings:?}").contains("secret\""), "{state:?} {settings:?}");
        mirror.shutdown().await;
    }
    assert_eq!(storage.files(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_another_place_is_another_copy_and_begun_when_the_first_one_is_given_up() {
    let (house, storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    some(&archive);
    let settings = storage.settings();
    // A place that refuses holds nothing: it is put right without more ado.
    let secret = Secret::new("another secret".to_owned());
    let none = OffsiteSettings { bucket: "another-bucket".to_owned(), secret, ..settings.clone() };
    let wrong = mirror(&house, &archive, &none);
    until("it is said", &wrong, |state| state.fault.is_some()).await;
    wrong.shutdown().await;
    let first = mirror(&house, &archive, &settings);
    until("all is copied", &first, |state| state.copied == 4 && is_quiet(state)).await;
    first.shutdown().await;
    let elsewhere = OffsiteSettings { prefix: "charenton/3f/another".to_owned(), ..settings.clone() };
    let start = |settings| Mirror::start(archive.clone(), house.store.offsite(), settings, Arc::new(SystemClock));
    let refused = start(&elsewhere).unwrap_err();
    assert!(matches!(&refused, OffsiteError::OtherPlace { known, .. } if *known == settings.place()), "{refused}");
    house.store.offsite().forget().unwrap();
    let second = start(&elsewhere).unwrap();
    until("all is copied again", &second, |state| state.copied == 4 && is_quiet(state)).await;
    assert_eq!(storage.files().iter().filter(|name| name.starts_with("another/")).count(), 8);
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_here_holds_up_no_other() {
    let (house, storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    let rows = some(&archive);
    // A directory in its place opens, and cannot be read.
    let path = house.dir.join(&rows[0].file);
    let aside = house.dir.with_file_name("aside.seg");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    let mirror = mirror(&house, &archive, &storage.settings());
    until("the others are copied", &mirror, |state| state.copied == 3 && state.fault.is_some()).await;
    let state = mirror.state();
    assert_eq!((state.waiting, state.trouble), (Some(1), Some(CopyTrouble::Local)), "{state:?}");
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    until("and this one", &mirror, |state| state.copied == 4 && is_quiet(state)).await;
    mirror.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_was_recorded_without_its_disk_has_two_keys_here_and_there() {
    let (house, storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    let first = record_of(&archive, "hall", 0, Boundary::Recorder);
    let copying = mirror(&house, &archive, &storage.settings());
    until("it is copied", &copying, |state| state.copied == 1 && is_quiet(state)).await;
    copying.shutdown().await;
    drop((copying, archive));
    // The disk is away at a start; recording goes on onto what is in its place.
    let away = house.dir.with_file_name("away");
    std::fs::rename(&house.dir, &away).unwrap();
    let archive = house.open();
    assert_eq!(archive.reconcile().unwrap().away, 1);
    let second = record_of(&archive, "hall", 60, Boundary::Recorder);
    let copying = mirror(&house, &archive, &storage.settings());
    until("it is copied, too", &copying, |state| state.copied == 1 && is_quiet(state)).await;
    copying.shutdown().await;
    drop((copying, archive));

    // The copy has both, and both can be read.
    let back = tempfile::tempdir().unwrap();
    let into = back.path().join("recordings");
    fetch_copy(&storage.settings(), &into, |_| {}).await.unwrap();
    let report = check(&into, house.master(), None, &CheckScope::default()).unwrap();
    assert_eq!((report.segments, report.faults.len()), (2, 0), "{report:?}");
    // The disk is back, and what was recorded without it is put beside the rest.
    let day = second.file.rsplit_once('/').unwrap().0;
    for entry in std::fs::read_dir(house.dir.join(day)).unwrap() {
        let entry = entry.unwrap();
        assert!(!away.join(day).join(entry.file_name()).exists(), "no name is taken");
        std::fs::copy(entry.path(), away.join(day).join(entry.file_name())).unwrap();
    }
    std::fs::remove_dir_all(&house.dir).unwrap();
    std::fs::rename(&away, &house.dir).unwrap();
    let new = MasterKey::generate().unwrap();
    let new_file = house.dir.with_file_name("new.key");
    new.write_new(&new_file).unwrap();
    let load = || crate::archive::MasterKeySource::File(new_file.clone()).load().unwrap();
    assert_eq!(rotate_master_key(&house.dir, &house.master(), &load()).unwrap().rewrapped, 2);
    let archive = Archive::open(&house.dir, load(), house.store.segments(), 0).unwrap();
    assert_eq!(archive.reconcile().unwrap().away, 0);
    for row in [&first, &second] {
        archive.open_segment(&row.id()).unwrap().verify().unwrap();
    }
    // Both go when their time is up, here and there.
    let copying = mirror(&house, &archive, &storage.settings());
    archive.purge(&[first.clone(), second], first.started_at_utc.date_naive().succ_opt().unwrap()).unwrap();
    until("both are gone", &copying, |state| is_quiet(state) && !storage.has_of("hall/")).await;
    copying.shutdown().await;
    assert_eq!(
        crate::archive::walk::day_keys(&house.dir, &hall(), first.started_at_utc.date_naive()).unwrap(),
        [""; 0]
    );
}

#[test]
fn a_name_and_a_password_in_an_endpoint_are_shown_to_nobody() {
    for (endpoint, host) in [
        ("https://s3.example.org", "s3.example.org"),
        ("https://s3.example.org:9000/", "s3.example.org:9000"),
        ("https://key:secret@s3.example.org/x?y=z", "s3.example.org"),
        ("http://[::1]:9000", "[::1]:9000"),
        ("", ""),
    ] {
        let settings = OffsiteSettings {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            bucket: String::new(),
            prefix: String::new(),
            access_key_id: String::new(),
            secret: Secret::new(String::new()),
            ca_pem: None,
        };
        assert_eq!(settings.host(), host, "{endpoint}");
    }
}

#[test]
fn nothing_leads_out_of_the_directory() {
    let ours = [
        "archive.json",
        "hall/2026-09-21/day.key",
        "hall/2026-09-21/day-00112233aabbccdd.key",
        "hall/2026-09-21/2026-09-21T10-13-20.000Z.seg",
    ];
    let foreign = [
        "../archive.json",
        "/etc/passwd",
        "hall/../../x.seg",
        "hall/2026-09-21/../x.seg",
        "hall/2026-09-21/x",
        "hall/2026-09-21/day-../../../x.key",
        "",
    ];
    assert!(ours.into_iter().all(crate::archive::layout::is_ours));
    assert!(!foreign.into_iter().any(crate::archive::layout::is_ours));
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_5_of_a_day_that_is_over_the_copy_keeps_what_is_held_and_no_key_to_the_rest() {
    let (house, storage) = (House::new(), Storage::start().await);
    let archive = house.open();
    let rows = some(&archive);
    let mirror = mirror(&house, &archive, &storage.settings());
    until("all is copied", &mirror, |state| state.copied == 4 && is_quiet(state)).await;
    let day = rows[0].started_at_utc.date_naive();
    archive.keep_held(&hall(), day, &rows[..1]).unwrap();
    archive.purge(&rows[1..2], rows[2].started_at_utc.date_naive()).unwrap();
    until("the day's key is gone there, too", &mirror, |state| {
        is_quiet(state) && !storage.files().contains(&"hall/2026-09-21/day.key".to_owned())
    })
    .await;
    let of_day = storage.files().into_iter().filter(|name| name.starts_with("hall/2026-09-21/"));
    assert_eq!(of_day.collect::<Vec<_>>(), [rows[0].file.clone(), "hall/2026-09-21/held.keys".to_owned()]);
    mirror.shutdown().await;
    let back = tempfile::tempdir().unwrap();
    let into = back.path().join("recordings");
    fetch_copy(&storage.settings(), &into, |_| {}).await.unwrap();
    let report = check(&into, house.master(), None, &CheckScope::default()).unwrap();
    assert_eq!((report.segments, report.faults.len()), (3, 0), "{report:?}");
}
