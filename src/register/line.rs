//! One entry as one line: RFC 8785 canonical JSON (JCS), UTF-8, ended by one line feed.
//!
//! `{"actor":..,"at_utc":..,"event":{..},"prev":"<64 hex>","seq":N}`: keys sorted, no blanks, numbers are integers of at
//! most 2^53 - 1 in size, instants in the one form of [`crate::domain::instant`]. `prev` is the RFC 6962 leaf hash of
//! the line before (64 zeros in the first): `SHA-256(0x00 || line without its line feed)`. So each line is the Merkle
//! leaf of the tree that comes on top, and what is decided can be recomputed by anybody with a JSON library.

use super::hex;
use crate::domain::Entry;
use openssl::sha::Sha256;
use serde_json::{Map, Value};
use std::fmt;

/// Longest line, line feed included, bytes.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;
/// Largest integer that every JSON reader keeps exact.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// RFC 6962 leaf hash of a line; what the next line is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafHash(pub [u8; 32]);

impl LeafHash {
    /// What the first line is chained to.
    pub const START: LeafHash = LeafHash([0; 32]);

    /// The hash of a line, without its line feed.
    pub fn of(line: &[u8]) -> Self {
        let mut sha = Sha256::new();
        sha.update(&[0]);
        sha.update(line);
        Self(sha.finish())
    }
}

impl fmt::Display for LeafHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What is wrong with a line taken by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Not JSON, or not an object.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// JSON, but not in the one canonical spelling.
    #[error("not in canonical form (RFC 8785): {0}")]
    NotCanonical(String),
    /// A field of the frame is missing or of the wrong kind.
    #[error("field \"{0}\" is missing or malformed")]
    Field(&'static str),
    /// The event is none that this version knows.
    #[error("an entry this version does not know (written by a newer one?): {0}")]
    UnknownEntry(String),
}

/// A line, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) entry: Entry,
    pub(super) prev: String,
}

/// Writes an entry as a line, without its line feed.
///
/// # Errors
/// [`LineFault::NotCanonical`] when a number cannot be written exactly; no event of ours can hold one in practice.
pub(super) fn encode(entry: &Entry, prev: &LeafHash) -> Result<Vec<u8>, LineFault> {
    let mut frame = object(entry)?;
    frame.insert("prev".to_owned(), Value::String(prev.to_string()));
    let mut line = Vec::with_capacity(512);
    canonical(&Value::Object(frame), &mut line)?;
    Ok(line)
}

/// Whether an entry can be written down and read again as it is.
///
/// # Errors
/// Why not.
pub(crate) fn can_be_recorded(entry: &Entry) -> Result<(), LineFault> {
    let line = encode(entry, &LeafHash::START)?;
    if line.len() >= MAX_LINE_BYTES {
        return Err(LineFault::NotCanonical(format!("it has {} bytes, at most {MAX_LINE_BYTES} fit", line.len())));
    }
    match decode(&line)?.entry == *entry {
        true => Ok(()),
        false => Err(LineFault::UnknownEntry("it reads otherwise than it was meant".to_owned())),
    }
}

/// Reads a line, without its line feed, strictly: only what [`encode`] writes is accepted.
pub(super) fn decode(line: &[u8]) -> Result<Line, LineFault> {
    let value: Value = serde_json::from_slice(line).map_err(|why| LineFault::NotJson(why.to_string()))?;
    let mut spelled = Vec::with_capacity(line.len());
    canonical(&value, &mut spelled)?;
    if spelled != line {
        return Err(LineFault::NotCanonical("keys, blanks, numbers or escapes are spelled differently".to_owned()));
    }
    let Value::Object(mut frame) = value else { return Err(LineFault::NotJson("not an object".to_owned())) };
    let Some(Value::String(prev)) = frame.remove("prev") else { return Err(LineFault::Field("prev")) };
    if !frame.get("seq").is_some_and(Value::is_u64) {
        return Err(LineFault::Field("seq"));
    }
    let entry: Entry =
        serde_json::from_value(Value::Object(frame.clone())).map_err(|why| LineFault::UnknownEntry(why.to_string()))?;
    if object(&entry)? != frame {
        return Err(LineFault::UnknownEntry("it has fields this version would drop".to_owned()));
    }
    Ok(Line { entry, prev })
}

/// A line of a register or of an extract from it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    /// An entry.
    Whole(Box<Line>),
    /// An extract withholds this entry and tells the leaf hash of its line, so that chain and tree stay verifiable.
    Withheld { seq: u64, leaf: LeafHash },
}

/// Reads a line of an extract: an entry, or the stand-in of one that is withheld.
pub(super) fn read(line: &[u8]) -> Result<Read, LineFault> {
    match withheld_in(line) {
        Some(withheld) => Ok(withheld),
        None => Ok(Read::Whole(Box::new(decode(line)?))),
    }
}

/// Whether a line is the stand-in of an entry that was withheld or purged.
pub(super) fn is_withheld(line: &[u8]) -> bool {
    withheld_in(line).is_some()
}

/// The leaf hash of the register's line: that of an entry is computed, a stand-in tells it.
pub(super) fn leaf_of(line: &[u8]) -> LeafHash {
    match withheld_in(line) {
        Some(Read::Withheld { leaf, .. }) => leaf,
        _ => LeafHash::of(line),
    }
}

/// What an extract says instead of an entry it withholds, without a line feed.
pub fn withheld(seq: u64, leaf: &LeafHash) -> Vec<u8> {
    format!("{{\"leaf\":\"{leaf}\",\"seq\":{seq}}}").into_bytes()
}

fn withheld_in(line: &[u8]) -> Option<Read> {
    let rest = std::str::from_utf8(line).ok()?.strip_prefix("{\"leaf\":\"")?;
    let (leaf, rest) = rest.split_at_checked(64)?;
    let seq = rest.strip_prefix("\",\"seq\":")?.strip_suffix('}')?.parse().ok()?;
    let leaf = LeafHash(super::unhex(leaf)?);
    (withheld(seq, &leaf) == line).then_some(Read::Withheld { seq, leaf })
}

fn object(entry: &Entry) -> Result<Map<String, Value>, LineFault> {
    match serde_json::to_value(entry) {
        Ok(Value::Object(frame)) => Ok(frame),
        Ok(_) => Err(LineFault::NotJson("not an object".to_owned())),
        Err(why) => Err(LineFault::NotJson(why.to_string())),
    }
}

/// RFC 8785. Written out here because a map's order in `serde_json` depends on a feature that any crate may switch on.
fn canonical(value: &Value, out: &mut Vec<u8>) -> Result<(), LineFault> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_none_or(|size| size > MAX_INTEGER) {
                return Err(LineFault::NotCanonical(format!("number {number}: integers up to 2^53 - 1 only")));
            }
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                canonical(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            out.push(b'{');
            for (n, (key, item)) in fields.into_iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                string(key, out);
                out.push(b':');
                canonical(item, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// RFC 8785, 3.2.2.2: only what must be escaped is, each in its one way.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            c if c < ' ' => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, CloseCause, Event};
    use chrono::DateTime;
    use serde_json::json;

    fn entry() -> Entry {
        Entry {
            seq: 7,
            at_utc: DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
            actor: Actor::Person("op-1".parse().unwrap()),
            event: Event::Closed {
                ticket: uuid::Uuid::from_u128(5).into(),
                cause: CloseCause::InterruptedByLandlord { why: "é \"\n\u{1}\u{7f}\u{2028}😀".to_owned() },
                closed_at_utc: DateTime::from_timestamp_micros(1_700_000_000_000_000).unwrap(),
                flowed_ms: 12,
                cut_us: None,
            },
        }
    }

    #[test]
    fn the_exact_form_is_settled() {
        let line = encode(&entry(), &LeafHash::START).unwrap();
        let expected = concat!(
            r#"{"actor":{"kind":"person","person":"op-1"},"at_utc":"2023-11-14T22:13:20.000001Z","event":{"cause":"#,
            r#"{"cause":"interrupted-by-landlord","why":"é \"\n\u0001"#,
            "\u{7f}\u{2028}😀",
            r#""},"closed_at_utc":"2023-11-14T22:13:20.000000Z","flowed_ms":12,"#,
            r#""ticket":"00000000-0000-0000-0000-000000000005","type":"closed"},"#,
            r#""prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":7}"#
        );
        assert_eq!(String::from_utf8(line.clone()).unwrap(), expected);
        assert_eq!(decode(&line).unwrap().entry, entry());
        // RFC 6962: the leaf hash is over a zero byte and the line.
        assert_eq!(LeafHash::of(b"").to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn one_spelling_only() {
        let line = String::from_utf8(encode(&entry(), &LeafHash::START).unwrap()).unwrap();
        let spellings = [
            line.replace("\"seq\":7", "\"seq\": 7"),
            line.replace("\"seq\":7", "\"seq\":7.0"),
            line.replace("\"seq\":7", "\"seq\":07"),
            line.replace("\"seq\":7", "\"seq\":7,\"seq\":7"),
            line.replace("\\u0001", "\\u0001\\u0041"),
            line.replace('é', "\\u00e9"),
            line.replace(".000001Z", ".000001+00:00"),
            line.replace(".000001Z", ".1Z"),
            line.replace("\"flowed_ms\":12", "\"flowed_ms\":12,\"note\":1"),
            line.replace("\"type\":\"closed\"", "\"type\":\"reopened\""),
            line.replace("\"seq\":7", "\"seq\":9007199254740992"),
            line.replace("\"prev\"", "\"Prev\""),
            format!("{line} "),
            format!("[{line}]"),
            String::new(),
        ];
        for spelling in spellings {
            assert_ne!(spelling, line);
            assert!(decode(spelling.as_bytes()).is_err(), "{spelling}");
        }
        assert!(decode(&[b'{', 0xff, b'}']).is_err());
    }

    #[test]
    fn keys_sort_by_utf16_as_rfc_8785_says() {
        let mut out = Vec::new();
        canonical(&json!({"\u{fb33}": 1, "😀": 2, "ö": 3, "1": 4, "\r": -5}), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"\\r\":-5,\"1\":4,\"ö\":3,\"😀\":2,\"\u{fb33}\":1}");
        assert!(canonical(&json!(1.5), &mut Vec::new()).is_err());
    }
}
