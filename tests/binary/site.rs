//! `ecluse site`: the dossier from the command line, without a server and beside one (A1-2, A3-1, A4-7, A5-1, A8-1).

use crate::program::{Ended, ecluse, run};
use crate::serve::{serve, up};
use crate::world::{SOUND, World};
use ecluse::register::verify;
use serde_json::Value;
use std::time::Duration;

fn site(config: &str, arguments: &[&str]) -> Ended {
    let mut all = vec!["site"];
    all.extend(arguments);
    all.extend(["--config", config]);
    run(&mut ecluse(&all))
}

fn show(config: &str) -> Value {
    let shown = site(config, &["show", "arcade", "--json"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    serde_json::from_str(&shown.stdout).unwrap()
}

fn lacks(config: &str) -> Vec<String> {
    let shown = show(config);
    shown["missing"].as_array().unwrap().iter().map(|one| one[0].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn filed(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("arcade: filed, entry "), "{}", ended.stdout);
}

#[track_caller]
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for word in words {
        assert!(ended.stderr.contains(word), "\"{word}\" is not in: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dossier_is_filed_act_by_act_and_each_is_an_entry_of_the_register() {
    let world = World::new();
    let config = world.config(SOUND);
    let listed = site(&config, &["list"]);
    assert!(listed.stdout.contains("arcade") && listed.stdout.contains("agreement-missing"), "{}", listed.stdout);

    // Without a server.
    let agreement = [
        "agreement",
        "arcade",
        "--reference",
        "Convention du 24 février 2021",
        "--signed-on",
        "2021-02-24",
        "--signatory",
        "Ville de Charenton-le-Pont: le Maire",
        "--landlord",
        "Immobilière 3F",
        "--access-contact",
        "acces@example.test",
    ];
    filed(&site(&config, &agreement));
    let again = site(&config, &agreement);
    assert!(again.stdout.contains("on record already"), "{}", again.stdout);
    filed(&site(&config, &["entrances", "arcade", "1 rue de l'Arcade", "Parking"]));
    let nowhere = ["notice", "arcade", "--entrance", "Cave", "--posted-on", "2026-03-02"];
    refused(&site(&config, &nowhere), &["entrance", "Cave", "one of the site's entrances"]);
    refused(&site(&config, &["show", "quai"]), &["no site \"quai\""]);

    // Beside one.
    let mut server = serve(&config);
    up(&mut server);
    for entrance in ["1 rue de l'Arcade", "Parking"] {
        filed(&site(&config, &["notice", "arcade", "--entrance", entrance, "--posted-on", "2026-03-02"]));
    }
    filed(&site(
        &config,
        &[
            "attest",
            "arcade",
            "--camera",
            "hall",
            "--dated",
            "2026-03-02",
            "--view",
            "Hall",
            "--still",
            "registre/hall.png",
        ],
    ));
    assert_eq!(lacks(&config), ["annex-missing", "deciders-missing"], "the people are missing alone");
    let annex = world.path("annex.csv");
    let sign = |text: &str| {
        std::fs::write(&annex, text).unwrap();
        site(&config, &["annex", "arcade", "--dated", "2026-03-02", "--file", annex.to_str().unwrap()])
    };
    refused(&sign("nom;courriel;fonction\nCamille Roux;camille;agent\n"), &["line 2", "camille", "e-mail address"]);
    filed(&sign("nom;courriel;fonction\nCamille Roux;camille@example.test;agent\n"));
    assert_eq!(lacks(&config), ["deciders-missing"], "its operator has an account and a place");
    filed(&site(&config, &["lapse", "arcade", "--camera", "hall", "--changed", "view"]));
    filed(&site(&config, &["notice", "arcade", "--entrance", "Parking", "--gone"]));
    assert!(lacks(&config).contains(&"signage-missing".to_owned()));
    let reason = "vols=Convention, article 3";
    filed(&site(&config, &["reasons", "arcade", "--dated", "2026-03-02", "--reason", reason]));
    assert_eq!(show(&config)["dossier"]["reasons"]["version"], 2);
    let unknown = ["reasons", "arcade", "--dated", "2026-03-02", "--reason", "ennui=aucune"];
    let unknown = site(&config, &unknown);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("vols"), "{}", unknown.stderr);
    filed(&site(&config, &["policy", "arcade", "--day-cap", "240", "--week-cap", "720", "--cooling-off", "60"]));
    assert_eq!(show(&config)["policy"]["day_cap_minutes"], 240);
    let much = ["policy", "arcade", "--day-cap", "100000", "--week-cap", "720", "--cooling-off", "60"];
    refused(&site(&config, &much), &["only titulaire and suppléant", "may allow more"]);
    let avenant = ["avenant", "arcade", "--reference", "n° 1", "--signed-on", "2026-03-02", "--subject", "player"];
    filed(&site(&config, &[&avenant[..], &["--summary", "Lecteur WebRTC au lieu de V264 Player"]].concat()));
    let renewal =
        ["renew", "arcade", "--reference", "n° 2", "--signed-on", "2026-03-02", "--valid-until", "2101-12-31"];
    filed(&site(&config, &renewal));
    let shown = site(&config, &["show", "arcade"]).stdout;
    for words in ["version 2", "V264", "until 2101-12-31", "Parking: no notice"] {
        assert!(shown.contains(words), "\"{words}\" is not in: {shown}");
    }
    server.ends_well(libc::SIGTERM, Duration::from_secs(5));
    let report = verify(&world.path("data/register")).unwrap();
    assert!(report.is_sound(), "{report}");
}
