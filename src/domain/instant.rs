//! The one written form of an instant: UTC, RFC 3339, always six decimals and `Z`, e.g. `2026-11-24T03:55:34.012000Z`.
//! A fixed form keeps the register's lines canonical: one instant, one spelling.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

const FORM: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// `at` without what the written form cannot hold (below a microsecond).
pub fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

pub(crate) fn serialize<S: Serializer>(at: &DateTime<Utc>, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&at.format(FORM))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(from)?;
    match NaiveDateTime::parse_from_str(&text, FORM) {
        Ok(at) if text.len() == "2026-11-24T03:55:34.012000Z".len() => Ok(at.and_utc()),
        _ => Err(D::Error::custom(format!("instant \"{text}\": expected the form 2026-11-24T03:55:34.012000Z"))),
    }
}

/// The same for an instant that may be absent.
pub(crate) mod option {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(at: &Option<DateTime<Utc>>, out: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::serialize(at, out),
            None => out.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
        #[derive(Deserialize)]
        struct Plain(#[serde(with = "super")] DateTime<Utc>);
        Ok(Option::<Plain>::deserialize(from)?.map(|plain| plain.0))
    }
}
