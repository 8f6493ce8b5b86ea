//! The console's listening end: one connection, one order, one answer.

use super::{MAX_LINE_BYTES, Order, Outcome, perform};
use crate::control::Control;
use crate::store::Store;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(10);

/// What travels back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// It was done.
    Ok(Outcome),
    /// It was not, and why.
    Err(String),
}

/// The console, open; dropping it closes the socket.
pub struct Console {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Console {
    fn drop(&mut self) {
        self.task.abort();
        // A path left behind is taken over by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens the console. The caller holds the register's lock, so a socket that lies there is nobody's.
///
/// # Errors
/// When the socket cannot be made, e.g. because its path is longer than the 107 bytes the kernel allows.
pub fn open(path: &Path, control: Control, store: Store) -> io::Result<Console> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // The data directory is closed to others already; this is the second lock, the peer's credentials the third.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let task = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (control, store) = (control.clone(), store.clone());
                    tokio::spawn(async move {
                        if let Err(error) = serve(stream, &control, &store).await {
                            tracing::debug!(%error, "the console's peer went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the console cannot accept");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    });
    Ok(Console { path: path.to_owned(), task })
}

async fn serve(stream: UnixStream, control: &Control, store: &Store) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    // SAFETY: a plain system call that cannot fail.
    let own = unsafe { libc::geteuid() };
    let (reading, mut writing) = stream.into_split();
    let answer = if peer != 0 && peer != own {
        tracing::warn!(uid = peer, "the console was tried by another account of this machine: refused");
        Answer::Err("only root and the server's own account may use the console".to_owned())
    } else {
        let mut line = String::new();
        let mut reading = BufReader::new(reading.take(MAX_LINE_BYTES));
        match tokio::time::timeout(PATIENCE, reading.read_line(&mut line)).await {
            Err(_) => Answer::Err("no order came within 10 s".to_owned()),
            Ok(read) => {
                read?;
                carry_out(&line, control, store).await
            }
        }
    };
    let mut text = serde_json::to_vec(&answer).map_err(io::Error::other)?;
    text.push(b'\n');
    tokio::time::timeout(PATIENCE, writing.write_all(&text)).await??;
    writing.shutdown().await
}

async fn carry_out(line: &str, control: &Control, store: &Store) -> Answer {
    let order: Order = match serde_json::from_str(line) {
        Ok(order) => order,
        // serde's words may quote the line, and the line may hold a password.
        Err(why) => {
            let place = format!("line {}, column {}", why.line(), why.column());
            return Answer::Err(format!(
                "not an order this version knows ({place}): use the same `ecluse` as the server"
            ));
        }
    };
    match perform(control, store, order).await {
        Ok(outcome) => Answer::Ok(outcome),
        Err(why) => Answer::Err(why.to_string()),
    }
}
