//! One publisher per camera, and who gives way to whom.
//!
//! Only holders of the camera's credential get here. The one who publishes keeps the path while its packets flow; once
//! it has fallen silent (its encoder crashed, its line was cut without a goodbye) a newcomer takes over.
//!
//! A packet from before the newcomer came proves nothing: an encoder that was killed and started again within the second
//! is its own predecessor, whose last packets and whose goodbye may still be on their way through the kernel. So a
//! newcomer is refused only once the holder has been heard *after* it came, by [`PROOF_AFTER`].

use crate::domain::CameraId;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long a silent predecessor may take to leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// A packet that arrives so long after a newcomer proves that the holder lives.
const PROOF_AFTER: Duration = Duration::from_millis(500);
/// How often a waiting newcomer looks whether the holder lives.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// When a publisher was last heard of; written for every packet, read by watchdog and newcomers.
#[derive(Debug)]
pub(super) struct Activity {
    origin: Instant,
    last_ns: AtomicU64,
}

impl Activity {
    pub fn starting(now: Instant) -> Self {
        Self { origin: now, last_ns: AtomicU64::new(0) }
    }
    pub fn note(&self, now: Instant) {
        // 584 years of nanoseconds: no truncation.
        let ns = now.saturating_duration_since(self.origin).as_nanos() as u64;
        self.last_ns.store(ns, Ordering::Relaxed);
    }
    pub fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last())
    }
    fn last(&self) -> Instant {
        self.origin + Duration::from_nanos(self.last_ns.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct Holder {
    number: u64,
    peer: SocketAddr,
    activity: Arc<Activity>,
    leave: CancellationToken,
    by: Arc<Mutex<Option<SocketAddr>>>,
}

/// Who holds which camera.
#[derive(Debug, Default)]
pub(super) struct Publishers {
    holders: Mutex<HashMap<CameraId, Holder>>,
    left: Notify,
    numbers: AtomicU64,
}

/// The right to publish a camera, until dropped.
#[derive(Debug)]
pub(super) struct Claim {
    publishers: Arc<Publishers>,
    camera: CameraId,
    number: u64,
    /// To be noted for every packet.
    pub activity: Arc<Activity>,
    leave: CancellationToken,
    by: Arc<Mutex<Option<SocketAddr>>>,
}

/// Why a claim did not succeed yet.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    /// The holder has been heard since the newcomer came.
    Alive(SocketAddr),
    /// Nothing is known yet.
    Unclear(SocketAddr),
    /// The holder is silent and has been asked to leave.
    Leaving(SocketAddr),
}

impl Publishers {
    /// Claims the camera for `peer`, asking a predecessor that has been silent for `silence` to leave. Takes no longer
    /// than `silence` and [`LEAVE_WITHIN`] together.
    ///
    /// # Errors
    /// The address of the predecessor, when it is alive or does not leave.
    pub async fn claim(
        self: &Arc<Self>,
        camera: &CameraId,
        peer: SocketAddr,
        silence: Duration,
    ) -> Result<Claim, SocketAddr> {
        let came = Instant::now();
        let mut deadline = None;
        loop {
            let left = self.left.notified();
            let now = Instant::now();
            match self.try_claim(camera, peer, silence, came, now) {
                Ok(claim) => return Ok(claim),
                Err(Held::Alive(holder)) => return Err(holder),
                Err(Held::Unclear(_)) => drop(tokio::time::timeout(LOOK_EVERY, left).await),
                Err(Held::Leaving(holder)) => {
                    let deadline = *deadline.get_or_insert(tokio::time::Instant::now() + LEAVE_WITHIN);
                    if tokio::time::timeout_at(deadline, left).await.is_err() {
                        return Err(holder);
                    }
                }
            }
        }
    }

    /// One attempt of a newcomer who `came` then.
    fn try_claim(
        self: &Arc<Self>,
        camera: &CameraId,
        peer: SocketAddr,
        silence: Duration,
        came: Instant,
        now: Instant,
    ) -> Result<Claim, Held> {
        let mut holders = lock(&self.holders);
        if let Some(holder) = holders.get(camera) {
            if holder.leave.is_cancelled() || holder.activity.silence(now) >= silence {
                lock(&holder.by).get_or_insert(peer);
                holder.leave.cancel();
                return Err(Held::Leaving(holder.peer));
            }
            let heard_since = holder.activity.last() >= came + PROOF_AFTER;
            return Err(if heard_since { Held::Alive(holder.peer) } else { Held::Unclear(holder.peer) });
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::starting(now));
        let (leave, by) = (CancellationToken::new(), Arc::default());
        let holder = Holder { number, peer, activity: activity.clone(), leave: leave.clone(), by: Arc::clone(&by) };
        holders.insert(camera.clone(), holder);
        Ok(Claim { publishers: self.clone(), camera: camera.clone(), number, activity, leave, by })
    }
}

impl Claim {
    /// Resolves when a newcomer asks this publisher to leave; says who.
    pub async fn taken_over(&self) -> Option<SocketAddr> {
        self.leave.cancelled().await;
        *lock(&self.by)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut holders = lock(&self.publishers.holders);
        if holders.get(&self.camera).is_some_and(|holder| holder.number == self.number) {
            holders.remove(&self.camera);
        }
        drop(holders);
        self.publishers.left.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each critical section leaves its data whole at each step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_live_publisher_stays_and_a_silent_one_gives_way() {
        let publishers = Arc::new(Publishers::default());
        let camera: CameraId = "hall-a".parse().unwrap();
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let silence = Duration::from_secs(1);
        let first = publishers.try_claim(&camera, peer(1), silence, start, start).unwrap();
        let second = |came, at| publishers.try_claim(&camera, peer(2), silence, came, at).err();
        // Heard before and just after the newcomer came: a killed encoder's last packets look the same.
        first.activity.note(ms(1_100));
        assert_eq!(second(ms(1_000), ms(1_200)), Some(Held::Unclear(peer(1))));
        // Heard later: it lives.
        first.activity.note(ms(1_500));
        assert_eq!(second(ms(1_000), ms(1_500)), Some(Held::Alive(peer(1))));
        assert!(!first.leave.is_cancelled());
        // Not heard for the whole time: it is asked to leave.
        assert_eq!(second(ms(1_500), ms(2_499)), Some(Held::Unclear(peer(1))));
        assert_eq!(second(ms(1_500), ms(2_500)), Some(Held::Leaving(peer(1))));
        assert!(first.leave.is_cancelled());
        // It left: the newcomer has it, and the old claim's drop must not free the new one.
        drop(first);
        let second = publishers.try_claim(&camera, peer(2), silence, start, start).unwrap();
        let third = publishers.try_claim(&camera, peer(3), silence, start, start);
        assert_eq!(third.unwrap_err(), Held::Unclear(peer(2)));
        drop(second);
        assert!(publishers.try_claim(&camera, peer(3), silence, start, start).is_ok());
    }

    #[tokio::test]
    async fn whoever_was_killed_and_comes_back_at_once_is_not_refused_for_its_own_sake() {
        let publishers = Arc::new(Publishers::default());
        let camera: CameraId = "hall-a".parse().unwrap();
        let first = publishers.claim(&camera, peer(1), Duration::from_secs(1)).await.unwrap();
        first.activity.note(Instant::now());
        let again = tokio::spawn({
            let (publishers, camera) = (publishers.clone(), camera.clone());
            async move { publishers.claim(&camera, peer(2), Duration::from_secs(1)).await.map(drop) }
        });
        // The newcomer waits; then the news of the first one's death comes.
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(again.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn the_newcomer_waits_for_its_predecessor() {
        let publishers = Arc::new(Publishers::default());
        let camera: CameraId = "hall-a".parse().unwrap();
        let first = publishers.claim(&camera, peer(1), Duration::ZERO).await.unwrap();
        let leaving = tokio::spawn(async move { first.taken_over().await });
        let second = publishers.claim(&camera, peer(2), Duration::ZERO).await;
        assert!(second.is_ok());
        assert_eq!(leaving.await.unwrap(), Some(peer(2)));
    }
}
