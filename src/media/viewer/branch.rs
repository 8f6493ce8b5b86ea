//! One branch from its grant to its end: a task that owns the elements, and the handle that others hold.
//!
//! ```text
//! Negotiating ──answer──▶ Connecting ──DTLS──▶ Live ──▶ Ending
//!      └────────────────────────┴──── any end ───────────▲
//! ```
//! The gate is shut (`Grant::end`) on the way into `Ending`, before anything is taken apart.

use super::answer::{self, Leg};
use super::candidate::Remote;
use super::error::{AttachError, TrickleError};
use super::feeder::Feeder;
use super::live::{LiveBranch, LiveCamera, Phase};
use super::meter::Meter;
use super::offer::{IceCredentials, MAX_CANDIDATES, Offer};
use super::pipeline::{self, Elements, Signal};
use super::reaper::Reaper;
use super::trickle::Fragment;
use super::vitals::Vitals;
use super::{Attached, Track, ViewerSettings};
use crate::control::grant::Grant;
use crate::domain::{EndCause, SessionId};
use crate::media::dtls_srtp::{Cause, Negotiated, Outcome};
use crate::media::hub::Hub;
use chrono::{DateTime, Utc};
use gstreamer as gst;
use gstreamer::glib;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

/// Making the answer takes 10 ms, or as long as gathering may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Our own addresses are there in milliseconds; the rest of this is for STUN and TURN servers.
const GATHER_PATIENCE: Duration = Duration::from_secs(2);
/// How often a branch looks at its deadline, its peer and its counters.
const TICK: Duration = Duration::from_millis(250);
/// How long webrtcbin may take to tell where the packets go.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(1);

/// What others hold of a branch: its state, and the ways to reach it.
pub(super) struct Branch {
    pub session: SessionId,
    pub grant: Grant,
    pub tracks: Vec<Track>,
    vitals: Arc<Vitals>,
    offered_ice: IceCredentials,
    /// The viewer leaves, or the server stops: the task takes the elements apart.
    over: Notify,
    state: Mutex<State>,
}

struct State {
    phase: PhaseState,
    remote_addr: Option<SocketAddr>,
    meter: Meter,
    candidates: usize,
    webrtcbin: Option<glib::WeakRef<gst::Element>>,
}

/// One enum: a branch that is not live has no cipher.
enum PhaseState {
    Negotiating,
    Connecting,
    Live { since_utc: DateTime<Utc>, negotiated: Negotiated },
    Ending,
}

/// What the branch's task works with, and nobody else.
pub(super) struct Work {
    pub settings: ViewerSettings,
    pub hub: Arc<Hub>,
    pub offer: Offer,
    pub legs: Vec<Leg>,
    pub reaper: Reaper,
    pub answer: oneshot::Sender<Result<Attached, AttachError>>,
}

impl Branch {
    /// A branch that is about to be negotiated.
    pub fn new(grant: Grant, offer: &Offer, legs: &[Leg]) -> Arc<Self> {
        Arc::new(Self {
            session: grant.terms().session,
            tracks: answer::tracks(offer, legs),
            vitals: Arc::new(Vitals::new(legs.len())),
            offered_ice: offer.ice.clone(),
            over: Notify::new(),
            state: Mutex::new(State {
                phase: PhaseState::Negotiating,
                remote_addr: None,
                meter: Meter::default(),
                candidates: offer.candidates.len(),
                webrtcbin: None,
            }),
            grant,
        })
    }

    /// Shuts the gate, tells control, and has the elements taken apart by the branch's task.
    pub fn end(&self, cause: EndCause) {
        self.grant.end(cause);
        self.state().phase = PhaseState::Ending;
        self.over.notify_one();
    }

    /// Takes a trickle fragment that has been read.
    pub fn trickle(&self, fragment: &Fragment) -> Result<(), TrickleError> {
        fragment.belongs_to(&self.offered_ice)?;
        let mut state = self.state();
        let webrtcbin = match (&state.phase, &state.webrtcbin) {
            (PhaseState::Ending, _) => None,
            (_, webrtcbin) => webrtcbin.as_ref().and_then(glib::WeakRef::upgrade),
        };
        let Some(webrtcbin) = webrtcbin else { return Err(TrickleError::UnknownSession { session: self.session }) };
        if state.candidates + fragment.candidates.len() > MAX_CANDIDATES {
            return Err(TrickleError::TooManyCandidates { limit: MAX_CANDIDATES });
        }
        state.candidates += fragment.candidates.len();
        drop(state);
        for candidate in fragment.candidates.iter().map(Remote::to_string) {
            pipeline::add_candidate(&webrtcbin, &candidate);
        }
        Ok(())
    }

    /// The figures of this moment.
    pub fn live(&self) -> LiveBranch {
        let traffic = self.grant.traffic();
        let state = self.state();
        let (phase, live) = match &state.phase {
            PhaseState::Negotiating => (Phase::Negotiating, None),
            PhaseState::Connecting => (Phase::Connecting, None),
            PhaseState::Live { since_utc, negotiated } => (Phase::Live, Some((*since_utc, negotiated.clone()))),
            PhaseState::Ending => (Phase::Ending, None),
        };
        let (connected_since, negotiated) = live.unzip();
        let (srtp, dtls) = negotiated.map(|n| (n.srtp, n.dtls)).unzip();
        LiveBranch {
            session: self.session,
            phase,
            remote_addr: state.remote_addr,
            connected_since,
            srtp,
            dtls,
            cameras: self
                .tracks
                .iter()
                .enumerate()
                .map(|(leg, track)| LiveCamera {
                    camera: track.camera.clone(),
                    mid: track.mid.clone(),
                    frame_age_ms: self
                        .vitals
                        .picture_age(leg)
                        .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
                })
                .collect(),
            packets: traffic.packets,
            bytes: traffic.bytes,
            bitrate_bps: state.meter.bits_per_s(),
        }
    }

    /// The branch's task: everything from the first element to the last. Ends when the elements are gone.
    pub async fn run(self: Arc<Self>, work: Work) {
        let Work { settings, hub, offer, legs, reaper, answer } = work;
        let (signals, mut inbox) = mpsc::unbounded_channel();
        let built = self.build(&settings, &offer, &legs, &signals).await;
        let elements = match built {
            Ok(elements) => elements,
            Err(error) => {
                self.end(EndCause::Failed { detail: error.to_string() });
                let _ = answer.send(Err(error));
                return;
            }
        };
        let negotiated = tokio::select! {
            biased;
            () = self.grant.revoked() => Err(AttachError::GrantOver),
            () = self.over.notified() => Err(AttachError::GrantOver),
            done = tokio::time::timeout(ANSWER_TIMEOUT, negotiate(&elements, &settings, &offer, &legs, &mut inbox)) => {
                let after_ms = u64::try_from(ANSWER_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
                done.unwrap_or(Err(AttachError::Slow { after_ms }))
            }
        };
        let mut feeders = JoinSet::new();
        let cause = match negotiated {
            Ok(own) if self.grant.is_open() => {
                // RFC 8866: a number; the identifier's random half has enough of one, its sign bit apart.
                let number = (self.session.uuid().as_u64_pair().1 << 2) >> 2;
                let attached = Attached {
                    session: self.session,
                    answer_sdp: answer::answer(&offer, &legs, &own, number),
                    etag: format!("\"{}\"", own.ice.ufrag),
                    tracks: self.tracks.clone(),
                };
                self.enter(PhaseState::Connecting);
                match answer.send(Ok(attached)) {
                    Ok(()) => self.watch(&settings, &hub, &elements, &mut inbox, &mut feeders).await,
                    // Whoever asked has hung up: nobody will ever use this branch.
                    Err(_) => EndCause::Left,
                }
            }
            refused => {
                let error = refused.err().unwrap_or(AttachError::GrantOver);
                let cause = match &error {
                    AttachError::GrantOver => self.over_cause(),
                    error => EndCause::Failed { detail: error.to_string() },
                };
                self.end(cause.clone());
                let _ = answer.send(Err(error));
                cause
            }
        };
        self.end(cause);
        feeders.shutdown().await;
        reaper.take_apart(self.session, elements).await;
    }

    async fn build(
        self: &Arc<Self>,
        settings: &ViewerSettings,
        offer: &Offer,
        legs: &[Leg],
        signals: &mpsc::UnboundedSender<Signal>,
    ) -> Result<Elements, AttachError> {
        let (settings, offer, legs, signals) = (settings.clone(), offer.clone(), legs.to_vec(), signals.clone());
        let branch = self.clone();
        let built = tokio::task::spawn_blocking(move || {
            Elements::build(&settings, &branch.grant, &offer, &legs, &branch.vitals, &signals)
        });
        let elements = match built.await {
            Ok(Ok(elements)) => elements,
            Ok(Err(error)) => return Err(AttachError::Media { detail: error.to_string() }),
            Err(error) => return Err(AttachError::Media { detail: format!("building the branch: {error}") }),
        };
        self.state().webrtcbin = Some(gst::prelude::ObjectExt::downgrade(elements.webrtcbin()));
        Ok(elements)
    }

    /// From the answer to the end; returns why it ended.
    async fn watch(
        self: &Arc<Self>,
        settings: &ViewerSettings,
        hub: &Hub,
        elements: &Elements,
        inbox: &mut mpsc::UnboundedReceiver<Signal>,
        feeders: &mut JoinSet<()>,
    ) -> EndCause {
        let answered = Instant::now();
        let deadline = tokio::time::sleep_until(self.grant.terms().deadline.into());
        tokio::pin!(deadline);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut patience = Patience::new(settings.silence_timeout);
        loop {
            tokio::select! {
                biased;
                () = self.grant.revoked() => return EndCause::TicketClosed,
                () = self.over.notified() => return EndCause::Left,
                () = &mut deadline => return EndCause::Expired,
                Some(signal) = inbox.recv() => {
                    if let Some(cause) = self.on_signal(signal, hub, elements, feeders) {
                        return cause;
                    }
                }
                _ = tick.tick() => {
                    if !self.grant.is_open() {
                        return self.over_cause();
                    }
                    let now = Instant::now();
                    if !self.is_live() && now.duration_since(answered) >= settings.connect_timeout {
                        return EndCause::Vanished;
                    }
                    let bytes = self.grant.traffic().bytes;
                    self.state().meter.read(bytes, now);
                    if patience.exhausted(bytes, self.vitals.silent_for(), now) {
                        return EndCause::Vanished;
                    }
                }
            }
        }
    }

    /// Takes what the elements say; `Some`: the branch is over.
    fn on_signal(
        self: &Arc<Self>,
        signal: Signal,
        hub: &Hub,
        elements: &Elements,
        feeders: &mut JoinSet<()>,
    ) -> Option<EndCause> {
        match signal {
            Signal::Dtls(Outcome::Connected(negotiated)) => {
                self.vitals.heard();
                self.grant.connected(&negotiated.srtp, &negotiated.dtls);
                self.enter(PhaseState::Live { since_utc: Utc::now(), negotiated });
                // The transport's elements run only now, so only now the latency reaches them all.
                elements.settle_latency();
                elements.draw();
                self.feed(hub, elements, feeders);
                let (branch, webrtcbin) = (self.clone(), gst::prelude::ObjectExt::downgrade(elements.webrtcbin()));
                feeders.spawn(async move { branch.learn_address(webrtcbin).await });
                None
            }
            Signal::Dtls(Outcome::Failed(cause)) => Some(end_of(&cause)),
            Signal::Dtls(Outcome::Closed) => Some(EndCause::Left),
            // Before it is live, more candidates may come, and the peer's own checks; the time-out decides.
            Signal::IceFailed => self.is_live().then_some(EndCause::Vanished),
            Signal::Latency if self.is_live() => {
                elements.settle_latency();
                None
            }
            Signal::Gathered | Signal::Latency => None,
            Signal::Error(detail) => Some(EndCause::Failed { detail }),
        }
    }

    fn feed(&self, hub: &Hub, elements: &Elements, feeders: &mut JoinSet<()>) {
        let (clock, base_time) = elements.time_line();
        for (leg, (track, source)) in self.tracks.iter().zip(&elements.sources).enumerate() {
            let feeder = Feeder {
                leg,
                legs: self.tracks.len(),
                stream: hub.stream(&track.camera),
                source: source.clone(),
                clock: clock.clone(),
                base_time,
                vitals: self.vitals.clone(),
            };
            feeders.spawn(feeder.run());
        }
    }

    /// For the administrator's page; a relay or a roaming viewer may change it, so it is asked for again now and then.
    async fn learn_address(&self, webrtcbin: glib::WeakRef<gst::Element>) {
        let mut pause = Duration::from_millis(200);
        loop {
            let Some(strong) = webrtcbin.upgrade() else { return };
            let address = pipeline::remote_address(&strong, ADDRESS_PATIENCE).await;
            drop(strong);
            if address.is_some() {
                self.state().remote_addr = address;
                pause = Duration::from_secs(10);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Why a gate that is shut was shut: control's reason prevails when it was control.
    fn over_cause(&self) -> EndCause {
        let terms = self.grant.terms();
        let expired = Instant::now() >= terms.deadline || Utc::now() >= terms.deadline_utc;
        if expired { EndCause::Expired } else { EndCause::TicketClosed }
    }

    fn enter(&self, phase: PhaseState) {
        let mut state = self.state();
        // There is no way back from the end.
        if !matches!(state.phase, PhaseState::Ending) {
            state.phase = phase;
        }
    }

    fn is_live(&self) -> bool {
        matches!(self.state().phase, PhaseState::Live { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole at each step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn negotiate(
    elements: &Elements,
    settings: &ViewerSettings,
    offer: &Offer,
    legs: &[Leg],
    inbox: &mut mpsc::UnboundedReceiver<Signal>,
) -> Result<answer::OwnTransport, AttachError> {
    elements.negotiate(offer, legs).await?;
    let gathered = async {
        while !elements.gathered() {
            match inbox.recv().await {
                Some(Signal::Error(detail)) => return Err(AttachError::Media { detail }),
                Some(_) => {}
                None => return Err(AttachError::Media { detail: "the elements went away".to_owned() }),
            }
        }
        Ok(())
    };
    match tokio::time::timeout(GATHER_PATIENCE, gathered).await {
        Ok(result) => result?,
        // A STUN or TURN server that does not answer must not keep a viewer on our own network out; and when no port
        // was free, libnice never says that it is done.
        Err(_) => tracing::warn!("not all addresses were gathered in {} ms", GATHER_PATIENCE.as_millis()),
    }
    elements.own_transport(settings)
}

/// What a failed handshake means for the register (A6-5).
fn end_of(cause: &Cause) -> EndCause {
    if let Some(offered) = cause.weak_cipher() {
        return EndCause::WeakCipher { offered };
    }
    match cause {
        Cause::TimedOut { .. } => EndCause::Vanished,
        other => EndCause::Failed { detail: other.to_string() },
    }
}

/// Notices a peer that is gone (fault 20): media has flowed for the whole time and nothing came back. A peer that gets no
/// media (all cameras offline) owes no reports; libnice's checks find it gone.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    bytes: u64,
    last_flow: Option<Instant>,
    flowing_since: Option<Instant>,
}

/// Media that paused for longer than this starts the count anew.
const PAUSE: Duration = Duration::from_secs(2);

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { limit, bytes: 0, last_flow: None, flowing_since: None }
    }

    fn exhausted(&mut self, bytes: u64, silent_for: Duration, now: Instant) -> bool {
        if bytes > self.bytes {
            self.bytes = bytes;
            self.last_flow = Some(now);
            self.flowing_since.get_or_insert(now);
        } else if self.last_flow.is_none_or(|at| now.duration_since(at) > PAUSE) {
            self.flowing_since = None;
        }
        let flowing_for = self.flowing_since.map_or(Duration::ZERO, |since| now.duration_since(since));
        flowing_for >= self.limit.saturating_sub(2 * TICK) && silent_for >= self.limit.saturating_sub(2 * TICK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_gets_media_and_says_nothing_is_gone_within_the_limit() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(10));
        let gone = (0..100_u32).find(|n| {
            let now = start + TICK * *n;
            patience.exhausted(u64::from(*n + 1) * 1000, now - start, now)
        });
        assert!((TICK * gone.unwrap()).abs_diff(Duration::from_secs(10)) <= 3 * TICK);
    }

    #[test]
    fn silence_counts_only_while_media_flows() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(10));
        for n in 0..1000_u32 {
            let now = start + TICK * n;
            assert!(!patience.exhausted(5000, now - start, now), "no media, no report owed");
        }
        // The camera comes back; the viewer has a full span to show itself.
        let back = start + TICK * 1000;
        let mut patience_left = 0;
        while !patience.exhausted(
            6000 + u64::from(patience_left),
            Duration::from_secs(300),
            back + TICK * patience_left,
        ) {
            patience_left += 1;
        }
        assert!(TICK * patience_left >= Duration::from_secs(9));
    }

    #[test]
    fn what_a_failed_handshake_means() {
        let weak = Cause::NoSrtpProfile { offered: Some(vec!["SRTP_AES128_CM_HMAC_SHA1_80".to_owned()]) };
        assert!(matches!(end_of(&weak), EndCause::WeakCipher { offered } if offered.contains("AES128")));
        assert_eq!(end_of(&Cause::TimedOut { after: Duration::from_secs(10) }), EndCause::Vanished);
        assert!(matches!(end_of(&Cause::NobodyExpected), EndCause::Failed { .. }));
    }
}
