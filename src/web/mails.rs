//! The administrator's view of the outbox: how far each mail has come, the mail server's last reply, and "retry now"
//! (A3-7, A6-6). No mail's text is shown here: who asked for what is not the administrator's business.

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::Caller;
use super::chrome;
use super::models::PersonRef;
use super::pages::Notice;
use super::pages::outbox::{self, MailRow, OutboxView};
use super::problem::Problem;
use super::request::Request;
use crate::domain::{MailId, MailKind, TicketId};
use crate::store::{Delivery, Mail, Trouble};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;

const PER_PAGE: usize = 100;
/// How far back the pages go.
const REACH: u64 = 10_000;

/// Mails with their deliveries, newest first.
async fn newest(app: &App, skip: usize, limit: usize) -> Result<Vec<(Mail, Delivery)>, Problem> {
    app.in_store(move |store| {
        let outbox = store.outbox();
        let mut found = Vec::new();
        for mail in outbox.list(skip + limit)?.into_iter().skip(skip) {
            // A crash may have parted them; the next start mends it.
            if let Some(delivery) = outbox.delivery(&mail.id)? {
                found.push((mail, delivery));
            }
        }
        Ok(found)
    })
    .await
}

/// Has a mail tried again now.
async fn retry(app: &App, id: MailId) -> Result<(), Problem> {
    let now = app.context.clock.utc();
    let asked = id.clone();
    match app.in_store(move |store| store.outbox().retry(&asked, now)).await? {
        Some(Delivery::Queued { .. }) => {
            tracing::info!(mail = %id, "the administrator has a mail tried again");
            Ok(())
        }
        Some(Delivery::Sending { .. }) => {
            Err(Problem::new(StatusCode::CONFLICT, "mail-being-sent", "this mail is being sent at this moment"))
        }
        Some(Delivery::Accepted { .. } | Delivery::Failed { .. }) => {
            let detail = "the mail server has accepted this mail: it is not sent twice";
            Err(Problem::new(StatusCode::CONFLICT, "mail-accepted", detail))
        }
        None => Err(Problem::not_found()),
    }
}

fn skip(request: &Request) -> Result<usize, Problem> {
    Ok(request.query_number("skip", 0..=REACH)?.unwrap_or(0) as usize)
}

/// `GET /admin/mails?skip=N`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw(app, request, caller, StatusCode::OK, None).await
}

/// `POST /admin/mails/{mail}/retry`.
pub async fn retry_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    match retry(app, request.id()?).await {
        Ok(()) => chrome::see_other_with("/admin/mails", &Notice::MailRetried),
        Err(problem) if problem.status == StatusCode::CONFLICT => {
            draw(app, request, caller, problem.status, Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

async fn draw(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    problem: Option<&Problem>,
) -> Result<Answer, Problem> {
    let skip = skip(request)?;
    let names = access::names(app).await?;
    // One more than is shown tells whether there are older ones.
    let mut mails = newest(app, skip, PER_PAGE + 1).await?;
    let older = (mails.len() > PER_PAGE).then(|| skip + PER_PAGE);
    mails.truncate(PER_PAGE);
    let link = |skip: usize| format!("/admin/mails?skip={skip}");
    let view = OutboxView {
        server: app.settings.mail_server.clone(),
        rows: mails
            .into_iter()
            .map(|(mail, delivery)| MailRow {
                to_name: access::person_ref(&names, &mail.to_person).shown().to_owned(),
                id: mail.id,
                to_address: mail.to_address,
                kind: mail.kind,
                ticket: mail.ticket,
                queued_at_utc: mail.queued_at_utc,
                delivery,
            })
            .collect(),
        newer: (skip > 0).then(|| link(skip.saturating_sub(PER_PAGE))),
        older: older.map(link),
        trouble: problem.map(chrome::trouble),
    };
    chrome::page(request, status, outbox::render(&chrome::shell(app, request, caller), &view))
}

/// A mail for programs.
#[derive(Serialize)]
struct MailModel {
    id: MailId,
    to: PersonRef,
    to_address: String,
    kind: MailKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketId>,
    queued_at_utc: DateTime<Utc>,
    state: &'static str,
    attempts: u32,
    /// When it became what it is, or is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at_utc: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at_utc: Option<DateTime<Utc>>,
    /// The mail server's last reply, or what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    /// What kind of trouble, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'static str>,
}

impl MailModel {
    fn of(mail: Mail, delivery: Delivery, to: PersonRef) -> Self {
        let attempts = delivery.attempts();
        let mut model = MailModel {
            id: mail.id,
            to,
            to_address: mail.to_address,
            kind: mail.kind,
            ticket: mail.ticket,
            queued_at_utc: mail.queued_at_utc,
            state: "queued",
            attempts,
            next_attempt_at_utc: None,
            ended_at_utc: None,
            reply: None,
            trouble: None,
        };
        let mut waits = |trouble: Option<Trouble>| {
            model.trouble = trouble.as_ref().map(|trouble| trouble.kind.as_str());
            model.reply = trouble.map(|trouble| trouble.detail);
        };
        match delivery {
            Delivery::Queued { next_attempt_at_utc, trouble, .. } => {
                waits(trouble);
                model.next_attempt_at_utc = Some(next_attempt_at_utc);
            }
            Delivery::Sending { trouble, .. } => {
                waits(trouble);
                model.state = "sending";
            }
            Delivery::Accepted { at_utc, reply, .. } => {
                model.state = "accepted";
                (model.ended_at_utc, model.reply) = (Some(at_utc), Some(reply));
            }
            Delivery::Failed { at_utc, why, reply, .. } => {
                model.state = "failed";
                model.trouble = Some(why.as_str());
                (model.ended_at_utc, model.reply) = (Some(at_utc), Some(reply));
            }
        }
        model
    }
}

#[derive(Serialize)]
struct Mails {
    mails: Vec<MailModel>,
}

/// `GET /api/v1/mails?skip=N&limit=M`.
pub async fn api(app: &App, request: &Request) -> Result<Answer, Problem> {
    let limit = request.query_number("limit", 1..=1_000)?.map_or(PER_PAGE, |limit| limit as usize);
    let names = access::names(app).await?;
    let mails = newest(app, skip(request)?, limit)
        .await?
        .into_iter()
        .map(|(mail, delivery)| {
            let to = access::person_ref(&names, &mail.to_person);
            MailModel::of(mail, delivery, to)
        })
        .collect();
    answer::json(StatusCode::OK, &Mails { mails })
}

/// `POST /api/v1/mails/{mail}/retry`.
pub async fn retry_api(app: &App, request: &Request) -> Result<Answer, Problem> {
    request.nothing()?;
    retry(app, request.id()?).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
