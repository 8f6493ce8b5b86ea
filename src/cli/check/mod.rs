//! `ecluse check`: every fault of the configuration and of the machine, at once, before anything is started.

mod certificates;
mod elements;
mod machine;
mod mail;
mod oidc;
mod recorder;

use super::ConfigArgument;
use crate::config::{Config, ConfigFault, Loaded, Severity};
use std::process::ExitCode;

/// What `ecluse check` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print the faults as JSON
    #[arg(long)]
    json: bool,
}

/// Prints every fault; fails when one of them is an error.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load(&arguments.config);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&loaded.faults)?);
    } else {
        print(&loaded);
    }
    Ok(if loaded.errors().next().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads the configuration alone. A file that cannot be read is a fault like any other.
pub(super) fn read(argument: &ConfigArgument) -> Loaded {
    Config::load(&argument.config).unwrap_or_else(|error| Loaded::unreadable(&argument.config, &error))
}

/// Reads the configuration and controls it and the machine. The faults come in the file's order, the machine's own last.
pub(super) fn load(argument: &ConfigArgument) -> Loaded {
    let mut loaded = read(argument);
    let mut machine: Vec<ConfigFault> = elements::faults();
    if let Some(config) = &loaded.config {
        machine.extend(machine::faults(config, &loaded));
        machine.extend(certificates::faults(config, &loaded));
        machine.extend(mail::faults(config, &loaded));
        machine.extend(recorder::faults(config, &loaded));
        machine.extend(oidc::faults(config, &loaded));
    }
    loaded.extend(machine);
    let place = |fault: &ConfigFault| fault.position.as_ref().map_or((usize::MAX, 0), |at| (at.line, at.column));
    loaded.faults.sort_by_key(place);
    loaded
}

/// The faults for people, then one closing line.
pub(super) fn print(loaded: &Loaded) {
    let file = loaded.path.display().to_string();
    for fault in &loaded.faults {
        eprintln!("{}", fault.render(&file, &loaded.text));
    }
    let errors = loaded.errors().count();
    let warnings = loaded.faults.iter().filter(|fault| fault.severity == Severity::Warning).count();
    match (errors, warnings) {
        (0, 0) => eprintln!("{file}: no fault found"),
        _ => eprintln!("{file}: {errors} error(s), {warnings} warning(s)"),
    }
}
