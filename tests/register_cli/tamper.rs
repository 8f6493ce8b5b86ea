//! Fault 12: whatever is done to the file, the first bad entry is named.

use crate::rig::{Case, ENTRIES, Findings, rechained};
use std::fs;

#[test]
fn fault_12_an_edited_entry_is_named() {
    for (n, line) in Case::new().lines().iter().enumerate() {
        let case = Case::new();
        let mut lines = case.lines();
        // One digit of the instant: still an entry like any other.
        lines[n] = line.replacen("T14:00:00.000000Z", "T15:00:00.000000Z", 1);
        assert_ne!(lines[n], *line);
        case.write(&lines);
        // The last one has no successor that was chained to it; the note knows its hash.
        let kind = if n + 1 == lines.len() { "replaced" } else { "chain" };
        case.verify().names(n as u64, case.offset(n), kind);
        if n + 1 < lines.len() {
            Findings::of_copy(&case.log()).names(n as u64, case.offset(n), "chain");
        }
    }
}

#[test]
fn fault_12_an_edit_that_is_no_entry_any_more_is_named() {
    let case = Case::new();
    let mut lines = case.lines();
    lines[5] = lines[5].replacen("\"seq\":5", "\"seq\": 5", 1);
    case.write(&lines);
    case.verify().names(5, case.offset(5), "malformed");
    Findings::of_copy(&case.log()).names(5, case.offset(5), "malformed");
}

#[test]
fn fault_12_a_chain_made_anew_after_an_edit_does_not_match_what_was_acknowledged() {
    let case = Case::new();
    let mut lines = case.lines();
    lines[4] = lines[4].replacen("61000", "1000", 1);
    case.write(&rechained(&lines));
    let last = ENTRIES as usize - 1;
    case.verify().names(ENTRIES - 1, case.offset(last), "replaced");
    // A copy has no note beside it; its root tells: see the checkpoints.
    assert_eq!(Findings::of_copy(&case.log()).code, 0);
}

#[test]
fn fault_12_entries_missing_at_the_end_are_named() {
    for keep in 0..ENTRIES as usize {
        let case = Case::new();
        let lines = case.lines();
        case.write(&lines[..keep]);
        case.verify().names(keep as u64, case.offset(keep), "shortened");
    }
}

#[test]
fn fault_12_a_line_cut_in_the_middle_is_named() {
    let case = Case::new();
    let whole = fs::read(case.log()).unwrap();
    fs::write(case.log(), &whole[..whole.len() - 7]).unwrap();
    let last = ENTRIES as usize - 1;
    case.verify().names(ENTRIES - 1, case.offset(last), "torn");
    Findings::of_copy(&case.log()).names(ENTRIES - 1, case.offset(last), "torn");
}

#[test]
fn fault_12_a_log_put_back_to_an_older_state_is_named() {
    let case = Case::new();
    let older = fs::read(case.log()).unwrap();
    case.append(3);
    fs::write(case.log(), &older).unwrap();
    case.verify().names(ENTRIES, older.len() as u64, "shortened");
}

#[test]
fn fault_12_a_note_put_back_alone_accuses_nobody_wrongly_but_a_missing_one_is_named() {
    let case = Case::new();
    let older = fs::read(case.head()).unwrap();
    case.append(3);
    // What lies behind the note is whole and chained: exactly what a crash between the two fsyncs leaves.
    fs::write(case.head(), &older).unwrap();
    assert_eq!(case.verify().code, 0);
    fs::remove_file(case.head()).unwrap();
    case.verify().names(ENTRIES + 3, fs::metadata(case.log()).unwrap().len(), "no-acknowledgement");
    fs::write(case.head(), "garbage").unwrap();
    case.verify().names(ENTRIES + 3, fs::metadata(case.log()).unwrap().len(), "no-acknowledgement");
}

#[test]
fn fault_12_entries_in_another_order_are_named() {
    for (one, other) in [(3, 4), (3, 9), (0, 1), (10, 11)] {
        let case = Case::new();
        let mut lines = case.lines();
        lines.swap(one, other);
        case.write(&lines);
        case.verify().names(one as u64, case.offset(one), "sequence");
        Findings::of_copy(&case.log()).names(one as u64, case.offset(one), "sequence");
    }
}

#[test]
fn fault_12_an_entry_removed_repeated_or_put_in_is_named() {
    let case = Case::new();
    let untouched = case.lines();
    let mut lines = untouched.clone();
    lines.remove(6);
    case.write(&lines);
    case.verify().names(6, case.offset(6), "sequence");
    let mut lines = untouched.clone();
    lines.insert(6, untouched[5].clone());
    case.write(&lines);
    case.verify().names(6, case.offset(6), "sequence");
    // Another register's entry with the right number.
    let mut lines = untouched.clone();
    lines[6] = rechained(&lines)[6].replacen("1.0.6", "9.9.9", 1);
    case.write(&lines);
    case.verify().names(6, case.offset(6), "chain");
    // Entries before the first, removed.
    case.write(&untouched[1..]);
    case.verify().names(0, 0, "sequence");
}
