//! The Merkle tree of RFC 6962 (and RFC 9162, which kept it) over the register's lines: one hash stands for all of them,
//! and a few hashes prove that a line is among them or that a longer register begins with a shorter one.
//!
//! Kept in memory as the hashes of all complete subtrees, 64 bytes an entry, so that an entry costs two hashes on
//! average, and any root or proof, of now or of any earlier size, a number that grows with the logarithm. It holds
//! nothing that cannot be computed from the lines. Serves A4-5 and fault 12.

use super::LeafHash;
use openssl::sha::Sha256;
use std::fmt;

/// Hash of a subtree; of the whole tree: its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHash(pub [u8; 32]);

impl TreeHash {
    /// The root of a tree without leaves: the hash of nothing.
    pub fn empty() -> Self {
        Self(Sha256::new().finish())
    }

    fn of(left: &TreeHash, right: &TreeHash) -> Self {
        let mut sha = Sha256::new();
        sha.update(&[1]);
        sha.update(&left.0);
        sha.update(&right.0);
        Self(sha.finish())
    }

    /// As checkpoints and proofs write it: base64, padded.
    pub fn base64(&self) -> String {
        openssl::base64::encode_block(&self.0)
    }

    /// Reads [`TreeHash::base64`], and no other spelling of it.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = openssl::base64::decode_block(text).ok()?.try_into().ok()?;
        let hash = Self(bytes);
        (hash.base64() == text).then_some(hash)
    }
}

impl From<LeafHash> for TreeHash {
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::hex(&self.0))
    }
}

/// The tree. Grows only.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// `levels[k][i]` is the hash of the complete subtree over the leaves `i * 2^k .. (i + 1) * 2^k`.
    levels: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: LeafHash) {
        let mut node = TreeHash::from(leaf);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(node);
            let [.., left, right] = nodes.as_slice() else { return };
            if nodes.len() % 2 == 1 {
                return;
            }
            node = TreeHash::of(left, right);
        }
    }

    /// The root now.
    pub fn root(&self) -> TreeHash {
        self.root_at(self.size()).unwrap_or_else(TreeHash::empty)
    }

    /// The root when there were `size` leaves; `None`: there are not so many yet.
    pub fn root_at(&self, size: u64) -> Option<TreeHash> {
        match size {
            0 => Some(TreeHash::empty()),
            _ => (size <= self.size()).then(|| self.subtree(0, size)).flatten(),
        }
    }

    /// The leaf at a position.
    pub fn leaf(&self, index: u64) -> Option<TreeHash> {
        self.node(0, index)
    }

    /// The path from a leaf to the root of the first `size` leaves (RFC 9162, 2.1.3.1); `None` when there are not so many.
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<TreeHash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let (mut start, mut end) = (0, size);
        let mut path = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(self.subtree(middle, end)?);
                end = middle;
            } else {
                path.push(self.subtree(start, middle)?);
                start = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// That the tree of `new` leaves begins with the tree of `old` leaves (RFC 9162, 2.1.4.1); `None` when there are not
    /// so many, or `old` is larger. Empty when the two are the same or the older one is empty.
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<TreeHash>> {
        if old > new || new > self.size() {
            return None;
        }
        if old == 0 || old == new {
            return Some(Vec::new());
        }
        let (mut start, mut end) = (0, new);
        let mut proof = Vec::new();
        // Whether the part still looked at begins where the old tree did: then whoever checks knows the old root itself.
        let mut known = true;
        while old != end {
            let middle = start + split(end - start);
            if old <= middle {
                proof.push(self.subtree(middle, end)?);
                end = middle;
            } else {
                proof.push(self.subtree(start, middle)?);
                start = middle;
                known = false;
            }
        }
        if !known {
            proof.push(self.subtree(start, end)?);
        }
        proof.reverse();
        Some(proof)
    }

    fn node(&self, level: usize, index: u64) -> Option<TreeHash> {
        self.levels.get(level)?.get(usize::try_from(index).ok()?).copied()
    }

    /// Hash over the leaves `start..end`, where `start` is a multiple of the next power of two of the length.
    fn subtree(&self, start: u64, end: u64) -> Option<TreeHash> {
        let length = end - start;
        if length.is_power_of_two() {
            let level = length.trailing_zeros();
            return self.node(level as usize, start >> level);
        }
        let middle = start + split(length);
        Some(TreeHash::of(&self.subtree(start, middle)?, &self.subtree(middle, end)?))
    }
}

/// The largest power of two below `length`, which is at least 2: where RFC 6962 splits.
fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}

/// Whether the path proves that this leaf stands at `index` among the first `size` (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(leaf: TreeHash, index: u64, size: u64, path: &[TreeHash], root: TreeHash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            hash = TreeHash::of(sibling, &hash);
            while node % 2 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = TreeHash::of(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// Whether the proof shows that the tree of `new` leaves begins with that of `old` (RFC 9162, 2.1.4.2).
pub fn verify_consistency(old: u64, new: u64, proof: &[TreeHash], old_root: TreeHash, new_root: TreeHash) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && old_root == TreeHash::empty();
    }
    let whole;
    let proof = if old.is_power_of_two() {
        whole = [&[old_root], proof].concat();
        &whole
    } else {
        proof
    };
    let Some((first, rest)) = proof.split_first() else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node % 2 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut of_old, mut of_new) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            of_old = TreeHash::of(sibling, &of_old);
            of_new = TreeHash::of(sibling, &of_new);
            while node % 2 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            of_new = TreeHash::of(&of_new, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && of_old == old_root && of_new == new_root
}

#[cfg(test)]
mod tests;
