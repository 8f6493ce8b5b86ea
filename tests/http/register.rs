//! The register, read, filtered, taken out and proven over HTTP (A4-1, A4-5), and what a damaged one allows (fault 12).

use crate::rig::{Answer, Browser, CAST, Rig, standing_for};
use ecluse::console::{Order, perform};
use ecluse::domain::{Event, EventKind, ExportFormat, Role, TicketId};
use ecluse::register::tree::{TreeHash, verify_inclusion};
use ecluse::register::{LOG_FILE, LeafHash, SignedCheckpoint, Source, VerifyKey, examine};
use ecluse::web::routes::{Kind, Name, TABLE};
use reqwest::{Method, StatusCode};
use std::fs;

const READERS: [&str; 4] = ["decider", "dpo", "administrator", "auditor"];
const EXPORTS: [(&str, ExportFormat, &str); 4] = [
    ("/register/export.pdf", ExportFormat::Pdf, "application/pdf"),
    ("/register/export.jsonl", ExportFormat::Jsonl, "application/jsonl"),
    ("/register/export.csv", ExportFormat::Csv, "text/csv; charset=utf-8"),
    ("/register/transmissions.csv", ExportFormat::TransmissionsCsv, "text/csv; charset=utf-8"),
];

/// A ticket that was opened and interrupted for this reason.
async fn closed(rig: &Rig, why: &str) -> TicketId {
    let ticket = rig.opened().await;
    let answer = rig.log_in("decider").await.act(ticket, "interrupt", why).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    ticket
}

async fn get(browser: &Browser, path: &str) -> Answer {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_erased_is_a_pseudonym_everywhere_and_the_chain_stands() {
    let rig = Rig::start().await;
    closed(&rig, "fin").await;
    let auditor = rig.log_in("auditor").await;
    assert!(get(&auditor, "/register").await.text().contains("Prénom agent"));
    // Struck at first, erased when its time has come; a second time changes nothing.
    for forget in [false, true, true] {
        let order = Order::PersonStrike { person: "agent".parse().unwrap(), forget };
        let known = perform(&rig.control, &rig.store, order).await;
        assert!(known.is_ok() || forget, "{known:?}");
    }
    let store = rig.store.clone();
    let left = tokio::task::spawn_blocking(move || {
        let person = "agent".parse().unwrap();
        (store.people().get(&person).unwrap().is_some(), store.second_factors().get(&person).unwrap().is_some())
    });
    assert_eq!(left.await.unwrap(), (false, false));
    for path in ["/register", "/register/export.csv", "/register/transmissions.csv", "/api/v1/register?limit=500"] {
        let text = get(&auditor, path).await.text();
        assert!(!text.contains("Prénom agent") && text.contains("agent"), "{path}: {text}");
    }
    assert!(!printed(&get(&auditor, "/register/export.pdf").await.body).contains("Prénom agent"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("export.jsonl");
    fs::write(&file, &get(&auditor, "/register/export.jsonl").await.body).unwrap();
    let report = examine(&Source::Copy(file), None).unwrap().report;
    assert!(report.is_sound() && report.withheld == 0, "{report}");
    rig.stop().await;
}

/// What a reader finds in a document.
fn printed(pdf: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("export.pdf");
    fs::write(&file, pdf).unwrap();
    let output = std::process::Command::new("pdftotext").arg("-raw").arg(&file).arg("-").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_elsewhere_takes_nothing_out() {
    let rig = Rig::start().await;
    let (auditor, nobody) = (rig.log_in("auditor").await, rig.anonymous());
    let before = rig.control.reader().entries();
    for (path, ..) in EXPORTS {
        for site in ["cross-site", "same-site", "none"] {
            let click = |browser: &Browser| {
                let click = browser.request(Method::GET, path).header("sec-fetch-mode", "navigate");
                click.header("sec-fetch-site", site)
            };
            assert_eq!(auditor.send(click(&auditor)).await.status, StatusCode::FORBIDDEN, "{path} {site}");
            // The cookie held back: no page that asks again, in the reader's name.
            let answer = nobody.send(click(&nobody)).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text());
        }
    }
    assert_eq!(rig.control.reader().entries(), before);
    let own = auditor.request(Method::GET, "/register/export.csv").header("sec-fetch-site", "same-origin");
    assert_eq!(auditor.send(own).await.status, StatusCode::OK);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_5_every_export_is_recorded_and_comes_as_a_file() {
    let rig = Rig::start().await;
    closed(&rig, "=HYPERLINK(\"https://evil.example\")").await;
    for name in READERS {
        let browser = rig.log_in(name).await;
        for (path, format, media_type) in EXPORTS {
            let answer = get(&browser, &format!("{path}?site=arcade")).await;
            assert_eq!(answer.header("content-type"), media_type);
            assert!(answer.header("content-disposition").starts_with("attachment; filename=\""), "{path}");
            let last = rig.control.reader().entries() - 1;
            let entry = rig.control.entries(Some(last - 1), 1).unwrap().pop().unwrap();
            let Event::RegisterExported { format: recorded, filter } = entry.event else { panic!("{entry:?}") };
            assert_eq!((recorded, filter.site.unwrap().as_str()), (format, "arcade"), "{path} by {name}");
            if format == ExportFormat::Pdf {
                let text = printed(&answer.body);
                for said in ["Prénom agent", "1 rue de l'Arcade", "ecluse.example.org/register", "HYPERLINK"] {
                    assert!(text.contains(said), "{said}: {text}");
                }
            }
            if media_type.starts_with("text/csv") {
                let text = answer.text();
                assert!(text.starts_with('\u{feff}') && text.contains("Prénom agent"), "{text}");
                for cell in text.split([';', '\n']).map(|cell| cell.trim_start_matches('"')) {
                    assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
                }
            }
        }
    }
    let transmissions = get(&rig.log_in("decider").await, "/register/transmissions.csv").await.text();
    assert!(transmissions.contains("CSU de Charenton-le-Pont") && transmissions.contains("1 rue de l'Arcade"));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_1_an_extract_withholds_what_is_not_ones_own_and_is_verified_all_the_same() {
    let rig = Rig::start().await;
    closed(&rig, "fin").await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("export.jsonl");
    for (name, query, withholds) in [("auditor", "", false), ("auditor", "?kind=cut", true), ("elsewhere", "", true)] {
        let browser = rig.log_in(name).await;
        let export = get(&browser, &format!("/register/export.jsonl{query}")).await;
        fs::write(&file, &export.body).unwrap();
        let proof =
            get(&browser, &format!("/api/v1/register/{}/proof", rig.control.reader().entries() - 1)).await.json();
        let key: VerifyKey = proof["key"].as_str().unwrap().parse().unwrap();
        let checkpoint = SignedCheckpoint::find(proof["checkpoint"].as_str().unwrap(), &key, "proof").unwrap();
        checkpoint.verify(&key).unwrap();
        let mut examined = examine(&Source::Copy(file.clone()), None).unwrap();
        examined.hold_against(&[checkpoint]);
        assert!(examined.report.is_sound(), "{name}{query}: {}", examined.report);
        assert_eq!(examined.report.withheld > 0, withholds, "{name}{query}");
        if name == "elsewhere" {
            let text = export.text();
            assert!(!text.contains("arcade") && text.contains("quai"), "{text}");
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_5_one_entry_is_proven_by_its_line_its_path_and_a_signed_checkpoint() {
    let rig = Rig::start().await;
    closed(&rig, "fin").await;
    let auditor = rig.log_in("auditor").await;
    let entries = rig.control.reader().entries();
    for seq in 0..entries {
        let proof = get(&auditor, &format!("/api/v1/register/{seq}/proof")).await.json();
        let text = |field: &str| proof[field].as_str().unwrap().to_owned();
        let hash = |text: &str| TreeHash::from_base64(text).unwrap();
        let key: VerifyKey = text("key").parse().unwrap();
        let signed = SignedCheckpoint::parse(&text("checkpoint"), "proof").unwrap();
        signed.verify(&key).unwrap();
        let leaf = TreeHash::from(LeafHash::of(text("line").as_bytes()));
        assert_eq!(leaf.base64(), text("leaf"));
        let path: Vec<TreeHash> = proof["path"].as_array().unwrap().iter().map(|h| hash(h.as_str().unwrap())).collect();
        let size = proof["size"].as_u64().unwrap();
        assert_eq!((signed.checkpoint.size, signed.checkpoint.root.base64()), (size, text("root")));
        assert!(verify_inclusion(leaf, seq, size, &path, signed.checkpoint.root), "entry {seq}");
    }
    let page = get(&auditor, "/register/1").await.text();
    assert!(page.contains("ecluse.example.org/register") && page.contains("<pre"), "{page}");
    for nowhere in ["/api/v1/register/999999/proof", "/api/v1/register/x/proof", "/register/x", "/register/-1"] {
        assert_eq!(auditor.get(nowhere).await.status, StatusCode::NOT_FOUND, "{nowhere}");
    }
    // Of another site: as if it were not there (A4-1).
    let elsewhere = rig.log_in("elsewhere").await;
    let others = rig.control.entries(None, 1000).unwrap();
    let requested = others.iter().find(|entry| matches!(entry.event, Event::Requested { .. })).unwrap().seq;
    let hidden = elsewhere.get(&format!("/api/v1/register/{requested}/proof")).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    assert_eq!(elsewhere.get(&format!("/register/{requested}")).await.status, StatusCode::NOT_FOUND);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_5_the_register_is_filtered_by_period_site_ticket_and_kind() {
    let rig = Rig::start().await;
    let ticket = closed(&rig, "fin").await;
    let auditor = rig.log_in("auditor").await;
    let types = async |query: &str| -> Vec<String> {
        let page = get(&auditor, &format!("/api/v1/register?{query}")).await.json();
        let word = |line: &serde_json::Value| line["event"]["type"].as_str().unwrap().to_owned();
        page["lines"].as_array().unwrap().iter().map(word).collect()
    };
    assert_eq!(types(&format!("ticket={ticket}")).await, ["closed", "opened", "approved", "requested"]);
    assert_eq!(types(&format!("ticket={ticket}&kind=cut")).await, ["closed"]);
    let quai = types("site=quai&kind=").await;
    let (declared, dossier) = quai.split_last().unwrap();
    assert!(declared == "site-declared" && dossier.iter().all(|word| word == "filed"), "{quai:?}");
    let people = types("kind=people").await;
    assert!(people.iter().all(|word| word == "designated" || word == "filed"), "{people:?}");
    assert!(types("until=2020-01-01").await.is_empty());
    assert!(!types("since=2020-01-01").await.is_empty());
    // Page by page, the filter goes along.
    let first = get(&auditor, "/api/v1/register?kind=people&limit=5").await.json();
    let before = first["older_before"].as_u64().unwrap();
    let second = get(&auditor, &format!("/api/v1/register?kind=people&limit=500&before={before}")).await.json();
    let all = rig.control.entries(None, 1000).unwrap();
    let people = all.iter().filter(|entry| entry.event.kind() == EventKind::People).count();
    assert!(people > CAST.len(), "the cast and the dossiers: {people}");
    assert_eq!(first["lines"].as_array().unwrap().len() + second["lines"].as_array().unwrap().len(), people);
    for wrong in ["since=yesterday", "site=No+Slug", "ticket=x", "kind=everything"] {
        auditor.get(&format!("/api/v1/register?{wrong}")).await.is(StatusCode::BAD_REQUEST, "query-invalid");
    }
    let page = get(&auditor, "/register?kind=cut&since=2020-01-01").await.text();
    assert!(
        page.contains("/register/transmissions.csv?since=2020-01-01&#38;kind=cut")
            || page.contains("/register/transmissions.csv?since=2020-01-01&amp;kind=cut"),
        "links carry the filter: {page}"
    );
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_12_a_register_tampered_with_is_read_only_with_a_banner_and_its_first_bad_entry_named() {
    let rig = Rig::start().await;
    closed(&rig, "fin").await;
    let bad = rig.control.reader().entries() - 2;
    let rig = rig
        .reopened(|register| {
            let log = register.join(LOG_FILE);
            let text = fs::read_to_string(&log).unwrap();
            let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
            let bad = usize::try_from(bad).unwrap();
            lines[bad] = lines[bad].replacen("\"at_utc\":\"2", "\"at_utc\":\"3", 1);
            fs::write(&log, lines.concat()).unwrap();
        })
        .await;
    let ready = rig.anonymous().get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let auditor = rig.log_in("auditor").await;
    let page = get(&auditor, "/register").await.text();
    assert!(page.contains("class=\"banner bad\" role=\"alert\""), "{page}");
    let why = format!("entry {bad} ");
    let page = get(&rig.log_in("administrator").await, "/register").await.text();
    assert!(page.contains(&why), "the administrator is told which: {page}");
    assert!(format!("{:?}", rig.control.health().register).contains(&why), "{:?}", rig.control.health());
    // On every page there is, whoever looks.
    for role in Role::ALL {
        let browser = rig.log_in(standing_for(role)).await;
        for route in TABLE.iter().filter(|route| route.kind == Kind::Page && route.method == Method::GET) {
            // What is no page of ours: files, the demo's mails, the way in, the provider's address.
            let apart = [
                Name::Static,
                Name::DemoMails,
                Name::LoginPage,
                Name::SecondFactorPage,
                Name::OidcBegin,
                Name::OidcBack,
            ];
            let drawn = !apart.contains(&route.name);
            let exports = route.path.starts_with("/register/") && !route.path.contains('{');
            if !drawn || exports || route.path.contains('{') || !route.who.admits(Some(role)) {
                continue;
            }
            let page = get(&browser, route.path).await.text();
            assert!(page.contains("class=\"banner bad\" role=\"alert\""), "{} for {role:?}: {page}", route.path);
        }
    }
    // What is sound can be read; nothing new can be, nor signed, nor taken out without a trace.
    assert_eq!(rig.control.reader().entries(), bad);
    let filed = rig.log_in("agent").await.post("/api/v1/tickets", crate::rig::filing("agent")).await;
    filed.is(StatusCode::SERVICE_UNAVAILABLE, "register-unavailable");
    assert_eq!(auditor.get("/register/export.jsonl").await.status, StatusCode::SERVICE_UNAVAILABLE);
    auditor.get("/api/v1/register/0/proof").await.is(StatusCode::SERVICE_UNAVAILABLE, "register-unavailable");
    assert_eq!(get(&auditor, "/register/0").await.status, StatusCode::OK);
    rig.stop().await;
}
