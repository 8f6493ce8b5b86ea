//! How the courier reaches the mail server: `[mail]` of the configuration with its files read.

use crate::config::{Config, MailConfig, Secret, SmtpScheme};
use lettre::message::Mailbox;
use std::time::Duration;

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte (`smtps://`).
    Tls,
    /// STARTTLS, required: without it nothing is sent (`smtp://`).
    StartTls,
    /// None at all; only for a test relay on this very machine.
    None,
}

/// The mail server and how to speak to it.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// Sender of every mail.
    pub from: Mailbox,
    /// Host of the mail server; its certificate must name it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// User and password.
    pub credentials: Option<(String, Secret)>,
    /// PEM of the only authorities believed; `None`: the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// What this server calls itself (`EHLO`).
    pub hello_name: String,
    /// For connection, encryption and log-in together.
    pub connect_timeout: Duration,
    /// For one mail, from the first command to the reply.
    pub send_timeout: Duration,
}

/// Why the mail server cannot be used as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct SettingsError {
    /// Which key.
    pub field: &'static str,
    /// What is wrong.
    pub why: String,
}

impl MailSettings {
    /// Reads the files `[mail]` names; `None` when there is no such section.
    ///
    /// # Errors
    /// [`SettingsError`] names the key. `ecluse check` says the same with more words.
    pub fn from_config(config: &Config) -> Result<Option<Self>, SettingsError> {
        config.mail.as_ref().map(|mail| Self::read(mail, &config.https.public_url)).transpose()
    }

    fn read(mail: &MailConfig, public_url: &str) -> Result<Self, SettingsError> {
        let from = mail
            .from
            .parse()
            .map_err(|why: lettre::address::AddressError| SettingsError { field: "mail.from", why: why.to_string() })?;
        let credentials = match (&mail.user, &mail.password_file) {
            (Some(user), Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|why| SettingsError {
                    field: "mail.password_file",
                    why: format!("{}: {why}", path.display()),
                })?;
                Some((user.clone(), Secret::new(text.lines().next().unwrap_or_default().trim_end())))
            }
            _ => None,
        };
        let ca_pem = match &mail.ca {
            Some(path) => Some(
                std::fs::read(path)
                    .map_err(|why| SettingsError { field: "mail.ca", why: format!("{}: {why}", path.display()) })?,
            ),
            None => None,
        };
        let encryption = match mail.smtp.scheme {
            SmtpScheme::Smtps => Encryption::Tls,
            SmtpScheme::Smtp if mail.allow_plain => Encryption::None,
            SmtpScheme::Smtp => Encryption::StartTls,
        };
        Ok(Self {
            from,
            host: mail.smtp.host.clone(),
            port: mail.smtp.port,
            encryption,
            credentials,
            ca_pem,
            hello_name: mail.hello_name.clone().unwrap_or_else(|| host_of(public_url)),
            connect_timeout: Duration::from_secs(mail.connect_timeout_s),
            send_timeout: Duration::from_secs(mail.send_timeout_s),
        })
    }
}

/// The host of a URL, without its port.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => authority.to_owned(),
    }
}
