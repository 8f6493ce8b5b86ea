//! What happened to footage, as a sentence of the register (A5-2 to A5-5).

use super::Locale;
use super::names::Names;
use crate::domain::footage::{FootageAct, PurgedCamera, Scope};

/// Sentence, the words given with it, and the figures.
pub(super) fn tell(
    l: Locale,
    names: &Names,
    actor: String,
    site: String,
    act: &FootageAct,
) -> (String, Option<String>, Option<String>) {
    let say = |key: &str, more: &[(&'static str, String)]| {
        let mut values = vec![("actor", actor.clone()), ("site", site.clone())];
        values.extend_from_slice(more);
        l.with(key, &values)
    };
    match act {
        FootageAct::Retention { days } => (
            l.with(
                "event-footage-retention",
                &[("actor", actor.clone()), ("site", site.clone()), ("days", days.to_string())],
            ),
            None,
            None,
        ),
        FootageAct::Held { scope, requisition, .. } => {
            let detail = format!(
                "{} · {} · {} · {} · SHA-256 {}",
                scope_text(l, names, scope),
                requisition.authority,
                requisition.reference,
                l.calendar(requisition.date),
                requisition.document_sha256
            );
            (say("event-footage-held", &[]), None, Some(detail))
        }
        FootageAct::Released { why, .. } => (say("event-footage-released", &[]), Some(why.clone()), None),
        FootageAct::AccessAsked { scope, received_on, answer_by_utc, .. } => {
            let more = [("received", l.calendar(*received_on)), ("until", l.moment(*answer_by_utc))];
            (say("event-access-asked", &more), None, Some(scope_text(l, names, scope)))
        }
        FootageAct::AccessWarned { .. } => (say("event-access-warned", &[]), None, None),
        FootageAct::AccessGranted { frozen_until_utc, .. } => {
            (say("event-access-granted", &[("until", l.moment(*frozen_until_utc))]), None, None)
        }
        FootageAct::AccessRefused { reason, .. } => {
            let reason = l.t(format!("access-refusal-{}", reason.as_str()));
            (say("event-access-refused", &[("reason", reason)]), None, None)
        }
        FootageAct::Purged { day, cameras } => {
            let segments: u64 = cameras.iter().map(|camera| camera.segments).sum();
            let more = [("day", l.calendar(*day)), ("segments", segments.to_string())];
            let detail: Vec<String> = cameras.iter().map(|camera| camera_text(l, names, camera)).collect();
            (say("event-footage-purged", &more), None, Some(detail.join(" · ")))
        }
    }
}

/// Cameras and period, in words.
pub(super) fn scope_text(l: Locale, names: &Names, scope: &Scope) -> String {
    let cameras: Vec<String> = scope.cameras.iter().map(|camera| names.camera(camera)).collect();
    format!("{} · {} – {}", cameras.join(", "), l.moment(scope.from_utc), l.moment(scope.until_utc))
}

fn camera_text(l: Locale, names: &Names, purged: &PurgedCamera) -> String {
    let key = l.t(if purged.key_destroyed { "purged-key-destroyed" } else { "purged-key-kept" });
    let camera = names.camera(&purged.camera);
    let bytes = l.bytes(purged.bytes);
    format!("{camera} : {} × {bytes}, {key}, SHA-256 {}", purged.segments, purged.sha256)
}
