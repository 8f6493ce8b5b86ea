//! The grant: the one type in which the control plane and the media plane meet.
//!
//! **No viewer branch can be built without a [`Grant`], and only `control` can make one**: `Grant::issue` is visible in
//! `crate::control` alone. The data path asks [`Grant::enter`] before *every* packet: one atomic word and two clock
//! reads, no lock. When the revoker has shut and drained a grant, no packet is under way and none will follow (A4-4); an
//! expired grant lets nothing pass even if the control plane is stuck (fault 7), and the earlier of the monotonic and
//! the wall clock deadline wins (fault 6).
//!
//! Does not: take elements apart (the branch does, when [`Grant::revoked`] resolves), nor decide anything.

use super::latch::Latch;
use crate::clock::Clock;
use crate::domain::{CameraId, EndCause, PersonId, Purpose, SessionId, SiteId, Traffic};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What a grant allows, as decided and recorded.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The session this grant is for: one branch, one grant.
    pub session: SessionId,
    /// Why images may flow.
    pub purpose: Purpose,
    /// Whose images.
    pub site: SiteId,
    /// Which cameras, in the order of the offer's m-lines.
    pub cameras: Vec<CameraId>,
    /// Who watches.
    pub person: PersonId,
    /// From where.
    pub workstation: String,
    /// When it was granted, UTC.
    pub granted_at_utc: DateTime<Utc>,
    /// Wall-clock deadline, UTC.
    pub deadline_utc: DateTime<Utc>,
    /// Monotonic deadline.
    pub deadline: Instant,
}

/// What the media plane tells control about a session; control records it.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// DTLS is done.
    Connected {
        /// Which session.
        session: SessionId,
        /// SRTP profile.
        srtp: String,
        /// DTLS suite.
        dtls: String,
    },
    /// The branch is gone. Sent exactly once per grant, by the branch or, failing that, by the grant's last drop.
    Ended {
        /// Which session.
        session: SessionId,
        /// Why, as the media plane sees it; when control revoked the grant its own reason prevails.
        cause: EndCause,
        /// What went out.
        traffic: Traffic,
    },
}

/// Where reports go. Never blocks.
pub(in crate::control) type ReportSink = Arc<dyn Fn(Report) + Send + Sync>;

/// One instant by both clocks, the same for all grants of a run: times of different viewings lie on one axis, whatever the
/// wall clock does between them (A4-5, fault 6).
#[derive(Debug, Clone, Copy)]
pub(in crate::control) struct Anchor {
    /// By the wall clock.
    pub utc: DateTime<Utc>,
    /// By the monotonic one.
    pub monotonic: Instant,
}

/// The permission to show some cameras to one viewer for some time. Cheap to clone; every clone is the same grant.
#[derive(Clone)]
pub struct Grant(Arc<Held>);

/// What the media plane holds; control's [`Revoker`] does not, so that the last drop is seen.
struct Held(Arc<Inner>);

struct Inner {
    terms: Terms,
    clock: Arc<dyn Clock>,
    latch: Latch,
    packets: AtomicU64,
    bytes: AtomicU64,
    /// When the grant was issued; packet times count from here, on the monotonic clock.
    issued: Instant,
    /// The same on the run's own axis.
    issued_at_utc: DateTime<Utc>,
    /// Microseconds since `issued`, plus one; 0: none yet.
    first_packet_us: AtomicU64,
    last_packet_us: AtomicU64,
    ended: AtomicBool,
    revoked: CancellationToken,
    reports: ReportSink,
}

/// Control's side of a grant: shuts it.
#[derive(Clone)]
pub(in crate::control) struct Revoker(Arc<Inner>);

/// One packet on its way through the gate; the gate waits for it when it shuts.
pub struct Passage<'a>(&'a Inner);

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.0.latch.leave();
    }
}

impl Grant {
    /// Makes a grant. Only `control` can, after the `SessionGranted` event is fsynced.
    pub(in crate::control) fn issue(
        terms: Terms,
        clock: Arc<dyn Clock>,
        anchor: Anchor,
        reports: ReportSink,
    ) -> (Grant, Revoker) {
        let issued = clock.monotonic();
        let since = TimeDelta::from_std(issued.saturating_duration_since(anchor.monotonic)).unwrap_or_default();
        let inner = Arc::new(Inner {
            terms,
            latch: Latch::open(),
            packets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            issued,
            issued_at_utc: anchor.utc.checked_add_signed(since).unwrap_or(anchor.utc),
            clock,
            first_packet_us: AtomicU64::new(0),
            last_packet_us: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            revoked: CancellationToken::new(),
            reports,
        });
        (Grant(Arc::new(Held(inner.clone()))), Revoker(inner))
    }

    /// What this grant allows.
    pub fn terms(&self) -> &Terms {
        &self.inner().terms
    }

    /// Asks for one packet's passage. `None`: the gate is shut, drop the packet. Hold the passage until the packet has
    /// been handed to the socket. Never blocks.
    pub fn enter(&self) -> Option<Passage<'_>> {
        let inner = self.inner();
        if !inner.latch.enter() {
            return None;
        }
        let passage = Passage(inner);
        inner.is_in_time().then_some(passage)
    }

    /// Counts a media packet of `bytes` that left; call while holding its passage.
    pub fn count(&self, bytes: usize) {
        self.count_many(1, bytes);
    }

    /// Counts the `packets` media packets of one push, `bytes` in all; call while holding its passage.
    pub fn count_many(&self, packets: usize, bytes: usize) {
        let inner = self.inner();
        // Relaxed throughout: leaving the latch publishes the figures to whoever drains it.
        let now_us = inner.now_us();
        if inner.packets.fetch_add(packets as u64, Ordering::Relaxed) == 0 {
            inner.first_packet_us.store(now_us, Ordering::Relaxed);
        }
        inner.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        inner.last_packet_us.fetch_max(now_us, Ordering::Relaxed);
    }

    /// Whether a packet would pass now.
    pub fn is_open(&self) -> bool {
        self.inner().is_open()
    }

    /// Resolves when control revokes the grant. Does not resolve at the deadline: the branch has its own timer for that.
    pub async fn revoked(&self) {
        self.inner().revoked.cancelled().await;
    }

    /// What has gone out so far.
    pub fn traffic(&self) -> Traffic {
        self.inner().traffic()
    }

    /// Tells control that DTLS is done.
    pub fn connected(&self, srtp: &str, dtls: &str) {
        let inner = self.inner();
        let session = inner.terms.session;
        (inner.reports)(Report::Connected { session, srtp: srtp.to_owned(), dtls: dtls.to_owned() });
    }

    /// Shuts the gate from the media side and tells control that the branch is gone. The first call counts.
    pub fn end(&self, cause: EndCause) {
        self.inner().end(cause);
    }

    fn inner(&self) -> &Inner {
        &self.0.0
    }
}

impl Inner {
    fn is_open(&self) -> bool {
        self.latch.is_open() && self.is_in_time()
    }

    fn is_in_time(&self) -> bool {
        self.clock.monotonic() < self.terms.deadline && self.clock.utc() < self.terms.deadline_utc
    }

    /// Microseconds since the grant was issued, plus one so that 0 can mean "none yet".
    fn now_us(&self) -> u64 {
        let since = self.clock.monotonic().saturating_duration_since(self.issued);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX - 1) + 1
    }

    fn traffic(&self) -> Traffic {
        // Counted on the monotonic clock and told in UTC: a stepped wall clock changes no duration (A4-5, fault 6).
        let instant = |us: &AtomicU64| {
            let since_us = us.load(Ordering::Relaxed).checked_sub(1)?;
            let since = TimeDelta::microseconds(i64::try_from(since_us).ok()?);
            self.issued_at_utc.checked_add_signed(since).map(crate::domain::instant::to_micros)
        };
        Traffic {
            first_packet_at_utc: instant(&self.first_packet_us),
            last_packet_at_utc: instant(&self.last_packet_us),
            packets: self.packets.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn end(&self, cause: EndCause) {
        self.latch.shut();
        if !self.ended.swap(true, Ordering::SeqCst) {
            (self.reports)(Report::Ended { session: self.terms.session, cause, traffic: self.traffic() });
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.end(EndCause::Failed { detail: "the branch was dropped without saying why".to_owned() });
    }
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant").field("terms", self.terms()).field("open", &self.is_open()).finish()
    }
}

impl Revoker {
    /// Shuts the gate: from now on no packet enters. Returns at once; [`Revoker::drain`] waits for those inside.
    pub(in crate::control) fn shut(&self) {
        self.0.latch.shut();
    }

    /// Waits until no packet is under way in a shut gate. `false`: one was still inside its socket call at `until`; the
    /// gate is shut all the same.
    pub(in crate::control) fn drain(&self, until: Instant) -> bool {
        while !self.0.latch.is_empty() {
            if Instant::now() >= until {
                return false;
            }
            // A packet is inside for microseconds (encryption and one sendto): yielding beats parking.
            std::thread::yield_now();
        }
        true
    }

    /// Tells the branch to take itself apart. Separate from [`Revoker::shut`]: waking tasks must not delay the cut.
    pub(in crate::control) fn announce(&self) {
        self.0.revoked.cancel();
    }

    /// Shut, drain for at most `patience`, announce.
    #[cfg(test)]
    pub(in crate::control) fn revoke(&self, patience: Duration) -> bool {
        self.shut();
        let drained = self.drain(Instant::now() + patience);
        self.announce();
        drained
    }

    /// How long after `accepted` the last media packet left, microseconds; 0 when it left before; `None` when none did.
    pub(in crate::control) fn cut_us(&self, accepted: Instant) -> Option<u64> {
        let since_issue_us = self.0.last_packet_us.load(Ordering::Relaxed).checked_sub(1)?;
        let last = self.0.issued + Duration::from_micros(since_issue_us);
        u64::try_from(last.saturating_duration_since(accepted).as_micros()).ok()
    }

    /// What has gone out so far.
    pub(in crate::control) fn traffic(&self) -> Traffic {
        self.0.traffic()
    }

    /// What was granted.
    pub(in crate::control) fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// Whether a packet would pass now.
    pub(in crate::control) fn is_open(&self) -> bool {
        self.0.is_open()
    }
}

/// A grant outside of control, for the media plane's unit tests; it exists in test builds only.
#[cfg(test)]
pub(crate) mod for_tests {
    use super::*;
    use std::sync::mpsc;

    /// Shuts a test's grant.
    pub(crate) struct TestRevoker(Revoker);

    impl TestRevoker {
        /// As control does it; whether it drained.
        pub(crate) fn revoke(&self) -> bool {
            self.0.revoke(Duration::from_secs(5))
        }
    }

    /// A grant on these terms, with its revoker and its reports.
    pub(crate) fn issue(terms: Terms, clock: Arc<dyn Clock>) -> (Grant, TestRevoker, mpsc::Receiver<Report>) {
        let (reports, received) = mpsc::channel();
        let sink: ReportSink = Arc::new(move |report| drop(reports.send(report)));
        let anchor = super::Anchor { utc: clock.utc(), monotonic: clock.monotonic() };
        let (grant, revoker) = Grant::issue(terms, clock, anchor, sink);
        (grant, TestRevoker(revoker), received)
    }
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
