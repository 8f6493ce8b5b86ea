//! Every route of the table, asked by everybody: nobody, and each role. And what must not be there at all.

use crate::rig::{Answer, Browser, Rig, standing_for};
use ecluse::domain::Role;
use ecluse::web::routes::{Carries, Kind, Name, Route, TABLE};
use reqwest::{Method, StatusCode};

/// No such ticket, no such session: a request that is let in does no harm.
const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";

fn path_of(route: &Route) -> String {
    route
        .path
        .replace("{ticket}", NOBODYS)
        .replace("{session}", NOBODYS)
        .replace("{mail}", "0-nobody")
        .replace("{file*}", "nothing.css")
        .replace("{site}", "nowhere")
        .replace("{change}", "4000000000")
        .replace("{alert}", NOBODYS)
        .replace("{seq}", "0")
        .replace("{person}", "nobody")
        .replace("{token}", "nothing")
        .replace("{passkey}", "nothing")
}

/// A request that has everything but, perhaps, the right to be made. The stream of events is asked for and left.
pub async fn ask(browser: &Browser, route: &Route) -> Answer {
    let request = browser.request(route.method.clone(), &path_of(route));
    let request = match route.carries {
        Carries::Nothing => request,
        Carries::Form => request.form(&[("csrf", browser.csrf.as_str()), ("language", "fr")]),
        Carries::Json if route.name == Name::ApiLogin => {
            request.json(&serde_json::json!({ "email": "nobody@example.org", "password": "wrong" }))
        }
        Carries::Json => request.json(&serde_json::json!({})),
        Carries::Offer => request.header("content-type", "application/sdp").body("not an offer"),
        Carries::Fragment => request.header("content-type", "application/trickle-ice-sdpfrag").body("a=x"),
    };
    if route.name == Name::Events {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = if status == StatusCode::OK { Vec::new() } else { response.bytes().await.unwrap().to_vec() };
        return Answer { status, headers, body };
    }
    browser.send(request).await
}

/// Whether the table let the request in: then anything may come but the table's own refusals.
fn let_in(route: &Route, answer: &Answer) -> bool {
    match route.kind {
        Kind::Api if answer.status.is_client_error() => {
            !["not-logged-in", "session-expired", "not-your-role"].contains(&answer.code().as_str())
        }
        Kind::Page if answer.status == StatusCode::SEE_OTHER => !answer.header("location").starts_with("/login"),
        _ => answer.status != StatusCode::FORBIDDEN,
    }
}

async fn walk(rig: &Rig, role: Option<Role>) {
    let name = role.map(standing_for);
    for route in &TABLE {
        // Each log-out needs a log-in of its own.
        let logs_out = matches!(route.name, Name::Logout | Name::ApiLogout);
        let browser = match name {
            Some(name) if logs_out => rig.log_in(name).await,
            Some(name) => {
                static BROWSERS: std::sync::LazyLock<tokio::sync::Mutex<Vec<(String, Browser)>>> =
                    std::sync::LazyLock::new(Default::default);
                let mut known = BROWSERS.lock().await;
                let key = format!("{} {name}", rig.base());
                match known.iter().find(|(other, _)| *other == key) {
                    Some((_, browser)) => browser.clone(),
                    None => {
                        let browser = rig.log_in(name).await;
                        known.push((key, browser.clone()));
                        browser
                    }
                }
            }
            None => rig.anonymous(),
        };
        let place = format!("{} {} as {role:?}", route.method, route.path);
        let answer = ask(&browser, route).await;
        let admitted = route.who.admits(role);
        // Log-in and language forms are open to all, but not without a proof that anonymous programs lack.
        let forms = [Name::Login, Name::SecondFactor, Name::InvitationAccept, Name::Language];
        let proofless = role.is_none() && forms.contains(&route.name);
        if proofless {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place}");
        } else if logs_out && admitted {
            assert!(answer.status.is_success() || answer.status == StatusCode::SEE_OTHER, "{place}: {}", answer.status);
        } else {
            assert_eq!(let_in(route, &answer), admitted, "{place}: {} {}", answer.status, answer.text());
        }
        if !admitted {
            let expected = match (role, route.kind) {
                (Some(_), _) => StatusCode::FORBIDDEN,
                (None, Kind::Api) => StatusCode::UNAUTHORIZED,
                (None, Kind::Page) => StatusCode::SEE_OTHER,
            };
            assert_eq!(answer.status, expected, "{place}");
        }
        assert!(!answer.status.is_server_error(), "{place}: {} {}", answer.status, answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_3_a4_1_a5_6_a5_7_a6_7_every_route_for_every_role() {
    let rig = Rig::start().await;
    walk(&rig, None).await;
    for role in Role::ALL {
        walk(&rig, Some(role)).await;
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_3_the_police_reach_no_recording_seek_playback_or_download() {
    let rig = Rig::start().await;
    let ticket = rig.opened().await;
    let below = [
        "recording",
        "recordings",
        "archive",
        "playback",
        "play",
        "replay",
        "seek",
        "rewind",
        "download",
        "export",
        "snapshot",
        "still",
        "thumbnail",
        "clip",
        "index.m3u8",
        "hls",
        "dash",
        "segments",
        "video.mp4",
        "timeline",
    ];
    let above = ["", "/api/v1", "/whep", "/sites/arcade", "/cameras/hall", "/api/v1/cameras/hall", "/static"];
    for name in ["agent", "chief"] {
        let browser = rig.log_in(name).await;
        for word in below {
            let mut paths: Vec<String> = above.iter().map(|above| format!("{above}/{word}")).collect();
            for under in ["/tickets", "/api/v1/tickets", "/whep/tickets"] {
                paths.push(format!("{under}/{ticket}/{word}"));
                paths.push(format!("{under}/{ticket}/cameras/hall/{word}"));
            }
            for path in paths {
                for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                    let status = browser.send(browser.request(method.clone(), &path)).await.status;
                    let nothing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
                    assert!(nothing.contains(&status), "{method} {path} as {name}: {status}");
                }
            }
        }
        // Nor by asking a route that is there for another time.
        for query in ["from=2026-01-01T00:00:00Z", "t=0", "start=0&duration=60", "range=0-"] {
            let answer = browser.get(&format!("/api/v1/tickets/{ticket}/cameras?{query}")).await;
            assert_eq!(answer.json(), browser.get(&format!("/api/v1/tickets/{ticket}/cameras")).await.json());
        }
        for route in ["/api/v1/register", "/api/v1/cameras", "/register", "/sites"] {
            assert_eq!(browser.get(route).await.status, StatusCode::FORBIDDEN, "{route}");
        }
    }
    rig.stop().await;
}
