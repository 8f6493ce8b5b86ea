//! Every route of the table, asked by everybody, nobody and each role, at every kind of machine. And what must not be
//! there at all.

use crate::rig::{Answer, Browser, Rig, Wishes, standing_for};
use crate::workstations::browser_on;
use ecluse::domain::Role;
use ecluse::web::routes::{Carries, Found, Kind, Name, Route, TABLE, Who, find};
use reqwest::header::{COOKIE, HeaderMap};
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
        .replace("{hold}", NOBODYS)
        .replace("{request}", NOBODYS)
        .replace("{viewing}", NOBODYS)
        .replace("{export}", NOBODYS)
        .replace("{camera}", "hall")
        .replace("{segment}", "0")
        .replace("{seq}", "0")
        .replace("{person}", "nobody")
        .replace("{workstation}", "nowhere")
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

/// The machine somebody sits at, by its client certificate (A6-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machine {
    /// None was presented.
    Any,
    /// A registered workstation of the person's own service.
    Own,
    /// From our authority, but nobody has registered it.
    Unregistered,
    /// Registered, of another town's service.
    Foreign,
}

impl Machine {
    const ALL: [Machine; 4] = [Machine::Any, Machine::Own, Machine::Unregistered, Machine::Foreign];
}

/// One machine of each kind: the certificate it presents.
struct Machines(Vec<(Machine, Option<reqwest::Identity>)>);

impl Machines {
    async fn install(rig: &Rig) -> Self {
        let mut all = Vec::new();
        for machine in Machine::ALL {
            let service = match machine {
                Machine::Any => {
                    all.push((machine, None));
                    continue;
                }
                Machine::Own => Some("csu"),
                Machine::Unregistered => None,
                Machine::Foreign => Some("csu-d-ailleurs"),
            };
            let name = format!("poste-{machine:?}").to_lowercase();
            let (_, (certificate, key)) = browser_on(rig, &name, service).await;
            let (certificate, key) = (std::fs::read(certificate).unwrap(), std::fs::read(key).unwrap());
            all.push((machine, Some(reqwest::Identity::from_pkcs8_pem(&certificate, &key).unwrap())));
        }
        Self(all)
    }

    /// A fresh browser at this machine, with these headers on every request.
    fn at(&self, rig: &Rig, machine: Machine, headers: HeaderMap) -> Browser {
        let (_, identity) = self.0.iter().find(|(other, _)| *other == machine).unwrap();
        let mut client = rig.client().default_headers(headers);
        if let Some(identity) = identity {
            client = client.identity(identity.clone());
        }
        Browser { client: client.build().unwrap(), ..rig.anonymous() }
    }

    /// The same log-in at this machine: somebody logged in where they may, and carried their cookie over.
    async fn logged_in(&self, rig: &Rig, name: &str, machine: Machine) -> Browser {
        let here = self.at(rig, Machine::Own, HeaderMap::new());
        let answer = here.post("/api/v1/login", rig.credentials(name)).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text());
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
        let carried = HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())]);
        Browser { csrf, ..self.at(rig, machine, carried) }
    }
}

/// Asks every route as this role at this machine.
async fn walk(rig: &Rig, machines: &Machines, role: Option<Role>, machine: Machine) {
    let browser = match role {
        Some(role) => machines.logged_in(rig, standing_for(role), machine).await,
        None => machines.at(rig, machine, HeaderMap::new()),
    };
    // Who is the police's is nobody elsewhere than at a workstation of their service; anybody else is themself anywhere.
    let is_in_place = role.is_none_or(|role| !role.is_police()) || machine == Machine::Own;
    for route in &TABLE {
        // Each log-out needs a log-in of its own.
        let logs_out = matches!(route.name, Name::Logout | Name::ApiLogout);
        let other;
        let browser = match role {
            Some(role) if logs_out => {
                other = machines.logged_in(rig, standing_for(role), machine).await;
                &other
            }
            _ => &browser,
        };
        let place = format!("{} {} as {role:?} at {machine:?}", route.method, route.path);
        let answer = ask(browser, route).await;
        let admitted = route.who.admits(role);
        // Log-in and language forms are open to all, but not without a proof that anonymous programs lack.
        let forms = [Name::Login, Name::SecondFactor, Name::InvitationAccept, Name::Language];
        let proofless = role.is_none() && forms.contains(&route.name);
        // The way out is open everywhere, and so is what is for anybody.
        let barred = admitted && !is_in_place && !logs_out && route.who != Who::Anybody;
        if proofless {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place}");
        } else if barred {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place}: {}", answer.text());
            if route.kind == Kind::Api {
                assert_eq!(answer.code(), "workstation-required", "{place}");
            }
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
async fn a3_3_a4_1_a5_6_a5_7_a6_1_a6_7_every_route_for_every_role_at_every_machine() {
    let rig = Rig::start_with(Wishes { workstation_ca: true, ..Wishes::default() }).await;
    rig.declare_another_town("csu-d-ailleurs").await;
    let machines = Machines::install(&rig).await;
    for machine in Machine::ALL {
        for role in [None].into_iter().chain(Role::ALL.map(Some)) {
            // Which certificate it is makes a difference to the police alone; that there is one, to nobody else.
            if matches!(machine, Machine::Any | Machine::Own) || role.is_some_and(Role::is_police) {
                walk(&rig, &machines, role, machine).await;
            }
        }
    }
    rig.stop().await;
}

/// Without an authority for workstations the police work from anywhere, and the rest of the table holds the same.
#[tokio::test(flavor = "multi_thread")]
async fn without_workstations_every_route_for_the_police() {
    let rig = Rig::start().await;
    for role in [Role::Operator, Role::Chief] {
        let browser = rig.log_in(standing_for(role)).await;
        for route in TABLE.iter().filter(|route| !matches!(route.name, Name::Logout | Name::ApiLogout)) {
            let answer = ask(&browser, route).await;
            let place = format!("{} {} as {role:?}", route.method, route.path);
            assert_eq!(let_in(route, &answer), route.who.admits(Some(role)), "{place}: {}", answer.status);
        }
    }
    rig.stop().await;
}

/// What our own pages link to, send forms to and ask for: each must be a row of the table, so that a route that was
/// forgotten there shows here.
#[test]
fn every_path_our_own_pages_name_is_in_the_table() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    // In mark-up a path is an attribute's value; in scripts it is a text.
    for (directory, ending, marks) in
        [("web/templates", "html", &["=\"/"][..]), ("web/static/js", "js", &["\"/", "`/"])]
    {
        for file in files_below(&root.join(directory), ending) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (at, mark) in marks.iter().flat_map(|mark| text.match_indices(mark)) {
                let rest = &text[at + mark.len() - 1..];
                if !rest[1..].starts_with(|c: char| c.is_ascii_lowercase() || "\"`?{$".contains(c)) {
                    continue;
                }
                let path = path_at(rest);
                let known = match method_at(&text, at).filter(|_| ending == "html") {
                    Some(method) => matches!(find(&method, &path), Found::Route(..)),
                    None => !matches!(find(&Method::GET, &path), Found::Nothing),
                };
                assert!(known, "{}: {path} is in no row of the table", file.display());
                found += 1;
            }
        }
    }
    assert!(found > 60, "only {found} paths were found: the search itself is broken");
}

fn files_below(directory: &std::path::Path, ending: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

/// The path that begins a text, up to its query; an `x` stands for each value that is put in at run time.
fn path_at(mut rest: &str) -> String {
    let mut path = String::new();
    loop {
        let value = [("{{", "}}"), ("${", "}")].into_iter().find(|(open, _)| rest.starts_with(open));
        if let Some((open, close)) = value {
            path.push('x');
            rest = rest[open.len()..].split_once(close).unwrap_or_else(|| panic!("no end of a value: {path}")).1;
        } else if rest.starts_with("{%") || rest.starts_with(['"', '`', '?', '#']) {
            // A condition within a path begins its query.
            return path;
        } else {
            let mut characters = rest.chars();
            path.push(characters.next().unwrap_or_else(|| panic!("no end of a path: {path}")));
            rest = characters.as_str();
        }
    }
}

/// How the attribute whose value begins here is asked for, where the attribute says so.
fn method_at(text: &str, equals: usize) -> Option<Method> {
    let attribute = text[..equals].rsplit(|c: char| c.is_whitespace()).next().unwrap();
    match attribute {
        "href" | "src" => Some(Method::GET),
        "action" => {
            let tag = text[..equals].rfind('<').unwrap()..equals + text[equals..].find('>').unwrap();
            Some(if text[tag].contains("method=\"get\"") { Method::GET } else { Method::POST })
        }
        _ => None,
    }
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
                    // What is there is the landlord's; every file has the name of the pages' own.
                    let found = find(&method, &path);
                    let is_there = matches!(found, Found::Route(route, _) if route.name != Name::Static);
                    let nothing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
                    let refused = if is_there { status == StatusCode::FORBIDDEN } else { nothing.contains(&status) };
                    assert!(refused, "{method} {path} as {name}: {status}");
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
