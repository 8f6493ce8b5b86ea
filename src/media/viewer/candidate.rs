//! ICE candidates of the viewer: read strictly, written anew. Host names (mDNS `.local` included) and TCP are passed over
//! without error: the viewer reaches us through our candidates.

use std::fmt;
use std::net::IpAddr;

/// What a candidate must look like, for error messages.
pub(super) const EXPECTED: &str =
    "a=candidate:<foundation> <component> <udp|tcp> <priority> <address> <port> typ <host|srflx|prflx|relay> ...";

/// A candidate of the viewer that can be tried: UDP, component 1, an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    foundation: String,
    priority: u32,
    address: IpAddr,
    port: u16,
    kind: &'static str,
}

/// The line is no candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads what follows `a=candidate:`. `Ok(None)`: well-formed, but nothing we can use.
pub(super) fn parse(value: &str) -> Result<Option<Remote>, Malformed> {
    let mut words = value.split_ascii_whitespace();
    let mut next = || words.next().ok_or(Malformed);
    let foundation = next()?;
    if foundation.len() > 32 || !foundation.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_:".contains(&b)) {
        return Err(Malformed);
    }
    let component: u16 = next()?.parse().map_err(|_| Malformed)?;
    let transport = next()?;
    let priority: u32 = next()?.parse().map_err(|_| Malformed)?;
    let address = next()?;
    let port: u16 = next()?.parse().map_err(|_| Malformed)?;
    if next()? != "typ" {
        return Err(Malformed);
    }
    let kind = match next()? {
        "host" => "host",
        "srflx" => "srflx",
        "prflx" => "prflx",
        "relay" => "relay",
        _ => return Err(Malformed),
    };
    let usable = component == 1 && transport.eq_ignore_ascii_case("udp") && port != 0;
    // A zone ("fe80::1%eth0") or a name is no address of ours to try.
    let address: Option<IpAddr> = address.parse().ok();
    let address = address.filter(|a| usable && !a.is_unspecified() && !a.is_multicast());
    Ok(address.map(|address| Remote { foundation: foundation.to_owned(), priority, address, port, kind }))
}

impl fmt::Display for Remote {
    /// As libnice reads it. The related address is left out: it is for the other side's logs only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Remote { foundation, priority, address, port, kind } = self;
        write!(f, "candidate:{foundation} 1 UDP {priority} {address} {port} typ {kind}")?;
        if *kind != "host" {
            let any = if address.is_ipv4() { "0.0.0.0" } else { "::" };
            write!(f, " raddr {any} rport 9")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_written_anew() {
        for (given, written) in [
            (
                "842163049 1 udp 1677729535 203.0.113.9 46154 typ srflx raddr 10.0.0.1 rport 5 generation 0",
                "candidate:842163049 1 UDP 1677729535 203.0.113.9 46154 typ srflx raddr 0.0.0.0 rport 9",
            ),
            ("1 1 UDP 1 2001:db8::1 9 typ host", "candidate:1 1 UDP 1 2001:db8::1 9 typ host"),
        ] {
            assert_eq!(parse(given).unwrap().unwrap().to_string(), written);
        }
    }

    #[test]
    fn names_tcp_and_second_components_are_passed_over() {
        for passed in [
            "1 1 udp 1 6b0d4b7a-6ff8-4a3f-9e0a-0d8f43f1f8a7.local 50000 typ host",
            "1 1 tcp 1 10.0.0.1 9 typ host tcptype active",
            "1 2 udp 1 10.0.0.1 9 typ host",
            "1 1 udp 1 fe80::1%eth0 9 typ host",
            "1 1 udp 1 224.0.0.1 9 typ host",
        ] {
            assert_eq!(parse(passed), Ok(None), "{passed}");
        }
    }

    #[test]
    fn half_candidates_are_malformed() {
        let whole = "1 1 udp 2113937151 10.0.0.1 46154 typ host";
        for end in 0..whole.len() - 4 {
            assert_eq!(parse(&whole[..end]), Err(Malformed), "{}", &whole[..end]);
        }
        assert_eq!(parse("1 1 udp 1 10.0.0.1 99999 typ host"), Err(Malformed));
        assert_eq!(parse("a b c d e f typ host"), Err(Malformed));
    }
}
