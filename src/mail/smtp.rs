//! One mail over one connection to the mail server (A3-7), by lettre: TLS from the start or by STARTTLS, never without
//! except to a test relay on this very machine, and always with the certificate checked.
//!
//! Guarantees: every step ends in time; what the server says about *this mail* is told apart from what it says about us
//! (a wrong password must not throw mails away); nothing is sent before encryption is up.
//!
//! Each mail has a connection of its own. Few mails are sent, and one that is given up in the middle of its text must not
//! leave a half-written message to the next one.

use super::settings::{Encryption, MailSettings, SettingsError};
use crate::store::{Trouble, TroubleKind};
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsVersion};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use std::error::Error as _;
use std::time::Duration;

/// Longest reply kept, characters.
const MAX_REPLY_CHARS: usize = 300;
/// Replies about our right to send rather than about this mail: log-in required, not allowed, encryption wanted.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The mail server took it over; its reply.
    Accepted(String),
    /// Worth another attempt.
    Later(Trouble),
    /// Refused for good; its reply.
    Refused(String),
}

/// The mail server, as configured.
pub(super) struct Relay {
    host: String,
    port: u16,
    encryption: Encryption,
    tls: TlsParameters,
    hello: ClientId,
    credentials: Option<Credentials>,
    connect_timeout: Duration,
    send_timeout: Duration,
}

impl Relay {
    /// # Errors
    /// [`SettingsError`] when the authority cannot be used.
    pub(super) fn new(settings: &MailSettings) -> Result<Self, SettingsError> {
        let mut tls = TlsParameters::builder(settings.host.clone()).set_min_tls_version(TlsVersion::Tlsv12);
        if let Some(authority) = &settings.ca_pem {
            // With an authority of one's own no other is believed.
            let fault = |why: &dyn std::fmt::Display| SettingsError { field: "mail.ca", why: why.to_string() };
            let certificates = openssl::x509::X509::stack_from_pem(authority).map_err(|why| fault(&why))?;
            if certificates.is_empty() {
                return Err(fault(&"no PEM certificate in it"));
            }
            tls = tls.certificate_store(CertificateStore::None);
            for certificate in certificates {
                let der = certificate.to_der().map_err(|why| fault(&why))?;
                tls = tls.add_root_certificate(Certificate::from_der(der).map_err(|why| fault(&why))?);
            }
        }
        let tls = tls.build().map_err(|why| SettingsError { field: "mail.smtp", why: why.to_string() })?;
        let credentials = settings.credentials.as_ref();
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            encryption: settings.encryption,
            tls,
            hello: ClientId::Domain(settings.hello_name.clone()),
            credentials: credentials
                .map(|(user, password)| Credentials::new(user.clone(), password.expose().to_owned())),
            connect_timeout: settings.connect_timeout,
            send_timeout: settings.send_timeout,
        })
    }

    /// Tries once. Takes no longer than both timeouts together.
    pub(super) async fn deliver(&self, envelope: &Envelope, message: &[u8]) -> Verdict {
        let connected = tokio::time::timeout(self.connect_timeout, self.connect());
        let mut connection = match connected.await {
            Ok(Ok(connection)) => connection,
            Ok(Err(trouble)) => return Verdict::Later(trouble),
            Err(_) => return Verdict::Later(self.too_slow("connection, encryption and log-in", self.connect_timeout)),
        };
        let verdict = match tokio::time::timeout(self.send_timeout, connection.send(envelope, message)).await {
            Ok(Ok(response)) => Verdict::Accepted(reply_of(&response)),
            Ok(Err(error)) => judge(&error),
            Err(_) => return Verdict::Later(self.too_slow("taking over the mail", self.send_timeout)),
        };
        // It has the mail, or not: how the goodbye goes changes nothing.
        let _ = tokio::time::timeout(Duration::from_secs(2), connection.abort()).await;
        verdict
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Trouble> {
        let from_the_start = (self.encryption == Encryption::Tls).then(|| self.tls.clone());
        let address = (self.host.as_str(), self.port);
        let timeout = Some(self.connect_timeout);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, timeout, &self.hello, from_the_start, None)
            .await
            .map_err(|error| trouble(&error, TroubleKind::Unreachable))?;
        if self.encryption == Encryption::StartTls {
            if !connection.can_starttls() {
                let detail = format!("{}:{} offers no STARTTLS", self.host, self.port);
                return Err(Trouble { kind: TroubleKind::NoStartTls, detail });
            }
            connection
                .starttls(self.tls.clone(), &self.hello)
                .await
                .map_err(|error| trouble(&error, TroubleKind::Tls))?;
        }
        if let Some(credentials) = &self.credentials {
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], credentials)
                .await
                .map_err(|error| trouble(&error, TroubleKind::LogIn))?;
        }
        Ok(connection)
    }

    fn too_slow(&self, what: &str, patience: Duration) -> Trouble {
        let detail = format!("{}:{}: {what} took more than {} s", self.host, self.port, patience.as_secs());
        Trouble { kind: TroubleKind::TimedOut, detail }
    }
}

/// What a failed step before the mail itself was about. None of them says anything about this mail.
fn trouble(error: &Error, expected: TroubleKind) -> Trouble {
    let kind = if is_tls(error) {
        TroubleKind::Tls
    } else if error.is_timeout() {
        TroubleKind::TimedOut
    } else if error.is_permanent() || error.is_client() {
        expected
    } else if error.is_transient() {
        TroubleKind::PutOff
    } else {
        TroubleKind::Unreachable
    };
    Trouble { kind, detail: words_of(error) }
}

/// Whether encryption failed. The library files a failed handshake under its connection errors; what OpenSSL said stands
/// behind them.
fn is_tls(error: &Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<openssl::error::ErrorStack>() {
            return true;
        }
        source = cause.source();
    }
    error.is_tls()
}

/// What a failed sending was about.
fn judge(error: &Error) -> Verdict {
    let about_us = error.status().is_some_and(|code| ABOUT_US.contains(&u16::from(code)));
    match error {
        error if about_us => Verdict::Later(Trouble { kind: TroubleKind::LogIn, detail: words_of(error) }),
        error if error.is_permanent() => Verdict::Refused(words_of(error)),
        // An address that needs SMTPUTF8 from a server that has none: it will have none tomorrow.
        error if error.is_client() => Verdict::Refused(words_of(error)),
        error => Verdict::Later(trouble(error, TroubleKind::Unreachable)),
    }
}

/// A negative reply as the server wrote it; of other errors the whole chain.
fn words_of(error: &Error) -> String {
    if let (Some(code), Some(text)) = (error.status(), error.source()) {
        return tidy(&format!("{code} {text}"));
    }
    tidy(&error.to_string())
}

fn reply_of(response: &Response) -> String {
    tidy(&format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" ")))
}

/// One line, not too long: it comes from another machine.
fn tidy(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REPLY_CHARS).collect();
    line.trim().to_owned()
}

/// The status codes of a reply, e.g. `550 5.1.1`: what the register keeps. The rest may quote the address.
pub(super) fn codes_of(reply: &str) -> Option<String> {
    let mut words = reply.split_whitespace();
    let code = words.next().filter(|word| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()))?;
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let enhanced = words.next().filter(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        matches!(parts[..], [class, subject, detail] if code.starts_with(class) && is_number(subject) && is_number(detail))
    });
    Some(enhanced.map_or_else(|| code.to_owned(), |enhanced| format!("{code} {enhanced}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a3_7_of_a_reply_the_register_gets_the_codes_and_never_the_address() {
        for (reply, codes) in [
            ("250 2.0.0 Ok: queued as 4F2A", Some("250 2.0.0")),
            ("550 5.1.1 <d.durand@example.org>: Recipient address rejected", Some("550 5.1.1")),
            ("451 d.durand@example.org is greylisted", Some("451")),
            ("550 2.1.1 of another class", Some("550")),
            ("250", Some("250")),
            ("550 5.1.1111 x", Some("550")),
            ("network error: connection reset", None),
            ("", None),
        ] {
            assert_eq!(codes_of(reply).as_deref(), codes, "{reply}");
        }
    }

    #[test]
    fn replies_become_one_short_line() {
        assert_eq!(tidy("250 ok\r\n\u{1b}[31mred "), "250 ok   [31mred");
        assert_eq!(tidy(&"x".repeat(5_000)).len(), MAX_REPLY_CHARS);
    }
}
