//! What `ecluse register verify` says about sound registers, unreadable ones, and one in use.

use crate::rig::{Case, ENTRIES, Findings, ecluse};
use ecluse::clock::SystemClock;
use ecluse::control::{Control, ControlSettings};
use ecluse::domain::{Action, Actor, Command};
use ecluse::store::Store;
use std::ffi::OsStr;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_sound_register_is_told_with_its_last_hash_and_root() {
    let case = Case::new();
    let found = case.verify();
    assert_eq!(found.code, 0, "{found:?}");
    assert_eq!(found.json["sound"], true);
    assert_eq!(found.json["entries"], ENTRIES);
    assert_eq!(found.json["damage"], serde_json::Value::Null);
    let register = case.open();
    let root = register.reader().tree(|tree| tree.root());
    assert_eq!(found.json["root"], root.base64());
    drop(register);

    // A copy of it tells the same.
    fs::copy(case.log(), case.beside("copy.jsonl")).unwrap();
    let copy = Findings::of_copy(&case.beside("copy.jsonl"));
    assert_eq!((copy.code, &copy.json["root"]), (0, &found.json["root"]));
    assert_eq!(copy.json["last_hash"], found.json["last_hash"]);

    let output = ecluse(
        &["register", "verify", "--dir"].map(OsStr::new).into_iter().chain([case.dir().as_ref()]).collect::<Vec<_>>(),
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for part in [format!("sound entries: {ENTRIES}"), format!("tree root: {}", root.base64()), "\nsound\n".to_owned()] {
        assert!(text.contains(&part), "{part} in {text}");
    }
}

#[test]
fn the_configuration_names_the_register_even_when_no_server_would_start_on_it() {
    let case = Case::new();
    let config = case.beside("ecluse.toml");
    fs::write(&config, "[server]\ndata_dir = \".\"\n").unwrap();
    let found = Findings::of(&["--config".as_ref(), config.as_ref()]);
    assert_eq!((found.code, &found.json["entries"]), (0, &ENTRIES.into()), "{found:?}");
    fs::write(&config, "[https]\n").unwrap();
    let found = Findings::of(&["--config".as_ref(), config.as_ref()]);
    assert_eq!(found.code, 2);
    assert!(found.stderr.contains("data_dir"), "{found:?}");
}

#[test]
fn what_cannot_be_read_is_neither_sound_nor_damaged() {
    let case = Case::new();
    let nowhere = case.beside("nowhere");
    for arguments in [
        ["--dir".as_ref(), nowhere.as_os_str()],
        ["--file".as_ref(), nowhere.as_os_str()],
        ["--config".as_ref(), nowhere.as_os_str()],
    ] {
        let found = Findings::of(&arguments);
        assert_eq!(found.code, 2, "{found:?}");
        assert!(found.stderr.contains("nowhere"), "{found:?}");
        assert!(found.json.is_null(), "nothing is claimed: {found:?}");
    }
    // A directory in the log's place.
    fs::remove_file(case.log()).unwrap();
    fs::create_dir(case.log()).unwrap();
    assert_eq!(case.verify().code, 2);
}

#[test]
fn verifying_changes_nothing() {
    let case = Case::new();
    // A torn end that was never acknowledged stays where it is, for the server to drop and to record.
    let mut torn = fs::read(case.log()).unwrap();
    torn.extend_from_slice(b"{\"actor\":{\"ki");
    fs::write(case.log(), &torn).unwrap();
    let head = fs::read(case.head()).unwrap();
    let files = || {
        let mut names: Vec<_> = fs::read_dir(case.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = files();
    let found = case.verify();
    assert_eq!(found.code, 0, "{found:?}");
    assert_eq!(found.json["torn"]["bytes"], 13);
    assert_eq!(fs::read(case.log()).unwrap(), torn);
    assert_eq!(fs::read(case.head()).unwrap(), head);
    assert_eq!(files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_in_use_is_verified_while_it_is_written() {
    let case = Case::new();
    let data_dir = case.beside("data");
    fs::create_dir(&data_dir).unwrap();
    let register = case.open();
    let control = tokio::task::spawn_blocking(move || {
        let store = Store::open(&data_dir.join("store")).unwrap();
        Control::start(ControlSettings::new(&data_dir), register, store, Arc::new(SystemClock)).unwrap()
    })
    .await
    .unwrap();
    let enough = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (control, enough) = (control.clone(), enough.clone());
        async move {
            while !enough.load(Ordering::SeqCst) {
                let command = Command { actor: Actor::System, action: Action::ClockStepped { by_us: 1 } };
                control.execute(command).await.unwrap();
            }
        }
    });
    let mut entries = Vec::new();
    for _ in 0..10 {
        let found = tokio::task::block_in_place(|| case.verify());
        assert_eq!(found.code, 0, "{found:?}");
        entries.push(found.json["entries"].as_u64().unwrap());
    }
    enough.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    assert!(entries.is_sorted() && entries.first() < entries.last(), "it was being written: {entries:?}");
    control.shutdown().await;
    assert_eq!(case.verify().code, 0);
}
