//! One publisher per camera, and who gives way to whom.
//!
//! Only holders of the camera's credential get here. The one who publishes keeps the path while its packets flow; once
//! it has fallen silent (its encoder crashed, its line was cut without a goodbye) a newcomer takes over at once.

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
        let last = self.origin + Duration::from_nanos(self.last_ns.load(Ordering::Relaxed));
        now.saturating_duration_since(last)
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

impl Publishers {
    /// Claims the camera for `peer`, asking a predecessor that has been silent for `silence` to leave.
    ///
    /// # Errors
    /// The address of the predecessor, when it is not silent or does not leave.
    pub async fn claim(
        self: &Arc<Self>,
        camera: &CameraId,
        peer: SocketAddr,
        silence: Duration,
    ) -> Result<Claim, SocketAddr> {
        let deadline = tokio::time::Instant::now() + LEAVE_WITHIN;
        loop {
            let left = self.left.notified();
            let holder = match self.try_claim(camera, peer, silence, Instant::now()) {
                Ok(claim) => return Ok(claim),
                Err((holder, false)) => return Err(holder),
                Err((holder, true)) => holder,
            };
            if tokio::time::timeout_at(deadline, left).await.is_err() {
                return Err(holder);
            }
        }
    }

    /// One attempt; on failure, who holds it and whether it was asked to leave.
    fn try_claim(
        self: &Arc<Self>,
        camera: &CameraId,
        peer: SocketAddr,
        silence: Duration,
        now: Instant,
    ) -> Result<Claim, (SocketAddr, bool)> {
        let mut holders = lock(&self.holders);
        if let Some(holder) = holders.get(camera) {
            let silent = holder.leave.is_cancelled() || holder.activity.silence(now) >= silence;
            if silent {
                lock(&holder.by).get_or_insert(peer);
                holder.leave.cancel();
            }
            return Err((holder.peer, silent));
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
        let silence = Duration::from_secs(1);
        let first = publishers.try_claim(&camera, peer(1), silence, start).unwrap();
        let second = |at| publishers.try_claim(&camera, peer(2), silence, at).err();
        first.activity.note(start + Duration::from_millis(500));
        assert_eq!(second(start + Duration::from_millis(1_400)), Some((peer(1), false)));
        assert!(!first.leave.is_cancelled());
        assert_eq!(second(start + Duration::from_millis(1_500)), Some((peer(1), true)));
        assert!(first.leave.is_cancelled());
        // It left: the newcomer has it, and the old claim's drop must not free the new one.
        drop(first);
        let second = publishers.try_claim(&camera, peer(2), silence, start).unwrap();
        assert_eq!(publishers.try_claim(&camera, peer(3), silence, start).unwrap_err(), (peer(2), false));
        drop(second);
        assert!(publishers.try_claim(&camera, peer(3), silence, start).is_ok());
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
