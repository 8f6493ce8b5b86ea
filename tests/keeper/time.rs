//! What time does by itself: reminders once, questions, cuts; with a wall clock that is set back, and over a restart.

use crate::house::House;
use chrono::TimeDelta;
use ecluse::domain::{Action, CloseCause, EndCause, Event};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn is_reminder(event: &Event) -> bool {
    matches!(event, Event::Reminded { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn conflict_table_each_reminder_is_mailed_once_to_both_deciders_also_over_restarts() {
    let house = House::start().await;
    house.request().await;
    house.mails("Demande d'accès", 2).await;
    house.clock.advance(2 * MINUTE);
    house.until("the first reminder", 1, is_reminder).await;
    house.mails("Rappel", 2).await;
    // Away at the fifth minute: told when it is back, once, and not again by the next start.
    let house = house.restart(4 * MINUTE).await;
    house.until("the second reminder", 2, is_reminder).await;
    let mails = house.mails("Rappel", 4).await;
    let told: Vec<_> = mails.iter().filter(|mail| mail.to_address == "titulaire@example.org").collect();
    assert_eq!(told.len(), 2);
    let house = house.restart(MINUTE).await;
    house.clock.advance(8 * MINUTE);
    house.until("the request lapses", 1, |event| matches!(event, Event::Lapsed { .. })).await;
    house.mails("caduque", 3).await;
    house.until("no third reminder", 2, is_reminder).await;
    house.mails("Rappel", 4).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_5_fault_06_the_question_comes_and_cuts_although_the_wall_clock_is_set_back() {
    let house = House::start().await;
    let ticket = house.open_ticket().await;
    let grant = house.watch("agent", ticket).await;
    house.clock.step_wall(TimeDelta::hours(-2));
    house.clock.advance(30 * MINUTE);
    house.until("the question", 1, |event| matches!(event, Event::NeedAsked { .. })).await;
    house.person("agent", Action::ConfirmNeed { ticket }).await;
    house.clock.advance(30 * MINUTE);
    house.until("the question again", 2, |event| matches!(event, Event::NeedAsked { .. })).await;
    assert!(grant.is_open());
    house.clock.advance(5 * MINUTE);
    let unanswered = |event: &Event| matches!(event, Event::Closed { cause: CloseCause::Unanswered, .. });
    house.until("the cut", 1, unanswered).await;
    assert!(!grant.is_open());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_5_fault_06_what_flowed_is_told_whole_although_the_wall_clock_steps_between_two_viewings() {
    let house = House::start().await;
    let ticket = house.open_ticket().await;
    for _ in 0..2 {
        let grant = house.watch("agent", ticket).await;
        let packet = || {
            let _passage = grant.enter().unwrap();
            grant.count(1_000);
        };
        packet();
        house.clock.advance(10 * MINUTE);
        packet();
        grant.end(EndCause::Left);
        // As long as the viewing lasted: the second one would lie over the first.
        house.clock.step_wall(TimeDelta::minutes(-10));
    }
    house.until("both viewings are over", 2, |event| matches!(event, Event::SessionEnded { .. })).await;
    house.person("agent", Action::EndIntervention { ticket }).await;
    let closed = house.entries().into_iter().find_map(|entry| match entry.event {
        Event::Closed { flowed_ms, .. } => Some(flowed_ms),
        _ => None,
    });
    assert_eq!(closed, Some(20 * 60 * 1_000));
    house.stop().await;
}
