//! The program as a child process: run to its end, or running until it is told to stop or killed.

use serde_json::Value;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far beyond what anything takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The program with these arguments, without a terminal and without this process's own settings.
pub fn ecluse(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecluse"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("ECLUSE_CONFIG").stdin(Stdio::null());
    command
}

/// What a run that ended by itself left behind.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// A running program. Killed when dropped: no test leaves one behind.
pub struct Program {
    child: Child,
    output: TempDir,
}

impl Program {
    /// Starts it; both outputs go to files, so that a full pipe never holds it up.
    pub fn start(command: &mut Command) -> Program {
        let output = tempfile::tempdir().unwrap();
        let file = |name| File::create(output.path().join(name)).unwrap();
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        Program { child, output }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        std::fs::read_to_string(self.output.path().join("stdout")).unwrap()
    }

    /// Its log.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.output.path().join("stderr")).unwrap()
    }

    /// Waits until something can be found in what it has said; fails when it ends before, or never says it.
    pub fn until<T>(&mut self, what: &str, found: impl FnMut(&Program) -> Option<T>) -> T {
        self.until_within(PATIENCE, what, found)
    }

    /// The same with a patience of one's own.
    pub fn until_within<T>(
        &mut self,
        patience: Duration,
        what: &str,
        mut found: impl FnMut(&Program) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + patience;
        loop {
            let ended = self.child.try_wait().unwrap();
            if let Some(found) = found(self) {
                return found;
            }
            let stderr = || self.stderr();
            assert!(ended.is_none(), "ended ({ended:?}) before {what}:\n{}", stderr());
            assert!(Instant::now() < deadline, "not within {patience:?}: {what}\n{}", stderr());
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Waits for the one JSON object on its standard output.
    pub fn json(&mut self) -> Value {
        self.until("one JSON object on the standard output", |program| serde_json::from_str(&program.stdout()).ok())
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: kill takes two numbers; the process is our own child, not yet waited for, so its id is its own.
        let sent = unsafe { libc::kill(self.child.id() as i32, signal) };
        assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
    }

    /// Waits for its end; how it ended.
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end within {within:?}:\n{}", self.stderr());
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Sends the signal; an orderly end, in time and with success, must follow.
    pub fn ends_well(&mut self, signal: i32, within: Duration) {
        self.signal(signal);
        let status = self.wait(within);
        assert!(status.success(), "{status}:\n{}", self.stderr());
    }

    /// `kill -9`: no handler, no last word.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        let status = self.wait(PATIENCE);
        assert_eq!(status.signal(), Some(libc::SIGKILL), "it ended by itself before: {status}\n{}", self.stderr());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already gone is as good as stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ecluse demo --no-pusher` on any free ports, with its `demo.json`.
pub struct Demo {
    pub program: Program,
    pub file: Value,
}

impl Demo {
    /// The command, so that a test may add to it.
    pub fn command(directory: &Path) -> Command {
        let mut command = ecluse(&["demo", "--no-pusher", "--json", "--https", "127.0.0.1:0", "--rtsp", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(directory);
        command
    }

    /// Starts it and waits until it is up.
    pub fn start(directory: &Path) -> Demo {
        Self::when_up(Program::start(&mut Self::command(directory)))
    }

    pub fn when_up(mut program: Program) -> Demo {
        let file = program.json();
        assert_eq!(file["pid"], program.pid());
        Demo { program, file }
    }

    pub fn url(&self) -> &str {
        self.file["https_url"].as_str().unwrap()
    }

    /// Where the register lies.
    pub fn register(directory: &Path) -> PathBuf {
        directory.join("data/register")
    }

    /// The password of everybody and everything in it, and the secret of everybody's second factor.
    pub fn secrets(&self) -> Vec<String> {
        let of = |key: &str| self.file[key].as_array().unwrap().clone();
        let holders = of("people").into_iter().chain(of("cameras"));
        let kept = |holder: Value| ["password", "totp_secret"].map(|key| holder[key].as_str().map(str::to_owned));
        holders.flat_map(kept).flatten().collect()
    }
}
