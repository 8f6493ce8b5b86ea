//! `ecluse serve`: the server, from a configuration file, until it is told to stop.

use super::running::{Extras, Running};
use super::{ConfigArgument, check, notify};
use anyhow::{Context, bail};
use std::process::ExitCode;

/// What `ecluse serve` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

/// Runs the server until it is told to stop. It refuses to start on any error `ecluse check` would name.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = check::load(&arguments.config);
    if !loaded.faults.is_empty() {
        check::print(&loaded);
    }
    let Some(config) = loaded.usable() else { bail!("not started: correct the errors above") };
    crate::telemetry::start(&config.log);
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let told_to_stop = until_told_to_stop();
        let running = Running::start(config, Extras::default()).await?;
        tracing::info!(
            pages = %running.https_addr(),
            cameras_port = running.rtsp_port(),
            version = env!("CARGO_PKG_VERSION"),
            "Ecluse is up"
        );
        notify::ready();
        let watchdog = notify::watchdog();
        told_to_stop.await;
        notify::stopping();
        running.stop().await;
        watchdog.abort();
        Ok(ExitCode::SUCCESS)
    });
    leave(runtime);
    outcome
}

/// The asynchronous runtime: pages and signalling need few threads, pictures have GStreamer's own.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(64)
        .thread_name("ecluse-async")
        .enable_all()
        .build()
        .context("the asynchronous runtime does not start")
}

/// Ends the runtime without waiting for a blocking call that hangs: by now everything that matters is on disk.
pub(super) fn leave(runtime: tokio::runtime::Runtime) {
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
}

/// Watches for SIGTERM and SIGINT from this call on, inside the runtime; resolves at the first, also one that came before it
/// was waited for. A second signal ends the process at once.
pub(super) fn until_told_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let watched = signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
    async move {
        let Ok((mut terminate, mut interrupt)) = watched else {
            tracing::error!("signals cannot be watched: stop the server with kill -9");
            return std::future::pending().await;
        };
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("told to stop: gates shut first; a second signal ends the process at once");
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            std::process::exit(130);
        });
    }
}
