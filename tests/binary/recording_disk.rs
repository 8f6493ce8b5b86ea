//! The recordings' disk, a real one: it fills up, has room again, takes no writes, takes them again. Recording stops and
//! resumes by itself, every step is in the register, and the register and everything live never notice.

use crate::auditor::{Auditor, PASSWORD_ALONE};
use crate::post::lines;
use crate::program::{PATIENCE, Program};
use crate::recording::{Publisher, Site, clip, said};
use crate::tmpfs::Tmpfs;
use serde_json::{Value, json};
use std::os::fd::AsRawFd;
use std::path::Path;

/// Of the disk; the reserve for the register, for holds, and where the warning begins are below it.
const DISK_MIB: u32 = 96;
const RECORDER: &str = "directory = \"disk/recordings\"\nkeep_free_mib = 16\nhold_reserve_mib = 8\nwarn_free_mib = 40";

/// The alarms told so far: which, and whether it began.
fn alarms(register: &Path) -> Vec<(String, bool)> {
    let told = lines(register).into_iter().map(|line| line["event"].clone());
    let told = told.filter(|event| event["type"] == "storage-alarm");
    told.map(|event| (event["alarm"].as_str().unwrap().to_owned(), event["raised"].as_bool().unwrap())).collect()
}

/// Leaves so much of the disk: a file of that size takes the rest, without a byte being written.
fn leave_mib(disk: &Path, mib: u64) {
    let ballast = disk.join("ballast");
    let _ = std::fs::remove_file(&ballast);
    let free_mib = ecluse::archive::free_mib(disk).unwrap();
    let file = std::fs::File::create(&ballast).unwrap();
    let bytes = free_mib.saturating_sub(mib) * 1024 * 1024;
    // SAFETY: a call about a descriptor that lives until the end of this function.
    let done = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, i64::try_from(bytes).unwrap()) };
    assert_eq!(done, 0, "the disk can be filled");
}

fn until_told(server: &mut Program, register: &Path, alarm: &str, raised: bool) {
    let wanted = (alarm.to_owned(), raised);
    server.until(&format!("{alarm} {raised} is told"), |_| alarms(register).contains(&wanted).then_some(()));
}

fn resumed(server: &Program) -> usize {
    said(server, "recording has resumed").len()
}

#[test]
fn faults_13_14_a_disk_that_fills_up_becomes_read_only_and_returns() {
    let site = Site::with(&["hall"], &format!("{RECORDER}\n\n{PASSWORD_ALONE}"));
    let disk = site.world.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(mounted) = Tmpfs::mount(&disk, DISK_MIB * 1024) else { return };
    Auditor::appoint(&site);
    let (mut server, port) = site.start();
    let register = site.world.path("data/register");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let auditor = runtime.block_on(Auditor::log_in(&site, &server));
    // What is shown, once all recording and the alarms are said to be so.
    let shown = |server: &mut Program, recording: &str, alarms: &[&str]| -> Value {
        server.until(&format!("{recording} {alarms:?} is shown"), |_| {
            let storage = runtime.block_on(auditor.storage());
            let stands: Vec<&Value> = storage["alarms"].as_array().unwrap().iter().map(|one| &one["alarm"]).collect();
            (storage["recording"] == recording && stands == alarms).then_some(storage)
        })
    };
    let camera = Publisher::ffmpeg(&clip("320x240", 25, 10, 0), port, "hall", true);
    server.until("it records", |server| (!said(server, "segment closed").is_empty()).then_some(()));
    assert_eq!(alarms(&register), []);
    let storage = shown(&mut server, "recording", &[]);
    let figures = &storage["disk"];
    for (figure, mib) in [("keep_free_mib", 16), ("hold_reserve_mib", 8), ("floor_mib", 24), ("warn_free_mib", 40)] {
        assert_eq!(figures[figure], json!(mib), "{figures}");
    }
    assert_eq!((&figures["total_mib"], &figures["hold_used_mib"]), (&json!(DISK_MIB), &json!(0)), "{figures}");
    assert_eq!(figures["days_left_unknown"], json!("less-than-a-day"), "{figures}");
    assert_eq!(storage["clock"]["state"], json!("sound"), "{storage}");

    // Little is left: told, and recording goes on.
    leave_mib(&disk, 32);
    until_told(&mut server, &register, "space-low", true);
    assert!(said(&server, "recording has stopped; it is tried again every 5 s").is_empty());

    // What is kept for register and holds is all that is left: recording stops, and nothing is destroyed.
    let before = segments(&disk);
    leave_mib(&disk, 20);
    until_told(&mut server, &register, "space-out", true);
    server.until("recording stops", |server| {
        (!said(server, "recording has stopped; it is tried again every 5 s").is_empty()).then_some(())
    });
    let after = segments(&disk);
    assert!(before.iter().all(|segment| after.contains(segment)), "{before:?} {after:?}");
    assert!(ecluse::archive::free_mib(&disk).unwrap() >= 16, "the register's reserve is untouched");
    let storage = shown(&mut server, "disk-full", &["space-low", "space-out"]);
    let camera_row = &storage["cameras"][0];
    assert_eq!((&camera_row["id"], &camera_row["state"]), (&json!("hall"), &json!("disk-full")), "{storage}");
    assert!(storage["disk"]["free_mib"].as_u64().unwrap() < 24, "{storage}");
    let page = runtime.block_on(auditor.storage_page());
    assert!(page.contains("data-recording=\"disk-full\"") && page.contains("data-alarm=\"space-out\""), "{page}");

    // Room again.
    std::fs::remove_file(disk.join("ballast")).unwrap();
    server.until("recording resumes", |server| (resumed(server) == 1).then_some(()));
    until_told(&mut server, &register, "space-out", false);
    until_told(&mut server, &register, "space-low", false);
    let storage = shown(&mut server, "recording", &[]);
    assert!(storage["disk"]["free_mib"].as_u64().unwrap() >= 44, "{storage}");

    // Not even root may write: once the open segment is closed, and a moment before the camera is back.
    drop(camera);
    shown(&mut server, "waiting", &[]);
    server.until("nothing is being written", |_| mounted.try_read_only().then_some(()));
    let _camera = Publisher::ffmpeg(&clip("320x240", 25, 10, 0), port, "hall", true);
    server.until("recording stops again", |server| {
        (said(server, "recording has stopped; it is tried again every 5 s").len() == 2).then_some(())
    });
    mounted.make_writable();
    server.until("recording resumes again", |server| (resumed(server) == 2).then_some(()));
    let closed = said(&server, "segment closed").len();
    server.until("and goes on", |server| (said(server, "segment closed").len() > closed).then_some(()));
    server.ends_well(libc::SIGTERM, PATIENCE);

    let (code, report) = site.check();
    assert_eq!(code, Some(0), "{report}");
    assert!(report["segments"].as_u64().unwrap() > 2 && report["faults"].as_array().unwrap().is_empty(), "{report}");
    let told = alarms(&register);
    assert_eq!(told.len(), 4, "each once: {told:?}");
}

fn segments(disk: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![disk.join("recordings")];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "seg") {
                found.push(path.display().to_string());
            }
        }
    }
    found
}
