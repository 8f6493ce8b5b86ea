//! Recordings that nobody configures any more: `[recorder]` was taken out of the configuration, and their time goes on (A5-4).

use crate::auditor::{Auditor, PASSWORD_ALONE};
use crate::post::lines;
use crate::program::PATIENCE;
use crate::recording::Site;
use crate::segment::record;
use chrono::{TimeDelta, Utc};
use ecluse::archive::{Archive, MasterKeySource};

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_what_was_recorded_goes_in_time_also_after_the_recorder_was_taken_out_of_the_configuration() {
    let site = Site::with(&["hall"], &format!("directory = \"elsewhere\"\nkeep_free_mib = 0\n\n{PASSWORD_ALONE}"));
    Auditor::appoint(&site);
    site.start().0.ends_well(libc::SIGTERM, PATIENCE);

    let directory = site.world.path("elsewhere");
    let (old, young) = {
        let master = MasterKeySource::File(site.world.path("recordings.key")).load().unwrap();
        let archive = Archive::open(&directory, master, site.store().segments(), 0).unwrap();
        let ago = |time| record(&archive, Utc::now() - time, 60, b"image");
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

    // A disk that is away is no destruction: it is told, and what comes back is still there.
    let away = site.world.path("away");
    std::fs::rename(&directory, &away).unwrap();
    let (mut server, _) = site.start();
    let auditor = Auditor::log_in(&site, &server).await;
    assert_eq!(auditor.storage().await["recording"], "refused");
    assert!(server.stderr().contains("what was recorded is not in"), "{}", server.stderr());
    server.ends_well(libc::SIGTERM, PATIENCE);
    std::fs::rename(&away, &directory).unwrap();
    let (mut server, _) = site.start();
    assert!(directory.join(&young.file).exists());
    assert_eq!(Auditor::log_in(&site, &server).await.storage().await["recording"], "off");
    server.ends_well(libc::SIGTERM, PATIENCE);
}
