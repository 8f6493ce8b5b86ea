//! `ecluse site`: a site's dossier from the command line, act by act as the administrator's page files them (A1-2, A3-1,
//! A4-1, A4-7, A5-1, A8-1). Through the running server's console, or directly while no server runs.

use super::ConfigArgument;
use super::people::done;
use crate::console::{KnownSite, Order, Outcome};
use crate::domain::dossier::{
    Agreement, Alteration, Attestation, Avenant, Deciders, ReasonBasis, ReasonList, Record, Renewal, Signatory, Subject,
};
use crate::domain::{CameraId, PersonId, Policy, Reason, SiteId};
use anyhow::{Context, bail};
use chrono::NaiveDate;
use clap::{Subcommand, ValueEnum, builder::PossibleValue};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `ecluse site` takes.
#[derive(clap::Args)]
#[command(after_help = "\
A site opens no transfer while its dossier lacks something; `show` names what. Every act is an entry of the register, by
the machine's console: who files by name uses the site's page. Days are YYYY-MM-DD, in Paris.

Examples:
  ecluse site show arcade
  ecluse site agreement arcade --reference \"Convention du 24 février 2021\" --signed-on 2021-02-24 \\
      --signatory \"Ville de Charenton-le-Pont: le Maire\" --signatory \"Immobilière 3F: le directeur\" \\
      --landlord \"Immobilière 3F\" --access-contact acces@example.fr
  ecluse site entrances arcade \"1 rue de l'Arcade\" \"Parking\"
  ecluse site notice arcade --entrance Parking --posted-on 2026-03-02
  ecluse site attest arcade --camera hall --dated 2026-03-02 --view \"Hall d'entrée\" --still registre/hall.png
  ecluse site policy arcade --day-cap 720 --week-cap 2160 --cooling-off 30")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// All sites, and what each lacks
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// One site's dossier, and what it lacks
    Show {
        /// Its id in the configuration
        site: SiteId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Allow the service less (A4-7); only titulaire and suppléant may allow more, on the site's page
    Policy {
        /// Its id
        site: SiteId,
        /// Most minutes open in any 24 h
        #[arg(long, value_name = "MINUTES")]
        day_cap: u32,
        /// Most minutes open in any 7 times 24 h
        #[arg(long, value_name = "MINUTES")]
        week_cap: u32,
        /// Minutes between the end of a ticket and the next request
        #[arg(long, value_name = "MINUTES")]
        cooling_off: u32,
    },
    /// The convention as signed, and whom filmed people write to (A5-1)
    Agreement {
        /// Its id
        site: SiteId,
        /// Reference or title
        #[arg(long)]
        reference: String,
        /// When it was signed
        #[arg(long, value_name = "DAY")]
        signed_on: NaiveDate,
        /// Who signed, "PARTY: CAPACITY"; no names. May be repeated
        #[arg(long = "signatory", value_name = "PARTY: CAPACITY", required = true, value_parser = signatory)]
        signatories: Vec<Signatory>,
        /// The landlord, as the notice names it
        #[arg(long)]
        landlord: String,
        /// Postal or e-mail address for the right of access, as printed on the notice
        #[arg(long)]
        access_contact: String,
    },
    /// An avenant to the convention
    Avenant {
        /// Its id
        site: SiteId,
        /// Its reference
        #[arg(long)]
        reference: String,
        /// When it was signed
        #[arg(long, value_name = "DAY")]
        signed_on: NaiveDate,
        /// What it changes
        #[arg(long)]
        subject: Subject,
        /// In a sentence
        #[arg(long)]
        summary: String,
    },
    /// A renewal of the convention (A8-1)
    Renew {
        /// Its id
        site: SiteId,
        /// The act's reference
        #[arg(long)]
        reference: String,
        /// When it was signed
        #[arg(long, value_name = "DAY")]
        signed_on: NaiveDate,
        /// Last day of the convention as renewed
        #[arg(long, value_name = "DAY")]
        valid_until: NaiveDate,
    },
    /// The next version of the reasons that may be ticked, all of them (A3-1)
    Reasons {
        /// Its id
        site: SiteId,
        /// When this version was agreed
        #[arg(long, value_name = "DAY")]
        dated: NaiveDate,
        /// A reason with the law it stands on, "REASON=LAW"; may be repeated
        #[arg(long = "reason", value_name = "REASON=LAW", required = true, value_parser = reason)]
        reasons: Vec<ReasonBasis>,
    },
    /// The annex of named agents, signed off as a whole (A3-3): who is no longer in it is cut and struck
    Annex {
        /// Its id
        site: SiteId,
        /// CSV file with the columns name, email, role (agent or chief); - for standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// The date on it
        #[arg(long, value_name = "DAY")]
        dated: NaiveDate,
    },
    /// Who decides: titulaire and suppléant (A4-1)
    Deciders {
        /// Its id
        site: SiteId,
        /// Pseudonym of the titulaire (`ecluse people list`)
        #[arg(long)]
        titulaire: PersonId,
        /// Pseudonym of the suppléant
        #[arg(long)]
        suppleant: PersonId,
        /// From which day
        #[arg(long, value_name = "DAY")]
        dated: NaiveDate,
    },
    /// The site's entrances, all of them; each needs its notice (A5-1)
    Entrances {
        /// Its id
        site: SiteId,
        /// Their names
        #[arg(required = true)]
        entrances: Vec<String>,
    },
    /// A notice hangs at an entrance, or is gone from it (A5-1)
    Notice {
        /// Its id
        site: SiteId,
        /// Which entrance
        #[arg(long)]
        entrance: String,
        /// Since when it hangs there
        #[arg(long, value_name = "DAY", required_unless_present = "gone", conflicts_with = "gone")]
        posted_on: Option<NaiveDate>,
        /// It is gone: transfers stop until one hangs there again
        #[arg(long)]
        gone: bool,
    },
    /// A camera shows shared areas alone (A1-2)
    Attest {
        /// Its id
        site: SiteId,
        /// Which camera
        #[arg(long)]
        camera: CameraId,
        /// When it was looked at
        #[arg(long, value_name = "DAY")]
        dated: NaiveDate,
        /// What it shows, in a sentence
        #[arg(long)]
        view: String,
        /// Its privacy masks; left out when none is needed
        #[arg(long, default_value = "")]
        masks: String,
        /// Where the person-free reference still is kept
        #[arg(long)]
        still: String,
    },
    /// A camera's attestation lapses: it is shown no more, at once (A1-2, fault 22)
    Lapse {
        /// Its id
        site: SiteId,
        /// Which camera
        #[arg(long)]
        camera: CameraId,
        /// What changed
        #[arg(long)]
        changed: Alteration,
    },
}

impl ValueEnum for Subject {
    fn value_variants<'a>() -> &'a [Self] {
        &Subject::ALL
    }
    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

impl ValueEnum for Alteration {
    fn value_variants<'a>() -> &'a [Self] {
        &Alteration::ALL
    }
    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

fn signatory(text: &str) -> Result<Signatory, String> {
    let (party, capacity) = text.split_once(':').ok_or("expected \"PARTY: CAPACITY\", e.g. \"Ville: le Maire\"")?;
    Ok(Signatory { party: party.trim().to_owned(), capacity: capacity.trim().to_owned() })
}

fn reason(text: &str) -> Result<ReasonBasis, String> {
    let known = || Reason::ALL.map(|reason| reason.as_str()).join(", ");
    let (word, law) =
        text.split_once('=').ok_or_else(|| format!("expected REASON=LAW; the reasons are {}", known()))?;
    let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == word.trim());
    let reason = reason.ok_or_else(|| format!("\"{word}\" is no reason: expected one of {}", known()))?;
    Ok(ReasonBasis { reason, legal_basis: law.trim().to_owned() })
}

/// Carries the deed out and says what was done.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = &arguments.config;
    let (site, record) = match &arguments.deed {
        Deed::List { json } => {
            let sites = known(config)?;
            if *json {
                println!("{}", serde_json::to_string_pretty(&sites)?);
            } else {
                sites.iter().for_each(print_line);
            }
            return Ok(ExitCode::SUCCESS);
        }
        Deed::Show { site, json } => {
            let known = one(config, site)?;
            if *json {
                println!("{}", serde_json::to_string_pretty(&known)?)
            } else {
                print(&known)
            }
            return Ok(ExitCode::SUCCESS);
        }
        Deed::Policy { site, day_cap, week_cap, cooling_off } => {
            let policy =
                Policy { day_cap_minutes: *day_cap, week_cap_minutes: *week_cap, cooling_off_minutes: *cooling_off };
            return tell(done(config, Order::SitePolicy { site: site.clone(), policy })?);
        }
        Deed::Agreement { site, reference, signed_on, signatories, landlord, access_contact } => {
            let agreement = Agreement {
                reference: reference.clone(),
                signed_on: *signed_on,
                signatories: signatories.clone(),
                landlord: landlord.clone(),
                access_contact: access_contact.clone(),
            };
            (site, Record::Agreement(agreement))
        }
        Deed::Avenant { site, reference, signed_on, subject, summary } => {
            let (reference, summary) = (reference.clone(), summary.clone());
            (site, Record::Avenant(Avenant { reference, signed_on: *signed_on, subject: *subject, summary }))
        }
        Deed::Renew { site, reference, signed_on, valid_until } => {
            let reference = reference.clone();
            (site, Record::Renewal(Renewal { reference, signed_on: *signed_on, valid_until: *valid_until }))
        }
        Deed::Reasons { site, dated, reasons } => {
            let version = one(config, site)?.dossier.reasons.version + 1;
            (site, Record::Reasons(ReasonList { version, dated: *dated, reasons: reasons.clone() }))
        }
        Deed::Annex { site, file, dated } => {
            let order = Order::SiteAnnex { site: site.clone(), file: text_of(file)?, dated: *dated };
            let signed = tell(done(config, order)?)?;
            println!("invite who is new: ecluse people list, then ecluse people invite PSEUDONYM");
            return Ok(signed);
        }
        Deed::Deciders { site, titulaire, suppleant, dated } => {
            let (titulaire, suppleant) = (titulaire.clone(), suppleant.clone());
            (site, Record::Deciders(Deciders { titulaire, suppleant, dated: *dated }))
        }
        Deed::Entrances { site, entrances } => (site, Record::Entrances { entrances: entrances.clone() }),
        Deed::Notice { site, entrance, posted_on, gone: _ } => {
            let entrance = entrance.clone();
            match posted_on {
                Some(posted_on) => (site, Record::Signage { entrance, posted_on: *posted_on }),
                None => (site, Record::SignageGone { entrance }),
            }
        }
        Deed::Attest { site, camera, dated, view, masks, still } => {
            let attestation = Attestation {
                camera: camera.clone(),
                dated: *dated,
                view: view.clone(),
                masks: masks.clone(),
                still: still.clone(),
            };
            (site, Record::Attestation(attestation))
        }
        Deed::Lapse { site, camera, changed } => {
            (site, Record::AttestationLapsed { camera: camera.clone(), alteration: *changed })
        }
    };
    tell(done(config, Order::SiteFile { site: site.clone(), record: Box::new(record) })?)
}

const UNEXPECTED: &str = "the server answered something else: use the same `ecluse` as the server";

/// Most bytes of an annex's file: one order travels on one line of the console.
const MAX_ANNEX_BYTES: u64 = 128 * 1024;

fn text_of(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let reader: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(path).with_context(|| format!("--file {}", path.display()))?),
    };
    reader.take(MAX_ANNEX_BYTES + 1).read_to_string(&mut text).with_context(|| format!("--file {}", path.display()))?;
    if text.len() as u64 > MAX_ANNEX_BYTES {
        bail!("--file {}: larger than {MAX_ANNEX_BYTES} bytes: is it the annex?", path.display());
    }
    Ok(text)
}

fn known(config: &ConfigArgument) -> anyhow::Result<Vec<KnownSite>> {
    match done(config, Order::SiteList)? {
        Outcome::Sites { sites } => Ok(sites),
        _ => bail!(UNEXPECTED),
    }
}

fn one(config: &ConfigArgument, site: &SiteId) -> anyhow::Result<KnownSite> {
    let known = known(config)?.into_iter().find(|known| known.site == *site);
    known.with_context(|| format!("there is no site \"{site}\": `ecluse site list` names them"))
}

fn tell(outcome: Outcome) -> anyhow::Result<ExitCode> {
    let Outcome::SiteRecorded { site, entries } = outcome else { bail!(UNEXPECTED) };
    match entries.first() {
        Some(entry) => println!("{site}: filed, entry {entry} of the register"),
        None => println!("{site}: it was on record already, nothing has changed"),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_line(known: &KnownSite) {
    let state = if known.missing.is_empty() { "complete".to_owned() } else { format!("lacks {}", lacks(known)) };
    println!("{:<20} {:<40} {state}", known.site.as_str(), known.name);
}

fn lacks(known: &KnownSite) -> String {
    let word = |(code, which): &(String, Option<String>)| match which {
        Some(which) => format!("{code} ({which})"),
        None => code.clone(),
    };
    known.missing.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn print(known: &KnownSite) {
    print_line(known);
    let (from, until) = (known.convention.valid_from_utc, known.convention.valid_until_utc);
    println!("convention   {} to {} (UTC)", from.format("%Y-%m-%d %H:%M"), until.format("%Y-%m-%d %H:%M"));
    let Policy { day_cap_minutes, week_cap_minutes, cooling_off_minutes } = known.policy;
    println!(
        "policy       {day_cap_minutes} min a day, {week_cap_minutes} min a week, {cooling_off_minutes} min between"
    );
    let dossier = &known.dossier;
    if let Some(agreement) = &dossier.agreement {
        println!(
            "agreement    {}, signed {}, access: {}",
            agreement.reference, agreement.signed_on, agreement.access_contact
        );
        for Signatory { party, capacity } in &agreement.signatories {
            println!("             {party}: {capacity}");
        }
    }
    for avenant in &dossier.avenants {
        println!(
            "avenant      {}, {}, {}: {}",
            avenant.reference,
            avenant.signed_on,
            avenant.subject.as_str(),
            avenant.summary
        );
    }
    if let Some(renewal) = &dossier.renewal {
        println!("renewal      {}, {}, until {}", renewal.reference, renewal.signed_on, renewal.valid_until);
    }
    println!("reasons      version {} of {}", dossier.reasons.version, dossier.reasons.dated);
    for entry in &dossier.reasons.reasons {
        println!("             {}: {}", entry.reason.as_str(), entry.legal_basis);
    }
    if let Some(annex) = &dossier.annex {
        println!("annex        version {} of {}, {} people", annex.version, annex.dated, annex.people.len());
    }
    if let Some(both) = &dossier.deciders {
        println!("deciders     {} (titulaire), {} (suppléant), since {}", both.titulaire, both.suppleant, both.dated);
    }
    for (entrance, posted) in &dossier.entrances {
        let posted = posted.map_or_else(|| "no notice".to_owned(), |day| format!("notice since {day}"));
        println!("entrance     {entrance}: {posted}");
    }
    for attestation in dossier.attestations.values() {
        println!("attestation  {}, {}: {}", attestation.camera, attestation.dated, attestation.view);
    }
}
