//! `kill -9` of the recorder at random moments, again and again: of each camera what was durable stays, what is left is sound,
//! and no row is without its file. `ECLUSE_CAMPAIGN=N` sets the number of kills (100 at least in a campaign), `ECLUSE_SEED=N`
//! repeats one.

use crate::campaign::Seed;
use crate::day::Dice;
use crate::program::Program;
use crate::recording::{Publisher, Site, clip, number, ranges, said};
use chrono::{TimeDelta, Utc};
use ecluse::archive::{Boundary, CheckScope, MasterKeySource, SegmentState, check};
use serde_json::Value;
use std::time::Duration;

/// Cameras with the pictures from keyframe to keyframe: four a second to one in four seconds.
const CAMERAS: [(&str, u32); 4] = [("one", 6), ("two", 25), ("three", 50), ("four", 100)];
/// Killed within this time after all cameras are recorded, milliseconds: more than a segment.
const RECORDED_MS: u64 = 7_000;
/// Some starts are killed within this time: recovery must survive being interrupted.
const START_MS: u64 = 700;

#[test]
fn a_killed_recorder_loses_the_open_fragment_at_most() {
    let rounds = number("ECLUSE_CAMPAIGN", 2);
    let seed = Seed::chosen();
    let mut dice = Dice(seed.0);
    let site = Site::new(&CAMERAS.map(|(camera, _)| camera));
    let clips = CAMERAS.map(|(camera, gop)| (camera, clip("320x240", gop, 8, 0)));
    let (mut lost, mut kept, mut starts) = (Vec::new(), CAMERAS.map(|_| 0), 0);
    for round in 0..rounds {
        let (mut server, port) = site.start();
        let publishers = clips.each_ref().map(|(camera, clip)| Publisher::ffmpeg(clip, port, camera, true));
        server.until("all are recorded", |server| all_are_recorded(server).then_some(()));
        std::thread::sleep(Duration::from_millis(dice.throw(RECORDED_MS)));
        let durable = durable(&site);
        let killed_at_utc = Utc::now();
        server.kill();
        drop(publishers);
        if dice.throw(4) == 0 {
            let mut server = site.start_unwatched();
            std::thread::sleep(Duration::from_millis(dice.throw(START_MS)));
            server.kill();
            starts += 1;
        }
        let (mut server, _) = site.start();
        server.ends_well(libc::SIGTERM, Duration::from_secs(10));

        let (code, report) = site.check();
        let sound = (code, &report["unfinished"], &report["index_compared"]);
        assert_eq!(sound, (Some(0), &Value::Array(vec![]), &Value::Bool(true)), "round {round}: {report}");
        let rows: Vec<_> = site.store().segments().all().map(Result::unwrap).collect();
        assert!(rows.iter().all(|row| row.state == SegmentState::Closed), "round {round}: {rows:?}");
        let before = std::mem::replace(&mut kept, self::durable(&site));
        for ((camera, _), (kept, durable)) in CAMERAS.iter().zip(kept.iter().zip(durable)) {
            assert!(
                *kept >= durable,
                "round {round}, camera {camera}: {durable} pictures were durable, {kept} are left"
            );
        }
        let archive = site.archive("recordings.key");
        for (((camera, _), kept), before) in CAMERAS.iter().zip(kept).zip(before) {
            let runs = ranges(&archive, camera);
            assert!(runs.iter().all(|run| run.ended != Some(Boundary::Gone) && run.began != Boundary::Gone));
            // Nothing of it was whole yet where the moment came at once.
            if let Some(run) = runs.last().filter(|_| kept > before) {
                // Killed between two segments, the last one had its end.
                let told = matches!(run.ended, Some(Boundary::Crash | Boundary::Length));
                assert!(told, "round {round}, camera {camera}: {run:?}");
                lost.push(killed_at_utc - run.until_utc);
            }
        }
    }
    lost.sort();
    let at = |part: usize| lost.get(lost.len() * part / 100).or(lost.last()).map_or(0, TimeDelta::num_milliseconds);
    println!(
        "{rounds} kills of {} cameras and {starts} of starts; from the last picture that is left to the kill: p50 {} ms, p99 {} ms, most {} ms",
        CAMERAS.len(),
        at(50),
        at(99),
        at(100),
    );
}

fn all_are_recorded(server: &Program) -> bool {
    let begun = said(server, "recording begins");
    CAMERAS.iter().all(|(camera, _)| begun.iter().any(|entry| entry["fields"]["camera"] == *camera))
}

/// Pictures of each camera that are on the disk and verify.
fn durable(site: &Site) -> [u64; CAMERAS.len()] {
    CAMERAS.map(|(camera, _)| {
        let master = MasterKeySource::File(site.world.path("recordings.key")).load().unwrap();
        let scope = CheckScope { camera: Some(camera.parse().unwrap()), one_in: 1 };
        let report = check(&site.world.path("data/recordings"), master, None, &scope).unwrap();
        assert!(report.is_sound(), "{report:?}");
        report.frames
    })
}
