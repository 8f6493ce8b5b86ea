//! The configuration file: TOML, documented key by key in `config/ecluse.toml`.
//!
//! [`Config::load`] reads and controls it whole and names *every* fault at once, each with its line and column, what
//! was expected and what to do. Unknown keys are faults: a misspelt key must never silently mean its default.
//! Relative paths are relative to the file's own directory. Serves A1-1, A2-1, A8-1 and issue item 3.

mod fault;
mod mail_rules;
mod oidc_rules;
mod read;
mod recorder_rules;
mod rules;
mod schema;
mod sections;

pub use fault::{ConfigFault, Position, Severity};
pub use schema::{
    AuthConfig, CameraConfig, Config, ConventionConfig, HttpsConfig, LanguageConfig, LogConfig, LogFormat, MailConfig,
    MetricsConfig, OffsiteConfig, OidcConfig, RecorderConfig, RegisterConfig, RtspConfig, SecondFactorConfig, Secret,
    ServerConfig, ServiceConfig, SiteConfig, SmtpScheme, SmtpUrl, TimestampConfig, UdpPorts, WebrtcConfig,
};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A configuration file as read, with what is wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// Path as given.
    pub path: PathBuf,
    /// The text, for quoting lines.
    pub text: String,
    /// The configuration, with stand-ins where [`Loaded::errors`] has something; `None` when the file is not even TOML.
    /// Start a server on [`Loaded::usable`] only.
    pub config: Option<Config>,
    /// Every fault found.
    pub faults: Vec<ConfigFault>,
    /// Keys whose value stands in for one that could not be read.
    replaced: BTreeSet<String>,
}

impl Loaded {
    /// The faults that forbid starting.
    pub fn errors(&self) -> impl Iterator<Item = &ConfigFault> {
        self.faults.iter().filter(|fault| fault.severity == Severity::Error)
    }

    /// The configuration, if nothing forbids starting on it.
    pub fn usable(&self) -> Option<&Config> {
        self.config.as_ref().filter(|_| self.errors().next().is_none())
    }

    /// Whether a key such as `server.data_dir` could be read: else something harmless stands in for it.
    pub fn has(&self, key: &str) -> bool {
        let lost = |replaced: &String| {
            key.strip_prefix(replaced.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.config.is_some() && !self.replaced.iter().any(lost)
    }

    /// The position of a key such as `["site", "0", "camera", "1", "id"]`, or of its nearest parent that exists.
    pub fn position(&self, key: &[&str]) -> Option<Position> {
        fault::locate(&self.text, key)
    }
}

impl Config {
    /// Reads the file and controls everything that can be told from its text alone.
    ///
    /// # Errors
    /// When the file cannot be read. Faults *in* the file are in [`Loaded::faults`].
    pub fn load(path: &Path) -> std::io::Result<Loaded> {
        let text = std::fs::read_to_string(path)?;
        let base = path.parent().unwrap_or(Path::new("."));
        Ok(Loaded::parse(path.to_owned(), text, base))
    }

    /// As [`Config::load`], from text; relative paths are relative to `base`. `None`: it is not even TOML.
    pub fn parse(text: &str, base: &Path) -> (Option<Config>, Vec<ConfigFault>) {
        let loaded = Loaded::parse(PathBuf::new(), text.to_owned(), base);
        (loaded.config, loaded.faults)
    }
}

impl Loaded {
    /// What stands for a file that could not be read: nothing but that fault.
    pub fn unreadable(path: &Path, why: &std::io::Error) -> Loaded {
        let fault = ConfigFault::error(
            format!("the configuration cannot be read: {why}"),
            "a TOML file in UTF-8 that the server may read",
            "name it with --config; config/ecluse.toml is a documented example",
        );
        let (path, text, replaced) = (path.to_owned(), String::new(), BTreeSet::new());
        Loaded { path, text, config: None, faults: vec![fault], replaced }
    }

    fn parse(path: PathBuf, text: String, base: &Path) -> Loaded {
        let mut loaded = Loaded { path, text, config: None, faults: Vec::new(), replaced: BTreeSet::new() };
        let (document, errors) = toml::de::DeTable::parse_recoverable(&loaded.text);
        if !errors.is_empty() {
            loaded.faults = errors.iter().map(|error| fault::from_toml(&loaded.text, error)).collect();
            return loaded;
        }
        let findings = read::Findings::default();
        let mut config = sections::read(read::Fields::document(&loaded.text, document, &findings));
        (loaded.faults, loaded.replaced) = findings.into_parts();
        config.resolve_paths(base);
        let rules = rules::faults(&config, &loaded.text);
        loaded.config = Some(config);
        loaded.extend(rules);
        loaded
    }

    /// Adds faults, except those about a value that stands in for one that could not be read: that one has been named.
    pub fn extend(&mut self, faults: Vec<ConfigFault>) {
        let is_news = |fault: &ConfigFault| {
            let key = fault.position.as_ref().map_or("", |position| &position.key);
            // A missing section takes the faults of all its keys with it; so does a service without a readable id for
            // the sites that name it.
            let about = |replaced: &String| {
                key == replaced
                    || key.strip_prefix(replaced.as_str()).is_some_and(|rest| rest.starts_with('.'))
                    || (key.ends_with(".service") && replaced.starts_with("service."))
                    || (key.starts_with("site.")
                        && key.ends_with(".service")
                        && (replaced.ends_with(".convention") || replaced.ends_with(".convention.town")))
            };
            !self.replaced.iter().any(about)
        };
        let news: Vec<_> = faults.into_iter().filter(is_news).collect();
        self.faults.extend(news);
    }
}
