//! The recent past of one camera: a bounded run of frames that every reader walks with its own cursor.

use super::{Frame, HubLimits};
use std::collections::VecDeque;
use std::time::Instant;

/// A frame, numbered from the stream's beginning, with the publication it belongs to.
#[derive(Debug)]
struct Slot {
    frame: Frame,
    publication: u64,
    bytes: usize,
}

/// Frames `first..next`, in order; never more than the limits.
#[derive(Debug)]
pub(super) struct Window {
    limits: HubLimits,
    slots: VecDeque<Slot>,
    /// Number of the oldest frame kept.
    first: u64,
    /// Number of the newest keyframe from which decoding can start, when it is still here.
    keyframe: Option<u64>,
    bytes: usize,
}

/// What a cursor finds.
#[derive(Debug)]
pub(super) enum Found {
    /// The frame at the cursor.
    Frame {
        /// It.
        frame: Frame,
        /// The publication it belongs to.
        publication: u64,
    },
    /// The frame has left the window.
    Gone,
    /// The cursor is at the end.
    End,
}

impl Window {
    pub fn new(limits: HubLimits) -> Self {
        Self { limits, slots: VecDeque::new(), first: 0, keyframe: None, bytes: 0 }
    }

    /// The number of the oldest frame kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number the next frame will get.
    pub fn next(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// The number of the newest keyframe that can be joined.
    pub fn keyframe(&self) -> Option<u64> {
        self.keyframe
    }

    /// Bytes of payload kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a frame and moves what no longer fits into `removed`, to be freed without the lock.
    pub fn push(&mut self, frame: Frame, publication: u64, now: Instant, removed: &mut Vec<Frame>) {
        let bytes = frame.buffer.size();
        if frame.keyframe {
            self.keyframe = Some(self.next());
        }
        self.slots.push_back(Slot { frame, publication, bytes });
        self.bytes += bytes;
        // A group of pictures that outgrows the bounds loses its keyframe first: nobody can join it any more, and it keeps
        // no more memory than late readers may need.
        while self.slots.len() > 1 {
            let too_much = self.slots.len() > self.limits.frames || self.bytes > self.limits.bytes;
            let current = self.keyframe.is_some_and(|keyframe| self.first >= keyframe);
            let old = now.saturating_duration_since(self.slots[0].frame.received) > self.limits.behind;
            if !(too_much || (old && !current)) {
                break;
            }
            if let Some(slot) = self.slots.pop_front() {
                self.bytes -= slot.bytes;
                removed.push(slot.frame);
            }
            if self.keyframe == Some(self.first) {
                self.keyframe = None;
            }
            self.first += 1;
        }
    }

    /// From here on nothing can be joined until the next keyframe; late readers may still read on.
    pub fn forget_keyframe(&mut self) {
        self.keyframe = None;
    }

    /// Drops everything, keeping the numbering.
    pub fn clear(&mut self) -> VecDeque<impl Sized + use<>> {
        self.first = self.next();
        self.keyframe = None;
        self.bytes = 0;
        std::mem::take(&mut self.slots)
    }

    /// What stands at `cursor`.
    pub fn at(&self, cursor: u64) -> Found {
        let Some(index) = cursor.checked_sub(self.first) else { return Found::Gone };
        // A window is bounded by `frames`, far below `usize::MAX`; a cursor is never past the end by more than that.
        match usize::try_from(index).ok().and_then(|index| self.slots.get(index)) {
            Some(slot) => Found::Frame { frame: slot.frame.clone(), publication: slot.publication },
            None => Found::End,
        }
    }
}
