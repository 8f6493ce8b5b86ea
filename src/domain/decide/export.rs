//! Taking the register out (A4-5, A4-10): who may, and that it is recorded.

use super::{designated, fault, faulty};
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::extract::{ExportFormat, RegisterFilter};
use crate::domain::instant::is_writable;
use crate::domain::person::Role;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::state::State;

pub(super) fn export(
    state: &State,
    actor: &Actor,
    format: ExportFormat,
    filter: &RegisterFilter,
) -> Result<Vec<Event>, Refusal> {
    let (_, place) = designated(state, actor)?;
    let mut faults = Vec::new();
    for (field, at) in [("since", filter.since_utc), ("until", filter.until_utc)] {
        if let Some(at) = at.filter(|at| !is_writable(*at)) {
            faults.push(fault(field, "no-instant", at, "a day or an instant, its year in four digits"));
        }
    }
    if !faults.is_empty() {
        return Err(faulty("filter-faulty", "the register cannot be filtered like this", faults));
    }
    match place.role {
        Role::Decider if filter.site.as_ref().is_some_and(|site| !place.sites.contains(site)) => {
            Err(Refusal::new(RefusalKind::NotFound, "unknown-site", "no such site"))
        }
        Role::Decider | Role::Dpo | Role::Administrator | Role::Auditor => {
            Ok(vec![Event::RegisterExported { format, filter: filter.clone() }])
        }
        Role::Operator | Role::Chief | Role::Guard => {
            Err(Refusal::new(RefusalKind::Forbidden, "not-your-role", "the register is not taken out by this role"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Designation, Entry};
    use std::collections::BTreeSet;

    #[test]
    fn a4_1_a4_5_those_who_read_the_register_take_it_out_and_a_decider_their_own_sites_alone() {
        let mut state = State::default();
        for role in Role::ALL {
            let sites = match role {
                Role::Decider => BTreeSet::from(["arcade".parse().unwrap()]),
                _ => BTreeSet::new(),
            };
            let designation = Designation { person: role.as_str().parse().unwrap(), role, sites, service: None };
            let at_utc = "2026-11-25T12:00:00Z".parse().unwrap();
            let event = Event::Designated { designation };
            state.apply(&Entry { seq: state.next_seq, at_utc, actor: Actor::System, event });
        }
        let ask = |actor: &Actor, site: Option<&str>| {
            let filter = RegisterFilter { site: site.map(|site| site.parse().unwrap()), ..RegisterFilter::default() };
            export(&state, actor, ExportFormat::Csv, &filter)
        };
        for role in Role::ALL {
            let person = Actor::Person(role.as_str().parse().unwrap());
            let may = matches!(role, Role::Decider | Role::Dpo | Role::Administrator | Role::Auditor);
            assert_eq!(ask(&person, None).is_ok(), may, "{role:?}");
            assert_eq!(ask(&person, Some("arcade")).is_ok(), may, "{role:?}");
            assert_eq!(ask(&person, Some("elsewhere")).is_ok(), may && role != Role::Decider, "{role:?}");
        }
        assert!(ask(&Actor::System, None).is_err());
        assert!(ask(&Actor::Person("stranger".parse().unwrap()), None).is_err());
        let recorded = ask(&Actor::Person("auditor".parse().unwrap()), Some("arcade")).unwrap();
        assert_eq!(
            serde_json::to_string(&recorded).unwrap(),
            r#"[{"type":"register-exported","format":"csv","filter":{"site":"arcade"}}]"#
        );
    }
}
