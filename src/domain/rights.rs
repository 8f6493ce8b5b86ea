//! Changes of rights that wait for a second person: nobody changes their own alone.

use super::dossier::Deciders;
use super::ids::{PersonId, SiteId};
use super::person::Designation;
use serde::{Deserialize, Serialize};

/// What somebody wants to change about who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum RightsChange {
    /// A place in the annex.
    Designation {
        /// The place as it would be.
        designation: Designation,
    },
    /// Out of the annex.
    Strike {
        /// Whom.
        person: PersonId,
    },
    /// Titulaire and suppléant of a site.
    Deciders {
        /// Which site.
        site: SiteId,
        /// The two.
        deciders: Deciders,
    },
}

/// A change somebody proposed and nobody has confirmed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Who proposed it; another person has to confirm it.
    pub by: PersonId,
    /// What.
    pub rights: RightsChange,
}
