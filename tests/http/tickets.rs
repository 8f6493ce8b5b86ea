//! The ticket's life over HTTP, and who hears of whose.

use crate::rig::{Rig, email, filing, until};
use ecluse::domain::TicketId;
use reqwest::StatusCode;
use serde_json::{Value, json};

fn faults(document: &Value) -> Vec<(String, String)> {
    let faults = document["faults"].as_array().unwrap();
    let text = |fault: &Value, key: &str| fault[key].as_str().unwrap().to_owned();
    faults.iter().map(|fault| (text(fault, "field"), text(fault, "code"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_4_a3_5_the_control_names_every_fault_at_once() {
    let rig = Rig::start().await;
    let agent = rig.log_in("agent").await;
    let wrong = json!({ "site": "versailles", "reasons": ["ennui"], "duration_minutes": 119, "email": "x@y.example" });
    let answer = agent.post("/api/v1/tickets", wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut named = faults(&answer.json());
    named.sort();
    let expected = [
        ("duration_minutes", "duration-out-of-range"),
        ("email", "email-mismatch"),
        ("reasons", "unknown-reason"),
        ("site", "unknown-site"),
    ];
    assert_eq!(named, expected.map(|(field, code)| (field.to_owned(), code.to_owned())));
    for minutes in [119, 721, -1, 0, i64::MAX] {
        let mut wrong = filing("agent");
        wrong["duration_minutes"] = minutes.into();
        let answer = agent.post("/api/v1/tickets", wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{minutes}");
        assert_eq!(answer.json()["faults"][0]["value"], minutes.to_string());
    }
    let mut longest = filing("agent");
    longest["duration_minutes"] = 720.into();
    assert_eq!(agent.post("/api/v1/tickets", longest).await.status, StatusCode::CREATED);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_3_a4_4_from_the_request_to_its_end() {
    let rig = Rig::start().await;
    let (agent, decider) = (rig.log_in("agent").await, rig.log_in("decider").await);
    let filed = agent.post("/api/v1/tickets", filing("agent")).await;
    let location = filed.header("location").to_owned();
    let ticket = filed.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(location, format!("/api/v1/tickets/{ticket}"));
    assert_eq!(filed.json()["deeds"], json!(["withdraw"]));

    let seen = decider.get(&location).await.json();
    assert_eq!(seen["requester"], json!({ "id": "agent", "name": "Prénom agent" }));
    assert_eq!(seen["deeds"], json!(["preview", "approve", "refuse"]));
    let approved = decider.act(ticket, "approve", "").await;
    assert_eq!(approved.status, StatusCode::OK);
    assert_eq!(approved.json()["entries"].as_array().unwrap().len(), 2, "approved and opened");
    // Fault 3: the second click finds it done.
    decider.act(ticket, "approve", "").await.is(StatusCode::CONFLICT, "already-approved");

    let open = agent.get(&location).await.json();
    assert_eq!((&open["status"], &open["deeds"]), (&json!("open"), &json!(["watch", "end"])));
    assert_eq!(open["decided_by"]["id"], "decider");
    agent.post("/api/v1/tickets", filing("agent")).await.is(StatusCode::CONFLICT, "ticket-live");
    assert_eq!(agent.act(ticket, "end", "").await.status, StatusCode::OK);
    let over = agent.get(&location).await.json();
    assert_eq!((&over["status"], &over["cause"]), (&json!("closed"), &json!("end-of-intervention")));
    assert_eq!((&over["flowed_ms"], &over["deeds"]), (&json!(0), &json!([])));
    agent.act(ticket, "end", "").await.is(StatusCode::GONE, "ticket-over");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_4_a_refusal_wins_even_when_it_comes_later() {
    let rig = Rig::start().await;
    let ticket = rig.opened().await;
    let deputy = rig.log_in("deputy").await;
    deputy.act(ticket, "refuse", "  ").await.is(StatusCode::UNPROCESSABLE_ENTITY, "no-reason-given");
    assert_eq!(deputy.act(ticket, "refuse", "vie privée d'un tiers").await.status, StatusCode::OK);
    let over = deputy.get(&format!("/api/v1/tickets/{ticket}")).await.json();
    assert_eq!((&over["cause"], &over["why"]), (&json!("refused-after-opening"), &json!("vie privée d'un tiers")));
    assert_eq!(over["ended_by"]["id"], "deputy");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_4_two_deciders_at_once_are_put_in_order() {
    let rig = Rig::start().await;
    let ticket = rig.requested().await;
    let (decider, deputy) = (rig.log_in("decider").await, rig.log_in("deputy").await);
    let (approved, refused) = tokio::join!(decider.act(ticket, "approve", ""), deputy.act(ticket, "refuse", "non"));
    assert_eq!(refused.status, StatusCode::OK, "{}", refused.text());
    assert!([StatusCode::OK, StatusCode::CONFLICT].contains(&approved.status));
    let status = decider.get(&format!("/api/v1/tickets/{ticket}")).await.json()["status"].clone();
    let expected = if approved.status == StatusCode::OK { "closed" } else { "refused" };
    assert_eq!(status, expected);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_6_a5_7_nobody_hears_of_tickets_that_are_not_theirs() {
    let rig = Rig::start().await;
    let ticket = rig.opened().await;
    let nothing = "01900000-0000-7000-8000-000000000000";
    for name in ["colleague", "foreigner", "elsewhere"] {
        let browser = rig.log_in(name).await;
        assert_eq!(browser.get("/api/v1/tickets").await.json()["tickets"], json!([]), "{name}");
        for rest in ["", "/cameras"] {
            let (theirs, none) = (
                browser.get(&format!("/api/v1/tickets/{ticket}{rest}")).await,
                browser.get(&format!("/api/v1/tickets/{nothing}{rest}")).await,
            );
            theirs.is(StatusCode::NOT_FOUND, "not-found");
            assert_eq!(theirs.body, none.body, "{name} {rest}");
        }
        let deeds: &[&str] = match name {
            "elsewhere" => &["approve", "refuse", "interrupt", "viewer-token"],
            _ => &["withdraw", "end", "viewer-token"],
        };
        for deed in deeds {
            let answer = browser.post(&format!("/api/v1/tickets/{ticket}/{deed}"), json!({})).await;
            answer.is(StatusCode::NOT_FOUND, "not-found");
        }
        for page in [format!("/tickets/{ticket}"), format!("/tickets/{ticket}/watch")] {
            let expected = if name == "elsewhere" && page.ends_with("watch") {
                StatusCode::FORBIDDEN
            } else {
                StatusCode::NOT_FOUND
            };
            assert_eq!(browser.get(&page).await.status, expected, "{name} {page}");
        }
    }
    let chief = rig.log_in("chief").await.get(&format!("/api/v1/tickets/{ticket}")).await.json();
    assert_eq!(chief["deeds"], json!(["watch"]));
    let guard = rig.log_in("guard").await.get(&format!("/api/v1/tickets/{ticket}")).await.json();
    assert_eq!(guard["deeds"], json!(["interrupt"]));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_4_landlord_guard_and_administrator_interrupt_with_a_reason() {
    let rig = Rig::start().await;
    for (name, cause) in [
        ("decider", "interrupted-by-landlord"),
        ("guard", "interrupted-by-landlord"),
        ("administrator", "cut-by-administrator"),
    ] {
        let ticket = rig.opened().await;
        let browser = rig.log_in(name).await;
        browser.act(ticket, "interrupt", "").await.is(StatusCode::UNPROCESSABLE_ENTITY, "no-reason-given");
        assert_eq!(browser.act(ticket, "interrupt", "fini").await.status, StatusCode::OK, "{name}");
        let over = rig.log_in("agent").await.get(&format!("/api/v1/tickets/{ticket}")).await.json();
        assert_eq!((&over["cause"], &over["ended_by"]["id"]), (&json!(cause), &json!(name)));
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_15_16_the_police_see_presence_and_age_of_pictures_while_the_ticket_is_open() {
    let rig = Rig::start().await;
    let (agent, decider) = (rig.log_in("agent").await, rig.log_in("decider").await);
    let ticket = agent.file().await;
    let path = format!("/api/v1/tickets/{ticket}/cameras");
    agent.get(&path).await.is(StatusCode::GONE, "nothing-to-watch");
    assert_eq!(decider.get(&path).await.json()["cameras"].as_array().unwrap().len(), 4);
    decider.act(ticket, "approve", "").await;
    let cameras = agent.get(&path).await.json()["cameras"].clone();
    assert_eq!(cameras[0], json!({ "id": "hall", "name": "Caméra hall", "online": false }), "nothing technical");
    agent.act(ticket, "end", "").await;
    agent.get(&path).await.is(StatusCode::GONE, "nothing-to-watch");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_i_am() {
    let rig = Rig::start().await;
    let me = rig.log_in("agent").await.get("/api/v1/me").await.json();
    assert_eq!((&me["person"], &me["role"], &me["service"]), (&json!("agent"), &json!("operator"), &json!("csu")));
    assert!(!me.to_string().contains(&email("agent")));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_tickets_come_page_by_page_from_the_table_made_of_the_register() {
    let rig = Rig::start().await;
    let agent = rig.log_in("agent").await;
    let mut filed = Vec::new();
    for _ in 0..4 {
        let ticket = agent.file().await;
        assert_eq!(agent.act(ticket, "withdraw", "").await.status, StatusCode::OK);
        filed.push(ticket);
    }
    filed.reverse();
    let next_seq = rig.control.read(|state| state.next_seq);
    let store = rig.store.clone();
    until("the table has caught up", move || {
        store.tickets().mark().unwrap().is_some_and(|mark| mark.next_seq == next_seq)
    })
    .await;
    let page = async |before: TicketId| {
        let found = agent.get(&format!("/api/v1/tickets?limit=2&before={before}")).await.json();
        let tickets = found["tickets"].as_array().unwrap().clone();
        assert!(tickets.iter().all(|ticket| ticket["status"] == "withdrawn"), "{tickets:?}");
        tickets.iter().map(|ticket| ticket["id"].as_str().unwrap().parse().unwrap()).collect::<Vec<TicketId>>()
    };
    assert_eq!(page(filed[0]).await, filed[1..3]);
    assert_eq!(page(filed[2]).await, filed[3..]);
    assert_eq!(page(filed[3]).await, []);
    // Nobody else's.
    let elsewhere = rig.log_in("elsewhere").await;
    let theirs = elsewhere.get(&format!("/api/v1/tickets?before={}", filed[0])).await.json();
    assert_eq!(theirs["tickets"], json!([]));
    agent.get("/api/v1/tickets?before=yesterday").await.is(StatusCode::NOT_FOUND, "not-found");
    let drawn = agent.get(&format!("/tickets?before={}", filed[0])).await;
    assert_eq!(drawn.status, StatusCode::OK);
    assert!(
        drawn.text().contains(&filed[1].to_string()) && !drawn.text().contains(&format!("/tickets/{}\"", filed[0]))
    );
    rig.stop().await;
}
