//! The DTLS connection that one `dtlssrtpenc` and one `dtlssrtpdec` share.
//!
//! The two find each other through `connection-id`. Datagrams come in on the decoder's streaming thread, go out through
//! the encoder's pad; timers fire on GStreamer's clock thread, which only hands over to the thread pool that elements
//! share: no connection has a thread of its own, and none can hold up another.
//!
//! Under the lock: OpenSSL, and putting keys in or taking them away. Outside it: pushing, signals, callbacks.

use super::dec::DtlsSrtpDec;
use super::enc::DtlsSrtpEnc;
use super::handshake::{Handshake, Role, Secured, Step};
use super::outcome::{Cause, Negotiated, Outcome};
use super::{Binding, OnOutcome};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Datagrams that come before the encoder is started are kept, as many as one flight may have.
const EARLY_DATAGRAMS: usize = 8;
/// Longer than any datagram a DTLS peer sends: one record and its headers.
const LONGEST_DATAGRAM_BYTES: usize = 17 * 1024;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("ecluse-dtls", gst::DebugColorFlags::empty(), Some("Écluse's DTLS connections"))
});

/// webrtcbin reads this by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "EcluseDtlsConnectionState")]
pub(super) enum ConnectionState {
    #[default]
    #[enum_value(name = "Not started", nick = "new")]
    New = 0,
    #[enum_value(name = "Closed, here or by the peer", nick = "closed")]
    Closed = 1,
    #[enum_value(name = "Failed: no media", nick = "failed")]
    Failed = 2,
    #[enum_value(name = "Handshake under way", nick = "connecting")]
    Connecting = 3,
    #[enum_value(name = "Connected", nick = "connected")]
    Connected = 4,
}

/// One DTLS connection.
pub(super) struct Transport {
    id: String,
    state: Mutex<State>,
}

struct State {
    enc: glib::WeakRef<DtlsSrtpEnc>,
    dec: glib::WeakRef<DtlsSrtpDec>,
    phase: Phase,
    timer: Option<gst::SingleShotClockId>,
}

enum Phase {
    /// The encoder has not been started: ICE is not done, or the role is not known.
    Idle { early: Vec<Vec<u8>> },
    /// Towards keys, until the deadline.
    Shaking { handshake: Handshake, binding: Binding, started: Instant },
    /// Keys are in place.
    Secured { handshake: Handshake, binding: Binding, negotiated: Negotiated },
    /// No keys any more, or never.
    Over(ConnectionState),
}

/// What is left to do once the lock is released.
#[derive(Default)]
struct Effects {
    datagrams: Vec<Vec<u8>>,
    state_changed: bool,
    secured: bool,
    outcome: Option<(Outcome, OnOutcome)>,
}

static TRANSPORTS: LazyLock<Mutex<HashMap<String, Weak<Transport>>>> = LazyLock::new(Mutex::default);

fn transports() -> MutexGuard<'static, HashMap<String, Weak<Transport>>> {
    TRANSPORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Transport {
    fn drop(&mut self) {
        let mut transports = transports();
        if transports.get(&self.id).is_some_and(|t| t.strong_count() == 0) {
            transports.remove(&self.id);
        }
    }
}

impl Transport {
    /// The connection of that id, made on first use.
    fn of(id: &str) -> Arc<Self> {
        let mut transports = transports();
        if let Some(transport) = transports.get(id).and_then(Weak::upgrade) {
            return transport;
        }
        let transport = Arc::new(Transport {
            id: id.to_owned(),
            state: Mutex::new(State {
                enc: glib::WeakRef::new(),
                dec: glib::WeakRef::new(),
                phase: Phase::Idle { early: Vec::new() },
                timer: None,
            }),
        });
        transports.insert(id.to_owned(), Arc::downgrade(&transport));
        transport
    }

    /// Joins an encoder. `None` when another one is alive under that id: two viewers must never share keys.
    pub fn join_enc(id: &str, enc: &DtlsSrtpEnc) -> Option<Arc<Self>> {
        let transport = Self::of(id);
        let state = transport.lock();
        if state.enc.upgrade().is_some_and(|other| other != *enc) {
            return None;
        }
        state.enc.set(Some(enc));
        drop(state);
        Some(transport)
    }

    /// Joins a decoder; `None` as for [`join_enc`](Self::join_enc).
    pub fn join_dec(id: &str, dec: &DtlsSrtpDec) -> Option<Arc<Self>> {
        let transport = Self::of(id);
        let state = transport.lock();
        if state.dec.upgrade().is_some_and(|other| other != *dec) {
            return None;
        }
        state.dec.set(Some(dec));
        drop(state);
        Some(transport)
    }

    /// For the elements' `connection-state`.
    pub fn connection_state(&self) -> ConnectionState {
        match self.lock().phase {
            Phase::Idle { .. } => ConnectionState::New,
            Phase::Shaking { .. } => ConnectionState::Connecting,
            Phase::Secured { .. } => ConnectionState::Connected,
            Phase::Over(state) => state,
        }
    }

    /// What was agreed on; `None` before and after the connection.
    pub fn negotiated(&self) -> Option<Negotiated> {
        match &self.lock().phase {
            Phase::Secured { negotiated, .. } => Some(negotiated.clone()),
            _ => None,
        }
    }

    /// Starts the handshake; returns at once. Called when the encoder starts, that is when ICE is connected and the
    /// role is known.
    pub fn start(self: &Arc<Self>, role: Role, binding: Option<Binding>) {
        let mut state = self.lock();
        let Some(enc) = state.enc.upgrade() else { return };
        let Phase::Idle { early } = &mut state.phase else { return };
        let early = std::mem::take(early);
        let made = match &binding {
            Some(binding) => Handshake::new(role, binding.peer.clone()),
            None => Err(Cause::NobodyExpected),
        };
        match (made, binding) {
            (Ok(handshake), Some(binding)) => {
                gst::debug!(CAT, obj = enc, "handshake as {role:?}");
                state.phase = Phase::Shaking { handshake, binding, started: Instant::now() };
                drop(state);
                let this = self.clone();
                // Not here: this is a state change, with webrtcbin's locks held.
                enc.call_async(move |_| {
                    this.step(|handshake| handshake.start());
                    for datagram in early {
                        this.step(|handshake| handshake.input(&datagram));
                    }
                });
            }
            (made, binding) => {
                let cause = made.err().unwrap_or(Cause::NobodyExpected);
                gst::error!(CAT, obj = enc, "no handshake: {cause}");
                let mut effects = Effects::default();
                state.finish(Outcome::Failed(cause), binding.as_ref(), &mut effects);
                drop(state);
                let this = self.clone();
                enc.call_async(move |_| this.perform(effects));
            }
        }
    }

    /// Takes a DTLS datagram from the network, on the decoder's streaming thread.
    pub fn input(self: &Arc<Self>, datagram: &[u8]) {
        if datagram.len() > LONGEST_DATAGRAM_BYTES {
            return;
        }
        if let Phase::Idle { early } = &mut self.lock().phase {
            if early.len() < EARLY_DATAGRAMS {
                early.push(datagram.to_vec());
            }
            return;
        }
        self.step(|handshake| handshake.input(datagram));
    }

    /// Says goodbye to the peer and takes the keys away; returns at once.
    pub fn close(self: &Arc<Self>) {
        let mut effects = Effects::default();
        let mut state = self.lock();
        let (Phase::Shaking { handshake, .. } | Phase::Secured { handshake, .. }) = &mut state.phase else { return };
        handshake.close();
        effects.datagrams = handshake.take_outgoing();
        state.finish(Outcome::Closed, None, &mut effects);
        let enc = state.enc.upgrade();
        drop(state);
        if let Some(enc) = enc {
            let this = self.clone();
            enc.call_async(move |_| this.perform(effects));
        }
    }

    /// The encoder stops: frees everything, tells nobody.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.finish(Outcome::Closed, None, &mut Effects::default());
        state.phase = Phase::Idle { early: Vec::new() };
    }

    /// Lets OpenSSL do `what`, then does what follows from it.
    fn step(self: &Arc<Self>, what: impl FnOnce(&mut Handshake) -> Step) {
        let mut effects = Effects::default();
        let mut state = self.lock();
        let step = match &mut state.phase {
            Phase::Shaking { handshake, .. } | Phase::Secured { handshake, .. } => {
                let step = what(handshake);
                effects.datagrams = handshake.take_outgoing();
                step
            }
            Phase::Idle { .. } | Phase::Over(_) => return,
        };
        match step {
            Step::Pending => {}
            Step::Secured(secured) => state.install(*secured, &mut effects),
            Step::Failed(cause) => state.fail(cause, &mut effects),
            Step::Closed => {
                let binding = state.binding().cloned();
                state.finish(Outcome::Closed, binding.as_ref(), &mut effects);
            }
        }
        state.arm(self);
        drop(state);
        self.perform(effects);
    }

    /// A timer has fired; on a pool thread.
    fn tick(self: &Arc<Self>) {
        let late = match &self.lock().phase {
            Phase::Shaking { binding, started, .. } => started.elapsed() >= binding.handshake_timeout,
            _ => false,
        };
        if late {
            self.step(|_| Step::Failed(Cause::TimedOut { after: Duration::ZERO }));
        } else {
            self.step(Handshake::timeout);
        }
    }

    fn perform(&self, effects: Effects) {
        let (enc, dec) = {
            let state = self.lock();
            (state.enc.upgrade(), state.dec.upgrade())
        };
        if let Some(enc) = &enc {
            for datagram in effects.datagrams {
                enc.push_dtls(datagram);
            }
        }
        if effects.secured
            && let Some(dec) = &dec
        {
            dec.notify("peer-pem");
        }
        if effects.state_changed {
            if let Some(enc) = &enc {
                enc.notify("connection-state");
            }
            if let Some(dec) = &dec {
                dec.notify("connection-state");
            }
        }
        if let Some((outcome, tell)) = effects.outcome {
            if let Some(enc) = &enc {
                gst::info!(CAT, obj = enc, "{outcome:?}");
            }
            tell(&outcome);
        }
        if effects.secured
            && let Some(enc) = &enc
        {
            // webrtcbin lets media into the encoder from here on.
            enc.emit_by_name::<()>("on-key-set", &[]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under this lock (there is none by design) must not take the other connections' threads along; the
        // worst a half-made state can do is to pass no media.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn binding(&self) -> Option<&Binding> {
        match &self.phase {
            Phase::Shaking { binding, .. } | Phase::Secured { binding, .. } => Some(binding),
            Phase::Idle { .. } | Phase::Over(_) => None,
        }
    }

    /// Puts the keys in place.
    fn install(&mut self, secured: Secured, effects: &mut Effects) {
        let Phase::Shaking { handshake, binding, .. } =
            std::mem::replace(&mut self.phase, Phase::Over(ConnectionState::Failed))
        else {
            return;
        };
        let (Some(enc), Some(dec)) = (self.enc.upgrade(), self.dec.upgrade()) else {
            let cause = Cause::Internal { detail: "an element went away during the handshake".to_owned() };
            return self.finish(Outcome::Failed(cause), Some(&binding), effects);
        };
        dec.install(&secured.receive_key, &secured.peer_pem, binding.receive_media);
        enc.install(&secured.send_key);
        effects.secured = true;
        effects.state_changed = true;
        effects.outcome = Some((Outcome::Connected(secured.negotiated.clone()), binding.on_outcome.clone()));
        self.phase = Phase::Secured { handshake, binding, negotiated: secured.negotiated };
    }

    fn fail(&mut self, cause: Cause, effects: &mut Effects) {
        let binding = self.binding().cloned();
        let cause = match (cause, &self.phase) {
            (Cause::TimedOut { .. }, Phase::Shaking { started, .. }) => Cause::TimedOut { after: started.elapsed() },
            (cause, _) => cause,
        };
        self.finish(Outcome::Failed(cause), binding.as_ref(), effects);
    }

    /// Takes the keys away and frees OpenSSL's part.
    fn finish(&mut self, outcome: Outcome, tell: Option<&Binding>, effects: &mut Effects) {
        if let Some(timer) = self.timer.take() {
            timer.unschedule();
        }
        if let Some(enc) = self.enc.upgrade() {
            enc.uninstall();
        }
        if let Some(dec) = self.dec.upgrade() {
            dec.uninstall();
        }
        self.phase = Phase::Over(match outcome {
            Outcome::Failed(_) => ConnectionState::Failed,
            Outcome::Connected(_) | Outcome::Closed => ConnectionState::Closed,
        });
        effects.state_changed = true;
        effects.outcome = tell.map(|binding| (outcome, binding.on_outcome.clone()));
    }

    /// Sets the alarm for the next retransmission or the deadline, whichever is sooner.
    fn arm(&mut self, transport: &Arc<Transport>) {
        if let Some(timer) = self.timer.take() {
            timer.unschedule();
        }
        let Phase::Shaking { handshake, binding, started } = &self.phase else { return };
        let left = binding.handshake_timeout.saturating_sub(started.elapsed());
        let wait = handshake.next_timeout().unwrap_or(left).min(left);
        let clock = gst::SystemClock::obtain();
        let wait = gst::ClockTime::try_from(wait).unwrap_or(gst::ClockTime::SECOND);
        let timer = clock.new_single_shot_id(clock.time() + wait);
        let transport = Arc::downgrade(transport);
        let armed = timer.wait_async(move |_, _, _| {
            let Some(transport) = transport.upgrade() else { return };
            let enc = transport.lock().enc.upgrade();
            if let Some(enc) = enc {
                // The clock's thread serves the whole process: hand over.
                enc.call_async(move |_| transport.tick());
            }
        });
        match armed {
            Ok(_) => self.timer = Some(timer),
            Err(e) => gst::error!(CAT, "no timer: {e:?}"),
        }
    }
}
