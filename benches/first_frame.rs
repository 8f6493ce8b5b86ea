//! How long a viewer waits for the first picture, with a keyframe only every 4 s: from the offer to the first frame
//! presented, in Debian's Chromium.
//!
//! `scripts/install --test && cargo bench --bench first_frame -- --joins 50`

mod support;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::pushers::{Clip, Pusher};
use support::report;
use support::server::Server;

/// Measures the first frame.
#[derive(Parser)]
struct Arguments {
    /// How many times the viewer joins
    #[arg(long, default_value_t = 50)]
    joins: usize,
    /// How many cameras it watches
    #[arg(long, default_value_t = 1)]
    cameras: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gstreamer::init()?;
    report::machine(&format!("First frame in Chromium: 1080p25, GOP 4 s, {} camera(s)", arguments.cameras));
    let clip = Clip::full_hd()?;
    let server = Server::start(arguments.cameras, 0).await?;
    let _pushers =
        server.cameras().iter().map(|camera| Pusher::start(&clip, &camera.push_url)).collect::<Result<Vec<_>>>()?;
    let (operator, decider, administrator) =
        (server.log_in("operator").await?, server.log_in("decider").await?, server.log_in("administrator").await?);
    server.wait_for_cameras(&administrator, arguments.cameras).await?;
    let ticket = server.open_ticket(&operator, &decider).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/first_frame.mjs");
    let output = tokio::task::spawn_blocking({
        let demo = server.demo_path();
        let (cameras, joins) = (arguments.cameras.to_string(), arguments.joins.to_string());
        move || Command::new("node").arg(script).arg(demo).args([ticket, cameras, joins]).output()
    })
    .await?
    .context("node could not be started; scripts/install --test installs it")?;
    ensure!(output.status.success(), "the browser's part failed: {}", String::from_utf8_lossy(&output.stderr));
    let result: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let samples = |key: &str| -> Vec<Duration> {
        let list = result[key].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64);
        list.map(|ms| Duration::from_secs_f64(ms.max(0.0) / 1000.0)).collect()
    };
    report::latency("offer to answer", &samples("answer_ms"), "-");
    report::latency("offer to connected", &samples("connected_ms"), "-");
    report::latency("offer to first frame presented", &samples("first_ms"), "p95 < 250 ms");
    report::latency("offer to a frame of every camera", &samples("all_ms"), "-");
    println!("transport: {}; frames dropped: {}", result["cipher"], result["dropped"]);
    Ok(())
}
