//! From the configuration's `[recorder]` to the running recorder.

use super::offsite;
use crate::archive::offsite::Mirror;
use crate::archive::recorder::{Recorder, RecorderSettings};
use crate::archive::retention::Retention;
use crate::archive::watch::Watch;
use crate::archive::{Archive, ArchiveError, MasterKeySource};
use crate::clock::Clock;
use crate::config::{Config, RecorderConfig, TimestampConfig};
use crate::control::Control;
use crate::domain::{Action, Actor, CameraId, Command, FootageCommand, SiteId};
use crate::evidence::TimestampService;
use crate::media::hub::Hub;
use crate::store::Store;
use openssl::x509::X509;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where the master key comes from. The configuration's rules have seen to it that it is one place.
pub(super) fn master_key(recorder: &RecorderConfig) -> Option<MasterKeySource> {
    let file = recorder.master_key_file.clone().map(MasterKeySource::File);
    let credential = || recorder.master_key_credential.clone().map(MasterKeySource::Credential);
    file.or_else(credential).or_else(|| recorder.master_key_env.clone().map(MasterKeySource::Environment))
}

/// Who stamps exports with the time. Nobody is asked yet.
///
/// # Errors
/// When the authority's file cannot be used: exports would go without a stamp that somebody counts on.
pub(super) fn timestamps(config: &Config) -> anyhow::Result<Option<Arc<TimestampService>>> {
    let timestamp = config.recorder.as_ref().and_then(|recorder| recorder.timestamp.as_ref());
    let ready = timestamp.map(|TimestampConfig { url, ca }| {
        let authorities = authorities(ca).map_err(|why| anyhow::anyhow!("recorder.timestamp.ca {why}"))?;
        anyhow::Ok(Arc::new(TimestampService::new(url.clone(), authorities)?))
    });
    ready.transpose()
}

/// The certificates in a PEM file, at least one.
///
/// # Errors
/// The file and what is wrong with it, in words.
pub(super) fn authorities(path: &Path) -> Result<Vec<X509>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = X509::stack_from_pem(&pem).unwrap_or_default();
    if found.is_empty() { Err(format!("{}: no PEM certificate in it", path.display())) } else { Ok(found) }
}

/// Starts recording what the configuration asks for. Whatever is wrong with key, directory or disk stops recording alone:
/// it is said, shown on the pages, and the live part goes on (fail closed for footage, open for nobody).
///
/// What a backup brought back is destroyed before this returns; from then on the sweep runs until the recorder stops. It needs
/// no master key: footage goes when its time is up, whether anything can be recorded or not (A5-4).
pub(super) async fn start(
    config: &Config,
    store: &Store,
    hub: &Arc<Hub>,
    clock: &Arc<dyn Clock>,
    control: &Control,
) -> Option<Recorder> {
    let Some(recorder) = config.recorder.as_ref() else {
        return only_retention(config, store, clock, control).await;
    };
    let cameras: Vec<CameraId> =
        config.site.iter().flat_map(|site| site.camera.iter().map(|camera| camera.id.clone())).collect();
    let refused = |error: &ArchiveError| {
        tracing::error!(%error, "nothing is recorded until this is put right and the server is started again");
        Recorder::refused(error, cameras.clone())
    };
    let (archive, fault) = match open(config, recorder, store).await {
        Ok(archive) => (archive, None),
        Err(error @ (ArchiveError::MasterKey { .. } | ArchiveError::WrongMasterKey { .. })) => {
            let opened = locked(config.recordings_dir(), store, recorder.keep_free_mib).await;
            match opened {
                Ok(archive) => (archive, Some(error)),
                Err(why) => {
                    tracing::error!(error = %why, "what has served its time is not destroyed, either");
                    return Some(refused(&error));
                }
            }
        }
        Err(error) => return Some(refused(&error)),
    };
    let sweep = match retention(&archive, control, clock, store, Some(recorder.retention_days)).await {
        Ok(sweep) => sweep,
        Err(error) => return Some(refused(&error)),
    };
    archive.reserve_for_holds(recorder.hold_reserve_mib);
    let settings = RecorderSettings {
        segment: Duration::from_secs(recorder.segment_s),
        fragment: Duration::from_millis(recorder.fragment_ms),
    };
    let started = match fault {
        None => Recorder::start(archive.clone(), hub, clock, cameras.clone(), settings),
        Some(fault) => Err(fault),
    };
    let running = started.unwrap_or_else(|error| refused(&error));
    running.keep_retention(sweep);
    let copy = copy(&archive, store, recorder, clock);
    if let Some(copy) = &copy {
        running.keep_copy(copy.clone());
    }
    running.keep_watch(Watch {
        archive,
        control: control.clone(),
        clock: clock.clone(),
        book: store.offsite(),
        copy_refused_utc: copy.as_ref().is_some_and(Result::is_err).then(|| clock.utc()),
        copy: copy.and_then(Result::ok),
        warn_free_mib: recorder.warn_free_mib,
        cameras,
    });
    Some(running)
}

/// Without `[recorder]` nothing is recorded; what was recorded before is destroyed in time all the same, where it was last
/// known to be, by the rules that stand in the register (A5-4). `None` where nothing was ever recorded, or all is over.
async fn only_retention(config: &Config, store: &Store, clock: &Arc<dyn Clock>, control: &Control) -> Option<Recorder> {
    warn_of_copy(store);
    match run_out(config, store, clock, control).await {
        Ok(None) => None,
        Ok(Some(sweep)) => {
            tracing::warn!("{}", ArchiveError::NotConfigured);
            let running = Recorder::running_out();
            running.keep_retention(sweep);
            Some(running)
        }
        Err(error) => {
            tracing::error!(%error, "what has served its time is not destroyed (A5-4)");
            Some(Recorder::refused(&error, Vec::new()))
        }
    }
}

/// The sweep over what is left where nothing is recorded any more.
async fn run_out(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
    control: &Control,
) -> Result<Option<Retention>, ArchiveError> {
    let (index, tally, default) = (store.segments(), store.purge_tally(), config.recordings_dir());
    let look = move || -> Result<Option<PathBuf>, ArchiveError> {
        // Days that are over and not attested yet are left, too.
        let is_over = index.cameras()?.is_empty() && tally.all()?.is_empty();
        let dir = match index.place()? {
            Some(dir) if is_over && !dir.exists() => return Ok(None),
            Some(dir) => dir,
            None if is_over => return Ok(None),
            // Recorded by a version that did not note where. What lies elsewhere must not be taken for gone.
            None if index.all().filter_map(Result::ok).any(|row| default.join(row.file).exists()) => default,
            None => return Err(ArchiveError::Elsewhere { path: default }),
        };
        Ok(Some(dir))
    };
    let Some(dir) = blocking(look).await? else { return Ok(None) };
    let archive = locked(dir.clone(), store, 0).await.map_err(|error| match error {
        ArchiveError::NotFound(_) => ArchiveError::Elsewhere { path: dir },
        other => other,
    })?;
    retention(&archive, control, clock, store, None).await.map(Some)
}

/// The archive without its master key.
async fn locked(dir: PathBuf, store: &Store, keep_free_mib: u64) -> Result<Archive, ArchiveError> {
    let index = store.segments();
    let open = move || {
        let archive = Archive::locked(&dir, index, keep_free_mib)?;
        archive.note_place()?;
        Ok(archive)
    };
    blocking(open).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(ArchiveError::Gstreamer(error.to_string())))
}

/// Of a copy that was made and is not configured any more.
fn warn_of_copy(store: &Store) {
    if store.offsite().is_used().unwrap_or(false) {
        tracing::warn!(
            "an off-site copy was made and [recorder.offsite] is gone: nothing deletes what must go from it (A5-4)"
        );
    }
}

/// The off-site copy, if one is configured. A fault of it stops nothing here.
fn copy(
    archive: &Archive,
    store: &Store,
    recorder: &RecorderConfig,
    clock: &Arc<dyn Clock>,
) -> Option<Result<Mirror, String>> {
    let Some(offsite) = &recorder.offsite else {
        warn_of_copy(store);
        return None;
    };
    let settings = offsite::settings(offsite).map_err(|(key, why)| format!("recorder.offsite.{key}: {why}"));
    let started = settings.and_then(|settings| {
        let started = Mirror::start(archive.clone(), store.offsite(), &settings, clock.clone());
        started.map_err(|error| error.to_string())
    });
    Some(started.inspect_err(|error| tracing::error!(%error, "no off-site copy is kept")))
}

/// The sweep, once it has destroyed again what came back (fault 24). `days`: what the configuration asks for, if it does.
async fn retention(
    archive: &Archive,
    control: &Control,
    clock: &Arc<dyn Clock>,
    store: &Store,
    days: Option<u32>,
) -> Result<Retention, ArchiveError> {
    let failed = |error: &dyn std::fmt::Display| ArchiveError::NotReplayed(error.to_string());
    let sites: Vec<SiteId> = control.read(|state| state.sites.keys().cloned().collect());
    for (site, days) in sites.into_iter().filter_map(|site| Some((site, days?))) {
        let action = Action::Footage(FootageCommand::SetRetention { site, days });
        control.execute(Command { actor: Actor::System, action }).await.map_err(|error| failed(&error))?;
    }
    let mut sweep = Retention::new(archive.clone(), control.clone(), clock.clone(), store.purge_tally())?;
    sweep.replay().await.map_err(|error| failed(&error))?;
    Ok(sweep)
}

async fn open(config: &Config, recorder: &RecorderConfig, store: &Store) -> Result<Archive, ArchiveError> {
    let source = master_key(recorder).ok_or_else(|| ArchiveError::MasterKey {
        place: "[recorder]".to_owned(),
        why: "none is configured".to_owned(),
    })?;
    let (dir, index, keep_free_mib) = (config.recordings_dir(), store.segments(), recorder.keep_free_mib);
    let work = move || {
        let archive = Archive::open(&dir, source.load()?, index, keep_free_mib)?;
        archive.note_place()?;
        let done = archive.reconcile()?;
        if done.is_quiet() {
            tracing::info!(dir = %dir.display(), "recordings and their index agree");
        } else {
            tracing::warn!(
                dir = %dir.display(),
                closed = done.closed,
                empty = done.empty,
                deleted = done.deleted,
                indexed = done.indexed,
                missing = done.missing,
                unreadable = done.unreadable.len(),
                "recordings and their index have been made to agree"
            );
        }
        Ok(archive)
    };
    blocking(work).await
}
