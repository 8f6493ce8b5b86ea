//! Reads a trickle fragment (WHEP `PATCH`, `application/trickle-ice-sdpfrag`, RFC 8840). Pure.

use super::candidate::{self, Remote};
use super::error::TrickleError;
use super::offer::IceCredentials;
use super::section::ice_text;

/// The longest fragment that is read, bytes.
pub const MAX_FRAGMENT_BYTES: usize = 16 * 1024;

/// What a fragment brings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fragment {
    ufrag: Option<String>,
    pwd: Option<String>,
    /// Candidates that can be tried.
    pub candidates: Vec<Remote>,
    /// No more will come.
    pub end_of_candidates: bool,
}

impl Fragment {
    /// Reads a fragment.
    pub fn parse(text: &str) -> Result<Fragment, TrickleError> {
        if text.len() > MAX_FRAGMENT_BYTES {
            return Err(TrickleError::TooLarge { bytes: text.len(), limit: MAX_FRAGMENT_BYTES });
        }
        let mut fragment = Fragment::default();
        let mut attributes = 0_usize;
        for (index, text) in text.lines().enumerate() {
            let text = text.trim_end();
            let malformed = |what: &str| TrickleError::Malformed { line: index + 1, what: what.to_owned() };
            if text.is_empty() {
                continue;
            }
            let Some((kind, value)) = text.split_once('=').filter(|(kind, _)| kind.len() == 1) else {
                return Err(malformed("no SDP line"));
            };
            if kind != "a" {
                // An m-line only says which section the candidates are for; there is one transport.
                continue;
            }
            attributes += 1;
            match value.split_once(':').unwrap_or((value, "")) {
                ("ice-ufrag", value) => {
                    fragment.ufrag = Some(ice_text(value, 4).ok_or_else(|| malformed("invalid a=ice-ufrag"))?);
                }
                ("ice-pwd", value) => {
                    fragment.pwd = Some(ice_text(value, 22).ok_or_else(|| malformed("invalid a=ice-pwd"))?);
                }
                ("candidate", value) => {
                    let read = candidate::parse(value).map_err(|_| malformed(candidate::EXPECTED))?;
                    fragment.candidates.extend(read);
                }
                ("end-of-candidates", _) => fragment.end_of_candidates = true,
                _ => {}
            }
        }
        if attributes == 0 {
            return Err(TrickleError::Malformed { line: 1, what: "no a= line at all".to_owned() });
        }
        Ok(fragment)
    }

    /// Whether the fragment belongs to the ICE session of `offer`. One without credentials does: the URL of the session
    /// has named it.
    pub fn belongs_to(&self, offer: &IceCredentials) -> Result<(), TrickleError> {
        let same = |own: &Option<String>, other: &str| own.as_ref().is_none_or(|own| own == other);
        match (same(&self.ufrag, &offer.ufrag), same(&self.pwd, &offer.pwd)) {
            (true, true) => Ok(()),
            (false, _) if self.pwd.is_some() => Err(TrickleError::IceRestart),
            _ => Err(TrickleError::OtherIceSession),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offer() -> IceCredentials {
        IceCredentials { ufrag: "EsAw".to_owned(), pwd: "P2uYro0UCOQ4zxjKXaWCBui1".to_owned() }
    }

    const FRAGMENT: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:3471623853 1 udp 2122194687 6b0d4b7a.local 61765 typ host\r\n\
        a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n\
        a=end-of-candidates\r\n";

    #[test]
    fn the_example_of_rfc_8840_is_read() {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        assert_eq!(fragment.candidates.len(), 1);
        assert!(fragment.end_of_candidates);
        assert_eq!(fragment.belongs_to(&offer()), Ok(()));
    }

    #[test]
    fn other_credentials_are_told_apart() {
        let restart = FRAGMENT.replace("EsAw", "ysXw").replace("P2u", "P3u");
        assert_eq!(Fragment::parse(&restart).unwrap().belongs_to(&offer()), Err(TrickleError::IceRestart));
        let stray = Fragment::parse("a=ice-ufrag:ysXw\na=end-of-candidates").unwrap();
        assert_eq!(stray.belongs_to(&offer()), Err(TrickleError::OtherIceSession));
        let bare = Fragment::parse("a=end-of-candidates").unwrap();
        assert_eq!(bare.belongs_to(&offer()), Ok(()));
    }

    #[test]
    fn faults_name_their_line() {
        for (text, line) in
            [("", 1), ("a=mid:0\nbroken", 2), ("a=mid:0\na=candidate:1 1 udp", 2), ("a=ice-pwd:short", 1)]
        {
            assert!(
                matches!(Fragment::parse(text), Err(TrickleError::Malformed { line: l, .. }) if l == line),
                "{text}: {:?}",
                Fragment::parse(text)
            );
        }
        let long = "a=x\n".repeat(MAX_FRAGMENT_BYTES);
        assert!(matches!(Fragment::parse(&long), Err(TrickleError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = Fragment::parse(&text);
        }

        #[test]
        fn no_truncation_or_edit_panics(cut in 0..FRAGMENT.len(), at in 0..FRAGMENT.len(), with in "[ -~\\r\\n]{0,4}") {
            let mut text = FRAGMENT[..cut].to_owned();
            text.insert_str(at.min(cut), &with);
            let _ = Fragment::parse(&text);
        }
    }
}
