//! The one written form of an instant: UTC, RFC 3339, always six decimals and `Z`, e.g. `2026-11-24T03:55:34.012000Z`.
//! A fixed form keeps the register's lines canonical: one instant, one spelling.

use chrono::{DateTime, Datelike, NaiveDateTime, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

const FORM: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// `at` without what the written form cannot hold (below a microsecond).
pub fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

/// Whether the written form has room for it: years of four digits. Everybody's instant is asked this before it comes near
/// the register.
pub fn is_writable(at: DateTime<Utc>) -> bool {
    (0..=9999).contains(&at.year())
}

pub(crate) fn serialize<S: Serializer>(at: &DateTime<Utc>, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&at.format(FORM))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(from)?;
    match NaiveDateTime::parse_from_str(&text, FORM) {
        // The one spelling, whatever the year: what was once written down can be read.
        Ok(at) if at.and_utc().format(FORM).to_string() == text => Ok(at.and_utc()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(serde::Serialize, Deserialize, PartialEq, Debug)]
    struct One(#[serde(with = "super")] DateTime<Utc>);

    #[test]
    fn one_instant_has_one_spelling() {
        for text in ["2026-11-24T03:55:34.012Z", "2026-11-24T03:55:34.012000+00:00", "02026-11-24T03:55:34.012000Z"] {
            assert!(serde_json::from_str::<One>(&format!("\"{text}\"")).is_err(), "{text}");
        }
        assert!(!is_writable("-0001-12-31T23:00:00Z".parse().unwrap()));
        assert!(!is_writable("+10000-01-01T00:00:00Z".parse().unwrap()));
        assert!(is_writable("9999-12-31T23:59:59Z".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn fault_12_what_is_written_is_read_back_whatever_the_year(us in i64::MIN / 4..i64::MAX / 4) {
            let one = One(DateTime::from_timestamp_micros(us).unwrap());
            let text = serde_json::to_string(&one).unwrap();
            prop_assert_eq!(serde_json::from_str::<One>(&text).unwrap(), one);
        }
    }
}
