//! The console's asking end.

use super::server::Answer;
use super::{MAX_LINE_BYTES, Order, Outcome};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A cut and an fsync on a busy disk fit in; a server that hangs does not keep its administrator.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing came of an order.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No server listens there: the order may be carried out directly.
    #[error("no server is running")]
    NobodyThere,
    /// The server says no.
    #[error("{0}")]
    Refused(String),
    /// The conversation broke off; the order may have been carried out.
    #[error("the server's console: {0}; it may have been done: see `ecluse people list`")]
    Broken(#[from] io::Error),
}

/// Has the running server carry an order out. Blocks, at most 30 s a step.
///
/// # Errors
/// [`AskError`].
pub fn ask(socket: &Path, order: &Order) -> Result<Outcome, AskError> {
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NobodyThere,
        _ => AskError::Broken(error),
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(order).map_err(io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(MAX_LINE_BYTES)).read_line(&mut answer)?;
    match serde_json::from_str(&answer).map_err(io::Error::other)? {
        Answer::Ok(outcome) => Ok(outcome),
        Answer::Err(why) => Err(AskError::Refused(why)),
    }
}
