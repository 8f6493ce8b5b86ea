//! Checkpoints kept beside the log, one file each, named by size: `checkpoints/000000001234.note`. Files are added, whole
//! and fsynced, and never rewritten. At every start and in every verification the log is held against all of them.

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::log::Reader;
use super::note::{NoteFault, Signer, VerifyKey};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of their directory inside the register's.
pub const CHECKPOINT_DIR: &str = "checkpoints";
const SUFFIX: &str = ".note";

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) checkpoints: Vec<SignedCheckpoint>,
    /// How many are by the key they were checked with.
    pub(super) signed: u64,
    /// The first file that is none, or whose signature is wrong: its name, and why.
    pub(super) bad: Option<(String, NoteFault)>,
}

/// Reads all that is kept in a register's directory. With a key, its signatures are checked; those of other keys (an
/// earlier one of this server) are held against the log all the same.
pub(super) fn read(register_dir: &Path, key: Option<&VerifyKey>) -> io::Result<Kept> {
    let mut kept = Kept::default();
    let mut names = match fs::read_dir(register_dir.join(CHECKPOINT_DIR)) {
        Ok(files) => files.map(|file| file.map(|file| file.path())).collect::<io::Result<Vec<_>>>()?,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(kept),
        Err(why) => return Err(why),
    };
    names.retain(|path| path.extension().is_some_and(|extension| extension == &SUFFIX[1..]));
    names.sort();
    for path in names {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let checked = SignedCheckpoint::parse(&text, format!("checkpoint {name}")).and_then(|checkpoint| {
            match key.map(|key| checkpoint.verify(key)) {
                None | Some(Err(NoteFault::NotSigned(_))) => {}
                Some(Ok(())) => kept.signed += 1,
                Some(Err(why)) => return Err(why),
            }
            Ok(checkpoint)
        });
        match checked {
            Ok(checkpoint) => kept.checkpoints.push(checkpoint),
            Err(why) => kept.bad = kept.bad.or(Some((name, why))),
        }
    }
    Ok(kept)
}

/// The newest checkpoint kept in a register's directory that this key signed, with its note as it is mailed.
///
/// # Errors
/// When they cannot be read.
pub fn newest_checkpoint(register_dir: &Path, key: &VerifyKey) -> io::Result<Option<(Checkpoint, String)>> {
    let kept = read(register_dir, None)?.checkpoints;
    let newest = kept.into_iter().filter(|known| known.verify(key).is_ok()).max_by_key(|known| known.checkpoint.size);
    let Some(SignedCheckpoint { checkpoint, .. }) = newest else { return Ok(None) };
    let name = format!("{:012}{SUFFIX}", checkpoint.size);
    Ok(Some((checkpoint, fs::read_to_string(register_dir.join(CHECKPOINT_DIR).join(name))?)))
}

/// Keeps a checkpoint; one of the same size that is there already stays.
fn keep(register_dir: &Path, checkpoint: &Checkpoint, note: &str) -> io::Result<PathBuf> {
    let dir = register_dir.join(CHECKPOINT_DIR);
    DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    let path = dir.join(format!("{:012}{SUFFIX}", checkpoint.size));
    let making = dir.join(format!(".{:012}.{}", checkpoint.size, std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&making)?;
    file.write_all(note.as_bytes()).and_then(|()| file.sync_all())?;
    // A link, not a renaming: that would replace what is kept.
    let linked = fs::hard_link(&making, &path);
    let _ = fs::remove_file(&making);
    match linked {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
            let known = SignedCheckpoint::parse(&fs::read_to_string(&path)?, "").map_err(io::Error::other)?;
            if known.checkpoint.root != checkpoint.root {
                return Err(io::Error::other(format!(
                    "{} holds another root for the same size: verify the register",
                    path.display()
                )));
            }
        }
        linked => linked?,
    }
    File::open(&dir)?.sync_all()?;
    File::open(register_dir)?.sync_all()?;
    Ok(path)
}

/// Why no checkpoint was made.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is nothing to vouch for.
    #[error("the register has no entry yet")]
    Empty,
    /// It cannot be signed.
    #[error("the checkpoint cannot be signed: {0}")]
    Sign(#[from] NoteFault),
    /// It cannot be kept.
    #[error("the checkpoint cannot be kept in {dir}: {source}; check the disk and who owns the directory")]
    Keep {
        /// The register's directory.
        dir: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// A checkpoint that is signed and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note, as it is mailed.
    pub note: String,
    /// Where it is kept.
    pub path: PathBuf,
}

/// Makes checkpoints of an opened, sound register. Cheap to clone; works on while entries are recorded.
#[derive(Clone)]
pub struct Checkpointer {
    dir: PathBuf,
    signer: Arc<Signer>,
    reader: Reader,
}

impl Checkpointer {
    /// For the register in `dir`, read by `reader`.
    pub fn new(dir: impl Into<PathBuf>, signer: Signer, reader: Reader) -> Self {
        Self { dir: dir.into(), signer: Arc::new(signer), reader }
    }

    /// The key that signs.
    pub fn key(&self) -> &VerifyKey {
        self.signer.public()
    }

    /// What a checkpoint would say now, unsigned.
    pub fn now(&self) -> Checkpoint {
        self.reader.tree(|tree| Checkpoint {
            origin: self.key().name().to_owned(),
            size: tree.size(),
            root: tree.root(),
        })
    }

    /// Signs what is recorded now and keeps it. Blocks on the disk.
    ///
    /// # Errors
    /// [`CheckpointError`]; the register itself is not touched by that.
    pub fn make(&self) -> Result<MadeCheckpoint, CheckpointError> {
        make_checkpoint(&self.dir, self.now(), &self.signer)
    }

    /// Signs a statement about something else than the register, e.g. an export's manifest. Its first line must be no
    /// key's name, so that nobody can take it for a checkpoint; the text must end with a line feed.
    ///
    /// # Errors
    /// When the text could be taken for a checkpoint, or the library fails.
    pub fn sign_statement(&self, text: &str) -> Result<String, NoteFault> {
        if text.lines().next().is_none_or(super::note::is_name) {
            return Err(NoteFault::Form("the first line of a statement must not look like a key's name"));
        }
        self.signer.sign(text)
    }

    /// Signs what is recorded now without keeping it, for an answer to somebody who asks.
    ///
    /// # Errors
    /// When the library fails.
    pub fn sign(&self) -> Result<(Checkpoint, String), NoteFault> {
        let now = self.now();
        let note = now.sign(&self.signer)?;
        Ok((now, note))
    }
}

/// Signs a checkpoint of the register in `dir` and keeps it there.
///
/// # Errors
/// [`CheckpointError`].
pub fn make_checkpoint(dir: &Path, checkpoint: Checkpoint, signer: &Signer) -> Result<MadeCheckpoint, CheckpointError> {
    if checkpoint.size == 0 {
        return Err(CheckpointError::Empty);
    }
    let note = checkpoint.sign(signer)?;
    let path = keep(dir, &checkpoint, &note).map_err(|source| CheckpointError::Keep { dir: dir.to_owned(), source })?;
    Ok(MadeCheckpoint { checkpoint, note, path })
}
