//! The table of every route: method, path, who may, how it is protected. **What is not in the table does not exist, and
//! who is not named in a row is refused**: [`super::dispatch`] authorises every request from here and from nowhere else,
//! and a test walks every row with every role.
//!
//! Serves A1-3 (no row leads to a recording, a seek or a download), A3-3, A4-1, A4-6, A5-6, A5-7, A6-7. What a person may
//! see *within* a route (their own tickets, their own sites) is decided in [`super::access`] and by the keeper.

use crate::domain::Role;
use http::Method;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody, logged in or not.
    Anybody,
    /// People logged in with one of these roles.
    Roles(&'static [Role]),
}

impl Name {
    /// Whether a `GET` leaves an entry in the register in the name of whoever asks (A4-5): only our own pages lead there.
    pub fn records_when_read(self) -> bool {
        matches!(
            self,
            Name::RegisterExportJsonl | Name::RegisterExportCsv | Name::RegisterExportPdf | Name::TransmissionsCsv
        )
    }
}

impl Who {
    /// Whether a person of this role (`None`: nobody is logged in) may.
    pub fn admits(self, role: Option<Role>) -> bool {
        match self {
            Who::Anybody => true,
            Who::Roles(roles) => role.is_some_and(|role| roles.contains(&role)),
        }
    }
}

/// How a state-changing request proves that it comes from our own page or from its rightful player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Changes nothing: none needed.
    None,
    /// The `csrf` field of a form, or the `X-CSRF-Token` header.
    Csrf,
    /// `X-CSRF-Token` beside the session cookie, or a viewer token as `Authorization: Bearer` instead of both.
    CsrfOrBearer,
    /// Origin check alone: there is no session yet that a token could be bound to (log-in by JSON).
    Origin,
}

/// In which dress errors come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page: errors are finished HTML pages, an anonymous visitor is sent to the log-in.
    Page,
    /// An interface for programs: errors are problem documents (RFC 9457).
    Api,
}

/// What a request may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Nothing is read.
    Nothing,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json`; an empty body counts as `{}`.
    Json,
    /// `application/sdp`.
    Offer,
    /// `application/trickle-ice-sdpfrag`.
    Fragment,
}

/// Names a route; [`super::dispatch`] has one arm for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below says what each is")]
pub enum Name {
    Home,
    LoginPage,
    Login,
    SecondFactorPage,
    SecondFactor,
    OidcBegin,
    OidcBack,
    InvitationPage,
    InvitationAccept,
    OwnFactorPage,
    OwnPasskeyAdd,
    OwnPasskeyRemove,
    Logout,
    Language,
    TicketsPage,
    TicketsFile,
    TicketPage,
    TicketWatch,
    TicketCut,
    TicketWithdraw,
    TicketApprove,
    TicketRefuse,
    TicketConfirmNeed,
    TicketEnd,
    TicketInterrupt,
    SitesPage,
    SitePage,
    SitePolicy,
    SiteRecord,
    SiteNotice,
    SiteAnnex,
    SiteAnnexPreview,
    SiteAnnexSign,
    AlertsPage,
    AlertRaise,
    AlertClose,
    ChangesPage,
    ChangeSettle,
    HoldsPage,
    HoldPlace,
    HoldRelease,
    HoldClock,
    StoragePage,
    StorageClock,
    SiteRetention,
    AccessPage,
    AccessFile,
    AccessAnswer,
    AdminSessionsPage,
    AdminSessionCut,
    AdminConnectionsPage,
    AdminTicketInterrupt,
    AdminMailsPage,
    AdminMailRetry,
    AdminPeoplePage,
    AdminPersonNew,
    AdminPersonAdd,
    AdminPersonInvite,
    AdminInvitationRevoke,
    AdminPersonUnlock,
    AdminSecondFactorReset,
    AdminWorkstationsPage,
    AdminWorkstationRevoke,
    RecordingsPage,
    RecordingsSite,
    RecordingsExport,
    RegisterPage,
    RegisterExportJsonl,
    RegisterExportCsv,
    TransmissionsCsv,
    RegisterExportPdf,
    RegisterEntryPage,
    TraceabilityPage,
    ApiLogin,
    ApiLogout,
    ApiMe,
    ApiTickets,
    ApiTicketsFile,
    ApiTicket,
    ApiTicketCameras,
    ApiTicketWithdraw,
    ApiTicketApprove,
    ApiTicketRefuse,
    ApiTicketConfirmNeed,
    ApiTicketEnd,
    ApiTicketInterrupt,
    ApiViewerToken,
    ApiSessions,
    ApiSessionCut,
    ApiConnections,
    ApiMails,
    ApiMailRetry,
    ApiCameras,
    ApiSite,
    ApiHolds,
    ApiHoldPlace,
    ApiHoldRelease,
    ApiHoldClock,
    ApiStorage,
    ApiSiteRetention,
    ApiAccess,
    ApiAccessFile,
    ApiAccessAnswer,
    ApiSitePolicy,
    ApiSiteRecord,
    ApiAlerts,
    ApiAlertRaise,
    ApiAlertClose,
    ApiChanges,
    ApiChangeSettle,
    ApiPeople,
    ApiPersonAdd,
    ApiPersonInvite,
    ApiInvitationRevoke,
    ApiPersonUnlock,
    ApiSecondFactorReset,
    ApiWorkstations,
    ApiWorkstationRevoke,
    ApiViewingOpen,
    ApiViewingPlaylist,
    ApiViewingMedia,
    ApiExportProgress,
    ApiRegister,
    ApiRegisterProof,
    Events,
    WhepOptions,
    WhepPost,
    WhepViewingOptions,
    WhepViewingPost,
    WhepSessionOptions,
    WhepPatch,
    WhepDelete,
    OpenApi,
    Healthz,
    Readyz,
    Metrics,
    Static,
    DemoMails,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: Name,
    /// Method; `HEAD` is answered wherever `GET` is.
    pub method: Method,
    /// Path; `{name}` is one segment, `{name*}` the rest.
    pub path: &'static str,
    /// Who may.
    pub who: Who,
    /// How a change is protected.
    pub proof: Proof,
    /// How errors look.
    pub kind: Kind,
    /// What the body may be.
    pub carries: Carries,
}

use Role::{Administrator, Auditor, Chief, Decider, Dpo, Guard, Operator};

const EVERYONE: Who = Who::Roles(&Role::ALL);
const POLICE: Who = Who::Roles(&[Operator, Chief]);
const LANDLORD: Who = Who::Roles(&[Decider, Guard]);
const TICKET_READERS: Who = Who::Roles(&[Operator, Chief, Decider, Guard]);
const VIEWERS: Who = Who::Roles(&[Operator, Chief, Decider]);
const REGISTER_READERS: Who = Who::Roles(&[Decider, Dpo, Administrator, Auditor]);
const OPERATORS: Who = Who::Roles(&[Operator]);
const GUARDS: Who = Who::Roles(&[Guard]);
const DECIDERS: Who = Who::Roles(&[Decider]);
const FOOTAGE_KEEPERS: Who = Who::Roles(&[Decider, Dpo]);
const CLOCK_KEEPERS: Who = Who::Roles(&[Decider, Dpo, Administrator]);
const ADMINISTRATORS: Who = Who::Roles(&[Administrator]);
const CAMERA_READERS: Who = Who::Roles(&[Decider, Guard, Administrator]);
const DOSSIER_READERS: Who = Who::Roles(&[Decider, Guard, Dpo, Administrator, Auditor]);
const SITE_SETTERS: Who = Who::Roles(&[Decider, Administrator]);
const LIVE_READERS: Who = Who::Roles(&[Operator, Chief, Decider, Guard, Administrator]);

const fn row(
    name: Name,
    method: Method,
    path: &'static str,
    who: Who,
    proof: Proof,
    kind: Kind,
    carries: Carries,
) -> Route {
    Route { name, method, path, who, proof, kind, carries }
}
const fn page(name: Name, path: &'static str, who: Who) -> Route {
    row(name, Method::GET, path, who, Proof::None, Kind::Page, Carries::Nothing)
}
const fn form(name: Name, path: &'static str, who: Who) -> Route {
    row(name, Method::POST, path, who, Proof::Csrf, Kind::Page, Carries::Form)
}
const fn read(name: Name, path: &'static str, who: Who) -> Route {
    row(name, Method::GET, path, who, Proof::None, Kind::Api, Carries::Nothing)
}
const fn act(name: Name, path: &'static str, who: Who) -> Route {
    row(name, Method::POST, path, who, Proof::Csrf, Kind::Api, Carries::Json)
}
const fn options(name: Name, path: &'static str) -> Route {
    row(name, Method::OPTIONS, path, Who::Anybody, Proof::None, Kind::Api, Carries::Nothing)
}
const fn whep(name: Name, method: Method, path: &'static str, who: Who, carries: Carries) -> Route {
    row(name, method, path, who, Proof::CsrfOrBearer, Kind::Api, carries)
}

const WHEP_TRANSFER: &str = "/whep/tickets/{ticket}";
const WHEP_VIEWING: &str = "/whep/tickets/{ticket}/viewing";
const WHEP_SESSION: &str = "/whep/sessions/{session}";

/// Every route there is.
pub static TABLE: [Route; 138] = [
    // Everybody's way in and out
    page(Name::Home, "/", EVERYONE),
    page(Name::LoginPage, "/login", Who::Anybody),
    form(Name::Login, "/login", Who::Anybody),
    page(Name::SecondFactorPage, "/login/second-factor", Who::Anybody),
    form(Name::SecondFactor, "/login/second-factor", Who::Anybody),
    page(Name::OidcBegin, "/login/oidc", Who::Anybody),
    page(Name::OidcBack, "/login/oidc/callback", Who::Anybody),
    page(Name::InvitationPage, "/invitation/{token}", Who::Anybody),
    form(Name::InvitationAccept, "/invitation/{token}", Who::Anybody),
    page(Name::OwnFactorPage, "/me/second-factor", EVERYONE),
    form(Name::OwnPasskeyAdd, "/me/second-factor/passkeys", EVERYONE),
    form(Name::OwnPasskeyRemove, "/me/second-factor/passkeys/{passkey}/remove", EVERYONE),
    form(Name::Logout, "/logout", EVERYONE),
    form(Name::Language, "/language", Who::Anybody),
    // Tickets, as pages
    page(Name::TicketsPage, "/tickets", TICKET_READERS),
    form(Name::TicketsFile, "/tickets", OPERATORS),
    page(Name::TicketPage, "/tickets/{ticket}", TICKET_READERS),
    page(Name::TicketWatch, "/tickets/{ticket}/watch", POLICE),
    page(Name::TicketCut, "/tickets/{ticket}/cut", LANDLORD),
    form(Name::TicketWithdraw, "/tickets/{ticket}/withdraw", OPERATORS),
    form(Name::TicketApprove, "/tickets/{ticket}/approve", DECIDERS),
    form(Name::TicketRefuse, "/tickets/{ticket}/refuse", DECIDERS),
    form(Name::TicketConfirmNeed, "/tickets/{ticket}/confirm-need", OPERATORS),
    form(Name::TicketEnd, "/tickets/{ticket}/end", OPERATORS),
    form(Name::TicketInterrupt, "/tickets/{ticket}/interrupt", LANDLORD),
    // Sites, administration, register, as pages
    page(Name::SitesPage, "/sites", CAMERA_READERS),
    page(Name::SitePage, "/sites/{site}", CAMERA_READERS),
    form(Name::SitePolicy, "/sites/{site}/policy", SITE_SETTERS),
    form(Name::SiteRecord, "/sites/{site}/records", CAMERA_READERS),
    page(Name::SiteNotice, "/sites/{site}/notice", CAMERA_READERS),
    page(Name::SiteAnnex, "/sites/{site}/annex", ADMINISTRATORS),
    form(Name::SiteAnnexPreview, "/sites/{site}/annex", ADMINISTRATORS),
    form(Name::SiteAnnexSign, "/sites/{site}/annex/sign", ADMINISTRATORS),
    page(Name::AlertsPage, "/alerts", TICKET_READERS),
    form(Name::AlertRaise, "/alerts", GUARDS),
    form(Name::AlertClose, "/alerts/{alert}/close", LANDLORD),
    page(Name::ChangesPage, "/changes", SITE_SETTERS),
    form(Name::ChangeSettle, "/changes/{change}", SITE_SETTERS),
    page(Name::HoldsPage, "/holds", FOOTAGE_KEEPERS),
    form(Name::HoldPlace, "/holds", DECIDERS),
    form(Name::HoldRelease, "/holds/{hold}/release", DECIDERS),
    form(Name::HoldClock, "/holds/clock", FOOTAGE_KEEPERS),
    page(Name::StoragePage, "/storage", REGISTER_READERS),
    form(Name::StorageClock, "/storage/clock", CLOCK_KEEPERS),
    form(Name::SiteRetention, "/sites/{site}/retention", DECIDERS),
    page(Name::AccessPage, "/access-requests", FOOTAGE_KEEPERS),
    form(Name::AccessFile, "/access-requests", FOOTAGE_KEEPERS),
    form(Name::AccessAnswer, "/access-requests/{request}/answer", FOOTAGE_KEEPERS),
    page(Name::AdminSessionsPage, "/admin/sessions", ADMINISTRATORS),
    form(Name::AdminSessionCut, "/admin/sessions/{session}/cut", ADMINISTRATORS),
    page(Name::AdminConnectionsPage, "/admin/connections", ADMINISTRATORS),
    form(Name::AdminTicketInterrupt, "/admin/tickets/{ticket}/interrupt", ADMINISTRATORS),
    page(Name::AdminMailsPage, "/admin/mails", ADMINISTRATORS),
    form(Name::AdminMailRetry, "/admin/mails/{mail}/retry", ADMINISTRATORS),
    page(Name::AdminPeoplePage, "/admin/people", ADMINISTRATORS),
    form(Name::AdminPersonAdd, "/admin/people", ADMINISTRATORS),
    page(Name::AdminPersonNew, "/admin/people/new", ADMINISTRATORS),
    form(Name::AdminPersonInvite, "/admin/people/{person}/invite", ADMINISTRATORS),
    form(Name::AdminInvitationRevoke, "/admin/people/{person}/invitation/revoke", ADMINISTRATORS),
    form(Name::AdminPersonUnlock, "/admin/people/{person}/unlock", ADMINISTRATORS),
    form(Name::AdminSecondFactorReset, "/admin/people/{person}/second-factor/reset", ADMINISTRATORS),
    page(Name::AdminWorkstationsPage, "/admin/workstations", ADMINISTRATORS),
    form(Name::AdminWorkstationRevoke, "/admin/workstations/{workstation}/revoke", ADMINISTRATORS),
    page(Name::RecordingsPage, "/recordings", DECIDERS),
    page(Name::RecordingsSite, "/recordings/{site}", DECIDERS),
    form(Name::RecordingsExport, "/recordings/{site}/export", DECIDERS),
    page(Name::RegisterPage, "/register", REGISTER_READERS),
    page(Name::RegisterExportJsonl, "/register/export.jsonl", REGISTER_READERS),
    page(Name::RegisterExportCsv, "/register/export.csv", REGISTER_READERS),
    page(Name::TransmissionsCsv, "/register/transmissions.csv", REGISTER_READERS),
    page(Name::RegisterExportPdf, "/register/export.pdf", REGISTER_READERS),
    page(Name::RegisterEntryPage, "/register/{seq}", REGISTER_READERS),
    page(Name::TraceabilityPage, "/traceability", DOSSIER_READERS),
    // The same for programs
    row(Name::ApiLogin, Method::POST, "/api/v1/login", Who::Anybody, Proof::Origin, Kind::Api, Carries::Json),
    act(Name::ApiLogout, "/api/v1/logout", EVERYONE),
    read(Name::ApiMe, "/api/v1/me", EVERYONE),
    read(Name::ApiTickets, "/api/v1/tickets", TICKET_READERS),
    act(Name::ApiTicketsFile, "/api/v1/tickets", OPERATORS),
    read(Name::ApiTicket, "/api/v1/tickets/{ticket}", TICKET_READERS),
    read(Name::ApiTicketCameras, "/api/v1/tickets/{ticket}/cameras", VIEWERS),
    act(Name::ApiTicketWithdraw, "/api/v1/tickets/{ticket}/withdraw", OPERATORS),
    act(Name::ApiTicketApprove, "/api/v1/tickets/{ticket}/approve", DECIDERS),
    act(Name::ApiTicketRefuse, "/api/v1/tickets/{ticket}/refuse", DECIDERS),
    act(Name::ApiTicketConfirmNeed, "/api/v1/tickets/{ticket}/confirm-need", OPERATORS),
    act(Name::ApiTicketEnd, "/api/v1/tickets/{ticket}/end", OPERATORS),
    act(Name::ApiTicketInterrupt, "/api/v1/tickets/{ticket}/interrupt", Who::Roles(&[Decider, Guard, Administrator])),
    act(Name::ApiViewerToken, "/api/v1/tickets/{ticket}/viewer-token", VIEWERS),
    read(Name::ApiSessions, "/api/v1/sessions", ADMINISTRATORS),
    act(Name::ApiSessionCut, "/api/v1/sessions/{session}/cut", ADMINISTRATORS),
    read(Name::ApiConnections, "/api/v1/connections", ADMINISTRATORS),
    read(Name::ApiMails, "/api/v1/mails", ADMINISTRATORS),
    act(Name::ApiMailRetry, "/api/v1/mails/{mail}/retry", ADMINISTRATORS),
    read(Name::ApiCameras, "/api/v1/cameras", CAMERA_READERS),
    read(Name::ApiSite, "/api/v1/sites/{site}", DOSSIER_READERS),
    act(Name::ApiSiteRecord, "/api/v1/sites/{site}/records", CAMERA_READERS),
    read(Name::ApiAlerts, "/api/v1/alerts", TICKET_READERS),
    act(Name::ApiAlertRaise, "/api/v1/alerts", GUARDS),
    act(Name::ApiAlertClose, "/api/v1/alerts/{alert}/close", LANDLORD),
    read(Name::ApiChanges, "/api/v1/changes", SITE_SETTERS),
    act(Name::ApiChangeSettle, "/api/v1/changes/{change}", SITE_SETTERS),
    read(Name::ApiHolds, "/api/v1/holds", FOOTAGE_KEEPERS),
    act(Name::ApiHoldPlace, "/api/v1/holds", DECIDERS),
    act(Name::ApiHoldRelease, "/api/v1/holds/{hold}/release", DECIDERS),
    act(Name::ApiHoldClock, "/api/v1/holds/clock", CLOCK_KEEPERS),
    read(Name::ApiStorage, "/api/v1/storage", REGISTER_READERS),
    act(Name::ApiSiteRetention, "/api/v1/sites/{site}/retention", DECIDERS),
    read(Name::ApiAccess, "/api/v1/access-requests", FOOTAGE_KEEPERS),
    act(Name::ApiAccessFile, "/api/v1/access-requests", FOOTAGE_KEEPERS),
    act(Name::ApiAccessAnswer, "/api/v1/access-requests/{request}/answer", FOOTAGE_KEEPERS),
    act(Name::ApiSitePolicy, "/api/v1/sites/{site}/policy", SITE_SETTERS),
    read(Name::ApiPeople, "/api/v1/people", ADMINISTRATORS),
    act(Name::ApiPersonAdd, "/api/v1/people", ADMINISTRATORS),
    act(Name::ApiPersonInvite, "/api/v1/people/{person}/invite", ADMINISTRATORS),
    act(Name::ApiInvitationRevoke, "/api/v1/people/{person}/invitation/revoke", ADMINISTRATORS),
    act(Name::ApiPersonUnlock, "/api/v1/people/{person}/unlock", ADMINISTRATORS),
    act(Name::ApiSecondFactorReset, "/api/v1/people/{person}/second-factor/reset", ADMINISTRATORS),
    read(Name::ApiWorkstations, "/api/v1/workstations", ADMINISTRATORS),
    act(Name::ApiWorkstationRevoke, "/api/v1/workstations/{workstation}/revoke", ADMINISTRATORS),
    act(Name::ApiViewingOpen, "/api/v1/recordings/{site}/viewings", DECIDERS),
    read(Name::ApiViewingPlaylist, "/api/v1/viewings/{viewing}/{camera}/index.m3u8", DECIDERS),
    read(Name::ApiViewingMedia, "/api/v1/viewings/{viewing}/{camera}/media/{segment}", DECIDERS),
    read(Name::ApiExportProgress, "/api/v1/exports/{export}", DECIDERS),
    read(Name::ApiRegister, "/api/v1/register", REGISTER_READERS),
    read(Name::ApiRegisterProof, "/api/v1/register/{seq}/proof", REGISTER_READERS),
    read(Name::Events, "/events", LIVE_READERS),
    // WHEP
    options(Name::WhepOptions, WHEP_TRANSFER),
    whep(Name::WhepPost, Method::POST, WHEP_TRANSFER, POLICE, Carries::Offer),
    options(Name::WhepViewingOptions, WHEP_VIEWING),
    whep(Name::WhepViewingPost, Method::POST, WHEP_VIEWING, DECIDERS, Carries::Offer),
    options(Name::WhepSessionOptions, WHEP_SESSION),
    whep(Name::WhepPatch, Method::PATCH, WHEP_SESSION, VIEWERS, Carries::Fragment),
    whep(Name::WhepDelete, Method::DELETE, WHEP_SESSION, VIEWERS, Carries::Nothing),
    // The server about itself
    read(Name::OpenApi, "/openapi.yaml", Who::Anybody),
    read(Name::Healthz, "/healthz", Who::Anybody),
    read(Name::Readyz, "/readyz", Who::Anybody),
    read(Name::Metrics, "/metrics", ADMINISTRATORS),
    page(Name::Static, "/static/{file*}", Who::Anybody),
    page(Name::DemoMails, "/demo/mails", Who::Anybody),
];

/// What a method and a path lead to.
#[derive(Debug)]
pub enum Found {
    /// This route, with the values of its `{name}`s in order.
    Route(&'static Route, Vec<String>),
    /// The path exists, the method does not: the methods that do, for `Allow`, and how errors look there.
    OtherMethods(Vec<&'static str>, Kind),
    /// Nothing.
    Nothing,
}

/// Looks a request up. `path` is as it came over the wire: no route has a name that needs percent-decoding, so an
/// encoded path simply leads nowhere.
pub fn find(method: &Method, path: &str) -> Found {
    let mut others: Vec<&'static Route> = Vec::new();
    for route in &TABLE {
        if let Some(values) = matches(route.path, path) {
            if route.method == *method || (*method == Method::HEAD && route.method == Method::GET) {
                return Found::Route(route, values);
            }
            others.push(route);
        }
    }
    let Some(first) = others.first() else { return Found::Nothing };
    let mut allow: Vec<&'static str> = Vec::new();
    for route in &others {
        if route.method == Method::GET {
            allow.push("HEAD");
        }
        allow.push(route.method.as_str());
    }
    allow.sort_unstable();
    Found::OtherMethods(allow, first.kind)
}

fn matches(template: &str, path: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut path = path.split('/');
    for part in template.split('/') {
        if part.ends_with("*}") {
            let rest = path.collect::<Vec<_>>().join("/");
            return (!rest.is_empty()).then(|| {
                values.push(rest);
                values
            });
        }
        let given = path.next()?;
        if part.starts_with('{') {
            if given.is_empty() {
                return None;
            }
            values.push(given.to_owned());
        } else if part != given {
            return None;
        }
    }
    path.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_row_stands_twice() {
        let rows: BTreeSet<_> = TABLE.iter().map(|route| (route.method.as_str(), route.path)).collect();
        assert_eq!(rows.len(), TABLE.len());
    }

    #[test]
    fn every_name_has_its_row() {
        let (_, rest) = include_str!("routes.rs").split_once("pub enum Name {").unwrap();
        let names: BTreeSet<&str> =
            rest.split_once('}').unwrap().0.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let rows: Vec<String> = TABLE.iter().map(|route| format!("{:?}", route.name)).collect();
        assert_eq!(names, rows.iter().map(String::as_str).collect());
        assert_eq!(names.len(), rows.len(), "a name stands in one row");
    }

    #[test]
    fn every_change_is_protected_and_every_reading_is_free_of_it() {
        for route in &TABLE {
            let changes = !matches!(route.method, Method::GET | Method::OPTIONS);
            assert_eq!(changes, route.proof != Proof::None, "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn a1_3_no_row_for_the_police_leads_to_anything_but_live_images() {
        let words = [
            "recording",
            "archive",
            "seek",
            "play",
            "download",
            "export",
            "snapshot",
            "clip",
            "hls",
            "segment",
            "m3u8",
            "media",
            "viewings",
        ];
        for route in &TABLE {
            for role in [Operator, Chief] {
                let suspicious = words.iter().any(|word| route.path.contains(word));
                assert!(!(suspicious && route.who.admits(Some(role))), "{} for {role:?}", route.path);
            }
        }
    }

    #[test]
    fn a4_8_no_row_asks_the_police_to_acknowledge_or_to_intervene() {
        for route in TABLE.iter().filter(|route| route.who.admits(Some(Operator))) {
            let words = ["acknowledge", "accept", "dispatch", "intervene", "arrive"];
            assert!(!words.iter().any(|word| route.path.contains(word)), "{}", route.path);
        }
    }

    #[test]
    fn paths_are_found_with_their_values() {
        let Found::Route(route, values) = find(&Method::POST, "/tickets/abc/approve") else { panic!("not found") };
        assert_eq!((route.name, values), (Name::TicketApprove, vec!["abc".to_owned()]));
        let Found::Route(route, values) = find(&Method::HEAD, "/static/a/b.css") else { panic!("not found") };
        assert_eq!((route.name, values), (Name::Static, vec!["a/b.css".to_owned()]));
        let Found::OtherMethods(allow, Kind::Api) = find(&Method::GET, "/whep/tickets/abc") else { panic!("found") };
        assert_eq!(allow, ["OPTIONS", "POST"]);
        let Found::OtherMethods(allow, Kind::Page) = find(&Method::PUT, "/tickets") else { panic!("found") };
        assert_eq!(allow, ["GET", "HEAD", "POST"]);
        for nowhere in
            ["", "x", "//", "/tickets/", "/tickets//approve", "/static/", "/tickets/a/b/c", "/LOGIN", "/%6cogin"]
        {
            assert!(matches!(find(&Method::GET, nowhere), Found::Nothing), "{nowhere}");
        }
    }
}
