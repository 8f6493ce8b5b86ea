//! Recordings that nobody configures any more: `[recorder]` was taken out of the configuration, and their time goes on (A5-4).

use crate::auditor::{Auditor, PASSWORD_ALONE};
use crate::post::lines;
use crate::program::PATIENCE;
use crate::recording::Site;
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::archive::{Archive, Beginning, Boundary, ClockSource, MasterKeySource, SegmentRow, Shot};

/// A segment of a minute that a camera recorded then.
fn record(archive: &Archive, at: DateTime<Utc>) -> SegmentRow {
    let beginning = Beginning {
        camera: "hall".parse().unwrap(),
        started_at_utc: at,
        began: Boundary::Length,
        missed_frames: 0,
        clock: ClockSource::Arrival,
        clock_offset_ms: None,
    };
    let mut segment = archive.begin(beginning).unwrap();
    segment.init(4, [&b"ftyp"[..]].into_iter()).unwrap();
    let shot = Shot { start_us: at.timestamp_micros(), duration_us: 60_000_000, frames: 1_500, keyframe: true };
    segment.fragment(shot, 5, [&b"image"[..]].into_iter()).unwrap();
    segment.finish(Boundary::Length).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_what_was_recorded_goes_in_time_also_after_the_recorder_was_taken_out_of_the_configuration() {
    let site = Site::with(&["hall"], &format!("directory = \"elsewhere\"\nkeep_free_mib = 0\n\n{PASSWORD_ALONE}"));
    Auditor::appoint(&site);
    site.start().0.ends_well(libc::SIGTERM, PATIENCE);

    let directory = site.world.path("elsewhere");
    let (old, young) = {
        let master = MasterKeySource::File(site.world.path("recordings.key")).load().unwrap();
        let archive = Archive::open(&directory, master, site.store().segments(), 0).unwrap();
        let ago = |time| record(&archive, Utc::now() - time);
        // Longer ago than a server may be off without its calendar being doubted: no picture is a sign of life any more.
        (ago(TimeDelta::days(31)), ago(TimeDelta::days(2)))
    };
    assert!(directory.join(&old.file).exists() && directory.join(&young.file).exists());

    let text = std::fs::read_to_string(site.config()).unwrap();
    let (before, after) = text.split_once("[recorder]").unwrap();
    let (_, rest) = after.split_once(PASSWORD_ALONE).unwrap();
    site.world.config(&format!("{before}{PASSWORD_ALONE}{rest}"));
    let (mut server, _) = site.start();
    server.until("what has served its time is gone", |_| (!directory.join(&old.file).exists()).then_some(()));
    assert!(directory.join(&young.file).exists(), "and nothing else");
    let register = site.world.path("data/register");
    let attested = server.until("its day is attested", |_| {
        lines(&register).into_iter().map(|line| line["event"]["act"].clone()).find(|act| act["act"] == "purged")
    });
    assert_eq!(attested["cameras"][0]["segments"], 1, "{attested}");
    let auditor = Auditor::log_in(&site, &server).await;
    let storage = auditor.storage().await;
    assert_eq!(storage["recording"], "off", "{storage}");
    let page = auditor.storage_page().await;
    assert!(page.contains("Enregistrement non configuré"), "{page}");
    assert!(server.stderr().contains("[recorder] is gone from the configuration"));
    server.ends_well(libc::SIGTERM, PATIENCE);

    let (mut server, _) = site.start();
    assert!(server.stderr().contains("[recorder] is gone from the configuration"), "the young one is left");
    let kinds: Vec<_> = lines(&register).into_iter().map(|line| line["event"]["type"].clone()).collect();
    assert!(!kinds.contains(&"purge-paused".into()), "nobody doubts the calendar for want of pictures: {kinds:?}");
    server.ends_well(libc::SIGTERM, PATIENCE);
}
