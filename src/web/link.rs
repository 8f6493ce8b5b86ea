//! The ticket's link (A3-6, fault 10; docs/design/link.md): it works for that agent, that ticket, that workstation, and
//! only while the ticket is open.
//!
//! The opening of a ticket issues a link to the agent who asked, and one to each chief of the service. It is an address
//! without any secret in it. Its first use, a viewing that is really opened, binds it to the workstation and the log-in
//! that use it, and hands that browser a token in a cookie of its own; every later request has to bring all three. Only
//! the token's SHA-256 is kept, in memory: a restart closes every open ticket, and what is bound to it with it (fault 19).
//!
//! What it does not do: decide whether the ticket is open, or whether somebody watches already. The keeper does.

use super::auth::{Person, SessionKey};
use super::connections::{Connection, Kind};
use super::problem::Problem;
use super::request::{Peer, Request};
use crate::domain::{PersonId, TicketId};
use http::StatusCode;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a link's token is the SHA-256 of.
type Digest = [u8; 32];

/// Links that have been used, by ticket and person. One that is not here has not been used yet.
#[derive(Default)]
pub struct Links(Mutex<HashMap<(TicketId, PersonId), Link>>);

#[derive(Debug, Clone)]
struct Link {
    workstation: String,
    login: SessionKey,
    token: Digest,
    /// An offer is being answered under it: it goes to nobody else meanwhile.
    opening: bool,
}

/// Why a link does not work for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotYours {
    /// It was first used on another workstation.
    OtherWorkstation,
    /// Same workstation, but another window holds it and is watching.
    OtherWindow,
}

impl NotYours {
    /// What the caller is told. The code is also what the connection log says.
    pub fn problem(self) -> Problem {
        match self {
            NotYours::OtherWorkstation => Problem::new(
                StatusCode::FORBIDDEN,
                "link-bound-elsewhere",
                "this ticket's link was first used on another workstation and works there alone (A3-6)",
            ),
            NotYours::OtherWindow => Problem::new(
                StatusCode::CONFLICT,
                "already-watching",
                "this ticket's link is in use in another window: close that one first (A3-6)",
            ),
        }
    }
}

impl From<NotYours> for Problem {
    fn from(why: NotYours) -> Problem {
        why.problem()
    }
}

/// What is done with a link at the moment it is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody watches under it.
    Idle,
    /// The person watches under it.
    Watching,
    /// They watch, or are about to, in the very window that follows it: a page loaded again before it heard its token.
    SameWindow,
}

/// Who uses a link, and from where.
pub struct User<'a> {
    /// Under which ticket.
    pub ticket: TicketId,
    /// Who.
    pub person: &'a Person,
    /// The certificate's workstation, or the peer's address where no certificates are asked for.
    pub workstation: String,
}

impl<'a> User<'a> {
    /// The caller of a request.
    pub fn of(ticket: TicketId, person: &'a Person, peer: &Peer) -> Self {
        Self { ticket, person, workstation: peer.workstation() }
    }

    fn key(&self) -> (TicketId, PersonId) {
        (self.ticket, self.person.id.clone())
    }
}

/// A link being followed. Dropped without [`Following::keep`], a first use leaves no trace: nothing was shown.
pub struct Following<'a> {
    links: &'a Links,
    key: (TicketId, PersonId),
    digest: Digest,
    first: bool,
    kept: bool,
    /// The token to hand to this browser, when it does not hold the link's yet.
    pub new_token: Option<String>,
}

impl Following<'_> {
    /// A viewing was opened: the link stays bound.
    pub fn keep(mut self) -> Option<String> {
        self.kept = true;
        self.new_token.take()
    }
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        let mut links = self.links.map();
        let Some(link) = links.get_mut(&self.key).filter(|link| link.token == self.digest) else { return };
        link.opening = false;
        if self.first && !self.kept {
            links.remove(&self.key);
        }
    }
}

impl Links {
    fn map(&self) -> MutexGuard<'_, HashMap<(TicketId, PersonId), Link>> {
        // Every change is one insertion, removal or assignment: the map is whole even if a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a link to open a viewing. `token`: what this browser holds of it; `holder`: what this person does
    /// under this ticket at this moment.
    ///
    /// The agent's next log-in on the same workstation (a browser that crashed, a session that ran out) takes the link
    /// over, unless something is being watched under it.
    ///
    /// # Errors
    /// [`NotYours`], or that the system has no randomness to give.
    pub fn follow(&self, user: &User<'_>, token: Option<&str>, holder: Holder) -> Result<Following<'_>, Problem> {
        let mut links = self.map();
        let key = user.key();
        let first = match links.get_mut(&key) {
            Some(link) if link.workstation != user.workstation => return Err(NotYours::OtherWorkstation.into()),
            Some(link) if link.is_held(user, token) => {
                link.opening = true;
                let digest = link.token;
                return Ok(Following { links: self, key, digest, first: false, kept: false, new_token: None });
            }
            Some(_) if holder == Holder::SameWindow => false,
            Some(link) if holder == Holder::Watching || link.opening => return Err(NotYours::OtherWindow.into()),
            Some(_) => false,
            None => true,
        };
        let (token, digest) = fresh_token().map_err(|error| Problem::internal("a link's token", &error))?;
        let login = user.person.session;
        let link = Link { workstation: user.workstation.clone(), login, token: digest, opening: true };
        links.insert(key.clone(), link);
        Ok(Following { links: self, key, digest, first, kept: false, new_token: Some(token) })
    }

    /// Whether a player with a viewer token is on the workstation and under the log-in that the link is bound to. A viewer
    /// token is made by following the link, and stands for the link's own.
    ///
    /// # Errors
    /// [`NotYours`].
    pub fn check_player(&self, user: &User<'_>) -> Result<(), NotYours> {
        match self.map().get(&user.key()) {
            Some(link) if link.workstation != user.workstation => Err(NotYours::OtherWorkstation),
            Some(link) if link.login == user.person.session => Ok(()),
            // Taken over by another log-in, or void.
            _ => Err(NotYours::OtherWindow),
        }
    }

    /// Whether this browser holds the link: the same workstation, the same log-in, the link's token.
    ///
    /// # Errors
    /// [`NotYours`].
    pub fn check(&self, user: &User<'_>, token: Option<&str>) -> Result<(), NotYours> {
        match self.map().get(&user.key()) {
            Some(link) if link.workstation != user.workstation => Err(NotYours::OtherWorkstation),
            Some(link) if link.is_held(user, token) => Ok(()),
            _ => Err(NotYours::OtherWindow),
        }
    }

    /// The workstation a link is bound to, when it is not the one it is looked at from.
    pub fn elsewhere(&self, user: &User<'_>) -> Option<String> {
        let links = self.map();
        links.get(&user.key()).filter(|link| link.workstation != user.workstation).map(|link| link.workstation.clone())
    }

    /// Forgets the links of tickets that are over: their tokens are void.
    pub fn sweep(&self, is_open: impl Fn(TicketId) -> bool) {
        self.map().retain(|(ticket, _), _| is_open(*ticket));
    }
}

impl Link {
    fn is_held(&self, user: &User<'_>, token: Option<&str>) -> bool {
        let held = token.is_some_and(|token| openssl::memcmp::eq(&openssl::sha::sha256(token.as_bytes()), &self.token));
        held && self.login == user.person.session
    }
}

fn fresh_token() -> Result<(String, Digest), openssl::error::ErrorStack> {
    let mut secret = [0_u8; 32];
    openssl::rand::rand_bytes(&mut secret)?;
    let token: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = openssl::sha::sha256(token.as_bytes());
    Ok((token, digest))
}

/// The cookie that holds a link's token; one for each ticket, so that a chief's tickets do not disturb each other.
pub fn cookie_name(ticket: TicketId) -> String {
    format!("__Host-link-{ticket}")
}

/// What this request's browser holds of a ticket's link.
pub fn token(request: &Request, ticket: TicketId) -> Option<String> {
    request.cookie(&cookie_name(ticket)).map(str::to_owned)
}

/// A refused use, for the connection log (fault 10).
pub fn refused(address: SocketAddr, user: &User<'_>, code: &'static str) -> Connection {
    Connection::new(Kind::ViewingRefused, Some(address), code).by(Some(user.person.id.clone())).about(Some(user.ticket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Role;
    use crate::web::pages::Language;

    fn person(session: &str) -> Person {
        Person {
            id: "agent".parse().unwrap(),
            role: Role::Operator,
            sites: Default::default(),
            service: None,
            name: "Agent".to_owned(),
            email: "agent@example.org".to_owned(),
            language: Language::Fr,
            certificate: None,
            session: SessionKey::of(session),
            session_since_utc: chrono::DateTime::UNIX_EPOCH,
            session_until_utc: "2026-11-24T12:00:00Z".parse().unwrap(),
        }
    }

    fn user<'a>(ticket: TicketId, person: &'a Person, workstation: &str) -> User<'a> {
        User { ticket, person, workstation: workstation.to_owned() }
    }

    fn code<T>(result: Result<T, Problem>) -> &'static str {
        result.err().map_or("followed", |problem| problem.code)
    }

    #[test]
    fn a3_6_the_first_use_binds_workstation_and_log_in() {
        let (links, ticket, agent, later) = (Links::default(), TicketId::generate(), person("a"), person("b"));
        let here = user(ticket, &agent, "poste-1");
        let token = links.follow(&here, None, Holder::Idle).unwrap().keep().unwrap();
        assert_eq!(links.follow(&here, Some(&token), Holder::Watching).unwrap().keep(), None, "a reload");
        assert_eq!(links.check(&here, Some(&token)), Ok(()));
        assert_eq!(links.check(&here, Some("other")), Err(NotYours::OtherWindow));
        let there = user(ticket, &agent, "poste-2");
        assert_eq!(links.check(&there, Some(&token)), Err(NotYours::OtherWorkstation));
        assert_eq!(code(links.follow(&there, Some(&token), Holder::Idle)), "link-bound-elsewhere");
        assert_eq!(links.elsewhere(&there).as_deref(), Some("poste-1"));
        assert_eq!(links.elsewhere(&here), None);

        // Another log-in of theirs, same workstation: not while something is watched, then it is theirs alone.
        let again = user(ticket, &later, "poste-1");
        assert_eq!(code(links.follow(&again, Some(&token), Holder::Watching)), "already-watching");
        let theirs = links.follow(&again, None, Holder::Idle).unwrap().keep().unwrap();
        assert_eq!(links.check(&again, Some(&theirs)), Ok(()));
        assert_eq!(links.check(&here, Some(&token)), Err(NotYours::OtherWindow), "the old log-in's token is void");
        assert_eq!(links.check_player(&here), Err(NotYours::OtherWindow));
        assert_eq!(links.check_player(&again), Ok(()));

        // A page that was loaded again before it heard the answer: the same window gets a token of its own.
        let reloaded = links.follow(&again, None, Holder::SameWindow).unwrap().keep().unwrap();
        assert_eq!(links.check(&again, Some(&theirs)), Err(NotYours::OtherWindow));
        assert_eq!(links.check(&again, Some(&reloaded)), Ok(()));
        assert_eq!(code(links.follow(&there, None, Holder::SameWindow)), "link-bound-elsewhere");

        links.sweep(|_| false);
        assert_eq!(links.check(&again, Some(&reloaded)), Err(NotYours::OtherWindow), "void with the ticket");
    }

    #[test]
    fn fault_10_two_at_once_bind_it_once_and_a_failed_first_use_does_not() {
        let (links, ticket, agent) = (Links::default(), TicketId::generate(), person("a"));
        let (here, there) = (user(ticket, &agent, "poste-1"), user(ticket, &agent, "poste-2"));
        let first = links.follow(&here, None, Holder::Idle).unwrap();
        assert_eq!(code(links.follow(&here, None, Holder::Idle)), "already-watching");
        assert_eq!(code(links.follow(&there, None, Holder::Idle)), "link-bound-elsewhere");
        drop(first);
        assert!(links.follow(&there, None, Holder::Idle).unwrap().keep().is_some(), "nothing had been shown");
        assert_eq!(code(links.follow(&here, None, Holder::Idle)), "link-bound-elsewhere");
    }
}
