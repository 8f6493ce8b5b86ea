//! Log-in by the landlord's identity provider, as pages: the way there and the way back ([`super::auth::oidc`]).

use super::answer::{self, Answer};
use super::app::App;
use super::auth::oidc::{self, Failure, Next};
use super::auth::{self, Caller};
use super::login;
use super::pages::login::LoginFault;
use super::problem::Problem;
use super::request::Request;
use http::StatusCode;
use http::header::SET_COOKIE;

/// `GET /login/oidc`: off to the provider. A link and no form: `form-action` of our policy would stop a form's redirect.
pub async fn begin(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let next = login::own_page(&request.query("next").unwrap_or_default());
    if caller.person.is_some() {
        return answer::see_other(next.as_deref().unwrap_or("/"));
    }
    match oidc::begin(app, request, next).await {
        Ok((url, cookie)) => {
            let mut answer = answer::see_other(&url)?;
            answer.headers_mut().append(SET_COOKIE, cookie);
            Ok(answer)
        }
        Err(failure) => refuse(app, request, caller, failure).await,
    }
}

/// `GET /login/oidc/callback`: back from the provider.
pub async fn back(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (next, wanted) = match oidc::returned(app, request).await {
        Ok(returned) => returned,
        Err(failure) => return refuse(app, request, caller, failure).await,
    };
    let mut answer = match next {
        Next::Complete(logged_in) => {
            let mut answer = on_to(wanted.as_deref().unwrap_or("/"));
            login::append(&mut answer, logged_in.cookies);
            answer
        }
        Next::SecondFactorDue { person, stage } => {
            let mut answer = on_to(login::SECOND_FACTOR);
            answer.headers_mut().append(SET_COOKIE, auth::start(app, person, stage, wanted)?);
            answer
        }
    };
    answer.headers_mut().append(SET_COOKIE, oidc::away_cookie_gone()?);
    Ok(answer)
}

/// To a page of ours, from a page of ours: a redirect would still count as coming from the provider, and the browser would
/// hold our cookies back (SameSite=Strict). `page` is one of our own paths ([`login::own_page`]), escaped all the same.
fn on_to(page: &str) -> Answer {
    let page = page.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=\"0; url={page}\"><title>Écluse</title>"
    );
    answer::html(StatusCode::OK, page)
}

/// The log-in page, with what went wrong; the password is still there.
async fn refuse(app: &App, request: &Request, caller: &Caller, failure: Failure) -> Result<Answer, Problem> {
    let (status, fault) = match failure {
        Failure::Down => (StatusCode::SERVICE_UNAVAILABLE, LoginFault::ProviderDown),
        Failure::Broken => (StatusCode::BAD_REQUEST, LoginFault::ProviderBroken),
        Failure::NotHere => (StatusCode::FORBIDDEN, LoginFault::ProviderNotHere),
        Failure::Other(problem) => match login::fault_of(&problem) {
            Some(fault) => (problem.status, fault),
            None => return Err(problem),
        },
    };
    let mut answer = login::page_with(app, request, caller, status, fault).await?;
    answer.headers_mut().append(SET_COOKIE, oidc::away_cookie_gone()?);
    Ok(answer)
}
