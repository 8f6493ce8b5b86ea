//! Figures with the machine they were taken on. Absolute numbers of one machine say little; ratios within one run do.

use std::time::Duration;

/// Prints what the figures below it were measured on.
pub fn machine(what: &str) {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("model name\t: ").map(str::to_owned)))
        .unwrap_or_else(|| "unknown CPU".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let commit = std::process::Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output()
        .ok()
        .map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
        .unwrap_or_default();
    println!("# {what}");
    println!("commit {commit} · {cores} cores · {cpu} · Linux {}", kernel.trim());
    println!(
        "{} · load before: {}",
        gstreamer::version_string(),
        load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
    );
    println!();
}

/// The value below which `percent` of the samples lie (nearest rank).
pub fn percentile(samples: &[Duration], percent: f64) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort();
    let rank = ((percent / 100.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// One line: name, p50, p95, p99, max, in milliseconds, and the bar it is held against.
pub fn latency(name: &str, samples: &[Duration], bar: &str) {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!(
        "{name:<44} n={:<4} p50 {:7.1} ms  p95 {:7.1} ms  p99 {:7.1} ms  max {:7.1} ms   bar: {bar}",
        samples.len(),
        ms(percentile(samples, 50.0)),
        ms(percentile(samples, 95.0)),
        ms(percentile(samples, 99.0)),
        ms(percentile(samples, 100.0)),
    );
}
