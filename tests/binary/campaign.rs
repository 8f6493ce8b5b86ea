//! `kill -9` at random moments of a scripted day (fault 19): whatever was acknowledged is there afterwards, the register
//! verifies, no ticket is open, the rules hold as they were set, and the server serves again. Every mail comes at least
//! once and is marked once (A3-7); of a request that nobody decides the deciders are reminded twice and no more, across all
//! the kills.

use crate::day::{Book, Crew, Day, Dice, live};
use crate::post::{self, Post};
use crate::program::{Demo, PATIENCE, Program};
use ecluse::register::verify;
use reqwest::StatusCode;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Kills in an ordinary test run; 200 are the full size.
const ROUNDS: u64 = 12;
/// A day is killed within this time, milliseconds; a start within the other.
const DAY_MS: u64 = 1500;
const START_MS: u64 = 700;
/// From so many kills on there is a night, too: a request waits, undecided, until both its reminders are due (5 min).
const FULL: u64 = 100;
const LAST_REMINDER: Duration = Duration::from_secs(5 * 60 + 5);
const NIGHT_MS: u64 = 8_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: expected a whole number")))
}

/// Says, when the test fails, how to repeat the dice.
pub struct Seed(pub u64);

impl Seed {
    /// What `ECLUSE_SEED` says, or another one each time.
    pub fn chosen() -> Self {
        Self(number("ECLUSE_SEED").unwrap_or_else(|| uuid::Uuid::now_v7().as_u128() as u64))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("ECLUSE_SEED={} repeats this day's dice", self.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_19_killed_at_random_moments_nothing_acknowledged_is_lost_and_no_ticket_stays_open() {
    let rounds = number("ECLUSE_CAMPAIGN").unwrap_or(ROUNDS);
    let seed = Seed::chosen();
    let mut dice = Dice(seed.0);
    let directory = tempfile::tempdir().unwrap();
    let register = Demo::register(directory.path());
    let (mut book, mut crew): (Book, Option<Crew>) = (Book::default(), None);
    let mut post = Post::open();
    let post_address = post.address();
    let command = || {
        let mut command = Demo::command(directory.path());
        command.args(["--smtp", &post_address]);
        command
    };
    // The pause between tickets as the last day left it.
    let mut pause = None;
    // What the last day added, and where the register stood before it: the server is asked about that much each round.
    let (mut fresh, mut before) = (Book::default(), 0);
    let (mut days, mut starts) = (0, 0);

    for round in 0..rounds {
        let mut program = Program::start(&mut command());
        // Once there is something to lose, some kills hit the start itself: recovery must survive being interrupted.
        if crew.is_some() && dice.throw(4) == 0 {
            tokio::time::sleep(Duration::from_millis(dice.throw(START_MS))).await;
            program.kill();
            starts += 1;
        } else {
            let mut demo = Demo::when_up(program);
            let crew = match &mut crew {
                Some(crew) => {
                    crew.moves_to(&demo);
                    crew
                }
                None => crew.insert(Crew::log_in(&demo).await),
            };
            is_well(&demo, crew, &fresh, before).await;
            if let Some(minutes) = pause {
                assert_eq!(crew.pause().await, minutes, "the rule that was acknowledged holds");
            }
            let waiting = crew.tickets("requested").await.pop();
            let day = tokio::spawn(live(crew.clone(), dice.clone(), waiting));
            tokio::time::sleep(Duration::from_millis(dice.throw(DAY_MS))).await;
            demo.program.kill();
            let Day { book: acknowledged, pause: left } = day.await.unwrap();
            (fresh, pause) = (acknowledged, left);
            before = book.highest().unwrap_or(0);
            book.0.extend(fresh.0.iter().cloned());
            days += 1;
        }
        is_sound(&register, &book, round);
        post.collect();
    }

    let undecided = match (rounds >= FULL, &mut crew) {
        (true, Some(crew)) => Some(undecided_night(&command, crew, &mut dice, &mut book).await),
        _ => None,
    };
    let mut demo = Demo::when_up(Program::start(&mut command()));
    let mut crew = crew.expect("the first round is a day");
    crew.moves_to(&demo);
    is_well(&demo, &crew, &book, 0).await;
    if let Some(ticket) = &undecided {
        is_reminded_of_once(&register, ticket).await;
    }
    all_mails_are_told(&register).await;
    demo.program.ends_well(libc::SIGTERM, Duration::from_secs(10));
    is_sound(&register, &book, rounds);
    post.collect();
    post.is_delivered(&post::told(&post::lines(&register)));
    let (mails, twice) = post.counts();
    println!(
        "{days} days and {starts} starts killed, {} entries acknowledged, {mails} mails came, {twice} of them more than \
         once{}, seed {}",
        book.0.len(),
        if undecided.is_some() { ", two reminders of an undecided request" } else { "" },
        seed.0
    );
    assert!(rounds < 5 || !book.0.is_empty(), "the days are too short to get anything acknowledged");
}

/// As the server tells it after a start.
async fn is_well(demo: &Demo, crew: &Crew, book: &Book, from: u64) {
    crew.are_logged_in().await;
    assert_eq!(
        crew.tickets("open").await,
        Vec::<String>::new(),
        "a ticket survived the crash:\n{}",
        demo.program.stderr()
    );
    let ready = crew.administrator.get("/readyz").await;
    ready.is(StatusCode::OK);
    assert_eq!(ready.body["register"], "sound");
    book.stands_online(&crew.administrator, from).await;
}

/// As anybody finds it on the disk.
fn is_sound(register: &Path, book: &Book, round: u64) {
    let report = verify(register).unwrap();
    assert!(report.is_sound(), "round {round}: {report}");
    assert!(book.highest().is_none_or(|seq| seq < report.entries), "round {round}: {report}");
    book.stands_on_disk(register);
}

/// A request that nobody decides, while the server is killed again and again, until its second reminder is overdue.
async fn undecided_night(
    command: &dyn Fn() -> std::process::Command,
    crew: &mut Crew,
    dice: &mut Dice,
    book: &mut Book,
) -> String {
    let mut demo = Demo::when_up(Program::start(&mut command()));
    crew.moves_to(&demo);
    // The last day may have left a ticket, and a pause.
    for ticket in crew.tickets("requested").await {
        let answer = crew.titulaire.act(&ticket, "refuse", Some("la journée est finie")).await;
        book.acted(&ticket, &answer, &["refused"]);
    }
    let policy = json!({ "day_cap_minutes": 1440, "week_cap_minutes": 10_080, "cooling_off_minutes": 0 });
    book.ruled(&crew.titulaire.post("/api/v1/sites/arcade/policy", policy).await);
    let ticket = crew.agent.try_file().await.unwrap().id();
    book.filed(&ticket);
    let filed = Instant::now();
    demo.program.kill();
    while filed.elapsed() < LAST_REMINDER {
        let mut program = Program::start(&mut command());
        tokio::time::sleep(Duration::from_millis(dice.throw(NIGHT_MS))).await;
        program.kill();
    }
    ticket
}

/// Two reminders and no more, however often the server was killed meanwhile.
async fn is_reminded_of_once(register: &Path, ticket: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lines = post::lines(register);
        let about =
            lines.iter().filter(|line| line["event"]["ticket"] == ticket && line["event"]["type"] == "reminded");
        let numbers: Vec<u64> = about.map(|line| line["event"]["number"].as_u64().unwrap()).collect();
        if numbers == [1, 2] {
            return;
        }
        // What is overdue comes with the start.
        assert!([&[][..], &[1]].contains(&numbers.as_slice()), "{ticket}: {numbers:?}");
        assert!(Instant::now() < deadline, "{ticket}: {numbers:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the register has the outcome of every mail it has queued.
async fn all_mails_are_told(register: &Path) {
    // What the courier has to catch up with grows with the campaign; it must go on, not be done by a certain time.
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let told = post::told(&post::lines(register));
        let done = told.accepted.len() + told.failed.len();
        if done >= told.queued.len() {
            return;
        }
        if done > last {
            (last, since) = (done, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "{done} of {} mails have an outcome, and no more", told.queued.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
