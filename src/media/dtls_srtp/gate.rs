//! The hook between a packet and the socket: who says whether it may leave.

use crate::control::grant::Grant;

/// What kind of packet waits at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// Media.
    Srtp,
    /// Its control messages: sender reports and the like.
    Srtcp,
}

/// One push towards the socket: a packet, or the packets of one picture that travel together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Media or control.
    pub kind: PacketKind,
    /// How many packets.
    pub packets: usize,
    /// Their bytes with SRTP overhead, without UDP/IP headers.
    pub bytes: usize,
}

/// Says for every push whether it may leave (A4-4, A4-6). DTLS handshake records do not pass here: they carry no image.
pub trait Gate: Send + Sync + 'static {
    /// Calls `send` once, and counts the load when `send` says that it left; or, when shut, does not call it and
    /// returns `false`. The passage lasts until `send` has returned: a gate that shuts can wait for it. Called from
    /// streaming threads for every push: must not block or allocate.
    fn pass(&self, load: Load, send: &mut dyn FnMut() -> bool) -> bool;
}

impl Gate for Grant {
    fn pass(&self, load: Load, send: &mut dyn FnMut() -> bool) -> bool {
        let Some(_passage) = self.enter() else { return false };
        if send() && load.kind == PacketKind::Srtp {
            self.count_many(load.packets, load.bytes);
        }
        true
    }
}
