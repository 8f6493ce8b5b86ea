//! What is about nobody's tickets: the reader themself, the server's health, its description, assets, the demo's mails.

use super::answer::{self, Answer};
use super::app::App;
use super::assets;
use super::auth::Caller;
use super::chrome;
use super::pages::mails::{MailRow, MailsView, render};
use super::problem::Problem;
use super::request::Request;
use crate::domain::{PersonId, Role, ServiceId, SiteId};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many mails the demo's page shows.
const MAILS_SHOWN: usize = 200;

/// The interface's description, also the reference of its tests.
pub const OPENAPI: &str = include_str!("../../web/openapi.yaml");

/// A logged-in person about themself.
#[derive(Serialize)]
pub struct Me {
    /// Pseudonym.
    pub person: PersonId,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Sites of the designation.
    pub sites: BTreeSet<SiteId>,
    /// Service, for the police.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    /// `fr` or `en`.
    pub language: String,
}

#[derive(Serialize)]
struct MeWithToken {
    csrf_token: String,
    session_until_utc: chrono::DateTime<chrono::Utc>,
    #[serde(flatten)]
    me: Me,
}

/// `GET /api/v1/me`.
pub fn me(caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let me = Me {
        person: person.id.clone(),
        name: person.name.clone(),
        role: person.role,
        sites: person.sites.clone(),
        service: person.service.clone(),
        language: person.language.as_str().to_owned(),
    };
    let body = MeWithToken { csrf_token: caller.csrf(), session_until_utc: person.session_until_utc, me };
    answer::json(StatusCode::OK, &body)
}

/// `GET /openapi.yaml`.
pub fn openapi() -> Answer {
    answer::content(StatusCode::OK, "application/yaml", OPENAPI)
}

/// `GET /healthz`: the process answers. Tiny, and asks nobody.
pub fn healthz() -> Answer {
    answer::content(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    register: &'static str,
    recording: &'static str,
    stopping: bool,
}

/// `GET /readyz`: transfers can be granted. What exactly is wrong is for the administrator's pages, not for strangers.
pub fn readyz(app: &App) -> Result<Answer, Problem> {
    let health = app.context.control.health();
    let ready = health.is_writable() && !app.stop.is_cancelled();
    let register = match health.register {
        crate::control::RegisterHealth::Sound => "sound",
        crate::control::RegisterHealth::OnReserve { .. } => "on-reserve",
        crate::control::RegisterHealth::Unavailable { .. } => "unavailable",
    };
    // No transfer depends on it: a recorder in trouble makes nobody unready.
    let recording = match &app.context.recorder {
        None => "off",
        Some(recorder) if !recorder.is_configured() => "off",
        Some(recorder) if recorder.is_well() => "sound",
        Some(_) => "in-trouble",
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer::json(status, &Readiness { ready, register, recording, stopping: health.stopping })
}

/// `GET /static/{file*}`.
pub fn asset(request: &Request) -> Result<Answer, Problem> {
    let asset = request.values.first().and_then(|path| assets::get(path)).ok_or_else(Problem::not_found)?;
    let header = |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal("an asset", &error));
    let etag = header(&asset.etag)?;
    let known = request
        .header(IF_NONE_MATCH)
        .is_some_and(|given| given.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.etag));
    let mut answer = if known {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        let content_type = header(&asset.content_type)?;
        let mut answer = answer::content(StatusCode::OK, "", asset.bytes.into_owned());
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        answer
    };
    answer.headers_mut().insert(ETAG, etag);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(assets::CACHE_CONTROL));
    Ok(answer)
}

/// `GET /demo/mails`: there in the demo alone.
pub async fn demo_mails(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    if app.context.demo.is_none() {
        return Err(Problem::not_found());
    }
    let (mails, people) = app.in_store(|store| Ok((store.outbox().list(MAILS_SHOWN)?, store.people().list()?))).await?;
    let names: BTreeMap<PersonId, String> = people.into_iter().map(|person| (person.person, person.name)).collect();
    let chosen = request.query("to");
    let mut recipients: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let mut shown = Vec::new();
    for mail in mails {
        let to_name = names.get(&mail.to_person).cloned().unwrap_or_else(|| mail.to_person.to_string());
        recipients.entry(mail.to_address.clone()).or_insert((to_name.clone(), 0)).1 += 1;
        if chosen.as_ref().is_none_or(|chosen| *chosen == mail.to_address) {
            shown.push(MailRow {
                id: mail.id.to_string(),
                to_name,
                to_address: mail.to_address,
                subject: mail.subject,
                text: mail.text,
                queued_at_utc: mail.queued_at_utc,
            });
        }
    }
    let view = MailsView {
        mails: shown,
        recipients: recipients.into_iter().map(|(address, (name, count))| (name, address, count)).collect(),
        chosen,
        public_url: app.settings.public_url.trim_end_matches('/').to_owned(),
    };
    let (caller, cookie) = chrome::bind_visitor(caller)?;
    let mut answer = chrome::page(request, StatusCode::OK, render(&chrome::shell(app, request, &caller), &view))?;
    if let Some(cookie) = cookie {
        answer.headers_mut().append(http::header::SET_COOKIE, cookie);
    }
    Ok(answer)
}
