//! sled 0.34.7 with its traps handled, so that no table has to know them:
//!
//! - `flush()` ends in `sync_file_range`, which is no durability: [`Table::commit`] also calls `fdatasync` on `<dir>/db`;
//! - a crash while it writes a snapshot leaves `snap.*.generating`, after which it does not open: under our own lock
//!   those files are moved away first;
//! - on a full disk it does not open either: [`reserve`] keeps room for that;
//! - values above about 128 KiB go to files that are never synced: larger ones than [`MAX_VALUE_BYTES`] are refused;
//! - after a corrupt page iterators err for ever and `len()` hangs: we stop at the first error and never call `len()`.

use super::{StoreError, reserve};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest value accepted, bytes.
pub(super) const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The opened database, its lock and the file that must be synced.
pub(super) struct Engine {
    dir: PathBuf,
    db: sled::Db,
    file: File,
    // Held until the process ends or the store is dropped: sled's own lock comes too late to protect what we move.
    _lock: File,
}

impl Engine {
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let io = |path: &Path, what| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, what, source }
        };
        fs::create_dir_all(dir).map_err(io(dir, "cannot make the directory"))?;
        let lock_path = dir.join("ecluse.lock");
        let lock = File::create(&lock_path).map_err(io(&lock_path, "cannot make the lock file"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: dir.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(&lock_path, "cannot lock")(source)),
        }
        set_unfinished_snapshots_aside(dir)?;
        let start = || {
            let config = sled::Config::new()
                .path(dir)
                .mode(sled::Mode::LowSpace)
                .cache_capacity(16 * 1024 * 1024)
                .flush_every_ms(Some(500))
                .use_compression(false);
            config.open().map_err(|source| StoreError::Engine { path: dir.to_owned(), source })
        };
        let db = match start() {
            Err(full)
                if full.is_disk_full() && reserve::release(dir).map_err(io(dir, "cannot free the reserve"))? =>
            {
                tracing::error!(error = %full, "the disk is full: started on the store's reserve; free space now");
                set_unfinished_snapshots_aside(dir)?;
                start()?
            }
            started => started?,
        };
        reserve::keep(dir);
        let db_path = dir.join("db");
        let file = File::open(&db_path).map_err(io(&db_path, "cannot open"))?;
        let dir_file = File::open(dir).map_err(io(dir, "cannot open"))?;
        dir_file.sync_all().map_err(io(dir, "cannot sync the directory"))?;
        Ok(Self { dir: dir.to_owned(), db, file, _lock: lock })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn size_on_disk_bytes(&self) -> Result<u64, StoreError> {
        self.db.size_on_disk().map_err(|source| self.error(source))
    }

    fn error(&self, source: sled::Error) -> StoreError {
        StoreError::Engine { path: self.dir.clone(), source }
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|source| self.error(source))?;
        self.file.sync_data().map_err(|source| StoreError::Io {
            path: self.dir.join("db"),
            what: "cannot sync; free disk space and restart",
            source,
        })
    }
}

fn set_unfinished_snapshots_aside(dir: &Path) -> Result<(), StoreError> {
    let io = |path: &Path, what| {
        let path = path.to_owned();
        move |source| StoreError::Io { path, what, source }
    };
    for entry in fs::read_dir(dir).map_err(io(dir, "cannot list"))? {
        let path = entry.map_err(io(dir, "cannot list"))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with("snap.") && name.ends_with(".generating") {
            let aside = dir.join(format!("aside.{name}"));
            tracing::warn!(file = name, "a snapshot was never finished (crash): set aside");
            fs::rename(&path, &aside).map_err(io(&path, "cannot set aside"))?;
        }
    }
    Ok(())
}

/// One table of JSON values under text keys.
#[derive(Clone)]
pub(super) struct Table {
    engine: Arc<Engine>,
    tree: sled::Tree,
    name: &'static str,
}

impl Table {
    pub(super) fn open(engine: &Arc<Engine>, name: &'static str) -> Result<Self, StoreError> {
        let tree = engine.db.open_tree(name).map_err(|source| engine.error(source))?;
        Ok(Self { engine: engine.clone(), tree, name })
    }

    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let found = self.tree.get(key).map_err(|source| self.engine.error(source))?;
        found.map(|value| self.read(key, &value)).transpose()
    }

    /// Writes without waiting for the disk; see [`Table::commit`].
    pub(super) fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), StoreError> {
        let value = serde_json::to_vec(value).map_err(|why| self.value_error(key, &why))?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(self.value_error(key, &format!("{} bytes; at most {MAX_VALUE_BYTES} are stored", value.len())));
        }
        self.tree.insert(key, value).map_err(|source| self.engine.error(source))?;
        Ok(())
    }

    /// Removes without waiting for the disk. Whether there was something.
    pub(super) fn remove(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.tree.remove(key).map_err(|source| self.engine.error(source))?.is_some())
    }

    /// Waits until everything written so far is on disk.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        self.engine.commit()
    }

    /// Removes every row without waiting for the disk.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        self.tree.clear().map_err(|source| self.engine.error(source))
    }

    /// The rows whose keys sort before `end`.
    pub(super) fn rows_before<T: DeserializeOwned>(
        &self,
        end: &str,
    ) -> impl DoubleEndedIterator<Item = Result<(String, T), StoreError>> + '_ {
        self.tree.range(..end.as_bytes()).map(|row| self.row(row))
    }

    /// The rows whose keys sort from `start` on and before `end`.
    pub(super) fn rows_between<T: DeserializeOwned>(
        &self,
        start: &str,
        end: &str,
    ) -> impl DoubleEndedIterator<Item = Result<(String, T), StoreError>> + use<'_, T> {
        // sled panics on a range that ends before it starts.
        let end = end.max(start);
        self.tree.range(start.as_bytes()..end.as_bytes()).map(|row| self.row(row))
    }

    /// All rows by key; stops at the first error.
    pub(super) fn rows<T: DeserializeOwned>(
        &self,
    ) -> impl DoubleEndedIterator<Item = Result<(String, T), StoreError>> + '_ {
        self.tree.iter().map(|row| self.row(row))
    }

    fn row<T: DeserializeOwned>(&self, row: sled::Result<(sled::IVec, sled::IVec)>) -> Result<(String, T), StoreError> {
        let (key, value) = row.map_err(|source| self.engine.error(source))?;
        let key = String::from_utf8_lossy(&key).into_owned();
        let value = self.read(&key, &value)?;
        Ok((key, value))
    }

    fn read<T: DeserializeOwned>(&self, key: &str, value: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(value).map_err(|why| self.value_error(key, &why))
    }

    fn value_error(&self, key: &str, why: &dyn std::fmt::Display) -> StoreError {
        StoreError::Value { table: self.name, key: key.to_owned(), why: why.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What sled leaves when it is killed in the middle of writing a snapshot: the file under its working name.
    fn interrupt_a_snapshot(dir: &Path) -> PathBuf {
        let left = dir.join("snap.0000000000100000.generating");
        fs::write(&left, b"half a snapshot").unwrap();
        left
    }

    fn kept(engine: &Arc<Engine>) -> Option<u32> {
        Table::open(engine, "numbers").unwrap().get("kept").unwrap()
    }

    #[test]
    fn a_crash_while_a_snapshot_is_written_loses_nothing_and_opens_again() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Arc::new(Engine::open(dir.path()).unwrap());
        let table = Table::open(&engine, "numbers").unwrap();
        table.put("kept", &7).unwrap();
        table.commit().unwrap();
        drop((table, engine));
        for _ in 0..2 {
            let left = interrupt_a_snapshot(dir.path());
            // The trap is real: without us sled does not open.
            assert!(sled::open(dir.path()).is_err());
            let engine = Arc::new(Engine::open(dir.path()).unwrap());
            assert_eq!(kept(&engine), Some(7));
            assert!(!left.exists(), "set aside");
        }
    }

    #[test]
    fn fault_13_room_is_kept_for_a_start_on_a_full_disk() {
        let dir = tempfile::tempdir().unwrap();
        drop(Engine::open(dir.path()).unwrap());
        assert!(reserve::release(dir.path()).unwrap(), "the first start took it");
        assert!(!reserve::release(dir.path()).unwrap(), "it is there once");
        drop(Engine::open(dir.path()).unwrap());
        assert!(reserve::release(dir.path()).unwrap(), "the next start takes it again");
    }
}
