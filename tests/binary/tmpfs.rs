//! A small file system of its own: one that fills up, or one that takes no writes. Only root can mount one.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A mounted tmpfs; gone when dropped.
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one of `size_kib` on `directory`, which must exist. `None`, with the reason printed, where that is not
    /// allowed: the test then has nothing to test with.
    pub fn mount(directory: &Path, size_kib: u32) -> Option<Tmpfs> {
        let options = format!("size={size_kib}k,mode=0700");
        match mount(directory, 0, &options) {
            Ok(()) => Some(Tmpfs(directory.to_owned())),
            Err(why) => {
                eprintln!("NOT TESTED: no tmpfs can be mounted here ({why}); run as root");
                None
            }
        }
    }

    /// From now on nothing can be written, not even by root.
    pub fn make_read_only(&self) {
        assert!(self.try_read_only(), "the file system is in use");
    }

    /// The same, unless a file on it is open for writing. Whether it was.
    pub fn try_read_only(&self) -> bool {
        match mount(&self.0, libc::MS_REMOUNT | libc::MS_RDONLY, "") {
            Ok(()) => true,
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// It can be written again.
    pub fn make_writable(&self) {
        mount(&self.0, libc::MS_REMOUNT, "").unwrap();
    }
}

fn mount(directory: &Path, flags: libc::c_ulong, options: &str) -> std::io::Result<()> {
    let target = CString::new(directory.as_os_str().as_bytes())?;
    let options = CString::new(options)?;
    // SAFETY: all four are C strings that outlive the call.
    let done =
        unsafe { libc::mount(c"tmpfs".as_ptr(), target.as_ptr(), c"tmpfs".as_ptr(), flags, options.as_ptr().cast()) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let target = CString::new(self.0.as_os_str().as_bytes()).expect("it was one when it was mounted");
        // Detached: a program that a failed test left behind for a moment must not keep it.
        // SAFETY: a C string that outlives the call.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    }
}
