//! schemathesis reads `web/openapi.yaml` and asks the running server everything it allows, and much that it forbids, as
//! nobody and as each role: no answer may be a server error, and every answer must be one the document describes.
//!
//! `ECLUSE_CAMPAIGN=N` makes up N requests of each kind instead of a few.

use crate::rig::{Browser, CAST, OFFER, PATIENCE, Rig, Wishes, email, standing_for};
use crate::workstations::browser_on;
use chrono::TimeDelta;
use ecluse::clock::Clock;
use ecluse::domain::{Action, Actor, Command, PersonId, Role};
use ecluse::mail::{Encryption, MailSettings};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Requests made up for each operation and role, in an ordinary run; and in the longest, since the variable is one for all
/// campaigns, and a thousand of each would take days.
const EXAMPLES: u64 = 5;
const MOST: u64 = 200;
const SEED: u64 = 20_261_125;
/// Only a log-out ends a log-in, and with it the run: its answers are judged with every other test's.
const LEFT_OUT: [&str; 1] = ["logout"];
/// The roles of an ordinary run: between them they reach every operation. A campaign asks as everybody.
const ORDINARY: [Role; 4] = [Role::Operator, Role::Decider, Role::Guard, Role::Administrator];

/// How a run was answered.
#[derive(Default, serde::Deserialize)]
struct Tally {
    /// How often each status came, by operation.
    answers: BTreeMap<String, BTreeMap<String, u64>>,
    fair: Fair,
}

/// Requests that kept to the document and were for the asker's role, and how many of them succeeded: the rest met a ticket
/// that is over, a camera that is not there, another's.
#[derive(Default, serde::Deserialize)]
struct Fair {
    asked: u64,
    well: u64,
}

/// Who asks, and with what in hand.
struct Asker {
    name: &'static str,
    browser: Browser,
    /// The session's cookie, as it is sent.
    cookie: Option<String>,
    machine: Option<(PathBuf, PathBuf)>,
}

impl Asker {
    /// Somebody who stands for a role, logged in; the police on a workstation of their service.
    async fn logged_in(rig: &Rig, role: Role) -> Self {
        let name = standing_for(role);
        let (mut browser, machine) = match role.is_police() {
            true => {
                let (browser, files) = browser_on(rig, &format!("poste-{name}"), Some("csu")).await;
                (browser, Some(files))
            }
            false => (rig.anonymous(), None),
        };
        let answer = browser.post("/api/v1/login", rig.credentials(name)).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text());
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        browser.csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
        Self { name, browser, cookie: Some(cookie), machine }
    }

    /// Has schemathesis ask as this person; what it found wrong, and how it was answered.
    async fn run(&self, rig: &Rig, directory: &Path, examples: u64) -> (Option<String>, Tally) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = root.join(".venv-schemathesis/bin/schemathesis");
        assert!(
            program.exists(),
            "schemathesis is not installed; make it with: python3 -m venv .venv-schemathesis && \
             .venv-schemathesis/bin/pip install -r tests/python/requirements-schemathesis.txt"
        );
        let (told, tally) =
            (directory.join(format!("{}.known.json", self.name)), directory.join(format!("{}.json", self.name)));
        std::fs::write(&told, known(rig, self.name).to_string()).unwrap();
        let mut command = tokio::process::Command::new(program);
        command.current_dir(directory).kill_on_drop(true);
        command.env("SCHEMATHESIS_HOOKS", root.join("tests/python/schemathesis_hooks.py"));
        command.env("ECLUSE_KNOWN", &told).env("ECLUSE_TALLY", &tally).env("NO_COLOR", "1");
        command.arg("--config-file").arg(root.join("tests/python/schemathesis.toml")).arg("run");
        command.arg(root.join("web/openapi.yaml")).args(["--url", &rig.base()]);
        command.arg("--tls-verify").arg(rig.authority.certificate_path());
        command.args(["--seed", &SEED.to_string(), "--max-examples", &examples.to_string()]);
        // Going through every corner of every parameter takes minutes: that is for campaigns.
        command.args(["--phases", if examples > EXAMPLES { "examples,coverage,fuzzing" } else { "examples,fuzzing" }]);
        for operation in LEFT_OUT {
            command.args(["--exclude-operation-id", operation]);
        }
        if let Some(cookie) = &self.cookie {
            command.args(["--header", &format!("Cookie: {cookie}")]);
            command.args(["--header", &format!("X-CSRF-Token: {}", self.browser.csrf)]);
        }
        if let Some((certificate, key)) = &self.machine {
            command.arg("--request-cert").arg(certificate).arg("--request-cert-key").arg(key);
        }
        let patience = PATIENCE * u32::try_from(examples).unwrap();
        let ended = tokio::time::timeout(patience, command.output()).await.expect("schemathesis ends").unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        let tally = std::fs::read(&tally).unwrap_or_else(|error| panic!("{}: {error}\n{said}", self.name));
        let found = (!ended.status.success()).then(|| format!("as {}:\n{said}", self.name));
        (found, serde_json::from_slice(&tally).unwrap())
    }
}

/// Identifiers that are there, and bodies that make sense, for somebody.
fn known(rig: &Rig, name: &str) -> Value {
    fn texts<'a, T: ToString + 'a>(ids: impl Iterator<Item = &'a T>) -> Vec<String> {
        ids.map(T::to_string).collect()
    }
    let (tickets, sessions, alerts, mails) = rig.control.read(|state| {
        let (tickets, sessions) = (texts(state.tickets.keys()), texts(state.sessions.keys()));
        (tickets, sessions, texts(state.alerts.keys()), texts(state.mails.keys()))
    });
    let (holds, requests) =
        rig.control.read(|state| (texts(state.custody.holds.keys()), texts(state.custody.requests.keys())));
    let changes: Vec<u64> = rig.control.read(|state| state.proposals.keys().copied().collect());
    json!({
        "seed": SEED,
        "role": CAST.iter().find(|(known, _, _)| *known == name).map(|(_, role, _)| role.as_str()),
        "ids": {
            "ticket": tickets, "session": sessions, "alert": alerts, "change": changes, "mail": mails,
            "site": SITES, "camera": ["hall"], "person": ["colleague", "guard"], "seq": [0, 1, 5],
            "before": [20], "since": ["2026-01-01"], "until": ["2999-01-01"], "kind": ["decision", "people"],
            "hold": holds, "request": requests, "limit": [10], "skip": [0],
            "export": ["01900000-0000-7000-8000-000000000000"],
        },
        "bodies": {
            "fileTicket": SITES.map(|site| {
                json!({ "site": site, "reasons": ["vols"], "duration_minutes": 120, "email": email(name) })
            }),
            "openViewing": [{
                "cameras": ["hall"], "from_utc": rig.clock.utc() - TimeDelta::hours(1), "until_utc": rig.clock.utc(),
            }],
            "whepTransfer": [OFFER],
            "whepViewing": [OFFER],
            "raiseAlert": [{ "site": "arcade", "reasons": ["vols"], "what": "une porte forcée" }],
            "placeHold": [{ "site": "arcade", "cameras": ["hall"], "from_utc": "2026-01-05T09:00:00Z",
                "until_utc": "2026-01-05T10:00:00Z", "authority": "Tribunal", "reference": "PV 1", "date": "2026-01-06",
                "document_sha256": "ab".repeat(32) }],
            "releaseHold": [{ "why": "classement" }],
            "setRetention": [{ "days": 14 }],
            "fileAccessRequest": [{ "person": "quelqu'un", "site": "arcade", "cameras": ["hall"],
                "from_utc": "2026-01-05T09:00:00Z", "until_utc": "2026-01-05T10:00:00Z", "received_on": "2026-01-06" }],
            "answerAccessRequest": [{ "answer": "refused", "reason": "third-party-privacy" }],
            "setPolicy": [{ "day_cap_minutes": 1440, "week_cap_minutes": 10_080, "cooling_off_minutes": 0 }],
            // Confirmed, these would end the administrator's own run.
            "settleChange": [{ "confirm": false }],
            // A log-in ends the one the browser had before: only whoever has none succeeds in one.
            "login": if name == "nobody" { vec![rig.credentials("foreigner"), rig.credentials("elsewhere")] } else { vec![] },
            "fileRecord": [
                { "record": "avenant", "reference": "Avenant 7", "signed_on": "2026-02-01", "subject": "player",
                  "summary": "un autre lecteur" },
                { "record": "attestation-lapsed", "camera": "bikes", "alteration": "position" },
            ],
        },
    })
}

/// Sites of the cast, one ticket at a time each.
const SITES: [&str; 6] = ["arcade", "bloc-1", "bloc-2", "bloc-3", "bloc-4", "bloc-5"];

/// Something of everything to ask for: at each site a ticket that waits or is open, older ones that are over, changes of
/// rights that wait for a second person, mails that nobody takes.
async fn furnish(rig: &Rig, agent: &Browser) {
    let decider = rig.log_in("decider").await;
    // Two sites stay free, for requests to come.
    for (index, site) in SITES.into_iter().enumerate().skip(2) {
        let request = json!({ "site": site, "reasons": ["vols"], "duration_minutes": 120, "email": email("agent") });
        let filed = agent.post("/api/v1/tickets", request).await;
        // The last run has left a live one, or has shut the site by what it filed in its dossier.
        if filed.status != StatusCode::CREATED || index % 2 == 0 {
            continue;
        }
        let ticket = filed.json()["id"].as_str().unwrap().to_owned();
        let approved = decider.post(&format!("/api/v1/tickets/{ticket}/approve"), json!({})).await;
        assert_eq!(approved.status, StatusCode::OK, "{}", approved.text());
    }
    let administrator: PersonId = "administrator".parse().unwrap();
    for _ in 0..4 {
        let action = Action::Strike(administrator.clone());
        rig.control.execute(Command { actor: Actor::Person(administrator.clone()), action }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_keeps_every_promise_of_the_document_whatever_it_is_asked() {
    let examples = std::env::var("ECLUSE_CAMPAIGN")
        .map_or(EXAMPLES, |text| text.parse::<u64>().expect("a whole number").min(MOST));
    let nobody_listens = MailSettings {
        from: "Écluse <ecluse@example.org>".parse().unwrap(),
        host: "localhost".to_owned(),
        port: 9,
        encryption: Encryption::None,
        credentials: None,
        ca_pem: None,
        hello_name: "ecluse.example.org".to_owned(),
        connect_timeout: PATIENCE,
        send_timeout: PATIENCE,
    };
    let wishes = Wishes { workstation_ca: true, mail: Some(nobody_listens), recorder: true, ..Wishes::default() };
    let rig = Rig::start_with(wishes).await;
    let directory = tempfile::tempdir().unwrap();
    let mut askers = vec![Asker { name: "nobody", browser: rig.anonymous(), cookie: None, machine: None }];
    let roles = if examples > EXAMPLES { &Role::ALL[..] } else { &ORDINARY };
    for role in roles {
        askers.push(Asker::logged_in(&rig, *role).await);
    }
    for site in &SITES[1..] {
        rig.declare_one_more(site).await;
    }

    let (mut total, mut found) = (Tally::default(), Vec::new());
    for asker in &askers {
        furnish(&rig, &askers[1].browser).await;
        let began = std::time::Instant::now();
        let (faults, tally) = asker.run(&rig, directory.path(), examples).await;
        // At once: a campaign takes its time.
        faults.iter().for_each(|faults| println!("{faults}"));
        found.extend(faults.map(|_| asker.name));
        let asked: u64 = tally.answers.values().flat_map(BTreeMap::values).sum();
        let Fair { asked: fair, well } = tally.fair;
        println!("{}: {asked} asked in {} s; {well} of {fair} fair ones 2xx", asker.name, began.elapsed().as_secs());
        for (operation, statuses) in tally.answers {
            for (status, count) in statuses {
                *total.answers.entry(operation.clone()).or_default().entry(status).or_default() += count;
            }
        }
        total.fair.asked += fair;
        total.fair.well += well;
        if asker.cookie.is_some() {
            let me = asker.browser.get("/api/v1/me").await;
            assert_eq!(me.status, StatusCode::OK, "{}: the run ended its own log-in: {}", asker.name, me.text());
        }
    }
    for (operation, statuses) in &total.answers {
        println!("{operation}: {statuses:?}");
    }
    let never = total.answers.iter().filter(|(_, statuses)| !statuses.keys().any(|status| status.starts_with('2')));
    println!("never 2xx: {:?}", never.map(|(operation, _)| operation).collect::<Vec<_>>());
    println!("{} of {} fair requests were answered 2xx", total.fair.well, total.fair.asked);
    assert!(found.is_empty(), "as {found:?} faults were found; they are told above");
    // Else the run would tell of nothing but first refusals.
    assert!(total.fair.well * 2 > total.fair.asked, "{} of {}", total.fair.well, total.fair.asked);
    rig.recorder.as_ref().unwrap().shutdown().await;
    rig.stop().await;
}
