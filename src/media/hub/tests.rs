//! The hub's promises, without GStreamer pipelines and without waiting.

use super::*;
use gstreamer as gst;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);

/// A camera of 25 frames a second, a keyframe every `gop`, frames of `size` bytes, on a clock of its own.
struct Camera {
    publication: Publication,
    started: Instant,
    number: u64,
    gop: u64,
    size: usize,
    caps: gst::Caps,
}

fn info(port: u16) -> PublisherInfo {
    PublisherInfo {
        address: ([192, 0, 2, 1], port).into(),
        since_utc: chrono::DateTime::UNIX_EPOCH,
        agent: None,
        tls: None,
        audio_dropped: false,
    }
}

fn caps(width: i32) -> gst::Caps {
    gst::Caps::builder("video/x-h264").field("width", width).field("height", 480).build()
}

impl Camera {
    fn new(stream: &Arc<Stream>, gop: u64) -> Self {
        gst::init().unwrap();
        let publication = stream.publish(info(1)).unwrap();
        Self { publication, started: Instant::now(), number: 0, gop, size: 100, caps: caps(640) }
    }

    fn push(&mut self, frames: u64) {
        for _ in 0..frames {
            let keyframe = self.number.is_multiple_of(self.gop);
            self.push_one(keyframe);
        }
    }

    fn push_one(&mut self, keyframe: bool) {
        let at = 40 * MS * u32::try_from(self.number).unwrap();
        let mut buffer = gst::Buffer::from_slice(vec![0_u8; self.size]);
        // The stamp carries the frame's number.
        buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(40 * self.number));
        let time = gst::ClockTime::from_seconds(1_000) + gst::ClockTime::try_from(at).unwrap();
        let frame = Frame { buffer, caps: self.caps.clone(), keyframe, time, received: self.started + at };
        self.publication.push(frame);
        self.number += 1;
    }
}

/// The number a frame was pushed under, when the camera started at the stream's beginning.
fn number(frame: &Frame) -> u64 {
    (frame.time.mseconds() - 1_000_000) / 40
}

fn setup(limits: HubLimits) -> Arc<Stream> {
    Hub::new(limits).stream(&"hall-a".parse().unwrap())
}

fn drain(reader: &mut Reader) -> Vec<Item> {
    std::iter::from_fn(|| reader.try_next()).collect()
}

fn numbers(items: &[Item]) -> Vec<u64> {
    items.iter().filter_map(|item| if let Item::Frame(frame) = item { Some(number(frame)) } else { None }).collect()
}

#[test]
fn a_reader_starts_with_the_current_group_of_pictures() {
    let stream = setup(HubLimits::default());
    let mut early = stream.subscribe();
    assert!(matches!(drain(&mut early)[..], [Item::Offline]));
    let mut camera = Camera::new(&stream, 50);
    camera.push(70);
    let mut late = stream.subscribe();
    let items = drain(&mut late);
    assert!(matches!(items[0], Item::Online));
    assert_eq!(numbers(&items), (50..70).collect::<Vec<_>>());
    assert_eq!(numbers(&drain(&mut early)), (0..70).collect::<Vec<_>>());
    camera.push(1);
    assert_eq!(numbers(&drain(&mut late)), [70]);
}

#[test]
fn a_thousand_joins_and_leaves_lose_no_frame_for_a_steady_reader() {
    let stream = setup(HubLimits::default());
    let mut camera = Camera::new(&stream, 25);
    let mut steady = stream.subscribe();
    let mut seen = Vec::new();
    let mut guests = std::collections::VecDeque::new();
    for round in 0..1_000_u64 {
        let mut guest = stream.subscribe();
        if round % 3 > 0 {
            drain(&mut guest);
        }
        guests.push_back(guest);
        camera.push(1 + round % 2);
        if guests.len() > 20 {
            guests.pop_front();
        }
        if round % 7 == 0 {
            seen.extend(numbers(&drain(&mut steady)));
        }
    }
    seen.extend(numbers(&drain(&mut steady)));
    assert_eq!(seen, (0..1_500).collect::<Vec<_>>());
    guests.clear();
    assert_eq!(stream.health().readers, 1);
}

#[test]
fn a_slow_reader_skips_to_a_keyframe_and_delays_nobody() {
    let stream = setup(HubLimits { frames: 100, ..HubLimits::default() });
    let mut camera = Camera::new(&stream, 25);
    let (mut slow, mut steady) = (stream.subscribe(), stream.subscribe());
    camera.push(10);
    assert_eq!(numbers(&drain(&mut slow)).len(), 10);
    assert_eq!(numbers(&drain(&mut steady)).len(), 10);
    for _ in 0..100 {
        camera.push(10);
        assert_eq!(numbers(&drain(&mut steady)).len(), 10);
    }
    let items = drain(&mut slow);
    let [Item::Skipped { frames }, Item::Frame(first), ..] = &items[..] else { panic!("{items:?}") };
    assert!(first.keyframe);
    assert_eq!(10 + frames, number(first));
    assert_eq!(*numbers(&items).last().unwrap(), camera.number - 1);
}

#[test]
fn memory_is_bounded_whatever_the_camera_sends() {
    let limits = HubLimits { frames: 200, bytes: 100_000, behind: Duration::from_secs(1) };
    let stream = setup(limits);
    let mut camera = Camera::new(&stream, u64::MAX);
    camera.size = 2_000;
    let mut reader = stream.subscribe();
    let mut seen = 0;
    for _ in 0..500 {
        camera.push(1);
        seen += numbers(&drain(&mut reader)).len();
        assert!(stream.health().window_bytes <= limits.bytes);
    }
    assert_eq!(seen, 500, "who keeps up loses nothing, however long the group of pictures");
    // Its keyframe is gone: a newcomer waits for the next one, and most of the memory is free.
    assert!(stream.health().window_bytes <= 26 * 2_000);
    let mut newcomer = stream.subscribe();
    assert!(matches!(drain(&mut newcomer)[..], [Item::Online]));
    camera.push(3);
    assert!(drain(&mut newcomer).is_empty());
    camera.push_one(true);
    camera.push(2);
    assert_eq!(numbers(&drain(&mut newcomer)), [503, 504, 505]);
    // A frame beyond every bound is passed on all the same, alone.
    camera.size = 200_000;
    camera.push_one(true);
    assert_eq!(numbers(&drain(&mut newcomer)), [506]);
}

#[test]
fn a_new_format_starts_on_a_keyframe() {
    let stream = setup(HubLimits::default());
    let mut camera = Camera::new(&stream, 1_000);
    let mut reader = stream.subscribe();
    camera.push(5);
    camera.caps = caps(320);
    camera.push(5);
    camera.push_one(true);
    camera.push(5);
    assert_eq!(numbers(&drain(&mut reader)), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15]);
    let health = stream.health();
    assert_eq!((health.width, health.discarded), (320, 5));
    // Equal caps in another object are no change, and readers keep seeing one object.
    camera.caps = caps(320);
    camera.push(2);
    let items = drain(&mut reader);
    let [Item::Frame(a), Item::Frame(b)] = &items[..] else { panic!("{items:?}") };
    assert_eq!(a.caps.as_ptr(), b.caps.as_ptr());
    assert_ne!(a.caps.as_ptr(), camera.caps.as_ptr());
}

#[test]
fn one_publisher_and_readers_told_of_its_comings_and_goings() {
    let stream = setup(HubLimits::default());
    let mut reader = stream.subscribe();
    let mut camera = Camera::new(&stream, 25);
    assert_eq!(stream.publish(info(2)).unwrap_err().holder, info(1).address);
    camera.push(3);
    drop(camera);
    // Gone while it was not looking: it still gets all frames, then the news.
    let mut camera = Camera::new(&stream, 25);
    let items = drain(&mut reader);
    assert!(matches!(
        items[..],
        [Item::Online, Item::Frame(_), Item::Frame(_), Item::Frame(_), Item::Offline, Item::Online]
    ));
    // A publisher that joins in mid-picture is not shown before its keyframe.
    camera.number = 7;
    camera.push(3);
    assert!(drain(&mut reader).is_empty());
    assert_eq!(stream.health().discarded, 3);
    camera.number = 25;
    camera.push(1);
    assert!(matches!(drain(&mut reader)[..], [Item::Frame(_)]));
    drop(camera);
    assert!(matches!(drain(&mut reader)[..], [Item::Offline]));
    // The past is no start for who joins now.
    assert!(matches!(drain(&mut stream.subscribe())[..], [Item::Offline]));
    drop(reader);
    assert_eq!(stream.health().window_bytes, 0, "nobody's images are not kept");
}

#[test]
fn a_late_reader_still_gets_the_end_of_a_publication() {
    let stream = setup(HubLimits::default());
    let mut camera = Camera::new(&stream, 25);
    let mut late = stream.subscribe();
    camera.push(320);
    drop(camera);
    let items = drain(&mut late);
    assert!(matches!(items[..3], [Item::Online, Item::Skipped { .. }, Item::Frame(_)]), "{items:?}");
    let numbers = numbers(&items);
    assert!(numbers[0].is_multiple_of(25) && numbers.last() == Some(&319), "{numbers:?}");
    assert!(matches!(items.last(), Some(Item::Offline)));
}

#[test]
fn figures_follow_the_stream() {
    let stream = setup(HubLimits::default());
    let mut camera = Camera::new(&stream, 25);
    camera.size = 20_000;
    camera.push(200);
    let end = camera.started + 40 * MS * 199;
    let health = stream.health_at(end + 500 * MS);
    assert!(health.online && health.codec == "H264");
    assert_eq!((health.frames, health.bytes), (200, 4_000_000));
    assert_eq!(health.last_frame_age, Some(500 * MS));
    assert!((health.fps - 25.0).abs() < 4.0, "{}", health.fps);
    let frozen = stream.health_at(end + Duration::from_secs(20));
    assert_eq!((frozen.fps, frozen.bitrate_bps), (0.0, 0));
}

#[test]
fn payload_is_shared_and_never_copied() {
    let stream = setup(HubLimits::default());
    let mut camera = Camera::new(&stream, 25);
    let (mut a, mut b) = (stream.subscribe(), stream.subscribe());
    camera.push(1);
    let (a, b) = (drain(&mut a), drain(&mut b));
    let ([_, Item::Frame(a)], [_, Item::Frame(b)]) = (&a[..], &b[..]) else { panic!() };
    assert_eq!(a.buffer.as_ptr(), b.buffer.as_ptr());
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_readers_are_woken_for_every_frame() {
    // A long memory: this test is about waking, and the scheduler owes its readers no punctuality.
    let stream = setup(HubLimits { behind: Duration::from_secs(3_600), ..HubLimits::default() });
    let mut camera = Camera::new(&stream, 25);
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let mut reader = stream.subscribe();
            tokio::spawn(async move {
                let mut seen = 0_u64;
                loop {
                    match reader.next().await {
                        Item::Frame(frame) => {
                            assert_eq!(number(&frame), seen);
                            seen += 1;
                        }
                        Item::Offline => return seen,
                        Item::Online => {}
                        Item::Skipped { .. } => panic!("skipped"),
                    }
                }
            })
        })
        .collect();
    for _ in 0..500 {
        camera.push(1);
        tokio::task::yield_now().await;
    }
    drop(camera);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 500);
    }
}
