//! Styles, scripts and icons, embedded into the program (in debug builds as well, so that a binary is complete wherever
//! it runs) and served under `/static/` with an ETag of their content.

use rust_embed::RustEmbed;
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "web/static/"]
struct Files;

/// One embedded file.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
    /// Value of `Content-Type`.
    pub content_type: String,
    /// Value of `ETag`, quotes included: the first 16 bytes of the content's SHA-256.
    pub etag: String,
}

/// Value of `Cache-Control` for every asset: kept, but asked for again each time, which the ETag makes cheap. Module
/// scripts import each other by plain names, so a hash in the URL would not reach them all.
pub const CACHE_CONTROL: &str = "no-cache";

/// The asset of that path below `/static/`, e.g. `css/ecluse.css`; `None` when there is none.
pub fn get(path: &str) -> Option<Asset> {
    let file = Files::get(path)?;
    let hash = file.metadata.sha256_hash();
    let etag = hash[..16].iter().fold(String::from("\""), |text, byte| text + &format!("{byte:02x}")) + "\"";
    Some(Asset { content_type: content_type(path).to_owned(), etag, bytes: file.data })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
