//! Proof that a change comes from our own page: a token bound to the session (or, before the log-in, to a visitor's
//! cookie), and the `Origin` the browser names.

use http::HeaderMap;
use http::header::{HOST, HeaderName, ORIGIN};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

/// The cookie forms are bound to before anybody is logged in.
pub const VISITOR_COOKIE: &str = "__Host-visitor";

/// The token for a session's (or visitor's) secret: an HMAC, so that it can stand in a page without telling the secret.
pub fn csrf_token(secret: &str) -> String {
    let sign = || {
        let key = PKey::hmac(secret.as_bytes())?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        signer.sign_oneshot_to_vec(b"ecluse form")
    };
    // A library that cannot sign yields a token nobody can present: `proves` refuses the empty one.
    sign().map(|mac| mac.iter().map(|byte| format!("{byte:02x}")).collect()).unwrap_or_default()
}

/// Whether `given` is the token for the secret. In constant time.
pub fn proves(secret: Option<&str>, given: &str) -> bool {
    let Some(secret) = secret else { return false };
    let expected = csrf_token(secret);
    !expected.is_empty() && expected.len() == given.len() && openssl::memcmp::eq(expected.as_bytes(), given.as_bytes())
}

/// Whether the browser, where it says so, sent the request from one of our own pages. `origin` is the configured one; the
/// very host the request was sent to passes as well, since TLS has proved to the browser that this host is us.
pub fn is_own_origin(headers: &HeaderMap, authority: Option<&str>, origin: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
    if text(HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let Some(given) = text(ORIGIN) else { return true };
    let host = authority.map(str::to_ascii_lowercase).or_else(|| text(HOST));
    given == origin || host.is_some_and(|host| given == format!("https://{}", host.trim_end_matches(":443")))
}

/// Whether the browser, where it says so, was led here by one of our own pages. Stricter than [`is_own_origin`]: a link
/// in a mail program's window counts as the person's own wish (`none`), and brings even strict cookies along.
pub fn is_asked_for_here(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HeaderValue;

    #[test]
    fn a_token_proves_its_own_secret_alone() {
        let token = csrf_token("secret");
        assert_eq!(token.len(), 64);
        assert!(proves(Some("secret"), &token));
        for (secret, given) in
            [(Some("other"), token.as_str()), (None, &token), (Some("secret"), ""), (Some("secret"), "x")]
        {
            assert!(!proves(secret, given));
        }
    }

    #[test]
    fn only_our_own_origin_may_change_things() {
        let own = "https://ecluse.example.org";
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_own_origin(&headers, None, own)
        };
        assert!(with(&[]));
        assert!(with(&[("origin", own), ("sec-fetch-site", "same-origin")]));
        assert!(with(&[("origin", "https://10.0.0.1:8443"), ("host", "10.0.0.1:8443")]));
        assert!(!with(&[("origin", "null")]));
        assert!(!with(&[("origin", "https://evil.example"), ("host", "ecluse.example.org")]));
        assert!(!with(&[("origin", "http://ecluse.example.org")]));
        assert!(!with(&[("sec-fetch-site", "cross-site")]));
        assert!(!with(&[("sec-fetch-site", "same-site"), ("origin", own)]));
    }
}
