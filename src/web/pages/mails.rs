//! The demo's mails (`GET /demo/mails?to=ADDRESS`): what the outbox holds, shown as text, with links as buttons.

use super::{Banner, Locale, Shell};
use askama::Template;
use chrono::{DateTime, Utc};

/// One mail.
#[derive(Debug, Clone)]
pub struct MailRow {
    /// Identifier.
    pub id: String,
    /// Name of the addressee.
    pub to_name: String,
    /// Address.
    pub to_address: String,
    /// Subject line.
    pub subject: String,
    /// Plain text; links in it become buttons when they lead to this server.
    pub text: String,
    /// When it was queued, UTC.
    pub queued_at_utc: DateTime<Utc>,
}

/// The demo's mails.
#[derive(Debug, Clone, Default)]
pub struct MailsView {
    /// Mails, newest first, of the chosen addressee or of all.
    pub mails: Vec<MailRow>,
    /// All addressees (name, address) with the number of their mails.
    pub recipients: Vec<(String, String, usize)>,
    /// The chosen addressee's address; `None`: all.
    pub chosen: Option<String>,
    /// Base of this server's URLs, without a trailing slash: only links below it become buttons.
    pub public_url: String,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &MailsView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "mails.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a MailsView,
    l: Locale,
}

impl MailsView {
    /// A mail's text in paragraphs, and the paths of ours it links to.
    fn paragraphs(&self, mail: &MailRow) -> Vec<Paragraph> {
        mail.text
            .split("\n\n")
            .map(|text| self.paragraph(text.trim()))
            .filter(|p| !p.text.is_empty() || p.path.is_some())
            .collect()
    }

    fn paragraph(&self, text: &str) -> Paragraph {
        // Our own mails put a link's words before it: "Voir la demande: https://...".
        if let Some(at) = text.find(self.public_url.as_str())
            && !self.public_url.is_empty()
        {
            let path: String = text[at + self.public_url.len()..].chars().take_while(|c| !c.is_whitespace()).collect();
            if path.starts_with('/') && !path.starts_with("//") {
                let words = text[..at].trim().trim_end_matches(':').trim().to_owned();
                return Paragraph { text: words, path: Some(path) };
            }
        }
        Paragraph { text: text.to_owned(), path: None }
    }
}

struct Paragraph {
    text: String,
    path: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_this_server_become_buttons() {
        let view = MailsView { public_url: "https://ecluse.example".to_owned(), ..MailsView::default() };
        let ours = view.paragraph("Voir la demande: https://ecluse.example/tickets/1");
        assert_eq!((ours.text.as_str(), ours.path.as_deref()), ("Voir la demande", Some("/tickets/1")));
        for other in
            ["https://ecluse.example.evil/x", "https://ecluse.example//evil", "http://elsewhere/", "javascript:x"]
        {
            assert_eq!(view.paragraph(other).path, None, "{other}");
        }
    }
}
