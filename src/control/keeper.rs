//! The keeper's own thread: decide, shut, record, then free. It never waits for the disk, a socket or a reader, so that
//! a cut waits for nothing but the packets that are inside their socket calls (A4-4).
//!
//! It decides on its own state, which runs ahead of the disk by the decisions under way; everybody else sees only what
//! is recorded. When recording fails, nothing was set free, every gate is shut, and it decides no more (fault 14).

use super::error::ControlError;
use super::grant::{Anchor, Grant, Report, ReportSink, Terms};
use super::handle::{Receipt, lane_of};
use super::lanes::Lane;
use super::shared::Shared;
use super::work::{Batch, Job, JobAnswer, Then, Work};
use crate::domain::policy::{ASK_EVERY, LAPSE_AFTER, REMIND_AFTER};
use crate::domain::{
    Action, Actor, Command, Entry, Event, Refusal, RefusalKind, SessionId, SessionState, State, TicketState, Timer,
    decide, instant, measure,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// How often the clocks are looked at when nothing happens: an expired ticket is closed within this and the fsync
/// (fault 7 allows a second; its gates shut by themselves at the very instant).
const TICK: Duration = Duration::from_millis(100);
/// A wall clock that moves this much against the monotonic one has stepped (fault 6).
const CLOCK_STEP: TimeDelta = TimeDelta::seconds(2);
/// Decisions on their way to disk at the same time; beyond that, new ones wait. Cuts never do.
const UNDER_WAY_LIMIT: usize = 256;
/// A disk that does not answer for so long counts as failed (fault 14).
pub(super) const STALL_AFTER: Duration = Duration::from_secs(10);

pub(super) struct Keeper {
    shared: Arc<Shared>,
    state: State,
    recorder: Sender<Batch>,
    reports: ReportSink,
    /// What runs for pending and open tickets on the monotonic clock (fault 6).
    timers: BTreeMap<Timer, Instant>,
    under_way_since: VecDeque<Instant>,
    stall_after: Duration,
    last_look: (DateTime<Utc>, Instant),
    /// The axis on which all this run's viewings are told (A4-5).
    anchor: Anchor,
    stopped: bool,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, state: State, recorder: Sender<Batch>, stall_after: Duration) -> Self {
        let lanes = shared.lanes.clone();
        let reports: ReportSink = Arc::new(move |report| {
            // Refused only when the keeper is gone: it has recorded the session's end by then.
            let _ = lanes.push(Lane::Report, Work::Report(report));
        });
        let (utc, monotonic) = (shared.clock.utc(), shared.clock.monotonic());
        let mut timers = BTreeMap::new();
        for ticket in state.live_tickets() {
            if let TicketState::Requested { lapses_at_utc, reminders } = ticket.state {
                let left = |at: DateTime<Utc>| (at - utc).clamp(TimeDelta::zero(), LAPSE_AFTER).to_std();
                timers.insert(Timer::End(ticket.id), monotonic + left(lapses_at_utc).unwrap_or_default());
                if let Some(after) = REMIND_AFTER.get(usize::from(reminders)) {
                    let left = left(ticket.requested_at_utc + *after);
                    timers.insert(Timer::Reminder(ticket.id), monotonic + left.unwrap_or_default());
                }
            }
        }
        Self {
            shared,
            state,
            recorder,
            reports,
            timers,
            under_way_since: VecDeque::new(),
            stall_after,
            last_look: (utc, monotonic),
            anchor: Anchor { utc, monotonic },
            stopped: false,
        }
    }

    /// Keeps until stopped.
    pub(super) fn run(mut self) {
        while !self.stopped {
            let ordinary_too = self.under_way_since.len() < UNDER_WAY_LIMIT;
            let work = self.shared.lanes.next(ordinary_too, TICK);
            self.watch_the_disk();
            self.keep_time();
            match work {
                None => {}
                Some(Work::Job(job)) => self.job(*job),
                Some(Work::Report(report)) => self.report(report),
                Some(Work::Recorded(batches)) => {
                    for batch in batches {
                        self.under_way_since.pop_front();
                        self.recorded(batch);
                    }
                }
                Some(Work::NotRecorded(batches, why)) => {
                    self.shared.fail(&why.to_string());
                    for batch in batches {
                        self.under_way_since.pop_front();
                        self.stopped |= matches!(batch.then, Then::Stopped);
                        batch.then.refuse(self.unavailable());
                    }
                }
                Some(Work::Stop) => self.stop(),
            }
        }
    }

    /// A command from outside.
    pub(super) fn job(&mut self, job: Job) {
        if self.shared.unavailable().is_some() {
            return job.answer.refuse(self.unavailable());
        }
        if self.shared.is_stopping() {
            return job.answer.refuse(ControlError::Stopping);
        }
        let monotonic = self.shared.clock.monotonic();
        let (utc, entries) = match self.decide_and_shut(&job.command, Some(job.accepted)) {
            Ok(decided) => decided,
            Err(refusal) => return job.answer.refuse(refusal.into()),
        };
        let then = match job.answer {
            JobAnswer::Receipt(answer) => Then::Receipt(answer),
            JobAnswer::Grant(session, answer) => {
                Then::Grant { session, deadline: self.session_deadline(session, utc, monotonic), answer }
            }
        };
        self.record(entries, then);
    }

    fn report(&mut self, report: Report) {
        let action = match report {
            Report::Connected { session, srtp, dtls } => Action::SessionConnected { session, srtp, dtls },
            Report::Ended { session, cause, traffic } => Action::SessionEnded { session, cause, traffic },
        };
        self.by_itself(action, Then::Nothing);
    }

    /// What the product does without being asked by a person.
    fn by_itself(&mut self, action: Action, then: Then) {
        if self.shared.unavailable().is_some() {
            return then.refuse(self.unavailable());
        }
        match self.decide_and_shut(&Command { actor: Actor::System, action }, None) {
            Ok((_, entries)) if entries.is_empty() && matches!(then, Then::Nothing) => {}
            Ok((_, entries)) => self.record(entries, then),
            Err(refusal) => {
                tracing::warn!(%refusal, "the rules refuse what the product wants to record");
                then.refuse(refusal.into());
            }
        }
    }

    /// Decides, and shuts the gates of whatever ends, before anything is written (A4-4).
    fn decide_and_shut(
        &mut self,
        command: &Command,
        accepted: Option<Instant>,
    ) -> Result<(DateTime<Utc>, Vec<Arc<Entry>>), Refusal> {
        let (utc, monotonic) = (instant::to_micros(self.shared.clock.utc()), self.shared.clock.monotonic());
        let mut events = decide(&self.state, command, utc)?;
        // A cut holds our own instants and a reason of bounded length; nothing may stand between it and its gate (A4-4).
        if matches!(command.actor, Actor::Person(_)) && lane_of(&command.action) != Lane::Cut {
            self.can_be_recorded(command, &events, utc)?;
        }
        let measured = self.shared.gates.shut_for(&events, accepted);
        measure(&self.state, &mut events, &measured);
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            let actor = event.actor(&command.actor);
            let entry = Entry { seq: self.state.next_seq, at_utc: utc, actor, event };
            self.state.apply(&entry);
            self.note_timers(&entry.event, utc, monotonic);
            entries.push(Arc::new(entry));
        }
        Ok((utc, entries))
    }

    /// The lock behind every control of what people type: an entry that could not be read again would make the register
    /// unreadable, one that cannot be written would shut every gate (faults 12 and 14). Asked before anything is applied.
    fn can_be_recorded(&self, command: &Command, events: &[Event], at_utc: DateTime<Utc>) -> Result<(), Refusal> {
        for event in events {
            let actor = event.actor(&command.actor);
            let entry = Entry { seq: self.state.next_seq, at_utc, actor, event: event.clone() };
            if let Err(why) = crate::register::can_be_recorded(&entry) {
                tracing::error!(%why, "a command was refused whose entry the register could not hold");
                let message = "something in this cannot be written down in the register: check dates, times and the length of texts";
                return Err(Refusal::new(RefusalKind::Invalid, "not-recordable", message));
            }
        }
        Ok(())
    }

    /// Sends a decision to disk. An empty one goes along, so that "it is so already" is not said before it is on disk.
    fn record(&mut self, entries: Vec<Arc<Entry>>, then: Then) {
        self.under_way_since.push_back(Instant::now());
        if let Err(lost) = self.recorder.send(Batch { entries, state: Arc::new(self.state.clone()), then }) {
            self.under_way_since.pop_back();
            self.shared.fail("the register's writer is gone: restart the server");
            self.stopped |= matches!(lost.0.then, Then::Stopped);
            lost.0.then.refuse(self.unavailable());
        }
    }

    /// It is on disk: now the effect.
    fn recorded(&mut self, batch: Batch) {
        if self.shared.unavailable().is_some() {
            // Too late: the disk had been given up on.
            self.stopped |= matches!(batch.then, Then::Stopped);
            return batch.then.refuse(self.unavailable());
        }
        match batch.then {
            Then::Nothing => {}
            Then::Receipt(answer) => answer(Ok(Receipt { entries: batch.entries })),
            Then::Grant { session, deadline, answer } => answer(self.issue(session, deadline)),
            Then::Stopped => self.stopped = true,
        }
    }

    fn issue(&self, session: SessionId, deadline: Instant) -> Result<Grant, ControlError> {
        let over = || Refusal::new(RefusalKind::Gone, "session-over", "it was cut while it was being granted");
        let granted = self.state.sessions.get(&session).ok_or_else(over)?;
        if let SessionState::Ended { .. } = granted.state {
            return Err(over().into());
        }
        let terms = Terms {
            session,
            purpose: granted.purpose.clone(),
            site: granted.site.clone(),
            cameras: granted.cameras.clone(),
            person: granted.person.clone(),
            workstation: granted.workstation.clone(),
            granted_at_utc: granted.granted_at_utc,
            deadline_utc: granted.deadline_utc,
            deadline,
        };
        let (grant, revoker) = Grant::issue(terms, self.shared.clock.clone(), self.anchor, self.reports.clone());
        self.shared.gates.insert(session, revoker);
        if self.shared.unavailable().is_some() {
            // The register failed between the look above and the insertion: that gate was not among those shut.
            self.shared.gates.shut_all();
            return Err(self.unavailable());
        }
        Ok(grant)
    }

    /// Both clocks, and what they end.
    fn keep_time(&mut self) {
        if self.shared.unavailable().is_some() || self.shared.is_stopping() {
            return;
        }
        let (utc, monotonic) = (self.shared.clock.utc(), self.shared.clock.monotonic());
        let ran = TimeDelta::from_std(monotonic.saturating_duration_since(self.last_look.1)).unwrap_or(TimeDelta::MAX);
        let stepped = (utc - self.last_look.0) - ran;
        self.last_look = (utc, monotonic);
        if stepped.abs() > CLOCK_STEP {
            let by_us = stepped.num_microseconds().unwrap_or(i64::MAX).clamp(-MAX_STEP_US, MAX_STEP_US);
            tracing::warn!(by_us, "the wall clock stepped");
            self.by_itself(Action::ClockStepped { by_us }, Then::Nothing);
        }
        let overdue = self.timers.iter().filter(|(_, end)| monotonic >= **end).map(|(timer, _)| *timer).collect();
        let overdue_sessions = self.shared.gates.overdue(monotonic).collect();
        self.by_itself(Action::Tick { overdue, overdue_sessions }, Then::Nothing);
    }

    /// A disk that hangs leaves no trace either.
    fn watch_the_disk(&mut self) {
        if self.under_way_since.front().is_some_and(|since| since.elapsed() >= self.stall_after) {
            let waited_s = self.stall_after.as_secs();
            self.shared.fail(&format!("the disk has not answered for {waited_s} s: check it, then restart"));
            // Its answer may never come: nobody waits for it.
            self.stopped |= self.shared.is_stopping();
        }
    }

    fn stop(&mut self) {
        if self.shared.stopping.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return;
        }
        if self.shared.unavailable().is_some() {
            self.stopped = true;
        } else {
            self.by_itself(Action::ServerStopping, Then::Stopped);
        }
    }

    fn note_timers(&mut self, event: &Event, utc: DateTime<Utc>, monotonic: Instant) {
        let from_now = |until: DateTime<Utc>| monotonic + (until - utc).to_std().unwrap_or_default();
        match event {
            Event::Requested { ticket, lapses_at_utc, .. } => {
                self.timers.insert(Timer::End(*ticket), from_now(*lapses_at_utc));
                self.timers.insert(Timer::Reminder(*ticket), from_now(utc + REMIND_AFTER[0]));
            }
            Event::Reminded { ticket, number } => {
                self.timers.remove(&Timer::Reminder(*ticket));
                let filed = self.state.tickets.get(ticket).map(|ticket| ticket.requested_at_utc);
                if let (Some(after), Some(filed)) = (REMIND_AFTER.get(usize::from(*number)), filed) {
                    // A clock that was set back meanwhile puts nothing off (fault 6).
                    self.timers.insert(Timer::Reminder(*ticket), from_now((filed + *after).min(utc + *after)));
                }
            }
            Event::Opened { ticket, expires_at_utc } | Event::OpenedUrgently { ticket, expires_at_utc, .. } => {
                self.timers.remove(&Timer::Reminder(*ticket));
                self.timers.insert(Timer::End(*ticket), from_now(*expires_at_utc));
                self.timers.insert(Timer::Question(*ticket), from_now(utc + ASK_EVERY));
            }
            Event::NeedAsked { ticket, answer_by_utc: next } | Event::NeedConfirmed { ticket, ask_at_utc: next } => {
                self.timers.insert(Timer::Question(*ticket), from_now(*next));
            }
            Event::Closed { ticket, .. }
            | Event::Lapsed { ticket }
            | Event::Voided { ticket, .. }
            | Event::Withdrawn { ticket }
            | Event::Refused { ticket, .. } => {
                for timer in [Timer::End(*ticket), Timer::Question(*ticket), Timer::Reminder(*ticket)] {
                    self.timers.remove(&timer);
                }
            }
            _ => {}
        }
    }

    /// The monotonic end of a session: its own ceiling or its ticket's, whichever comes first.
    fn session_deadline(&self, session: SessionId, utc: DateTime<Utc>, monotonic: Instant) -> Instant {
        let Some(granted) = self.state.sessions.get(&session) else { return monotonic };
        let own = monotonic + (granted.deadline_utc - utc).to_std().unwrap_or_default();
        self.timers.get(&Timer::End(granted.purpose.ticket())).map_or(monotonic, |ticket| own.min(*ticket))
    }

    fn unavailable(&self) -> ControlError {
        let why = self.shared.unavailable().unwrap_or_else(|| "the keeper is stopping".to_owned());
        ControlError::RegisterUnavailable { why }
    }
}

/// The register's integers end at 2^53 - 1.
const MAX_STEP_US: i64 = (1 << 53) - 1;
