//! A running server with a cast of people and two sites, and a browser for each of them.

use crate::totp::{self, Applications};
use crate::{contract, dossier};
use chrono::{TimeDelta, Utc};
use ecluse::archive::recorder::{Recorder, RecorderSettings};
use ecluse::archive::watch::Watch;
use ecluse::archive::{Archive, MasterKey};
use ecluse::clock::{Clock, ManualClock, SystemClock};
use ecluse::control::{Control, ControlSettings};
use ecluse::domain::{
    Action, Actor, Camera, Command, Convention, Designation, Policy, Role, Service, Site, SiteId, TicketId,
};
use ecluse::evidence::TimestampService;
use ecluse::mail::{Courier, MailSettings, Notifier};
use ecluse::media::hub::{Hub, HubLimits};
use ecluse::media::viewer::{ViewerSettings, Viewers};
use ecluse::pki::{Authority, Usage};
use ecluse::register::{Checkpointer, Register, open_key};
use ecluse::store::{Identity, Store, password};
use ecluse::web::routes::{Found, find};
use ecluse::web::{Connections, Demo, Limits, Rate, SecondFactorPolicy, Server, WebContext, WebSettings};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, StatusCode, redirect};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

pub const PASSWORD: &str = "correct horse battery staple";
/// Far beyond what anything takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

static PASSWORD_HASH: LazyLock<String> = LazyLock::new(|| password::hash(PASSWORD).unwrap());

/// An offer shaped like Chromium's, with three video sections.
pub const OFFER: &str = include_str!("../../src/media/viewer/testdata/chromium.sdp");

/// Everybody, by log-in name: who they are and for which sites.
pub const CAST: [(&str, Role, &[&str]); 11] = [
    ("agent", Role::Operator, &["arcade"]),
    ("colleague", Role::Operator, &["arcade"]),
    ("chief", Role::Chief, &["arcade"]),
    ("decider", Role::Decider, &["arcade"]),
    ("deputy", Role::Decider, &["arcade"]),
    ("elsewhere", Role::Decider, &["quai"]),
    ("foreigner", Role::Operator, &["quai"]),
    ("guard", Role::Guard, &["arcade"]),
    ("dpo", Role::Dpo, &[]),
    ("administrator", Role::Administrator, &[]),
    ("auditor", Role::Auditor, &[]),
];

/// The member of the cast that stands for a role.
pub fn standing_for(role: Role) -> &'static str {
    CAST.iter().find(|(_, other, _)| *other == role).unwrap().0
}

fn service() -> Service {
    Service {
        id: "csu".parse().unwrap(),
        name: "CSU de Charenton-le-Pont".to_owned(),
        town: "Charenton-le-Pont".to_owned(),
        address: "48 rue de Paris".to_owned(),
    }
}

fn site(id: &str, name: &str, cameras: &[&str], clock: &ManualClock) -> Site {
    Site {
        id: id.parse().unwrap(),
        name: name.to_owned(),
        addresses: vec![name.to_owned()],
        service: service(),
        convention: Convention {
            town: "Charenton-le-Pont".to_owned(),
            valid_from_utc: clock.utc() - TimeDelta::days(10),
            valid_until_utc: clock.utc() + TimeDelta::days(300),
        },
        cameras: cameras.iter().map(|id| Camera { id: id.parse().unwrap(), name: format!("Caméra {id}") }).collect(),
    }
}

fn metrics_handle() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap()).clone()
}

pub struct Rig {
    /// Held so that it is there until the end.
    _dir: tempfile::TempDir,
    pub clock: ManualClock,
    pub control: Control,
    pub store: Store,
    pub hub: Arc<Hub>,
    pub viewers: Arc<Viewers>,
    pub connections: Connections,
    pub authority: Authority,
    pub server: Server,
    pub recorder: Option<Recorder>,
    courier: Option<Courier>,
    applications: Applications,
}

/// What a test may want otherwise.
pub struct Wishes {
    pub limits: Limits,
    pub demo: bool,
    pub workstation_ca: bool,
    pub second_factor: bool,
    pub max_connections: usize,
    /// How soon silent connections are closed, where the server's own times are too long for a test.
    pub silence: Option<Duration>,
    /// Mails follow from events, and are delivered to this server.
    pub mail: Option<MailSettings>,
    /// The first camera is recorded, in segments of four seconds.
    pub recorder: bool,
    /// Who stamps exports with the time.
    pub timestamps: Option<Arc<TimestampService>>,
}

impl Default for Wishes {
    fn default() -> Self {
        let generous = Rate::new(100_000, Duration::from_millis(1));
        let limits =
            Limits { login_per_address: generous, login_per_account: generous, changes: generous, ..Limits::default() };
        Self {
            limits,
            demo: false,
            workstation_ca: false,
            second_factor: true,
            max_connections: 256,
            silence: None,
            mail: None,
            recorder: false,
            timestamps: None,
        }
    }
}

impl Rig {
    pub async fn start() -> Rig {
        Self::start_with(Wishes::default()).await
    }

    pub async fn start_with(wishes: Wishes) -> Rig {
        let rig = Self::open(tempfile::tempdir().unwrap(), ManualClock::at(Utc::now()), wishes).await;
        rig.seed().await;
        rig
    }

    /// Stops the server, has something done to the register's directory, and starts on what is there then.
    pub async fn reopened(self, deed: impl FnOnce(&std::path::Path)) -> Rig {
        let Rig {
            _dir: dir,
            clock,
            control,
            store,
            hub,
            viewers,
            connections,
            authority,
            server,
            recorder: _,
            courier,
            applications,
        } = self;
        server.shutdown().await;
        if let Some(courier) = courier {
            courier.shutdown().await;
        }
        control.shutdown().await;
        viewers.shutdown().await;
        // All of it, the store's lock above all.
        drop((control, store, hub, viewers, connections, authority));
        deed(&dir.path().join("register"));
        Rig { applications, ..Self::open(dir, clock, Wishes::default()).await }
    }

    async fn open(dir: tempfile::TempDir, clock: ManualClock, wishes: Wishes) -> Rig {
        gstreamer::init().unwrap();
        ecluse::media::dtls_srtp::register().unwrap();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let signer = open_key(dir.path(), "ecluse.example.org/register").unwrap();
        let register = Register::open(&dir.path().join("register")).unwrap();
        let checkpointer =
            register.damage().is_none().then(|| Checkpointer::new(register.dir(), signer, register.reader()));
        // The last run's connections may hold the store for a moment still.
        let deadline = Instant::now() + PATIENCE;
        let store = loop {
            match Store::open(&dir.path().join("store")) {
                Ok(store) => break store,
                Err(why) => assert!(Instant::now() < deadline, "{why}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let mut keeper = ControlSettings::new(dir.path());
        if wishes.mail.is_some() {
            keeper = keeper.with_effect(Notifier::new(store.clone(), "https://ecluse.example.org"));
        }
        let control = Control::start(keeper, register, store.clone(), shared.clone()).unwrap();
        let hub = Hub::new(HubLimits::default());
        let viewers = Viewers::new(viewer_settings(), hub.clone()).unwrap();
        let connections =
            Connections::open(&dir.path().join("connections"), TimeDelta::days(365), shared.clone()).unwrap();
        let authority = Authority::open_or_create(&dir.path().join("pki"), "test authority").unwrap();
        let server_files = authority.issue("server", Usage::Server, &["localhost", "127.0.0.1"], 30).unwrap();

        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut settings =
            WebSettings::new(local, server_files.certificate, server_files.key, "https://ecluse.example.org");
        settings.limits = wishes.limits;
        settings.timestamps = wishes.timestamps;
        settings.metrics_listen = Some(local);
        settings.workstation_ca_pem = wishes.workstation_ca.then(|| authority.certificate_path());
        if !wishes.second_factor {
            settings.second_factor = SecondFactorPolicy::Off;
        }
        settings.max_connections = wishes.max_connections;
        if let Some(silence) = wishes.silence {
            (settings.header_timeout, settings.connection_idle) = (silence, silence);
        }
        settings.mail_server = wishes.mail.as_ref().map(|mail| format!("{}:{}", mail.host, mail.port));
        let courier =
            wishes.mail.map(|mail| Courier::start(Some(mail), &store, control.clone(), shared.clone()).unwrap());
        let recorder = wishes.recorder.then(|| {
            let key = MasterKey::generate().unwrap();
            let archive = Archive::open(&dir.path().join("recordings"), key, store.segments(), 0).unwrap();
            archive.reconcile().unwrap();
            let real: Arc<dyn Clock> = Arc::new(SystemClock);
            let settings = RecorderSettings { segment: Duration::from_secs(4), ..RecorderSettings::default() };
            let cameras = vec!["hall".parse().unwrap()];
            let recorder = Recorder::start(archive.clone(), &hub, &real, cameras.clone(), settings).unwrap();
            let (control, clock, book) = (control.clone(), shared.clone(), store.offsite());
            let (copy, copy_refused_utc) = (None, None);
            recorder.keep_watch(Watch {
                archive,
                control,
                clock,
                book,
                copy,
                copy_refused_utc,
                warn_free_mib: 0,
                cameras,
            });
            recorder
        });
        let context = WebContext {
            control: control.clone(),
            store: store.clone(),
            viewers: viewers.clone(),
            hub: hub.clone(),
            recorder: recorder.clone(),
            checkpointer,
            clock: shared,
            connections: connections.clone(),
            metrics: Some(metrics_handle()),
            demo: wishes.demo.then(Demo::default),
        };
        let server = Server::start(settings, context).await.unwrap();
        let applications = Applications::default();
        Rig {
            _dir: dir,
            clock,
            control,
            store,
            hub,
            viewers,
            connections,
            authority,
            server,
            recorder,
            courier,
            applications,
        }
    }

    async fn seed(&self) {
        let arcade = site("arcade", "1 rue de l'Arcade", &["hall", "stairs", "car-park", "bikes"], &self.clock);
        let quai = site("quai", "7 quai de Bercy", &["quai-hall"], &self.clock);
        for action in [Action::DeclareSite(arcade), Action::DeclareSite(quai)] {
            self.control.execute(Command { actor: Actor::System, action }).await.unwrap();
        }
        for (name, role, sites) in CAST {
            let police = matches!(role, Role::Operator | Role::Chief);
            let designation = Designation {
                person: name.parse().unwrap(),
                role,
                sites: sites.iter().map(|site| site.parse::<SiteId>().unwrap()).collect(),
                service: police.then(|| service().id),
            };
            let identity = Identity {
                person: name.parse().unwrap(),
                email: email(name),
                name: format!("Prénom {name}"),
                language: "fr".to_owned(),
                password_hash: PASSWORD_HASH.clone(),
            };
            let (store, now) = (self.store.clone(), self.clock.utc());
            let enrolled = tokio::task::spawn_blocking(move || {
                store.people().put(&identity).unwrap();
                totp::enrol(&store, &identity.person, now);
            });
            enrolled.await.unwrap();
            let action = Action::Designate(designation);
            self.control.execute(Command { actor: Actor::System, action }).await.unwrap();
        }
        for (site, operators, chiefs, titulaire, suppleant) in [
            ("arcade", &["agent", "colleague"][..], &["chief"][..], "decider", "deputy"),
            ("quai", &["foreigner"], &[], "elsewhere", "elsewhere-too"),
        ] {
            let site: SiteId = site.parse().unwrap();
            let declared = self.control.read(|state| state.sites[&site].clone());
            for record in dossier::complete(&declared, operators, chiefs, titulaire, suppleant) {
                let action = Action::File { site: site.clone(), record };
                self.control.execute(Command { actor: Actor::System, action }).await.unwrap();
            }
        }
        // Tests open one ticket after the other; the pause between them has tests of its own.
        let policy = Policy { cooling_off_minutes: 0, ..Policy::default() };
        let action = Action::SetPolicy { site: "arcade".parse().unwrap(), policy };
        self.control.execute(Command { actor: Actor::Person("decider".parse().unwrap()), action }).await.unwrap();
    }

    /// A site of another town, with a service of its own.
    pub async fn declare_another_town(&self, service: &str) {
        let mut site = site("ailleurs", "1 place d'Ailleurs", &["ailleurs-hall"], &self.clock);
        site.service.id = service.parse().unwrap();
        let action = Action::DeclareSite(site);
        self.control.execute(Command { actor: Actor::System, action }).await.unwrap();
    }

    /// One more site of the cast's own, its dossier complete and without a pause between tickets.
    pub async fn declare_one_more(&self, id: &str) {
        let declared = site(id, &format!("bâtiment {id}"), &[&format!("{id}-hall")], &self.clock);
        let run = async |actor: Actor, action: Action| self.control.execute(Command { actor, action }).await.unwrap();
        run(Actor::System, Action::DeclareSite(declared.clone())).await;
        for (name, _, _) in CAST.iter().filter(|(_, _, sites)| sites.contains(&"arcade")) {
            let person: ecluse::domain::PersonId = name.parse().unwrap();
            let mut place = self.control.read(|state| state.people[&person].clone());
            place.sites.insert(declared.id.clone());
            run(Actor::System, Action::Designate(place)).await;
        }
        for record in dossier::complete(&declared, &["agent", "colleague"], &["chief"], "decider", "deputy") {
            run(Actor::System, Action::File { site: declared.id.clone(), record }).await;
        }
        let policy = Policy { cooling_off_minutes: 0, ..Policy::default() };
        run(Actor::Person("decider".parse().unwrap()), Action::SetPolicy { site: declared.id, policy }).await;
    }

    /// Where register, store and keys lie.
    pub fn data_dir(&self) -> &std::path::Path {
        self._dir.path()
    }

    pub fn base(&self) -> String {
        format!("https://localhost:{}", self.server.local_addr().port())
    }

    pub fn client(&self) -> reqwest::ClientBuilder {
        let pem = std::fs::read(self.authority.certificate_path()).unwrap();
        Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
            .cookie_store(true)
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
    }

    /// Nobody.
    pub fn anonymous(&self) -> Browser {
        Browser { client: self.client().build().unwrap(), base: self.base(), csrf: String::new(), bearer: None }
    }

    /// Somebody of the cast, logged in.
    pub async fn log_in(&self, name: &str) -> Browser {
        let mut browser = self.anonymous();
        let answer = browser.post("/api/v1/login", self.credentials(name)).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text());
        browser.csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
        browser
    }

    /// A code of this person's application that has not been used; time goes on until there is one.
    pub fn code(&self, name: &str) -> String {
        loop {
            match self.applications.code(name, self.clock.utc(), true) {
                Ok(code) => return code,
                Err(wait_s) => self.clock.advance(Duration::from_secs(wait_s)),
            }
        }
    }

    /// Everything this person needs to log in.
    pub fn credentials(&self, name: &str) -> Value {
        json!({ "email": email(name), "password": PASSWORD, "code": self.code(name) })
    }

    /// A ticket, filed by the agent.
    pub async fn requested(&self) -> TicketId {
        self.log_in("agent").await.file().await
    }

    /// A ticket, approved by the decider.
    pub async fn opened(&self) -> TicketId {
        let ticket = self.requested().await;
        let answer = self.log_in("decider").await.act(ticket, "approve", "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        ticket
    }

    pub async fn strike(&self, name: &str) {
        let action = Action::Strike(name.parse().unwrap());
        self.control.execute(Command { actor: Actor::System, action }).await.unwrap();
    }

    /// The first line of the connection log that fits, newest first.
    pub fn logged(&self, kind: ecluse::web::connections::Kind, detail: &str) -> bool {
        self.connections.newest(500).iter().any(|line| line.kind == kind && line.detail == detail)
    }

    pub async fn stop(self) {
        self.server.shutdown().await;
        self.control.shutdown().await;
        self.viewers.shutdown().await;
        if let Some(courier) = self.courier {
            courier.shutdown().await;
        }
    }
}

/// A range of UDP ports that starts at one the system just called free.
fn viewer_settings() -> ViewerSettings {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let first = socket.local_addr().unwrap().port();
    let first = first.min(u16::MAX - 200);
    ViewerSettings { udp_ports: first..=first + 200, ..ViewerSettings::default() }
}

pub fn email(name: &str) -> String {
    format!("{name}@example.org")
}

/// A person's browser, or a program in their name.
#[derive(Clone)]
pub struct Browser {
    pub client: Client,
    pub base: String,
    pub csrf: String,
    pub bearer: Option<String>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        self.json()["code"].as_str().unwrap().to_owned()
    }
    pub fn is(&self, status: StatusCode, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text());
    }
}

impl Browser {
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        } else if method != Method::GET && !self.csrf.is_empty() {
            request = request.header("x-csrf-token", &self.csrf);
        }
        request
    }

    /// Sends, reads all, and has the contract judge what an interface answers.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        if let Found::Route(route, _) = find(&method, &path)
            && route.kind == ecluse::web::routes::Kind::Api
            && method != Method::HEAD
        {
            let media_type = headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap());
            contract::check(route.method.as_str(), route.path, status.as_u16(), media_type, &body);
        }
        Answer { status, headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.client.post(format!("{}{path}", self.base)).form(fields)).await
    }

    pub async fn file(&self) -> TicketId {
        let answer = self.post("/api/v1/tickets", filing("agent")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn act(&self, ticket: TicketId, deed: &str, why: &str) -> Answer {
        let body = if why.is_empty() { json!({}) } else { json!({ "why": why }) };
        self.post(&format!("/api/v1/tickets/{ticket}/{deed}"), body).await
    }

    pub async fn offer(&self, path: &str, offer: &str) -> Answer {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/sdp").body(offer.to_owned());
        self.send(request).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }
}

/// A request without faults, in this person's name.
pub fn filing(name: &str) -> Value {
    json!({ "site": "arcade", "reasons": ["vols"], "duration_minutes": 120, "email": email(name) })
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A client certificate and its key as PEM files.
pub fn workstation(authority: &Authority, name: &str) -> (PathBuf, PathBuf) {
    let issued = authority.issue(name, Usage::Client, &[], 30).unwrap();
    (issued.certificate, issued.key)
}
