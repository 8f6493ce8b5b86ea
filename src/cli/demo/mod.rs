//! `ecluse demo`: the whole story on one machine, in one process and one data directory.
//!
//! It makes its own authority, certificates, people and site, writes them as an ordinary configuration file, and starts
//! the same server as `ecluse serve`. Its props are the footage, the cameras (child processes that push it over RTSPS)
//! and a page that shows the mails.

mod dossier;
mod footage;
mod people;
mod props;
mod pushers;
mod summary;

use super::running::{Extras, Running};
use super::serve::{leave, runtime, until_told_to_stop};
use crate::config::{Config, LogConfig};
use crate::web::Demo;
use anyhow::{Context, bail};
use pushers::Pushers;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What `ecluse demo` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Directory for everything the demo makes; kept and used again
    #[arg(long, value_name = "DIR", default_value_os_t = default_directory())]
    data_dir: PathBuf,
    /// Address and port for the pages (port 0: any free one)
    #[arg(long, value_name = "ADDR", default_value_t = loopback(8443))]
    https: SocketAddr,
    /// Address and port for the cameras (port 0: any free one)
    #[arg(long, value_name = "ADDR", default_value_t = loopback(8322))]
    rtsp: SocketAddr,
    /// How many cameras the site has
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    cameras: u16,
    /// Let operators and chiefs in from the demo's workstation certificate alone, as a real installation does (A6-1)
    #[arg(long)]
    require_workstation: bool,
    /// Leave the cameras dark: push to them yourself (demo.json has the URLs and passwords)
    #[arg(long)]
    no_pusher: bool,
    /// Record nothing
    #[arg(long)]
    no_recording: bool,
    /// Send the mails to this relay as well, unencrypted: a mail catcher on this machine
    #[arg(long, value_name = "ADDR", value_parser = loopback_alone)]
    smtp: Option<SocketAddr>,
    /// Write the JSON object to FILE once every camera is live
    #[arg(long, value_name = "FILE")]
    once_ready_file: Option<PathBuf>,
    /// Print one JSON object instead of the summary for people
    #[arg(long)]
    json: bool,
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Names and addresses leave the machine over TLS or not at all.
fn loopback_alone(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}: expected ADDRESS:PORT"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("expected a loopback address, such as 127.0.0.1:1025".into())
    }
}

fn default_directory() -> PathBuf {
    let base = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    base.unwrap_or_else(|| PathBuf::from(".")).join("ecluse-demo")
}

/// Runs the demo until it is told to stop.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    crate::telemetry::start(&LogConfig { level: Some("warn".to_owned()), ..LogConfig::default() });
    let props = props::Props::open_or_make(arguments)?;
    let clips = if arguments.no_pusher { Vec::new() } else { props.clips()? };
    let loaded = Config::load(&props.config_path()).context("the demo's own configuration")?;
    let Some(config) = loaded.config else {
        bail!(
            "{}: {}; delete it and start again",
            loaded.path.display(),
            loaded.faults.first().map(|fault| fault.what.clone()).unwrap_or_default()
        );
    };
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let told_to_stop = until_told_to_stop();
        let extras = Extras { demo: Some(Demo { accounts: props.accounts()? }) };
        let running = Running::start(&config, extras).await?;
        props.seed_people(&running).await?;
        props.seed_workstation(&running).await?;
        props.write_demo_json()?;
        let pushers = Pushers::start(props.pushes(&clips))?;
        if arguments.json {
            println!("{}", props.json()?);
        } else {
            summary::print(&props.file, clips.is_empty());
        }
        tokio::select! {
            () = told_to_stop => {}
            () = report_when_live(&running, &props, arguments, clips.len()) => {}
        }
        // Waits for the children: not on a thread that tasks need.
        let _ = tokio::task::spawn_blocking(move || drop(pushers)).await;
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    });
    leave(runtime);
    outcome
}

/// Says once that all cameras are live; resolves never.
async fn report_when_live(running: &Running, props: &props::Props, arguments: &Arguments, wanted: usize) {
    let mut looks = tokio::time::interval(Duration::from_millis(100));
    while running.cameras_online() < wanted {
        looks.tick().await;
    }
    if let Some(file) = &arguments.once_ready_file
        && let Err(error) = props.json().and_then(|json| props::write_private(file, &json))
    {
        tracing::error!(%error, "--once-ready-file");
    }
    if !arguments.json && wanted > 0 {
        println!("  {wanted} caméras en direct / cameras live.");
    }
    std::future::pending().await
}

/// Replaces port 0 by a port that is free now.
fn settle_port(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    if address.port() != 0 {
        return Ok(address);
    }
    let listener = std::net::TcpListener::bind(address).with_context(|| format!("no free port on {address}"))?;
    Ok(listener.local_addr()?)
}
