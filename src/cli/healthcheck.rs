//! `ecluse healthcheck`: asks a running server's `/healthz`, for container health checks that have no curl.

use anyhow::{Context, bail};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// What `ecluse healthcheck` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Address and port of the HTTPS listener
    #[arg(long, default_value = "127.0.0.1:8443")]
    address: SocketAddr,
}

/// Asks once; success is status 200 within three seconds.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let patience = Duration::from_secs(3);
    let stream = TcpStream::connect_timeout(&arguments.address, patience)
        .with_context(|| format!("nothing answers on {}", arguments.address))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // The question is "is it alive", asked over loopback by the container itself: identity is not at stake.
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    connector.set_verify(SslVerifyMode::NONE);
    let mut tls = connector.build().configure()?.verify_hostname(false).connect("localhost", stream)?;
    tls.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0_u8; 12];
    tls.read_exact(&mut status)?;
    if status.ends_with(b"200") {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("unwell: {}", String::from_utf8_lossy(&status))
}
