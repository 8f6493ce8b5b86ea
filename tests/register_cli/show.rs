//! `ecluse register show`: entries as sentences or as they stand, filtered.

use crate::rig::{Case, ENTRIES, ecluse, ticket};
use std::ffi::OsStr;

fn show(case: &Case, arguments: &[&str]) -> (i32, Vec<String>, String) {
    let dir = case.dir();
    let mut all: Vec<&OsStr> = vec!["register".as_ref(), "show".as_ref(), "--dir".as_ref(), dir.as_ref()];
    all.extend(arguments.iter().map(OsStr::new));
    let output = ecluse(&all);
    let lines = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    (output.status.code().unwrap(), lines, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn json_is_the_registers_own_lines() {
    let case = Case::new();
    let (code, lines, _) = show(&case, &["--json"]);
    assert_eq!(code, 0);
    assert_eq!(lines, case.lines().iter().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>());
}

#[test]
fn a4_5_sentences_in_french_and_english_with_the_hour_of_paris() {
    let case = Case::new();
    let (code, french, _) = show(&case, &[]);
    assert_eq!((code, french.len() as u64), (0, ENTRIES));
    assert!(french[1].contains("2026-11-02 15:00:00 +01:00"), "{}", french[1]);
    assert!(french[1].contains("1 rue de l'Arcade") && french[1].contains("op-1"), "{}", french[1]);
    assert!(french.iter().all(|line| !line.contains('\u{7}')), "typed words do not steer the terminal");
    let (_, english, _) = show(&case, &["--language", "en"]);
    assert_ne!(french[1], english[1]);
}

#[test]
fn filters_by_time_ticket_and_site() {
    let case = Case::new();
    let seqs = |arguments: &[&str]| -> Vec<u64> {
        let (code, lines, stderr) = show(&case, &[arguments, &["--json"]].concat());
        assert_eq!(code, 0, "{stderr}");
        let seq = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap();
        lines.iter().map(seq).collect()
    };
    let ticket = ticket().to_string();
    assert_eq!(seqs(&["--ticket", &ticket]), [1, 2, 3, 4]);
    assert_eq!(seqs(&["--site", "arcade"]), [0, 1, 2, 3, 4]);
    assert_eq!(seqs(&["--since", "2026-11-03", "--until", "2026-11-05"]), [2, 3, 4]);
    assert_eq!(seqs(&["--since", "2026-11-12T14:00:00Z"]), [11]);
    assert_eq!(seqs(&["--until", "2026-11-02T14:00:00Z"]), [0]);
    assert_eq!(seqs(&["--ticket", &ticket, "--since", "2026-11-05"]), [4]);
    assert!(seqs(&["--site", "elsewhere"]).is_empty());
    for wrong in [["--since", "yesterday"], ["--ticket", "x"], ["--site", "No Slug"], ["--language", "de"]] {
        let (code, _, stderr) = show(&case, &wrong);
        assert_eq!(code, 2);
        assert!(stderr.contains(wrong[0]), "{stderr}");
    }
}

#[test]
fn fault_12_shows_what_is_sound_and_says_where_it_ends() {
    let case = Case::new();
    let mut lines = case.lines();
    lines.swap(6, 7);
    case.write(&lines);
    let (code, shown, stderr) = show(&case, &["--json"]);
    assert_eq!((code, shown.len()), (1, 6));
    assert!(stderr.contains("entry 6") && stderr.contains("line 7"), "{stderr}");
}
