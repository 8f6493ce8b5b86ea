//! "Toujours nécessaire ?" and the reminders: silence never accepts, and silence cuts (conflict table).

use crate::world::World;
use chrono::TimeDelta;
use ecluse::domain::{Action, CloseCause, EndCause, Event, Need, RefusalKind, TicketId, TicketState, Timer};
use std::collections::BTreeSet;

/// Nobody answers by themselves here.
fn silent() -> World {
    World { confirms: false, ..World::new() }
}

fn need(world: &World, ticket: TicketId) -> Need {
    match world.ticket(ticket) {
        TicketState::Open { need, .. } => *need,
        other => panic!("not open: {other:?}"),
    }
}

fn cause(world: &World, ticket: TicketId) -> CloseCause {
    match world.ticket(ticket) {
        TicketState::Closed { cause, .. } => cause.clone(),
        other => panic!("not closed: {other:?}"),
    }
}

#[test]
fn a3_5_every_half_hour_the_agent_is_asked_and_goes_on_when_they_answer() {
    let mut world = silent();
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    let opened = world.now;
    let confirm = Action::ConfirmNeed { ticket };
    assert_eq!(world.person("agent", confirm.clone()).unwrap_err().code, "nothing-asked");
    for round in 1..=3 {
        let asked = opened + TimeDelta::minutes(30 * round);
        world.pass(asked - world.now - TimeDelta::microseconds(1));
        assert_eq!(need(&world, ticket), Need::Assured { ask_at_utc: asked });
        world.pass(TimeDelta::microseconds(1));
        assert_eq!(need(&world, ticket), Need::Asked { answer_by_utc: asked + TimeDelta::minutes(5) });
        world.minutes(3);
        world.person("agent", confirm.clone()).unwrap();
        // Fault 3: the second click of a double click finds it answered.
        assert_eq!(world.person("agent", confirm.clone()).unwrap_err().code, "nothing-asked");
    }
    world.pass(opened + TimeDelta::minutes(120) - world.now);
    assert_eq!(cause(&world, ticket), CloseCause::Expired);
}

#[test]
fn a3_5_five_minutes_without_an_answer_cut() {
    // C-3: the ceiling is no permission to go on unasked.
    let mut world = silent();
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    world.watch("chief", ticket);
    world.minutes(35);
    assert_eq!(cause(&world, ticket), CloseCause::Unanswered);
    assert_eq!(world.state.live_sessions().count(), 0);
    let ended = world.state.sessions_of(ticket).all(|session| {
        matches!(&session.state, ecluse::domain::SessionState::Ended { cause: EndCause::TicketClosed, .. })
    });
    assert!(ended);
}

#[test]
fn a3_5_an_answer_counts_from_the_agent_who_watches_and_in_time_alone() {
    let mut world = silent();
    let ticket = world.open("agent", "arcade", 120);
    world.minutes(30);
    let confirm = Action::ConfirmNeed { ticket };
    let mut refused = |name: &str| world.person(name, confirm.clone()).unwrap_err();
    // Without the images before their eyes nobody can say that they are needed.
    assert_eq!(refused("agent").code, "not-watching");
    for name in ["colleague", "chief", "titulaire", "guard", "administrator"] {
        assert_eq!(refused(name).kind, RefusalKind::Forbidden, "{name}");
    }
    world.watch("chief", ticket);
    assert_eq!(world.person("agent", confirm.clone()).unwrap_err().code, "not-watching");
    world.watch("agent", ticket);
    // Late, even when the keeper has not looked at the clock yet.
    world.now += TimeDelta::minutes(5);
    let late = world.person("agent", confirm.clone()).unwrap_err();
    assert_eq!((late.kind, late.code), (RefusalKind::Gone, "answered-late"));
    world.tick();
    assert_eq!(cause(&world, ticket), CloseCause::Unanswered);
    assert_eq!(world.person("agent", confirm).unwrap_err().code, "ticket-over");
}

#[test]
fn fault_06_a_wall_clock_that_is_set_back_keeps_no_question_and_no_cut_from_coming() {
    let mut world = silent();
    let ticket = world.open("agent", "arcade", 120);
    world.now -= TimeDelta::hours(1);
    let mut overdue = || {
        let overdue = BTreeSet::from([Timer::Question(ticket)]);
        world.system(Action::Tick { overdue, overdue_sessions: BTreeSet::new() }).unwrap()
    };
    assert!(matches!(overdue()[..], [Event::NeedAsked { .. }]));
    assert!(matches!(overdue()[..], [Event::Closed { cause: CloseCause::Unanswered, .. }]));
}

#[test]
fn fault_06_a_wall_clock_set_back_while_the_question_stands_puts_the_next_one_off_by_nothing() {
    let mut world = silent();
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    world.minutes(30);
    world.now -= TimeDelta::hours(11);
    world.person("agent", Action::ConfirmNeed { ticket }).unwrap();
    assert_eq!(need(&world, ticket), Need::Assured { ask_at_utc: world.now + TimeDelta::minutes(30) });
}

#[test]
fn conflict_table_deciders_are_reminded_at_two_and_five_minutes_and_silence_lapses_at_fifteen() {
    // C-7: nobody at the landlord's answers.
    let mut world = silent();
    let ticket = world.request("agent", "arcade", 120).unwrap();
    let mut told = Vec::new();
    for minute in 1..=20 {
        for event in world.minutes(1) {
            match event {
                Event::Reminded { number, .. } => told.push((minute, format!("reminder {number}"))),
                Event::Lapsed { .. } => told.push((minute, "lapsed".to_owned())),
                other => panic!("{other:?}"),
            }
        }
    }
    let expected = [(2, "reminder 1"), (5, "reminder 2"), (15, "lapsed")];
    assert_eq!(told, expected.map(|(minute, what)| (minute, what.to_owned())));
    assert_eq!(world.person("titulaire", Action::Approve { ticket }).unwrap_err().code, "ticket-lapsed");
}

#[test]
fn conflict_table_a_server_that_was_away_reminds_once_and_an_answered_request_not_at_all() {
    let mut world = silent();
    let ticket = world.request("agent", "arcade", 120).unwrap();
    world.now += TimeDelta::minutes(6);
    assert_eq!(world.tick(), [Event::Reminded { ticket, number: 2 }]);
    assert_eq!(world.tick(), []);
    let overdue = BTreeSet::from([Timer::Reminder(ticket)]);
    assert_eq!(world.system(Action::Tick { overdue, overdue_sessions: BTreeSet::new() }).unwrap(), []);
    let answered = world.request("agent", "quai", 120).unwrap();
    world.person("titulaire", Action::Refuse { ticket: answered, why: "non".to_owned() }).unwrap();
    assert_eq!(world.minutes(6), []);
}
