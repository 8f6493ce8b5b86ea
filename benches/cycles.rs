//! Attach and detach, again and again: threads, descriptors and memory must come back to where they were.
//!
//! `cargo bench --bench cycles -- --cycles 1000`

mod support;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::time::{Duration, Instant};
use support::pushers::{Clip, Pusher};
use support::server::Server;
use support::{Viewer, process, report};

/// Attaches and detaches viewers.
#[derive(Parser)]
struct Arguments {
    /// How many viewers come and go, one after the other
    #[arg(long, default_value_t = 1000)]
    cycles: usize,
    /// How many come and go before the reading that the rest is held against: caches and rings fill, each of the
    /// allocator's arenas meets its peak
    #[arg(long, default_value_t = 300)]
    warm_up: usize,
    /// How many cameras each watches
    #[arg(long, default_value_t = 4)]
    cameras: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// People who take turns: one alone would wait for the limit on changes most of the time (fault 25).
const VIEWERS: usize = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gstreamer::init()?;
    report::machine("Attach and detach: what stays behind");
    let clip = Clip::full_hd()?;
    let server = Server::start(arguments.cameras, VIEWERS).await?;
    let _pushers =
        server.cameras().iter().map(|camera| Pusher::start(&clip, &camera.push_url)).collect::<Result<Vec<_>>>()?;
    let (operator, decider, administrator) =
        (server.log_in("operator").await?, server.log_in("decider").await?, server.log_in("administrator").await?);
    server.wait_for_cameras(&administrator, arguments.cameras).await?;
    let ticket = server.open_ticket(&operator, &decider).await?;
    let mut viewers = Vec::new();
    for number in 0..VIEWERS {
        viewers.push(server.log_in_viewer(number).await?);
    }
    let mut turns = viewers.iter().cycle();
    let mut next = || turns.next().context("there are viewers");

    println!("{:<16} {:>8} {:>12} {:>14}", "cycles", "threads", "descriptors", "resident MiB");
    for done in 1..=arguments.warm_up {
        cycle(next()?, &ticket, arguments.cameras).await?;
        if done % 100 == 0 {
            print_row(&format!("(warm-up {done})"), &process::read(server.pid())?);
        }
    }
    let before = settled(server.pid()).await?;
    print_row("0", &before);
    for done in 1..=arguments.cycles {
        cycle(next()?, &ticket, arguments.cameras).await?;
        if done % (arguments.cycles / 10).max(1) == 0 {
            print_row(&done.to_string(), &process::read(server.pid())?);
        }
    }
    let after = settled(server.pid()).await?;
    print_row("settled", &after);
    println!(
        "change: threads {:+}, descriptors {:+}, resident {:+.1} % (bars: 0, 0, within 10 %)",
        after.threads as i64 - before.threads as i64,
        after.descriptors as i64 - before.descriptors as i64,
        100.0 * (after.resident_bytes as f64 / before.resident_bytes as f64 - 1.0)
    );
    Ok(())
}

async fn cycle(viewer: &support::server::Person, ticket: &str, cameras: usize) -> Result<()> {
    let joined = Viewer::join(viewer, ticket, cameras).await?;
    let patience = Duration::from_secs(30);
    let flowing = joined.receiver.wait_for(patience, |stats| stats.per_mid.len() == cameras);
    ensure!(flowing.is_ok(), "pictures did not flow within {patience:?}");
    let status = viewer.leave(&joined.location).await?;
    ensure!(status.is_success(), "DELETE: {status}");
    Ok(())
}

/// A reading once two in a row, a second apart, agree on threads and descriptors.
async fn settled(pid: u32) -> Result<process::Reading> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut last = process::read(pid)?;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = process::read(pid)?;
        if (now.threads, now.descriptors) == (last.threads, last.descriptors) || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}

fn print_row(name: &str, reading: &process::Reading) {
    println!(
        "{name:<16} {:>8} {:>12} {:>14.1}",
        reading.threads,
        reading.descriptors,
        reading.resident_bytes as f64 / 1048576.0
    );
}
