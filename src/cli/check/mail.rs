//! The mail server's files; and whether there is a mail server at all (A3-7, A6-6).

use crate::config::{Config, ConfigFault, Loaded, MailConfig};
use openssl::x509::X509;

/// Every fault of `[mail]` that its text alone does not show.
pub(super) fn faults(config: &Config, loaded: &Loaded) -> Vec<ConfigFault> {
    let Some(mail) = &config.mail else {
        return vec![ConfigFault::warning(
            "no [mail]: nobody at the landlord is told of a request, and no operator gets a link",
            "a mail server: the landlord's people must be mailed (A3-7, A6-6)",
            "add a [mail] section; until then mails wait in the outbox, and the register says so",
        )];
    };
    let mut found = Vec::new();
    password_file(mail, loaded, &mut found);
    authority(mail, loaded, &mut found);
    found
}

fn password_file(mail: &MailConfig, loaded: &Loaded, found: &mut Vec<ConfigFault>) {
    let Some(path) = &mail.password_file else { return };
    let trouble = match std::fs::read_to_string(path) {
        Err(error) => Some(error.to_string()),
        Ok(text) if text.lines().next().unwrap_or_default().trim_end().is_empty() => {
            Some("its first line is empty".to_owned())
        }
        Ok(_) => None,
    };
    let fault = match trouble {
        Some(trouble) => ConfigFault::error(
            format!("mail.password_file {}: {trouble}", path.display()),
            "a readable file whose first line is the password of mail.user",
            "write the password the mail server knows into it; chmod 0600 FILE",
        ),
        None if super::certificates::open_to_others(path) => ConfigFault::error(
            format!("mail.password_file {} can be read by every user", path.display()),
            "mode 0600 or 0640",
            format!("chmod 0600 {}", path.display()),
        ),
        None => return,
    };
    found.push(fault.at(loaded.position(&["mail", "password_file"])));
}

fn authority(mail: &MailConfig, loaded: &Loaded, found: &mut Vec<ConfigFault>) {
    let Some(path) = &mail.ca else { return };
    let trouble = match std::fs::read(path) {
        Err(error) => error.to_string(),
        Ok(pem) => match X509::stack_from_pem(&pem) {
            Ok(certificates) if !certificates.is_empty() => return,
            _ => "no PEM certificate in it".to_owned(),
        },
    };
    found.push(
        ConfigFault::error(
            format!("mail.ca {}: {trouble}", path.display()),
            "the PEM of the authority the mail server's certificate comes from",
            "check the path; remove the line if it is one the system believes anyway",
        )
        .at(loaded.position(&["mail", "ca"])),
    );
}
