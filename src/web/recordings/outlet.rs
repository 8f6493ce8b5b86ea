//! Footage on its way to a reader who may be slow, or gone. Reading it costs a thread of the pool that also finds out who
//! cuts: so readers are bounded, and nobody is waited for without end (fault 25).

use crate::archive::ArchiveError;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};

/// Reads of the archive at the same time, each of one fragment: a quarter of the pool.
pub const READS: usize = 16;
/// Exports at the same time; each keeps a thread until it is done.
pub const EXPORTS: usize = 8;
/// Whoever takes nothing for so long gets no more.
const PATIENCE: Duration = Duration::from_secs(60);

/// The writer's end.
pub(super) struct Outlet {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    fault: mpsc::Sender<io::Result<Bytes>>,
    patience: Duration,
}

/// Both ends, with so many pieces between them.
pub(super) fn outlet(queue: usize) -> (Outlet, impl Stream<Item = io::Result<Bytes>> + Send + 'static) {
    outlet_with(queue, PATIENCE)
}

fn outlet_with(queue: usize, patience: Duration) -> (Outlet, impl Stream<Item = io::Result<Bytes>> + Send + 'static) {
    let (pieces, receive) = mpsc::channel(queue);
    // A way of its own: a reader who took nothing must still not take what has come for the whole.
    let (fault, failed) = mpsc::channel(1);
    (Outlet { pieces, fault, patience }, ReceiverStream::new(receive).chain(ReceiverStream::new(failed)))
}

impl Outlet {
    /// Hands on a piece, as soon as there is room.
    pub(super) async fn send(&self, piece: Bytes) -> io::Result<()> {
        match tokio::time::timeout(self.patience, self.pieces.send(Ok(piece))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "whoever asked for it went away")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "whoever asked for it takes nothing")),
        }
    }

    /// Ends the answer so that the reader sees that it is not whole.
    pub(super) fn fail(&self, why: &'static str) {
        // There is room for the one fault; only a reader who is gone misses it.
        let _ = self.fault.try_send(Err(io::Error::other(why)));
    }
}

/// Reads from the archive at its turn, which is waited for without a thread.
pub(super) async fn read<T: Send + 'static>(
    reads: &Arc<Semaphore>,
    read: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> io::Result<T> {
    let turn = reads.clone().acquire_owned().await.map_err(io::Error::other)?;
    let work = move || {
        let _turn = turn;
        read()
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_who_takes_nothing_is_left_and_sees_that_it_is_not_whole() {
        let (outlet, stream) = outlet_with(1, Duration::from_millis(20));
        outlet.send(Bytes::from_static(b"one")).await.unwrap();
        let fault = outlet.send(Bytes::from_static(b"two")).await.unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::TimedOut);
        outlet.fail("not whole");
        drop(outlet);
        let taken: Vec<_> = stream.collect().await;
        assert_eq!(taken.len(), 2);
        assert_eq!(taken[0].as_deref().unwrap(), b"one");
        assert!(taken[1].is_err());

        let (outlet, stream) = outlet_with(1, PATIENCE);
        drop(stream);
        let fault = outlet.send(Bytes::from_static(b"one")).await.unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn answers_nobody_reads_leave_the_threads_to_others() {
        let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let reads = Arc::new(Semaphore::new(1));
            let (told, mut full) = mpsc::channel(16);
            let mut unread = Vec::new();
            for _ in 0..16 {
                let (outlet, stream) = outlet(1);
                unread.push(stream);
                let (reads, told) = (reads.clone(), told.clone());
                tokio::spawn(async move {
                    for number in 0..2 {
                        let piece = read(&reads, || Ok(Bytes::from_static(b"footage"))).await.unwrap();
                        if number == 1 {
                            told.send(()).await.unwrap();
                        }
                        let _ = outlet.send(piece).await;
                    }
                });
            }
            for _ in 0..16 {
                full.recv().await.unwrap();
            }
            let other = tokio::task::spawn_blocking(|| ());
            tokio::time::timeout(Duration::from_secs(30), other).await.expect("a thread is free").unwrap();
        });
    }
}
