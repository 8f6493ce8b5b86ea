//! The `ecluse` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ecluse::memory::bound();
    ecluse::cli::run()
}
