//! The off-site copy by the real program, in a real S3 server: what is recorded arrives while the server runs, and comes back
//! with one command as an archive that the master key opens.

use crate::auditor::{Auditor, PASSWORD_ALONE};
use crate::program::{PATIENCE, ecluse, run};
use crate::recording::{Publisher, Site, clip};
use crate::s3_server::Storage;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_recordings_are_copied_while_the_server_runs_and_come_back_with_one_command() {
    let mut storage = Storage::start().await;
    let settings = storage.settings();
    let host = settings.endpoint.strip_prefix("https://").unwrap();
    let section = format!(
        "[recorder.offsite]\nendpoint = \"{}\"\nbucket = \"{}\"\nprefix = \"{}\"\naccess_key_id = \"{}\"\n\
         secret_access_key_file = \"offsite.secret\"\nca = \"{}\"",
        settings.endpoint,
        settings.bucket,
        settings.prefix,
        settings.access_key_id,
        storage.authority.certificate_path().display()
    );
    let site = Site::with(&["hall"], &format!("keep_free_mib = 64\n{section}\n\n{PASSWORD_ALONE}"));
    site.world.private("offsite.secret", b"a secret\n");
    Auditor::appoint(&site);
    let (mut server, port) = site.start();
    let auditor = Auditor::log_in(&site, &server).await;
    let camera = Publisher::ffmpeg(&clip("320x240", 25, 10, 0), port, "hall", true);
    let segments = |storage: &Storage| storage.files().iter().filter(|name| name.ends_with(".seg")).count();
    server.until("two segments are there", |_| (segments(&storage) >= 2).then_some(()));
    drop(camera);
    let shown = async |what: &str, fits: &dyn Fn(&Value) -> bool| {
        let began = Instant::now();
        loop {
            let copy = auditor.storage().await["offsite"].clone();
            if fits(&copy) {
                return copy;
            }
            assert!(began.elapsed() < PATIENCE, "{what}: {copy}\n{}", server.stderr());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let copy = shown("all is there", &|copy| copy["state"] == "up-to-date" && copy["segments_waiting"] == 0).await;
    assert_eq!((&copy["host"], &copy["bucket"]), (&json!(host), &json!(settings.bucket)), "{copy}");
    assert!(copy["last_success_utc"].is_string() && copy.get("last_error").is_none(), "{copy}");
    storage.stop().await;
    let camera = Publisher::ffmpeg(&clip("320x240", 25, 10, 0), port, "hall", true);
    let copy =
        shown("it waits", &|copy| copy["state"] == "failing" && copy["segments_waiting"].as_u64() > Some(0)).await;
    assert!(copy["last_error"] == "unreachable" && copy["failing_since_utc"].is_string(), "{copy}");
    let page = auditor.storage_page().await;
    assert!(page.contains("data-copy=\"failing\"") && page.contains(host), "{page}");
    assert!(!page.contains("a secret") && !page.contains(&format!(">{}<", settings.access_key_id)), "{page}");
    drop(camera);
    storage.listen().await;
    shown("it goes on by itself", &|copy| copy["state"] == "up-to-date").await;
    server.ends_well(libc::SIGTERM, PATIENCE);
    assert!(storage.has_of("hall/") && storage.files().contains(&"archive.json".to_owned()), "{:?}", storage.files());
    assert!(!server.stderr().contains("a secret"));

    let back = site.world.path("back");
    let fetch = |to: &str| run(&mut ecluse(&["recordings", "fetch-copy", "--config", site.config(), to]));
    let fetched = fetch(back.to_str().unwrap());
    assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
    for name in storage.files() {
        assert_eq!(std::fs::read(back.join(&name)).unwrap(), storage.read(&name), "{name}");
    }
    let again = fetch(back.to_str().unwrap());
    assert!(again.code != Some(0) && again.stderr.contains("is not empty"), "{}", again.stderr);

    // It is told which copy there is, and forgotten when somebody says that it has been deleted.
    let forget =
        |more: &[&str]| run(&mut ecluse(&[&["recordings", "forget-copy", "--config", site.config()], more].concat()));
    assert!(forget(&[]).stdout.contains("nothing was done"));
    assert!(forget(&["--deleted"]).stdout.contains("forgotten"));
    assert!(forget(&[]).stdout.contains("no off-site copy is known"));

    // Somewhere else, with the master key alone.
    let elsewhere = Site::with(&["hall"], &format!("keep_free_mib = 64\ndirectory = \"{}\"", back.display()));
    std::fs::copy(site.world.path("recordings.key"), elsewhere.world.path("recordings.key")).unwrap();
    let (code, report) = elsewhere.check();
    assert_eq!((code, report["segments"].as_u64()), (Some(0), Some(segments(&storage) as u64)), "{report}");
}
