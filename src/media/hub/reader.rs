//! A reader: a cursor into a stream's window, and what it has been told.

use super::frame::Frame;
use super::lock;
use super::stream::Stream;
use super::window::Found;
use std::sync::Arc;

/// What a reader gets, in order.
#[derive(Debug, Clone)]
pub enum Item {
    /// The next frame. The first one after any other item is a keyframe.
    Frame(Frame),
    /// The reader was too slow and these many frames are lost to it; a keyframe follows.
    Skipped {
        /// How many frames.
        frames: u64,
    },
    /// The stream has no publisher (any more). The last picture may be shown, greyed (fault 16).
    Offline,
    /// A (new) publisher feeds the stream; a keyframe follows.
    Online,
}

/// Reads one stream. Has no thread, no queue of its own and holds no lock between calls.
pub struct Reader {
    stream: Arc<Stream>,
    cursor: u64,
    told: Told,
    missed: u64,
    /// Nothing but a keyframe may come next.
    at_keyframe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Online(u64),
    Offline,
}

impl Reader {
    pub(super) fn new(stream: Arc<Stream>, cursor: u64) -> Self {
        Self { stream, cursor, told: Told::Nothing, missed: 0, at_keyframe: true }
    }

    /// Whose stream it reads.
    pub fn camera(&self) -> &crate::domain::CameraId {
        self.stream.camera()
    }

    /// The next item; waits until there is one. The first item is `Online` or `Offline`. Never ends: a camera may
    /// always come back. Safe to cancel: what was not returned is not lost.
    pub async fn next(&mut self) -> Item {
        let stream = self.stream.clone();
        loop {
            // Registered before looking, so that nothing pushed in between is slept through.
            let news = stream.news.notified();
            if let Some(item) = self.try_next() {
                return item;
            }
            news.await;
        }
    }

    /// The next item, if there is one now.
    pub fn try_next(&mut self) -> Option<Item> {
        let stream = self.stream.clone();
        let state = lock(&stream.state);
        loop {
            match state.window.at(self.cursor) {
                Found::Gone => {
                    // Without a keyframe to join there may still be an older one ahead, of a publisher that has left.
                    let next = state.window.keyframe().unwrap_or_else(|| state.window.first());
                    self.missed += next - self.cursor;
                    self.cursor = next;
                    self.at_keyframe = true;
                }
                Found::Frame { frame, publication } => {
                    if let Some(item) = self.change_of(Some(publication)) {
                        return Some(item);
                    }
                    if self.at_keyframe && !frame.keyframe {
                        self.cursor += 1;
                        self.missed += u64::from(self.missed > 0);
                        continue;
                    }
                    if self.missed > 0 {
                        return Some(Item::Skipped { frames: std::mem::take(&mut self.missed) });
                    }
                    self.at_keyframe = false;
                    self.cursor += 1;
                    return Some(Item::Frame(frame));
                }
                Found::End => return self.change_of(state.publication.as_ref().map(|(number, _)| *number)),
            }
        }
    }

    /// Frames that wait for this reader; a consumer may slow its picture down or call [`Reader::skip_to_live`].
    pub fn behind(&self) -> u64 {
        lock(&self.stream.state).window.next().saturating_sub(self.cursor)
    }

    /// Gives up what waits before the newest keyframe, if that is ahead; returns how many frames that were. They are
    /// not reported as `Skipped` again.
    pub fn skip_to_live(&mut self) -> u64 {
        match lock(&self.stream.state).window.keyframe() {
            Some(keyframe) if keyframe > self.cursor => {
                let frames = keyframe - self.cursor;
                self.cursor = keyframe;
                self.at_keyframe = true;
                frames
            }
            _ => 0,
        }
    }

    /// Says `Online` or `Offline` where the reader stands, if it has not been told. Between two publications it is told
    /// both.
    fn change_of(&mut self, publication: Option<u64>) -> Option<Item> {
        let (told, item) = match (self.told, publication) {
            (Told::Online(was), Some(is)) if was == is => return None,
            (Told::Offline, None) => return None,
            (Told::Online(_), _) | (Told::Nothing, None) => (Told::Offline, Item::Offline),
            (Told::Nothing | Told::Offline, Some(is)) => (Told::Online(is), Item::Online),
        };
        self.told = told;
        self.at_keyframe = true;
        Some(item)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stream.reader_left();
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("camera", self.stream.camera()).field("cursor", &self.cursor).finish()
    }
}
