//! What an operator may set about viewer transports. The network comes from here, the rules from the grant.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How viewers reach us (A7-1) and how long we wait for them (fault 20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerSettings {
    /// UDP ports of the viewers' transports; one port per viewer and local address. A firewall opens exactly these.
    pub udp_ports: RangeInclusive<u16>,
    /// The address viewers know us by when a router maps it one to one onto ours: announced beside our own, same ports.
    pub external_address: Option<IpAddr>,
    /// `stun://host:port`; asked for our public address when there is no one-to-one mapping.
    pub stun_server: Option<String>,
    /// `turn://user:password@host:port` and the like; relays for viewers behind firewalls that block UDP.
    pub turn_servers: Vec<String>,
    /// From the answer to the end of the DTLS handshake, at most.
    pub connect_timeout: Duration,
    /// From the last sign of life of the peer to the end of its branch (fault 20).
    pub silence_timeout: Duration,
}

impl Default for ViewerSettings {
    /// Ports 50000 to 50999, no NAT, no relay, 10 s of patience (fault 20).
    fn default() -> Self {
        Self {
            udp_ports: 50_000..=50_999,
            external_address: None,
            stun_server: None,
            turn_servers: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_secs(10),
        }
    }
}
