//! Checkpoints: signed, kept, mailed; what they prove when log and note were rewritten or put back together (fault 12).

use crate::rig::{Case, ENTRIES, Findings, ORIGIN, ecluse};
use ecluse::register::{CHECKPOINT_DIR, DamageKind, LeafHash, withheld};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

fn register(command: &str, config: &Path) -> Output {
    ecluse(&["register".as_ref(), command.as_ref(), "--config".as_ref(), config.as_ref()])
}

/// Has the binary sign a checkpoint; what it printed.
fn sign(config: &Path) -> String {
    let output = register("checkpoint", config);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Verifies a source against a mailed checkpoint.
fn against(source: [&OsStr; 2], checkpoint: &Path, key: &str) -> Findings {
    Findings::of(&[source[0], source[1], "--checkpoint".as_ref(), checkpoint.as_ref(), "--key".as_ref(), key.as_ref()])
}

fn mailed(case: &Case, note: &str) -> PathBuf {
    let path = case.beside("mail.eml");
    let quoted = note.replace('\n', "\r\n");
    fs::write(&path, format!("Subject: checkpoint\r\n\r\nBonjour,\r\n\r\n{quoted}\r\nmerci")).unwrap();
    path
}

#[test]
fn the_key_is_printed_and_a_checkpoint_is_signed_and_kept() {
    let case = Case::new();
    let config = case.beside("ecluse.toml");
    fs::write(&config, "[server]\ndata_dir = \".\"\n").unwrap();
    for command in ["key", "checkpoint"] {
        let output = register(command, &config);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no key yet"), "{command}");
    }
    let (config, key) = case.with_key();
    let printed = register("key", &config);
    assert_eq!(String::from_utf8(printed.stdout).unwrap().trim_end(), key);

    let note = sign(&config);
    let lines: Vec<&str> = note.lines().collect();
    let found = Findings::of(&["--config".as_ref(), config.as_ref()]);
    assert_eq!(lines[..3], [ORIGIN, &ENTRIES.to_string(), found.json["root"].as_str().unwrap()]);
    assert!(lines[3].is_empty() && lines[4].starts_with(&format!("\u{2014} {ORIGIN} ")), "{note}");
    assert_eq!((found.code, &found.json["checkpoints"], &found.json["checkpoints_signed"]), (0, &1.into(), &1.into()));
    let kept = case.dir().join(CHECKPOINT_DIR).join("000000000012.note");
    assert_eq!(fs::read_to_string(&kept).unwrap(), note);
    // Again is the same; later is one more.
    assert_eq!(sign(&config), note);
    case.append(1);
    sign(&config);
    assert_eq!(case.verify().json["newest_checkpoint"], ENTRIES + 1);
    assert_eq!(fs::read_to_string(&kept).unwrap(), note);
}

#[test]
fn a_mailed_checkpoint_proves_that_a_longer_register_begins_with_it_without_the_servers_keys() {
    let case = Case::new();
    let (config, key) = case.with_key();
    let mail = mailed(&case, &sign(&config));
    case.append(5);
    let copy = case.beside("copy.jsonl");
    fs::copy(case.log(), &copy).unwrap();
    let found = against(["--file".as_ref(), copy.as_ref()], &mail, &key);
    assert_eq!(found.code, 0, "{found:?}");
    assert_eq!(
        (&found.json["held_against"][0]["size"], &found.json["entries"]),
        (&ENTRIES.into(), &(ENTRIES + 5).into())
    );
    // The key in a file does as well.
    let key_file = case.beside("key.txt");
    fs::write(&key_file, format!("{key}\n")).unwrap();
    assert_eq!(against(["--file".as_ref(), copy.as_ref()], &mail, key_file.to_str().unwrap()).code, 0);
    let output = ecluse(&[
        "register".as_ref(),
        "verify".as_ref(),
        "--file".as_ref(),
        copy.as_ref(),
        "--checkpoint".as_ref(),
        mail.as_ref(),
        "--key".as_ref(),
        key.as_ref(),
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("its {ENTRIES} entries are the first {ENTRIES} of this register")), "{text}");
}

#[test]
fn fault_12_log_and_note_put_back_below_a_checkpoint_are_found_by_verifier_and_server() {
    let case = Case::new();
    let (config, _) = case.with_key();
    let older = case.backup();
    case.append(3);
    sign(&config);
    case.take_over(&older);
    let end = fs::metadata(case.log()).unwrap().len();
    case.verify().names(ENTRIES, end, "checkpoint");
    let register = case.open();
    let damage = register.damage().expect("read-only").clone();
    assert_eq!((damage.kind, damage.first_bad_seq, damage.offset), (DamageKind::Checkpoint, ENTRIES, end));
    assert!(damage.why.contains("3 are missing"), "{}", damage.why);
    drop(register);
    // And nothing is signed on top of it.
    let output = crate::checkpoints::register("checkpoint", &config);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("rolled back"));
}

#[test]
fn fault_12_a_register_rewritten_whole_with_chain_and_note_is_found_between_two_checkpoints() {
    let case = Case::new();
    let (config, _) = case.with_key();
    sign(&config);
    case.append(8);
    sign(&config);
    for (changed, proven) in [(ENTRIES + 2, ENTRIES), (6, 0)] {
        case.take_over(&case.forged(changed));
        let found = case.verify();
        found.names(proven, case.offset(proven as usize), "checkpoint");
        let why = found.json["damage"]["why"].as_str().unwrap();
        assert!(why.contains(&format!("one from {proven} to ")), "{why}");
        let register = case.open();
        let damage = register.damage().expect("read-only");
        assert_eq!(damage.first_bad_seq, proven);
        // The state tells what is proven and nothing else.
        assert_eq!((register.state().next_seq, register.reader().entries()), (proven, proven));
    }
}

#[test]
fn fault_12_everything_on_the_disk_put_back_together_is_found_by_a_mail() {
    let case = Case::new();
    let (config, key) = case.with_key();
    let older = case.backup();
    case.append(3);
    let mail = mailed(&case, &sign(&config));
    case.take_over(&older);
    fs::remove_dir_all(case.dir().join(CHECKPOINT_DIR)).unwrap();
    assert_eq!(case.verify().code, 0, "the disk alone cannot know");
    let dir = case.dir();
    let found = against(["--dir".as_ref(), dir.as_ref()], &mail, &key);
    found.names(ENTRIES, fs::metadata(case.log()).unwrap().len(), "checkpoint");
    assert!(found.json["damage"]["why"].as_str().unwrap().contains("mail.eml"), "{found:?}");
    // The same for a rewriting.
    case.append(3);
    assert_eq!(against(["--dir".as_ref(), dir.as_ref()], &mail, &key).code, 0);
    case.take_over(&case.forged(7));
    against(["--dir".as_ref(), dir.as_ref()], &mail, &key).names(0, 0, "checkpoint");
}

#[test]
fn a_checkpoint_that_was_altered_or_is_somebody_elses_proves_nothing() {
    let case = Case::new();
    let (config, key) = case.with_key();
    let note = sign(&config);
    let dir = case.dir();
    let source = ["--dir".as_ref(), dir.as_os_str()];
    let other = Case::new().with_key().1;
    for (text, key) in [(note.replace("\n12\n", "\n11\n"), &key), (note.clone(), &other), ("Bonjour".to_owned(), &key)]
    {
        let found = against(source, &mailed(&case, &text), key);
        assert_eq!(found.code, 2, "{found:?}");
        assert!(found.stderr.contains("proves nothing"), "{found:?}");
    }
    let found = against(source, &mailed(&case, &note), "no+key");
    assert_eq!(found.code, 2);
    assert!(found.stderr.contains("verification key"), "{found:?}");
}

#[test]
fn fault_12_a_kept_checkpoint_that_was_tampered_with_is_named() {
    let case = Case::new();
    let (config, _) = case.with_key();
    let note = sign(&config);
    let kept = case.dir().join(CHECKPOINT_DIR).join("000000000012.note");
    let end = fs::metadata(case.log()).unwrap().len();
    let with_key = || Findings::of(&["--config".as_ref(), config.as_ref()]);
    // Not one any more.
    fs::write(&kept, "garbage").unwrap();
    case.verify().names(ENTRIES, end, "checkpoint");
    assert!(with_key().json["damage"]["why"].as_str().unwrap().contains("000000000012.note"));
    // Another size: the root does not fit.
    fs::write(&kept, note.replace("\n12\n", "\n11\n")).unwrap();
    case.verify().names(0, 0, "checkpoint");
    // Another signature: seen by whoever has the key.
    let at = note.len() - 9;
    let other = if &note[at..=at] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &note[..at], &note[at + 1..]);
    fs::write(&kept, forged).unwrap();
    with_key().names(ENTRIES, end, "checkpoint");
}

#[test]
fn an_extract_that_withholds_entries_is_verified_like_the_whole() {
    let case = Case::new();
    let (config, key) = case.with_key();
    let mail = mailed(&case, &sign(&config));
    let lines = case.lines();
    let extract: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(n, line)| {
            if n % 3 == 0 {
                return line.clone();
            }
            let hash = LeafHash::of(line.trim_end().as_bytes());
            format!("{}\n", String::from_utf8(withheld(n as u64, &hash)).unwrap())
        })
        .collect();
    let path = case.beside("extract.jsonl");
    let write = |lines: &[String]| fs::write(&path, lines.concat()).unwrap();
    let verify = || against(["--file".as_ref(), path.as_ref()], &mail, &key);
    write(&extract);
    let found = verify();
    assert_eq!(
        (found.code, &found.json["withheld"], &found.json["entries"]),
        (0, &8.into(), &ENTRIES.into()),
        "{found:?}"
    );
    // A shown entry is changed: its own hash no longer fits what comes after, or the checkpoint.
    let mut edited = extract.clone();
    edited[6] = edited[6].replacen("1.0.6", "9.9.9", 1);
    write(&edited);
    assert_eq!(verify().code, 1);
    // A withheld one is another.
    let mut swapped = extract.clone();
    swapped[4] = extract[5].replace("\"seq\":5", "\"seq\":4");
    write(&swapped);
    assert_eq!(verify().code, 1);
    // In the log itself nothing is withheld but by a recorded purge.
    case.write(&extract);
    case.verify().names(1, case.offset(1), "withheld");
}
