//! The server's own log: `tracing`, as text for people or JSON for collectors, on standard error.
//!
//! Secrets never get here: configuration keeps them in [`crate::config::Secret`], whose `Debug` shows three stars, and
//! URLs are logged as route templates.

use crate::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging for the whole process. `RUST_LOG` wins over the configured level; a filter that cannot be parsed is
/// reported and `info` is used. Panics of any thread go to the log too.
pub fn start(config: &LogConfig) {
    let wanted = std::env::var("RUST_LOG").ok().or_else(|| config.level.clone()).unwrap_or_else(|| "info".to_owned());
    let (filter, complaint) = match EnvFilter::try_new(&wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => builder.with_target(false).finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    };
    if started.is_err() {
        return; // Logging runs already: a test started it first.
    }
    if let Some(error) = complaint {
        tracing::warn!(filter = wanted, %error, "log.level is no tracing filter; expected e.g. \"info\" or \"info,ecluse::media=debug\"; using info");
    }
    let standard = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!(%panic, "a thread panicked");
        standard(panic);
    }));
}
