//! `ecluse people`: who may do what. Through the running server's console, or directly while no server runs.

use super::running::keeper;
use super::{ConfigArgument, check, serve, sites};
use crate::clock::SystemClock;
use crate::config::{Config, Secret};
use crate::console::client::{AskError, ask};
use crate::console::{KnownPerson, NewPerson, Order, Outcome, Wire, perform, socket_path};
use crate::domain::{InvitationWay, PersonId, Role, ServiceId, SiteId};
use crate::mail::INVITATION_PATH;
use crate::store::password;
use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum, builder::PossibleValue};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;
use std::sync::Arc;

/// What `ecluse people` takes.
#[derive(clap::Args)]
#[command(after_help = "\
The register knows people by pseudonym; names and addresses lie in a table apart, which can be erased.
Every change of a place is an entry of the register. Run this as root while the server runs, or as the owner of the data
directory while it does not.

Examples:
  ecluse people add --role administrator --name \"Charlie Bernard\" --email charlie@example.fr
  ecluse people add --role operator --service csu-charenton --site arcade --name \"Camille Roux\" --email c.roux@example.fr
  ecluse people invite p-0f3c5a9b21de
  ecluse people strike p-0f3c5a9b21de --forget

Somebody has forgotten their password, or lost telephone and recovery codes: \"invite\". It is the way back in for a sole
administrator too; the register says that it was used.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// Everybody in the annex, and every account
    List {
        #[command(flatten)]
        config: ConfigArgument,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// A new personal account and its place in the annex. Where mail is configured the person is invited by mail to choose
    /// their password; elsewhere a first password is printed once
    Add {
        #[command(flatten)]
        config: ConfigArgument,
        /// What they are in the convention
        #[arg(long)]
        role: Role,
        /// Name as people read it
        #[arg(long)]
        name: String,
        /// E-mail address, also the log-in
        #[arg(long)]
        email: String,
        /// A site they serve; may be repeated
        #[arg(long = "site", value_name = "SITE")]
        sites: Vec<SiteId>,
        /// Their service (operators and chiefs)
        #[arg(long)]
        service: Option<ServiceId>,
        /// Language of pages and mails
        #[arg(long, default_value = "fr", value_parser = ["fr", "en"])]
        language: String,
        /// Pseudonym in the register; left out, one is drawn that says nothing about the person
        #[arg(long)]
        id: Option<PersonId>,
        /// Read the first password from standard input: nobody is invited
        #[arg(long)]
        password_stdin: bool,
        /// Print the invitation's link once instead of mailing it
        #[arg(long, conflicts_with = "password_stdin")]
        link: bool,
    },
    /// A one-time link, valid 72 h, to choose one's password and enrol one's second factor; what they had is void once
    /// they accept. By mail, or printed once where no mail is configured
    Invite {
        #[command(flatten)]
        config: ConfigArgument,
        /// Pseudonym (`ecluse people list` shows it)
        person: PersonId,
        /// Print the link once instead of mailing it
        #[arg(long)]
        link: bool,
    },
    /// Takes an invitation back: its link is void
    Uninvite {
        #[command(flatten)]
        config: ConfigArgument,
        /// Pseudonym
        person: PersonId,
    },
    /// Ends the lock-outs that follow from too many wrong passwords or codes
    Unlock {
        #[command(flatten)]
        config: ConfigArgument,
        /// Pseudonym
        person: PersonId,
    },
    /// Another role, other sites, another service
    Place {
        #[command(flatten)]
        config: ConfigArgument,
        /// Pseudonym (`ecluse people list` shows it)
        person: PersonId,
        /// Another role
        #[arg(long)]
        role: Option<Role>,
        /// All the sites they serve from now on; may be repeated
        #[arg(long = "site", value_name = "SITE", conflicts_with = "no_site")]
        sites: Vec<SiteId>,
        /// No site any more
        #[arg(long)]
        no_site: bool,
        /// Another service
        #[arg(long)]
        service: Option<ServiceId>,
    },
    /// A new password, printed once; ends every log-in of the person
    Password {
        #[command(flatten)]
        config: ConfigArgument,
        /// Pseudonym
        person: PersonId,
        /// Read it from standard input instead of drawing one
        #[arg(long)]
        password_stdin: bool,
    },
    /// Out of the annex: open tickets are cut, log-ins end, at once
    Strike {
        #[command(flatten)]
        config: ConfigArgument,
        /// Pseudonym
        person: PersonId,
        /// Erase name and address too; the register keeps the pseudonym
        #[arg(long)]
        forget: bool,
    },
}

impl ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Self] {
        &Role::ALL
    }
    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Role::Operator => "agent du CSU: asks, watches, ends",
            Role::Chief => "chef de service du CSU: watches, never asks",
            Role::Decider => "titulaire or suppléant of the landlord: looks, decides, interrupts",
            Role::Guard => "télésurveilleur: raises alerts, interrupts",
            Role::Dpo => "data protection officer: reads the register",
            Role::Administrator => "people, cameras, connection log, cuts; sees no images",
            Role::Auditor => "préfecture or commission: reads and verifies the register",
        };
        Some(PossibleValue::new(self.as_str()).help(help))
    }
}

/// Carries the deed out and says what was done.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.deed {
        Deed::List { config, json } => {
            let Outcome::People { people } = done(config, Order::PeopleList)? else { bail!(UNEXPECTED) };
            if *json {
                println!("{}", serde_json::to_string_pretty(&people)?);
            } else {
                print_people(&people);
            }
        }
        Deed::Add { config, role, name, email, sites, service, language, id, password_stdin, link } => {
            let invited = !password_stdin && (*link || mails(config)?);
            let secret = if invited { None } else { Some(first_password(*password_stdin)?) };
            let new = NewPerson {
                person: id.clone(),
                email: email.clone(),
                name: name.clone(),
                language: language.clone(),
                role: *role,
                sites: sites.iter().cloned().collect(),
                service: service.clone(),
                password: secret.clone().map(|secret| Wire(Secret::new(secret))),
            };
            let person = recorded(done(config, Order::PersonAdd(new))?)?;
            println!("{person} added: {}, log-in {email}", role.as_str());
            match secret {
                Some(secret) => tell_password(&secret, *password_stdin),
                None => invite(config, person, *link)?,
            }
        }
        Deed::Invite { config, person, link } => invite(config, person.clone(), *link || !mails(config)?)?,
        Deed::Uninvite { config, person } => {
            let person = recorded(done(config, Order::PersonUninvite { person: person.clone() })?)?;
            println!("{person}: no invitation stands");
        }
        Deed::Unlock { config, person } => {
            let person = recorded(done(config, Order::PersonUnlock { person: person.clone() })?)?;
            println!("{person}: no lock-out holds");
        }
        Deed::Place { config, person, role, sites, no_site, service } => {
            let sites = (*no_site || !sites.is_empty()).then(|| sites.iter().cloned().collect());
            if role.is_none() && sites.is_none() && service.is_none() {
                bail!("nothing to change: give --role, --site, --no-site or --service");
            }
            let order = Order::PersonPlace { person: person.clone(), role: *role, sites, service: service.clone() };
            println!("{} placed", recorded(done(config, order)?)?);
        }
        Deed::Password { config, person, password_stdin } => {
            let secret = first_password(*password_stdin)?;
            let order = Order::PersonPassword { person: person.clone(), password: Wire(Secret::new(secret.clone())) };
            println!("{}: every log-in has ended", recorded(done(config, order)?)?);
            tell_password(&secret, *password_stdin);
        }
        Deed::Strike { config, person, forget } => {
            let order = Order::PersonStrike { person: person.clone(), forget: *forget };
            let person = recorded(done(config, order)?)?;
            println!("{person} struck{}", if *forget { ", name and address erased" } else { "" });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Invites somebody, and says how.
fn invite(config: &ConfigArgument, person: PersonId, link: bool) -> anyhow::Result<()> {
    let way = if link { InvitationWay::Console } else { InvitationWay::Mail };
    let Outcome::Invited { person, expires_at_utc, token, .. } = done(config, Order::PersonInvite { person, way })?
    else {
        bail!(UNEXPECTED)
    };
    let until = expires_at_utc.format("%Y-%m-%d %H:%M UTC");
    match token {
        None => println!("{person} invited by mail; the link is valid once, until {until}"),
        Some(token) => {
            let public_url = usable(config)?.https.public_url.trim_end_matches('/').to_owned();
            println!("{person} invited; the link is valid once, until {until}: hand it over yourself");
            println!("link, shown this once: {public_url}{INVITATION_PATH}{}", token.0.expose());
        }
    }
    Ok(())
}

/// Whether there is a mail server.
fn mails(argument: &ConfigArgument) -> anyhow::Result<bool> {
    Ok(usable(argument)?.mail.is_some())
}

fn usable(argument: &ConfigArgument) -> anyhow::Result<Config> {
    let loaded = check::read(argument);
    match loaded.usable() {
        Some(config) => Ok(config.clone()),
        None => {
            check::print(&loaded);
            bail!("nothing was changed: correct the errors above")
        }
    }
}

const UNEXPECTED: &str = "the server answered something else: use the same `ecluse` as the server";

fn recorded(outcome: Outcome) -> anyhow::Result<PersonId> {
    match outcome {
        Outcome::Recorded { person, .. } => Ok(person),
        _ => bail!(UNEXPECTED),
    }
}

fn first_password(from_stdin: bool) -> anyhow::Result<String> {
    if !from_stdin {
        return Ok(password::generate()?);
    }
    let mut text = String::new();
    std::io::stdin().take(4096).read_to_string(&mut text).context("the password on standard input")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn tell_password(secret: &str, from_stdin: bool) {
    if !from_stdin {
        println!("password, shown this once: {secret}");
    }
}

fn print_people(people: &[KnownPerson]) {
    if people.is_empty() {
        println!("nobody yet: ecluse people add --role administrator --name NAME --email ADDRESS");
        return;
    }
    println!("{:<18} {:<14} {:<32} {:<28} sites, service", "pseudonym", "role", "name", "log-in");
    for known in people {
        let role = known.role.map_or("(struck)", Role::as_str);
        let (name, email) = (known.name.as_deref().unwrap_or("(forgotten)"), known.email.as_deref().unwrap_or("-"));
        let mut places: Vec<&str> = known.sites.iter().map(SiteId::as_str).collect();
        places.extend(known.service.as_ref().map(ServiceId::as_str));
        println!("{:<18} {role:<14} {name:<32} {email:<28} {}", known.person.as_str(), places.join(", "));
    }
}

/// Has the order carried out by the running server, or directly while none runs.
pub(super) fn done(argument: &ConfigArgument, order: Order) -> anyhow::Result<Outcome> {
    let config = usable(argument)?;
    match ask(&socket_path(&config.server.data_dir), &order) {
        Ok(outcome) => Ok(outcome),
        Err(AskError::NobodyThere) => directly(&config, order),
        Err(why) => Err(why.into()),
    }
}

/// On register and store themselves; their locks keep a server that starts meanwhile away.
fn directly(config: &Config, order: Order) -> anyhow::Result<Outcome> {
    let data_dir = &config.server.data_dir;
    let owner = std::fs::metadata(data_dir).with_context(|| format!("server.data_dir {}", data_dir.display()))?.uid();
    // SAFETY: a plain system call that cannot fail.
    if owner != unsafe { libc::geteuid() } {
        bail!(
            "{} belongs to user {owner}, and the server is not running: run this as that user (sudo -u \\#{owner} ecluse ...), \
             or the server could not open what is written now",
            data_dir.display()
        );
    }
    let runtime = serve::runtime()?;
    let outcome = runtime.block_on(async {
        let (data_dir, public_url) = (data_dir.clone(), config.https.public_url.clone());
        let keeper = tokio::task::spawn_blocking(move || keeper(&data_dir, Arc::new(SystemClock), &public_url));
        let (control, store) = keeper.await.context("the keeper's start")??;
        sites::declare(&control, config).await?;
        let outcome = perform(&control, &store, order).await;
        control.shutdown().await;
        Ok(outcome?)
    });
    serve::leave(runtime);
    outcome
}
