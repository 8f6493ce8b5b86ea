//! `ecluse demo` as a program: one JSON object, log-ins that work, nothing secret where others can read it, a clean end.

use crate::person::Person;
use crate::program::{Demo, Program};
use crate::world::mode;
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_says_how_to_use_it_and_ends_cleanly() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("demo");
    let mut demo = Demo::start(&home);
    for key in ["https_url", "mails_url", "ca", "config", "data_dir", "spki_sha256", "site"] {
        assert!(demo.file[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {}", demo.file);
    }
    assert_eq!(demo.file["cameras"].as_array().unwrap().len(), 4);
    assert!(demo.url().starts_with("https://localhost:"));
    for person in demo.file["people"].as_array().unwrap().clone() {
        let somebody = Person::log_in(&demo, person["id"].as_str().unwrap()).await;
        assert_eq!(somebody.get("/api/v1/me").await.body["role"], person["role"]);
    }
    let mails = Person::log_in(&demo, "agent-1").await.get("/demo/mails").await;
    mails.is(StatusCode::OK);

    // The same for programs that come later, and for nobody else.
    let on_disk: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(home.join("demo.json")).unwrap()).unwrap();
    assert_eq!(on_disk, demo.file);
    assert_eq!(mode(&home), 0o700);
    assert_eq!(mode(&home.join("data")), 0o700);
    for name in ["demo.json", "pki/ca.key", "pki/server.key", "pki/camera-1.password", "data/register/log.jsonl"] {
        assert_eq!(mode(&home.join(name)), 0o600, "{name}");
    }

    demo.program.ends_well(libc::SIGINT, Duration::from_secs(10));
    let people = demo.file["people"].clone();
    let mut again = Demo::start(&home);
    assert_eq!(again.file["people"], people, "the same passwords as before");
    Person::log_in(&again, "titulaire-1").await;
    again.program.ends_well(libc::SIGINT, Duration::from_secs(10));
}

/// "Secrets never reach logs": not even at the most talkative level, not those of libraries either.
#[tokio::test(flavor = "multi_thread")]
async fn no_password_and_no_token_is_in_the_log_at_any_level() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let mut demo = Demo::when_up(Program::start(Demo::command(home).env("RUST_LOG", "trace")));
    let (agent, titulaire) = (Person::log_in(&demo, "agent-1").await, Person::log_in(&demo, "titulaire-1").await);
    let ticket = agent.try_file().await.unwrap().id();
    titulaire.act(&ticket, "approve", None).await.is(StatusCode::OK);
    let token = agent.post(&format!("/api/v1/tickets/{ticket}/viewer-token"), json!({})).await;
    token.is(StatusCode::CREATED);
    let typed = "a-password-typed-wrongly";
    let wrong = json!({ "email": agent.email, "password": typed });
    agent.post("/api/v1/login", wrong).await.is_problem(StatusCode::UNAUTHORIZED, "login-refused");
    demo.program.ends_well(libc::SIGINT, Duration::from_secs(10));

    let log = demo.program.stderr();
    assert!(log.contains("TRACE") && log.contains("DEBUG"), "this log says too little to prove anything:\n{log}");
    let mut secrets = demo.secrets();
    secrets.extend([typed.to_owned(), token.body["token"].as_str().unwrap().to_owned()]);
    for person in [&agent, &titulaire] {
        assert!(person.session.len() > 30 && person.csrf().len() == 64);
        secrets.extend([person.session.clone(), person.csrf().to_owned()]);
    }
    for secret in &secrets {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "a secret is in the log");
    }
    // Nor in the connection log, which the administrator reads.
    for file in std::fs::read_dir(home.join("data/connections")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())), "{text}");
    }
}
