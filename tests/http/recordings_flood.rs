//! Recordings that somebody asks for and does not take (fault 25): they are bounded, and keep nothing from anybody else.

use crate::rig::{Browser, PATIENCE, Rig, Wishes};
use crate::segment::record;
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::clock::Clock;
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use std::time::Instant;

/// Exports that run at once.
const EXPORTS: usize = 8;
/// More than are read from the archive at once.
const DOWNLOADS: usize = 24;

async fn asked(browser: &Browser, from: DateTime<Utc>) -> Response {
    let (from, until) = (from.to_rfc3339(), (from + TimeDelta::minutes(1)).to_rfc3339());
    let fields = [
        ("csrf", browser.csrf.as_str()),
        ("cameras", "hall"),
        ("from", &from),
        ("until", &until),
        ("reference", "PV 2026/7"),
    ];
    browser.request(Method::POST, "/recordings/arcade/export").form(&fields).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_25_recordings_that_nobody_takes_are_bounded_and_keep_nothing_from_others() {
    let rig = Rig::start_with(Wishes { recorder: true, ..Wishes::default() }).await;
    let from = rig.clock.utc() - TimeDelta::minutes(10);
    let archive = rig.recorder.as_ref().unwrap().archive().unwrap().clone();
    // More than any socket buffer takes in.
    tokio::task::spawn_blocking(move || record(&archive, from, 16, &vec![7; 2 << 20])).await.unwrap();

    // What is not taken holds up its own connection, so each has one of its own.
    let (silent, idle, reader) =
        (rig.log_in("decider").await, rig.log_in("decider").await, rig.log_in("decider").await);
    let deputy = rig.log_in("deputy").await;
    let mut untaken = Vec::new();
    for _ in 0..EXPORTS {
        let answer = asked(&silent, from).await;
        assert_eq!(answer.status(), StatusCode::OK);
        untaken.push(answer);
    }
    // The ninth is told to come back, and leaves no entry: nothing was exported.
    let before = rig.control.read(|state| state.next_seq);
    let refused = asked(&deputy, from).await;
    assert_eq!(
        (refused.status(), &refused.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"60".parse().unwrap())
    );
    assert_eq!(rig.control.read(|state| state.next_seq), before);

    // Playback that nobody takes waits without a thread.
    let wish = json!({ "cameras": ["hall"], "from_utc": from, "until_utc": from + TimeDelta::minutes(1) });
    let opened = reader.post("/api/v1/recordings/arcade/viewings", wish.clone()).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text());
    let playlist = opened.json()["cameras"][0]["playlist"].as_str().unwrap().to_owned();
    let text = reader.get(&playlist).await.text();
    let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    let media = format!("{}{}", playlist.trim_end_matches("index.m3u8"), parsed.segments[0].uri);
    for _ in 0..DOWNLOADS {
        let answer = idle.request(Method::GET, &media).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        untaken.push(answer);
    }
    let taken = reader.send(reader.request(Method::GET, &media).header("range", "bytes=0-1000000")).await;
    assert_eq!((taken.status, taken.body.len()), (StatusCode::PARTIAL_CONTENT, 1_000_001));
    // And whoever guards the gate gets through.
    let ticket = rig.opened().await;
    let cut = deputy.act(ticket, "interrupt", "fin").await;
    assert_eq!(cut.status, StatusCode::OK, "{}", cut.text());

    // A place that is given up is free for the next.
    drop(untaken);
    let deadline = Instant::now() + PATIENCE;
    let answer = loop {
        let answer = asked(&deputy, from).await;
        if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
            break answer;
        }
        assert!(Instant::now() < deadline, "no place is given back");
    };
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.bytes().await.unwrap().len() > 32 << 20);
    rig.recorder.as_ref().unwrap().shutdown().await;
    rig.stop().await;
}
