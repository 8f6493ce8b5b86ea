//! What every test of this binary sets up: hub, viewers, keeper, cameras.

use crate::footage::{Footage, Playing};
use crate::keeper::{Keeper, Viewer};
pub use crate::str0m_receiver::local_address;
use crate::str0m_receiver::{self, Receiver};
use ecluse::domain::{CameraId, SessionId};
use ecluse::media::hub::{Hub, HubLimits};
use ecluse::media::viewer::{Attached, LiveBranch, Offer, ViewerSettings, Viewers};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Long enough for a machine that is busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server without its pages.
pub struct Room {
    pub hub: Arc<Hub>,
    pub viewers: Arc<Viewers>,
    pub keeper: Keeper,
    pub cameras: Vec<CameraId>,
    _turn: Turn,
}

/// Rooms of different tests live side by side, but for one that counts the threads of the process.
static ALONE: RwLock<()> = RwLock::const_new(());

#[allow(dead_code, reason = "held, not read")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A viewer that is connected.
pub struct Watching {
    pub session: SessionId,
    pub attached: Attached,
    pub receiver: Receiver,
}

impl Room {
    /// A room with `cameras` cameras, all off.
    pub async fn open(cameras: usize) -> Self {
        Self::with(cameras, ViewerSettings::default()).await
    }

    /// A room while there is no other.
    pub async fn alone(cameras: usize) -> Self {
        let turn = Turn::Alone(ALONE.write().await);
        Self::furnish(cameras, ViewerSettings::default(), turn).await
    }

    pub async fn with(cameras: usize, settings: ViewerSettings) -> Self {
        let turn = Turn::Shared(ALONE.read().await);
        Self::furnish(cameras, settings, turn).await
    }

    async fn furnish(cameras: usize, settings: ViewerSettings, turn: Turn) -> Self {
        gstreamer::init().expect("GStreamer");
        let cameras: Vec<CameraId> = (1..=cameras).map(|n| format!("camera-{n}").parse().expect("an id")).collect();
        let hub = Hub::new(HubLimits::default());
        let viewers = Viewers::new(settings, hub.clone()).expect("the room opens");
        Self { hub, viewers, keeper: Keeper::start(&cameras).await, cameras, _turn: turn }
    }

    /// Switches all cameras on and waits until the hub can start a viewer at once.
    pub async fn play(&self, footage: &Arc<Footage>) -> Vec<Playing> {
        let playing: Vec<_> = self.cameras.iter().map(|camera| footage.play(&self.hub, camera)).collect();
        until("every camera has frames", || {
            self.cameras.iter().all(|camera| self.hub.stream(camera).health().frames > 10)
        })
        .await;
        playing
    }

    /// Has a viewer offer `videos` m-lines and connects it.
    pub async fn watch(&self, viewer: Viewer, videos: usize) -> Watching {
        let offered = str0m_receiver::offer(local_address(), videos);
        let offer = Offer::parse(&offered.offer_sdp).expect("str0m's offer is read");
        let grant = self.keeper.grant(viewer, offer.video_count()).await;
        let session = grant.terms().session;
        let attached = self.viewers.attach(grant, offer).await.expect("the branch is made");
        let receiver = offered.connect(&attached.answer_sdp).expect("str0m takes the answer");
        Watching { session, attached, receiver }
    }

    /// The branch of a session, if it is listed.
    pub fn live(&self, session: SessionId) -> Option<LiveBranch> {
        self.viewers.live().into_iter().find(|branch| branch.session == session)
    }

    /// Waits until a session's elements are gone.
    pub async fn gone(&self, session: SessionId) {
        until("the branch is taken apart", || self.live(session).is_none()).await;
    }

    pub async fn close(self) {
        self.viewers.shutdown().await;
        self.keeper.stop().await;
    }
}

impl Watching {
    /// Waits until `lines` m-lines have at least `packets` packets each.
    pub async fn receives(&self, lines: usize, packets: u64) {
        until(&format!("{lines} lines have {packets} packets each"), || {
            let stats = self.receiver.stats();
            assert_eq!(stats.ended, None, "the receiver is alive: {stats:?}");
            stats.per_mid.values().filter(|mid| mid.packets >= packets).count() >= lines
        })
        .await;
    }
}

/// Waits for a condition, at most [`PATIENCE`].
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
