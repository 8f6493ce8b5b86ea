//! A calendar that is wrong, or was.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_6_a_day_that_never_came_is_over_when_nothing_is_left_of_it() {
    let mut house = House::new().await;
    house.decider(FootageCommand::SetRetention { site: "arcade".parse().unwrap(), days: 7 }).await;
    house.record("hall", house.clock.utc());
    // The calendar is a year ahead for an hour.
    house.clock.step_wall(TimeDelta::days(365));
    house.sweep.sweep().await.unwrap();
    let ahead = house.record("hall", house.clock.utc());
    house.clock.advance(HOUR);
    house.clock.step_wall(TimeDelta::days(-365));
    house.sweep.sweep().await.unwrap();
    house.clock.advance(8 * 24 * HOUR);
    house.sweep.sweep().await.unwrap();
    assert!(house.rows().is_empty());
    let day = ahead.started_at_utc.date_naive();
    assert_eq!(crate::archive::walk::day_keys(&house.recordings(), &camera("hall"), day).unwrap(), [""; 0]);
    let days: Vec<_> = house.attested().iter().map(|(day, cameras)| (*day, cameras[0].key_destroyed)).collect();
    assert_eq!(days, [(start().date_naive(), true), (day, true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_6_a_restart_in_a_doubt_turns_no_time_back() {
    let mut house = House::new().await;
    house.decider(FootageCommand::SetRetention { site: "arcade".parse().unwrap(), days: 7 }).await;
    let old = house.record("hall", house.clock.utc());
    // The calendar is set ahead by a year; nobody vouches for anything, and the recorder goes on for six days.
    house.clock.advance(HOUR);
    house.clock.step_wall(TimeDelta::days(365));
    house.sweep.sweep().await.unwrap();
    for _ in 0..6 {
        house.clock.advance(24 * HOUR);
        house.record("hall", house.clock.utc() - TimeDelta::minutes(1));
        house.sweep.sweep().await.unwrap();
    }
    let mut house = house.restarted().await;
    assert!(house.is_readable(&old), "six days old");
    house.clock.advance(24 * HOUR);
    house.sweep.sweep().await.unwrap();
    assert!(!house.is_readable(&old), "seven days old, by the time that passed before and after the restart");
    assert_eq!(house.rows().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_6_without_a_picture_restarts_turn_no_time_back_and_raise_no_doubt() {
    let mut house = House::new().await;
    house.decider(FootageCommand::SetRetention { site: "arcade".parse().unwrap(), days: 7 }).await;
    let old = house.record("hall", house.clock.utc());
    for _ in 0..3 {
        house.clock.advance(HOUR * 36);
        house.sweep.sweep().await.unwrap();
        house = house.restarted().await;
    }
    let doubts = |house: &House| house.count(|event| matches!(event, Event::PurgePaused { .. }));
    assert_eq!((doubts(&house), house.is_readable(&old)), (0, true), "four and a half days old");
    // Neither does a doubt that outlives restarts.
    house.clock.step_wall(TimeDelta::days(365));
    for _ in 0..3 {
        house.sweep.sweep().await.unwrap();
        house = house.restarted().await;
        house.clock.advance(HOUR * 20);
    }
    house.sweep.sweep().await.unwrap();
    assert_eq!((doubts(&house), house.is_readable(&old)), (1, false), "seven days old, by the time that passed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_6_what_is_recorded_under_a_wrong_calendar_goes_by_the_time_that_passed() {
    let mut house = House::new().await;
    house.decider(FootageCommand::SetRetention { site: "arcade".parse().unwrap(), days: 7 }).await;
    house.clock.advance(20 * 24 * HOUR);
    house.record("hall", house.clock.utc() - TimeDelta::minutes(1));
    // Set back by ten days: what is taken now looks older than seven days.
    house.clock.step_wall(TimeDelta::days(-10));
    let back = house.record("hall", house.clock.utc());
    assert_eq!(house.sweep.sweep().await.unwrap(), Swept::default());
    assert!(house.is_readable(&back));
    // Set forward by twenty: it looks as if it might stay for seventeen.
    house.clock.step_wall(TimeDelta::days(20));
    let forth = house.record("hall", house.clock.utc());
    assert_eq!(house.sweep.sweep().await.unwrap(), Swept::default());
    // Put right; then the server is started again: the last sign of life is not what the wrong calendar said.
    house.clock.step_wall(TimeDelta::days(-10));
    assert_eq!(house.sweep.sweep().await.unwrap(), Swept::default());
    assert_eq!(house.count(|event| matches!(event, Event::PurgeResumed)), 1);
    let mut house = house.restarted().await;
    assert_eq!(house.sweep.sweep().await.unwrap(), Swept::default());
    assert_eq!(house.count(|event| matches!(event, Event::PurgePaused { .. })), 1, "nothing is in doubt");
    house.clock.advance(7 * 24 * HOUR - HOUR);
    house.sweep.sweep().await.unwrap();
    assert!(house.is_readable(&back) && house.is_readable(&forth), "an hour before its time");
    house.clock.advance(HOUR);
    house.sweep.sweep().await.unwrap();
    assert!(house.rows().is_empty(), "{:?}", house.rows());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_6_a_clock_that_jumps_destroys_nothing_early_and_delays_nothing() {
    let mut house = House::new().await;
    let row = house.record("hall", start());
    house.clock.advance(24 * HOUR);
    house.clock.step_wall(TimeDelta::days(60));
    for _ in 0..2 {
        assert_eq!(house.sweep.sweep().await.unwrap(), Swept::default());
    }
    assert!(house.is_readable(&row));
    assert_eq!(house.count(|event| matches!(event, Event::PurgePaused { .. })), 1);
    // The time that passes counts meanwhile, so nothing stays longer either.
    house.clock.step_wall(TimeDelta::days(-90));
    house.clock.advance(29 * 24 * HOUR);
    assert_eq!(house.sweep.sweep().await.unwrap().segments, 1);
    let young = house.record("hall", start() + TimeDelta::days(30));
    house.clock.step_wall(TimeDelta::days(300));
    assert_eq!(house.sweep.sweep().await.unwrap().segments, 0);
    // Somebody says that this is the time.
    house.decider(FootageCommand::ResumePurge).await;
    assert_eq!(house.sweep.sweep().await.unwrap().segments, 1);
    assert!(!house.is_readable(&young));
    assert_eq!(house.count(|event| matches!(event, Event::PurgeResumed)), 1);
}
