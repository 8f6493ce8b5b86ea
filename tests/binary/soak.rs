//! A soak: the real program with its real cameras and one real viewer, for as long as one likes. Nothing is lost on the
//! way and nothing grows. `ECLUSE_SOAK=SECONDS` sets its length; the full size is 1,800.

use crate::person::Person;
use crate::program::{Demo, PATIENCE, Program, ecluse};
use crate::receiver;
use procfs::process::Process;
use reqwest::StatusCode;
use std::path::Path;
use std::time::{Duration, Instant};

const CAMERAS: usize = 2;
/// On a clean clone the footage is encoded first, at low priority, while other tests want the same cores.
const FOOTAGE: Duration = Duration::from_secs(900);

/// What a leak would show in.
#[derive(Debug, Clone, Copy)]
struct Reading {
    threads: i64,
    descriptors: usize,
    resident_kib: u64,
}

fn read(pid: u32) -> Reading {
    let process = Process::new(pid as i32).unwrap();
    let stat = process.stat().unwrap();
    Reading {
        threads: stat.num_threads,
        descriptors: process.fd_count().unwrap(),
        resident_kib: process.status().unwrap().vmrss.unwrap(),
    }
}

fn seconds() -> u64 {
    std::env::var("ECLUSE_SOAK").ok().map_or(20, |text| text.parse().expect("ECLUSE_SOAK: expected seconds"))
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_flow_without_loss_and_nothing_grows() {
    let directory = tempfile::tempdir().unwrap();
    // The clips are the same every time and take a while to encode: shared with the browser tests.
    let clips = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser-clips");
    std::fs::create_dir_all(&clips).unwrap();
    std::os::unix::fs::symlink(&clips, directory.path().join("clips")).unwrap();
    let mut command = ecluse(&["demo", "--json", "--https", "127.0.0.1:0", "--rtsp", "127.0.0.1:0"]);
    command.args(["--cameras", &CAMERAS.to_string(), "--data-dir"]).arg(directory.path());
    let mut program = Program::start(&mut command);
    program.until_within(FOOTAGE, "the footage is encoded", |program| (!program.stdout().is_empty()).then_some(()));
    let mut demo = Demo::when_up(program);

    let administrator = Person::log_in(&demo, "admin-1").await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let cameras = administrator.get("/api/v1/cameras").await;
        let sites = cameras.body["sites"].as_array().unwrap().clone();
        let online = sites.iter().flat_map(|site| site["cameras"].as_array().unwrap());
        if online.filter(|camera| camera["online"] == true).count() == CAMERAS {
            break;
        }
        assert!(Instant::now() < deadline, "the cameras stay dark: {}\n{}", cameras.body, demo.program.stderr());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (agent, titulaire) = (Person::log_in(&demo, "agent-1").await, Person::log_in(&demo, "titulaire-1").await);
    let ticket = agent.try_file().await.unwrap().id();
    titulaire.act(&ticket, "approve", None).await.is(StatusCode::OK);
    let offered = receiver::offer(receiver::local_address(), CAMERAS);
    let answer = agent.offer(&format!("/whep/tickets/{ticket}"), &offered.offer_sdp).await;
    let viewer = offered.connect(&answer).expect("str0m takes the answer");
    let flows = |stats: &receiver::Stats| stats.per_mid.values().filter(|mid| mid.packets > 200).count() == CAMERAS;
    viewer.wait_for(PATIENCE, flows).unwrap_or_else(|stats| panic!("no pictures: {stats:?}"));

    let begun = Instant::now();
    let length = Duration::from_secs(seconds());
    let first = read(demo.program.pid());
    let mut last_count = viewer.stats().packets();
    let step = (length / 20).max(Duration::from_secs(1));
    while begun.elapsed() < length {
        tokio::time::sleep(step).await;
        let stats = viewer.stats();
        let now = read(demo.program.pid());
        println!("{:>5} s: {} packets, {} lost, {now:?}", begun.elapsed().as_secs(), stats.packets(), stats.lost);
        assert_eq!(stats.ended, None);
        assert!(stats.packets() > last_count, "nothing has come for {step:?}");
        last_count = stats.packets();
    }
    // Before the administrator's connection, which may be a new one.
    let last = read(demo.program.pid());
    // All the while both cameras were recorded.
    assert_eq!(administrator.get("/readyz").await.body["recording"], "sound");
    // Somebody else's log-in: the administrator's is over after half an hour without use.
    let page = Person::log_in(&demo, "suppleant-1").await.get("/sites/arcade").await.body;
    assert_eq!(page.as_str().unwrap().matches("data-recording=\"open\"").count(), CAMERAS, "{page}");
    println!("{} s, {} packets: {first:?} at first, {last:?} at last", length.as_secs(), last_count);
    assert_eq!(viewer.stats().lost, 0, "packets were lost on loopback");
    // Pools of the runtime and of GStreamer lend out a few threads at a time; a leak passes any such bound in the long run.
    assert!(last.threads <= first.threads + 8, "{first:?} {last:?}");
    // While a segment is exchanged for the next, its camera has two files and a directory open.
    assert!(last.descriptors <= first.descriptors + 2 * CAMERAS, "{first:?} {last:?}");
    let grown = last.resident_kib as f64 / first.resident_kib as f64;
    assert!(grown < 1.1, "resident memory grew by {:.1} %", (grown - 1.0) * 100.0);
    demo.program.ends_well(libc::SIGINT, Duration::from_secs(15));
}
