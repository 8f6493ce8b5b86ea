//! The keeper on its own threads with a clock in the test's hand: what time does by itself, and what a restart changes.

#[path = "support/dossier.rs"]
mod dossier;
#[path = "keeper/house.rs"]
mod house;
#[path = "keeper/time.rs"]
mod time;
