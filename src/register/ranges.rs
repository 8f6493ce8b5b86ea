//! Sets of sequence numbers, as runs: a purge takes nearly everything of an old year and leaves few entries between.

/// Runs of numbers, first and last, in order, apart from one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Adds a number behind all there are.
    pub(super) fn push(&mut self, seq: u64) {
        match self.0.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => self.0.push((seq, seq)),
        }
    }

    /// Adds runs from anywhere; what is no run is left out.
    pub(super) fn add(&mut self, more: &[(u64, u64)]) {
        self.0.extend(more.iter().filter(|(first, last)| first <= last));
        self.0.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(self.0.len());
        for (first, last) in self.0.drain(..) {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
                _ => merged.push((first, last)),
            }
        }
        self.0 = merged;
    }

    pub(super) fn contains(&self, seq: u64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= seq);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, last)| seq <= *last)
    }

    /// The first number that `other` has not.
    pub(super) fn first_outside(&self, other: &Ranges) -> Option<u64> {
        self.0.iter().find_map(|(first, last)| {
            let mut seq = *first;
            while seq <= *last {
                let after = other.0.partition_point(|(start, _)| *start <= seq);
                match after.checked_sub(1).and_then(|at| other.0.get(at)) {
                    Some((_, end)) if seq <= *end => seq = end.saturating_add(1),
                    _ => return Some(seq),
                }
            }
            None
        })
    }

    /// How many numbers.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The largest number.
    pub(super) fn last(&self) -> Option<u64> {
        self.0.last().map(|(_, last)| *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn runs() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0..40_u64, 0..6_u64).prop_map(|(first, more)| (first, first + more)), 0..8)
    }

    fn set(runs: &[(u64, u64)]) -> BTreeSet<u64> {
        runs.iter().flat_map(|(first, last)| *first..=*last).collect()
    }

    proptest! {
        #[test]
        fn are_sets(one in runs(), other in runs()) {
            let (mut a, mut b, mut pushed) = (Ranges::default(), Ranges::default(), Ranges::default());
            a.add(&one);
            b.add(&other);
            let (one, other) = (set(&one), set(&other));
            one.iter().for_each(|seq| pushed.push(*seq));
            prop_assert_eq!(&a, &pushed);
            prop_assert_eq!(a.len(), one.len() as u64);
            prop_assert_eq!(a.last(), one.last().copied());
            prop_assert_eq!(a.first_outside(&b), one.difference(&other).next().copied());
            for seq in 0..50 {
                prop_assert_eq!(a.contains(seq), one.contains(&seq));
            }
        }
    }
}
