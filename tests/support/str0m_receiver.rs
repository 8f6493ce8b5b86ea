//! A light WebRTC receiver that is not ours: str0m, one socket, one thread, no decoding.
//!
//! It does ICE, DTLS and SRTP like any viewer, and counts: packets that it could decrypt, per media section, and SRTP
//! datagrams that reached its socket, decrypted or not. Tests use it as the second WebRTC implementation, the load bench
//! as its viewer.

#![allow(dead_code, reason = "each test binary that includes this file uses its own part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

/// What came for one media section.
#[derive(Debug, Clone, Default)]
pub struct MidStats {
    /// Packets decrypted.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// When the first one came.
    pub first_packet_at: Option<Instant>,
    /// When the last one came.
    pub last_packet_at: Option<Instant>,
}

/// What has happened so far.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// When ICE and DTLS were up.
    pub connected_at: Option<Instant>,
    /// By media section (`a=mid`); sections that got nothing are absent.
    pub per_mid: BTreeMap<String, MidStats>,
    /// RTP packets that no section claimed.
    pub unclaimed: u64,
    /// Datagrams of SRTP or SRTCP that reached the socket.
    pub srtp_datagrams: u64,
    /// The last of them.
    pub last_srtp_at: Option<Instant>,
    /// DTLS datagrams that reached the socket.
    pub dtls_datagrams: u64,
    /// SRTP datagrams thrown away on purpose ([`Receiver::lose_one_in`]).
    pub lost: u64,
    /// Of these, packets that came after all because they were asked for again.
    pub recovered: u64,
    /// Why the receiver's thread ended.
    pub ended: Option<String>,
}

impl Stats {
    /// Packets of all sections.
    pub fn packets(&self) -> u64 {
        self.per_mid.values().map(|m| m.packets).sum()
    }
    /// Payload bytes of all sections.
    pub fn bytes(&self) -> u64 {
        self.per_mid.values().map(|m| m.bytes).sum()
    }
    /// The last packet of all sections.
    pub fn last_packet_at(&self) -> Option<Instant> {
        self.per_mid.values().filter_map(|m| m.last_packet_at).max()
    }
}

/// A receiver whose offer waits for its answer.
pub struct Offered {
    /// Non-trickle: the host candidate is in it.
    pub offer_sdp: String,
    rtc: Rtc,
    pending: SdpPendingOffer,
    socket: UdpSocket,
}

/// A receiver at work. Dropping it ends it without a goodbye, like a browser that is killed.
pub struct Receiver {
    stats: Arc<Mutex<Stats>>,
    wishes: Arc<Wishes>,
    thread: Option<JoinHandle<()>>,
    local_addr: SocketAddr,
}

/// What is asked of a receiver at work.
#[derive(Debug, Default)]
struct Wishes {
    stop: AtomicBool,
    keyframe: AtomicBool,
    /// 0: lose nothing.
    lose_one_in: AtomicU64,
}

/// Offers to receive `videos` H.264 streams (and VP8 too, for tests that send it) at an address of this machine.
pub fn offer(local: IpAddr, videos: usize) -> Offered {
    let socket = UdpSocket::bind((local, 0)).expect("a free UDP port");
    let mut rtc = RtcConfig::new()
        .set_crypto_provider(Arc::new(str0m::crypto::from_feature_flags()))
        .clear_codecs()
        .enable_h264(true)
        .enable_vp8(true)
        .set_rtp_mode(true)
        .build(Instant::now());
    let addr = socket.local_addr().expect("a bound socket has an address");
    rtc.add_local_candidate(Candidate::host(addr, "udp").expect("a host candidate"));
    let mut changes = rtc.sdp_api();
    for _ in 0..videos {
        changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    }
    let (offer, pending) = changes.apply().expect("at least one video was added");
    Offered { offer_sdp: offer.to_sdp_string(), rtc, pending, socket }
}

impl Offered {
    /// Takes the server's answer and starts receiving.
    pub fn connect(mut self, answer_sdp: &str) -> Result<Receiver, String> {
        let answer = SdpAnswer::from_sdp_string(answer_sdp).map_err(|e| e.to_string())?;
        self.rtc.sdp_api().accept_answer(self.pending, answer).map_err(|e| e.to_string())?;
        let stats = Arc::new(Mutex::new(Stats::default()));
        let wishes = Arc::new(Wishes::default());
        let local_addr = self.socket.local_addr().map_err(|e| e.to_string())?;
        let thread = std::thread::Builder::new()
            .name("str0m".to_owned())
            .spawn({
                let (stats, wishes) = (stats.clone(), wishes.clone());
                move || {
                    let ended = run(self.rtc, &self.socket, &stats, &wishes);
                    stats.lock().unwrap().ended = Some(ended);
                }
            })
            .map_err(|e| e.to_string())?;
        Ok(Receiver { stats, wishes, thread: Some(thread), local_addr })
    }
}

impl Receiver {
    /// What has happened so far.
    pub fn stats(&self) -> Stats {
        self.stats.lock().unwrap().clone()
    }

    /// Its UDP address.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Asks for a keyframe of every stream (PLI).
    pub fn ask_for_keyframes(&self) {
        self.wishes.keyframe.store(true, Ordering::SeqCst);
    }

    /// Throws every `n`th datagram of SRTP away, as a bad line would; 0 stops that.
    pub fn lose_one_in(&self, n: u64) {
        self.wishes.lose_one_in.store(n, Ordering::SeqCst);
    }

    /// Waits until `condition` holds, at most `patience`; the last statistics either way.
    pub fn wait_for(&self, patience: Duration, condition: impl Fn(&Stats) -> bool) -> Result<Stats, Stats> {
        let deadline = Instant::now() + patience;
        loop {
            let stats = self.stats();
            if condition(&stats) {
                return Ok(stats);
            }
            if Instant::now() >= deadline {
                return Err(stats);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.wishes.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut rtc: Rtc, socket: &UdpSocket, stats: &Mutex<Stats>, wishes: &Wishes) -> String {
    let mut datagram = vec![0_u8; 2048];
    let Ok(local) = socket.local_addr() else { return "the socket has no address".to_owned() };
    let mut lost = BTreeSet::new();
    let mut sources = BTreeSet::new();
    while !wishes.stop.load(Ordering::SeqCst) {
        if wishes.keyframe.swap(false, Ordering::SeqCst) {
            let mut streams = rtc.direct_api();
            for ssrc in &sources {
                if let Some(stream) = streams.stream_rx(ssrc) {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                }
            }
        }
        let timeout = match rtc.poll_output() {
            Ok(Output::Timeout(at)) => at,
            Ok(Output::Transmit(transmit)) => {
                // Nobody there any more: ICE will notice.
                let _ = socket.send_to(&transmit.contents, transmit.destination);
                continue;
            }
            Ok(Output::Event(event)) => {
                if let Event::RtpPacket(packet) = &event {
                    sources.insert(packet.header.ssrc);
                    if lost.remove(&(*packet.header.ssrc, packet.header.sequence_number)) {
                        stats.lock().unwrap().recovered += 1;
                    }
                }
                if let Some(ended) = note(&mut rtc, event, stats) {
                    return ended;
                }
                continue;
            }
            Err(e) => return e.to_string(),
        };
        // Short enough to notice `stop`; zero would mean for ever.
        let wait = timeout.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), TICK);
        if let Err(e) = socket.set_read_timeout(Some(wait)) {
            return e.to_string();
        }
        let handled = match socket.recv_from(&mut datagram) {
            Ok((bytes, source)) => {
                let contents = &datagram[..bytes];
                note_datagram(contents, stats);
                if let Some(packet) = unlucky(contents, wishes, stats) {
                    lost.insert(packet);
                    continue;
                }
                match contents.try_into() {
                    Ok(contents) => rtc.handle_input(Input::Receive(
                        Instant::now(),
                        Receive { proto: Protocol::Udp, source, destination: local, contents },
                    )),
                    Err(_) => continue,
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                rtc.handle_input(Input::Timeout(Instant::now()))
            }
            // ICMP "port unreachable" of something sent before.
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => continue,
            Err(e) => return e.to_string(),
        };
        if let Err(e) = handled {
            return e.to_string();
        }
        if !rtc.is_alive() {
            return "closed".to_owned();
        }
    }
    "stopped".to_owned()
}

const TICK: Duration = Duration::from_millis(100);

fn note_datagram(datagram: &[u8], stats: &Mutex<Stats>) {
    let mut stats = stats.lock().unwrap();
    match datagram.first() {
        Some(128..=191) => {
            stats.srtp_datagrams += 1;
            stats.last_srtp_at = Some(Instant::now());
        }
        Some(20..=63) => stats.dtls_datagrams += 1,
        _ => {}
    }
}

/// SSRC and sequence number of an RTP packet (not RTCP) that is to be lost.
fn unlucky(datagram: &[u8], wishes: &Wishes, stats: &Mutex<Stats>) -> Option<(u32, u16)> {
    let one_in = wishes.lose_one_in.load(Ordering::SeqCst);
    let [128..=191, kind, high, low, _, _, _, _, a, b, c, d, ..] = datagram else { return None };
    let mut stats = stats.lock().unwrap();
    if one_in == 0 || (192..=223).contains(kind) || !stats.srtp_datagrams.is_multiple_of(one_in) {
        return None;
    }
    stats.lost += 1;
    Some((u32::from_be_bytes([*a, *b, *c, *d]), u16::from_be_bytes([*high, *low])))
}

fn note(rtc: &mut Rtc, event: Event, stats: &Mutex<Stats>) -> Option<String> {
    match event {
        Event::Connected => stats.lock().unwrap().connected_at = Some(Instant::now()),
        Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
            return Some("ICE disconnected".to_owned());
        }
        Event::RtpPacket(packet) => {
            let mid = rtc.direct_api().stream_rx(&packet.header.ssrc).map(|stream| stream.mid().to_string());
            let mut stats = stats.lock().unwrap();
            match mid {
                Some(mid) => {
                    let stats = stats.per_mid.entry(mid).or_default();
                    stats.packets += 1;
                    stats.bytes += packet.payload.len() as u64;
                    stats.first_packet_at.get_or_insert(packet.timestamp);
                    stats.last_packet_at = Some(packet.timestamp);
                }
                None => stats.unclaimed += 1,
            }
        }
        _ => {}
    }
    None
}

/// An address of this machine that ICE gathers; loopback where there is no other.
pub fn local_address() -> IpAddr {
    let loopback = IpAddr::from([127, 0, 0, 1]);
    let Ok(socket) = UdpSocket::bind("0.0.0.0:0") else { return loopback };
    // Connecting a UDP socket sends nothing; it asks the routing table.
    match socket.connect("198.51.100.1:9").and_then(|()| socket.local_addr()) {
        Ok(address) if !address.ip().is_unspecified() => address.ip(),
        _ => loopback,
    }
}
