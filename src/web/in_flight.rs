//! The requests under way on one connection: from their headers to the last byte of their answer. A connection without any
//! is idle, and its place is wanted for others (fault 25).

use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;

/// Counts them.
#[derive(Clone)]
pub(super) struct InFlight(watch::Sender<usize>);

/// One of them, until it is dropped.
pub(super) struct OneMore(watch::Sender<usize>);

impl InFlight {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// One more.
    pub(super) fn begin(&self) -> OneMore {
        self.0.send_modify(|count| *count += 1);
        OneMore(self.0.clone())
    }

    /// Resolves once there has been none for so long.
    pub(super) async fn idle_for(&self, patience: Duration) {
        let mut count = self.0.subscribe();
        // `self` holds the sender: neither wait fails before `self` goes.
        while count.wait_for(|count| *count == 0).await.is_ok() {
            if tokio::time::timeout(patience, count.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// The body of an answer; its request is under way until it is dropped.
pub(super) struct Counted<B> {
    body: Pin<Box<B>>,
    _request: OneMore,
}

impl<B> Counted<B> {
    /// This body, of this request.
    pub(super) fn new(body: B, request: OneMore) -> Self {
        Self { body: Box::pin(body), _request: request }
    }
}

impl<B: Body> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.body.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
