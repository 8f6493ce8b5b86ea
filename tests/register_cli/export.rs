//! `ecluse register export`: the register on paper and as tables, read back by other programs than the one that made it
//! (poppler's `pdfinfo` and `pdftotext`).

use crate::rig::{Case, Findings, at, ecluse, ticket};
use ecluse::domain::{Actor, CloseCause, Entry, Event};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn export(case: &Case, config: Option<&Path>, arguments: &[&str]) -> (i32, Vec<u8>, String) {
    let dir = case.dir();
    let source: [&OsStr; 2] = match config {
        Some(config) => ["--config".as_ref(), config.as_ref()],
        None => ["--dir".as_ref(), dir.as_ref()],
    };
    let mut all: Vec<&OsStr> = vec!["register".as_ref(), "export".as_ref()];
    all.extend(source);
    all.extend(arguments.iter().map(OsStr::new));
    let output = ecluse(&all);
    (output.status.code().unwrap(), output.stdout, String::from_utf8(output.stderr).unwrap())
}

/// What another program says about a file.
fn told(program: &str, arguments: &[&str], file: &Path) -> String {
    let mut command = Command::new(program);
    command.args(arguments).arg(file);
    if program == "pdftotext" {
        command.arg("-");
    }
    let output = command.output().unwrap_or_else(|error| panic!("{program} (scripts/install --test): {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    // pdfinfo prints titles of headings in the PDF's own encoding beside their text.
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// One text without line breaks, as somebody reads it who is read to.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Words with every accent French has, and some letters the printed font has not.
const WHY: &str =
    "Fin d’intervention : l’élève a été raccompagné à 14 h 05, où qu’il fût. Cœur, ÇÀÉÈÊËÎÏÔÙÛÜŸ «ça» €. 語 ł";

/// A case with a checkpoint, and enough entries for several pages.
fn case() -> (Case, std::path::PathBuf, String) {
    let case = Case::new();
    let from = case.lines().len() as u64;
    let entry = |seq: u64| Entry {
        seq,
        at_utc: at(11),
        actor: Actor::Person("dec-1".parse().unwrap()),
        event: Event::AlertRaised {
            alert: uuid::Uuid::from_u128(u128::from(seq)).into(),
            site: "arcade".parse().unwrap(),
            reasons: Default::default(),
            what: if seq == from { WHY.to_owned() } else { format!("{seq} {}", "longue phrase ".repeat(40)) },
        },
    };
    let entries: Vec<_> = (from..from + 60).map(|seq| Arc::new(entry(seq))).collect();
    case.open().log().unwrap().append(&entries).unwrap();
    let (config, key) = case.with_key();
    let made = ecluse(&["register".as_ref(), "checkpoint".as_ref(), "--config".as_ref(), config.as_ref()]);
    assert!(made.status.success());
    (case, config, key)
}

#[test]
fn a4_5_the_pdf_says_what_the_register_says_in_french_and_in_english_and_to_a_screen_reader() {
    let (case, config, key) = case();
    for (language, heads) in [
        (
            "fr",
            [
                "Registre des transmissions",
                "Transmissions",
                "Annexe : inscriptions du registre",
                "Vérifier ce document",
            ],
        ),
        (
            "en",
            ["Register of transmissions", "Transmissions", "Annex: entries of the register", "Verify this document"],
        ),
    ] {
        let file = case.beside(&format!("{language}.pdf"));
        let output = file.to_str().unwrap();
        let arguments =
            ["--format", "pdf", "--language", language, "--site", "arcade", "--since", "2026-11-01", "-o", output];
        let (code, stdout, stderr) = export(&case, Some(&config), &arguments);
        assert_eq!((code, stdout.len()), (0, 0), "{stderr}");

        let info = told("pdfinfo", &[], &file);
        assert!(info.contains("Tagged:          yes") && info.contains(heads[0]), "{info}");
        let pages: usize = info.lines().find_map(|line| line.strip_prefix("Pages:")).unwrap().trim().parse().unwrap();
        assert!(pages >= 3, "{info}");
        let meta = told("pdfinfo", &["-meta"], &file);
        assert!(meta.contains("<pdfuaid:part>1</pdfuaid:part>"), "{meta}");
        let bytes = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        for part in [&format!("/Lang({language})"), "/Outlines", "/DisplayDocTitle true", "/StructTreeRoot"] {
            let spaced = part.replace('(', " (");
            assert!(bytes.contains(part) || bytes.contains(&spaced), "{part}");
        }

        // The structure: headings, and tables whose header cells are header cells.
        let tree = told("pdfinfo", &["-struct-text"], &file);
        let shown = 4 + 61;
        for (node, expected) in [
            ("H1", 1),
            ("H2", 3),
            ("Table", 2),
            ("THead", 2),
            ("TBody", 2),
            // Columns; one transmission; the entries of the site.
            ("TH", 10 + 6 + 1 + shown),
            ("TD", 9 + 5 * shown),
        ] {
            let named = |line: &&str| line.trim_start().split([' ', ':']).next() == Some(node);
            assert_eq!(tree.lines().filter(named).count(), expected, "{node}: {tree}");
        }
        let read = flowing(&tree.replace('"', " "));
        for head in heads {
            assert!(read.contains(head), "{head}: {read}");
        }
        assert!(read.contains(&flowing(WHY)), "typed words are whole: {read}");

        // The eye's version: header and page number on every page, the known row, the checkpoint.
        let eye = told("pdftotext", &["-layout"], &file);
        for (number, page) in eye.split('\u{c}').take(pages).enumerate() {
            let of = if language == "fr" { "sur" } else { "of" };
            assert!(page.contains(&format!("Page {} {of} {pages}", number + 1)), "{page}");
            assert!(page.contains("1 rue de l'Arcade") && page.contains("01/11/2026"), "{page}");
        }
        assert!(eye.contains("04/11/2026") && eye.contains("15:00:00") && eye.contains("00:01:01"), "{eye}");
        let note = fs::read_to_string(newest(&case)).unwrap();
        let flat = told("pdftotext", &["-raw"], &file);
        for line in note.lines().chain([key.as_str(), "ecluse register verify"]).filter(|line| !line.is_empty()) {
            assert!(flat.replace(['\n', ' '], "").contains(&line.replace(' ', "")), "{line}: {flat}");
        }
        let short = ecluse::web::pages::short_id(&ticket());
        assert!(flat.contains(&short), "{short}: {flat}");
        // What is printed is enough to hold the register against: no blank line survives such a copy.
        let copied = case.beside("copied.txt");
        fs::write(&copied, &flat).unwrap();
        let arguments: [&OsStr; 6] = [
            "--config".as_ref(),
            config.as_ref(),
            "--key".as_ref(),
            key.as_ref(),
            "--checkpoint".as_ref(),
            copied.as_ref(),
        ];
        let findings = Findings::of(&arguments);
        assert_eq!((findings.code, &findings.json["held_against"][0]["size"]), (0, &72.into()), "{findings:?}");
    }
}

fn newest(case: &Case) -> std::path::PathBuf {
    let mut notes: Vec<_> =
        fs::read_dir(case.dir().join("checkpoints")).unwrap().map(|note| note.unwrap().path()).collect();
    notes.sort();
    notes.pop().unwrap()
}

#[test]
fn a4_5_tables_and_lines_are_those_of_the_pages() {
    let (case, _, _) = case();
    let (code, lines, stderr) = export(&case, None, &["--format", "jsonl", "--until", "2026-11-04"]);
    assert_eq!(code, 0, "{stderr}");
    let extract = case.beside("extract.jsonl");
    fs::write(&extract, &lines).unwrap();
    let findings = Findings::of_copy(&extract);
    assert_eq!((findings.code, findings.json["withheld"].as_u64().unwrap()), (0, case.lines().len() as u64 - 4));

    let (_, table, _) = export(&case, None, &["--format", "csv", "--kind", "decision"]);
    let table = String::from_utf8(table).unwrap();
    assert!(table.starts_with("\u{feff}N°;"), "{table}");
    assert_eq!(table.lines().count(), 3, "{table}");
    let (_, list, _) = export(&case, None, &["--format", "transmissions-csv"]);
    let list = String::from_utf8(list).unwrap();
    assert!(list.contains(";00:01:01;61;CSU;1 rue de l'Arcade;"), "{list}");
    assert_eq!(list.lines().count(), 2, "{list}");
    let (_, none, _) = export(&case, None, &["--format", "transmissions-csv", "--since", "2026-12-01"]);
    assert_eq!(String::from_utf8(none).unwrap().lines().count(), 1);

    let (code, _, stderr) = export(&case, None, &["--format", "csv", "--kind", "everything"]);
    assert!(code == 2 && stderr.contains("decision, images"), "{stderr}");
}

#[test]
fn fault_12_what_is_taken_out_of_a_damaged_register_ends_before_the_damage_and_says_so() {
    let (case, config, _) = case();
    let mut lines = case.lines();
    lines[6] = lines[6].replacen("1.0.6", "1.0.9", 1);
    case.write(&lines);
    let (code, table, stderr) = export(&case, Some(&config), &["--format", "csv"]);
    assert!(code == 1 && stderr.contains("entry 6 "), "{code} {stderr}");
    assert_eq!(String::from_utf8(table).unwrap().lines().count(), 7);
    let file = case.beside("damaged.pdf");
    let (code, _, _) = export(&case, Some(&config), &["--format", "pdf", "-o", file.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(flowing(&told("pdftotext", &[], &file)).contains("ne peut pas être vérifié"));
}

#[test]
fn an_ending_is_told_with_its_words() {
    let case = Case::new();
    let file = case.beside("words.pdf");
    let (code, _, _) = export(&case, None, &["--format", "pdf", "-o", file.to_str().unwrap()]);
    assert_eq!(code, 0);
    let known = CloseCause::InterruptedByLandlord { why: "fin".to_owned() };
    let words = ecluse::web::pages::ending(Default::default(), &known);
    let text = flowing(&told("pdfinfo", &["-struct-text"], &file).replace('"', " "));
    assert!(text.contains(words.split(" · ").next().unwrap()), "{words}: {text}");
}
