//! Whose the live WHEP resources are, and which window of a browser has which.

use crate::domain::{PersonId, SessionId, TicketId};
use crate::web::app::App;
use crate::web::auth::{Person, SessionKey};
use crate::web::problem::Problem;
use crate::web::request::Request;
use http::StatusCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest name of a window, in characters: a UUID has 36.
const MAX_WINDOW: usize = 64;

/// Whose the live WHEP resources are. A resource whose branch has gone stays known until it is asked for or swept: it
/// answers 404 either way.
#[derive(Default)]
pub struct Resources {
    made: Mutex<HashMap<SessionId, Resource>>,
    /// Windows whose offer is being carried out.
    opening: Mutex<Vec<Window>>,
}

pub(super) struct Resource {
    pub(super) person: PersonId,
    pub(super) login: SessionKey,
    pub(super) ticket: TicketId,
    pub(super) is_transfer: bool,
    pub(super) etag: String,
    pub(super) window: Option<String>,
}

/// A window of a browser under a ticket, by the name that its page gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    login: SessionKey,
    ticket: TicketId,
    name: String,
}

/// While it lives, its window is known to be opening a viewing.
pub(super) struct Opening {
    app: Arc<App>,
    window: Option<Window>,
}

impl Opening {
    pub(super) fn new(app: Arc<App>, window: Option<Window>) -> Self {
        if let Some(window) = &window {
            app.resources.opening().push(window.clone());
        }
        Self { app, window }
    }

    /// The server, and the window's name if it has one.
    pub(super) fn of(&self) -> (&Arc<App>, Option<&String>) {
        (&self.app, self.window.as_ref().map(|window| &window.name))
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let Some(window) = &self.window else { return };
        let mut opening = self.app.resources.opening();
        if let Some(place) = opening.iter().position(|known| known == window) {
            opening.swap_remove(place);
        }
    }
}

impl Resources {
    pub(super) fn map(&self) -> MutexGuard<'_, HashMap<SessionId, Resource>> {
        // Every change is one insertion or removal: the map is whole even if a holder panicked.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opening(&self) -> MutexGuard<'_, Vec<Window>> {
        // As above.
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the viewing `live` (one that is still in the making has no resource yet) is this very window's.
    pub(super) fn is_of(&self, window: &Window, live: Option<SessionId>) -> bool {
        let map = self.map();
        match live.and_then(|session| map.get(&session)) {
            Some(made) => made.login == window.login && made.window.as_ref() == Some(&window.name),
            None => self.opening().contains(window),
        }
    }

    pub(super) fn remove(&self, session: SessionId) -> Option<Resource> {
        self.map().remove(&session)
    }

    /// The live resources made under a log-in.
    pub fn of_login(&self, login: SessionKey) -> Vec<SessionId> {
        self.map().iter().filter(|(_, resource)| resource.login == login).map(|(id, _)| *id).collect()
    }

    pub(super) fn insert(&self, session: SessionId, resource: Resource, is_live: impl Fn(&SessionId) -> bool) {
        let mut map = self.map();
        if map.len() >= 256 {
            map.retain(|id, _| is_live(id));
        }
        map.insert(session, resource);
    }
}

/// The window that asks (`?window=NAME`), where its page says so.
pub(super) fn window_of(request: &Request, person: &Person, ticket: TicketId) -> Result<Option<Window>, Problem> {
    let Some(name) = request.query("window") else { return Ok(None) };
    if name.is_empty()
        || name.len() > MAX_WINDOW
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        let detail = format!("window: expected 1 to {MAX_WINDOW} letters, digits and hyphens that the page made up");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "window", detail));
    }
    Ok(Some(Window { login: person.session, ticket, name: name.to_owned() }))
}
