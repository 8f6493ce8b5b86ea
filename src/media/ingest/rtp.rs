//! A look at each RTP packet before it reaches the depayloader: is it the announced stream, and within bounds?

use super::event::DropReason;

/// Watches the one video source of a publisher.
#[derive(Debug)]
pub(super) struct RtpGate {
    payload_type: u8,
    picture_limit: usize,
    source: Option<u32>,
    timestamp: u32,
    picture_bytes: usize,
    pictures: u64,
}

impl RtpGate {
    pub fn new(payload_type: u8, picture_limit: usize) -> Self {
        Self { payload_type, picture_limit, source: None, timestamp: 0, picture_bytes: 0, pictures: 0 }
    }

    /// Whether the packet goes on. What is no RTP of the announced payload type is ignored.
    ///
    /// # Errors
    /// When the publisher must go: its source changed (decoders and receivers would silently show nothing), or a picture
    /// grows without end.
    pub fn pass(&mut self, packet: &[u8]) -> Result<bool, DropReason> {
        let [first, second, _, _, t0, t1, t2, t3, s0, s1, s2, s3, ..] = *packet else { return Ok(false) };
        if first >> 6 != 2 || second & 0x7f != self.payload_type {
            return Ok(false);
        }
        let source = u32::from_be_bytes([s0, s1, s2, s3]);
        let from = *self.source.get_or_insert(source);
        if from != source {
            return Err(DropReason::SourceChanged { from, to: source });
        }
        let timestamp = u32::from_be_bytes([t0, t1, t2, t3]);
        if timestamp != self.timestamp {
            (self.timestamp, self.picture_bytes) = (timestamp, 0);
        }
        self.picture_bytes += packet.len();
        if self.picture_bytes > self.picture_limit {
            return Err(DropReason::PictureTooLarge(self.picture_limit));
        }
        // The marker is on a picture's last packet (RFC 6184 5.1).
        self.pictures += u64::from(second >> 7);
        Ok(true)
    }

    /// Whole pictures that have gone on.
    pub fn pictures(&self) -> u64 {
        self.pictures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload_type: u8, timestamp: u32, source: u32, bytes: usize) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type, 0, 0];
        packet.extend(timestamp.to_be_bytes());
        packet.extend(source.to_be_bytes());
        packet.resize(bytes, 0);
        packet
    }

    #[test]
    fn only_the_announced_stream_passes() {
        let mut gate = RtpGate::new(96, 1_000);
        assert_eq!(gate.pass(&packet(96, 1, 7, 100)), Ok(true));
        assert_eq!(gate.pass(&packet(0x80 | 96, 1, 7, 100)), Ok(true), "the marker bit is no payload type");
        assert_eq!(gate.pictures(), 1, "it ends a picture");
        assert_eq!(gate.pass(&packet(97, 1, 7, 100)), Ok(false));
        assert_eq!(gate.pass(&[0x80; 11]), Ok(false));
        assert_eq!(gate.pass(&[]), Ok(false));
        assert_eq!(gate.pass(&[0; 40]), Ok(false));
        assert_eq!(gate.pass(&packet(96, 2, 8, 100)), Err(DropReason::SourceChanged { from: 7, to: 8 }));
    }

    #[test]
    fn a_picture_has_a_size() {
        let mut gate = RtpGate::new(96, 1_000);
        for timestamp in 0..10 {
            for _ in 0..10 {
                assert_eq!(gate.pass(&packet(96, timestamp, 7, 100)), Ok(true));
            }
        }
        assert_eq!(gate.pass(&packet(96, 9, 7, 100)), Err(DropReason::PictureTooLarge(1_000)));
    }
}
