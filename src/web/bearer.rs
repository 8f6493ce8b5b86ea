//! Viewer tokens: what lets a third-party player open one viewing in a person's name (A3-6, fault 10).
//!
//! A token is opaque (32 random bytes), bound to a person, a log-in and a ticket, good for one `POST` within 60 s, and
//! after that only for the resource it made. Only its SHA-256 is kept, in memory: a restart ends every viewing anyway.

use super::auth::{Person, SessionKey};
use crate::clock::Clock;
use crate::domain::{SessionId, TicketId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A token not used for so long is worth nothing.
pub const TOKEN_LIFE: Duration = Duration::from_secs(60);
/// The most tokens that wait for use at the same time.
const MAX_WAITING: usize = 4_096;

/// All tokens.
pub struct Bearers {
    clock: Arc<dyn Clock>,
    tokens: Mutex<HashMap<[u8; 32], Bearer>>,
}

struct Bearer {
    person: Person,
    ticket: TicketId,
    until: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// A `POST` has taken it; it leads nowhere else.
    Taken,
    /// It belongs to this resource.
    Of(SessionId),
}

impl Bearers {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tokens: Mutex::default() }
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<[u8; 32], Bearer>> {
        // Every change is one insertion or removal: the map is whole even if a holder panicked.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a token for a person and a ticket; those of viewings that are over are forgotten. `None`: too many are waiting,
    /// or the system has no randomness to give.
    pub fn issue(&self, person: Person, ticket: TicketId, is_live: impl Fn(SessionId) -> bool) -> Option<String> {
        let mut secret = [0_u8; 32];
        openssl::rand::rand_bytes(&mut secret).ok()?;
        let token: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let now = self.clock.monotonic();
        let mut tokens = self.tokens();
        tokens.retain(|_, bearer| match bearer.state {
            State::Of(session) => is_live(session),
            State::Waiting | State::Taken => now < bearer.until,
        });
        if tokens.len() >= MAX_WAITING {
            return None;
        }
        let bearer = Bearer { person, ticket, until: now + TOKEN_LIFE, state: State::Waiting };
        tokens.insert(openssl::sha::sha256(token.as_bytes()), bearer);
        Some(token)
    }

    /// Whose token this is, whatever it may still be used for.
    pub fn person(&self, token: &str) -> Option<Person> {
        self.tokens().get(&openssl::sha::sha256(token.as_bytes())).map(|bearer| bearer.person.clone())
    }

    /// Takes a token for a `POST` under this ticket. Once.
    pub fn take(&self, token: &str, ticket: TicketId) -> bool {
        let now = self.clock.monotonic();
        let mut tokens = self.tokens();
        let Some(bearer) = tokens.get_mut(&openssl::sha::sha256(token.as_bytes())) else { return false };
        let good = bearer.state == State::Waiting && bearer.ticket == ticket && now < bearer.until;
        if good {
            bearer.state = State::Taken;
        }
        good
    }

    /// Binds a taken token to the resource it made.
    pub fn bind(&self, token: &str, session: SessionId) {
        if let Some(bearer) = self.tokens().get_mut(&openssl::sha::sha256(token.as_bytes()))
            && bearer.state == State::Taken
        {
            bearer.state = State::Of(session);
        }
    }

    /// Whether the token made this resource.
    pub fn made(&self, token: &str, session: SessionId) -> bool {
        let digest = openssl::sha::sha256(token.as_bytes());
        self.tokens().get(&digest).is_some_and(|bearer| bearer.state == State::Of(session))
    }

    /// The resource is gone: so is its token.
    pub fn forget_resource(&self, session: SessionId) {
        self.tokens().retain(|_, bearer| bearer.state != State::Of(session));
    }

    /// The log-in is over: so are its tokens.
    pub fn revoke(&self, login: SessionKey) {
        self.tokens().retain(|_, bearer| bearer.person.session != login);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::Role;
    use crate::web::pages::Language;

    fn person() -> Person {
        Person {
            id: "p-1".parse().unwrap(),
            role: Role::Operator,
            sites: Default::default(),
            service: None,
            name: "Agent".to_owned(),
            email: "agent@example.org".to_owned(),
            language: Language::Fr,
            certificate: None,
            session: SessionKey::of("session"),
            session_since_utc: chrono::DateTime::UNIX_EPOCH,
            session_until_utc: "2026-11-24T12:00:00Z".parse().unwrap(),
        }
    }

    fn bearers() -> (ManualClock, Bearers) {
        let clock = ManualClock::at("2026-11-24T00:00:00Z".parse().unwrap());
        (clock.clone(), Bearers::new(Arc::new(clock)))
    }

    #[test]
    fn fault_10_a_token_opens_one_viewing_of_its_own_ticket() {
        let (_, bearers) = bearers();
        let (ticket, session) = (TicketId::generate(), SessionId::generate());
        let token = bearers.issue(person(), ticket, |_| true).unwrap();
        assert!(!bearers.take(&token, TicketId::generate()));
        assert!(bearers.take(&token, ticket));
        assert!(!bearers.take(&token, ticket), "taken twice");
        bearers.bind(&token, session);
        assert!(bearers.made(&token, session));
        assert!(!bearers.made(&token, SessionId::generate()));
        bearers.forget_resource(session);
        assert!(bearers.person(&token).is_none());
    }

    #[test]
    fn a_token_whose_viewing_is_over_takes_nobodys_place() {
        let (_, bearers) = bearers();
        let (ticket, session) = (TicketId::generate(), SessionId::generate());
        let token = bearers.issue(person(), ticket, |_| true).unwrap();
        assert!(bearers.take(&token, ticket));
        bearers.bind(&token, session);
        bearers.issue(person(), ticket, |live| live == session).unwrap();
        assert!(bearers.made(&token, session));
        bearers.issue(person(), ticket, |_| false).unwrap();
        assert!(!bearers.made(&token, session));
    }

    #[test]
    fn fault_10_a_token_ends_after_a_minute_and_with_the_log_in() {
        let (clock, bearers) = bearers();
        let ticket = TicketId::generate();
        let late = bearers.issue(person(), ticket, |_| true).unwrap();
        clock.advance(TOKEN_LIFE);
        assert!(!bearers.take(&late, ticket));
        let token = bearers.issue(person(), ticket, |_| true).unwrap();
        bearers.revoke(SessionKey::of("session"));
        assert!(!bearers.take(&token, ticket));
    }
}
