//! The landlord's cut with one tap (conflict table, row 1): where the mail about an urgent opening leads. Reading the page
//! does nothing; its one large button posts the same interruption as the ticket's page, with the reason filled in.

use super::access;
use super::answer::Answer;
use super::app::App;
use super::auth::Caller;
use super::chrome;
use super::models::Deed;
use super::pages::cut::{CutView, render};
use super::problem::Problem;
use super::request::Request;
use super::tickets;
use crate::domain::TicketId;
use http::StatusCode;

/// `GET /tickets/{ticket}/cut`.
pub async fn cut_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let id: TicketId = request.id()?;
    let names = access::names(app).await?;
    let model = access::ticket(app, person, &names, id)?;
    let view = CutView { may_cut: model.may(Deed::Interrupt), ticket: tickets::card_of(app, &names, id)? };
    chrome::page(request, StatusCode::OK, render(&chrome::shell(app, request, caller), &view))
}
