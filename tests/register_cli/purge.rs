//! Retention of the register: what is over and old goes, everything else is verified as before, whatever happens on the
//! way (REQUIREMENTS, "Law around it"; fault 12).

use crate::rig::{Case, Findings, at, ecluse, ticket};
use ecluse::domain::{Actor, Entry, Event, State};
use ecluse::register::{Register, Source, each, examine, withheld};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Everything but the site (0) of the first ten entries has served its time.
const DUE: [u64; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

fn purged(case: &Case) -> u64 {
    let (register, purged) = case.open().purge(at(10), at(12), None).unwrap();
    assert_eq!(register.damage(), None);
    purged
}

fn witnessed(config: &Path, key: &str, checkpoint: &Path) -> Findings {
    let arguments: [&OsStr; 6] = [
        "--config".as_ref(),
        config.as_ref(),
        "--checkpoint".as_ref(),
        checkpoint.as_ref(),
        "--key".as_ref(),
        key.as_ref(),
    ];
    Findings::of(&arguments)
}

fn state(register: &Register) -> State {
    register.state().clone()
}

#[test]
fn what_is_over_and_old_goes_and_the_rest_is_verified_as_before() {
    let case = Case::new();
    let (config, key) = case.with_key();
    let made = ecluse(&["register".as_ref(), "checkpoint".as_ref(), "--config".as_ref(), config.as_ref()]);
    let mail = case.beside("mail.txt");
    fs::write(&mail, &made.stdout).unwrap();
    let before = state(&case.open());
    let lines = case.lines();

    assert_eq!(purged(&case), DUE.len() as u64);
    let after = case.lines();
    assert_eq!(after.len(), lines.len() + 1, "nothing but the purge's own entry is new");
    for (seq, (line, was)) in after.iter().zip(&lines).enumerate() {
        assert_eq!(line == was, !DUE.contains(&(seq as u64)), "{line}");
    }
    let text = after.concat();
    assert!(!text.contains("op-1") && !text.contains("vols"), "{text}");

    // Sound, with the witness's checkpoint from before, and said to be purged.
    let findings = witnessed(&config, &key, &mail);
    assert_eq!(findings.code, 0, "{findings:?}");
    assert_eq!((&findings.json["purged"], &findings.json["purged_up_to"]), (&9.into(), &9.into()));
    let told = ecluse(&["register".as_ref(), "verify".as_ref(), "--config".as_ref(), config.as_ref()]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("from 10 on every entry is there"), "{told}");

    // What is in force is as it was; the ticket is gone.
    let register = case.open();
    let now = state(&register);
    assert!(before.tickets.contains_key(&ticket()) && !now.tickets.contains_key(&ticket()));
    assert_eq!((&now.sites, &now.people, &now.dossiers), (&before.sites, &before.people, &before.dossiers));
    assert_eq!(register.reader().read(0, 100).unwrap().len(), after.len() - DUE.len());
    assert_eq!(register.reader().lines(0, 100).unwrap().len(), after.len());
    drop(register);

    // Once a day is enough, and the register goes on.
    assert_eq!(purged(&case), 0);
    let (register, again) = case.open().purge(at(11), at(14), None).unwrap();
    assert_eq!((again, register.damage()), (1, None));
    drop(register);
    assert_eq!(case.verify().code, 0);
}

#[test]
fn a_ticket_goes_as_a_whole_or_stays_as_a_whole() {
    let case = Case::new();
    let (register, purged) = case.open().purge(at(3), at(12), None).unwrap();
    assert_eq!(purged, 0, "its last entry is younger");
    assert!(register.state().tickets.contains_key(&ticket()));
}

#[test]
fn fault_12_an_entry_that_is_withheld_without_a_purge_is_named() {
    for after_a_purge in [false, true] {
        let case = Case::new();
        if after_a_purge {
            purged(&case);
        }
        let bad = 10;
        let mut leaves = Vec::new();
        each(&Source::Directory(case.dir()), u64::MAX, |sound| leaves.push(sound.leaf)).unwrap();
        let mut lines = case.lines();
        lines[bad] = String::from_utf8(withheld(bad as u64, &leaves[bad])).unwrap() + "\n";
        case.write(&lines);
        case.verify().names(bad as u64, case.offset(bad), "withheld");
        let register = case.open();
        assert_eq!(register.damage().unwrap().first_bad_seq, bad as u64);
    }
    // A stand-in with another hash breaks the chain, purged or not.
    let case = Case::new();
    purged(&case);
    let mut lines = case.lines();
    lines[9] = lines[9].replacen("\"leaf\":\"", "\"leaf\":\"0000", 1);
    lines[9].replace_range(76..80, "");
    case.write(&lines);
    assert_eq!(case.verify().code, 1);
}

#[test]
fn a_purge_that_was_recorded_and_not_carried_out_is_carried_out_at_the_next_opening() {
    let case = Case::new();
    let before = case.lines();
    purged(&case);
    let done = case.lines();
    // As a crash between the entry and the renaming leaves it, with half of the new log beside it.
    let mut crashed = before.clone();
    crashed.push(done[before.len()].clone());
    case.write(&crashed);
    fs::write(case.dir().join("log.jsonl.making"), "{\"leaf\":\"").unwrap();
    assert_eq!(case.verify().code, 0, "sound meanwhile");
    assert_eq!(case.open().damage(), None);
    assert_eq!(case.lines(), done);
    assert!(!case.dir().join("log.jsonl.making").exists());
}

#[test]
fn kill_9_at_any_moment_of_a_purge_loses_nothing() {
    let case = Case::new();
    let from = case.lines().len() as u64;
    let old = |seq: u64| Entry {
        seq,
        at_utc: "2020-01-01T00:00:00Z".parse().unwrap(),
        actor: Actor::System,
        event: Event::ServerStarted { version: format!("0.{seq} {}", "old ".repeat(50)) },
    };
    let old: Vec<_> = (from..from + 8_000).map(|seq| Arc::new(old(seq))).collect();
    case.open().log().unwrap().append(&old).unwrap();
    let (config, _) = case.with_key();
    let entries = case.lines().len() as u64;
    let root = examine(&Source::Directory(case.dir()), None).unwrap().tree.root();
    for round in 0..8 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ecluse"))
            .args(["register", "purge", "--config"])
            .arg(&config)
            .env_remove("ECLUSE_CONFIG")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The moment itself is what is tested: a different one each round.
        std::thread::sleep(Duration::from_millis(20 * round));
        let _ = child.kill();
        child.wait().unwrap();
        let examined = examine(&Source::Directory(case.dir()), None).unwrap();
        assert!(examined.report.is_sound(), "round {round}: {}", examined.report);
        assert_eq!(examined.tree.root_at(entries), Some(root), "round {round}");
    }
    let purge = ecluse(&["register".as_ref(), "purge".as_ref(), "--config".as_ref(), config.as_ref()]);
    assert_eq!(purge.status.code(), Some(0), "{}", String::from_utf8_lossy(&purge.stderr));
    let findings = case.verify();
    assert_eq!(
        (findings.code, &findings.json["purged"], &findings.json["withheld"]),
        (0, &8_000.into(), &8_000.into())
    );
}
