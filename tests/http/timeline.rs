//! The timeline of recordings: what happened at a site beside its images, and who has looked at them before (A4-4, A5-6).

use crate::rig::{Browser, OFFER, Rig, Wishes, until};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Europe::Paris;
use ecluse::clock::Clock;
use ecluse::domain::{State, TicketId, TicketState};
use reqwest::StatusCode;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// The day it is in Paris.
fn today(rig: &Rig) -> NaiveDate {
    rig.clock.utc().with_timezone(&Paris).date_naive()
}

async fn page(browser: &Browser, day: NaiveDate, more: &str) -> String {
    let answer = browser.get(&format!("/recordings/arcade?day={day}{more}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.text()
}

/// The rows of the table of events, whole: their word first.
fn rows(page: &str) -> Vec<&str> {
    page.split("<tr data-mark=\"").skip(1).map(|rest| rest.split("</tr>").next().unwrap()).collect()
}

fn words(page: &str) -> BTreeSet<&str> {
    rows(page).into_iter().map(|row| row.split('"').next().unwrap()).collect()
}

fn row<'a>(page: &'a str, word: &str) -> &'a str {
    rows(page).into_iter().find(|row| row.starts_with(&format!("{word}\""))).unwrap_or_else(|| panic!("{word}: {page}"))
}

async fn view(browser: &Browser, from: DateTime<Utc>) {
    let until_utc = from + TimeDelta::minutes(5);
    let wish = json!({ "cameras": ["hall"], "from_utc": iso(from), "until_utc": iso(until_utc) });
    let opened = browser.post("/api/v1/recordings/arcade/viewings", wish).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text());
}

/// Tears down the one live session there is, with this reason.
async fn cut_session(administrator: &Browser, why: &str) {
    let sessions = administrator.get("/api/v1/sessions").await.json()["sessions"].clone();
    let [session] = &sessions.as_array().unwrap()[..] else { panic!("{sessions}") };
    let cut = format!("/api/v1/sessions/{}/cut", session["id"].as_str().unwrap());
    assert_eq!(administrator.post(&cut, json!({ "why": why })).await.status, StatusCode::OK);
}

/// A ticket that a decider has approved.
async fn open(agent: &Browser, decider: &Browser) -> TicketId {
    let ticket = agent.file().await;
    assert_eq!(decider.act(ticket, "approve", "").await.status, StatusCode::OK);
    ticket
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_4_a5_6_the_timeline_tells_decisions_ends_viewings_and_exports() {
    let rig = Rig::start_with(Wishes { recorder: true, ..Wishes::default() }).await;
    let (agent, decider) = (rig.log_in("agent").await, rig.log_in("decider").await);
    let (deputy, administrator) = (rig.log_in("deputy").await, rig.log_in("administrator").await);
    let begun = today(&rig);

    let refused = agent.file().await;
    assert_eq!(decider.act(refused, "refuse", "vie privée").await.status, StatusCode::OK);
    let withdrawn = agent.file().await;
    assert_eq!(agent.act(withdrawn, "withdraw", "").await.status, StatusCode::OK);
    let ended = open(&agent, &decider).await;
    let watching = agent.offer(&format!("/whep/tickets/{ended}"), OFFER).await;
    assert_eq!(watching.status, StatusCode::CREATED, "{}", watching.text());
    cut_session(&administrator, "<b>filtre</b>").await;
    assert_eq!(agent.act(ended, "end", "").await.status, StatusCode::OK);
    let interrupted = open(&agent, &decider).await;
    assert_eq!(decider.act(interrupted, "interrupt", "plus nécessaire").await.status, StatusCode::OK);
    let cut = open(&agent, &decider).await;
    assert_eq!(administrator.act(cut, "interrupt", "<script>panne</script>").await.status, StatusCode::OK);
    let lapsed = agent.file().await;
    rig.clock.advance(Duration::from_secs(16 * 60));
    let has_lapsed = || rig.control.read(|state| matches!(state.tickets[&lapsed].state, TicketState::Lapsed { .. }));
    until("nobody answered", has_lapsed).await;
    let seen = rig.clock.utc() - TimeDelta::minutes(10);
    view(&decider, seen).await;
    let (from, until_utc) = (iso(seen), iso(seen + TimeDelta::minutes(2)));
    let fields = [
        ("csrf", deputy.csrf.as_str()),
        ("cameras", "hall"),
        ("cameras", "stairs"),
        ("from", &from),
        ("until", &until_utc),
        ("reference", "Réquisition 2026/118"),
    ];
    assert_eq!(deputy.form("/recordings/arcade/export", &fields).await.status, StatusCode::OK);

    // The day may have changed meanwhile.
    let days = BTreeSet::from([begun, today(&rig), seen.with_timezone(&Paris).date_naive()]);
    let mut text = String::new();
    for day in &days {
        text += &page(&decider, *day, "").await;
    }
    let told = words(&text);
    let decided = ["request", "approved", "refused", "withdrawn", "lapsed"];
    let done = ["session-cut", "ended", "interrupted", "cut", "viewed", "exported"];
    for word in decided.into_iter().chain(done) {
        assert!(told.contains(word), "{word}: {told:?}");
        // A shape of its own, and what it is in words.
        assert!(row(&text, word).contains("<path d=\""), "{word}");
    }
    let tells = |word: &str, wanted: &[&str]| {
        let row = row(&text, word);
        assert!(wanted.iter().all(|wanted| row.contains(wanted)), "{word}: {wanted:?}: {row}");
    };
    tells("refused", &["demande refusée", "Prénom decider", "vie privée", &refused.to_string()]);
    tells("lapsed", &["sans réponse", "Le système", &lapsed.to_string()]);
    tells("ended", &["Intervention terminée", "Prénom agent"]);
    tells("interrupted", &["Interrompu par le bailleur", "Prénom decider", "plus nécessaire"]);
    tells("cut", &["Coupé par l’administrateur", "Prénom administrator", "panne"]);
    // The ticket of the session that was cut ended otherwise, and later.
    tells(
        "session-cut",
        &["session en direct coupée", "Prénom administrator", "Prénom agent", "filtre", &ended.to_string()],
    );
    tells("viewed", &["enregistrements consultés", "Prénom decider", "Caméra hall"]);
    tells("exported", &["enregistrements exportés", "Prénom deputy", "Caméra hall, Caméra stairs", "2026/118"]);
    assert!(!text.contains("<script>panne") && !text.contains("<b>filtre"), "what people write stays text");
    assert!(!text.contains("style=\""), "the policy lets no inline style in");
    for line in ["decisions", "ends", "viewed", "exported", "seen"] {
        assert!(text.contains(&format!("data-row=\"{line}\"")), "{line}: {text}");
    }
    // The drawing of one camera alone tells of its own images.
    let mut stairs = String::new();
    for day in &days {
        stairs += &page(&decider, *day, "&camera=stairs").await;
    }
    assert_eq!(words(&stairs), told.into_iter().filter(|word| *word != "viewed").collect());

    who_looked_later(&rig, seen).await;
    rig.recorder.as_ref().unwrap().shutdown().await;
    rig.stop().await;
}

/// Two days later somebody looks at the same images: both days tell, and the register alone gives it back.
async fn who_looked_later(rig: &Rig, seen: DateTime<Utc>) {
    rig.clock.advance(Duration::from_secs(48 * 3_600));
    let deputy = rig.log_in("deputy").await;
    view(&deputy, seen).await;
    let (then, now) = (seen.with_timezone(&Paris).date_naive(), today(rig));
    let page_then = page(&deputy, then, "").await;
    let viewed = rows(&page_then).into_iter().filter(|row| row.starts_with("viewed\"")).collect::<Vec<_>>();
    assert_eq!(viewed.len(), 2, "{page_then}");
    assert!(viewed[0].contains("Prénom decider") && viewed[1].contains("Prénom deputy"), "{viewed:?}");
    let page_now = page(&deputy, now, "").await;
    assert_eq!(words(&page_now), BTreeSet::from(["viewed"]));
    assert!(!page_now.contains("data-row=\"seen\""), "none of this day's images");
    assert_eq!(words(&page(&deputy, now.pred_opt().unwrap(), "").await), BTreeSet::new());

    let entries = rig.control.entries(None, usize::MAX).unwrap();
    let mut rebuilt = State::default();
    entries.iter().for_each(|entry| rebuilt.apply(entry));
    let same = rig.control.read(|state| state.retrievals == rebuilt.retrievals);
    assert!(same, "a restart forgets none");
}
