//! Who looked at recordings or took some out lately (A4-10, A5-6), folded from the register: so that the next one who
//! looks is shown it beside the images, without the register being read through for each page.
//!
//! Kept for as long as footage may exist and no longer. Older acts stand in the register, where all of them do.

use super::command::Actor;
use super::event::{Entry, Event};
use super::excerpt::Excerpt;
use super::footage::MAX_RETENTION_DAYS;
use super::ids::{PersonId, SiteId};
use chrono::{DateTime, TimeDelta, Utc};
use imbl::OrdMap;
use std::sync::Arc;

/// How far back they are kept: what was seen earlier is gone, but for what a requisition holds.
const KEPT: TimeDelta = TimeDelta::days(MAX_RETENTION_DAYS as i64);

/// One viewing or one export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieval {
    /// When, UTC.
    pub at_utc: DateTime<Utc>,
    /// Who.
    pub by: PersonId,
    /// Which images.
    pub footage: Excerpt,
    /// What an export was for; `None`: the images were looked at.
    pub reference: Option<String>,
}

/// The latest of them, in the order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Retrievals {
    /// By time, then by the entry's number: a clock that was set forward does not keep the others from going.
    latest: OrdMap<(DateTime<Utc>, u64), Arc<Retrieval>>,
}

impl Retrievals {
    /// Those that concern a site's day, or any other stretch of time: made within it, or of images taken within it.
    pub fn concerning(
        &self,
        site: &SiteId,
        from_utc: DateTime<Utc>,
        until_utc: DateTime<Utc>,
    ) -> impl Iterator<Item = &Retrieval> {
        // Images are looked at after they were taken: nothing that came before concerns it.
        self.latest.range((from_utc, 0)..).map(|(_, retrieval)| retrieval.as_ref()).filter(move |retrieval| {
            let of_it = retrieval.footage.from_utc < until_utc && retrieval.footage.until_utc > from_utc;
            retrieval.footage.site == *site && (of_it || retrieval.at_utc < until_utc)
        })
    }

    /// Folds one entry in; what is neither a viewing nor an export changes nothing.
    pub(super) fn apply(&mut self, entry: &Entry) {
        let (footage, reference) = match &entry.event {
            Event::FootageViewed { footage, .. } => (footage.clone(), None),
            Event::FootageExported { footage, reference, .. } => (footage.clone(), Some(reference.clone())),
            _ => return,
        };
        let Actor::Person(by) = &entry.actor else { return };
        let at_utc = entry.at_utc;
        while let Some((oldest, _)) = self.latest.get_min().filter(|((made, _), _)| at_utc - *made > KEPT) {
            let oldest = *oldest;
            self.latest.remove(&oldest);
        }
        let retrieval = Retrieval { at_utc, by: by.clone(), footage, reference };
        self.latest.insert((at_utc, entry.seq), Arc::new(retrieval));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{State, ViewingId};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// A viewing of ten minutes of the hall, or an export of it.
    fn act(state: &mut State, made: &str, taken: &str, reference: Option<&str>) {
        let (cameras, from_utc) = (vec!["hall".parse().unwrap()], at(taken));
        let site = "arcade".parse().unwrap();
        let footage = Excerpt { site, cameras, from_utc, until_utc: from_utc + TimeDelta::minutes(10) };
        let event = match reference {
            None => Event::FootageViewed { viewing: ViewingId::generate(), footage },
            Some(reference) => {
                let export = super::super::ids::ExportId::generate();
                Event::FootageExported { export, footage, reference: reference.to_owned() }
            }
        };
        let actor = Actor::Person("decider".parse().unwrap());
        state.apply(&Entry { seq: state.next_seq, at_utc: at(made), actor, event });
    }

    fn of_day(state: &State, site: &str, day: &str) -> Vec<(DateTime<Utc>, Option<String>)> {
        let from = at(&format!("{day}T00:00:00Z"));
        let site = site.parse().unwrap();
        let found = state.retrievals.concerning(&site, from, from + TimeDelta::days(1));
        found.map(|retrieval| (retrieval.at_utc, retrieval.reference.clone())).collect()
    }

    #[test]
    fn a5_6_a_day_knows_what_was_done_on_it_and_what_was_done_with_its_images() {
        let mut state = State::default();
        act(&mut state, "2026-11-20T10:00:00Z", "2026-11-20T09:00:00Z", None);
        act(&mut state, "2026-11-24T10:00:00Z", "2026-11-20T23:55:00Z", Some("PV 12"));
        let (looked, taken) = (at("2026-11-20T10:00:00Z"), at("2026-11-24T10:00:00Z"));
        let exported = (taken, Some("PV 12".to_owned()));
        assert_eq!(of_day(&state, "arcade", "2026-11-20"), [(looked, None), exported.clone()]);
        assert_eq!(
            of_day(&state, "arcade", "2026-11-21"),
            std::slice::from_ref(&exported),
            "the stretch goes over midnight"
        );
        assert_eq!(of_day(&state, "arcade", "2026-11-24"), [exported], "made on it");
        for (site, day) in [("arcade", "2026-11-19"), ("arcade", "2026-11-22"), ("quai", "2026-11-20")] {
            assert_eq!(of_day(&state, site, day), [], "{site} {day}");
        }
    }

    #[test]
    fn a5_4_they_are_forgotten_when_the_footage_is_gone_whatever_the_clock_did() {
        let mut state = State::default();
        act(&mut state, "2026-11-01T10:00:00Z", "2026-11-01T09:00:00Z", None);
        act(&mut state, "2030-01-01T00:00:00Z", "2026-11-01T09:00:00Z", None);
        assert_eq!(of_day(&state, "arcade", "2026-11-01").len(), 1, "the one of years later");
        act(&mut state, "2026-11-02T10:00:00Z", "2026-11-02T09:00:00Z", None);
        act(&mut state, "2026-12-02T09:59:59Z", "2026-12-02T09:00:00Z", None);
        assert_eq!(of_day(&state, "arcade", "2026-11-02").len(), 1);
        act(&mut state, "2026-12-02T10:00:01Z", "2026-12-02T09:00:00Z", None);
        assert_eq!(of_day(&state, "arcade", "2026-11-02"), []);
        assert_eq!(of_day(&state, "arcade", "2026-12-02").len(), 2);
    }
}
