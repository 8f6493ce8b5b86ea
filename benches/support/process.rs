//! What a process costs, read from /proc: CPU time, threads, descriptors, resident memory.

use procfs::process::Process;
use std::time::{Duration, Instant};

/// One reading of a process.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// When it was taken.
    pub at: Instant,
    /// User plus system time since the process began.
    pub cpu: Duration,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Resident memory, bytes.
    pub resident_bytes: u64,
}

/// Reads a process by id.
///
/// # Errors
/// When the process is gone or /proc is not readable.
pub fn read(pid: u32) -> anyhow::Result<Reading> {
    let process = Process::new(pid as i32)?;
    let stat = process.stat()?;
    let ticks = procfs::ticks_per_second();
    Ok(Reading {
        at: Instant::now(),
        cpu: Duration::from_secs_f64((stat.utime + stat.stime) as f64 / ticks as f64),
        threads: stat.num_threads as u64,
        descriptors: process.fd_count()?,
        resident_bytes: stat.rss * procfs::page_size(),
    })
}

/// Bytes a process has had written to storage so far: what the kernel accounts to it when it dirties a page.
///
/// # Errors
/// When the process is gone or /proc is not readable.
pub fn written_bytes(pid: u32) -> anyhow::Result<u64> {
    Ok(Process::new(pid as i32)?.io()?.write_bytes)
}

/// Share of one core, in percent, that a process used between two readings.
pub fn cpu_percent(from: &Reading, to: &Reading) -> f64 {
    let wall = (to.at - from.at).as_secs_f64();
    if wall <= 0.0 { 0.0 } else { 100.0 * (to.cpu.saturating_sub(from.cpu)).as_secs_f64() / wall }
}
