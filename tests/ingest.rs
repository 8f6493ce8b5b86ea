//! The ingest with real publishers: what they may do, what they may not, and that neither disturbs anybody else.

#[path = "support/ingest/mod.rs"]
mod support;

use ecluse::media::hub::Item;
use ecluse::media::ingest::{DropReason, RefuseReason, What};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::Publisher;
use support::client::{Client, SDP};
use support::clips::Clip;
use support::sink::Sink;
use support::world::{PATIENCE, World, id, logged, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

impl World {
    /// The next refusal. A handshake that its peer broke off is none: a sink that was refused connects again by itself, and is
    /// dropped in the middle of it.
    async fn refused(&mut self) -> RefuseReason {
        self.event(|event| match &event.what {
            What::Refused(RefuseReason::Tls(why)) if why.contains("hung up") || why.contains("reset by peer") => None,
            What::Refused(reason) => Some(reason.clone()),
            _ => None,
        })
        .await
    }

    async fn dropped(&mut self) -> DropReason {
        self.event(|event| match &event.what {
            What::Dropped { reason, .. } => Some(reason.clone()),
            _ => None,
        })
        .await
    }

    async fn client(&self, camera: &str) -> Client {
        Client::connect(self.server.local_port(), &format!("/site/{camera}"), &self.ca, None).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_pushes_and_the_stream_is_what_it_sent() {
    let mut world = World::new();
    let stream = world.stream("hall-a");
    let mut reader = stream.subscribe();
    assert!(matches!(reader.next().await, Item::Offline));
    let mut ffmpeg = Publisher::ffmpeg(&Clip::H264.path(), &world.url("hall-a"), &[]);
    let event = world.publishing("hall-a").await;
    assert!(matches!(&event.what, What::Publishing { tls: Some(suite), .. } if suite == "TLS_AES_256_GCM_SHA384"));
    assert!(matches!(reader.next().await, Item::Online));
    let mut last = gstreamer::ClockTime::ZERO;
    for number in 0..60 {
        match reader.next().await {
            Item::Frame(frame) => {
                assert!(number > 0 || frame.keyframe, "a reader starts with a keyframe");
                assert!(frame.time > last);
                // Within a second of now, on the process's own line.
                let now = gstreamer::prelude::ClockExt::time(&gstreamer::SystemClock::obtain());
                assert!(now.saturating_sub(frame.time) < gstreamer::ClockTime::from_seconds(1), "{now} {}", frame.time);
                let caps = frame.caps.structure(0).unwrap();
                assert_eq!((caps.name().as_str(), caps.get::<&str>("stream-format")), ("video/x-h264", Ok("avc")));
                assert_eq!((caps.get::<&str>("alignment"), caps.has_field("codec_data")), (Ok("au"), true));
                last = frame.time;
            }
            other => panic!("frame {number}: {other:?}; {}", ffmpeg.errors()),
        }
    }
    let health = stream.health();
    assert!(health.online && !health.audio_dropped);
    assert_eq!((health.width, health.height, health.codec.as_str()), (640, 480, "H264"));
    assert!(health.fps > 10.0 && health.bitrate_bps > 10_000, "{health:?}");
    assert!(health.last_frame_age.unwrap() < PATIENCE);
    assert_eq!(health.publisher.unwrap().address, event.peer);
    assert!(!ffmpeg.has_ended());
    ffmpeg.signal(libc::SIGTERM);
    world.dropped().await;
    until("the camera is offline", || !stream.health().online).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rtspclientsink_pushes_with_a_password() {
    let mut world = World::new();
    let user = ["user-id=hall", "user-pw=s3cret"];
    let publisher = Publisher::gstreamer(&Clip::H264.path(), &world.url_as("", "hall-b"), &user);
    world.publishing("hall-b").await;
    world.frames("hall-b", 30).await;
    publisher.signal(libc::SIGINT);
    world.dropped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rtspclientsink_checks_our_certificate_and_shows_its_own() {
    let mut world = World::new();
    let clip = Clip::H264.path();
    let url = world.url_as("", "gate");
    // Another certificate of the same authority is not this camera's.
    let stranger = Sink::push(&clip, &url, &world.ca, Some(&world.stranger), None);
    let reason = world.refused().await;
    assert!(matches!(&reason, RefuseReason::WrongCredential { path } if path == "/site/gate"), "{reason:?}");
    drop(stranger);
    // Nor is a password that is good elsewhere.
    let password = Sink::push(&clip, &url, &world.ca, None, Some(("hall", "s3cret")));
    let reason = world.refused().await;
    assert!(matches!(&reason, RefuseReason::WrongCredential { .. }), "{reason:?}; {}", logged());
    drop(password);
    let nothing = Sink::push(&clip, &url, &world.ca, None, None);
    assert!(matches!(world.refused().await, RefuseReason::NoCredential { .. }));
    drop(nothing);
    assert!(!world.stream("gate").health().online);
    let encoder = Sink::push(&clip, &url, &world.ca, Some(&world.encoder), None);
    world.publishing("gate").await;
    world.frames("gate", 30).await;
    assert_eq!(encoder.error(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_4_fault_21_a_certificate_of_another_authority_gets_no_further_than_tls() {
    // A6-4, fault 21: a camera that is none.
    let mut world = World::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let authority = ecluse::pki::Authority::open_or_create(elsewhere.path(), "another authority").unwrap();
    let forged = authority.issue("encoder", ecluse::pki::Usage::Client, &["encoder"], 30).unwrap();
    let _publisher = Sink::push(&Clip::H264.path(), &world.url_as("", "gate"), &world.ca, Some(&forged), None);
    assert!(matches!(world.refused().await, RefuseReason::Tls(why) if why.contains("certificate")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_aes_128_alone_is_refused_and_logged_with_its_address() {
    let mut world = World::new();
    let address = format!("127.0.0.1:{}", world.server.local_port());
    let cases: [(&[&str], &str); 3] = [
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        (&["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], "TLS_AES_128_GCM_SHA256"),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"], "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    ];
    for (arguments, offered) in cases {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", &address]).args(arguments);
        let client = client.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let status = tokio::task::spawn_blocking(move || client.wait_with_output().unwrap().status).await.unwrap();
        assert!(!status.success(), "{arguments:?} was let in");
        let (peer, reason) = world
            .event(|event| match &event.what {
                What::Refused(reason) => Some((event.peer, reason.clone())),
                _ => None,
            })
            .await;
        assert!(
            matches!(&reason, RefuseReason::WeakTls { offered: o } if o.iter().any(|s| s == offered)),
            "{reason:?}"
        );
        let log = logged();
        let line = log.lines().find(|line| line.contains(&format!("peer={peer}"))).expect("a line with its address");
        assert!(line.contains("WARN") && line.contains("publisher refused") && line.contains(offered), "{line}");
    }
    // The same client with a suite of ours gets through TLS.
    for arguments in [&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"][..], &["-tls1_3"]] {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", &address]).args(arguments);
        let client = client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = tokio::task::spawn_blocking(move || client.wait_with_output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("AES_256_GCM_SHA384") | text.contains("AES256-GCM"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_path_look_the_same() {
    let mut world = World::new();
    let clip = Clip::H264.path();
    let mut answers = Vec::new();
    for (url, path) in [
        (world.url_as("hall:wrong@", "hall-a"), "/site/hall-a"),
        (world.url_as("hall:s3cret@", "nowhere"), "/site/nowhere"),
    ] {
        let mut ffmpeg = Publisher::ffmpeg(&clip, &url, &[]);
        assert_eq!(world.refused().await, RefuseReason::WrongCredential { path: path.to_owned() });
        until("ffmpeg gives up", || ffmpeg.has_ended()).await;
        let errors = ffmpeg.errors();
        assert!(errors.contains("401 Unauthorized"), "{errors}");
        answers.push(errors.lines().filter(|line| line.contains("401")).count());
    }
    assert_eq!(answers[0], answers[1]);
    let log = logged();
    assert!(!log.contains("s3cret") && !log.contains("hall:wrong"), "a secret in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_publisher_is_refused_while_the_first_is_alive() {
    let mut world = World::new();
    let clip = Clip::H264.path();
    let mut first = Publisher::ffmpeg(&clip, &world.url("hall-a"), &[]);
    let holder = world.publishing("hall-a").await.peer;
    world.frames("hall-a", 5).await;
    let mut second = Publisher::ffmpeg(&clip, &world.url("hall-a"), &[]);
    assert_eq!(world.refused().await, RefuseReason::Busy { holder });
    until("the second gives up", || second.has_ended()).await;
    assert!(second.errors().contains("453"), "{}", second.errors());
    world.frames("hall-a", 10).await;
    assert!(!first.has_ended());
    assert_eq!(world.stream("hall-a").health().publications, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_was_killed_takes_its_path_over_within_two_seconds() {
    let mut world = World::new();
    let clip = Clip::H264.path();
    let ffmpeg = Publisher::ffmpeg(&clip, &world.url("hall-a"), &[]);
    world.publishing("hall-a").await;
    world.frames("hall-a", 5).await;
    ffmpeg.signal(libc::SIGKILL);
    let back = Instant::now();
    let mut client = world.client("hall-a").await;
    assert_eq!(client.record().await, 200);
    assert!(back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
    drop(client);
    // And the real thing.
    let _ffmpeg = Publisher::ffmpeg(&clip, &world.url("hall-a"), &[]);
    world.publishing("hall-a").await;
    world.publishing("hall-a").await;
    world.frames("hall-a", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_whose_line_was_cut_is_taken_over() {
    let mut world = World::new();
    let ffmpeg = Publisher::ffmpeg(&Clip::H264.path(), &world.url("hall-a"), &[]);
    world.publishing("hall-a").await;
    world.frames("hall-a", 5).await;
    // A stopped process keeps its connection open and says nothing: so does one behind a line that was cut.
    ffmpeg.signal(libc::SIGSTOP);
    let stream = world.stream("hall-a");
    until("it is silent", || stream.health().last_frame_age.unwrap() > Duration::from_millis(1_100)).await;
    let back = Instant::now();
    let mut client = world.client("hall-a").await;
    let by = client.io.get_ref().local_addr().unwrap();
    assert_eq!(client.record().await, 200);
    assert!(back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
    assert_eq!(world.dropped().await, DropReason::TakenOver { by });
    assert_eq!(stream.health().publisher.unwrap().address, by);
    ffmpeg.signal(libc::SIGCONT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_publisher_is_dropped() {
    let mut world = World::with(|settings| settings.stall_timeout = Duration::from_secs(2));
    let clip = Clip::H264.path();
    let ffmpeg = Publisher::ffmpeg(&clip, &world.url("hall-a"), &[]);
    let _other = Publisher::ffmpeg(&clip, &world.url("hall-b"), &[]);
    world.frames("hall-a", 5).await;
    world.frames("hall-b", 5).await;
    ffmpeg.signal(libc::SIGSTOP);
    assert!(matches!(world.dropped().await, DropReason::Stalled(_)));
    assert!(!world.stream("hall-a").health().online);
    world.frames("hall-b", 10).await;
    assert_eq!(world.stream("hall-b").health().publications, 1);
    ffmpeg.signal(libc::SIGCONT);
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_without_parameter_sets_are_named() {
    let mut world = World::with(|settings| settings.stall_timeout = Duration::from_secs(2));
    let mut client = world.client("hall-a").await;
    assert_eq!(client.record().await, 200);
    let playing = tokio::spawn(async move { client.play(false, |_, _| {}, |_| true).await });
    assert!(matches!(world.dropped().await, DropReason::NoPicture(_)));
    assert!(playing.await.unwrap().is_err(), "the connection is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_source_ends_the_publication() {
    let mut world = World::new();
    let mut client = world.client("hall-a").await;
    assert_eq!(client.record().await, 200);
    let change = |client: &mut Client, picture| {
        if picture == 20 {
            client.source += 1;
        }
    };
    let playing = tokio::spawn(async move { client.play(true, change, |_| true).await });
    assert_eq!(world.dropped().await, DropReason::SourceChanged { from: 0x1234_5678, to: 0x1234_5679 });
    assert!(world.stream("hall-a").health().frames >= 15);
    assert!(playing.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn skipped_sequence_numbers_and_jumping_clocks_harm_nobody() {
    let world = World::new();
    let stream = world.stream("hall-a");
    let mut reader = stream.subscribe();
    let mut client = world.client("hall-a").await;
    assert_eq!(client.record().await, 200);
    let tamper = |client: &mut Client, picture: usize| match picture {
        // One packet lost; many lost; the clock a day ahead; back again.
        30 => client.sequence = client.sequence.wrapping_add(1),
        40 => client.sequence = client.sequence.wrapping_add(5_000),
        60 => client.timestamp = client.timestamp.wrapping_add(90_000 * 3_600),
        80 => client.timestamp = client.timestamp.wrapping_sub(90_000 * 3_600),
        _ => {}
    };
    let playing = tokio::spawn(async move { client.play(true, tamper, |picture| picture < 150).await });
    let mut last = gstreamer::ClockTime::ZERO;
    let mut frames = 0;
    while frames < 120 {
        let item = tokio::time::timeout(PATIENCE, reader.next()).await;
        match item.unwrap_or_else(|_| panic!("no frame after {frames}: {:?}", stream.health())) {
            Item::Frame(frame) => {
                assert!(frame.time > last);
                (last, frames) = (frame.time, frames + 1);
            }
            Item::Offline if frames > 100 => break,
            Item::Offline | Item::Online => assert_eq!(frames, 0),
            other => panic!("{other:?}"),
        }
    }
    playing.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn other_codecs_are_refused_by_name() {
    let mut world = World::new();
    let mut ffmpeg = Publisher::ffmpeg(&Clip::H265.path(), &world.url("hall-a"), &[]);
    let reason = world.refused().await;
    assert!(matches!(&reason, RefuseReason::Media(why) if why.contains("H.265 (HEVC)") && why.contains("H.264")));
    until("ffmpeg gives up", || ffmpeg.has_ended()).await;
    // Not every ffmpeg leaves a space between code and words.
    let errors = ffmpeg.errors();
    assert!(errors.contains("415") && errors.contains("Unsupported Media Type"), "{errors}");
    for (encoding, name) in [("VP8/90000", "VP8"), ("JPEG/90000", "MJPEG"), ("AV1/90000", "AV1")] {
        let answer = world.client("hall-a").await.announce(&SDP.replace("H264/90000", encoding)).await;
        assert!(answer.status == 415 && answer.text.contains(name), "{answer:?}");
        assert!(matches!(world.refused().await, RefuseReason::Media(why) if why.contains(name)));
    }
    assert_eq!(world.stream("hall-a").health().publications, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_is_dropped_and_said_so() {
    let mut world = World::new();
    let clip = Clip::WithSound.path();
    let _ffmpeg = Publisher::ffmpeg(&clip, &world.url("hall-a"), &[]);
    assert!(matches!(world.publishing("hall-a").await.what, What::Publishing { audio_dropped: true, .. }));
    world.frames("hall-a", 30).await;
    let health = world.stream("hall-a").health();
    assert!(health.audio_dropped && health.publisher.unwrap().audio_dropped);
    // The sound first, the picture second.
    let _ffmpeg = Publisher::ffmpeg(&clip, &world.url("hall-b"), &["-map", "0:a", "-map", "0:v"]);
    assert!(matches!(world.publishing("hall-b").await.what, What::Publishing { audio_dropped: true, .. }));
    world.frames("hall-b", 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b_frames_keep_their_order_and_their_times() {
    let mut world = World::new();
    let mut reader = world.stream("hall-a").subscribe();
    let _ffmpeg = Publisher::ffmpeg(&Clip::BFrames.path(), &world.url("hall-a"), &[]);
    world.publishing("hall-a").await;
    let (mut reordered, mut last) = (0, gstreamer::ClockTime::ZERO);
    let mut frames = 0;
    while frames < 60 {
        if let Item::Frame(frame) = reader.next().await {
            assert!(frame.time > last);
            reordered += u32::from(frame.buffer.pts().unwrap() < last);
            (last, frames) = (frame.time, frames + 1);
        }
    }
    assert!(reordered > 5, "{reordered}");
    assert_eq!(world.stream("hall-a").health().clock_jumps, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_resolution_is_seen_on_a_keyframe() {
    let mut world = World::new();
    let mut reader = world.stream("hall-a").subscribe();
    let _ffmpeg = Publisher::ffmpeg(&Clip::TwoSizes.path(), &world.url("hall-a"), &[]);
    world.publishing("hall-a").await;
    let mut sizes: Vec<i32> = Vec::new();
    let mut last = gstreamer::ClockTime::ZERO;
    while sizes.len() < 3 {
        match tokio::time::timeout(PATIENCE, reader.next()).await.expect("frames go on") {
            Item::Frame(frame) => {
                let width = frame.caps.structure(0).unwrap().get("width").unwrap();
                if sizes.last() != Some(&width) {
                    assert!(frame.keyframe);
                    sizes.push(width);
                }
                assert!(frame.time > last);
                last = frame.time;
            }
            Item::Offline | Item::Online => assert!(sizes.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sizes, [640, 320, 640]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_rtsp_is_refused() {
    let mut world = World::new();
    let url = world.url("hall-a").replace("rtsps://", "rtsp://");
    let mut ffmpeg = Publisher::ffmpeg(&Clip::H264.path(), &url, &[]);
    assert_eq!(world.refused().await, RefuseReason::Plain);
    until("ffmpeg gives up", || ffmpeg.has_ended()).await;
    assert!(ffmpeg.errors().contains("403"), "{}", ffmpeg.errors());
}

#[tokio::test(flavor = "multi_thread")]
async fn media_are_not_played_out() {
    let mut world = World::new();
    let _ffmpeg = Publisher::ffmpeg(&Clip::H264.path(), &world.url("hall-a"), &[]);
    world.publishing("hall-a").await;
    for method in ["DESCRIBE", "PLAY", "PAUSE", "REDIRECT"] {
        let answer = world.client("hall-a").await.ask(method, "", "", "").await;
        assert_eq!(answer.status, 405, "{answer:?}");
        assert_eq!(world.refused().await, RefuseReason::Method(method.to_owned()));
    }
    // Nor with the camera's own credential, nor over UDP in the clear.
    let mut client = world.client("hall-b").await;
    assert_eq!(client.announce(SDP).await.status, 200);
    let udp = client.ask("SETUP", "/streamid=0", "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n", "").await;
    assert_eq!(udp.status, 461);
    assert_eq!(client.ask("RECORD", "", "", "").await.status, 455);
    assert_eq!(client.ask("PLAY", "", "", "").await.status, 405);
    world.frames("hall-a", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_its_answer_and_nobody_else_notices() {
    let mut world = World::with(|settings| settings.limits.authenticate_within = Duration::from_secs(3));
    let _ffmpeg = Publisher::ffmpeg(&Clip::H264.path(), &world.url("hall-a"), &[]);
    world.publishing("hall-a").await;
    world.frames("hall-a", 5).await;
    let port = world.server.local_port();

    // Garbage instead of TLS.
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("RTSP/1.0 400"), "{answer}");
    assert!(matches!(world.refused().await, RefuseReason::Malformed(_)));
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.write_all(&[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]).await.unwrap();
    tcp.shutdown().await.unwrap();
    assert!(matches!(world.refused().await, RefuseReason::Tls(_)));

    // Inside TLS: garbage, endless headers, 10 MiB of body before and after authentication, truncated SDP.
    let mut client = world.client("hall-b").await;
    client.io.write_all(b"\xff\xfe garbage\r\n").await.unwrap();
    assert_eq!(client.answer().await.status, 400);
    world.refused().await;
    let mut client = world.client("hall-b").await;
    let head = format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: {}", "x".repeat(1 << 20));
    let _ = client.io.write_all(head.as_bytes()).await;
    assert_eq!(client.answer().await.status, 400);
    world.refused().await;
    let mut client = world.client("hall-b").await;
    let body = format!("v=0\r\ns={}\r\n", "x".repeat(10 << 20));
    assert_eq!(client.announce(&body).await.status, 413);
    assert!(matches!(world.refused().await, RefuseReason::Malformed(why) if why.contains("10485")));
    for end in [0, 1, 30, SDP.len() - 60] {
        let answer = world.client("hall-b").await.announce(&SDP[..end]).await;
        assert!(matches!(answer.status, 400 | 415), "{answer:?}");
        assert!(matches!(world.refused().await, RefuseReason::Media(_)));
    }

    // Slow: a connection that says nothing, and one that never ends its first header.
    let mut silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(matches!(world.refused().await, RefuseReason::TooSlow(_)));
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    let mut slow = world.client("hall-b").await;
    let trickle = async {
        loop {
            if slow.io.write_all(b"X: y\r\n").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    slow_first_line(&mut world, trickle).await;

    world.frames("hall-a", 25).await;
    let health = world.stream("hall-a").health();
    assert_eq!((health.publications, health.clock_jumps), (1, 0));
}

async fn slow_first_line(world: &mut World, trickle: impl Future<Output = ()>) {
    tokio::select! {
        () = trickle => panic!("closed without a word in the log"),
        reason = world.refused() => {
            assert!(matches!(reason, RefuseReason::TooSlow(_) | RefuseReason::Malformed(_)), "{reason:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_shutdown_ends_them_all() {
    let mut world = World::with(|settings| settings.limits.connections_per_ip = 3);
    let _ffmpeg = Publisher::ffmpeg(&Clip::H264.path(), &world.url("hall-a"), &[]);
    world.publishing("hall-a").await;
    let port = world.server.local_port();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    assert_eq!(world.refused().await, RefuseReason::TooMany("from this address"));
    world.frames("hall-a", 5).await;
    tokio::time::timeout(PATIENCE, world.server.shutdown()).await.expect("shutdown ends");
    assert_eq!(world.dropped().await, DropReason::Stopping);
    assert!(!world.hub.stream(&id("hall-a")).health().online);
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}
