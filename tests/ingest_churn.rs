//! Publishers that come and go leave nothing behind: threads, descriptors and memory. A process of its own, because it
//! counts the process's own.
//!
//! `ECLUSE_CHURN=1000 cargo test --test ingest_churn -- --nocapture` is the full campaign.

#[path = "support/ingest/mod.rs"]
#[allow(dead_code, reason = "shared with tests/ingest.rs")]
mod support;

use std::time::Duration;
use support::world::{World, until};

fn count(directory: &str) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn publish(world: &World, pictures: usize) {
    let port = world.server.local_port();
    let mut client = support::client::Client::connect(port, "/site/hall-a", &world.ca, None).await;
    assert_eq!(client.record().await, 200);
    client.play(true, |_, _| {}, |picture| picture < pictures).await.unwrap();
    let stream = world.stream("hall-a");
    until("its pictures arrived", || stream.health().last_frame_age.is_some_and(|age| age < Duration::from_secs(1)))
        .await;
    drop(client);
    until("it is offline", || !stream.health().online).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_come_and_go_without_a_trace() {
    let cycles: usize = std::env::var("ECLUSE_CHURN").map_or(60, |text| text.parse().expect("a number of cycles"));
    let world = World::new();
    // Plugins, pools and the allocator's arenas are there for good after the first ones.
    for _ in 0..20 + cycles / 5 {
        publish(&world, 4).await;
    }
    let settled = || (count("/proc/self/task"), count("/proc/self/fd"));
    // A media's threads end a moment after its publication.
    let mut before = settled();
    until("the warm-up's threads have ended", || std::mem::replace(&mut before, settled()) == before).await;
    let memory_before = resident_kib();
    for cycle in 0..cycles {
        publish(&world, 4).await;
        if cycle % 100 == 99 {
            println!("{}: {} KiB, {} bytes of log", cycle + 1, resident_kib(), support::world::logged().len());
        }
    }
    until("threads and descriptors are back where they were", || {
        let now = settled();
        now.0 <= before.0 && now.1 <= before.1
    })
    .await;
    let memory = resident_kib();
    let after = settled();
    println!(
        "{cycles} publications: (threads, descriptors) {before:?}, then {after:?}; memory {memory_before} KiB, then {memory} KiB"
    );
    assert!(memory <= memory_before + memory_before / 10, "{memory_before} KiB, then {memory} KiB");
}
