//! A look through the archive's directory, for what has to see everything: the check, the rotation, the start.

use super::error::{ArchiveError, io};
use super::layout;
use crate::domain::CameraId;
use chrono::NaiveDate;
use std::path::Path;

/// Every camera's days, in order. Names that are none of ours are left alone.
pub(super) fn days(dir: &Path) -> Result<Vec<(CameraId, NaiveDate)>, ArchiveError> {
    let mut found = Vec::new();
    for camera in names(dir)?.iter().filter_map(|name| name.parse::<CameraId>().ok()) {
        let path = dir.join(camera.as_str());
        if path.is_dir() {
            found.extend(names(&path)?.iter().filter_map(|day| Some((camera.clone(), day.parse().ok()?))));
        }
    }
    found.sort();
    Ok(found)
}

/// The segment files of one camera's day, relative to the archive's directory, in order of time.
pub(super) fn segments(dir: &Path, camera: &CameraId, day: NaiveDate) -> Result<Vec<String>, ArchiveError> {
    let relative = layout::day_dir(camera, day);
    let ending = format!(".{}", layout::SEGMENT);
    let mut found: Vec<String> = names(&dir.join(&relative))?
        .into_iter()
        .filter(|name| name.ends_with(&ending))
        .map(|name| format!("{relative}/{name}"))
        .collect();
    found.sort();
    Ok(found)
}

/// The keys of one camera's day, relative to the archive's directory; the first one made is the first.
pub(super) fn day_keys(dir: &Path, camera: &CameraId, day: NaiveDate) -> Result<Vec<String>, ArchiveError> {
    let relative = layout::day_dir(camera, day);
    let names = names(&dir.join(&relative))?.into_iter().filter(|name| layout::is_day_key(name));
    let mut found: Vec<String> = names.map(|name| format!("{relative}/{name}")).collect();
    found.sort_by_key(|name| (*name != layout::day_key(camera, day), name.clone()));
    Ok(found)
}

fn names(path: &Path) -> Result<Vec<String>, ArchiveError> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(path, "cannot list")(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(io(path, "cannot list"))?.file_name();
        found.extend(name.into_string().ok());
    }
    Ok(found)
}
