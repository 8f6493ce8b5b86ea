//! The demo's people: one per role, with passwords of their own.

use crate::domain::Role;
use crate::store::totp::TotpSecret;
use crate::store::{StoreError, password};
use serde::{Deserialize, Serialize};

/// One person of the demo, as kept in `demo.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DemoPerson {
    /// Pseudonym used in the register.
    pub id: String,
    /// What they are.
    pub role: Role,
    /// Name shown to people.
    pub name: String,
    /// Log-in.
    pub email: String,
    /// Password in the clear: it protects a demo's footage and nothing else.
    pub password: String,
    /// Secret of the second factor, base32: any authenticator application takes it, and the log-in page shows its code.
    #[serde(default)]
    pub totp_secret: String,
}

/// The cast: role, pseudonym, name, local part of the address.
const CAST: [(Role, &str, &str, &str); 8] = [
    (Role::Operator, "agent-1", "Agent Camille Roux", "agent"),
    (Role::Chief, "chef-1", "Chef de service Inès Marchand", "chef"),
    (Role::Decider, "titulaire-1", "Dominique Lefèvre (titulaire)", "titulaire"),
    (Role::Decider, "suppleant-1", "Alex Moreau (suppléant)", "suppleant"),
    (Role::Guard, "telesurveilleur-1", "Sacha Petit (référent sûreté)", "telesurveilleur"),
    (Role::Dpo, "dpo-1", "Noa Girard (DPO)", "dpo"),
    (Role::Administrator, "admin-1", "Charlie Bernard (administration)", "admin"),
    (Role::Auditor, "auditeur-1", "Préfecture (auditeur)", "auditeur"),
];

/// Makes the cast with fresh passwords and second factors.
///
/// # Errors
/// When the machine has no randomness to give.
pub(super) fn cast() -> Result<Vec<DemoPerson>, StoreError> {
    CAST.iter()
        .map(|(role, id, name, mailbox)| {
            Ok(DemoPerson {
                id: (*id).to_owned(),
                role: *role,
                name: (*name).to_owned(),
                email: format!("{mailbox}@demo.ecluse.test"),
                password: password::generate()?,
                totp_secret: TotpSecret::generate()?.base32(),
            })
        })
        .collect()
}
