//! The register's entry of an export, with the proof that it stands there (RFC 6962, C2SP `tlog-checkpoint`).

use crate::domain::Entry;
use crate::register::tree::{TreeHash, verify_inclusion};
use crate::register::{Checkpointer, LeafHash, Reader, SignedCheckpoint, VerifyKey};
use serde::{Deserialize, Serialize};
use std::io;

/// An entry and its proof. Hashes are base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterProof {
    /// The entry's position.
    pub seq: u64,
    /// The register's line, without its line feed.
    pub line: String,
    /// The hashes from the leaf to the root.
    pub path: Vec<String>,
    /// The signed checkpoint of that root.
    pub checkpoint: String,
}

impl RegisterProof {
    /// Proves an entry that is recorded. Blocks on the disk.
    ///
    /// # Errors
    /// When the register cannot be read or signed, or has no such entry.
    pub fn of(reader: &Reader, checkpointer: &Checkpointer, seq: u64) -> io::Result<Self> {
        let missing = || io::Error::other(format!("the register has no entry {seq}"));
        let line = reader.lines(seq, 1)?.pop().ok_or_else(missing)?;
        let (checkpoint, note) = checkpointer.sign().map_err(io::Error::other)?;
        let path = reader.tree(|tree| tree.inclusion(seq, checkpoint.size)).ok_or_else(missing)?;
        Ok(Self {
            seq,
            line: String::from_utf8_lossy(&line).into_owned(),
            path: path.iter().map(TreeHash::base64).collect(),
            checkpoint: note,
        })
    }

    /// The entry, if this key vouches for it.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, key: &VerifyKey) -> Result<Entry, String> {
        let signed = SignedCheckpoint::parse(&self.checkpoint, "its checkpoint").map_err(|why| why.to_string())?;
        signed.verify(key).map_err(|why| format!("its checkpoint: {why}"))?;
        let path: Option<Vec<TreeHash>> = self.path.iter().map(|hash| TreeHash::from_base64(hash)).collect();
        let path = path.ok_or("its path holds something else than hashes")?;
        let leaf = TreeHash::from(LeafHash::of(self.line.as_bytes()));
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        if !verify_inclusion(leaf, self.seq, size, &path, root) {
            return Err(format!("the entry is not number {} of the register the checkpoint vouches for", self.seq));
        }
        serde_json::from_str(&self.line).map_err(|why| format!("the entry cannot be understood: {why}"))
    }
}
