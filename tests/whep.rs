//! WHEP over HTTPS, as third parties speak it: log in, POST an offer, PATCH candidates, DELETE; and everything that can be
//! done wrong with it (issue items 6 to 8). The server is the real one in process; the viewers are str0m and aiortc.

#[path = "support/aiortc_viewer.rs"]
mod aiortc_viewer;
#[path = "support/footage.rs"]
mod footage;
#[path = "support/keeper.rs"]
mod keeper;
#[path = "viewer/room.rs"]
#[allow(dead_code, reason = "this binary uses part of it")]
mod room;
#[path = "support/str0m_receiver.rs"]
mod str0m_receiver;
#[path = "support/totp.rs"]
mod totp;

#[path = "whep/house.rs"]
mod house;
#[path = "whep/misuse.rs"]
mod misuse;
#[path = "whep/players.rs"]
mod players;
