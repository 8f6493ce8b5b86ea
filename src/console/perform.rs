//! Carries an order out: the keeper first, then the names behind the pseudonyms.

use super::{KnownPerson, KnownSite, NewPerson, Order, Outcome, Wire};
use crate::config::Secret;
use crate::control::{Control, ControlError};
use crate::domain::dossier::Record;
use crate::domain::{
    Action, Actor, Command, Designation, Event, InvitationWay, PersonId, Site, SiteId, State, WorkstationId,
};
use crate::store::annex::{self, LineFault};
use crate::store::{Identity, Store, StoreError, password};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The keeper says no.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such person.
    #[error("person \"{0}\": nobody of that name is known; `ecluse people list` shows who is")]
    Unknown(PersonId),
    /// There is such a person already.
    #[error("person \"{0}\" exists already: choose another --id, or use `ecluse people place`")]
    Exists(PersonId),
    /// The annex's file.
    #[error("the annex cannot be signed off: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Annex(Vec<LineFault>),
    /// A blocking call came to nothing.
    #[error("the server is stopping")]
    Stopping,
}

/// Carries an order out; when it returns `Ok`, it is on disk.
///
/// # Errors
/// [`ConsoleError`] says what was not acceptable and what would be. An account whose place the keeper refuses is not
/// kept.
pub async fn perform(control: &Control, store: &Store, order: Order) -> Result<Outcome, ConsoleError> {
    match order {
        Order::PeopleList => list(control, store).await,
        Order::PersonAdd(new) => add(control, store, new).await,
        Order::PersonPlace { person, role, sites, service } => {
            let known = control.read(|state| state.people.get(&person).cloned());
            let mut place = known.ok_or_else(|| ConsoleError::Unknown(person.clone()))?;
            if let Some(role) = role {
                place.role = role;
                // A service belongs to the police alone: whoever moves away from it loses it unless told otherwise.
                place.service = place.service.filter(|_| role.is_police());
            }
            place.sites = sites.unwrap_or(place.sites);
            place.service = service.or(place.service);
            recorded(control, person, Action::Designate(place)).await
        }
        Order::PersonPassword { person, password: secret } => {
            let of = person.clone();
            in_store(store, move |store| {
                let Some(mut identity) = store.people().get(&of)? else { return Err(ConsoleError::Unknown(of)) };
                identity.password_hash = password::hash(secret.0.expose())?;
                store.people().put(&identity)?;
                store.web_sessions().revoke_person(&of)?;
                Ok(())
            })
            .await?;
            Ok(Outcome::Recorded { person, entries: Vec::new() })
        }
        Order::PersonInvite { person, way } => invite(control, store, person, way).await,
        Order::PersonUninvite { person } => {
            let of = person.clone();
            let outcome = recorded(control, person.clone(), Action::RevokeInvitation { person }).await?;
            in_store(store, move |store| Ok(store.invitations().remove(&of)?)).await?;
            Ok(outcome)
        }
        Order::PersonUnlock { person } => {
            let of = person.clone();
            in_store(store, move |store| {
                if store.people().get(&of)?.is_none() {
                    return Err(ConsoleError::Unknown(of));
                }
                let held = store.lockouts().clear(&of, chrono::Utc::now())?;
                tracing::info!(person = %of, held, "the console ended an account's lock-out");
                Ok(())
            })
            .await?;
            Ok(Outcome::Recorded { person, entries: Vec::new() })
        }
        Order::PersonStrike { person, forget } => strike(control, store, person, forget).await,
        Order::SiteList => Ok(Outcome::Sites { sites: control.read(sites) }),
        Order::SiteFile { site, record } => {
            of_site(control, site.clone(), Action::File { site, record: *record }).await
        }
        Order::SiteAnnex { site, file, dated } => sign_annex(control, store, site, file, dated).await,
        Order::SitePolicy { site, policy } => of_site(control, site.clone(), Action::SetPolicy { site, policy }).await,
        Order::WorkstationList => {
            let workstations = control.read(|state| state.workstations.values().cloned().collect());
            Ok(Outcome::Workstations { workstations })
        }
        Order::WorkstationIssue { workstation } => {
            let id = workstation.id.clone();
            of_workstation(control, id, Action::IssueWorkstation(workstation)).await
        }
        Order::WorkstationRevoke { workstation, why } => {
            of_workstation(control, workstation.clone(), Action::RevokeWorkstation { workstation, why }).await
        }
    }
}

async fn list(control: &Control, store: &Store) -> Result<Outcome, ConsoleError> {
    let identities = in_store(store, |store| Ok(store.people().list()?)).await?;
    let mut people: BTreeMap<PersonId, KnownPerson> = control.read(|state| {
        let places = state.people.values().map(|place| {
            let known = KnownPerson {
                person: place.person.clone(),
                name: None,
                email: None,
                role: Some(place.role),
                sites: place.sites.clone(),
                service: place.service.clone(),
            };
            (place.person.clone(), known)
        });
        places.collect()
    });
    for identity in identities {
        let known = people.entry(identity.person.clone()).or_insert_with(|| KnownPerson {
            person: identity.person,
            name: None,
            email: None,
            role: None,
            sites: Default::default(),
            service: None,
        });
        (known.name, known.email) = (Some(identity.name), Some(identity.email));
    }
    Ok(Outcome::People { people: people.into_values().collect() })
}

async fn add(control: &Control, store: &Store, new: NewPerson) -> Result<Outcome, ConsoleError> {
    let person = match new.person {
        Some(person) => person,
        None => drawn()?,
    };
    if control.read(|state| state.people.contains_key(&person)) {
        return Err(ConsoleError::Exists(person));
    }
    let (id, email, name, language, secret) = (person.clone(), new.email, new.name, new.language, new.password);
    in_store(store, move |store| {
        if store.people().get(&id)?.is_some() {
            return Err(ConsoleError::Exists(id));
        }
        let password_hash = match secret {
            Some(secret) => password::hash(secret.0.expose())?,
            None => password::nobodys()?,
        };
        store.people().put(&Identity { person: id, email, name, language, password_hash })?;
        Ok(())
    })
    .await?;
    let place = Designation { person: person.clone(), role: new.role, sites: new.sites, service: new.service };
    let outcome = recorded(control, person.clone(), Action::Designate(place)).await;
    if outcome.is_err() {
        // An account without a place could log in nowhere, but it would hold its address.
        in_store(store, move |store| Ok(store.people().remove(&person)?)).await?;
    }
    outcome
}

async fn invite(
    control: &Control,
    store: &Store,
    person: PersonId,
    way: InvitationWay,
) -> Result<Outcome, ConsoleError> {
    let action = Action::Invite { person: person.clone(), way };
    let receipt = control.execute(Command { actor: Actor::System, action }).await?;
    let invited = receipt.entries.iter().find_map(|entry| match &entry.event {
        Event::Invited { expires_at_utc, .. } => Some((entry.seq, *expires_at_utc)),
        _ => None,
    });
    // The keeper that recorded anything recorded this.
    let (number, expires_at_utc) = invited.ok_or_else(|| ConsoleError::Unknown(person.clone()))?;
    let token = match way {
        InvitationWay::Mail => None,
        InvitationWay::Console => {
            let of = person.clone();
            let token = in_store(store, move |store| Ok(store.invitations().issue(&of, number)?)).await?;
            Some(Wire(Secret::new(token)))
        }
    };
    let entries = receipt.entries.iter().map(|entry| entry.seq).collect();
    Ok(Outcome::Invited { person, entries, expires_at_utc, token })
}

async fn strike(control: &Control, store: &Store, person: PersonId, forget: bool) -> Result<Outcome, ConsoleError> {
    let of = person.clone();
    let has_account = in_store(store, move |store| Ok(store.people().get(&of)?.is_some())).await?;
    if !has_account && !control.read(|state| state.people.contains_key(&person)) {
        return Err(ConsoleError::Unknown(person));
    }
    let outcome = recorded(control, person.clone(), Action::Strike(person.clone())).await?;
    in_store(store, move |store| {
        store.web_sessions().revoke_person(&person)?;
        store.invitations().remove(&person)?;
        if forget {
            store.people().remove(&person)?;
            store.forget_proofs(&person, chrono::Utc::now())?;
        }
        Ok(())
    })
    .await?;
    Ok(outcome)
}

async fn recorded(control: &Control, person: PersonId, action: Action) -> Result<Outcome, ConsoleError> {
    let receipt = control.execute(Command { actor: Actor::System, action }).await?;
    Ok(Outcome::Recorded { person, entries: receipt.entries.iter().map(|entry| entry.seq).collect() })
}

fn sites(state: &State) -> Vec<KnownSite> {
    let known = |site: &Site| KnownSite {
        site: site.id.clone(),
        name: site.name.clone(),
        convention: state.convention(site),
        missing: state.missing(site).iter().map(|one| (one.as_str().to_owned(), one.of_which())).collect(),
        policy: state.policy(&site.id),
        dossier: state.dossier(&site.id).clone(),
    };
    state.sites.values().map(known).collect()
}

/// Signs an annex off: accounts for those who have none, then the keeper. People who are new to it are invited apart.
async fn sign_annex(
    control: &Control,
    store: &Store,
    site: SiteId,
    file: String,
    dated: NaiveDate,
) -> Result<Outcome, ConsoleError> {
    let lines = annex::read(&file).map_err(ConsoleError::Annex)?;
    let version = control.read(|state| state.dossier(&site).annex.as_ref().map_or(0, |before| before.version)) + 1;
    let named = in_store(store, move |store| Ok(annex::name(store, &file, &lines, version, dated)?)).await?;
    let action = Action::File { site: site.clone(), record: Record::Annex(named.annex) };
    let outcome = of_site(control, site, action).await;
    if outcome.is_err() {
        in_store(store, move |store| Ok(annex::forget(store, &named.new)?)).await?;
    }
    outcome
}

async fn of_site(control: &Control, site: SiteId, action: Action) -> Result<Outcome, ConsoleError> {
    let receipt = control.execute(Command { actor: Actor::System, action }).await?;
    Ok(Outcome::SiteRecorded { site, entries: receipt.entries.iter().map(|entry| entry.seq).collect() })
}

async fn of_workstation(control: &Control, id: WorkstationId, action: Action) -> Result<Outcome, ConsoleError> {
    let receipt = control.execute(Command { actor: Actor::System, action }).await?;
    let entries = receipt.entries.iter().map(|entry| entry.seq).collect();
    Ok(Outcome::WorkstationRecorded { workstation: id, entries })
}

async fn in_store<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Store) -> Result<T, ConsoleError> + Send + 'static,
) -> Result<T, ConsoleError> {
    let store = store.clone();
    tokio::task::spawn_blocking(move || work(&store)).await.map_err(|_| ConsoleError::Stopping)?
}

/// A pseudonym that tells nothing.
fn drawn() -> Result<PersonId, ConsoleError> {
    let mut random = [0_u8; 6];
    openssl::rand::rand_bytes(&mut random).map_err(|why| StoreError::Randomness { why: why.to_string() })?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let invalid = StoreError::Randomness { why: "a pseudonym could not be drawn".to_owned() };
    format!("p-{text}").parse().map_err(|_| invalid.into())
}
