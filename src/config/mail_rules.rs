//! What the shape alone cannot say about `[mail]`.

use super::fault::{ConfigFault, locate};
use super::schema::{MailConfig, SmtpScheme};

/// Seconds that a timeout may have.
const TIMEOUT_S: std::ops::RangeInclusive<u64> = 1..=600;

/// Every fault of a `[mail]` section whose shape is right.
pub(super) fn faults(mail: &MailConfig, text: &str, found: &mut Vec<ConfigFault>) {
    let mut error = |key: &str, what: String, expected: &str, remedy: &str| {
        found.push(ConfigFault::error(what, expected, remedy).at(locate(text, &["mail", key])));
    };
    if mail.from.parse::<lettre::message::Mailbox>().is_err() {
        error(
            "from",
            format!("mail.from is \"{}\"", mail.from),
            "an e-mail address, with or without a name: \"Écluse <ecluse@example.org>\"",
            "write the address mails come from; the mail server must accept it as this user's",
        );
    }
    match (&mail.user, &mail.password_file) {
        (Some(_), None) => error(
            "user",
            "mail.user is set without mail.password_file".to_owned(),
            "user and password_file together, or neither",
            "write the password into a file readable by the server alone, and name it here",
        ),
        (None, Some(_)) => error(
            "password_file",
            "mail.password_file is set without mail.user".to_owned(),
            "user and password_file together, or neither",
            "add user = \"...\"",
        ),
        _ => {}
    }
    if mail.allow_plain {
        if mail.smtp.scheme == SmtpScheme::Smtps {
            error(
                "allow_plain",
                "mail.allow_plain is set, and mail.smtp is smtps://".to_owned(),
                "one of them: encrypted or not",
                "remove allow_plain",
            );
        } else if !mail.smtp.is_loopback() {
            error(
                "allow_plain",
                format!("mail.allow_plain is set for {}, which is not this machine", mail.smtp.host),
                "allow_plain for a test relay on a loopback address alone",
                "remove allow_plain: names, addresses and the password would cross the network in the clear",
            );
        }
    }
    if let Some(name) = &mail.hello_name
        && (name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || ".-[]:".contains(c)))
    {
        error(
            "hello_name",
            format!("mail.hello_name is \"{name}\""),
            "a host name, such as \"ecluse.example.org\"",
            "write this machine's full name, or remove the line",
        );
    }
    for (key, seconds) in [("connect_timeout_s", mail.connect_timeout_s), ("send_timeout_s", mail.send_timeout_s)] {
        if !TIMEOUT_S.contains(&seconds) {
            error(
                key,
                format!("mail.{key} is {seconds}"),
                "1 to 600 seconds",
                "15 for the connection and 60 for a mail suit most mail servers",
            );
        }
    }
}
