//! The demo's cameras: one child process each, started again with growing pauses when it dies, gone when we are.

use super::props::DemoCamera;
use crate::cli::push::PASSWORD_VARIABLE;
use anyhow::Context;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a running child is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The longest pause before a camera is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A camera that ran so long was well: the next pause is short again.
const WELL_AFTER: Duration = Duration::from_secs(20);

/// What one camera plays, and where to.
#[derive(Debug, Clone)]
pub(super) struct Push {
    /// The camera.
    pub camera: DemoCamera,
    /// Its clip.
    pub clip: PathBuf,
    /// Authority to trust.
    pub ca: PathBuf,
}

/// All cameras of the demo. Dropping it ends the children and waits for them.
pub(super) struct Pushers {
    /// Dropped first: its end is what each supervisor waits for.
    stop: Vec<Sender<()>>,
    supervisors: Vec<JoinHandle<()>>,
}

impl Pushers {
    /// Starts a supervisor thread per camera. The thread outlives its child: Linux ends a child marked with
    /// `PDEATHSIG` when the *thread* that started it ends.
    ///
    /// # Errors
    /// When this program's own path cannot be read, or a thread cannot be started.
    pub fn start(pushes: Vec<Push>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program's own path is unknown")?;
        let mut pushers = Self { stop: Vec::new(), supervisors: Vec::new() };
        for push in pushes {
            let (stop, stopped) = channel();
            let program = program.clone();
            let supervisor = std::thread::Builder::new()
                .name(format!("camera-{}", push.camera.id))
                .spawn(move || supervise(&program, &push, &stopped))
                .context("no thread for a camera")?;
            pushers.stop.push(stop);
            pushers.supervisors.push(supervisor);
        }
        Ok(pushers)
    }
}

impl Drop for Pushers {
    fn drop(&mut self) {
        self.stop.clear();
        for supervisor in self.supervisors.drain(..) {
            // A supervisor that panicked has logged it; there is nothing left to wait for.
            let _ = supervisor.join();
        }
    }
}

fn supervise(program: &Path, push: &Push, stopped: &Receiver<()>) {
    let mut pause = Duration::from_millis(250);
    loop {
        let started = Instant::now();
        match start(program, push) {
            Ok(mut child) => {
                let ending = loop {
                    match child.try_wait() {
                        Ok(None) => {}
                        Ok(Some(status)) => break status.to_string(),
                        Err(error) => break error.to_string(),
                    }
                    if is_over(stopped, LOOK_EVERY) {
                        end(&mut child);
                        return;
                    }
                };
                tracing::warn!(camera = push.camera.id, ending, "a demo camera ended; it is started again");
            }
            Err(error) => tracing::error!(camera = push.camera.id, %error, "a demo camera cannot be started"),
        }
        if started.elapsed() > WELL_AFTER {
            pause = Duration::from_millis(250);
        }
        if is_over(stopped, pause) {
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_over(stopped: &Receiver<()>, patience: Duration) -> bool {
    !matches!(stopped.recv_timeout(patience), Err(RecvTimeoutError::Timeout))
}

fn start(program: &Path, push: &Push) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command.arg("push").arg("--file").arg(&push.clip).arg("--url").arg(&push.camera.url);
    command.arg("--user").arg(&push.camera.user).arg("--ca").arg(&push.ca);
    command
        .env(PASSWORD_VARIABLE, &push.camera.password)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    // A group of its own: Ctrl-C in the terminal reaches the demo alone, which then ends its cameras in order.
    command.process_group(0);
    die_with_parent(&mut command);
    let mut child = command.spawn()?;
    if let Some(words) = child.stderr.take() {
        let camera = push.camera.id.clone();
        std::thread::Builder::new().name(format!("words-{camera}")).spawn(move || {
            for line in BufReader::new(words).lines().map_while(Result::ok) {
                tracing::warn!(camera, "{line}");
            }
        })?;
    }
    Ok(child)
}

/// Asks the child to end, then ends it.
fn end(child: &mut Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        // SAFETY: a plain system call; the child has not been waited for, so its id is still its own.
        unsafe { libc::kill(id, libc::SIGTERM) };
    }
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // Both fail only when it is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

/// Has the kernel end the child when we end, however that happens.
pub(super) fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe calls are made: prctl, getppid, _exit.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // The parent may have ended before prctl was called.
            if u32::try_from(libc::getppid()) != Ok(parent) {
                libc::_exit(1);
            }
            Ok(())
        });
    }
}
