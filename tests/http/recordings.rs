//! Playback and export of footage that the real recorder made of real pictures (A1-3, A4-10, A5-6).

use crate::footage::Footage;
use crate::rig::{Browser, CAST, PATIENCE, Rig, Wishes};
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::archive::Range;
use ecluse::domain::{Event, Role};
use ecluse::evidence::{Verified, verify};
use ecluse::register::VerifyKey;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The page's own number of its export.
pub const PROGRESS: &str = "01900000-0000-7000-8000-0000000000aa";

/// Pictures as ffprobe counts them.
fn pictures(path: &Path) -> u64 {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]);
    let output = ffprobe.arg(path).output().expect("ffprobe");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().trim_end_matches(',').parse().unwrap()
}

/// Two runs of the first camera with a gap between them, the first of two segments at least.
pub async fn record(rig: &Rig) -> Vec<Range> {
    let camera = "hall".parse().unwrap();
    let archive = rig.recorder.as_ref().unwrap().archive().unwrap().clone();
    let pictures = Footage::small();
    let ranges = || {
        let until = Utc::now() + TimeDelta::days(1);
        archive.ranges(&camera, DateTime::<Utc>::UNIX_EPOCH, until).unwrap()
    };
    let until = async |hope: &str, condition: &dyn Fn(&[Range]) -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&ranges()) {
            assert!(Instant::now() < deadline, "{hope}: {:?}", ranges());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let playing = pictures.play(&rig.hub, &camera);
    until("a segment is closed", &|found| found.iter().any(|range| range.segments.len() > 1)).await;
    tokio::task::spawn_blocking(move || drop(playing)).await.unwrap();
    until("the run ends", &|found| found.iter().all(|range| range.ended.is_some())).await;
    let playing = pictures.play(&rig.hub, &camera);
    until("another run", &|found| found.len() > 1).await;
    tokio::task::spawn_blocking(move || drop(playing)).await.unwrap();
    until("it ends too", &|found| found.iter().all(|range| range.ended.is_some())).await;
    // The rig's own clock stood still meanwhile.
    rig.clock.advance(Duration::from_secs(300));
    ranges()
}

fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn last_event(rig: &Rig) -> Event {
    let seq = rig.control.read(|state| state.next_seq) - 1;
    rig.control.entries(Some(seq - 1), 1).unwrap().pop().unwrap().event
}

async fn ranged(browser: &Browser, path: &str, range: &str) -> crate::rig::Answer {
    browser.send(browser.request(Method::GET, path).header("range", range)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_3_a4_10_a5_6_recordings_are_played_and_exported_by_the_sites_deciders_alone() {
    let rig = Rig::start_with(Wishes { recorder: true, ..Wishes::default() }).await;
    let runs = record(&rig).await;
    let frames: u64 = runs.iter().flat_map(|run| &run.segments).map(|row| row.frames).sum();
    let (from, until) = (runs[0].from_utc - TimeDelta::seconds(1), runs.last().unwrap().until_utc);
    let decider = rig.log_in("decider").await;

    // The timeline tells the runs and why they end, and leaves no entry: it holds no image.
    let before = rig.control.read(|state| state.next_seq);
    let page = decider.get("/recordings/arcade").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(page.text().matches("data-run=\"hall\"").count() >= runs.len(), "{}", page.text());
    assert!(page.text().contains("caméra absente"), "the gap has its reason");
    assert_eq!(rig.control.read(|state| state.next_seq), before);

    // A viewing is an entry, before its first byte; one per viewing.
    let wish = json!({ "cameras": ["hall"], "from_utc": iso(from), "until_utc": iso(until) });
    let opened = decider.post("/api/v1/recordings/arcade/viewings", wish.clone()).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text());
    assert!(matches!(last_event(&rig), Event::FootageViewed { footage, .. } if footage.cameras.len() == 1));
    let entries = rig.control.read(|state| state.next_seq);
    let playlist = opened.json()["cameras"][0]["playlist"].as_str().unwrap().to_owned();
    let text = decider.get(&playlist).await.text();
    let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    let breaks = parsed.segments.iter().filter(|part| part.discontinuity).count();
    assert_eq!((breaks, parsed.end_list), (runs.len() - 1, true), "{text}");
    assert_eq!(parsed.segments.iter().filter(|part| part.map.is_some()).count(), runs.len(), "{text}");
    let dated = parsed.segments[0].program_date_time.unwrap();
    assert!((dated.to_utc() - runs[0].from_utc).num_milliseconds().abs() < 2, "{text}");

    // Every byte range of a run, put end to end after its init section, is a film with the pictures recorded.
    let base = playlist.trim_end_matches("index.m3u8");
    let scratch = tempfile::tempdir().unwrap();
    let (mut films, mut media) = (Vec::<Vec<u8>>::new(), String::new());
    for part in &parsed.segments {
        media = format!("{base}{}", part.uri);
        if let Some(map) = &part.map {
            let length = map.byte_range.as_ref().unwrap().length;
            let init = ranged(&decider, &media, &format!("bytes=0-{}", length - 1)).await;
            assert_eq!((init.status, init.body.len() as u64), (StatusCode::PARTIAL_CONTENT, length));
            films.push(init.body);
        }
        let range = part.byte_range.as_ref().unwrap();
        let (first, last) = (range.offset.unwrap(), range.offset.unwrap() + range.length - 1);
        let bytes = ranged(&decider, &media, &format!("bytes={first}-{last}")).await;
        assert_eq!((bytes.status, bytes.body.len() as u64), (StatusCode::PARTIAL_CONTENT, range.length));
        films.last_mut().unwrap().extend(bytes.body);
    }
    let mut played = 0;
    for film in &films {
        let path = scratch.path().join("film.mp4");
        std::fs::write(&path, film).unwrap();
        played += pictures(&path);
    }
    assert_eq!((films.len(), played), (runs.len(), frames));
    let whole = decider.get(&media).await;
    assert_eq!((whole.status, whole.header("accept-ranges")), (StatusCode::OK, "bytes"));
    ranged(&decider, &media, "bytes=999999999-").await.is(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable");
    assert_eq!(rig.control.read(|state| state.next_seq), entries, "one entry per viewing, none per fragment");

    // Nothing beyond what was opened.
    let elsewhere = media.rsplit_once('/').unwrap().0.to_owned() + "/1";
    assert_eq!(decider.get(&elsewhere).await.status, StatusCode::NOT_FOUND);
    assert_eq!(decider.get(&playlist.replace("/hall/", "/stairs/")).await.status, StatusCode::NOT_FOUND);
    let wrong = json!({ "cameras": ["quai-hall"], "from_utc": iso(until), "until_utc": iso(from) });
    let refused = decider.post("/api/v1/recordings/arcade/viewings", wrong).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY, "footage-faulty");
    assert_eq!(refused.json()["faults"].as_array().unwrap().len(), 2, "{}", refused.text());

    nobody_else(&rig, &wish, &playlist, &media, (from, until)).await;

    // The export: recorded, whole, and proven by the key alone.
    let answer = export(&decider, (from, until), "Réquisition 2026/117").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::OK, "application/zip"),
        "{}",
        answer.text()
    );
    assert!(
        matches!(last_event(&rig), Event::FootageExported { reference, .. } if reference == "Réquisition 2026/117")
    );
    let progress = decider.get(&format!("/api/v1/exports/{PROGRESS}")).await.json();
    assert_eq!((&progress["state"], &progress["bytes"]), (&json!("finished"), &progress["bytes_total"]), "{progress}");
    let others = rig.log_in("deputy").await.get(&format!("/api/v1/exports/{PROGRESS}")).await;
    assert_eq!(others.json(), json!({ "state": "unknown", "bytes": 0, "bytes_total": 0 }), "somebody else's export");
    let key = std::fs::read_to_string(rig.data_dir().join("register.pub")).unwrap();
    proven(&answer.body, &key, frames, &runs, scratch.path());
    tampering_is_named(&answer.body, &key.trim().parse().unwrap());
    let refused = export(&decider, (from, until), " ").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);

    rig.recorder.as_ref().unwrap().shutdown().await;
    rig.stop().await;
}

pub async fn export(browser: &Browser, stretch: (DateTime<Utc>, DateTime<Utc>), reference: &str) -> crate::rig::Answer {
    let (from, until) = (iso(stretch.0), iso(stretch.1));
    let fields = [
        ("csrf", browser.csrf.as_str()),
        ("cameras", "hall"),
        ("from", &from),
        ("until", &until),
        ("reference", reference),
        ("progress", PROGRESS),
    ];
    browser.form("/recordings/arcade/export", &fields).await
}

/// Each route, by everybody else: the police and whoever sees no images by role, other deciders by site and by person.
async fn nobody_else(
    rig: &Rig,
    wish: &serde_json::Value,
    playlist: &str,
    media: &str,
    stretch: (DateTime<Utc>, DateTime<Utc>),
) {
    let before = rig.control.read(|state| state.next_seq);
    for (name, role, _) in CAST.into_iter().filter(|(name, _, _)| *name != "decider") {
        let browser = rig.log_in(name).await;
        let by_role = if role == Role::Decider { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
        for path in [playlist, media] {
            assert_eq!(browser.get(path).await.status, by_role, "{name} {path}");
            assert_eq!(ranged(&browser, path, "bytes=0-9").await.status, by_role, "{name} {path}");
        }
        let list = if role == Role::Decider { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(browser.get(&format!("/api/v1/exports/{PROGRESS}")).await.status, list, "{name}");
        // The deputy is a decider of this site, too, and opens viewings of their own.
        if name == "deputy" {
            continue;
        }
        for path in ["/recordings/arcade", "/recordings/arcade?day=2026-01-01&camera=hall"] {
            assert_eq!(browser.get(path).await.status, by_role, "{name} {path}");
        }
        assert_eq!(browser.get("/recordings").await.status, list, "{name}");
        let viewing = browser.post("/api/v1/recordings/arcade/viewings", wish.clone()).await;
        assert_eq!(viewing.status, by_role, "{name}");
        assert_eq!(export(&browser, stretch, "x").await.status, by_role, "{name}");
    }
    assert_eq!(rig.control.read(|state| state.next_seq), before, "nobody's refusal opened anything");
}

fn proven(zip: &[u8], key: &str, frames: u64, runs: &[Range], scratch: &Path) {
    let found = verify(Cursor::new(zip), &key.trim().parse().unwrap(), None).unwrap();
    assert_eq!((found.faults, found.files, found.frames), (Vec::<String>::new(), runs.len(), frames));
    let manifest = found.manifest.unwrap();
    let camera = &manifest.cameras[0];
    assert!(camera.unreadable.is_empty() && camera.gaps.len() == runs.len(), "{:?}", camera.gaps);
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut counted = 0;
    for file in &camera.files {
        let path = scratch.join("exported.mp4");
        std::io::copy(&mut archive.by_name(&file.name).unwrap(), &mut std::fs::File::create(&path).unwrap()).unwrap();
        assert_eq!(pictures(&path), file.frames, "{}", file.name);
        counted += file.frames;
    }
    assert_eq!(counted, frames);
    // The command, on another machine: the ZIP and the key are all there is.
    let (file, key_file) = (scratch.join("export.zip"), scratch.join("register.pub"));
    std::fs::write(&file, zip).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let run = |file: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecluse"));
        command.args(["recordings", "verify", "--key"]).arg(&key_file).arg(file).current_dir(scratch);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run(&file);
    assert!(code == Some(0) && text.contains("Réquisition 2026/117"), "{code:?} {text}");
    std::fs::write(&file, &zip[..zip.len() / 2]).unwrap();
    assert!(matches!(run(&file), (Some(1), text) if text.contains("no whole ZIP")));
    assert_eq!(run(&scratch.join("nothing.zip")).0, Some(2));
}

/// A file of the ZIP, exchanged for another, as somebody would who has a ZIP program.
pub fn altered(zip: &[u8], name: &str, change: impl Fn(Vec<u8>) -> Option<Vec<u8>>) -> Vec<u8> {
    use std::io::{Read, Write};
    let mut from = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut into = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for number in 0..from.len() {
        let mut bytes = Vec::new();
        let mut file = from.by_index(number).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let found = file.name().unwrap().into_owned();
        let bytes = if found == name { change(bytes) } else { Some(bytes) };
        if let Some(bytes) = bytes {
            into.start_file(found, options).unwrap();
            into.write_all(&bytes).unwrap();
        }
    }
    into.finish().unwrap().into_inner()
}

/// The ZIP with one more file, the first of all.
fn with_another(zip: &[u8], name: &str, bytes: &[u8]) -> Vec<u8> {
    use std::io::{Read, Write};
    let mut from = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut into = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    into.start_file(name, options).unwrap();
    into.write_all(bytes).unwrap();
    for number in 0..from.len() {
        let mut bytes = Vec::new();
        let mut file = from.by_index(number).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        into.start_file(file.name().unwrap().into_owned(), options).unwrap();
        into.write_all(&bytes).unwrap();
    }
    into.finish().unwrap().into_inner()
}

/// All of `from` made `to`, of the same length.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    while let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

fn tampering_is_named(zip: &[u8], key: &VerifyKey) {
    let check = |zip: Vec<u8>| -> Verified { verify(Cursor::new(zip), key, None).unwrap() };
    let film = check(zip.to_vec()).manifest.unwrap().cameras[0].files[0].clone();
    let second = &film.stretches[1];
    let place = (film.stretches[0].bytes + 100) as usize;
    let flipped = check(altered(zip, &film.name, |mut bytes| {
        bytes[place] ^= 1;
        Some(bytes)
    }));
    assert_eq!(flipped.faults.len(), 1, "{:?}", flipped.faults);
    let named = flipped.faults[0].contains(&film.name) && flipped.faults[0].contains(&second.from_utc.to_rfc3339());
    assert!(named, "{:?}", flipped.faults);
    for (name, change) in [
        (film.name.as_str(), None),
        ("manifest.json", Some(("117", "118"))),
        ("manifest.sig", Some(("manifest v1", "manifest v2"))),
        ("register-proof.json", Some(("117", "118"))),
        ("LISEZ-MOI.txt", Some(("SHA-256", "SHA-512"))),
    ] {
        let found = check(altered(zip, name, |bytes| {
            let (from, to) = change?;
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{name}");
            Some(text.replace(from, to).into_bytes())
        }));
        let wanted = if name == "manifest.json" { "manifest.json was changed" } else { name };
        assert!(found.faults.iter().any(|fault| fault.contains(wanted)), "{name}: {:?}", found.faults);
    }
    // What another program may show from the same file: a second film of the same name, before or behind the genuine one.
    let twin = format!("{}_", &film.name[..film.name.len() - 1]);
    let twice = with_another(zip, &twin, b"another film");
    let twice = replaced(twice, twin.as_bytes(), film.name.as_bytes());
    let around = [&b"MZ another program"[..], zip].concat();
    for (what, zip) in [("twice", twice), ("around", around)] {
        let found = check(zip);
        assert!(found.faults.iter().any(|fault| fault.contains("the file")), "{what}: {:?}", found.faults);
    }
    // Another key's word is nobody's.
    let other = tempfile::tempdir().unwrap();
    let other = ecluse::register::open_key(other.path(), key.name()).unwrap();
    let found = verify(Cursor::new(zip), other.public(), None).unwrap();
    assert_eq!(found.faults.len(), 2, "signature and proof: {:?}", found.faults);
}
