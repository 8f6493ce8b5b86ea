//! How long a cut takes: from the administrator's request to the last media packet a viewer receives.
//!
//! `cargo bench --bench cut -- --cuts 50`

mod support;

use anyhow::{Result, ensure};
use clap::Parser;
use serde_json::json;
use std::time::{Duration, Instant};
use support::pushers::{Clip, Pusher};
use support::server::Server;
use support::{Viewer, report};

/// Measures cuts.
#[derive(Parser)]
struct Arguments {
    /// How many cuts
    #[arg(long, default_value_t = 50)]
    cuts: usize,
    /// How many cameras each viewer watches
    #[arg(long, default_value_t = 4)]
    cameras: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gstreamer::init()?;
    report::machine("Cut: from the accepted command to the last media packet");
    let clip = Clip::full_hd()?;
    let server = Server::start(arguments.cameras, 0).await?;
    let _pushers =
        server.cameras().iter().map(|camera| Pusher::start(&clip, &camera.push_url)).collect::<Result<Vec<_>>>()?;
    let (operator, decider, administrator) =
        (server.log_in("operator").await?, server.log_in("decider").await?, server.log_in("administrator").await?);
    server.wait_for_cameras(&administrator, arguments.cameras).await?;
    let ticket = server.open_ticket(&operator, &decider).await?;

    let (mut seen, mut measured, mut late) = (Vec::new(), Vec::new(), 0);
    for _ in 0..arguments.cuts {
        let viewer = Viewer::join(&operator, &ticket, arguments.cameras).await?;
        let patience = Duration::from_secs(30);
        let flowing = viewer.receiver.wait_for(patience, |stats| {
            stats.per_mid.len() == arguments.cameras && stats.per_mid.values().all(|mid| mid.packets > 50)
        });
        ensure!(flowing.is_ok(), "pictures did not flow within {patience:?}");
        let session = viewer.location.rsplit('/').next().unwrap_or_default().to_owned();
        let commanded_at = Instant::now();
        let answer = administrator.post(&format!("/api/v1/sessions/{session}/cut"), &json!({ "why": "bench" })).await?;
        let accepted_at = Instant::now();
        // Whatever were still to come would come within the jitter of a loopback; half a second is a hundred times that.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let stats = viewer.receiver.stats();
        let last = stats.last_srtp_at.unwrap_or(commanded_at);
        seen.push(last.saturating_duration_since(commanded_at));
        if last > accepted_at {
            late += 1;
        }
        if let Some(ms) = answer["cut_ms"].as_f64() {
            measured.push(Duration::from_secs_f64(ms / 1000.0));
        }
    }
    report::latency("request sent to last packet received", &seen, "p99 < 50 ms");
    if !measured.is_empty() {
        report::latency("the server's own measure (cut_ms)", &measured, "p99 < 50 ms");
    }
    println!("cuts after whose answer a media packet still arrived: {late} of {} (bar: 0)", arguments.cuts);
    Ok(())
}
