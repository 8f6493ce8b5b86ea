//! The frame around pages: who is logged in, banners, the notice left by the request before, error pages.

use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, VISITOR_COOKIE, set_cookie};
use super::language;
use super::pages::{Banner, Locale, Notice, Persona, Shell, Trouble, error};
use super::problem::Problem;
use super::request::Request;
use crate::control::RegisterHealth;
use crate::domain::Role;
use http::StatusCode;
use http::header::SET_COOKIE;

/// Carries what one request did to the page drawn after it (Post/Redirect/Get).
const NOTICE_COOKIE: &str = "__Host-notice";

/// The frame for this reader.
pub fn shell(app: &App, request: &Request, caller: &Caller) -> Shell {
    let path = match request.query.as_str() {
        "" => request.path.clone(),
        query => format!("{}?{query}", request.path),
    };
    Shell {
        notice: notice_cookie(request).and_then(read_notice),
        ..frame(app, caller, language::of(app, &request.headers, caller), path)
    }
}

fn frame(app: &App, caller: &Caller, locale: Locale, path: String) -> Shell {
    Shell {
        locale,
        path,
        csrf: caller.csrf(),
        persona: caller.person.as_ref().map(|person| Persona {
            person: person.id.clone(),
            name: person.name.clone(),
            role: person.role,
        }),
        banner: banner(app, caller),
        notice: None,
        now_utc: app.context.clock.utc(),
        demo: app.context.demo.is_some(),
    }
}

fn banner(app: &App, caller: &Caller) -> Option<Banner> {
    let health = app.context.control.health();
    match health.register {
        RegisterHealth::Unavailable { why } => {
            let why = if caller.role() == Some(Role::Administrator) { why } else { String::new() };
            Some(Banner::RegisterReadOnly { why })
        }
        _ if health.stopping => Some(Banner::Stopping),
        RegisterHealth::OnReserve { .. } => Some(Banner::RegisterOnReserve),
        RegisterHealth::Sound => {
            let told = [Role::Administrator, Role::Decider, Role::Dpo].map(Some);
            if !told.contains(&caller.role()) {
                return None;
            }
            let alarms: Vec<_> = app.context.control.read(|state| state.storage_alarms.keys().copied().collect());
            (!alarms.is_empty()).then_some(Banner::Storage { alarms })
        }
    }
}

/// A drawn page as an answer; takes away the notice it has shown.
///
/// # Errors
/// When it could not be drawn.
pub fn page(request: &Request, status: StatusCode, drawn: askama::Result<String>) -> Result<Answer, Problem> {
    let body = drawn.map_err(|error| Problem::internal("a page cannot be drawn", &error))?;
    let mut answer = answer::html(status, body);
    if notice_cookie(request).is_some() {
        answer.headers_mut().append(SET_COOKIE, set_cookie(NOTICE_COOKIE, "", Some(0))?);
    }
    Ok(answer)
}

/// "See there", with a notice for the page that comes.
///
/// # Errors
/// When the target is no header value, which is our fault.
pub fn see_other_with(target: &str, notice: &Notice) -> Result<Answer, Problem> {
    let mut answer = answer::see_other(target)?;
    answer.headers_mut().append(SET_COOKIE, set_cookie(NOTICE_COOKIE, &write_notice(notice), Some(60))?);
    Ok(answer)
}

/// The notice this page is to show. A page that a script asks for, to update itself, is none a person is led to: the
/// notice waits for that one.
fn notice_cookie(request: &Request) -> Option<&str> {
    let by_script = request.headers.get("sec-fetch-dest").is_some_and(|dest| dest.as_bytes() != b"document");
    if by_script { None } else { request.cookie(NOTICE_COOKIE) }
}

fn write_notice(notice: &Notice) -> String {
    let cut = |word: &str, cut_us: &Option<u64>| match cut_us {
        Some(cut_us) => format!("{word}.{cut_us}"),
        None => word.to_owned(),
    };
    match notice {
        Notice::Filed => "filed".to_owned(),
        Notice::Approved => "approved".to_owned(),
        Notice::Refused => "refused".to_owned(),
        Notice::Withdrawn => "withdrawn".to_owned(),
        Notice::NeedConfirmed => "need-confirmed".to_owned(),
        Notice::Ended => "ended".to_owned(),
        Notice::Saved => "saved".to_owned(),
        Notice::PersonInvited => "person-invited".to_owned(),
        Notice::PersonAdded => "person-added".to_owned(),
        Notice::InvitationRevoked => "invitation-revoked".to_owned(),
        Notice::AccountUnlocked => "account-unlocked".to_owned(),
        Notice::PasskeyAdded => "passkey-added".to_owned(),
        Notice::PasskeyRemoved => "passkey-removed".to_owned(),
        Notice::LoggedOut => "logged-out".to_owned(),
        Notice::WorkstationRevoked => "workstation-revoked".to_owned(),
        Notice::OpenedAtOnce => "opened-at-once".to_owned(),
        Notice::MailRetried => "mail-retried".to_owned(),
        Notice::SecondFactorReset => "second-factor-reset".to_owned(),
        Notice::Interrupted { cut_us } => cut("interrupted", cut_us),
        Notice::SessionCut { cut_us } => cut("session-cut", cut_us),
    }
}

fn read_notice(text: &str) -> Option<Notice> {
    let (word, cut_us) = text.split_once('.').map_or((text, None), |(word, number)| (word, number.parse().ok()));
    Some(match word {
        "filed" => Notice::Filed,
        "approved" => Notice::Approved,
        "refused" => Notice::Refused,
        "withdrawn" => Notice::Withdrawn,
        "need-confirmed" => Notice::NeedConfirmed,
        "ended" => Notice::Ended,
        "saved" => Notice::Saved,
        "workstation-revoked" => Notice::WorkstationRevoked,
        "opened-at-once" => Notice::OpenedAtOnce,
        "person-invited" => Notice::PersonInvited,
        "person-added" => Notice::PersonAdded,
        "invitation-revoked" => Notice::InvitationRevoked,
        "account-unlocked" => Notice::AccountUnlocked,
        "passkey-added" => Notice::PasskeyAdded,
        "passkey-removed" => Notice::PasskeyRemoved,
        "logged-out" => Notice::LoggedOut,
        "mail-retried" => Notice::MailRetried,
        "second-factor-reset" => Notice::SecondFactorReset,
        "interrupted" => Notice::Interrupted { cut_us },
        "session-cut" => Notice::SessionCut { cut_us },
        _ => return None,
    })
}

/// A problem as pages show it.
pub fn trouble(problem: &Problem) -> Trouble {
    Trouble { code: problem.code.to_owned(), detail: problem.detail.clone(), faults: problem.faults.clone() }
}

/// A finished error page.
pub fn error_page(app: &App, caller: &Caller, locale: Locale, path: &str, problem: &Problem) -> Answer {
    let shell = frame(app, caller, locale, path.to_owned());
    let view = error::ErrorView {
        status: problem.status.as_u16(),
        trouble: Some(trouble(problem)),
        reference: None,
        back: "/".to_owned(),
    };
    let mut answer = match error::render(&shell, &view) {
        Ok(body) => answer::html(problem.status, body),
        Err(error) => {
            tracing::error!(%error, "an error page cannot be drawn");
            answer::content(problem.status, "text/plain; charset=utf-8", problem.detail.clone())
        }
    };
    answer.headers_mut().extend(problem.headers.clone());
    answer
}

/// Gives a visitor something forms can be bound to before anybody is logged in; returns the caller as bound.
///
/// # Errors
/// When the system has no randomness to give.
pub fn bind_visitor(caller: &Caller) -> Result<(Caller, Option<http::HeaderValue>), Problem> {
    if caller.secret.as_ref().is_some_and(|secret| secret.len() >= 32) {
        return Ok((caller.clone(), None));
    }
    let mut secret = [0_u8; 32];
    openssl::rand::rand_bytes(&mut secret).map_err(|error| Problem::internal("no randomness", &error))?;
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let cookie = set_cookie(VISITOR_COOKIE, &secret, None)?;
    Ok((Caller { secret: Some(secret), ..caller.clone() }, Some(cookie)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_survive_their_cookie() {
        for notice in [
            Notice::Filed,
            Notice::Approved,
            Notice::Refused,
            Notice::Withdrawn,
            Notice::NeedConfirmed,
            Notice::Ended,
            Notice::Saved,
            Notice::PersonInvited,
            Notice::PersonAdded,
            Notice::InvitationRevoked,
            Notice::AccountUnlocked,
            Notice::PasskeyAdded,
            Notice::PasskeyRemoved,
            Notice::LoggedOut,
            Notice::MailRetried,
            Notice::SecondFactorReset,
            Notice::Interrupted { cut_us: Some(1_234) },
            Notice::Interrupted { cut_us: None },
            Notice::SessionCut { cut_us: Some(0) },
        ] {
            assert_eq!(read_notice(&write_notice(&notice)), Some(notice));
        }
        assert_eq!(read_notice("<script>"), None);
    }
}
