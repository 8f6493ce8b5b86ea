//! Writes one segment: header, init, fragments, end; each durable before the next is begun.
//!
//! A fragment is encrypted from where the muxer left it into one buffer, written with one call and synced: a power cut
//! costs the fragment that was being filled, and no earlier one. Nothing goes to the disk in the clear.

use super::error::{ArchiveError, io};
use super::format::{
    About, END_MAGIC, End, Fragment, HEAD_BYTES, Head, Header, Kind, MAGIC, MOST_RECORD_BYTES, TRAILER_BYTES,
};
use super::layout;
use super::master::{KeyBytes, hex};
use super::seal::{Position, Sealer, TAG_BYTES, fresh, wrap};
use crate::store::Boundary;
use openssl::sha::sha256;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is to be known of a fragment before it is written.
#[derive(Debug, Clone, Copy)]
pub struct Shot {
    /// When its first picture was taken, microseconds since 1970, UTC.
    pub start_us: i64,
    /// How long it plays, microseconds.
    pub duration_us: u32,
    /// Pictures in it.
    pub frames: u16,
    /// Whether decoding can start at its first picture.
    pub keyframe: bool,
}

/// A segment being written.
pub(super) struct SegmentWriter {
    file: File,
    path: PathBuf,
    sealer: Sealer,
    digest: [u8; 32],
    counter: u32,
    offset: u64,
    media_offset: u64,
    fragments: Vec<Fragment>,
    /// Reused from fragment to fragment.
    sealed: Vec<u8>,
}

impl SegmentWriter {
    /// Makes the file and writes its header; file, header and name are durable when this returns.
    pub fn create(path: &Path, about: &About, day_key: &KeyBytes) -> Result<Self, ArchiveError> {
        let (key, prefix) = fresh()?;
        let prefix_hex = hex(&prefix);
        let wrapped = wrap(day_key, &key, &about.purpose(&prefix_hex))?;
        let header = Header { about: about.clone(), prefix: prefix_hex, key: hex(&wrapped) };
        // Plain data: it always has a JSON form, of some hundred bytes.
        let json = serde_json::to_vec(&header).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&json);
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            Ok(file)
        };
        let file = write().map_err(io(path, "cannot begin the segment"))?;
        layout::sync_dir(layout::parent(path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            sealer: Sealer::new(&key, prefix)?,
            digest: sha256(&bytes),
            counter: 0,
            offset: bytes.len() as u64,
            media_offset: 0,
            fragments: Vec::new(),
            sealed: Vec::new(),
        })
    }

    /// Goes on with a segment whose end was never written, after `offset` bytes that have been verified; what follows
    /// them is cut off, and its number is left out.
    pub fn resume(found: Resume, path: &Path) -> Result<Self, ArchiveError> {
        let open = || {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.set_len(found.offset)?;
            file.seek(SeekFrom::Start(found.offset))?;
            Ok(file)
        };
        Ok(Self {
            file: open().map_err(io(path, "cannot be closed after a crash"))?,
            path: path.to_owned(),
            sealer: Sealer::new(&found.key, found.prefix)?,
            digest: found.digest,
            counter: found.counter,
            offset: found.offset,
            media_offset: 0,
            fragments: found.fragments,
            sealed: Vec::new(),
        })
    }

    /// Writes the muxer's header; first of all records.
    pub fn init<'a>(&mut self, length: usize, parts: impl Iterator<Item = &'a [u8]>) -> Result<(), ArchiveError> {
        self.record(Head::bare(Kind::Init, self.length(length)?), false, parts)?;
        self.media_offset = length as u64;
        Ok(())
    }

    /// Writes one fragment; durable when this returns.
    pub fn fragment<'a>(
        &mut self,
        shot: Shot,
        length: usize,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), ArchiveError> {
        let Shot { start_us, duration_us, frames, keyframe } = shot;
        let length = self.length(length)?;
        let file_offset = self.offset;
        self.record(Head { kind: Kind::Fragment, keyframe, frames, length, duration_us, start_us }, false, parts)?;
        let media_offset = self.media_offset;
        self.fragments.push(Fragment { file_offset, media_offset, length, start_us, duration_us, frames, keyframe });
        self.media_offset += u64::from(length);
        Ok(())
    }

    /// Writes the end; the segment is whole and durable when this returns. Its figures.
    pub fn finish(mut self, ended: Boundary) -> Result<Written, ArchiveError> {
        let end_offset = self.offset;
        let end = End { ended, fragments: std::mem::take(&mut self.fragments) };
        let json = serde_json::to_vec(&end).unwrap_or_default();
        let head = Head::bare(Kind::End, self.length(json.len())?);
        self.sealed.clear();
        self.seal(head, true, std::iter::once(&json[..]))?;
        self.sealed.extend_from_slice(END_MAGIC);
        self.sealed.extend_from_slice(&end_offset.to_be_bytes());
        self.sealed.extend_from_slice(&self.counter.to_be_bytes());
        self.write()?;
        Ok(Written { bytes: self.offset, fragments: end.fragments })
    }

    /// Fragments written so far.
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    fn length(&self, length: usize) -> Result<u32, ArchiveError> {
        u32::try_from(length)
            .ok()
            .filter(|length| *length <= MOST_RECORD_BYTES)
            .ok_or_else(|| io(&self.path, "a fragment is too large")(std::io::ErrorKind::FileTooLarge.into()))
    }

    fn record<'a>(
        &mut self,
        head: Head,
        last: bool,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), ArchiveError> {
        self.sealed.clear();
        self.sealed.reserve(HEAD_BYTES + head.length as usize + TAG_BYTES + TRAILER_BYTES as usize);
        self.seal(head, last, parts)?;
        self.write()
    }

    fn seal<'a>(&mut self, head: Head, last: bool, parts: impl Iterator<Item = &'a [u8]>) -> Result<(), ArchiveError> {
        let head = head.to_bytes();
        self.sealed.extend_from_slice(&head);
        let at = Position { counter: self.counter, last };
        self.sealer.seal(at, &[&self.digest, &head], parts, &mut self.sealed)
    }

    fn write(&mut self) -> Result<(), ArchiveError> {
        self.file
            .write_all(&self.sealed)
            .and_then(|()| self.file.sync_data())
            .map_err(io(&self.path, "cannot write"))?;
        self.offset += self.sealed.len() as u64;
        // A segment has some dozens of records; four billion would be a segment of a century.
        self.counter = self.counter.saturating_add(1);
        Ok(())
    }
}

/// What is known of a segment that has no end yet.
pub(super) struct Resume {
    pub key: KeyBytes,
    pub prefix: [u8; super::seal::PREFIX_BYTES],
    pub digest: [u8; 32],
    pub counter: u32,
    pub offset: u64,
    pub fragments: Vec<Fragment>,
}

/// A whole segment's figures.
pub(super) struct Written {
    pub bytes: u64,
    pub fragments: Vec<Fragment>,
}
