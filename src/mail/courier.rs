//! The courier: takes mails from the outbox to the mail server, and tells the register how each went (A3-7, A6-6).
//!
//! Guarantees: one task of its own, so that a mail server that is down, slow or silent delays no decision and no cut
//! (fault 5); every mail is delivered at least once, whenever the process dies; a mail that fails for good says why, in
//! the register too. Without a mail server it records what waits, and delivers nothing.
//!
//! Order: the server's reply, then the outbox on disk, then the register. A crash between the first two sends the mail
//! again, under the same `Message-ID`; one between the last two records the outcome at the next start.
//!
//! Not its job: what mails say ([`super::Message`]), who gets one ([`super::Notifier`]).

use super::letter;
use super::schedule::{self, Next};
use super::settings::{MailSettings, SettingsError};
use super::smtp::{Relay, Verdict, codes_of};
use crate::clock::Clock;
use crate::control::{Control, ControlError};
use crate::domain::{Action, Actor, Command, MailFact, MailFailure, MailId, MailNote};
use crate::store::{Delivery, Mail, Outbox, Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use lettre::message::Mailbox;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Mails under way at the same time: one recipient's slow server at the relay's other end must not hold up the rest.
const AT_ONCE: usize = 4;
/// How often the outbox is looked at when nobody calls.
const LOOK: Duration = Duration::from_secs(1);
/// Mails are kept so long, for the administrator; their words and addresses go then.
const KEPT: TimeDelta = TimeDelta::days(30);
/// How often what is older is forgotten.
const FORGET_EVERY: TimeDelta = TimeDelta::hours(6);

/// The courier, at work.
pub struct Courier {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Courier {
    /// Sets out. `settings` is `None` where there is no mail server.
    ///
    /// # Errors
    /// [`SettingsError`] when they cannot be used. That the server does not answer is no error.
    pub fn start(
        settings: Option<MailSettings>,
        store: &Store,
        control: Control,
        clock: Arc<dyn Clock>,
    ) -> Result<Courier, SettingsError> {
        let relay = match settings {
            Some(settings) => Some((Arc::new(Relay::new(&settings)?), settings.from)),
            None => None,
        };
        let stop = CancellationToken::new();
        let round = Round {
            relay,
            outbox: store.outbox(),
            control,
            clock,
            under_way: JoinSet::new(),
            forgot_at_utc: None,
            in_trouble: false,
        };
        let task = tokio::spawn(round.run(stop.clone()));
        Ok(Courier { stop, task })
    }

    /// Stops. A mail under way is left where it is: it goes out at the next start.
    pub async fn shutdown(self) {
        self.stop.cancel();
        // It panics only with a fault of ours, which has been printed.
        let _ = self.task.await;
    }
}

struct Round {
    relay: Option<(Arc<Relay>, Mailbox)>,
    outbox: Outbox,
    control: Control,
    clock: Arc<dyn Clock>,
    under_way: JoinSet<(MailId, Outcome)>,
    forgot_at_utc: Option<DateTime<Utc>>,
    /// The mail server could not be used the last time.
    in_trouble: bool,
}

/// What came of an attempt.
enum Outcome {
    Tried(Verdict),
    Unwritable(String),
}

impl Round {
    async fn run(mut self, stop: CancellationToken) {
        let now = self.clock.utc();
        self.in_outbox("attempts of the last run", move |outbox| outbox.resume(now)).await;
        loop {
            let changed = self.outbox.changed();
            self.tell().await;
            self.forget().await;
            self.set_out().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = changed => {}
                () = tokio::time::sleep(LOOK) => {}
                Some(ended) = self.under_way.join_next() => match ended {
                    Ok((id, outcome)) => self.ended(id, outcome).await,
                    // An attempt that panicked is as one that a crash cut short.
                    Err(error) => {
                        tracing::error!(%error, "an attempt to deliver a mail failed in itself: report this");
                        let now = self.clock.utc() + TimeDelta::minutes(1);
                        self.in_outbox("mails under way", move |outbox| outbox.resume(now)).await;
                    }
                },
            }
        }
    }

    /// Begins attempts on what is due.
    async fn set_out(&mut self) {
        let Some((relay, from)) = self.relay.clone() else { return };
        let room = AT_ONCE.saturating_sub(self.under_way.len());
        if room == 0 {
            return;
        }
        let now = self.clock.utc();
        let due = self.in_outbox("mails that are due", move |outbox| due(outbox, now, room)).await;
        for mail in due.unwrap_or_default() {
            let (relay, from) = (relay.clone(), from.clone());
            self.under_way.spawn(async move {
                let outcome = match letter::write(&mail, &from) {
                    Ok((envelope, message)) => Outcome::Tried(relay.deliver(&envelope, &message).await),
                    Err(why) => Outcome::Unwritable(why),
                };
                (mail.id, outcome)
            });
        }
    }

    /// Writes down what came of an attempt.
    async fn ended(&mut self, id: MailId, outcome: Outcome) {
        let now = self.clock.utc();
        match outcome {
            Outcome::Tried(Verdict::Accepted(reply)) => {
                tracing::info!(mail = %id, reply = codes_of(&reply), "mail accepted by the mail server");
                let back = std::mem::take(&mut self.in_trouble);
                self.in_outbox("a mail's acceptance", move |outbox| {
                    outbox.accepted(&id, now, reply)?;
                    // It works again: whoever waits for the server need not wait for their own turn.
                    if back { outbox.hurry(now, |trouble| trouble.kind.is_the_servers()) } else { Ok(()) }
                })
                .await;
            }
            Outcome::Tried(Verdict::Refused(reply)) => {
                tracing::error!(mail = %id, reply = codes_of(&reply), "mail refused by the mail server");
                self.failed(id, MailFailure::Refused, reply).await;
            }
            Outcome::Unwritable(why) => {
                tracing::error!(mail = %id, "mail cannot be sent: its address is none");
                self.failed(id, MailFailure::Unwritable, why).await;
            }
            Outcome::Tried(Verdict::Later(trouble)) => {
                if trouble.kind.is_the_servers() {
                    // Of the server's own troubles the words hold no address; of a refusal they may.
                    tracing::warn!(mail = %id, kind = trouble.kind.as_str(), detail = trouble.detail, "mail not sent yet");
                    self.in_trouble = true;
                } else {
                    let reply = codes_of(&trouble.detail);
                    tracing::warn!(mail = %id, kind = trouble.kind.as_str(), reply, "mail not sent yet");
                }
                let chance = chance();
                self.in_outbox("a mail's next attempt", move |outbox| {
                    let Some(Delivery::Sending { attempts, until_utc, .. }) = outbox.delivery(&id)? else {
                        return Ok(());
                    };
                    match schedule::next(attempts, now, until_utc, chance) {
                        Next::At(next) => outbox.put_off(&id, next, trouble),
                        Next::GiveUp => outbox.failed(&id, now, MailFailure::GivenUp, trouble.detail),
                    }
                })
                .await;
            }
        }
    }

    async fn failed(&self, id: MailId, why: MailFailure, reply: String) {
        let now = self.clock.utc();
        self.in_outbox("a mail's failure", move |outbox| outbox.failed(&id, now, why, reply)).await;
    }

    /// Has the register told what it does not know yet. What cannot be recorded now is told again.
    async fn tell(&self) {
        let untold = self.in_outbox("what the register must be told", |outbox| untold(outbox)).await;
        for (mail, delivery) in untold.unwrap_or_default() {
            let note = note(&mail, &delivery);
            let command = Command { actor: Actor::System, action: Action::NoteMail(Box::new(note)) };
            match self.control.execute(command).await {
                Ok(_) => {
                    self.in_outbox("what the register was told", move |outbox| outbox.told(&mail.id, &delivery)).await;
                }
                Err(ControlError::Refused(refusal)) => {
                    tracing::error!(mail = %mail.id, %refusal, "the rules refuse what became of a mail: report this");
                }
                // Its own banner says so; the outbox keeps it until the register can be written again.
                Err(_) => return,
            }
        }
    }

    async fn forget(&mut self) {
        let now = self.clock.utc();
        if self.forgot_at_utc.is_some_and(|at| now < at + FORGET_EVERY) {
            return;
        }
        self.forgot_at_utc = Some(now);
        let forgotten = self.in_outbox("old mails", move |outbox| outbox.forget_before(now - KEPT)).await;
        if let Some(count) = forgotten.filter(|count| *count > 0) {
            tracing::info!(count, "mails older than 30 days forgotten; the register keeps that they were sent");
        }
    }

    /// Runs a look into the outbox where blocking is allowed; what goes wrong is said and tried again at the next look.
    async fn in_outbox<T: Send + 'static>(
        &self,
        what: &'static str,
        look: impl FnOnce(&Outbox) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let outbox = self.outbox.clone();
        match tokio::task::spawn_blocking(move || look(&outbox)).await {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                tracing::error!(%error, what, "the outbox cannot be used");
                None
            }
            Err(error) => {
                tracing::error!(%error, what, "a look into the outbox failed in itself");
                None
            }
        }
    }
}

/// Up to `room` mails that are due, as begun. One whose time ran out while nobody could try has failed.
fn due(outbox: &Outbox, now: DateTime<Utc>, room: usize) -> Result<Vec<Mail>, StoreError> {
    let mut begun = Vec::new();
    for (id, delivery) in outbox.open()? {
        let Delivery::Queued { next_attempt_at_utc, until_utc, trouble, .. } = delivery else { continue };
        if next_attempt_at_utc > now {
            continue;
        }
        if until_utc < now {
            let reply = trouble.map(|trouble| trouble.detail).unwrap_or_default();
            outbox.failed(&id, now, MailFailure::GivenUp, reply)?;
            continue;
        }
        if begun.len() == room {
            break;
        }
        begun.extend(outbox.begin(&id, now)?);
    }
    Ok(begun)
}

fn untold(outbox: &Outbox) -> Result<Vec<(Mail, Delivery)>, StoreError> {
    let mut found = Vec::new();
    for id in outbox.untold()? {
        if let (Some(mail), Some(delivery)) = (outbox.get(&id)?, outbox.delivery(&id)?) {
            found.push((mail, delivery));
        }
    }
    Ok(found)
}

fn note(mail: &Mail, delivery: &Delivery) -> MailNote {
    let (at_utc, fact) = match delivery {
        Delivery::Queued { .. } | Delivery::Sending { .. } => (mail.queued_at_utc, MailFact::Queued),
        Delivery::Accepted { attempts, at_utc, reply } => {
            // Without a code it would be no acceptance; the library reads one before it says so.
            let reply = codes_of(reply).unwrap_or_default();
            (*at_utc, MailFact::Accepted { reply, attempts: *attempts })
        }
        Delivery::Failed { attempts, at_utc, why, reply } => {
            (*at_utc, MailFact::Failed { why: *why, reply: codes_of(reply), attempts: *attempts })
        }
    };
    MailNote {
        mail: mail.id.clone(),
        to: mail.to_person.clone(),
        kind: mail.kind,
        ticket: mail.ticket,
        at_utc: crate::domain::instant::to_micros(at_utc),
        fact,
    }
}

/// A number from 0 to 1. Without randomness mails come back together, no more.
fn chance() -> f64 {
    let mut bytes = [0_u8; 4];
    match openssl::rand::rand_bytes(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}
