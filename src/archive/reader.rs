//! Reads one segment: its table of fragments, and any fragment, decrypted and verified on the way. Writes nothing.

use super::error::{ArchiveError, CUT_SHORT, Part, io};
use super::format::{
    About, END_MAGIC, End, Fragment, HEAD_BYTES, Head, Header, Kind, MAGIC, MOST_HEADER_BYTES, TRAILER_BYTES,
};
use super::keys::Keys;
use super::layout;
use super::master::{KeyBytes, from_hex};
use super::seal::{Opener, PREFIX_BYTES, Position, TAG_BYTES, WRAPPED_BYTES};
use super::writer::Resume;
use crate::store::Boundary;
use openssl::sha::sha256;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Set in the number of an end record that somebody else than the segment's writer has written. Fragments are counted in
/// 31 bits.
const CLOSED_LATER: u32 = 1 << 31;
/// What is looked through at once.
const PIECE_BYTES: usize = 256 * 1024;
const DAMAGED_LATER: &str = "it was damaged after it had been written";

/// A segment, opened for reading. One that is still being written shows what is durable so far.
pub struct SegmentReader {
    name: String,
    camera: String,
    file: File,
    about: About,
    key: KeyBytes,
    prefix: [u8; PREFIX_BYTES],
    digest: [u8; 32],
    opener: Opener,
    /// Where the first record begins.
    first: u64,
    init_length: u32,
    fragments: Vec<Fragment>,
    ended: Option<Boundary>,
    trouble: Option<(Part, &'static str)>,
}

impl SegmentReader {
    /// Opens `file`, a path relative to the archive's directory `dir`.
    pub(super) fn open(dir: &Path, file: &str, keys: &Keys) -> Result<Self, ArchiveError> {
        let mut reader = Self::begin(dir, file, keys)?;
        if !reader.read_table()? {
            reader.walk()?;
            // Its writer may have ended it between the two looks.
            if reader.ended.is_some() && reader.read_table()? {
                reader.trouble = None;
            }
        }
        Ok(reader)
    }

    /// The key that opens a segment, by its header alone.
    pub(super) fn key_of(dir: &Path, file: &str, keys: &Keys) -> Result<KeyBytes, ArchiveError> {
        Ok(Self::begin(dir, file, keys)?.key)
    }

    /// Header and keys.
    fn begin(dir: &Path, name: &str, keys: &Keys) -> Result<Self, ArchiveError> {
        let path = dir.join(name);
        let place = layout::of_segment(name);
        let camera = place.as_ref().map_or("?", |(camera, _)| camera.as_str()).to_owned();
        let damaged =
            |why| ArchiveError::Damaged { camera: camera.clone(), file: name.to_owned(), part: Part::Header, why };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ArchiveError::NotFound(name.to_owned()));
            }
            Err(error) => return Err(io(&path, "cannot open")(error)),
        };
        let mut start = [0; 12];
        read(&file, &path, &mut start, 0)?.then_some(()).ok_or_else(|| damaged(CUT_SHORT))?;
        let (magic, length) = start.split_at(8);
        if magic != MAGIC {
            return Err(damaged("it does not begin like a segment"));
        }
        let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        if length > MOST_HEADER_BYTES {
            return Err(damaged("its length is impossible"));
        }
        let mut bytes = vec![0; start.len() + length];
        read(&file, &path, &mut bytes, 0)?.then_some(()).ok_or_else(|| damaged(CUT_SHORT))?;
        let header: Header =
            serde_json::from_slice(&bytes[start.len()..]).map_err(|_| damaged("it cannot be understood"))?;
        let about = header.about;
        if about.version != 1 {
            return Err(damaged("it is of a newer version of this program"));
        }
        if place != Some((about.camera.clone(), about.started_at_utc.date_naive())) {
            return Err(damaged("it belongs to another camera or day"));
        }
        // Two segments of one day that were exchanged, or one that was copied over the other.
        if name != layout::segment(&about.camera, about.started_at_utc) {
            return Err(damaged("it is a copy of another segment under another name"));
        }
        let (mut prefix, mut wrapped) = ([0; PREFIX_BYTES], [0; WRAPPED_BYTES]);
        if !from_hex(&header.prefix, &mut prefix) || !from_hex(&header.key, &mut wrapped) {
            return Err(damaged("its key is unreadable"));
        }
        let day = (&about.camera, about.started_at_utc.date_naive());
        let key = keys.of_segment(day, name, &wrapped, &about.purpose(&header.prefix))?;
        let key = key.ok_or_else(|| damaged("it does not authenticate"))?;
        Ok(Self {
            name: name.to_owned(),
            camera,
            file,
            opener: Opener::new(&key, prefix)?,
            key,
            prefix,
            digest: sha256(&bytes),
            about,
            first: bytes.len() as u64,
            init_length: 0,
            fragments: Vec::new(),
            ended: None,
            trouble: None,
        })
    }

    /// What it says about itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Its fragments, in order.
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// Whether it was ended in order, down to its last byte.
    pub(super) fn is_whole(&self) -> bool {
        self.ended.is_some() && self.trouble.is_none()
    }

    /// Why it ends where it does; `None`: it is still being written, or was cut short.
    pub fn ended(&self) -> Option<Boundary> {
        self.ended
    }

    /// Bytes of the init section in the decrypted segment.
    pub fn init_length(&self) -> u32 {
        self.init_length
    }

    /// The muxer's header (`ftyp`, `moov`): what a player needs before any fragment.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] when it is not what was written.
    pub fn init(&mut self) -> Result<Vec<u8>, ArchiveError> {
        let head = Head::bare(Kind::Init, self.init_length);
        self.record(self.first, head, Position { counter: 0, last: false }, Part::Init)
    }

    /// One fragment (`moof`, `mdat`), decrypted.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] names it when it is not what was written; [`ArchiveError::NotFound`].
    pub fn fragment(&mut self, number: u32) -> Result<Vec<u8>, ArchiveError> {
        let known = usize::try_from(number).ok().and_then(|number| self.fragments.get(number)).copied();
        let known = known.ok_or_else(|| ArchiveError::NotFound(format!("{}, fragment {number}", self.name)))?;
        let Fragment { length, start_us, duration_us, frames, keyframe, .. } = known;
        let head = Head { kind: Kind::Fragment, keyframe, frames, length, duration_us, start_us };
        // The init section is record 0.
        let at = Position { counter: number.saturating_add(1), last: false };
        self.record(known.file_offset, head, at, Part::Fragment(number))
    }

    /// Decrypts everything; the first part that is not what was written is the error.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] names camera, segment and part.
    pub fn verify(&mut self) -> Result<(), ArchiveError> {
        self.init()?;
        for number in 0..self.fragments.len() {
            // At most `u32::MAX` records were counted when they were written.
            self.fragment(number as u32)?;
        }
        match self.trouble {
            Some((part, why)) => Err(self.damaged(part, why)),
            None => Ok(()),
        }
    }

    /// What is needed to close a segment that a crash cut short: the records up to the last that verifies. A damaged one
    /// before that stays, to be named. `None`: it has not even an init section and one fragment, so there is nothing to keep.
    ///
    /// # Errors
    /// When it was damaged so that closing it would lose what may still be readable; when the disk does not answer.
    pub(super) fn salvage(mut self) -> Result<Option<Resume>, ArchiveError> {
        if let Some(part) = self.stray()? {
            return Err(self.damaged(part, "its head is damaged"));
        }
        let mut good = None;
        for number in (0..self.fragments.len()).rev() {
            if sound(self.fragment(number as u32))? {
                good = Some(number + 1);
                break;
            }
        }
        if self.init_length == 0 || !sound(self.init())? {
            // The init section is durable before any fragment is: where one is there, it was damaged later.
            return if good.is_some() { Err(self.damaged(Part::Init, DAMAGED_LATER)) } else { Ok(None) };
        }
        let Some((good, last)) = good.and_then(|good| Some((good, *self.fragments.get(good - 1)?))) else {
            return Ok(None);
        };
        self.fragments.truncate(good);
        Ok(Some(Resume {
            key: self.key,
            prefix: self.prefix,
            digest: self.digest,
            // A number that no writer in order ever reaches: neither what the last one may have begun, nor an end record that
            // a damaged file has lost, must meet another text under the same nonce.
            counter: CLOSED_LATER | (good as u32 + 1),
            offset: last.file_offset + record_bytes(last.length),
            fragments: self.fragments,
        }))
    }

    /// Which part begins where nothing that was written could: a crash leaves less than a head there, or nothing at all.
    fn stray(&self) -> Result<Option<Part>, ArchiveError> {
        let last = self.fragments.last().map(|last| last.file_offset + record_bytes(last.length));
        let init = self.first + if self.init_length > 0 { record_bytes(self.init_length) } else { 0 };
        let (mut at, size) = (last.unwrap_or(init), self.size()?);
        let mut bytes = [0; HEAD_BYTES];
        if !self.read(&mut bytes, at)? || Head::from_bytes(&bytes).is_some() {
            return Ok(None);
        }
        let part = self.part(self.fragments.len() as u32 + u32::from(self.init_length > 0));
        let mut piece = vec![0; PIECE_BYTES];
        while at < size {
            // At most the piece's length.
            let length = (size - at).min(PIECE_BYTES as u64) as usize;
            if !self.read(&mut piece[..length], at)? || piece[..length].iter().any(|byte| *byte != 0) {
                return Ok(Some(part));
            }
            at += length as u64;
        }
        Ok(None)
    }

    /// Reads the table from the end record. Whether there is one that authenticates.
    fn read_table(&mut self) -> Result<bool, ArchiveError> {
        const TRAILER: usize = TRAILER_BYTES as usize;
        let mut trailer = [0; TRAILER];
        let Some(at) = self.size()?.checked_sub(TRAILER_BYTES).filter(|at| *at >= self.first) else { return Ok(false) };
        if !self.read(&mut trailer, at)? || trailer[..8] != *END_MAGIC {
            return Ok(false);
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let (offset, counter) = (number(&trailer[8..16]), number(&trailer[16..]) as u32);
        let Some(init) = self.head(self.first)?.filter(|head| head.kind == Kind::Init) else { return Ok(false) };
        let Some(head) = self.head(offset)?.filter(|head| head.kind == Kind::End) else { return Ok(false) };
        if offset.checked_add(record_bytes(head.length)) != Some(at) {
            return Ok(false);
        }
        let Ok(table) = self.end(offset, head, counter) else { return Ok(false) };
        (self.init_length, self.fragments, self.ended) = (init.length, table.fragments, Some(table.ended));
        Ok(true)
    }

    fn end(&mut self, offset: u64, head: Head, counter: u32) -> Result<End, ArchiveError> {
        let plain = self.record(offset, head, Position { counter, last: true }, Part::End)?;
        serde_json::from_slice(&plain).map_err(|_| self.damaged(Part::End, "it cannot be understood"))
    }

    /// Goes from head to head, as far as they make sense: for a segment that has no table (yet). What does not fit is
    /// kept for [`SegmentReader::verify`]; what comes before it can be read.
    fn walk(&mut self) -> Result<(), ArchiveError> {
        let size = self.size()?;
        let (mut offset, mut media_offset, mut counter) = (self.first, 0_u64, 0_u32);
        while let Some(head) = self.head(offset)? {
            let end = offset + record_bytes(head.length);
            if end > size {
                break;
            }
            match head.kind {
                Kind::Init if counter == 0 => self.init_length = head.length,
                Kind::Fragment if counter > 0 => {
                    let Head { length, start_us, duration_us, frames, keyframe, .. } = head;
                    let file_offset = offset;
                    let fragment =
                        Fragment { file_offset, media_offset, length, start_us, duration_us, frames, keyframe };
                    self.fragments.push(fragment);
                }
                Kind::End => {
                    // There is an end, and yet its table was not to be had by its trailer.
                    self.trouble = Some((Part::End, "its last bytes are damaged"));
                    let table = self.end(offset, head, counter);
                    let table = table.or_else(|_| self.end(offset, head, CLOSED_LATER | counter));
                    self.ended = table.ok().map(|table| table.ended);
                    return Ok(());
                }
                _ => {
                    self.trouble = Some((self.part(counter), "its head is damaged"));
                    return Ok(());
                }
            }
            media_offset += u64::from(head.length);
            (offset, counter) = (end, counter.saturating_add(1));
        }
        Ok(())
    }

    /// Why a segment that should be whole is not; `None`: it is.
    pub(super) fn cut_short(&self) -> Option<ArchiveError> {
        // Records are numbered in 32 bits.
        let next = self.part(self.fragments.len() as u32 + u32::from(self.init_length > 0));
        self.ended
            .is_none()
            .then(|| self.damaged(next, "the segment is cut short here, or this part's head is damaged"))
    }

    fn part(&self, counter: u32) -> Part {
        if counter == 0 { Part::Init } else { Part::Fragment(counter - 1) }
    }

    fn record(&mut self, offset: u64, expected: Head, at: Position, part: Part) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = vec![0; HEAD_BYTES + expected.length as usize + TAG_BYTES];
        if !self.read(&mut bytes, offset)? {
            return Err(self.damaged(part, CUT_SHORT));
        }
        let (head, sealed) = bytes.split_at(HEAD_BYTES);
        if head != expected.to_bytes() {
            return Err(self.damaged(part, "its head is another one"));
        }
        let plain = self.opener.open(at, &[&self.digest, head], sealed)?;
        plain.ok_or_else(|| self.damaged(part, "it does not authenticate: changed on disk"))
    }

    fn head(&self, offset: u64) -> Result<Option<Head>, ArchiveError> {
        let mut bytes = [0; HEAD_BYTES];
        Ok(if self.read(&mut bytes, offset)? { Head::from_bytes(&bytes) } else { None })
    }

    fn damaged(&self, part: Part, why: &'static str) -> ArchiveError {
        ArchiveError::Damaged { camera: self.camera.clone(), file: self.name.clone(), part, why }
    }

    fn size(&self) -> Result<u64, ArchiveError> {
        Ok(self.file.metadata().map_err(io(Path::new(&self.name), "cannot read"))?.len())
    }

    /// Whether there was that much to read.
    fn read(&self, into: &mut [u8], offset: u64) -> Result<bool, ArchiveError> {
        read(&self.file, Path::new(&self.name), into, offset)
    }
}

impl std::fmt::Debug for SegmentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentReader").field("file", &self.name).finish_non_exhaustive()
    }
}

/// Whether a part is what was written; that the disk does not answer is no answer.
fn sound(part: Result<Vec<u8>, ArchiveError>) -> Result<bool, ArchiveError> {
    match part {
        Ok(_) => Ok(true),
        Err(error) if error.is_lasting() => Ok(false),
        Err(error) => Err(error),
    }
}

fn record_bytes(length: u32) -> u64 {
    (HEAD_BYTES + TAG_BYTES) as u64 + u64::from(length)
}

fn read(file: &File, path: &Path, into: &mut [u8], offset: u64) -> Result<bool, ArchiveError> {
    match file.read_exact_at(into, offset) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(io(path, "cannot read")(error)),
    }
}
