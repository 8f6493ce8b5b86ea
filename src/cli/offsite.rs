//! From the configuration's `[recorder.offsite]` to the copy, and the command that brings a copy back.

use crate::archive::offsite::{Fetched, OffsiteSettings, Secret, fetch_copy};
use crate::config::OffsiteConfig;
use crate::store::OffsiteBook;
use anyhow::Context;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Reads what the section names.
///
/// # Errors
/// The key of the section and what is wrong with its file, in words.
pub(super) fn settings(offsite: &OffsiteConfig) -> Result<OffsiteSettings, (&'static str, String)> {
    let path = &offsite.secret_access_key_file;
    let fault = |why: String| ("secret_access_key_file", format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let secret = text.lines().next().unwrap_or_default().trim().to_owned();
    if secret.is_empty() {
        return Err(fault("its first line is empty".to_owned()));
    }
    let ca_pem = offsite.ca.as_ref().map(|path| {
        let pem = std::fs::read(path).map_err(|error| ("ca", format!("{}: {error}", path.display())))?;
        match openssl::x509::X509::stack_from_pem(&pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(pem),
            _ => Err(("ca", format!("{}: no PEM certificate in it", path.display()))),
        }
    });
    Ok(OffsiteSettings {
        endpoint: offsite.endpoint.clone(),
        region: offsite.region.clone(),
        bucket: offsite.bucket.clone(),
        prefix: offsite.prefix.clone(),
        access_key_id: offsite.access_key_id.clone(),
        secret: Secret::new(secret),
        ca_pem: ca_pem.transpose()?,
    })
}

/// Brings the copy into a directory, with progress.
pub(super) fn fetch(offsite: &OffsiteConfig, dir: &Path) -> anyhow::Result<ExitCode> {
    let settings = settings(offsite).map_err(|(key, why)| anyhow::anyhow!("recorder.offsite.{key}: {why}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("tokio")?;
    let is_watched = std::io::stderr().is_terminal();
    let done = runtime.block_on(fetch_copy(&settings, dir, |so_far| {
        if is_watched {
            eprint!("\r{}", in_words(&so_far));
        }
    }))?;
    if is_watched {
        eprintln!();
    }
    println!("{}: {}", dir.display(), in_words(&done));
    println!(
        "`ecluse recordings check` says whether it is sound: name it as recorder.directory in a configuration of its own"
    );
    Ok(ExitCode::SUCCESS)
}

/// Says which copy there is, and forgets it where somebody has deleted it.
pub(super) fn forget(book: &OffsiteBook, is_deleted: bool) -> anyhow::Result<ExitCode> {
    let (waiting, _) = book.overdue()?;
    let place = match book.place()? {
        Some(place) => place,
        None if waiting > 0 || book.is_used()? => "where an earlier configuration said".to_owned(),
        None => {
            println!("no off-site copy is known");
            return Ok(ExitCode::SUCCESS);
        }
    };
    println!("off-site copy: {place}; files that must still go from it: {waiting}");
    if is_deleted {
        book.forget()?;
        println!("forgotten: the next start begins another one, where the configuration says");
    } else {
        println!("nothing was done; once it has been deleted there: `ecluse recordings forget-copy --deleted`");
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(done: &Fetched) -> String {
    let mib = |bytes: u64| bytes / (1024 * 1024);
    format!("{} of {} files, {} of {} MiB", done.files, done.of_files, mib(done.bytes), mib(done.of_bytes))
}
