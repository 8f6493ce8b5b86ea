//! Lock-outs and known devices (fault 25). Whoever fails too often is locked out; from a device the person has logged in
//! from before, or a workstation of their service, they are counted apart from strangers, so that nobody can lock the
//! deciders out from elsewhere. Answers stay the same; only the connection log and the administrator's page say it. Who is
//! logged in is not touched: a lock-out is asked for by log-ins alone, and no cut is one.

use super::may_use_machine;
use crate::domain::PersonId;
use crate::store::{Device, Origin};
use crate::web::app::App;
use crate::web::connections::{Connection, Kind};
use crate::web::limits::subscriber;
use crate::web::problem::Problem;
use crate::web::request::{Request, cookie};

/// Names the device; opens nothing.
pub const DEVICE_COOKIE: &str = "__Host-device";

/// The device a request comes from, if somebody has logged in from it.
pub(super) async fn device(app: &App, request: &Request) -> Result<Option<(String, Device)>, Problem> {
    let Some(token) = cookie(&request.headers, DEVICE_COOKIE).map(str::to_owned) else { return Ok(None) };
    let now = app.context.clock.utc();
    app.in_store(move |store| store.devices().find(&token, now)).await
}

/// From where a request for this account comes; `None`: there is no such account, and everybody is a stranger to it.
pub(super) fn origin(
    app: &App,
    request: &Request,
    person: Option<&PersonId>,
    device: Option<&(String, Device)>,
) -> Origin {
    let stranger = Origin::Stranger(subscriber(request.peer.address.ip()));
    let Some(person) = person else { return stranger };
    let place = app.context.control.read(|state| state.people.get(person).cloned());
    let certificate = request.peer.certificate.as_deref();
    if let (Some(place), Some(certificate)) = (place, certificate)
        && place.role.is_police()
        && app.settings.workstation_ca_pem.is_some()
        && may_use_machine(app, place.role, place.service.as_ref(), Some(certificate))
    {
        return Origin::Known(format!("workstation {}", certificate.sha256));
    }
    let last = |(_, device): &&(String, Device)| device.people.get(person).copied();
    match device.filter(|device| {
        last(device).is_some_and(|last| app.context.control.read(|state| state.outlives_reset(person, last)))
    }) {
        Some((name, _)) => Origin::Known(name.clone()),
        None => stranger,
    }
}

/// The same, for somebody whose password was right.
pub(super) async fn origin_of(app: &App, request: &Request, person: &PersonId) -> Result<Origin, Problem> {
    Ok(origin(app, request, Some(person), device(app, request).await?.as_ref()))
}

/// Whether the account is locked out where this comes from.
pub(super) async fn is_locked_out(app: &App, person: &PersonId, origin: &Origin) -> Result<bool, Problem> {
    let (whose, origin, now) = (person.clone(), origin.clone(), app.context.clock.utc());
    app.in_store(move |store| store.lockouts().holds(&whose, &origin, now)).await
}

/// Counts a wrong password or code; a lock-out that begins with it is noted.
pub(super) async fn failed(app: &App, request: &Request, person: &PersonId, origin: &Origin) -> Result<(), Problem> {
    let (whose, origin, now, rule) =
        (person.clone(), origin.clone(), app.context.clock.utc(), app.settings.limits.lockout);
    let begun = app.in_store(move |store| store.lockouts().failed(&whose, &origin, now, &rule)).await?;
    for lockout in begun {
        let detail = format!("{} until {}", lockout.scope.as_str(), lockout.until_utc.format("%Y-%m-%dT%H:%MZ"));
        let entry = Connection::new(Kind::LockedOut, Some(request.peer.address), detail);
        app.context.connections.note(entry.by(Some(person.clone())));
    }
    Ok(())
}
