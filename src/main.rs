//! The `ecluse` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ecluse::cli::run()
}
