//! The cut: zero packets after it, seen from the receiver's side (A4-4), and nothing left behind.

use crate::footage::Footage;
use crate::keeper::Viewer;
use crate::room::{PATIENCE, Room, until};
use ecluse::domain::EndCause;
use ecluse::media::viewer::Phase;
use gstreamer::glib::translate::IntoGlib;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn four_cameras_flow_in_aes_256_until_the_cut_and_not_one_packet_longer() {
    let room = Room::open(4).await;
    let _cameras = room.play(&Footage::high()).await;
    let watching = room.watch(Viewer::Operator, 4).await;
    watching.receives(4, 300).await;

    let (srtp, dtls) = room.keeper.connected(watching.session).await;
    assert_eq!(srtp, "SRTP_AEAD_AES_256_GCM");
    assert!(dtls.contains("AES_256"), "{dtls}");
    let live = room.live(watching.session).expect("it is listed");
    assert_eq!((live.phase, live.srtp.as_deref()), (Phase::Live, Some(srtp.as_str())));
    assert!(live.cameras.iter().all(|c| c.frame_age_ms.is_some_and(|ms| ms < 5_000)), "{live:?}");
    let wanted = Some(watching.receiver.local_addr());
    until("the live page knows the address and the bitrate", || {
        room.live(watching.session).is_some_and(|l| l.remote_addr == wanted && l.bitrate_bps > 1_000_000)
    })
    .await;

    let took = room.keeper.cut().await;
    let accepted_at = Instant::now();
    // What was in the receiver's socket buffer when the gate shut may still be read; nothing else ever comes.
    let mut after_cut = watching.receiver.stats();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = watching.receiver.stats();
        if now.srtp_datagrams == after_cut.srtp_datagrams {
            break;
        }
        after_cut = now;
        assert!(accepted_at.elapsed() < PATIENCE, "packets go on coming after the cut");
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let later = watching.receiver.stats();
    assert_eq!(later.srtp_datagrams, after_cut.srtp_datagrams, "packets came after the cut");

    let (cause, traffic) = room.keeper.ended(watching.session).await;
    assert_eq!(cause, EndCause::TicketClosed);
    assert!(traffic.packets >= 1_200 && traffic.flowed_ms() > 0, "{traffic:?}");
    // Nothing went out that was not counted.
    assert!(later.packets() <= traffic.packets, "{} > {}", later.packets(), traffic.packets);
    let behind = later.last_srtp_at.and_then(|at| at.checked_duration_since(accepted_at)).unwrap_or_default();
    println!("cut: command recorded in {took:?}; last packet read {behind:?} after the command returned");
    room.gone(watching.session).await;
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_comes_and_goes_does_not_disturb_another() {
    let room = Room::open(1).await;
    let _cameras = room.play(&Footage::high()).await;
    let first = room.watch(Viewer::Operator, 1).await;
    first.receives(1, 300).await;
    for _ in 0..5 {
        let before = first.receiver.stats().packets();
        let second = room.watch(Viewer::Chief, 1).await;
        second.receives(1, 50).await;
        assert!(room.viewers.leave(&second.session).await);
        drop(second.receiver);
        room.gone(second.session).await;
        until("the first viewer goes on", || first.receiver.stats().packets() > before + 20).await;
    }
    assert_eq!(first.receiver.stats().ended, None);
    // Everything its gate let out has arrived: no frame was lost to the comings and goings.
    let counted = room.live(first.session).expect("it is live").packets;
    until("all that was counted has arrived", || first.receiver.stats().packets() >= counted).await;
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attaching_and_leaving_leaves_no_thread_and_no_descriptor() {
    let cycles = std::env::var("ECLUSE_CAMPAIGN").ok().and_then(|n| n.parse().ok()).unwrap_or(30_usize);
    let room = Room::alone(2).await;
    let _cameras = room.play(&Footage::small()).await;
    let cycle = async || {
        let watching = room.watch(Viewer::Operator, 2).await;
        watching.receives(2, 10).await;
        assert!(room.viewers.leave(&watching.session).await);
        let (cause, _) = room.keeper.ended(watching.session).await;
        assert_eq!(cause, EndCause::Left);
        room.gone(watching.session).await;
    };
    // Pools fill up first: async and blocking threads, GLib's and GStreamer's.
    for _ in 0..20 {
        cycle().await;
    }
    let before = Footprint::read();
    for _ in 0..cycles {
        cycle().await;
    }
    let interned = names_interned() - before.names;
    // The four are of the one report on statistics that tells the viewer's address: none is per camera.
    assert!(interned as usize <= 4 * cycles + 40, "{interned} names interned in {cycles} cycles");
    // A leaking branch would keep about ten threads and twenty descriptors per cycle; pools breathe by a few.
    let slack = 8;
    until("threads and descriptors are back where they were", || {
        let now = Footprint::read();
        now.threads <= before.threads + slack && now.descriptors <= before.descriptors + slack
    })
    .await;
    let after = Footprint::read();
    println!("{cycles} cycles: {before:?} -> {after:?}");
    assert!(after.resident_kib < before.resident_kib + before.resident_kib / 10 + 4_096, "{before:?} -> {after:?}");
    room.close().await;
}

#[derive(Debug)]
struct Footprint {
    threads: usize,
    descriptors: usize,
    resident_kib: u64,
    /// GLib keeps every name that it has interned until the process ends.
    names: u32,
}

/// How many names GLib has interned so far: they are numbered.
fn names_interned() -> u32 {
    let fresh = format!("probe-{}", uuid::Uuid::now_v7());
    gstreamer::glib::Quark::from_str(fresh).into_glib()
}

impl Footprint {
    fn read() -> Self {
        let own = procfs::process::Process::myself().expect("/proc");
        let status = own.status().expect("/proc/self/status");
        Self {
            threads: usize::try_from(status.threads).expect("a number"),
            descriptors: own.fd_count().expect("/proc/self/fd"),
            resident_kib: status.vmrss.unwrap_or_default(),
            names: names_interned(),
        }
    }
}
