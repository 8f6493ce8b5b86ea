//! A site's dossier over HTTP: what is missing, what is filed on the page and by programs, the annex from its file to its
//! signature, the notice, and the second person.

use crate::dossier;
use crate::rig::{Browser, OFFER, Rig, email, filing};
use ecluse::domain::{Action, Actor, Command, PersonId, Record};
use reqwest::StatusCode;
use serde_json::json;

async fn post(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> crate::rig::Answer {
    let mut all = vec![("csrf", browser.csrf.as_str())];
    all.extend_from_slice(fields);
    browser.form(path, &all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_1_a_site_lists_what_it_lacks_and_opens_when_the_administrator_has_filed_it() {
    let rig = Rig::start().await;
    let administrator = rig.log_in("administrator").await;
    let (records, page) = ("/sites/arcade/records", "/sites/arcade");
    assert!(administrator.get(page).await.text().contains("data-ready=\"true\""));
    let entrance = "1 rue de l'Arcade, porte principale";
    let gone = post(&administrator, records, &[("record", "signage-gone"), ("entrance", entrance)]).await;
    assert_eq!((gone.status, gone.header("location")), (StatusCode::SEE_OTHER, page), "{}", gone.text());
    let shown = administrator.get(page).await.text();
    assert!(shown.contains("data-ready=\"false\"") && shown.contains("data-missing=\"signage-missing\""), "{shown}");
    post(&administrator, "/language", &[("language", "en"), ("back", "/")]).await;
    assert!(administrator.get(page).await.text().contains("Transfers impossible"));
    post(&administrator, "/language", &[("language", "fr"), ("back", "/")]).await;
    let model = rig.log_in("auditor").await.get("/api/v1/sites/arcade").await.json();
    assert_eq!(model["ready"], false);
    assert_eq!(model["missing"], json!([{ "code": "signage-missing", "what": entrance, "blocks": true }]));

    let agent = rig.log_in("agent").await;
    let refused = agent.post("/api/v1/tickets", filing("agent")).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY, "request-faulty");
    assert_eq!(refused.json()["faults"][0]["code"], "site-not-ready");

    let tomorrow = [("record", "signage"), ("entrance", entrance), ("posted_on", "2999-01-01")];
    let faulty = post(&administrator, records, &tomorrow).await;
    assert_eq!(faulty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(faulty.text().contains("Une date passée ou celle du jour est attendue."), "{}", faulty.text());
    let posted = [("record", "signage"), ("entrance", entrance), ("posted_on", "2025-06-01")];
    assert_eq!(post(&administrator, records, &posted).await.status, StatusCode::SEE_OTHER);
    assert_eq!(agent.post("/api/v1/tickets", filing("agent")).await.status, StatusCode::CREATED);
    assert_eq!(post(&administrator, records, &[("record", "nonsense")]).await.status, StatusCode::BAD_REQUEST);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a8_1_a3_1_a6_3_every_act_of_the_page_is_filed_and_shown() {
    let rig = Rig::start().await;
    let administrator = rig.log_in("administrator").await;
    let acts: [&[(&str, &str)]; 8] = [
        &[
            ("record", "agreement"),
            ("reference", "Convention 2026"),
            ("signed_on", "2026-01-05"),
            ("signatories", "Ville : le Maire\nÉtat : le Préfet\n\n3F : le Directeur"),
            ("landlord", "Immobilière 3F"),
            ("access_contact", "acces@3f.example"),
        ],
        &[
            ("record", "avenant"),
            ("reference", "Avenant 7"),
            ("signed_on", "2026-02-01"),
            ("subject", "player"),
            ("summary", "un autre lecteur"),
        ],
        &[("record", "renewal"), ("reference", "Acte 9"), ("signed_on", "2026-03-01"), ("valid_until", "2031-12-31")],
        &[
            ("record", "reasons"),
            ("dated", "2026-02-01"),
            ("reasons", "vols"),
            ("reasons", "degradations"),
            ("basis-vols", "CSI L272-2"),
            ("basis-degradations", "CSI L272-2, avenant 7"),
        ],
        &[("record", "deciders"), ("titulaire", "deputy"), ("suppleant", "decider"), ("dated", "2026-02-01")],
        &[("record", "entrances"), ("entrances", "Porte A\nPorte B")],
        &[
            ("record", "attestation"),
            ("camera", "hall"),
            ("dated", "2026-02-01"),
            ("view", "le hall"),
            ("masks", "la boîte aux lettres"),
            ("still", "PV 3"),
        ],
        &[("record", "attestation-lapsed"), ("camera", "stairs"), ("alteration", "position")],
    ];
    for fields in acts {
        let answer = post(&administrator, "/sites/arcade/records", fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{fields:?} {}", answer.text());
    }
    let model = administrator.get("/api/v1/sites/arcade").await.json();
    let dossier = &model["dossier"];
    assert_eq!(model["valid_until_utc"], "2031-12-31T23:00:00Z");
    assert_eq!(dossier["agreement"]["signatories"][2], json!({ "party": "3F", "capacity": "le Directeur" }));
    assert_eq!(
        (&dossier["avenants"][0]["subject"], &dossier["deciders"]["titulaire"]),
        (&json!("player"), &json!("deputy"))
    );
    assert_eq!(
        (&dossier["reasons"]["version"], dossier["reasons"]["reasons"].as_array().unwrap().len()),
        (&json!(2), 2)
    );
    assert_eq!(dossier["entrances"], json!([["Porte A", null], ["Porte B", null]]));
    assert_eq!(dossier["attestations"]["hall"]["masks"], "la boîte aux lettres");
    assert!(dossier["attestations"].get("stairs").is_none());
    let page = administrator.get("/sites/arcade").await.text();
    for text in ["Avenant 7", "Acte 9", "31 déc. 2031", "CSI L272-2, avenant 7", "Porte B", "la boîte aux lettres"] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert!(!page.contains("player-avenant"), "{page}");
    // The register tells each of them in words.
    let register = administrator.get("/register").await.text();
    assert!(
        register.contains("déclare caduque l’attestation") && register.contains("enregistre un avenant"),
        "{register}"
    );
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_22_a_guard_reports_a_turned_camera_and_its_images_stop() {
    let rig = Rig::start().await;
    let ticket = rig.opened().await;
    let agent = rig.log_in("agent").await;
    let joined = agent.offer(&format!("/whep/tickets/{ticket}"), OFFER).await;
    assert_eq!(joined.status, StatusCode::CREATED, "{}", joined.text());
    assert_eq!(rig.control.live_grants().len(), 1);
    let lapsed = json!({ "record": "attestation-lapsed", "camera": "hall", "alteration": "view" });
    let foreign = json!({ "record": "attestation-lapsed", "camera": "quai-hall", "alteration": "view" });
    let guard = rig.log_in("guard").await;
    guard.post("/api/v1/sites/quai/records", foreign.clone()).await.is(StatusCode::NOT_FOUND, "not-found");
    guard.post("/api/v1/sites/arcade/records", foreign).await.is(StatusCode::UNPROCESSABLE_ENTITY, "record-faulty");
    let other = serde_json::to_value(Record::Attestation(dossier::attestation("hall"))).unwrap();
    guard.post("/api/v1/sites/arcade/records", other).await.is(StatusCode::FORBIDDEN, "administrator-only");
    let cut = guard.post("/api/v1/sites/arcade/records", lapsed).await;
    assert_eq!(cut.status, StatusCode::OK, "{}", cut.text());
    assert_eq!(rig.control.live_grants().len(), 0);
    // The other cameras may be watched again at once, this one not.
    let chosen = agent.offer(&format!("/whep/tickets/{ticket}?camera=hall"), OFFER).await;
    chosen.is(StatusCode::CONFLICT, "no-camera");
    assert_eq!(agent.offer(&format!("/whep/tickets/{ticket}"), OFFER).await.status, StatusCode::CREATED);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_3_fault_08_an_annex_is_looked_at_signed_off_and_cuts_who_is_no_longer_in_it() {
    let rig = Rig::start().await;
    let (administrator, page) = (rig.log_in("administrator").await, "/sites/arcade/annex");
    assert!(administrator.get(page).await.text().contains("id=\"annex-form\""));
    let wrong = post(&administrator, page, &[("file", "nom,courriel,fonction\nA,nowhere,agent\nB,b@b.fr,maire")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("Ligne 2") && wrong.text().contains("Ligne 3"), "{}", wrong.text());

    let file = format!(
        "nom;courriel;fonction\nAgent;{};agent\nNouvelle;nouvelle@ville.fr;agent\nChef;{};chef\n",
        email("agent"),
        email("chief")
    );
    let before = rig.control.read(|state| state.people.len());
    let looked = post(&administrator, page, &[("file", &file)]).await;
    assert_eq!(looked.status, StatusCode::OK, "{}", looked.text());
    for fate in ["stays", "new", "goes"] {
        assert!(looked.text().contains(&format!("data-fate=\"{fate}\"")), "{fate} {}", looked.text());
    }
    assert_eq!(rig.control.read(|state| state.people.len()), before, "looking changes nothing");
    // The colleague, who is about to leave, has a transfer open.
    let colleague = rig.log_in("colleague").await;
    let filed = colleague.post("/api/v1/tickets", filing("colleague")).await;
    let ticket: ecluse::domain::TicketId = filed.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(rig.log_in("decider").await.act(ticket, "approve", "").await.status, StatusCode::OK);

    let sign = "/sites/arcade/annex/sign";
    let stale = post(&administrator, sign, &[("file", &file), ("version", "1"), ("dated", "2026-01-02")]).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", stale.text());
    let store = rig.store.clone();
    assert!(store.people().by_email("nouvelle@ville.fr").unwrap().is_none(), "no account is left behind");
    let signed = post(&administrator, sign, &[("file", &file), ("version", "2"), ("dated", "2026-01-02")]).await;
    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text());
    let newcomer = store.people().by_email("nouvelle@ville.fr").unwrap().unwrap().person;
    rig.control.read(|state| {
        assert!(
            state.people.contains_key(&newcomer)
                && !state.people.contains_key(&"colleague".parse::<PersonId>().unwrap())
        );
        let closed = &state.tickets[&ticket].state;
        assert!(matches!(closed, ecluse::domain::TicketState::Closed { .. }), "{closed:?}");
    });
    // Neither name nor address is in the register.
    let lines = administrator.get("/api/v1/register?limit=500").await.text();
    assert!(!lines.contains("nouvelle@ville.fr") && !lines.contains("\"Nouvelle\""));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_1_the_notice_is_there_to_print_with_its_contact() {
    let rig = Rig::start().await;
    let answer = rig.log_in("decider").await.get("/sites/arcade/notice").await;
    assert_eq!(answer.status, StatusCode::OK);
    for text in ["vidéoprotection", "police municipale de Charenton-le-Pont", "acces@example.org", "L272-2"] {
        assert!(answer.text().contains(text), "{text}");
    }
    let css = rig.anonymous().get("/static/css/notice.css").await.text();
    assert!(css.contains("size: 200mm 300mm"), "20 x 30 cm");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_their_own_rights_without_a_second_person() {
    let rig = Rig::start().await;
    let (administrator, decider) = (rig.log_in("administrator").await, rig.log_in("decider").await);
    let strike = Action::Strike("administrator".parse().unwrap());
    let actor = Actor::Person("administrator".parse().unwrap());
    rig.control.execute(Command { actor, action: strike }).await.unwrap();
    let waiting = administrator.get("/api/v1/changes").await.json();
    let change = waiting["changes"][0]["change"].as_u64().unwrap();
    assert_eq!(waiting["changes"][0]["rights"], json!({ "change": "strike", "person": "administrator" }));
    let path = format!("/api/v1/changes/{change}");
    administrator.post(&path, json!({ "confirm": true })).await.is(StatusCode::FORBIDDEN, "own-change");
    let page = administrator.get("/changes").await.text();
    assert!(page.contains("value=\"no\"") && !page.contains("value=\"yes\""), "{page}");
    assert!(decider.get("/changes").await.text().contains("value=\"yes\""));
    let confirmed = post(&decider, &format!("/changes/{change}"), &[("confirm", "yes")]).await;
    assert_eq!(confirmed.status, StatusCode::SEE_OTHER, "{}", confirmed.text());
    assert!(rig.control.read(|state| !state.people.contains_key(&"administrator".parse::<PersonId>().unwrap())));
    decider.post(&path, json!({ "confirm": true })).await.is(StatusCode::NOT_FOUND, "unknown-change");
    rig.stop().await;
}
