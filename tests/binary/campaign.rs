//! `kill -9` at random moments of a scripted day (fault 19): whatever was acknowledged is there afterwards, the register
//! verifies, no ticket is open, and the server serves again.

use crate::day::{Book, Crew, Dice, live};
use crate::program::{Demo, Program};
use ecluse::register::verify;
use reqwest::StatusCode;
use std::path::Path;
use std::time::Duration;

/// Kills in an ordinary test run; 200 are the full size.
const ROUNDS: u64 = 12;
/// A day is killed within this time, milliseconds; a start within the other.
const DAY_MS: u64 = 1500;
const START_MS: u64 = 700;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: expected a whole number")))
}

/// Says, when the test fails, how to repeat the dice.
struct Seed(u64);

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
    let seed = Seed(number("ECLUSE_SEED").unwrap_or_else(|| uuid::Uuid::now_v7().as_u128() as u64));
    let mut dice = Dice(seed.0);
    let directory = tempfile::tempdir().unwrap();
    let register = Demo::register(directory.path());
    let (mut book, mut crew): (Book, Option<Crew>) = (Book::default(), None);
    // What the last day added, and where the register stood before it: the server is asked about that much each round.
    let (mut fresh, mut before) = (Book::default(), 0);
    let (mut days, mut starts) = (0, 0);

    for round in 0..rounds {
        let mut program = Program::start(&mut Demo::command(directory.path()));
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
            let waiting = crew.tickets("requested").await.pop();
            let day = tokio::spawn(live(crew.clone(), dice.clone(), waiting));
            tokio::time::sleep(Duration::from_millis(dice.throw(DAY_MS))).await;
            demo.program.kill();
            fresh = day.await.unwrap();
            before = book.highest().unwrap_or(0);
            book.0.extend(fresh.0.iter().cloned());
            days += 1;
        }
        is_sound(&register, &book, round);
    }

    let mut demo = Demo::start(directory.path());
    let mut crew = crew.expect("the first round is a day");
    crew.moves_to(&demo);
    is_well(&demo, &crew, &book, 0).await;
    demo.program.ends_well(libc::SIGTERM, Duration::from_secs(10));
    is_sound(&register, &book, rounds);
    println!("{days} days and {starts} starts killed, {} entries acknowledged, seed {}", book.0.len(), seed.0);
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
