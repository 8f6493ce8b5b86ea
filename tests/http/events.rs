//! Server-sent events: what each person hears of, and what never reaches them.

use crate::rig::{Browser, PATIENCE, Rig};
use ecluse::media::hub::PublisherInfo;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// An open stream, read event by event.
struct Ear {
    response: Response,
    text: String,
}

impl Ear {
    async fn open(browser: &Browser) -> Ear {
        let response = browser.request(Method::GET, "/events").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ear { response, text: String::new() }
    }

    /// The next event with its data; heartbeats are skipped.
    async fn next(&mut self) -> (String, Value) {
        loop {
            let heard = self.any().await;
            if heard.0 != "heartbeat" {
                return heard;
            }
        }
    }

    /// The next event of any kind, with its data.
    async fn any(&mut self) -> (String, Value) {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let found = field("event:").zip(field("data:"));
                self.text = rest.to_owned();
                match found {
                    Some((event, data)) => return (event, serde_json::from_str(&data).unwrap()),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            self.text.push_str(&String::from_utf8_lossy(&chunk.unwrap().expect("the stream goes on")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_6_a5_7_each_hears_of_their_own_tickets_alone() {
    let rig = Rig::start().await;
    let mut ears = Vec::new();
    for name in ["agent", "chief", "decider", "administrator"] {
        ears.push((name, Ear::open(&rig.log_in(name).await).await));
    }
    let mut foreign = Ear::open(&rig.log_in("foreigner").await).await;
    let mut elsewhere = Ear::open(&rig.log_in("elsewhere").await).await;
    let mut colleague = Ear::open(&rig.log_in("colleague").await).await;

    let ticket = rig.opened().await;
    for (name, ear) in &mut ears {
        for status in ["requested", "open"] {
            let expected = ("ticket-changed".to_owned(), json!({ "ticket": ticket, "status": status }));
            assert_eq!(ear.next().await, expected, "{name}");
        }
    }
    // The others hear first of what is theirs, though it came later.
    rig.log_in("agent").await.act(ticket, "end", "").await;
    let quai = rig.log_in("foreigner").await;
    let mut filing = crate::rig::filing("foreigner");
    filing["site"] = "quai".into();
    let other = quai.post("/api/v1/tickets", filing).await.json()["id"].clone();
    let expected = ("ticket-changed".to_owned(), json!({ "ticket": other, "status": "requested" }));
    assert_eq!(foreign.next().await, expected);
    assert_eq!(elsewhere.next().await, expected);
    let own = rig.log_in("colleague").await.post("/api/v1/tickets", crate::rig::filing("colleague")).await;
    let expected = json!({ "ticket": own.json()["id"], "status": "requested" });
    assert_eq!(colleague.next().await, ("ticket-changed".to_owned(), expected));
    drop((ears, foreign, elsewhere, colleague));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_15_a_camera_that_comes_and_goes_is_told_to_its_own() {
    let rig = Rig::start().await;
    let mut guard = Ear::open(&rig.log_in("guard").await).await;
    let mut elsewhere = Ear::open(&rig.log_in("elsewhere").await).await;
    let publisher = PublisherInfo {
        address: "127.0.0.1:9".parse().unwrap(),
        since_utc: chrono::Utc::now(),
        agent: None,
        tls: None,
        audio_dropped: false,
    };
    let publication = rig.hub.stream(&"hall".parse().unwrap()).publish(publisher.clone()).unwrap();
    let said = |online: bool| json!({ "site": "arcade", "camera": "hall", "online": online });
    assert_eq!(guard.next().await, ("camera-changed".to_owned(), said(true)));
    drop(publication);
    assert_eq!(guard.next().await, ("camera-changed".to_owned(), said(false)));
    let _publication = rig.hub.stream(&"quai-hall".parse().unwrap()).publish(publisher).unwrap();
    let expected = json!({ "site": "quai", "camera": "quai-hall", "online": true });
    assert_eq!(elsewhere.next().await, ("camera-changed".to_owned(), expected));
    drop((guard, elsewhere));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_8_a_stream_ends_with_its_log_in() {
    let rig = Rig::start().await;
    let (agent, chief) = (rig.log_in("agent").await, rig.log_in("chief").await);
    let (mut first, mut second) = (Ear::open(&agent).await, Ear::open(&chief).await);
    agent.post("/api/v1/logout", json!({})).await;
    rig.strike("chief").await;
    let ended = ("bye".to_owned(), json!({ "reason": "session-ended" }));
    assert_eq!(first.next().await, ended);
    assert_eq!(second.next().await, ended);
    let mut idle = Ear::open(&rig.log_in("guard").await).await;
    rig.clock.advance(Duration::from_secs(31 * 60));
    assert_eq!(idle.next().await, ended, "an open stream is no use");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_tells_a_quiet_line_from_a_dead_one() {
    let rig = Rig::start().await;
    let mut ear = Ear::open(&rig.log_in("guard").await).await;
    let beat = ("heartbeat".to_owned(), json!({ "every_s": 15 }));
    assert_eq!(ear.any().await, beat, "at once");
    // In real time: the stream's timers are the runtime's, not the rig's clock's.
    let began = std::time::Instant::now();
    assert_eq!(ear.any().await, beat, "and again, with no news in between");
    assert!(began.elapsed() > Duration::from_secs(10), "{:?}", began.elapsed());
    rig.stop().await;
}
