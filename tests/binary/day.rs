//! A scripted day of tickets, driven by dice, and the book of what the server has acknowledged meanwhile.

use crate::person::{Answer, Person};
use crate::program::Demo;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Numbers that repeat for the same seed (SplitMix64).
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// Something the server said is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Position, where the answer told it.
    seq: Option<u64>,
    ticket: String,
    event: &'static str,
}

/// Everything acknowledged so far.
#[derive(Debug, Clone, Default)]
pub struct Book(pub Vec<Acknowledged>);

impl Book {
    /// A rule was set for the site; the entry it left, unless it held already.
    pub fn ruled(&mut self, answer: &Answer) {
        let entries = answer.entries();
        assert!(entries.len() <= 1, "{}", answer.body);
        let ruled = |seq| Acknowledged { seq: Some(seq), ticket: String::new(), event: "policy-set" };
        self.0.extend(entries.into_iter().map(ruled));
    }

    pub fn filed(&mut self, ticket: &str) {
        self.0.push(Acknowledged { seq: None, ticket: ticket.to_owned(), event: "requested" });
    }

    /// The entries an action left, which must be these.
    pub fn acted(&mut self, ticket: &str, answer: &Answer, events: &[&'static str]) {
        let entries = answer.entries();
        assert_eq!(entries.len(), events.len(), "{}", answer.body);
        for (seq, event) in entries.into_iter().zip(events) {
            self.0.push(Acknowledged { seq: Some(seq), ticket: ticket.to_owned(), event });
        }
    }

    /// The highest position acknowledged.
    pub fn highest(&self) -> Option<u64> {
        self.0.iter().filter_map(|entry| entry.seq).max()
    }

    /// Every entry of the book must stand among these lines, where it was said to stand.
    pub fn stands_in(&self, lines: &[Value], text_of_ticket: impl Fn(&Value) -> Option<String>) {
        let by_seq: BTreeMap<u64, &Value> = lines.iter().map(|line| (line["seq"].as_u64().unwrap(), line)).collect();
        // What is about no ticket stands without one.
        let text_of_ticket = |line: &Value| text_of_ticket(line).unwrap_or_default();
        let told: BTreeSet<(String, &str)> =
            lines.iter().filter_map(|line| Some((text_of_ticket(line), line["event"]["type"].as_str()?))).collect();
        for entry in &self.0 {
            let stands_there = |seq: &u64| {
                by_seq
                    .get(seq)
                    .is_some_and(|line| line["event"]["type"] == entry.event && text_of_ticket(line) == entry.ticket)
            };
            let is_told = told.contains(&(entry.ticket.clone(), entry.event));
            assert!(is_told && entry.seq.iter().all(stands_there), "acknowledged and lost: {entry:?}");
        }
    }

    /// The same, offline: in the log's own lines.
    pub fn stands_on_disk(&self, register: &Path) {
        let lines = crate::post::lines(register);
        self.stands_in(&lines, |line| line["event"]["ticket"].as_str().map(str::to_owned));
    }

    /// The same, as the server tells it.
    pub async fn stands_online(&self, reader: &Person, from: u64) {
        let lines = reader.register_since(from).await;
        self.stands_in(&lines, |line| line["ticket"].as_str().map(str::to_owned));
    }
}

/// The people of a day.
#[derive(Clone)]
pub struct Crew {
    pub agent: Person,
    pub titulaire: Person,
    pub suppleant: Person,
    pub guard: Person,
    pub administrator: Person,
}

impl Crew {
    pub async fn log_in(demo: &Demo) -> Crew {
        Crew {
            agent: Person::log_in(demo, "agent-1").await,
            titulaire: Person::log_in(demo, "titulaire-1").await,
            suppleant: Person::log_in(demo, "suppleant-1").await,
            guard: Person::log_in(demo, "telesurveilleur-1").await,
            administrator: Person::log_in(demo, "admin-1").await,
        }
    }

    pub fn moves_to(&mut self, demo: &Demo) {
        let all = [&mut self.agent, &mut self.titulaire, &mut self.suppleant, &mut self.guard, &mut self.administrator];
        all.into_iter().for_each(|person| person.moves_to(demo));
    }

    /// Their log-ins were acknowledged, too: they must have survived.
    pub async fn are_logged_in(&self) {
        for person in [&self.agent, &self.titulaire, &self.suppleant, &self.guard, &self.administrator] {
            person.get("/api/v1/me").await.is(StatusCode::OK);
        }
    }

    /// The pause between tickets that holds now, minutes.
    pub async fn pause(&self) -> u64 {
        let answer = self.administrator.get("/api/v1/cameras").await;
        answer.is(StatusCode::OK);
        answer.body["sites"][0]["policy"]["cooling_off_minutes"].as_u64().unwrap()
    }

    /// Tickets in this state.
    pub async fn tickets(&self, status: &str) -> Vec<String> {
        let answer = self.agent.get("/api/v1/tickets?limit=20").await;
        answer.is(StatusCode::OK);
        let tickets = answer.body["tickets"].as_array().unwrap();
        let fitting = tickets.iter().filter(|ticket| ticket["status"] == status);
        fitting.map(|ticket| ticket["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// What a day left behind.
#[derive(Default)]
pub struct Day {
    /// What was acknowledged.
    pub book: Book,
    /// The pause between tickets that holds, minutes; `None`: the last answer about it was lost with the server.
    pub pause: Option<u64>,
}

/// Lives one day after the other until the server is gone.
pub async fn live(crew: Crew, mut dice: Dice, mut waiting: Option<String>) -> Day {
    let mut day = Day::default();
    // Whatever the day before has left: this one begins without a pause between tickets.
    if let Ok(true) = pause(&crew, 0, &mut day).await {
        while let Ok(true) = one_ticket(&crew, &mut dice, waiting.take(), &mut day.book).await {
            if dice.throw(6) == 0 && !matches!(pausing(&crew, &mut day).await, Ok(true)) {
                break;
            }
        }
    }
    day
}

/// The decider sets the pause between tickets (A4-7). `Ok(false)`: enough was asked for today.
async fn pause(crew: &Crew, minutes: u64, day: &mut Day) -> reqwest::Result<bool> {
    day.pause = None;
    let policy = json!({ "day_cap_minutes": 1440, "week_cap_minutes": 10_080, "cooling_off_minutes": minutes });
    let answer = crew.titulaire.try_post("/api/v1/sites/arcade/policy", policy).await?;
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Ok(false);
    }
    day.book.ruled(&answer);
    day.pause = Some(minutes);
    Ok(true)
}

/// A pause is set while a ticket has just ended: the next request has to wait, until the pause is taken back.
async fn pausing(crew: &Crew, day: &mut Day) -> reqwest::Result<bool> {
    // A ticket that was open is what the pause counts from.
    let ticket = match crew.agent.try_file().await? {
        filed if filed.status == StatusCode::TOO_MANY_REQUESTS => return Ok(false),
        filed => filed.id(),
    };
    day.book.filed(&ticket);
    let approval = crew.titulaire.try_act(&ticket, "approve", None).await?;
    if approval.status == StatusCode::TOO_MANY_REQUESTS {
        return Ok(false);
    }
    day.book.acted(&ticket, &approval, &["approved", "opened"]);
    let end = crew.agent.try_act(&ticket, "end", None).await?;
    day.book.acted(&ticket, &end, &["closed"]);
    if !pause(crew, 30, day).await? {
        return Ok(false);
    }
    let refused = crew.agent.try_file().await?;
    if refused.status == StatusCode::TOO_MANY_REQUESTS {
        return Ok(false);
    }
    refused.is(StatusCode::CONFLICT);
    assert_eq!(refused.body["faults"][0]["code"], "cooling-off", "{}", refused.body);
    pause(crew, 0, day).await
}

/// The life of one ticket. `Ok(false)`: enough was asked for today (the limit of changes per person).
async fn one_ticket(crew: &Crew, dice: &mut Dice, waiting: Option<String>, book: &mut Book) -> reqwest::Result<bool> {
    let ticket = match waiting {
        Some(ticket) => ticket,
        None => {
            let filed = crew.agent.try_file().await?;
            if filed.status == StatusCode::TOO_MANY_REQUESTS {
                return Ok(false);
            }
            let ticket = filed.id();
            book.filed(&ticket);
            ticket
        }
    };
    let ticket = ticket.as_str();
    match dice.throw(6) {
        0 => {
            let answer = crew.agent.try_act(ticket, "withdraw", None).await?;
            book.acted(ticket, &answer, &["withdrawn"]);
        }
        1 => {
            let answer = crew.titulaire.try_act(ticket, "refuse", Some("un autre moyen suffit")).await?;
            book.acted(ticket, &answer, &["refused"]);
        }
        2 => return two_decide_at_once(crew, ticket, book).await,
        _ => {
            let answer = crew.titulaire.try_act(ticket, "approve", None).await?;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                return Ok(false);
            }
            book.acted(ticket, &answer, &["approved", "opened"]);
            let answer = match dice.throw(4) {
                0 => crew.agent.try_act(ticket, "end", None).await?,
                1 => crew.guard.try_act(ticket, "interrupt", Some("fausse alerte")).await?,
                2 => crew.administrator.try_act(ticket, "interrupt", Some("maintenance")).await?,
                _ => crew.suppleant.try_act(ticket, "refuse", Some("erreur de site")).await?,
            };
            book.acted(ticket, &answer, &["closed"]);
        }
    }
    Ok(true)
}

/// Fault 4: one writer orders them, and the refusal wins whichever comes first.
async fn two_decide_at_once(crew: &Crew, ticket: &str, book: &mut Book) -> reqwest::Result<bool> {
    let (approval, refusal) = tokio::join!(
        crew.titulaire.try_act(ticket, "approve", None),
        crew.suppleant.try_act(ticket, "refuse", Some("deux avis contraires")),
    );
    // What was acknowledged counts, also when the other answer was lost with the server.
    let is_approved = approval.as_ref().is_ok_and(|answer| answer.status == StatusCode::OK);
    if let (true, Ok(answer)) = (is_approved, &approval) {
        book.acted(ticket, answer, &["approved", "opened"]);
    }
    let refusal = refusal?;
    refusal.is(StatusCode::OK);
    match approval {
        Ok(_) if is_approved => book.acted(ticket, &refusal, &["closed"]),
        Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
            book.acted(ticket, &refusal, &["refused"]);
            return Ok(false);
        }
        Ok(answer) => {
            answer.is(StatusCode::CONFLICT);
            book.acted(ticket, &refusal, &["refused"]);
        }
        // The approval's answer is lost; which of the two the refusal was cannot be told from here.
        Err(gone) => return Err(gone),
    }
    Ok(true)
}
