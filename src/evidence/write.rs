//! Makes the ZIP, from front to back, into anything that takes bytes.

use super::manifest::{CameraEntry, FileEntry, Manifest, StretchEntry, Unreadable, gaps};
use super::{MANIFEST, PROOF, README, README_TEXT, RegisterProof, SIGNATURE, TIMESTAMP, TimestampError};
use crate::archive::{Archive, ArchiveError, Slice, SliceRun, Slices};
use crate::domain::{CameraId, Excerpt, ExportId, PersonId};
use crate::register::{Checkpointer, NoteFault};
use chrono::{DateTime, Datelike, Timelike, Utc};
use openssl::sha::{Sha256, sha256};
use std::io::{self, Write};
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// Why an export could not be finished. What has been written by then is no ZIP that anybody can open.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Whoever takes the bytes went away, or the disk failed.
    #[error("the export cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The form of a ZIP.
    #[error("the export cannot be written as a ZIP: {0}")]
    Zip(#[from] ZipError),
    /// The archive's index.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The signature.
    #[error("the export cannot be signed: {0}")]
    Sign(#[from] NoteFault),
}

/// What is going to be exported.
#[derive(Debug)]
pub struct Plan {
    cameras: Vec<(CameraId, String, Slices)>,
}

impl Plan {
    /// Bytes of pictures: what is left to come, for a progress bar.
    pub fn bytes(&self) -> u64 {
        let runs = self.cameras.iter().flat_map(|(_, _, found)| &found.runs);
        // A run has one init section: its first slice's.
        let of_run = |run: &SliceRun| {
            let repeated = run.slices.iter().skip(1).map(|slice| u64::from(slice.init_length)).sum::<u64>();
            run.slices.iter().map(Slice::bytes).sum::<u64>() - repeated
        };
        runs.map(of_run).sum()
    }
}

/// Looks up what there is of each camera (with its name). Blocks.
///
/// # Errors
/// When the archive's index cannot be read.
pub fn plan(
    archive: &Archive,
    cameras: impl IntoIterator<Item = (CameraId, String)>,
    footage: &Excerpt,
) -> Result<Plan, ArchiveError> {
    let look = |(camera, name): (CameraId, String)| {
        let found = archive.slices(&camera, footage.from_utc, footage.until_utc)?;
        Ok((camera, name, found))
    };
    Ok(Plan { cameras: cameras.into_iter().map(look).collect::<Result<_, ArchiveError>>()? })
}

/// One export that stands in the register.
#[derive(Debug, Clone)]
pub struct Export {
    /// Its number.
    pub export: ExportId,
    /// What was asked for.
    pub footage: Excerpt,
    /// The site's name.
    pub site_name: String,
    /// What it is for.
    pub reference: String,
    /// When it was recorded, UTC.
    pub exported_at_utc: DateTime<Utc>,
    /// By whom.
    pub exported_by: PersonId,
    /// The proof of its entry.
    pub proof: RegisterProof,
}

/// Asks for a time stamp of these bytes; blocks until there is one.
pub type AskForStamp<'s> = dyn Fn(&[u8]) -> Result<Vec<u8>, TimestampError> + 's;

/// Who is asked for a time stamp, and how.
pub struct Stamping<'s> {
    /// The service's address.
    pub service: String,
    /// Asks it.
    pub ask: &'s AskForStamp<'s>,
}

impl Export {
    /// Writes the ZIP. Blocks on archive and writer; `progress` is told each piece of pictures. Returns why it has no time
    /// stamp where one was wanted: all else in it is whole.
    ///
    /// # Errors
    /// [`EvidenceError`]. Footage that cannot be read is none: the manifest names it.
    pub fn write(
        self,
        archive: &Archive,
        plan: Plan,
        checkpointer: &Checkpointer,
        stamping: Option<Stamping<'_>>,
        out: impl Write,
        progress: impl FnMut(u64),
    ) -> Result<Option<TimestampError>, EvidenceError> {
        let mut zip = Zip { zip: ZipWriter::new_stream(out), at: self.exported_at_utc, progress };
        zip.whole(PROOF, &json(&self.proof)?)?;
        let mut cameras = Vec::new();
        for (camera, name, found) in plan.cameras {
            cameras.push(zip.camera(archive, &self.footage, camera, name, found)?);
        }
        zip.whole(README, README_TEXT.as_bytes())?;
        let manifest = Manifest {
            version: 1,
            export: self.export,
            footage: self.footage,
            site_name: self.site_name,
            reference: self.reference,
            exported_at_utc: self.exported_at_utc,
            exported_by: self.exported_by,
            register_seq: self.proof.seq,
            program: concat!("ecluse ", env!("CARGO_PKG_VERSION")).to_owned(),
            readme_sha256: hex(&sha256(README_TEXT.as_bytes())),
            timestamp_service: stamping.as_ref().map(|stamping| stamping.service.clone()),
            cameras,
        };
        let manifest = json(&manifest)?;
        zip.whole(MANIFEST, &manifest)?;
        let signature = checkpointer.sign_statement(&statement(self.export, &manifest))?;
        zip.whole(SIGNATURE, signature.as_bytes())?;
        let stamp = stamping.map(|stamping| (stamping.ask)(signature.as_bytes())).transpose();
        if let Ok(Some(stamp)) = &stamp {
            zip.whole(TIMESTAMP, stamp)?;
        }
        zip.zip.finish()?.into_inner().flush()?;
        Ok(stamp.err())
    }
}

/// What is signed: that this export's manifest has this hash.
pub(super) fn statement(export: ExportId, manifest: &[u8]) -> String {
    format!("ecluse export manifest v1\n{export}\n{}\n", hex(&sha256(manifest)))
}

/// Bytes as people compare them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, EvidenceError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    bytes.push(b'\n');
    Ok(bytes)
}

struct Zip<W: Write, P> {
    zip: ZipWriter<StreamWriter<W>>,
    at: DateTime<Utc>,
    progress: P,
}

/// The file that is being written.
struct Open {
    init: Vec<u8>,
    entry: FileEntry,
    sha: Sha256,
}

/// The stretch that is being written.
struct Stretch {
    entry: StretchEntry,
    sha: Sha256,
}

impl<W: Write, P: FnMut(u64)> Zip<W, P> {
    fn begin(&mut self, name: &str) -> Result<(), EvidenceError> {
        let at = self.at;
        // ZIP knows years up to 2107 and no time zones.
        let [month, day, hour, minute, second] =
            [at.month(), at.day(), at.hour(), at.minute(), at.second()].map(|part| part as u8);
        let stamp =
            zip::DateTime::from_date_and_time(at.year().clamp(1980, 2107) as u16, month, day, hour, minute, second);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true)
            .last_modified_time(stamp.unwrap_or_default());
        Ok(self.zip.start_file(name, options)?)
    }

    fn whole(&mut self, name: &str, content: &[u8]) -> Result<(), EvidenceError> {
        self.begin(name)?;
        Ok(self.zip.write_all(content)?)
    }

    fn camera(
        &mut self,
        archive: &Archive,
        footage: &Excerpt,
        camera: CameraId,
        name: String,
        found: Slices,
    ) -> Result<CameraEntry, EvidenceError> {
        let mut about = CameraEntry {
            gaps: gaps(footage, &found.runs),
            unreadable: found.unreadable.into_iter().map(|(id, why)| unreadable(id.started_at_utc, why)).collect(),
            files: Vec::new(),
            camera,
            name,
        };
        for run in found.runs {
            let mut open = None;
            for slice in run.slices {
                open = self.slice(archive, &mut about, open, &slice)?;
            }
            about.files.extend(open.map(close));
        }
        Ok(about)
    }

    /// Adds a slice to the file that is open, or to one of its own. A fragment that cannot be read ends the file; the
    /// next begins at the next keyframe.
    fn slice(
        &mut self,
        archive: &Archive,
        about: &mut CameraEntry,
        mut open: Option<Open>,
        slice: &Slice,
    ) -> Result<Option<Open>, EvidenceError> {
        let mut read = archive.open_segment(&slice.id).and_then(|mut segment| {
            let init = segment.init()?;
            Ok((segment, init))
        });
        let (segment, init) = match &mut read {
            Ok((segment, init)) => (segment, init),
            Err(error) => {
                about.files.extend(open.map(close));
                about.unreadable.push(unreadable(slice.id.started_at_utc, error.to_string()));
                return Ok(None);
            }
        };
        if open.as_ref().is_some_and(|open| open.init != *init) {
            about.files.extend(open.take().map(close));
        }
        let mut stretch: Option<Stretch> = None;
        for (number, fragment) in &slice.fragments {
            let bytes = match segment.fragment(*number) {
                Ok(bytes) => bytes,
                Err(error) => {
                    if let Some(mut open) = open.take() {
                        open.entry.stretches.extend(stretch.take().map(end));
                        about.files.push(close(open));
                    }
                    about.unreadable.push(unreadable(slice.id.started_at_utc, error.to_string()));
                    continue;
                }
            };
            let mut pieces = vec![bytes];
            let file = match &mut open {
                Some(file) => file,
                None if !fragment.keyframe => continue,
                None => {
                    let stamp = fragment.start_utc().format("%Y%m%dT%H%M%S%.3fZ");
                    let camera = &about.camera;
                    let name = format!("{camera}/{camera}_{stamp}.mp4");
                    self.begin(&name)?;
                    pieces.insert(0, init.clone());
                    open.insert(Open::new(name, init.clone(), fragment.start_utc()))
                }
            };
            let stretch = stretch.get_or_insert_with(|| Stretch::new(slice, fragment.start_utc()));
            for piece in pieces {
                self.zip.write_all(&piece)?;
                let length = piece.len() as u64;
                file.sha.update(&piece);
                stretch.sha.update(&piece);
                file.entry.bytes += length;
                stretch.entry.bytes += length;
                (self.progress)(length);
            }
            file.entry.frames += u64::from(fragment.frames);
            file.entry.until_utc = file.entry.until_utc.max(fragment.end_utc());
            stretch.entry.until_utc = stretch.entry.until_utc.max(fragment.end_utc());
        }
        if let Some(open) = &mut open {
            open.entry.stretches.extend(stretch.map(end));
        }
        Ok(open)
    }
}

impl Open {
    fn new(name: String, init: Vec<u8>, from_utc: DateTime<Utc>) -> Self {
        let entry = FileEntry {
            name,
            bytes: 0,
            sha256: String::new(),
            from_utc,
            until_utc: from_utc,
            frames: 0,
            stretches: Vec::new(),
        };
        Self { init, entry, sha: Sha256::new() }
    }
}

impl Stretch {
    fn new(slice: &Slice, from_utc: DateTime<Utc>) -> Self {
        let entry = StretchEntry {
            segment_started_at_utc: slice.id.started_at_utc,
            from_utc,
            until_utc: from_utc,
            clock: slice.about.clock,
            clock_offset_ms: slice.about.clock_offset_ms,
            recorded_by: slice.about.program.clone(),
            bytes: 0,
            sha256: String::new(),
        };
        Self { entry, sha: Sha256::new() }
    }
}

fn close(open: Open) -> FileEntry {
    FileEntry { sha256: hex(&open.sha.finish()), ..open.entry }
}

fn end(stretch: Stretch) -> StretchEntry {
    StretchEntry { sha256: hex(&stretch.sha.finish()), ..stretch.entry }
}

fn unreadable(segment_started_at_utc: DateTime<Utc>, why: String) -> Unreadable {
    Unreadable { segment_started_at_utc, why }
}
