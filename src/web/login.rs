//! Log-in and log-out, as pages and for programs: password, second factor, recovery codes shown once.

use super::answer::{self, Answer};
use super::app::App;
use super::auth::{self, Caller, Credentials, Given, LogIn, Stage, csrf_token};
use super::chrome;
use super::misc;
use super::pages::Notice;
use super::pages::login::{DemoAccount, LoginFault, LoginView, render};
use super::pages::second_factor::{self, Due, RecoveryCodesView, SecondFactorView};
use super::problem::Problem;
use super::request::Request;
use super::routes::{Found, Kind, find};
use crate::domain::PersonId;
use crate::store::totp::TotpSecret;
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;

/// Where the second factor is given.
pub const SECOND_FACTOR: &str = "/login/second-factor";

/// `GET /login`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let next = own_page(&request.query("next").unwrap_or_default());
    if caller.person.is_some() {
        return answer::see_other(next.as_deref().unwrap_or("/"));
    }
    let expired = caller.expired || request.query("expired").is_some();
    let view = view(app).await?;
    let view = LoginView { next: next.unwrap_or_default(), fault: expired.then_some(LoginFault::Expired), ..view };
    draw(app, request, caller, StatusCode::OK, &view)
}

/// The page with what went wrong on a way that does not begin with its form.
pub async fn page_with(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    fault: LoginFault,
) -> Result<Answer, Problem> {
    let view = LoginView { fault: Some(fault), ..view(app).await? };
    draw(app, request, caller, status, &view)
}

/// The form, empty; with the identity provider where there is one; in the demo with its accounts and the code each would
/// be let in with now.
async fn view(app: &App) -> Result<LoginView, Problem> {
    let provider = app.oidc.as_ref().map(|oidc| oidc.name().to_owned());
    let Some(demo) = &app.context.demo else { return Ok(LoginView { provider, ..LoginView::default() }) };
    let (accounts, now) = (demo.accounts.clone(), app.context.clock.utc());
    let accounts = app
        .in_store(move |store| {
            let account = |account: super::DemoAccount| {
                let factor = store.second_factors().get(&account.person)?;
                Ok(DemoAccount {
                    label: account.label,
                    email: account.email,
                    password: account.password,
                    code: factor.map(|factor| account.totp.code(factor.next_step(now))).unwrap_or_default(),
                })
            };
            accounts.into_iter().map(account).collect()
        })
        .await?;
    Ok(LoginView { accounts, provider, ..LoginView::default() })
}

fn draw(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    view: &LoginView,
) -> Result<Answer, Problem> {
    let (caller, cookie) = chrome::bind_visitor(caller)?;
    let mut answer = chrome::page(request, status, render(&chrome::shell(app, request, &caller), view))?;
    if let Some(cookie) = cookie {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// What went wrong, where the page can say it; else the problem itself.
pub fn fault_of(problem: &Problem) -> Option<LoginFault> {
    match problem.status {
        StatusCode::UNAUTHORIZED => Some(LoginFault::Refused),
        StatusCode::FORBIDDEN if problem.code == "workstation-required" => Some(LoginFault::Workstation),
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = problem.header(&RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Some(LoginFault::TooMany { retry_after_s: wait.unwrap_or(60) })
        }
        _ => None,
    }
}

/// `POST /login`. The code may come along, as programs and the demo send it; else its page is next.
pub async fn form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let form = request.form();
    let code = Some(form.value("code").to_owned()).filter(|code| !code.is_empty());
    let credentials =
        Credentials { email: form.value("email").to_owned(), password: form.value("password").to_owned(), code };
    let next = own_page(form.value("next"));
    let problem = match auth::log_in(app, request, credentials).await {
        Ok(LogIn::Complete(logged_in)) => {
            let mut answer = answer::see_other(next.as_deref().unwrap_or("/"))?;
            append(&mut answer, logged_in.cookies);
            return Ok(answer);
        }
        Ok(LogIn::SecondFactorDue { person, stage }) => {
            let mut answer = answer::see_other(SECOND_FACTOR)?;
            answer.headers_mut().append(SET_COOKIE, auth::start(app, person, stage, next)?);
            return Ok(answer);
        }
        Err(problem) => problem,
    };
    let Some(fault) = fault_of(&problem) else { return Err(problem) };
    let typed = form.value("email").chars().take(254).collect();
    let view = LoginView { email: typed, next: next.unwrap_or_default(), fault: Some(fault), ..view(app).await? };
    let mut answer = draw(app, request, caller, problem.status, &view)?;
    answer.headers_mut().extend(problem.headers);
    Ok(answer)
}

/// Puts a new session's cookies into an answer.
pub(super) fn append(answer: &mut Answer, cookies: [HeaderValue; 2]) {
    for cookie in cookies {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// `GET /login/second-factor`.
pub async fn second_factor_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    if caller.person.is_some() {
        return answer::see_other("/");
    }
    match auth::stage(app, request) {
        Some((person, stage)) => draw_stage(app, request, caller, StatusCode::OK, (person, stage), None).await,
        None => from_the_start(app, request, caller, LoginFault::Expired).await,
    }
}

/// The log-in page again: there is no half-done log-in (any more).
async fn from_the_start(app: &App, request: &Request, caller: &Caller, fault: LoginFault) -> Result<Answer, Problem> {
    let view = LoginView { fault: Some(fault), ..view(app).await? };
    let mut answer = draw(app, request, caller, StatusCode::UNAUTHORIZED, &view)?;
    answer.headers_mut().append(SET_COOKIE, auth::log_in_cookie_gone()?);
    Ok(answer)
}

async fn draw_stage(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    (person, stage): (PersonId, Stage),
    fault: Option<LoginFault>,
) -> Result<Answer, Problem> {
    let passkey = auth::asked(app, request, &person, &stage).await?;
    let due = match stage {
        Stage::Code => Due::Code,
        Stage::Enrolment(secret) => enrolment(app, person, &secret).await?,
    };
    let view = SecondFactorView { due, passkey, fault };
    let (caller, cookie) = chrome::bind_visitor(caller)?;
    let drawn = second_factor::render(&chrome::shell(app, request, &caller), &view);
    let mut answer = chrome::page(request, status, drawn)?;
    if let Some(cookie) = cookie {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(answer)
}

async fn enrolment(app: &App, person: PersonId, secret: &TotpSecret) -> Result<Due, Problem> {
    let identity = app.in_store(move |store| store.people().get(&person)).await?;
    let email = identity.map(|identity| identity.email).unwrap_or_default();
    Ok(Due::Enrolment { uri: secret.uri(&email), secret: secret.base32() })
}

/// `POST /login/second-factor`.
pub async fn second_factor_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let form = request.form();
    let given = match form.value("passkey") {
        "" => Given::Code(form.value("code")),
        answer => Given::Passkey(answer),
    };
    let problem = match auth::prove(app, request, given).await {
        Ok(Some(proof)) => return proved(app, request, proof).await,
        Ok(None) => return from_the_start(app, request, caller, LoginFault::Expired).await,
        Err(problem) => problem,
    };
    let Some(fault) = fault_of(&problem) else { return Err(problem) };
    let mut answer = match auth::stage(app, request) {
        Some(waiting) => draw_stage(app, request, caller, problem.status, waiting, Some(fault)).await?,
        None => from_the_start(app, request, caller, fault).await?,
    };
    answer.headers_mut().extend(problem.headers);
    Ok(answer)
}

/// Logged in: on to where the person wanted to go, after their recovery codes when those are new.
async fn proved(app: &App, request: &Request, proof: auth::Proof) -> Result<Answer, Problem> {
    let next = proof.next.unwrap_or_else(|| "/".to_owned());
    let mut answer = match proof.recovery_codes {
        None => answer::see_other(&next)?,
        Some(codes) => {
            // The frame of nobody in particular: the next page is the first one of theirs.
            let shell = chrome::shell(app, request, &Caller::default());
            let drawn = second_factor::render_recovery_codes(&shell, &RecoveryCodesView { codes, next });
            chrome::page(request, StatusCode::OK, drawn)?
        }
    };
    append(&mut answer, proof.logged_in.cookies);
    answer.headers_mut().append(SET_COOKIE, auth::log_in_cookie_gone()?);
    Ok(answer)
}

/// `POST /logout`.
pub async fn logout(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let gone = auth::log_out(app, request, caller).await?;
    let mut answer = chrome::see_other_with("/login", &Notice::LoggedOut)?;
    answer.headers_mut().append(SET_COOKIE, gone);
    // Whatever the browser kept of our pages goes too.
    answer.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(answer)
}

#[derive(Serialize)]
struct LoggedIn {
    csrf_token: String,
    #[serde(flatten)]
    me: misc::Me,
}

/// `POST /api/v1/login`: the session in its cookie, the token for `X-CSRF-Token` in the body. Programs give the code at
/// once, or are told to.
pub async fn api(app: &App, request: &Request) -> Result<Answer, Problem> {
    let logged_in = match auth::log_in(app, request, request.json()?).await? {
        LogIn::Complete(logged_in) => logged_in,
        LogIn::SecondFactorDue { stage, .. } => return Err(due(&stage)),
    };
    let place = app.context.control.read(|state| state.people.get(&logged_in.person).cloned());
    let identity = app.in_store(move |store| store.people().get(&logged_in.person)).await?;
    let (Some(place), Some(identity)) = (place, identity) else { return Err(auth::unauthorised()) };
    let me = misc::Me {
        person: place.person,
        name: identity.name,
        role: place.role,
        sites: place.sites,
        service: place.service,
        language: identity.language,
    };
    let body = LoggedIn { csrf_token: csrf_token(&logged_in.token), me };
    let mut answer = answer::json(StatusCode::OK, &body)?;
    append(&mut answer, logged_in.cookies);
    Ok(answer)
}

fn due(stage: &Stage) -> Problem {
    let (code, detail) = match stage {
        Stage::Code => ("second-factor-due", "the second factor is due: send the same again with \"code\""),
        Stage::Enrolment(_) => {
            ("second-factor-not-enrolled", "no second factor is enrolled: log in once on the page /login to enrol one")
        }
    };
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}

/// `POST /api/v1/logout`.
pub async fn api_logout(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let gone = auth::log_out(app, request, caller).await?;
    let mut answer = answer::empty(StatusCode::NO_CONTENT);
    answer.headers_mut().append(SET_COOKIE, gone);
    Ok(answer)
}

/// A path a form may send people back to: one of our own pages, nothing else.
pub fn own_page(path: &str) -> Option<String> {
    let (bare, query) = path.split_once('?').map_or((path, None), |(bare, query)| (bare, Some(query)));
    let known = match find(&Method::GET, bare) {
        // A log-in never leads to where arriving leaves an entry.
        Found::Route(route, _) => route.kind == Kind::Page && !route.name.records_when_read(),
        _ => false,
    };
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (known && plain && query.is_none_or(|query| !query.is_empty())).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn a_form_sends_people_to_our_own_pages_alone() {
        for page in ["/", "/tickets", "/tickets/0190-abc", "/register?before=5"] {
            assert_eq!(own_page(page).as_deref(), Some(page));
        }
        for other in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/nowhere",
            "/register/export.csv?site=arcade",
            "/api/v1/me",
            "/tickets\r\nx: y",
            "/a b",
        ] {
            assert_eq!(own_page(other), None, "{other}");
        }
    }
}
