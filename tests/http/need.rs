//! "Toujours nécessaire ?" over HTTP: on the page of the images, for programs, and to whom it is asked.

use crate::rig::{OFFER, Rig, until};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a3_5_the_agent_is_asked_on_the_page_of_the_images_and_answers_there() {
    let rig = Rig::start().await;
    let ticket = rig.opened().await;
    let agent = rig.log_in("agent").await;
    let path = format!("/api/v1/tickets/{ticket}");
    let watch = format!("/tickets/{ticket}/watch");
    agent.act(ticket, "confirm-need", "").await.is(StatusCode::CONFLICT, "nothing-asked");
    assert!(!agent.get(&watch).await.text().contains("id=\"question\""));
    rig.clock.advance(Duration::from_secs(30 * 60));
    let asked = || {
        rig.control.read(|state| {
            let open = &state.tickets[&ticket].state;
            matches!(open, ecluse::domain::TicketState::Open { need: ecluse::domain::Need::Asked { .. }, .. })
        })
    };
    until("the question", asked).await;
    // Half an hour without a request has ended the log-ins.
    let (agent, chief) = (rig.log_in("agent").await, rig.log_in("chief").await);
    let model = agent.get(&path).await.json();
    assert_eq!(model["deeds"], json!(["watch", "confirm-need", "end"]));
    assert!(model["answer_by_utc"].is_string());
    assert_eq!(chief.get(&path).await.json()["deeds"], json!(["watch"]));
    assert!(agent.get(&watch).await.text().contains("id=\"question\""));
    assert!(!chief.get(&watch).await.text().contains("id=\"question\""));
    agent.act(ticket, "confirm-need", "").await.is(StatusCode::CONFLICT, "not-watching");
    let joined = agent.offer(&format!("/whep/tickets/{ticket}"), OFFER).await;
    assert_eq!(joined.status, StatusCode::CREATED, "{}", joined.text());
    let fields = [("csrf", agent.csrf.as_str())];
    let answered = agent.form(&format!("/tickets/{ticket}/confirm-need"), &fields).await;
    assert_eq!((answered.status, answered.header("location")), (StatusCode::SEE_OTHER, watch.as_str()));
    assert!(!asked());
    rig.stop().await;
}
