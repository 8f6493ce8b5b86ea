//! The rules of the convention, pure: no clock, no disk, no network. Time is what the test says it is.

#[path = "domain/alerts.rs"]
mod alerts;
#[path = "domain/convention.rs"]
mod convention;
#[path = "support/dossier.rs"]
mod dossier;
#[path = "domain/faults.rs"]
mod faults;
#[path = "domain/footage.rs"]
mod footage;
#[path = "domain/limits.rs"]
mod limits;
#[path = "domain/need.rs"]
mod need;
#[path = "domain/properties.rs"]
mod properties;
#[path = "domain/urgent.rs"]
mod urgent;
#[path = "domain/workstations.rs"]
mod workstations;
#[path = "domain/world.rs"]
mod world;
