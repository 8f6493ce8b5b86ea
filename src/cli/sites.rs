//! From the configuration's sites to the domain's: days become instants, references become values (A1-1, A2-1, A8-1).

use crate::config::{Config, SiteConfig};
use crate::control::Control;
use crate::domain::{Action, Actor, Camera, Command, Convention, Service, Site, SiteId};
use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};

/// Declares every configured site, unless the register has it exactly so. Each change is an entry of the register.
///
/// # Errors
/// The site that cannot be declared, and why.
pub(super) async fn declare(control: &Control, config: &Config) -> anyhow::Result<()> {
    for site in &config.site {
        let site = site_of(config, site)?;
        if control.read(|state| state.sites.get(&site.id) == Some(&site)) {
            continue;
        }
        let id = site.id.clone();
        let command = Command { actor: Actor::System, action: Action::DeclareSite(site) };
        control.execute(command).await.with_context(|| format!("site \"{id}\" cannot be declared"))?;
    }
    let forgotten = control.read(|state| {
        let is_configured = |id: &SiteId| config.site.iter().any(|site| site.id == *id);
        state.sites.keys().filter(|id| !is_configured(id)).map(ToString::to_string).collect::<Vec<_>>()
    });
    if !forgotten.is_empty() {
        tracing::warn!(
            sites = forgotten.join(", "),
            "in the register but no longer in the configuration: they keep their convention's dates, and no camera pushes"
        );
    }
    Ok(())
}

/// The site as the domain knows it.
pub(super) fn site_of(config: &Config, site: &SiteConfig) -> anyhow::Result<Site> {
    let service = config
        .service
        .iter()
        .find(|service| service.id == site.service)
        .with_context(|| format!("site \"{}\" names an unknown service \"{}\"", site.id, site.service))?;
    Ok(Site {
        id: site.id.clone(),
        name: site.name.clone(),
        addresses: site.addresses.clone(),
        service: Service {
            id: service.id.clone(),
            name: service.name.clone(),
            town: service.town.clone(),
            address: service.address.clone(),
        },
        convention: Convention {
            town: site.convention.town.clone(),
            valid_from_utc: paris_midnight(site.convention.valid_from)?,
            // Its last day is included (fault 23).
            valid_until_utc: paris_midnight(
                site.convention.valid_until.succ_opt().context("valid_until is beyond the calendar")?,
            )?,
        },
        cameras: site.camera.iter().map(|camera| Camera { id: camera.id.clone(), name: camera.name.clone() }).collect(),
    })
}

fn paris_midnight(day: NaiveDate) -> anyhow::Result<DateTime<Utc>> {
    crate::clock::paris_midnight(day).with_context(|| format!("{day} has no midnight in Europe/Paris"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_23_a_convention_ends_at_midnight_in_paris_summer_and_winter() {
        let midnight = |day: &str| paris_midnight(day.parse().unwrap()).unwrap().to_rfc3339();
        assert_eq!(midnight("2026-07-01"), "2026-06-30T22:00:00+00:00");
        assert_eq!(midnight("2026-12-01"), "2026-11-30T23:00:00+00:00");
        // The days on which the clocks change.
        assert_eq!(midnight("2026-03-29"), "2026-03-28T23:00:00+00:00");
        assert_eq!(midnight("2026-10-25"), "2026-10-24T22:00:00+00:00");
    }
}
