//! A disk that fills up (faults 13 and 14): what was acknowledged stays, cuts go on, what can no longer be recorded is
//! refused by name, and with space and a restart everything works again.

use crate::day::Book;
use crate::person::Person;
use crate::program::{Demo, ecluse, run};
use crate::tmpfs::Tmpfs;
use ecluse::register::{LOG_FILE, verify};
use ecluse::store::Store;
use reqwest::StatusCode;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Enough for the register's reserve (1 MiB), the heartbeat (0.5 MiB), the store and its reserve (2 MiB), and quickly filled.
const DISK_KIB: u32 = 10 * 1024;

/// Writes until nothing more fits, to the last byte.
fn fill(path: &Path) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    for size in [64 * 1024, 4096, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_13_14_on_a_full_disk_nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let Some(_disk) = Tmpfs::mount(&data, DISK_KIB) else { return };
    let (register, filler) = (Demo::register(directory.path()), data.join("filler"));
    let mut book = Book::default();

    let mut demo = Demo::start(directory.path());
    let (mut agent, mut titulaire) =
        (Person::log_in(&demo, "agent-1").await, Person::log_in(&demo, "titulaire-1").await);
    let mut administrator = Person::log_in(&demo, "admin-1").await;
    let first = open_ticket(&agent, &titulaire, &mut book).await;

    // Nothing fits any more, but the register has its reserve: tickets go on, and cuts above all.
    fill(&filler);
    let end = agent.act(&first, "end", None).await;
    book.acted(&first, &end, &["closed"]);
    for _ in 0..5 {
        let ticket = open_ticket(&agent, &titulaire, &mut book).await;
        let cut = titulaire.act(&ticket, "refuse", Some("disque plein")).await;
        book.acted(&ticket, &cut, &["closed"]);
    }
    let open = open_ticket(&agent, &titulaire, &mut book).await;
    agent.get("/readyz").await.is(StatusCode::OK);
    let (_, login) = Person::try_log_in(&demo, "dpo-1").await;
    login.is_problem(StatusCode::SERVICE_UNAVAILABLE, "disk-full");
    book.stands_online(&administrator, 0).await;

    // Killed on a full disk, it starts on the store's reserve: everything acknowledged is told, what was open is closed.
    demo.program.kill();
    is_sound(&register, &book);
    let mut demo = Demo::start(directory.path());
    assert!(demo.program.stderr().contains("started on the store's reserve"), "{}", demo.program.stderr());
    [&mut agent, &mut titulaire, &mut administrator].into_iter().for_each(|person| person.moves_to(&demo));
    book.stands_online(&administrator, 0).await;
    assert_eq!(agent.get(&format!("/api/v1/tickets/{open}")).await.body["status"], "closed");
    let (_, login) = Person::try_log_in(&demo, "dpo-1").await;
    login.is(StatusCode::OK);

    // With the reserve gone as well, it says what it needs before it starts again; what was acknowledged waits.
    demo.program.kill();
    fill(&filler);
    is_sound(&register, &book);
    let refused = run(&mut Demo::command(directory.path()));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("the disk is full: free space, then start again"), "{}", refused.stderr);
    let check = run(ecluse(&["check", "--config"]).arg(directory.path().join("ecluse.toml")));
    assert_eq!(check.code, Some(0), "it must not keep the server from its reserves: {}", check.stderr);
    assert!(
        check.stderr.contains("warning: server.data_dir") && check.stderr.contains("0 MiB are free"),
        "{}",
        check.stderr
    );
    is_sound(&register, &book);

    // Some space again: it comes back, and what was open is closed.
    std::fs::remove_file(&filler).unwrap();
    let mut demo = Demo::start(directory.path());
    [&mut agent, &mut titulaire, &mut administrator].into_iter().for_each(|person| person.moves_to(&demo));
    book.stands_online(&administrator, 0).await;
    assert_eq!(agent.get(&format!("/api/v1/tickets/{open}")).await.body["status"], "closed");

    // Now the reserve is taken away while it runs: the log keeps the length it has, and beyond it there is nothing.
    let log = File::options().write(true).open(register.join(LOG_FILE)).unwrap();
    log.set_len(log.metadata().unwrap().len()).unwrap();
    drop(log);
    fill(&filler);
    let refused = until_refused(&agent, &mut book).await;
    refused.is_problem(StatusCode::SERVICE_UNAVAILABLE, "register-unavailable");
    let ready = agent.get("/readyz").await;
    ready.is(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.body["register"], "unavailable");
    book.stands_online(&administrator, 0).await;
    demo.program.ends_well(libc::SIGTERM, Duration::from_secs(10));
    is_sound(&register, &book);

    // With space again, a restart is all it takes.
    std::fs::remove_file(&filler).unwrap();
    let mut demo = Demo::start(directory.path());
    let (agent, titulaire) = (Person::log_in(&demo, "agent-1").await, Person::log_in(&demo, "titulaire-1").await);
    administrator.moves_to(&demo);
    let ready = agent.get("/readyz").await;
    assert_eq!(ready.body["register"], "sound");
    let tickets = agent.get("/api/v1/tickets").await;
    let live =
        tickets.body["tickets"].as_array().unwrap().iter().find(|ticket| ticket["status"] == "requested").cloned();
    if let Some(ticket) = live {
        let ticket = ticket["id"].as_str().unwrap();
        let answer = titulaire.act(ticket, "refuse", Some("disque plein")).await;
        book.acted(ticket, &answer, &["refused"]);
    }
    let last = open_ticket(&agent, &titulaire, &mut book).await;
    book.stands_online(&administrator, 0).await;
    demo.program.ends_well(libc::SIGTERM, Duration::from_secs(10));
    is_sound(&register, &book);

    // The mails that found no place come after all (A3-7): an approval's is there for each opened ticket.
    let mails = Store::open(&data.join("store")).unwrap().outbox().list(1000).unwrap();
    for ticket in [&first, &open, &last] {
        assert!(
            mails.iter().any(|mail| mail.ticket.is_some_and(|about| about.to_string() == *ticket)),
            "no mail about {ticket}"
        );
    }
}

async fn open_ticket(agent: &Person, titulaire: &Person, book: &mut Book) -> String {
    let ticket = agent.try_file().await.unwrap().id();
    book.filed(&ticket);
    let approval = titulaire.act(&ticket, "approve", None).await;
    book.acted(&ticket, &approval, &["approved", "opened"]);
    ticket
}

/// Files and withdraws until something is refused; that answer.
async fn until_refused(agent: &Person, book: &mut Book) -> crate::person::Answer {
    for _ in 0..50 {
        let filed = agent.try_file().await.unwrap();
        if filed.status != StatusCode::CREATED {
            return filed;
        }
        let ticket = filed.id();
        book.filed(&ticket);
        let withdrawn = agent.act(&ticket, "withdraw", None).await;
        if withdrawn.status != StatusCode::OK {
            return withdrawn;
        }
        book.acted(&ticket, &withdrawn, &["withdrawn"]);
    }
    panic!("a register without a byte of room still records");
}

fn is_sound(register: &Path, book: &Book) {
    let report = verify(register).unwrap();
    assert!(report.is_sound(), "{report}");
    book.stands_on_disk(register);
}
