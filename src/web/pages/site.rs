//! One site (`GET /sites/{site}`): what is recorded about it, and the forms that change it.
//!
//! Forms on it, all with `csrf`: `POST /sites/{id}/policy` (`day_cap_minutes`, `week_cap_minutes`,
//! `cooling_off_minutes`).

use super::{Banner, Locale, Shell, Trouble};
use crate::domain::{Policy, Site};
use askama::Template;

/// The site's page.
#[derive(Debug, Clone)]
pub struct SiteView {
    /// The site as declared.
    pub site: Site,
    /// How much it allows its service (A4-7).
    pub policy: Policy,
    /// Whether the policy is this person's to set.
    pub may_set_policy: bool,
    /// Why the previous attempt to change something was refused.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &SiteView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "site.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a SiteView,
    l: Locale,
}

/// One number of the policy, with what may be chosen for it.
struct Choice {
    name: &'static str,
    chosen: u32,
    offered: Vec<u32>,
}

impl Choice {
    fn of(name: &'static str, chosen: u32, offered: impl IntoIterator<Item = u32>) -> Self {
        let mut offered: Vec<u32> = offered.into_iter().chain([chosen]).collect();
        offered.sort_unstable();
        offered.dedup();
        Self { name, chosen, offered }
    }

    fn key(&self) -> String {
        self.name.replace('_', "-")
    }
}

impl SiteView {
    fn policy_choices(&self) -> [Choice; 3] {
        let policy = &self.policy;
        [
            Choice::of("day_cap_minutes", policy.day_cap_minutes, Policy::DAY_CAP_MINUTES.step_by(60)),
            Choice::of("week_cap_minutes", policy.week_cap_minutes, Policy::WEEK_CAP_MINUTES.step_by(120)),
            Choice::of("cooling_off_minutes", policy.cooling_off_minutes, [0, 15, 30, 60, 120, 240, 480, 720, 1440]),
        ]
    }
}
