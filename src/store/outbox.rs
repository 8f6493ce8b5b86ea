//! Mails waiting to be sent, and how each of them went (A3-7, A6-6). Queued by [`crate::mail`], whose courier delivers
//! them; the demo shows them.
//!
//! Guarantees: a mail is queued once, however often that is asked; one that was queued is on disk; one that was accepted
//! is never planned again; whoever waits on [`Outbox::changed`] hears of new work.

use super::StoreError;
use super::delivery::{Delivery, Trouble};
use super::engine::{Engine, Table};
use crate::domain::{MailFailure, MailId, MailKind, PersonId, TicketId};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// So long after a mail was queued its delivery is tried, then it has failed for good.
pub const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(48);

/// One mail to one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Identifier: queueing it twice is queueing it once. Sorts by time.
    pub id: MailId,
    /// Who.
    pub to_person: PersonId,
    /// Address at the time of queueing.
    pub to_address: String,
    /// What it says.
    pub kind: MailKind,
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The ticket it is about; `None`: about none, such as a checkpoint of the register.
    pub ticket: Option<TicketId>,
    /// When it was queued.
    pub queued_at_utc: DateTime<Utc>,
}

/// The tables, and how far in the register they have come.
#[derive(Clone)]
pub struct Outbox {
    mails: Table,
    /// Deliveries that are not over.
    open: Table,
    /// Deliveries that are.
    over: Table,
    /// Mails about which the register has something to learn.
    untold: Table,
    progress: Table,
    /// Held from reading a delivery to writing it: the courier and the administrator both change them.
    changing: Arc<Mutex<()>>,
    changed: Arc<Notify>,
}

const DEALT_WITH: &str = "dealt-with";

/// Whether one mail is the other, queued again. A checkpoint's is made anew each time it is tried, at another instant.
fn is_same(one: &Mail, other: &Mail) -> bool {
    let at = |mail: &Mail| Some(mail.queued_at_utc).filter(|_| mail.kind != MailKind::Checkpoint);
    let about = |mail: &Mail| (at(mail), mail.kind, mail.ticket);
    about(one) == about(other)
}

impl Outbox {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self {
            mails: Table::open(engine, "outbox-mails")?,
            open: Table::open(engine, "outbox-open")?,
            over: Table::open(engine, "outbox-over")?,
            untold: Table::open(engine, "outbox-untold")?,
            progress: Table::open(engine, "outbox-progress")?,
            changing: Arc::default(),
            changed: Arc::default(),
        })
    }

    /// Queues a mail; the same one asked for again is left as it is. An id that was another mail's, because the register was
    /// put back from a backup and counts from there again, is this mail's from now on.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn queue(&self, mail: &Mail) -> Result<(), StoreError> {
        {
            let _changing = self.lock();
            match self.get(&mail.id)? {
                None => self.mails.put(mail.id.as_str(), mail)?,
                Some(known) if is_same(&known, mail) => {}
                Some(_) => {
                    // The old one's delivery first: a crash in between leaves a mail without one, which is mended below.
                    self.open.remove(mail.id.as_str())?;
                    self.over.remove(mail.id.as_str())?;
                    self.mails.put(mail.id.as_str(), mail)?;
                }
            }
            // A crash between two tables leaves a mail without a delivery; the event comes again, and mends it.
            if self.delivery(&mail.id)?.is_none() {
                let delivery = Delivery::Queued {
                    attempts: 0,
                    next_attempt_at_utc: mail.queued_at_utc,
                    until_utc: mail.queued_at_utc + GIVE_UP_AFTER,
                    trouble: None,
                };
                self.untold.put(mail.id.as_str(), &true)?;
                self.open.put(mail.id.as_str(), &delivery)?;
            }
        }
        self.mails.commit()?;
        self.changed.notify_waiters();
        Ok(())
    }

    /// The newest `limit` mails, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn list(&self, limit: usize) -> Result<Vec<Mail>, StoreError> {
        self.mails.rows().rev().take(limit).map(|row| row.map(|(_, mail)| mail)).collect()
    }

    /// The newest mail of a kind. Reads all that are newer.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn newest(&self, kind: MailKind) -> Result<Option<Mail>, StoreError> {
        let mut mails = self.mails.rows().rev().map(|row| row.map(|(_, mail): (_, Mail)| mail));
        mails.find(|mail| mail.as_ref().map_or(true, |mail| mail.kind == kind)).transpose()
    }

    /// One mail.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn get(&self, id: &MailId) -> Result<Option<Mail>, StoreError> {
        self.mails.get(id.as_str())
    }

    /// How far a mail's delivery has come; `None`: no such mail.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn delivery(&self, id: &MailId) -> Result<Option<Delivery>, StoreError> {
        match self.over.get(id.as_str())? {
            Some(delivery) => Ok(Some(delivery)),
            None => self.open.get(id.as_str()),
        }
    }

    /// Deliveries that are not over, oldest mail first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn open(&self) -> Result<Vec<(MailId, Delivery)>, StoreError> {
        self.open.rows().map(|row| row.and_then(|(id, delivery)| Ok((self.id(&id)?, delivery)))).collect()
    }

    /// Mails about which the register has something to learn, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn untold(&self) -> Result<Vec<MailId>, StoreError> {
        self.untold.rows::<bool>().map(|row| row.and_then(|(id, _)| self.id(&id))).collect()
    }

    /// The register knows all about this mail as it stands in `delivery`. Not waited for: at worst it is told again.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn told(&self, id: &MailId, delivery: &Delivery) -> Result<(), StoreError> {
        let _changing = self.lock();
        let current = self.delivery(id)?;
        if current.is_none_or(|current| current.is_over() == delivery.is_over()) {
            self.untold.remove(id.as_str())?;
        }
        Ok(())
    }

    /// Begins an attempt on a mail that waits and is due at `now`; `None`: it does not, or is not.
    ///
    /// # Errors
    /// [`StoreError`] when the tables cannot be read or written.
    pub fn begin(&self, id: &MailId, now: DateTime<Utc>) -> Result<Option<Mail>, StoreError> {
        let _changing = self.lock();
        let Some(Delivery::Queued { attempts, next_attempt_at_utc, until_utc, trouble }) = self.delivery(id)? else {
            return Ok(None);
        };
        let Some(mail) = self.get(id)?.filter(|_| next_attempt_at_utc <= now) else { return Ok(None) };
        // Not waited for: a mail that a crash finds queued or being sent is sent again, one way or the other.
        let sending = Delivery::Sending { attempts: attempts + 1, since_utc: now, until_utc, trouble };
        self.open.put(id.as_str(), &sending)?;
        Ok(Some(mail))
    }

    /// The mail server took it over. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when the tables cannot be written.
    pub fn accepted(&self, id: &MailId, now: DateTime<Utc>, reply: String) -> Result<(), StoreError> {
        self.finish(id, |attempts| Delivery::Accepted { attempts, at_utc: now, reply })
    }

    /// It failed for good. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when the tables cannot be written.
    pub fn failed(&self, id: &MailId, now: DateTime<Utc>, why: MailFailure, reply: String) -> Result<(), StoreError> {
        self.finish(id, |attempts| Delivery::Failed { attempts, at_utc: now, why, reply })
    }

    fn finish(&self, id: &MailId, over: impl FnOnce(u32) -> Delivery) -> Result<(), StoreError> {
        let _changing = self.lock();
        let Some(before) = self.delivery(id)?.filter(|delivery| !delivery.is_over()) else { return Ok(()) };
        let over = over(before.attempts());
        self.untold.put(id.as_str(), &true)?;
        self.over.put(id.as_str(), &over)?;
        if let (Delivery::Accepted { .. }, Some(mail)) = (&over, self.get(id)?)
            && mail.kind == MailKind::Invitation
        {
            // Its link opens an account: once it has left, it is with the addressee alone.
            self.mails.put(id.as_str(), &Mail { text: String::new(), html: String::new(), ..mail })?;
        }
        self.open.remove(id.as_str())?;
        self.over.commit()
    }

    /// The attempt under way did not succeed; the next one is not before `next`.
    ///
    /// # Errors
    /// [`StoreError`] when the tables cannot be read or written.
    pub fn put_off(&self, id: &MailId, next: DateTime<Utc>, trouble: Trouble) -> Result<(), StoreError> {
        let _changing = self.lock();
        if let Some(Delivery::Sending { attempts, until_utc, .. }) = self.delivery(id)? {
            let trouble = Some(trouble);
            let queued = Delivery::Queued { attempts, next_attempt_at_utc: next, until_utc, trouble };
            self.open.put(id.as_str(), &queued)?;
        }
        Ok(())
    }

    /// The administrator wants it tried now. One that failed gets another 48 hours; one that was accepted, or is being
    /// sent at this moment, stays as it is. `None`: no such mail; else how it stands.
    ///
    /// # Errors
    /// [`StoreError`] when the tables cannot be read or written.
    pub fn retry(&self, id: &MailId, now: DateTime<Utc>) -> Result<Option<Delivery>, StoreError> {
        let delivery = {
            let _changing = self.lock();
            let next_attempt_at_utc = now;
            let (queued, failed) = match self.delivery(id)? {
                Some(Delivery::Queued { attempts, until_utc, trouble, .. }) => {
                    (Delivery::Queued { attempts, next_attempt_at_utc, until_utc, trouble }, false)
                }
                Some(Delivery::Failed { attempts, .. }) => {
                    let until_utc = now + GIVE_UP_AFTER;
                    (Delivery::Queued { attempts, next_attempt_at_utc, until_utc, trouble: None }, true)
                }
                other => return Ok(other),
            };
            self.open.put(id.as_str(), &queued)?;
            if failed {
                self.over.remove(id.as_str())?;
            }
            queued
        };
        self.open.commit()?;
        self.changed.notify_waiters();
        Ok(Some(delivery))
    }

    /// Makes every mail due that waits because of `which` trouble.
    ///
    /// # Errors
    /// [`StoreError`] when the tables cannot be read or written.
    pub fn hurry(&self, now: DateTime<Utc>, which: impl Fn(&Trouble) -> bool) -> Result<(), StoreError> {
        let _changing = self.lock();
        for (id, delivery) in self.open()? {
            if let Delivery::Queued { attempts, next_attempt_at_utc, until_utc, trouble: Some(trouble) } = delivery
                && next_attempt_at_utc > now
                && which(&trouble)
            {
                let trouble = Some(trouble);
                let due = Delivery::Queued { attempts, next_attempt_at_utc: now, until_utc, trouble };
                self.open.put(id.as_str(), &due)?;
            }
        }
        Ok(())
    }

    /// At the start: attempts that the last run did not live to see the end of are made again.
    ///
    /// # Errors
    /// [`StoreError`] when the tables cannot be read or written.
    pub fn resume(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let _changing = self.lock();
        for (id, delivery) in self.open()? {
            if let Delivery::Sending { attempts, until_utc, trouble, .. } = delivery {
                let queued = Delivery::Queued { attempts, next_attempt_at_utc: now, until_utc, trouble };
                self.open.put(id.as_str(), &queued)?;
            }
        }
        Ok(())
    }

    /// Forgets mails queued before `before`, with their words and addresses; the register keeps what it knows.
    ///
    /// # Errors
    /// [`StoreError`] when the tables cannot be read or written.
    pub fn forget_before(&self, before: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        for row in self.mails.rows::<Mail>() {
            let (key, mail) = row?;
            if mail.queued_at_utc >= before {
                continue;
            }
            let _changing = self.lock();
            // What the register has not heard yet is not forgotten.
            if self.untold.get::<bool>(&key)?.is_none() {
                for table in [&self.open, &self.over, &self.mails] {
                    table.remove(&key)?;
                }
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    /// Resolves when something was queued or hurried after this was called.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + 'static {
        self.changed.clone().notified_owned()
    }

    /// Sequence number of the last register entry whose mails are all queued.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn dealt_with(&self) -> Result<Option<u64>, StoreError> {
        self.progress.get(DEALT_WITH)
    }

    /// Remembers that all mails of that entry are queued. Not waited for: at worst the entry comes again, and its
    /// mails have the same ids.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn set_dealt_with(&self, seq: u64) -> Result<(), StoreError> {
        self.progress.put(DEALT_WITH, &seq)
    }

    /// The register ends with that entry: an older one was put back, and what it records next is new. On disk when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn go_back_to(&self, seq: u64) -> Result<(), StoreError> {
        self.set_dealt_with(seq)?;
        self.progress.commit()
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // It guards no value of its own: every row is written whole.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self, key: &str) -> Result<MailId, StoreError> {
        key.parse().map_err(|why: crate::domain::IdError| StoreError::Value {
            table: "outbox",
            key: key.to_owned(),
            why: why.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a3_7_a_mail_is_queued_once_and_another_under_its_id_is_queued_too() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let outbox = store.outbox();
        let person: PersonId = "decider".parse().unwrap();
        let queued_at_utc = "2026-11-26T09:00:00Z".parse().unwrap();
        let mail = Mail {
            id: MailId::about(7, &person),
            to_person: person,
            to_address: "decider@example.org".to_owned(),
            kind: MailKind::RetentionClock,
            subject: "un".to_owned(),
            text: String::new(),
            html: String::new(),
            ticket: None,
            queued_at_utc,
        };
        outbox.queue(&mail).unwrap();
        outbox.begin(&mail.id, queued_at_utc).unwrap().unwrap();
        outbox.accepted(&mail.id, queued_at_utc, "250 ok".to_owned()).unwrap();
        outbox.queue(&mail).unwrap();
        assert!(outbox.delivery(&mail.id).unwrap().unwrap().is_over(), "the same one is not sent again");
        // The register was put back and counts from there again: its entry 7 is another one.
        let other =
            Mail { subject: "deux".to_owned(), queued_at_utc: queued_at_utc + TimeDelta::days(1), ..mail.clone() };
        outbox.queue(&other).unwrap();
        assert_eq!(outbox.get(&mail.id).unwrap().as_ref(), Some(&other));
        assert!(matches!(outbox.delivery(&mail.id).unwrap(), Some(Delivery::Queued { attempts: 0, .. })));
        assert_eq!(outbox.open().unwrap().len(), 1);
    }
}
