//! A person's own second factor: passkeys are added and removed here, by somebody who is logged in and types their password
//! again (a session left open must not be able to make itself a key).

use super::answer::Answer;
use super::app::App;
use super::auth::{self, Caller};
use super::chrome;
use super::pages::Notice;
use super::pages::own_factor::{OwnFactorView, PasskeyRow, render};
use super::problem::Problem;
use super::request::Request;
use http::StatusCode;

const PAGE: &str = "/me/second-factor";
const MAX_NAME_CHARS: usize = 60;

/// `GET /me/second-factor`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw(app, request, caller, StatusCode::OK, None).await
}

async fn draw(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    problem: Option<&Problem>,
) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let own = auth::own_factor(app, person).await?;
    let row = |key: crate::store::StoredPasskey| PasskeyRow {
        id: key.id,
        name: key.name,
        added_at_utc: key.added_at_utc,
        last_used_at_utc: key.last_used_at_utc,
    };
    let view = OwnFactorView {
        since_utc: own.factor.as_ref().map(|factor| factor.enrolled_at_utc),
        has_application: own.factor.as_ref().is_some_and(crate::store::SecondFactor::has_application),
        recovery_codes_left: own.factor.map_or(0, |factor| factor.recovery_codes_left()),
        passkeys: own.passkeys.into_iter().map(row).collect(),
        options: own.options,
        name: request.form().value("name").chars().take(MAX_NAME_CHARS).collect(),
        trouble: problem.map(chrome::trouble),
    };
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

/// What the page can say stays on it; the rest is an error page.
async fn settle(
    app: &App,
    request: &Request,
    caller: &Caller,
    outcome: Result<Notice, Problem>,
) -> Result<Answer, Problem> {
    match outcome {
        Ok(notice) => chrome::see_other_with(PAGE, &notice),
        Err(problem) if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND => {
            let mut answer = draw(app, request, caller, problem.status, Some(&problem)).await?;
            answer.headers_mut().extend(problem.headers);
            Ok(answer)
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /me/second-factor/passkeys`.
pub async fn add(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let form = request.form();
    let name: String = form.value("name").trim().chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let name = if name.is_empty() { "1".to_owned() } else { name };
    let (password, passkey) = (form.value("password").to_owned(), form.value("passkey").to_owned());
    let outcome = auth::add_passkey(app, request, caller.person()?, password, name, &passkey).await;
    settle(app, request, caller, outcome.map(|()| Notice::PasskeyAdded)).await
}

/// `POST /me/second-factor/passkeys/{passkey}/remove`.
pub async fn remove(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let id = request.values.first().cloned().unwrap_or_default();
    let password = request.form().value("password").to_owned();
    let outcome = auth::remove_passkey(app, request, caller.person()?, password, id).await;
    settle(app, request, caller, outcome.map(|()| Notice::PasskeyRemoved)).await
}
