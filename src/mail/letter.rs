//! A queued mail as an Internet message: text and HTML, stable in what identifies it.
//!
//! The `Message-ID` is made from the mail's identifier, so that a mail sent twice (a crash between the server's reply and
//! our note of it) is recognisable as one. It carries the ticket's identifier besides: another installation, or this one
//! after its register was started anew, must not repeat it, or mailboxes would swallow the new mail as a duplicate.

use crate::store::Mail;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use std::time::SystemTime;

/// Writes a mail out.
///
/// # Errors
/// What makes it unwritable: an address that is none.
pub(super) fn write(mail: &Mail, from: &Mailbox) -> Result<(Envelope, Vec<u8>), String> {
    let to: Address = mail.to_address.parse().map_err(|why: lettre::address::AddressError| why.to_string())?;
    let raw = |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
    let message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject.as_str())
        .date(SystemTime::from(mail.queued_at_utc))
        .message_id(Some(message_id(mail, from)))
        // Nobody's absence notice answers a machine (RFC 3834).
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"))
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|why| why.to_string())?;
    Ok((message.envelope().clone(), message.formatted()))
}

fn message_id(mail: &Mail, from: &Mailbox) -> String {
    let about = mail.ticket.map_or_else(String::new, |ticket| format!(".{ticket}"));
    format!("<{}{about}@{}>", mail.id, from.email.domain())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MailId, MailKind, TicketId};

    fn mail() -> Mail {
        let to: crate::domain::PersonId = "decider-1".parse().unwrap();
        Mail {
            id: MailId::about(42, &to),
            to_person: to,
            to_address: "d.durand@example.org".to_owned(),
            kind: MailKind::Requested,
            subject: "Demande d'accès\r\nBcc: everybody@example.org".to_owned(),
            text: "Bonjour é\r\n.\r\nQUIT".to_owned(),
            html: "<p>Bonjour é</p>".to_owned(),
            ticket: Some(TicketId::from(uuid::Uuid::from_u128(1))),
            queued_at_utc: "2026-10-25T00:30:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn what_identifies_a_mail_is_the_same_each_time_it_is_written() {
        let from: Mailbox = "Écluse <ecluse@example.org>".parse().unwrap();
        let texts: Vec<String> = (0..2)
            .map(|_| {
                let (envelope, message) = write(&mail(), &from).unwrap();
                assert_eq!(envelope.to()[0].to_string(), "d.durand@example.org");
                assert_eq!(envelope.from().unwrap().to_string(), "ecluse@example.org");
                String::from_utf8(message).unwrap()
            })
            .collect();
        for text in &texts {
            for line in [
                "Message-ID: <0000000000000042-decider-1.00000000-0000-0000-0000-000000000001@example.org>\r\n",
                "Date: Sun, 25 Oct 2026 00:30:00 +0000\r\n",
                "Auto-Submitted: auto-generated\r\n",
                "Content-Type: multipart/alternative",
            ] {
                assert!(text.contains(line), "{line} is missing in {text}");
            }
            assert!(text.is_ascii(), "every relay takes it");
            assert!(!text.to_lowercase().contains("\r\nbcc:"), "a subject adds no header: {text}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_named_not_sent() {
        let from: Mailbox = "ecluse@example.org".parse().unwrap();
        for address in ["", "nobody", "a@b@c d", "x@example.org\r\nRCPT TO:<y@example.org>"] {
            assert!(write(&Mail { to_address: address.to_owned(), ..mail() }, &from).is_err(), "{address}");
        }
    }
}
