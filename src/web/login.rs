//! Log-in and log-out, as a page and for programs.

use super::answer::{self, Answer};
use super::app::App;
use super::auth::{self, Caller, Credentials, csrf_token};
use super::chrome;
use super::misc;
use super::pages::Notice;
use super::pages::login::{DemoAccount, LoginFault, LoginView, render};
use super::problem::Problem;
use super::request::Request;
use super::routes::{Found, Kind, find};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;

/// `GET /login`.
pub fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let next = own_page(&request.query("next").unwrap_or_default());
    if caller.person.is_some() {
        return answer::see_other(next.as_deref().unwrap_or("/"));
    }
    let expired = caller.expired || request.query("expired").is_some();
    let view = LoginView { next: next.unwrap_or_default(), fault: expired.then_some(LoginFault::Expired), ..view(app) };
    draw(app, request, caller, StatusCode::OK, &view)
}

fn view(app: &App) -> LoginView {
    let accounts = app.context.demo.iter().flat_map(|demo| &demo.accounts);
    LoginView {
        accounts: accounts
            .map(|(label, email, password)| DemoAccount {
                label: label.clone(),
                email: email.clone(),
                password: password.clone(),
            })
            .collect(),
        ..LoginView::default()
    }
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

/// `POST /login`.
pub async fn form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let form = request.form();
    let credentials =
        Credentials { email: form.value("email").to_owned(), password: form.value("password").to_owned() };
    let next = own_page(form.value("next"));
    let problem = match auth::log_in(app, request, credentials).await {
        Ok(logged_in) => {
            let mut answer = answer::see_other(next.as_deref().unwrap_or("/"))?;
            answer.headers_mut().append(SET_COOKIE, logged_in.cookie);
            return Ok(answer);
        }
        Err(problem) => problem,
    };
    let fault = match problem.status {
        StatusCode::UNAUTHORIZED => LoginFault::Refused,
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = problem.header(&RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            LoginFault::TooMany { retry_after_s: wait.unwrap_or(60) }
        }
        _ => return Err(problem),
    };
    let typed = form.value("email").chars().take(254).collect();
    let view = LoginView { email: typed, next: next.unwrap_or_default(), fault: Some(fault), ..view(app) };
    let mut answer = draw(app, request, caller, problem.status, &view)?;
    answer.headers_mut().extend(problem.headers);
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

/// `POST /api/v1/login`: the session in its cookie, the token for `X-CSRF-Token` in the body.
pub async fn api(app: &App, request: &Request) -> Result<Answer, Problem> {
    let logged_in = auth::log_in(app, request, request.json()?).await?;
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
    answer.headers_mut().append(SET_COOKIE, logged_in.cookie);
    Ok(answer)
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
    let known = matches!(find(&Method::GET, bare), Found::Route(route, _) if route.kind == Kind::Page);
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
            "/api/v1/me",
            "/tickets\r\nx: y",
            "/a b",
        ] {
            assert_eq!(own_page(other), None, "{other}");
        }
    }
}
