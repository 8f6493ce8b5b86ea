//! Load: N cameras pushing and M light WebRTC viewers watching; what each costs the server.
//!
//! Against itself: `cargo bench --bench load -- --cameras 5 --viewers 4`. Against another server, measured in the same
//! way on the same machine: give its URLs (`{n}` is the camera's number, from 1) and its process:
//!
//! ```text
//! cargo bench --bench load -- --cameras 5 --viewers 4 --pid 1234 \
//!     --rtsp-url rtsp://127.0.0.1:8554/cam{n} --whep-url http://127.0.0.1:8889/cam{n}/whep
//! ```
//!
//! Figures are shares of one core over the same seconds, before and after each group joins, so that the machine's noise
//! and speed cancel out of the differences as far as they can.

mod support;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use std::time::Duration;
use support::process::{self, Reading, cpu_percent};
use support::pushers::{Clip, Pusher};
use support::server::{Person, Server};
use support::{Viewer, receiver, report};

/// Loads a server and prints what each camera and each viewer costs it.
#[derive(Parser)]
struct Arguments {
    /// Cameras that push
    #[arg(long, default_value_t = 4)]
    cameras: usize,
    /// Viewers that watch one camera each
    #[arg(long, default_value_t = 4)]
    viewers: usize,
    /// Seconds each reading lasts
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Another server's push URL, `{n}` for the camera's number
    #[arg(long, requires_all = ["whep_url", "pid"])]
    rtsp_url: Option<String>,
    /// Another server's WHEP URL, `{n}` for the camera's number
    #[arg(long)]
    whep_url: Option<String>,
    /// The other server's process
    #[arg(long)]
    pid: Option<u32>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gstreamer::init()?;
    let what = if arguments.rtsp_url.is_some() { "another server" } else { "Écluse" };
    report::machine(&format!("Load on {what}: 1080p25 H.264 at 4 Mbit/s, GOP 4 s"));
    let clip = Clip::full_hd()?;
    match (&arguments.rtsp_url, &arguments.whep_url, arguments.pid) {
        (Some(rtsp), Some(whep), Some(pid)) => other(&arguments, &clip, rtsp, whep, pid).await,
        _ => ours(&arguments, &clip).await,
    }
}

async fn ours(arguments: &Arguments, clip: &Clip) -> Result<()> {
    let server = Server::start(arguments.cameras, arguments.viewers).await?;
    let (operator, decider, administrator) =
        (server.log_in("operator").await?, server.log_in("decider").await?, server.log_in("administrator").await?);
    let mut people: Vec<Person> = Vec::new();
    for number in 0..arguments.viewers {
        people.push(server.log_in_viewer(number).await?);
    }
    let idle = measure(server.pid(), arguments.seconds).await?;
    let cameras = server.cameras();
    let _pushers = cameras.iter().map(|camera| Pusher::start(clip, &camera.push_url)).collect::<Result<Vec<_>>>()?;
    server.wait_for_cameras(&administrator, arguments.cameras).await?;
    let pushing = measure(server.pid(), arguments.seconds).await?;
    let ticket = server.open_ticket(&operator, &decider).await?;
    let mut viewers = Vec::new();
    for person in &people {
        viewers.push(Viewer::join(person, &ticket, 1).await?.receiver);
    }
    let watching = watch(&viewers, server.pid(), arguments.seconds).await?;
    print(arguments, &idle, &pushing, &watching);
    Ok(())
}

async fn other(arguments: &Arguments, clip: &Clip, rtsp: &str, whep: &str, pid: u32) -> Result<()> {
    let numbered = |template: &str, number: usize| template.replace("{n}", &(number + 1).to_string());
    let idle = measure(pid, arguments.seconds).await?;
    let _pushers = (0..arguments.cameras)
        .map(|number| Pusher::start(clip, &numbered(rtsp, number)))
        .collect::<Result<Vec<_>>>()?;
    // There is no standard way to ask another server whether a camera is up: its WHEP endpoint answers when it is.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pushing = measure(pid, arguments.seconds).await?;
    let client = reqwest::Client::new();
    let mut viewers = Vec::new();
    for number in 0..arguments.viewers {
        let offered = receiver::offer(receiver::local_address(), 1);
        let response = client
            .post(numbered(whep, number % arguments.cameras.max(1)))
            .header("Content-Type", "application/sdp")
            .body(offered.offer_sdp.clone())
            .send()
            .await?;
        let status = response.status();
        let answer = response.text().await?;
        ensure!(status.is_success(), "WHEP: {status}: {answer}");
        viewers.push(offered.connect(&answer).map_err(anyhow::Error::msg).context("the answer")?);
    }
    let watching = watch(&viewers, pid, arguments.seconds).await?;
    print(arguments, &idle, &pushing, &watching);
    Ok(())
}

/// Two readings some seconds apart.
type Span = (Reading, Reading);

async fn measure(pid: u32, seconds: u64) -> Result<Span> {
    // The first second after a change belongs to the change.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let from = process::read(pid)?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok((from, process::read(pid)?))
}

async fn watch(viewers: &[receiver::Receiver], pid: u32, seconds: u64) -> Result<Span> {
    for (number, viewer) in viewers.iter().enumerate() {
        let flowing = viewer.wait_for(Duration::from_secs(30), |stats| stats.packets() > 50);
        ensure!(flowing.is_ok(), "viewer {number} got no pictures within 30 s");
    }
    let bytes_before: u64 = viewers.iter().map(|viewer| viewer.stats().bytes()).sum();
    let span = measure(pid, seconds).await?;
    let bytes: u64 = viewers.iter().map(|viewer| viewer.stats().bytes()).sum::<u64>() - bytes_before;
    let each = bytes as f64 * 8.0 / 1e6 / (seconds + 1) as f64 / viewers.len().max(1) as f64;
    println!("each viewer received {each:.2} Mbit/s");
    Ok(span)
}

fn print(arguments: &Arguments, idle: &Span, pushing: &Span, watching: &Span) {
    let (cpu_idle, cpu_pushing, cpu_watching) =
        (cpu_percent(&idle.0, &idle.1), cpu_percent(&pushing.0, &pushing.1), cpu_percent(&watching.0, &watching.1));
    let mib = |reading: &Reading| reading.resident_bytes as f64 / 1048576.0;
    println!("{:<28} {:>10} {:>8} {:>12} {:>12}", "", "% of core", "threads", "descriptors", "MiB");
    for (name, cpu, span) in [
        ("idle", cpu_idle, idle),
        ("all cameras pushing", cpu_pushing, pushing),
        ("and all viewers watching", cpu_watching, watching),
    ] {
        println!("{name:<28} {cpu:>10.2} {:>8} {:>12} {:>12.1}", span.1.threads, span.1.descriptors, mib(&span.1));
    }
    let per = |from: f64, to: f64, count: usize| if count == 0 { 0.0 } else { (to - from) / count as f64 };
    println!();
    println!(
        "per camera:  {:.2} % of a core (bar 2.4), {:.1} threads (bar 9), {:.1} MiB (bar 10)",
        per(cpu_idle, cpu_pushing, arguments.cameras),
        per(idle.1.threads as f64, pushing.1.threads as f64, arguments.cameras),
        per(mib(&idle.1), mib(&pushing.1), arguments.cameras)
    );
    println!(
        "per viewer:  {:.2} % of a core (bar 1.25), {:.1} threads, {:.1} MiB",
        per(cpu_pushing, cpu_watching, arguments.viewers),
        per(pushing.1.threads as f64, watching.1.threads as f64, arguments.viewers),
        per(mib(&pushing.1), mib(&watching.1), arguments.viewers)
    );
    let (camera, viewer) =
        (per(cpu_idle, cpu_pushing, arguments.cameras), per(cpu_pushing, cpu_watching, arguments.viewers));
    if camera > 0.0 {
        println!("ratio:       a viewer costs {:.2} times what a camera costs, in this run", viewer / camera);
    }
}
