//! Viewer branches: one webrtcbin per viewer, in a pipeline of its own, with all the granted cameras on one transport.
//!
//! Guarantees:
//! - **A branch cannot be built without a [`Grant`]**, and every packet asks it ([`crate::media::dtls_srtp::Gate`]): the
//!   gate is bound before any DTLS element exists. Shutting it needs nothing of this room (A4-4, A4-6, fault 7).
//! - A peer without AES-256 gets no media, and its grant ends with `WeakCipher` (A6-5).
//! - Whatever happens (the viewer leaves, vanishes, never connects; an element fails; the caller hangs up; the deadline
//!   passes), the grant is ended exactly once, before anything is taken apart, and everything is freed.
//! - One viewer never disturbs another, a camera or the recording (A6-7): own pipeline, own reader, bounded queue.
//! - Nothing of a viewer's SDP reaches GStreamer: offers and candidates are read strictly and written anew.
//! - No seek, no replay, no download: a viewer gets the current group of pictures and what follows (A1-3).
//!
//! It does not: decide who may watch (`control`), speak HTTP (`web`), transcode, send sound or data, restart ICE.
//!
//! The path of one frame: [`feeder`] takes it from the hub, [`pacer`] says when it goes out, [`pipeline`] carries it to
//! `webrtcbin`, our `dtlssrtpenc` encrypts it and asks the gate. The path of one offer: [`offer`], [`answer`], [`branch`].
//!
//! Serves A1-3, A4-4, A4-6, A6-5, A6-7, A7-1 and faults 7, 15, 16, 20. Design notes: `docs/design/viewer.md`,
//! `docs/design/grant_and_cut.md`.

mod answer;
mod branch;
mod candidate;
mod error;
mod feeder;
mod h264;
mod live;
mod meter;
mod offer;
mod pacer;
mod pipeline;
mod reaper;
mod section;
mod settings;
mod trickle;
mod vitals;

pub use error::{AttachError, TrickleError, ViewerError};
pub use live::{LiveBranch, LiveCamera, Phase};
pub use offer::{MAX_OFFER_BYTES, Offer, OfferError};
pub use settings::ViewerSettings;
pub use trickle::MAX_FRAGMENT_BYTES;

use crate::control::grant::Grant;
use crate::domain::{CameraId, EndCause, SessionId};
use crate::media::dtls_srtp;
use crate::media::hub::{Hub, Item};
use answer::Leg;
use branch::{Branch, Work};
use gstreamer as gst;
use h264::ProfileLevel;
use reaper::Reaper;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use trickle::Fragment;

/// A branch that is on its way: what WHEP's `201` carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The session: the WHEP resource's name.
    pub session: SessionId,
    /// The SDP answer, with all our candidates.
    pub answer_sdp: String,
    /// Names the ICE session, quotes included, ready for `ETag` and `If-Match` (WHEP).
    pub etag: String,
    /// Which camera is on which m-line, in the offer's order. The answer says the same in `a=msid`.
    pub tracks: Vec<Track>,
}

/// One camera on one m-line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Track {
    /// The `a=mid` of its m-line; its position, counted from 0, when the offer has none.
    pub mid: String,
    /// The camera.
    pub camera: CameraId,
}

/// All viewer branches of this server.
pub struct Viewers {
    settings: ViewerSettings,
    hub: Arc<Hub>,
    branches: Mutex<HashMap<SessionId, Arc<Branch>>>,
    reaper: Reaper,
    ssrcs: Ssrcs,
}

impl Viewers {
    /// Opens the room: registers the DTLS elements and checks that GStreamer has what a branch needs. GStreamer is
    /// initialised already.
    ///
    /// # Errors
    /// A missing element or a setting that cannot work.
    pub fn new(settings: ViewerSettings, hub: Arc<Hub>) -> Result<Arc<Viewers>, ViewerError> {
        let ports = &settings.udp_ports;
        if ports.is_empty() || *ports.start() == 0 {
            return Err(ViewerError::Setting {
                field: "webrtc.udp_ports",
                value: format!("{}-{}", ports.start(), ports.end()),
                expected: "a range \"first-last\" of 1 to 65535, the first not above the last",
            });
        }
        for (element, package) in pipeline::ELEMENTS {
            if gst::ElementFactory::find(element).is_none() {
                return Err(ViewerError::GStreamer { detail: format!("element {element} is missing ({package})") });
            }
        }
        dtls_srtp::register().map_err(|e| ViewerError::GStreamer { detail: e.to_string() })?;
        Ok(Arc::new(Viewers {
            settings,
            hub,
            branches: Mutex::default(),
            reaper: Reaper::new(),
            ssrcs: Ssrcs::default(),
        }))
    }

    /// Builds a branch for a grant and answers the offer. The offer's video m-lines get the grant's cameras in order;
    /// a camera that is offline appears when it comes. The grant is ended, whatever happens, exactly once. When the
    /// returned future is dropped before it is done, the branch is taken down.
    ///
    /// # Errors
    /// When no branch could be built; the grant is over then.
    pub async fn attach(self: &Arc<Self>, grant: Grant, offer: Offer) -> Result<Attached, AttachError> {
        let session = grant.terms().session;
        let legs = self.legs(&grant, &offer).inspect_err(|e| grant.end(EndCause::Failed { detail: e.to_string() }))?;
        let branch = Branch::new(grant, &offer, &legs);
        {
            let mut branches = self.branches();
            if branches.contains_key(&session) {
                // The branch that is there holds the same grant and goes on.
                return Err(AttachError::Duplicate { session });
            }
            branches.insert(session, branch.clone());
        }
        let (answer, answered) = oneshot::channel();
        let work = Work {
            settings: self.settings.clone(),
            hub: self.hub.clone(),
            offer,
            legs,
            reaper: self.reaper.clone(),
            answer,
        };
        let listed = Listed { viewers: self.clone(), session };
        tokio::spawn(async move {
            let _listed = listed;
            branch.run(work).await;
        });
        let lost = || AttachError::Media { detail: "the branch's task ended before it answered".to_owned() };
        answered.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Which camera goes on which m-line, under which payload type and SSRC.
    fn legs(&self, grant: &Grant, offer: &Offer) -> Result<Vec<Leg>, AttachError> {
        let videos = offer.media.iter().enumerate().filter_map(|(at, media)| Some((at, media.video.as_ref()?)));
        let ssrcs = self.ssrcs.of(videos.clone().count())?;
        let legs = videos
            .zip(&grant.terms().cameras)
            .filter_map(|((media, codecs), camera)| {
                let stream = profile_of(&self.hub, camera);
                let codec = h264::choose(codecs, stream)?.clone();
                Some((media, camera.clone(), stream, codec))
            })
            .zip(ssrcs)
            .map(|((media, camera, stream, codec), ssrc)| Leg { camera, media, codec, stream, ssrc })
            .collect();
        Ok(legs)
    }

    /// Takes a trickle fragment for a session (WHEP `PATCH`).
    ///
    /// # Errors
    /// An unknown session, a fragment that cannot be read or belongs to another ICE session; see [`TrickleError`].
    pub async fn trickle(&self, session: &SessionId, fragment: &str) -> Result<(), TrickleError> {
        let fragment = Fragment::parse(fragment)?;
        let branch = self.branch(session).ok_or(TrickleError::UnknownSession { session: *session })?;
        branch.trickle(&fragment)
    }

    /// Ends a session because its viewer leaves (WHEP `DELETE`). `false`: no such session is live (any more). When this
    /// returns the gate is shut and control has been told; the elements are taken apart afterwards.
    pub async fn leave(&self, session: &SessionId) -> bool {
        match self.branch(session) {
            Some(branch) if branch.live().phase != Phase::Ending => {
                branch.end(EndCause::Left);
                true
            }
            _ => false,
        }
    }

    /// The branches as they stand now, oldest session first. Those that are being taken apart are listed until they are
    /// gone.
    pub fn live(&self) -> Vec<LiveBranch> {
        let branches: Vec<_> = self.branches().values().cloned().collect();
        let mut live: Vec<_> = branches.iter().map(|branch| branch.live()).collect();
        live.sort_by_key(|branch| branch.session);
        live
    }

    /// Ends every branch because the server stops, and waits until they are taken apart, at most five seconds.
    pub async fn shutdown(&self) {
        let branches: Vec<_> = self.branches().values().cloned().collect();
        for branch in branches {
            branch.end(EndCause::ServerStopped);
        }
        let started = std::time::Instant::now();
        while !self.branches().is_empty() && started.elapsed() < std::time::Duration::from_secs(5) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let pending = self.reaper.pending();
        if pending > 0 {
            tracing::warn!(pending, "viewers were still being taken apart when the server stopped");
        }
    }

    fn branch(&self, session: &SessionId) -> Option<Arc<Branch>> {
        self.branches().get(session).cloned()
    }

    fn branches(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Branch>>> {
        // A panic while holding this lock cannot leave the map half-written: each section is one operation.
        self.branches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A branch's place in the list; it is struck off when its task ends, however it ends.
struct Listed {
    viewers: Arc<Viewers>,
    session: SessionId,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.viewers.branches().remove(&self.session);
    }
}

/// Profile and level of a camera's stream, when one of its frames is at hand.
fn profile_of(hub: &Hub, camera: &CameraId) -> Option<ProfileLevel> {
    let mut reader = hub.stream(camera).subscribe();
    while let Some(item) = reader.try_next() {
        if let Item::Frame(frame) = item {
            let codec_data = frame.caps.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
            return ProfileLevel::of_codec_data(&codec_data.map_readable().ok()?);
        }
    }
    None
}

/// The SSRCs of all branches: drawn once, the same for the n-th camera of every viewer. Each viewer is an RTP session and
/// a DTLS association of its own, so nobody is confused and no key stream repeats; but GLib keeps for ever every name
/// that webrtcbin makes of an SSRC (seven per camera), which one viewer after the other would add up.
#[derive(Default)]
struct Ssrcs(Mutex<Vec<u32>>);

impl Ssrcs {
    /// The first `count`.
    fn of(&self, count: usize) -> Result<Vec<u32>, AttachError> {
        // Every change is one push: the list is whole even if a holder panicked.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while known.len() < count {
            let mut bytes = [0; 4];
            openssl::rand::rand_bytes(&mut bytes)
                .map_err(|e| AttachError::Media { detail: format!("no random numbers: {e}") })?;
            let ssrc = u32::from_be_bytes(bytes);
            if ssrc != 0 && !known.contains(&ssrc) {
                known.push(ssrc);
            }
        }
        Ok(known.iter().take(count).copied().collect())
    }
}
