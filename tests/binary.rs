//! The real `ecluse` program, started as people start it: what it says on its output, which exit code it gives, what it
//! leaves on disk, and what is still there after it was killed.
//!
//! `ECLUSE_CAMPAIGN=N` sets the number of kills of the campaign, `ECLUSE_SEED=N` repeats one; the full size is 200. `ECLUSE_SOAK=SECONDS`
//! sets the length of the soak; the full size is 1,800.

#[path = "binary/auditor.rs"]
mod auditor;
#[path = "binary/person.rs"]
mod person;
#[path = "binary/program.rs"]
mod program;
#[path = "support/str0m_receiver.rs"]
mod receiver;
#[path = "support/s3_server.rs"]
mod s3_server;
#[path = "support/segment.rs"]
mod segment;
#[path = "support/smtp_server.rs"]
mod smtp_server;
#[path = "binary/tmpfs.rs"]
mod tmpfs;
#[path = "support/totp.rs"]
mod totp;
#[path = "binary/world.rs"]
mod world;

#[path = "binary/campaign.rs"]
mod campaign;
#[path = "binary/check.rs"]
mod check;
#[path = "binary/day.rs"]
mod day;
#[path = "binary/demo.rs"]
mod demo;
#[path = "binary/export.rs"]
mod export;
#[path = "binary/full_disk.rs"]
mod full_disk;
#[path = "binary/post.rs"]
mod post;
#[path = "binary/recording.rs"]
mod recording;
#[path = "binary/recording_disk.rs"]
mod recording_disk;
#[path = "binary/recording_kill.rs"]
mod recording_kill;
#[path = "binary/recording_left.rs"]
mod recording_left;
#[path = "binary/recording_offsite.rs"]
mod recording_offsite;
#[path = "binary/serve.rs"]
mod serve;
#[path = "binary/site.rs"]
mod site;
#[path = "binary/soak.rs"]
mod soak;
