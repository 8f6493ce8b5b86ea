//! When the running server vouches for its register: each midnight in Paris, with mails to the witnesses, and when it
//! stops. What was not recorded soundly is not vouched for.

use crate::clock::Clock;
use crate::control::{Control, RegisterHealth};
use crate::mail::Witnesses;
use crate::register::{CheckpointError, Checkpointer, MadeCheckpoint};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Europe::Paris;
use std::sync::Arc;
use std::time::Duration;

/// How often the day is looked at: short against a day, and no timer that a clock step or a suspension could lose.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Makes a checkpoint whenever a new day has begun in Paris since the last that was mailed, and queues its mails, until the
/// server stops. The day is
/// looked at every `look_every` ([`LOOK_EVERY`]; tests do not wait so long).
pub(super) async fn daily(
    checkpointer: Checkpointer,
    control: Control,
    clock: Arc<dyn Clock>,
    witnesses: Witnesses,
    look_every: Duration,
) {
    // A midnight at which no server ran is made up for at once.
    let last = witnesses.clone();
    let last = tokio::task::spawn_blocking(move || last.last_queued_utc()).await;
    let last = last.ok().and_then(Result::ok).flatten();
    let mut days = Days::new(last.unwrap_or_else(|| clock.utc()));
    while !control.health().stopping {
        tokio::time::sleep(look_every).await;
        let now = clock.utc();
        if !days.is_new(now) || !is_sound(&control) {
            continue;
        }
        let (checkpointer, witnesses) = (checkpointer.clone(), witnesses.clone());
        let told = tokio::task::spawn_blocking(move || {
            let made = told(checkpointer.make())?;
            if let Err(error) = witnesses.queue(&made, checkpointer.key(), now) {
                tracing::error!(%error, "the witnesses' mails could not be queued");
                return None;
            }
            Some(made)
        });
        if !matches!(told.await, Ok(Some(_))) {
            days.again();
        }
    }
}

/// The last word of an orderly stop.
pub(super) async fn at_shutdown(checkpointer: &Checkpointer, control: &Control) {
    if is_sound(control) {
        let checkpointer = checkpointer.clone();
        let _ = tokio::task::spawn_blocking(move || told(checkpointer.make())).await;
    }
}

fn is_sound(control: &Control) -> bool {
    !matches!(control.health().register, RegisterHealth::Unavailable { .. })
}

fn told(made: Result<MadeCheckpoint, CheckpointError>) -> Option<MadeCheckpoint> {
    match made {
        Ok(made) => {
            tracing::info!(entries = made.checkpoint.size, root = made.checkpoint.root.base64(), "checkpoint");
            Some(made)
        }
        Err(CheckpointError::Empty) => None,
        Err(error) => {
            tracing::error!(%error, "no checkpoint was made");
            None
        }
    }
}

/// Notices new days in Paris. A clock that goes back makes none.
struct Days {
    last: Option<NaiveDate>,
    before: Option<NaiveDate>,
}

impl Days {
    fn new(now: DateTime<Utc>) -> Self {
        Self { last: Some(day(now)), before: None }
    }

    /// Whether a day has begun since it was last asked.
    fn is_new(&mut self, now: DateTime<Utc>) -> bool {
        let today = day(now);
        let is_new = self.last.is_none_or(|last| today > last);
        if is_new {
            self.before = self.last.replace(today);
        }
        is_new
    }

    /// What was to be done on this day failed: it counts as new once more.
    fn again(&mut self) {
        self.last = self.before.take();
    }
}

fn day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Paris).date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::control::ControlSettings;
    use crate::domain::{Action, Actor, Command};
    use crate::register::{CHECKPOINT_DIR, Register, SignedCheckpoint, open_key};
    use crate::store::Store;
    use std::time::Instant;

    const LOOK: Duration = Duration::from_millis(5);

    #[tokio::test(flavor = "multi_thread")]
    async fn fault_12_at_midnight_in_paris_a_checkpoint_is_kept_and_mailed_to_each_witness_and_once_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at("2026-11-24T22:59:00Z".parse().unwrap());
        let signer = open_key(dir.path(), "ecluse.example.org/register").unwrap();
        let register = Register::open_with(&dir.path().join("register"), Some(signer.public())).unwrap();
        let checkpointer = Checkpointer::new(register.dir(), signer, register.reader());
        let store = Store::open(&dir.path().join("store")).unwrap();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let settings = ControlSettings::new(dir.path());
        let control = Control::start(settings, register, store.clone(), shared.clone()).unwrap();
        let addresses = vec!["mairie@example.org".to_owned(), "prefecture@example.org".to_owned()];
        let witnesses = Witnesses::new(store.clone(), addresses.clone(), "fr");
        let timer = tokio::spawn(daily(checkpointer.clone(), control.clone(), shared, witnesses.clone(), LOOK));

        let kept = || {
            let files = std::fs::read_dir(dir.path().join("register").join(CHECKPOINT_DIR));
            let mut names: Vec<_> = files.into_iter().flatten().map(|file| file.unwrap().path()).collect();
            names.retain(|path| path.extension().is_some_and(|extension| extension == "note"));
            names.sort();
            names
        };
        let mails = || store.outbox().list(usize::MAX).unwrap();
        // The timer has looked at least once more when two of its own periods and a task of ours have gone by.
        let looked = async || tokio::time::sleep(4 * LOOK).await;
        let until = async |what: &str, count: usize| {
            let deadline = Instant::now() + Duration::from_secs(60);
            while kept().len() < count || mails().len() < 2 * count {
                assert!(Instant::now() < deadline, "{what}: {:?}, {} mails", kept(), mails().len());
                looked().await;
            }
        };
        looked().await;
        assert!(kept().is_empty() && mails().is_empty(), "nothing before midnight");
        clock.advance(Duration::from_secs(61));
        until("the first midnight", 1).await;
        let first = std::fs::read_to_string(&kept()[0]).unwrap();
        let signed = SignedCheckpoint::parse(&first, "kept").unwrap();
        signed.verify(checkpointer.key()).unwrap();
        assert_eq!(signed.checkpoint.size, control.reader().entries());
        for address in &addresses {
            let mail = mails().into_iter().find(|mail| mail.to_address == *address).unwrap();
            SignedCheckpoint::find(&mail.text, checkpointer.key(), "mail").unwrap().verify(checkpointer.key()).unwrap();
        }

        // The day goes on, the register too: nothing more until the next midnight.
        let entry = Command { actor: Actor::System, action: Action::ClockStepped { by_us: 3_000_000 } };
        control.execute(entry).await.unwrap();
        clock.advance(Duration::from_secs(23 * 3600));
        looked().await;
        assert_eq!((kept().len(), mails().len()), (1, 2));
        clock.advance(Duration::from_secs(3600));
        until("the second midnight", 2).await;
        let newest = SignedCheckpoint::parse(&std::fs::read_to_string(&kept()[1]).unwrap(), "kept").unwrap();
        assert!(newest.checkpoint.size > signed.checkpoint.size);

        // A server that starts on a day whose midnight it missed makes up for it; one that starts again on that day does not.
        timer.abort();
        control
            .execute(Command { actor: Actor::System, action: Action::ClockStepped { by_us: 3_000_000 } })
            .await
            .unwrap();
        clock.advance(Duration::from_secs(26 * 3600));
        for _ in 0..2 {
            let shared: Arc<dyn Clock> = Arc::new(clock.clone());
            let timer = tokio::spawn(daily(checkpointer.clone(), control.clone(), shared, witnesses.clone(), LOOK));
            until("the missed midnight", 3).await;
            looked().await;
            assert_eq!((kept().len(), mails().len()), (3, 6));
            timer.abort();
        }
        control.shutdown().await;
    }

    #[test]
    fn a_day_begins_at_midnight_in_paris_summer_and_winter_once() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let mut days = Days::new(at("2026-03-28T12:00:00Z"));
        assert!(!days.is_new(at("2026-03-28T22:59:59Z")));
        assert!(days.is_new(at("2026-03-28T23:00:00Z")), "winter time still");
        assert!(!days.is_new(at("2026-03-29T21:59:59Z")));
        assert!(days.is_new(at("2026-03-29T22:00:00Z")), "summer time since the morning");
        assert!(!days.is_new(at("2026-03-29T12:00:00Z")), "a clock that goes back makes no day");
        assert!(!days.is_new(at("2026-03-29T22:00:10Z")));
        days.again();
        assert!(days.is_new(at("2026-03-29T22:00:20Z")), "what failed is tried again");
        assert!(days.is_new(at("2026-04-02T00:00:00Z")), "days the machine slept through count once");
        assert!(!days.is_new(at("2026-04-02T00:00:01Z")));
    }
}
