//! The latch inside a grant: lets packets through while open, and once shut lets none, and knows when the last one that
//! was under way has left. One atomic word, so that its modification order alone proves it: the top bit says "shut", the
//! rest counts passages. A passage that was counted before the bit was set is waited for; one counted after sees the
//! bit and turns back. The proof is also run through loom (below), over every interleaving.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The operations the latch needs of its word; loom brings its own word to check them.
pub(super) trait Word {
    fn new() -> Self;
    fn load(&self) -> usize;
    fn add(&self, n: usize) -> usize;
    fn sub(&self, n: usize) -> usize;
    fn or(&self, bits: usize) -> usize;
}

impl Word for AtomicUsize {
    fn new() -> Self {
        AtomicUsize::new(0)
    }
    fn load(&self) -> usize {
        AtomicUsize::load(self, Ordering::Acquire)
    }
    fn add(&self, n: usize) -> usize {
        self.fetch_add(n, Ordering::AcqRel)
    }
    fn sub(&self, n: usize) -> usize {
        // Release: what the packet's thread counted is seen by whoever finds the latch empty.
        self.fetch_sub(n, Ordering::AcqRel)
    }
    fn or(&self, bits: usize) -> usize {
        self.fetch_or(bits, Ordering::AcqRel)
    }
}

const SHUT: usize = 1 << (usize::BITS - 1);

/// The latch.
pub(super) struct Latch<W = AtomicUsize>(W);

impl<W: Word> Latch<W> {
    pub(super) fn open() -> Self {
        Self(W::new())
    }

    /// Begins a passage; `false`: shut, no passage was begun. Ends with [`Latch::leave`].
    pub(super) fn enter(&self) -> bool {
        // Without this look, threads that keep knocking on a shut latch could keep its count above zero.
        if self.0.load() & SHUT != 0 {
            return false;
        }
        if self.0.add(1) & SHUT != 0 {
            self.0.sub(1);
            return false;
        }
        true
    }

    /// Ends a passage.
    pub(super) fn leave(&self) {
        self.0.sub(1);
    }

    /// Shuts for good. Whether it was open.
    pub(super) fn shut(&self) -> bool {
        self.0.or(SHUT) & SHUT == 0
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.load() & SHUT == 0
    }

    /// Whether no passage is under way. On a shut latch this stays true, but for knocks that turn back at once.
    pub(super) fn is_empty(&self) -> bool {
        self.0.load() & !SHUT == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool as LoomBool, AtomicUsize as LoomUsize};

    impl Word for LoomUsize {
        fn new() -> Self {
            LoomUsize::new(0)
        }
        fn load(&self) -> usize {
            LoomUsize::load(self, Ordering::Acquire)
        }
        fn add(&self, n: usize) -> usize {
            self.fetch_add(n, Ordering::AcqRel)
        }
        fn sub(&self, n: usize) -> usize {
            self.fetch_sub(n, Ordering::AcqRel)
        }
        fn or(&self, bits: usize) -> usize {
            self.fetch_or(bits, Ordering::AcqRel)
        }
    }

    /// Once shut and empty, no packet is sent: every interleaving of one packet and one revocation, and those of two
    /// packets and one revocation with up to two preemptions (all of them take minutes).
    #[test]
    fn a4_4_loom_nothing_passes_once_shut_and_empty() {
        check(1, None);
        check(2, Some(2));
    }

    fn check(packets: usize, preemption_bound: Option<usize>) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = preemption_bound;
        model.check(move || {
            let latch = Arc::new(Latch::<LoomUsize>::open());
            let drained = Arc::new(LoomBool::new(false));
            let senders: Vec<_> = (0..packets)
                .map(|_| {
                    let (latch, drained) = (latch.clone(), drained.clone());
                    loom::thread::spawn(move || {
                        if latch.enter() {
                            // The packet leaves here.
                            assert!(!drained.load(Ordering::Relaxed), "a packet left after the cut");
                            latch.leave();
                        }
                    })
                })
                .collect();
            latch.shut();
            while !latch.is_empty() {
                loom::thread::yield_now();
            }
            drained.store(true, Ordering::Relaxed);
            assert!(!latch.enter());
            for sender in senders {
                sender.join().unwrap();
            }
        });
    }
}
