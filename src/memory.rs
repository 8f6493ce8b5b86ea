//! How this process keeps memory it no longer uses.
//!
//! glibc raises its threshold for giving large blocks back to the kernel to the size of the largest one it has seen freed:
//! after the first password (argon2id, 19 MiB) such blocks stay with the arena of whichever thread hashed it, up to eight
//! arenas per core. A server that nobody is logging into then holds hundreds of megabytes. Fixed thresholds and few
//! arenas keep it at what it uses.

/// Sets the allocator's bounds; call it once, before threads are started.
pub fn bound() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        // Blocks from 1 MiB on are mapped each for itself and go back to the kernel when freed.
        (libc::M_MMAP_THRESHOLD, 1 << 20),
        // The top of a heap is given back from 1 MiB on.
        (libc::M_TRIM_THRESHOLD, 1 << 20),
        (libc::M_ARENA_MAX, 4),
    ] {
        // SAFETY: mallopt takes two numbers, and no other thread is running yet.
        if unsafe { libc::mallopt(parameter, value) } == 0 {
            eprintln!("ecluse: mallopt({parameter}, {value}) was refused; memory use will be higher than needed");
        }
    }
}
