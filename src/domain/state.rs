//! Everything the rules need to know, folded from the register.

use super::alarm::StorageAlarm;
use super::alert::Alert;
use super::command::Actor;
use super::dossier::{Dossier, Missing};
use super::event::{Entry, Event};
use super::footage::Custody;
use super::ids::{AlertId, CameraId, PersonId, SessionId, SiteId, TicketId, WorkstationId};
use super::invitation::Invitation;
use super::mail::{MailId, MailOutcome, MailTrace};
use super::person::{Designation, Role};
use super::policy::{ALERT_LASTS, ASK_EVERY, Policy};
use super::retrieval::Retrievals;
use super::rights::{Proposal, RightsChange};
use super::session::{Purpose, Session, SessionState};
use super::site::{Convention, Site};
use super::ticket::{Need, OpenedBy, Ticket, TicketState};
use super::workstation::{Issuance, Revocation, Workstation};
use chrono::{DateTime, TimeDelta, Utc};
use imbl::{OrdMap, OrdSet};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// What is on record where nothing is.
static NOTHING_FILED: LazyLock<Dossier> = LazyLock::new(Dossier::default);

/// The state of the keeper. Built only by [`State::apply`], from register entries in order.
///
/// A clone shares everything with its original and costs the same however many years there are: the keeper decides on
/// its own and hands each recorded decision's state on as it was (persistent maps).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Sites by id.
    pub sites: OrdMap<SiteId, Site>,
    /// Policies that were set, by site; see [`State::policy`].
    pub policies: OrdMap<SiteId, Policy>,
    /// Dossiers, by site; see [`State::dossier`].
    pub dossiers: OrdMap<SiteId, Dossier>,
    /// Changes of rights that wait for a second person.
    pub proposals: OrdMap<u64, Proposal>,
    /// People in the annexes in force; struck ones are absent.
    pub people: OrdMap<PersonId, Designation>,
    /// What becomes of footage: retention, holds, access requests, what is gone (A5-2 to A5-5).
    pub custody: Custody,
    /// Who looked at recordings or took some out lately (A4-10, A5-6).
    pub retrievals: Retrievals,
    /// Alarms about the recordings' storage that stand, since when, UTC (fault 13).
    pub storage_alarms: OrdMap<StorageAlarm, DateTime<Utc>>,
    /// All alerts (A3-2).
    pub alerts: OrdMap<AlertId, Alert>,
    /// When a person's second factor was last reset, or an invitation accepted, UTC: what they enrolled and where they
    /// logged in before is void.
    pub second_factor_resets: OrdMap<PersonId, DateTime<Utc>>,
    /// Invitations that wait to be accepted; an expired one stays until it is replaced.
    pub invitations: OrdMap<PersonId, Invitation>,
    /// Workstations that may show transfers (A6-1).
    pub workstations: OrdMap<WorkstationId, Workstation>,
    /// Names of workstations that may no longer, until one is issued again (fault 9).
    pub revoked_workstations: OrdSet<WorkstationId>,
    /// The latest certificate of every workstation there has been.
    pub issuances: OrdMap<WorkstationId, Issuance>,
    /// All tickets.
    pub tickets: OrdMap<TicketId, Arc<Ticket>>,
    /// All sessions.
    pub sessions: OrdMap<SessionId, Arc<Session>>,
    /// Mails that were queued, and how they went (A3-7).
    pub mails: OrdMap<MailId, Arc<MailTrace>>,
    /// Next sequence number expected.
    pub next_seq: u64,
    /// Time of the last entry, UTC.
    pub last_at_utc: Option<DateTime<Utc>>,
    live_tickets: OrdSet<TicketId>,
    live_sessions: OrdSet<SessionId>,
    /// Session ids sort by time.
    sessions_of_ticket: OrdSet<(TicketId, SessionId)>,
    /// How far the wall clock was set back while a ticket was open: its instants alone would tell too short a time.
    set_back: OrdMap<TicketId, TimeDelta>,
    mails_of_ticket: OrdMap<TicketId, Vec<MailId>>,
}

impl State {
    /// How much a site allows its service (A4-7).
    pub fn policy(&self, site: &SiteId) -> Policy {
        self.policies.get(site).copied().unwrap_or_default()
    }

    /// What is on record for a site.
    pub fn dossier(&self, site: &SiteId) -> &Dossier {
        self.dossiers.get(site).unwrap_or(&NOTHING_FILED)
    }

    /// The convention's dates as they stand, renewals included (A8-1).
    pub fn convention(&self, site: &Site) -> Convention {
        self.dossier(&site.id).convention(site)
    }

    /// What a site lacks, what blocks first.
    pub fn missing(&self, site: &Site) -> Vec<Missing> {
        self.dossier(&site.id).missing(site, |person| self.people.get(person))
    }

    /// The site a camera belongs to, if it still belongs to one.
    pub fn site_of_camera(&self, camera: &CameraId) -> Option<&Site> {
        self.sites.values().find(|site| site.camera(camera).is_some())
    }

    /// How far the wall clock was set back while this ticket was open (fault 6).
    pub(super) fn set_back(&self, ticket: &TicketId) -> TimeDelta {
        self.set_back.get(ticket).copied().unwrap_or_default()
    }

    /// Tickets that wait for a decision or are open.
    pub fn live_tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.live_tickets.iter().filter_map(|id| self.tickets.get(id).map(Arc::as_ref))
    }

    /// Sessions granted or connected, not yet ended.
    pub fn live_sessions(&self) -> impl Iterator<Item = &Session> {
        self.live_sessions.iter().filter_map(|id| self.sessions.get(id).map(Arc::as_ref))
    }

    /// All sessions of a ticket, oldest first: transfers and the landlord's viewings.
    pub fn sessions_of(&self, ticket: TicketId) -> impl Iterator<Item = &Session> {
        let first = (ticket, SessionId::from(uuid::Uuid::nil()));
        let last = (ticket, SessionId::from(uuid::Uuid::max()));
        self.sessions_of_ticket.range(first..=last).filter_map(|(_, id)| self.sessions.get(id).map(Arc::as_ref))
    }

    /// The live sessions of a ticket.
    pub fn live_sessions_of(&self, ticket: TicketId) -> impl Iterator<Item = &Session> {
        self.sessions_of(ticket).filter(|session| self.live_sessions.contains(&session.id))
    }

    /// The mails about a ticket, oldest first (A3-7).
    pub fn mails_of(&self, ticket: TicketId) -> impl Iterator<Item = &MailTrace> {
        let mails = self.mails_of_ticket.get(&ticket).into_iter().flatten();
        mails.filter_map(|id| self.mails.get(id).map(Arc::as_ref))
    }

    /// Whether something that proves a person, made at `at_utc`, still does: not after a reset of their second factor.
    pub fn outlives_reset(&self, person: &PersonId, at_utc: DateTime<Utc>) -> bool {
        self.second_factor_resets.get(person).is_none_or(|reset| at_utc > *reset)
    }

    /// Whether this person may know that the ticket exists: the police side of its service, the landlord side of its
    /// site, and those who supervise.
    pub fn may_see(&self, person: &PersonId, ticket: &Ticket) -> bool {
        let Some(designation) = self.people.get(person) else { return false };
        match designation.role {
            Role::Operator | Role::Chief => {
                ticket.requester == *person
                    || designation.sites.contains(&ticket.site) && designation.service.as_ref() == Some(&ticket.service)
            }
            Role::Decider | Role::Guard => designation.sites.contains(&ticket.site),
            Role::Dpo | Role::Administrator | Role::Auditor => true,
        }
    }

    /// Whether this person hears of a site's alerts: the landlord's people and the service's, each for their sites (A3-2).
    pub fn hears_of_alerts(&self, person: &PersonId, site: &SiteId) -> bool {
        self.people.get(person).is_some_and(|place| {
            let service = self.sites.get(site).map(|site| &site.service.id);
            let serves = !place.role.is_police() || place.service.as_ref() == service;
            let concerned = matches!(place.role, Role::Operator | Role::Chief | Role::Decider | Role::Guard);
            concerned && serves && place.sites.contains(site)
        })
    }

    /// The deciders of a site: titulaire and suppléant (A4-1).
    pub fn deciders_of<'a>(&'a self, site: &'a SiteId) -> impl Iterator<Item = &'a Designation> {
        self.people.values().filter(move |place| place.role == Role::Decider && place.sites.contains(site))
    }

    /// Folds one entry in. Total: an entry that does not fit (a newer format, a hand-edited file) changes nothing but
    /// the sequence number; the register's verifier is what reports such files.
    pub fn apply(&mut self, entry: &Entry) {
        self.next_seq = entry.seq + 1;
        self.last_at_utc = Some(entry.at_utc);
        let at_utc = entry.at_utc;
        match &entry.event {
            Event::ServerStarted { .. }
            | Event::ServerStopping
            | Event::RegisterRepaired { .. }
            | Event::RegisterPurged { .. }
            | Event::RegisterExported { .. }
            // The decision and the opening are one act of one actor: `Opened` carries both.
            | Event::Approved { .. } => {}
            Event::FootageViewed { .. } | Event::FootageExported { .. } => self.retrievals.apply(entry),
            Event::ClockStepped { by_us } => {
                let open = self.live_tickets.iter().filter(|id| self.tickets.get(*id).is_some_and(|t| !t.is_pending()));
                let back = TimeDelta::microseconds(by_us.saturating_neg().max(0));
                for id in open.copied().collect::<Vec<_>>() {
                    *self.set_back.entry(id).or_default() += back;
                }
                let raised = self.alerts.values().filter(|alert| alert.closed_at_utc.is_none());
                for id in raised.map(|alert| alert.id).collect::<Vec<_>>() {
                    let Some(alert) = self.alerts.get_mut(&id) else { continue };
                    // As much as ends it is enough: sums of steps of centuries would end nowhere.
                    alert.set_back = (alert.set_back + back.min(ALERT_LASTS)).min(ALERT_LASTS);
                }
            }
            Event::SiteDeclared { site } => {
                let before = self.sites.insert(site.id.clone(), site.clone());
                if let (Some(before), Some(dossier)) = (before, self.dossiers.get_mut(&site.id)) {
                    dossier.redeclared(&before, site);
                }
            }
            Event::Filed { site, act } => self.dossiers.entry(site.clone()).or_default().file(act),
            Event::RenewalReminded { site, number, .. } => {
                self.dossiers.entry(site.clone()).or_default().renewal_reminders = *number;
            }
            Event::ChangeProposed { change, rights } => {
                let Actor::Person(by) = &entry.actor else { return };
                self.proposals.insert(*change, Proposal { by: by.clone(), rights: rights.clone() });
            }
            Event::ChangeConfirmed { change } | Event::ChangeDeclined { change } => {
                self.proposals.remove(change);
            }
            Event::PolicySet { site, policy } => {
                self.policies.insert(site.clone(), *policy);
            }
            Event::Designated { designation } => {
                self.people.insert(designation.person.clone(), designation.clone());
            }
            Event::Struck { person } => {
                self.people.remove(person);
                self.invitations.remove(person);
                // Nobody who is out comes back by what they had proposed before.
                let theirs = |proposal: &Proposal| match &proposal.rights {
                    RightsChange::Designation { designation } => designation.person == *person,
                    RightsChange::Strike { person: struck } => struck == person,
                    RightsChange::Deciders { .. } => false,
                };
                self.proposals =
                    self.proposals.iter().filter(|(_, one)| one.by != *person && !theirs(one)).map(|(k, v)| (*k, v.clone())).collect();
            }
            Event::StorageAlarm { alarm, raised, .. } => {
                if *raised {
                    self.storage_alarms.insert(*alarm, at_utc);
                } else {
                    self.storage_alarms.remove(alarm);
                }
            }
            Event::Footage { .. } | Event::PurgePaused { .. } | Event::PurgeResumed => self.custody.apply(entry),
            Event::AlertRaised { alert, site, reasons, what } => {
                let Actor::Person(by) = &entry.actor else { return };
                let raised = Alert {
                    id: *alert,
                    site: site.clone(),
                    by: by.clone(),
                    reasons: reasons.clone(),
                    what: what.clone(),
                    raised_at_utc: at_utc,
                    closed_at_utc: None,
                    opened: None,
                    set_back: TimeDelta::zero(),
                };
                self.alerts.entry(*alert).or_insert(raised);
            }
            Event::AlertClosed { alert } => {
                if let Some(known) = self.alerts.get_mut(alert) {
                    known.closed_at_utc.get_or_insert(at_utc);
                }
            }
            Event::SecondFactorReset { person, .. } => {
                self.second_factor_resets.insert(person.clone(), at_utc);
            }
            Event::Invited { person, way, expires_at_utc } => {
                let (way, expires_at_utc) = (*way, *expires_at_utc);
                let invitation = Invitation { number: entry.seq, way, invited_at_utc: at_utc, expires_at_utc };
                self.invitations.insert(person.clone(), invitation);
            }
            Event::InvitationRevoked { person } => {
                self.invitations.remove(person);
            }
            Event::InvitationAccepted { person } => {
                self.invitations.remove(person);
                self.second_factor_resets.insert(person.clone(), at_utc);
            }
            Event::WorkstationIssued { workstation } => {
                self.revoked_workstations.remove(&workstation.id);
                let issuance = Issuance {
                    workstation: workstation.clone(),
                    issued_at_utc: at_utc,
                    issued_by: entry.actor.clone(),
                    reminders: 0,
                    revoked: None,
                };
                self.issuances.insert(workstation.id.clone(), issuance);
                self.workstations.insert(workstation.id.clone(), workstation.clone());
            }
            Event::WorkstationRevoked { workstation, why } => {
                if let Some(known) = self.issuances.get_mut(workstation) {
                    known.revoked = Some(Revocation { at_utc, by: entry.actor.clone(), why: why.clone() });
                }
                self.workstations.remove(workstation);
                self.revoked_workstations.insert(workstation.clone());
            }
            Event::WorkstationReminded { workstation, number, .. } => {
                if let Some(known) = self.issuances.get_mut(workstation) {
                    known.reminders = *number;
                }
            }
            Event::Requested { ticket, site, service, reasons, duration_minutes, lapses_at_utc } => {
                let Actor::Person(requester) = &entry.actor else { return };
                if self.tickets.contains_key(ticket) {
                    return;
                }
                self.live_tickets.insert(*ticket);
                self.tickets.insert(
                    *ticket,
                    Arc::new(Ticket {
                        id: *ticket,
                        site: site.clone(),
                        requester: requester.clone(),
                        service: service.clone(),
                        reasons: reasons.clone(),
                        duration_minutes: *duration_minutes,
                        requested_at_utc: at_utc,
                        state: TicketState::Requested { lapses_at_utc: *lapses_at_utc, reminders: 0 },
                    }),
                );
            }
            Event::Withdrawn { ticket } => self.answer(ticket, TicketState::Withdrawn { at_utc }),
            Event::Lapsed { ticket } => self.answer(ticket, TicketState::Lapsed { at_utc }),
            Event::Voided { ticket, condition } => {
                self.answer(ticket, TicketState::Voided { at_utc, condition: condition.clone() })
            }
            Event::Refused { ticket, why } => {
                let Actor::Person(by) = &entry.actor else { return };
                self.answer(ticket, TicketState::Refused { by: by.clone(), at_utc, why: why.clone() });
            }
            Event::Opened { ticket, expires_at_utc } => {
                let Actor::Person(by) = &entry.actor else { return };
                self.open(ticket, OpenedBy::Decider(by.clone()), at_utc, *expires_at_utc);
            }
            Event::OpenedUrgently { ticket, expires_at_utc, alert, avenant } => {
                if let Some(known) = self.alerts.get_mut(alert) {
                    known.opened = Some(*ticket);
                }
                let rule = OpenedBy::Rule { alert: *alert, avenant: avenant.clone() };
                self.open(ticket, rule, at_utc, *expires_at_utc);
            }
            Event::Reminded { ticket, number } => {
                if let Some(TicketState::Requested { reminders, .. }) = self.state_of(ticket) {
                    *reminders = *number;
                }
            }
            Event::NeedAsked { ticket, answer_by_utc } => {
                if let Some(TicketState::Open { need, .. }) = self.state_of(ticket) {
                    *need = Need::Asked { answer_by_utc: *answer_by_utc };
                }
            }
            Event::NeedConfirmed { ticket, ask_at_utc } => {
                if let Some(TicketState::Open { need, .. }) = self.state_of(ticket) {
                    *need = Need::Assured { ask_at_utc: *ask_at_utc };
                }
            }
            Event::Closed { ticket, cause, closed_at_utc, flowed_ms, cut_us } => {
                let Some(known) = self.tickets.get_mut(ticket).map(Arc::make_mut) else { return };
                let TicketState::Open { opened_by, opened_at_utc, .. } = &known.state else { return };
                known.state = TicketState::Closed {
                    opened_by: opened_by.clone(),
                    opened_at_utc: *opened_at_utc,
                    closed_at_utc: *closed_at_utc,
                    cause: cause.clone(),
                    by: entry.actor.person().cloned(),
                    flowed_ms: *flowed_ms,
                    cut_us: *cut_us,
                };
                self.live_tickets.remove(ticket);
            }
            Event::SessionGranted { session, purpose, site, cameras, workstation, deadline_utc } => {
                let Actor::Person(person) = &entry.actor else { return };
                if self.sessions.contains_key(session) {
                    return;
                }
                self.live_sessions.insert(*session);
                self.sessions_of_ticket.insert((purpose.ticket(), *session));
                self.sessions.insert(
                    *session,
                    Arc::new(Session {
                        id: *session,
                        purpose: purpose.clone(),
                        site: site.clone(),
                        cameras: cameras.clone(),
                        person: person.clone(),
                        workstation: workstation.clone(),
                        granted_at_utc: at_utc,
                        deadline_utc: *deadline_utc,
                        state: SessionState::Granted,
                    }),
                );
            }
            Event::SessionConnected { session, srtp, dtls } => {
                let Some(known) = self.sessions.get_mut(session).map(Arc::make_mut) else { return };
                if known.state == SessionState::Granted {
                    known.state = SessionState::Connected { srtp: srtp.clone(), dtls: dtls.clone(), at_utc };
                }
            }
            Event::SessionEnded { session, cause, ended_at_utc, traffic, cut_us } => {
                let Some(known) = self.sessions.get_mut(session).map(Arc::make_mut) else { return };
                if self.live_sessions.remove(session).is_some() {
                    known.state = SessionState::Ended {
                        cause: cause.clone(),
                        by: entry.actor.person().cloned(),
                        at_utc: *ended_at_utc,
                        traffic: *traffic,
                        cut_us: *cut_us,
                    };
                }
            }
            Event::MailQueued { mail, to, kind, ticket } => {
                if self.mails.contains_key(mail) {
                    return;
                }
                if let Some(ticket) = ticket {
                    self.mails_of_ticket.entry(*ticket).or_default().push(mail.clone());
                }
                let trace = MailTrace {
                    mail: mail.clone(),
                    to: to.clone(),
                    kind: *kind,
                    ticket: *ticket,
                    queued_at_utc: at_utc,
                    outcome: MailOutcome::Waiting,
                };
                self.mails.insert(mail.clone(), Arc::new(trace));
            }
            Event::MailAccepted { mail, reply, attempts, accepted_at_utc, .. } => {
                let Some(known) = self.mails.get_mut(mail).map(Arc::make_mut) else { return };
                known.outcome =
                    MailOutcome::Accepted { at_utc: *accepted_at_utc, reply: reply.clone(), attempts: *attempts };
            }
            Event::MailFailed { mail, why, reply, attempts, failed_at_utc, .. } => {
                let Some(known) = self.mails.get_mut(mail).map(Arc::make_mut) else { return };
                known.outcome = MailOutcome::Failed {
                    at_utc: *failed_at_utc,
                    why: *why,
                    reply: reply.clone(),
                    attempts: *attempts,
                };
            }
        }
    }

    fn state_of(&mut self, ticket: &TicketId) -> Option<&mut TicketState> {
        self.tickets.get_mut(ticket).map(|ticket| &mut Arc::make_mut(ticket).state)
    }

    /// The link works from now on (A3-6).
    fn open(
        &mut self,
        id: &TicketId,
        opened_by: OpenedBy,
        opened_at_utc: DateTime<Utc>,
        expires_at_utc: DateTime<Utc>,
    ) {
        let need = Need::Assured { ask_at_utc: opened_at_utc + ASK_EVERY };
        self.answer(id, TicketState::Open { opened_by, opened_at_utc, expires_at_utc, need });
    }

    /// A pending request gets its answer; anything else stays as it is.
    fn answer(&mut self, ticket: &TicketId, answer: TicketState) {
        let Some(known) = self.tickets.get_mut(ticket).map(Arc::make_mut) else { return };
        if let TicketState::Requested { .. } = known.state {
            if !matches!(answer, TicketState::Open { .. }) {
                self.live_tickets.remove(ticket);
            }
            known.state = answer;
        }
    }

    /// What has flowed to the service under a ticket, milliseconds: the time covered by at least one transfer, so that
    /// two people watching at once count once (A4-5). `ended` are sessions ending in the same decision.
    pub(super) fn flowed_ms(&self, ticket: TicketId, ended: &BTreeMap<SessionId, super::session::Traffic>) -> u64 {
        let mut spans: Vec<_> = self
            .sessions_of(ticket)
            .filter(|session| matches!(session.purpose, Purpose::Transfer { .. }))
            .filter_map(|session| match (&session.state, ended.get(&session.id)) {
                (SessionState::Ended { traffic, .. }, _) => Some(*traffic),
                (_, known) => known.copied(),
            })
            .filter_map(|traffic| traffic.first_packet_at_utc.zip(traffic.last_packet_at_utc))
            .collect();
        spans.sort();
        let mut flowed_ms = 0;
        let mut counted_until = None;
        for (first, last) in spans {
            let from = counted_until.map_or(first, |until| first.max(until));
            flowed_ms += u64::try_from((last - from).num_milliseconds()).unwrap_or(0);
            counted_until = Some(counted_until.map_or(last, |until: DateTime<Utc>| until.max(last)));
        }
        flowed_ms
    }
}
