//! The page of an invitation: `GET /invitation/{token}` shows a form, `POST` acts. Anything but a link that stands gets the
//! same page, so that trying links tells nothing.

use super::answer::{self, Answer};
use super::app::App;
use super::auth::{self, Accepted, Caller, Invited};
use super::chrome;
use super::login::SECOND_FACTOR;
use super::pages::Notice;
use super::pages::invitation::{InvitationView, PasswordFault, render};
use super::problem::Problem;
use super::request::Request;
use http::StatusCode;
use http::header::SET_COOKIE;

/// Shortest and longest password people may choose, characters; with a second factor beside it and a lock-out before it.
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=1024;

async fn invited(app: &App, request: &Request) -> Result<Option<Invited>, Problem> {
    auth::invited(app, request.values.first().map_or("", String::as_str)).await
}

fn draw(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    view: &InvitationView,
) -> Result<Answer, Problem> {
    // Whoever may be logged in on this machine: the page is the invited person's.
    let nobody = Caller { person: None, ..caller.clone() };
    let (bound, cookie) = chrome::bind_visitor(&nobody)?;
    let mut answer = chrome::page(request, status, render(&chrome::shell(app, request, &bound), view))?;
    if let Some(cookie) = cookie {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(answer)
}

fn void(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw(app, request, caller, StatusCode::GONE, &InvitationView::Void)
}

fn form(request: &Request, invited: &Invited, fault: Option<PasswordFault>) -> InvitationView {
    InvitationView::Stands {
        name: invited.identity.name.clone(),
        email: invited.identity.email.clone(),
        action: request.path.clone(),
        fault,
    }
}

/// `GET /invitation/{token}`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    // The form is bound to a cookie: to the one the browser will send with it.
    if let Some(again) = answer::again_from_here(&request.headers) {
        return Ok(again);
    }
    match invited(app, request).await? {
        Some(invited) => draw(app, request, caller, StatusCode::OK, &form(request, &invited, None)),
        None => void(app, request, caller),
    }
}

/// What is wrong with a password somebody chose for this address.
fn fault_of(password: &str, again: &str, email: &str) -> Option<PasswordFault> {
    let folded = password.to_lowercase();
    let mailbox = email.split('@').next().unwrap_or_default().to_lowercase();
    if !LENGTHS.contains(&password.chars().count()) || password.len() > *LENGTHS.end() {
        Some(PasswordFault::Length)
    } else if folded.contains(&email.to_lowercase()) || mailbox.len() >= 8 && folded.contains(&mailbox) {
        Some(PasswordFault::Guessable)
    } else {
        (password != again).then_some(PasswordFault::Differ)
    }
}

/// `POST /invitation/{token}`.
pub async fn accept(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let Some(invited) = invited(app, request).await? else { return void(app, request, caller) };
    let typed = request.form();
    let (password, again) = (typed.value("password").to_owned(), typed.value("again"));
    if let Some(fault) = fault_of(&password, again, &invited.identity.email) {
        let view = form(request, &invited, Some(fault));
        return draw(app, request, caller, StatusCode::UNPROCESSABLE_ENTITY, &view);
    }
    match auth::accept(app, invited, password).await {
        Ok(Accepted::SecondFactorDue(cookie)) => {
            let mut answer = answer::see_other(SECOND_FACTOR)?;
            answer.headers_mut().append(SET_COOKIE, cookie);
            Ok(answer)
        }
        Ok(Accepted::LogIn) => chrome::see_other_with("/login", &Notice::Saved),
        Err(problem) if problem.status == StatusCode::GONE => void(app, request, caller),
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_typed_twice_and_not_the_address() {
        let fault = |password: &str, again: &str| fault_of(password, again, "Camille.Roux@example.org");
        assert_eq!(fault("eleven char", "eleven char"), Some(PasswordFault::Length));
        assert_eq!(fault(&"é".repeat(600), &"é".repeat(600)), Some(PasswordFault::Length));
        assert_eq!(fault("twelve chars", "twelve charz"), Some(PasswordFault::Differ));
        assert_eq!(fault("xxcamille.rouxxx", "xxcamille.rouxxx"), Some(PasswordFault::Guessable));
        assert_eq!(fault("twelve chars", "twelve chars"), None);
    }
}
