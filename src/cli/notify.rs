//! Tells systemd how we are (sd_notify): a datagram to the socket it names. Silent where there is no systemd.

use std::os::unix::net::UnixDatagram;

/// The server is up.
pub(super) fn ready() {
    send("READY=1");
}

/// The server is going down.
pub(super) fn stopping() {
    send("STOPPING=1");
}

fn send(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to(state.as_bytes(), path));
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd could not be told: {state}");
    }
}

/// Keeps systemd's watchdog quiet while the runtime runs tasks; a server whose runtime hangs is restarted.
pub(super) fn watchdog() -> tokio::task::JoinHandle<()> {
    let every = std::env::var("WATCHDOG_USEC")
        .ok()
        .and_then(|text| text.parse().ok())
        .map(|us: u64| std::time::Duration::from_micros((us / 2).max(1)));
    tokio::spawn(async move {
        let Some(every) = every else { return };
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            send("WATCHDOG=1");
        }
    })
}
