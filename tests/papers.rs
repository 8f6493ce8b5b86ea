//! What the papers say is so: every link leads somewhere, every path and every subcommand they name exists, both languages are
//! there, and the documented configuration is the whole configuration and loads.

use ecluse::config::{Config, Severity};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A paper: where it lies, seen from the root, and its text.
struct Paper {
    path: PathBuf,
    text: String,
}

fn papers() -> Vec<Paper> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    let names: BTreeSet<_> = found.iter().map(|paper| paper.path.to_str().unwrap()).collect();
    for expected in ["README.md", "CONTRIBUTING.md", "docs/install.md", "docs/design/README.md"] {
        assert!(names.contains(expected), "{expected} is not among {names:?}");
    }
    found
}

fn collect(directory: &Path, found: &mut Vec<Paper>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        let is_made = name.starts_with("target") || name.starts_with('.') || name == "node_modules";
        if is_made || entry.file_type().unwrap().is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if name.ends_with(".md") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push(Paper { path: path.strip_prefix(root()).unwrap().to_owned(), text });
        }
    }
}

/// The text without its code blocks.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    assert!(!is_code, "a code block is never closed");
    kept
}

/// What stands between `open` and `close`, each time.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split_once(close).map(|(inside, _)| inside))
}

/// The anchor a heading gets: lower case, blanks to hyphens, no punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    prose(text).lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// `path` from the paper's own directory, without `..`; `None` when it leaves the repository.
fn resolve(paper: &Path, path: &str) -> Option<PathBuf> {
    let mut resolved = paper.parent().unwrap().to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => resolved.push(name),
            Component::ParentDir if !resolved.pop() => return None,
            _ => {}
        }
    }
    Some(resolved)
}

#[test]
fn every_relative_link_leads_to_an_existing_place() {
    let (mut dead, mut count) = (Vec::new(), 0);
    for Paper { path, text } in papers() {
        for target in between(&prose(&text), "](", ")").filter(|target| !target.contains("://")) {
            count += 1;
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() { Some(path.clone()) } else { resolve(&path, file) };
            let Some(linked) = linked.filter(|linked| root().join(linked).exists()) else {
                dead.push(format!("{}: {target}", path.display()));
                continue;
            };
            let has_place = || anchors(&std::fs::read_to_string(root().join(&linked)).unwrap()).contains(place);
            if !place.is_empty() && !has_place() {
                dead.push(format!("{}: {target} (no such heading)", path.display()));
            }
        }
    }
    assert!(count > 50, "only {count} links were found: the reader of papers is broken");
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// Also where a picture is named without a link, and by other texts than papers.
#[test]
fn every_picture_that_is_named_exists() {
    let mut missing = BTreeSet::new();
    for Paper { path, text } in papers() {
        for name in text.split("docs/pictures/").skip(1) {
            let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
            if name.contains('.') && !root().join("docs/pictures").join(name.trim_end_matches('.')).exists() {
                missing.insert(format!("{}: docs/pictures/{name}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "missing pictures (scripts make them from the running demo):\n{missing:#?}");
}

/// Papers name files in backticks: a file that moves takes its papers along.
#[test]
fn every_path_in_backticks_exists() {
    const ROOMS: [&str; 9] =
        ["src/", "tests/", "benches/", "scripts/", "config/", "docs/", "web/", "pipelines/", ".ci/"];
    let (mut dead, mut count) = (BTreeSet::new(), 0);
    for Paper { path, text } in papers() {
        let text = prose(&text);
        let quoted = text.split('`').skip(1).step_by(2);
        let paths = quoted.filter_map(|code| code.split_whitespace().next()).filter(|word| {
            ROOMS.iter().any(|room| word.starts_with(room)) && !word.contains(['*', '$', '…', '{', '<', '('])
        });
        for named in paths {
            count += 1;
            if !root().join(named.trim_end_matches([',', ':', ';', '/'])).exists() {
                dead.insert(format!("{}: {named}", path.display()));
            }
        }
    }
    assert!(count > 50, "only {count} paths were found: the reader of papers is broken");
    assert!(dead.is_empty(), "paths that do not exist:\n{dead:#?}");
}

#[test]
fn every_subcommand_that_is_named_exists() {
    let mut named = BTreeSet::new();
    for Paper { path, text } in papers() {
        // At the beginning of code or of a command line: prose about the program is none.
        for place in ["`ecluse ", "\necluse ", "  ecluse "] {
            for rest in text.split(place).skip(1) {
                let word: String = rest.chars().take_while(|c| c.is_ascii_lowercase()).collect();
                if !word.is_empty() {
                    named.insert((word, path.clone()));
                }
            }
        }
    }
    assert!(named.iter().any(|(word, _)| word == "check"), "{named:?}");
    let exists = |word: &str| {
        let mut help = Command::new(env!("CARGO_BIN_EXE_ecluse"));
        help.args([word, "--help"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        help.status().unwrap().success()
    };
    let unknown: Vec<_> = named.iter().filter(|(word, _)| !exists(word)).collect();
    assert!(unknown.is_empty(), "no such subcommand:\n{unknown:#?}");
}

/// French first, then English (README has a page for each).
#[test]
fn papers_for_people_are_in_both_languages() {
    let is_for_people = |path: &Path| {
        path.starts_with("docs/guide") || path == Path::new("docs/install.md") || path == Path::new("CONTRIBUTING.md")
    };
    for Paper { path, text } in papers().into_iter().filter(|paper| is_for_people(&paper.path)) {
        let invitation = text.find("*[English below](#english)*");
        let english = text.find("\n## English\n");
        assert!(invitation.is_some() && english > invitation, "{}: no English part", path.display());
    }
    assert!(root().join("README.en.md").exists());
}

fn example() -> String {
    std::fs::read_to_string(root().join("config/ecluse.toml")).unwrap()
}

/// The faults of a text that lies where the example lies.
fn faults_of(text: &str) -> Vec<String> {
    let (_, faults) = Config::parse(text, &root().join("config"));
    let errors = faults.into_iter().filter(|fault| fault.severity == Severity::Error);
    errors.map(|fault| format!("{}; expected: {}", fault.what, fault.expected)).collect()
}

#[test]
fn the_documented_configuration_loads_with_every_key_that_is_commented_out() {
    assert_eq!(faults_of(&example()), Vec::<String>::new());
    let is_key = |line: &str| {
        let name: String = line.chars().take_while(|c| c.is_ascii_lowercase() || "_0123456789".contains(*c)).collect();
        (!name.is_empty() && line[name.len()..].starts_with(" = ")) || (line.starts_with('[') && line.ends_with(']'))
    };
    let mut uncommented = 0;
    let lines = example()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(code) if is_key(code) => {
                uncommented += 1;
                code.to_owned()
            }
            _ => line.to_owned(),
        })
        .collect::<Vec<_>>();
    assert!(uncommented >= 6, "only {uncommented} optional keys are shown");
    let faults = faults_of(&lines.join("\n"));
    // Both ways for a camera to prove itself at once are one too many, as are both ways to the mail server and all three
    // to the master key, and the digest shown is shortened.
    let expected = [
        "has both a password and a certificate",
        "client_certificate_sha256 = \"AB:CD:...\"",
        "mail.allow_plain is set, and mail.smtp is smtps://",
        "[recorder] has master_key_file and master_key_credential and master_key_env",
    ];
    let others: Vec<_> = faults.iter().filter(|fault| !expected.iter().any(|words| fault.contains(words))).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
}

/// The reader itself says which keys it knows: each must be shown in the example.
#[test]
fn every_key_there_is_is_documented() {
    let text = example();
    let with_metrics = text.replace("# [metrics]\n# listen", "[metrics]\nlisten").replace("# [oidc]", "[oidc]");
    let with_metrics = with_metrics.replace("# [recorder.offsite]", "[recorder.offsite]");
    let sections = [
        "[server]",
        "[https]",
        "[auth]",
        "[oidc]",
        "[rtsp]",
        "[webrtc]",
        "[mail]",
        "[register]",
        "[recorder]",
        "[metrics]",
        "[log]",
        "[[service]]",
        "[[site]]",
    ];
    let inner = ["[site.convention]", "[[site.camera]]", "[recorder.offsite]"];
    let mut keys = 0;
    for section in sections.into_iter().chain(inner) {
        let faulty = with_metrics.replacen(&format!("{section}\n"), &format!("{section}\nnosuchkey = 1\n"), 1);
        let faults = faults_of(&faulty);
        let said = faults.iter().find_map(|fault| fault.strip_prefix("unknown key \"nosuchkey\" "));
        let known = said.and_then(|said| said.split_once("; expected: one of: ")).map(|(_, known)| known.to_owned());
        let known = known.unwrap_or_else(|| panic!("{section}: {faults:?}"));
        for key in known.split(", ") {
            keys += 1;
            let is_shown = text.lines().map(|line| line.trim_start_matches("# ")).any(|line| {
                line.starts_with(&format!("{key} = "))
                    || line.starts_with(&format!("[site.{key}]"))
                    || line.starts_with(&format!("[[site.{key}]]"))
                    || line.starts_with(&format!("[recorder.{key}]"))
            });
            assert!(is_shown, "{section} {key} is not in config/ecluse.toml");
        }
    }
    assert!(keys > 35, "only {keys} keys: the reader no longer says which it knows");
}

/// What is said about the convention's requirements is so: the commands exist, and the tests are those there are.
#[test]
fn traceability_is_what_the_tests_say() {
    let checked =
        Command::new("/usr/bin/python3").arg(root().join("scripts/traceability")).arg("--check").output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let text = std::fs::read_to_string(root().join("docs/traceability.toml")).unwrap();
    let commands: BTreeSet<&str> = between(&text, "\"ecluse ", "\"").collect();
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        let help = Command::new(env!("CARGO_BIN_EXE_ecluse")).args(command.split(' ')).arg("--help").output().unwrap();
        assert!(help.status.success(), "ecluse {command}: no such command");
    }
}
