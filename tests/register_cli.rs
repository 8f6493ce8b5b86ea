//! `ecluse register`, the real binary: verify and show, offline and beside a running keeper, on sound registers and on
//! every kind of tampering (fault 12).

#[path = "register_cli/checkpoints.rs"]
mod checkpoints;
#[path = "register_cli/export.rs"]
mod export;
#[path = "register_cli/purge.rs"]
mod purge;
#[path = "register_cli/rig.rs"]
mod rig;
#[path = "register_cli/show.rs"]
mod show;
#[path = "register_cli/tamper.rs"]
mod tamper;
#[path = "register_cli/verify.rs"]
mod verify;
