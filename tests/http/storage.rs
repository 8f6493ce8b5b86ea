//! The recordings' storage, for those who answer for it and nobody else: page and interface on a real server with a real
//! recorder and its watch.

use crate::rig::{Browser, Rig, Wishes, until};
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::archive::{Boundary, SegmentRow, SegmentState};
use ecluse::clock::Clock;
use ecluse::domain::{Action, Actor, Command, Event, FootageCommand, StorageAlarm};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

const API: &str = "/api/v1/storage";

async fn recording() -> Rig {
    let rig = Rig::start_with(Wishes { recorder: true, ..Wishes::default() }).await;
    until("the disk has been measured", || rig.recorder.as_ref().unwrap().storage().is_some()).await;
    rig
}

async fn system(rig: &Rig, action: Action) {
    rig.control.execute(Command { actor: Actor::System, action }).await.unwrap();
}

/// Asks until the answer fits.
async fn told(browser: &Browser, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let storage = browser.get(API).await.json();
        if fits(&storage) {
            return storage;
        }
        assert!(began.elapsed() < crate::rig::PATIENCE, "{what}: {storage}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_the_storage_is_shown_to_who_answers_for_it_and_to_nobody_of_the_police() {
    let rig = recording().await;
    for name in ["agent", "chief", "guard"] {
        let person = rig.log_in(name).await;
        for path in ["/storage", API] {
            assert_eq!(person.get(path).await.status, StatusCode::FORBIDDEN, "{name} {path}");
        }
        let csrf = person.csrf.as_str();
        assert_eq!(person.form("/storage/clock", &[("csrf", csrf)]).await.status, StatusCode::FORBIDDEN, "{name}");
        assert!(!person.get("/").await.text().contains("href=\"/storage\""), "{name}");
    }
    for (name, cameras) in [("administrator", 5), ("decider", 4), ("dpo", 5), ("auditor", 5), ("elsewhere", 1)] {
        let person = rig.log_in(name).await;
        assert!(person.get("/").await.text().contains("href=\"/storage\""), "{name}");
        let page = person.get("/storage").await;
        assert_eq!(page.status, StatusCode::OK, "{name}");
        for part in ["id=\"disk\"", "data-clock=\"sound\"", "data-copy=\"off\"", "data-recording=\"waiting\""] {
            assert!(page.text().contains(part), "{name} {part}: {}", page.text());
        }
        assert!(!page.text().contains("storage-"), "a key was left untranslated: {}", page.text());
        let storage = person.get(API).await.json();
        assert_eq!(storage["cameras"].as_array().unwrap().len(), cameras, "{name}: {storage}");
        assert!(storage["disk"]["free_mib"].as_u64().unwrap() <= storage["disk"]["total_mib"].as_u64().unwrap());
        assert_eq!(storage["disk"]["days_left_unknown"], json!("less-than-a-day"));
        assert_eq!(storage["offsite"], json!({ "state": "off", "deletions_waiting": 0 }));
    }
    let storage = rig.log_in("decider").await.get(API).await.json();
    let state = |camera: &str| {
        let cameras = storage["cameras"].as_array().unwrap();
        cameras.iter().find(|row| row["id"] == camera).unwrap()["state"].clone()
    };
    assert_eq!((state("hall"), state("stairs")), (json!("waiting"), json!("off")));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_without_a_recorder_the_page_says_so() {
    let rig = Rig::start().await;
    let auditor = rig.log_in("auditor").await;
    let storage = auditor.get(API).await.json();
    assert!(storage["recording"] == "off" && storage.get("disk").is_none(), "{storage}");
    let page = auditor.get("/storage").await.text();
    assert!(page.contains("Enregistrement non configuré") && !page.contains("id=\"disk\""), "{page}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_13_how_long_the_disk_lasts_is_told_from_a_days_footage_in_the_index() {
    let rig = recording().await;
    let decider = rig.log_in("decider").await;
    let now = rig.clock.utc();
    let hour = |ago: i64| -> SegmentRow {
        let started_at_utc: DateTime<Utc> = now - TimeDelta::hours(ago);
        SegmentRow {
            camera: "hall".parse().unwrap(),
            started_at_utc,
            ended_at_utc: started_at_utc + TimeDelta::hours(1),
            trusted_utc: None,
            file: format!("hall/{ago}.seg"),
            state: SegmentState::Closed,
            began: Boundary::Length,
            ended: Some(Boundary::Length),
            missed_frames: 0,
            frames: 90_000,
            fragments: 3_600,
            bytes: 1024 * 1024,
        }
    };
    let (index, rows) = (rig.store.segments(), (1..=23).map(hour).collect::<Vec<_>>());
    tokio::task::spawn_blocking(move || index.put_all(&rows).unwrap()).await.unwrap();
    // The rate is measured every ten minutes.
    rig.clock.advance(Duration::from_secs(601));
    let storage = told(&decider, "the rate is told", |storage| storage["disk"]["days_left"].is_number()).await;
    let disk = &storage["disk"];
    assert_eq!(disk["written_per_day_bytes"], json!(23 * 1024 * 1024));
    let days = (disk["free_mib"].as_f64().unwrap() - disk["floor_mib"].as_f64().unwrap()) / 23.0;
    assert!((disk["days_left"].as_f64().unwrap() - days).abs() <= 0.1, "{days}: {disk}");
    assert!(decider.get("/storage").await.text().contains("jours, sans compter"));

    // A clock in doubt: nobody knows what a day is.
    let trusted_utc = rig.clock.utc() - TimeDelta::days(60);
    system(&rig, Action::Footage(FootageCommand::PausePurge { trusted_utc })).await;
    let in_doubt = |storage: &Value| storage["disk"]["days_left_unknown"] == "clock-in-doubt";
    told(&decider, "the rate is doubted with the clock", in_doubt).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_13_alarms_that_stand_are_shown_with_since_when_and_lead_here_from_every_page() {
    let rig = Rig::start().await;
    let since_utc = rig.clock.utc();
    let alarm = |raised| Action::StorageAlarm { alarm: StorageAlarm::SpaceLow, raised, figure: 700 };
    system(&rig, alarm(true)).await;
    let dpo = rig.log_in("dpo").await;
    let storage = dpo.get(API).await.json();
    assert_eq!(storage["alarms"][0]["alarm"], json!("space-low"));
    let told: DateTime<Utc> = storage["alarms"][0]["since_utc"].as_str().unwrap().parse().unwrap();
    assert!((told - since_utc).abs() < TimeDelta::seconds(1), "{told} {since_utc}");
    assert!(dpo.get("/storage").await.text().contains("data-alarm=\"space-low\""));
    assert!(dpo.get("/").await.text().contains("<a href=\"/storage\">Voir le stockage</a>"));
    system(&rig, alarm(false)).await;
    assert_eq!(dpo.get(API).await.json()["alarms"], json!([]));
    assert!(!dpo.get("/storage").await.text().contains("data-alarm"));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_6_a_clock_in_doubt_is_confirmed_where_it_is_shown_by_who_may() {
    let rig = Rig::start().await;
    let doubt = async || {
        let trusted_utc = rig.clock.utc() - TimeDelta::days(60);
        system(&rig, Action::Footage(FootageCommand::PausePurge { trusted_utc })).await;
    };
    let auditor = rig.log_in("auditor").await;
    for name in ["administrator", "decider", "dpo"] {
        doubt().await;
        let page = auditor.get("/storage").await.text();
        assert!(page.contains("data-clock=\"in-doubt\"") && !page.contains("clock-form"), "{page}");
        let refused = auditor.form("/storage/clock", &[("csrf", auditor.csrf.as_str())]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let clock = auditor.get(API).await.json()["clock"].clone();
        assert!(clock["state"] == "in-doubt" && clock["trusted_utc"].is_string(), "{clock}");

        let person = rig.log_in(name).await;
        assert!(person.get("/storage").await.text().contains("action=\"/storage/clock\""), "{name}");
        let done = person.form("/storage/clock", &[("csrf", person.csrf.as_str())]).await;
        assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/storage"), "{name}");
        assert_eq!(person.get(API).await.json()["clock"], json!({ "state": "sound" }), "{name}");
        let entries = rig.control.entries(None, 10_000).unwrap();
        let ended = |entry: &&ecluse::domain::Entry| {
            matches!(entry.event, Event::PurgeResumed) && entry.actor == Actor::Person(name.parse().unwrap())
        };
        assert_eq!(entries.iter().filter(ended).count(), 1, "{name}");
    }
    rig.stop().await;
}
