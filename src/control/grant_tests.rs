//! The grant by itself: deadlines, reports, and the one promise that must hold under any schedule.

use super::for_tests::issue;
use super::*;
use crate::clock::{ManualClock, SystemClock};
use crate::domain::TicketId;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

fn terms(clock: &dyn Clock, wall: TimeDelta, monotonic: Duration) -> Terms {
    Terms {
        session: SessionId::generate(),
        purpose: Purpose::Transfer { ticket: TicketId::generate() },
        site: "arcade".parse().unwrap(),
        cameras: vec!["hall".parse().unwrap()],
        person: "op-1".parse().unwrap(),
        workstation: "csu-1".to_owned(),
        granted_at_utc: clock.utc(),
        deadline_utc: clock.utc() + wall,
        deadline: clock.monotonic() + monotonic,
    }
}

fn hour() -> (TimeDelta, Duration) {
    (TimeDelta::hours(1), Duration::from_secs(3600))
}

#[test]
fn a4_4_no_packet_after_revoke_returns_under_stress() {
    let rounds: usize = std::env::var("ECLUSE_CAMPAIGN").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let mut passed_in_all = 0;
    for _ in 0..rounds {
        let (wall, monotonic) = hour();
        let (grant, revoker, _reports) = issue(terms(&SystemClock, wall, monotonic), Arc::new(SystemClock));
        let cut = AtomicBool::new(false);
        let late = AtomicUsize::new(0);
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    start.wait();
                    let mut refused = 0;
                    while refused < 200 {
                        match grant.enter() {
                            None => refused += 1,
                            Some(_passage) => {
                                if cut.load(Ordering::SeqCst) {
                                    late.fetch_add(1, Ordering::SeqCst);
                                }
                                grant.count(1200);
                            }
                        }
                    }
                });
            }
            start.wait();
            while grant.traffic().packets == 0 {
                std::thread::yield_now();
            }
            assert!(revoker.revoke(), "a packet is inside for microseconds");
            cut.store(true, Ordering::SeqCst);
            let counted = grant.traffic();
            passed_in_all += counted.packets;
            std::thread::yield_now();
            assert_eq!(grant.traffic(), counted, "the figures at the cut are final");
        });
        assert_eq!(late.load(Ordering::SeqCst), 0);
        assert!(grant.enter().is_none());
    }
    assert!(passed_in_all > rounds as u64, "the test must have had something to cut");
}

#[test]
fn a4_4_revoke_waits_for_the_packet_inside_but_not_for_ever() {
    let (wall, monotonic) = hour();
    let (grant, revoker, _reports) = issue(terms(&SystemClock, wall, monotonic), Arc::new(SystemClock));
    let inside = grant.enter().unwrap();
    let inner = &grant.0.0;
    let shutter = Revoker(inner.clone());
    shutter.shut();
    assert!(grant.enter().is_none(), "shut while one is inside");
    assert!(!shutter.drain(Instant::now()), "one is inside");
    grant.count(100);
    drop(inside);
    assert!(revoker.revoke());
    assert_eq!(grant.traffic().packets, 1);
}

#[test]
fn fault_06_the_earlier_clock_wins() {
    for (wall_jump, run_on, open) in [
        (TimeDelta::zero(), 3599, true),
        (TimeDelta::zero(), 3600, false),
        // Set forward: the wall clock says it is over.
        (TimeDelta::hours(1), 0, false),
        // Set back: the monotonic clock says it is over.
        (-TimeDelta::hours(5), 3600, false),
        (-TimeDelta::hours(5), 3599, true),
    ] {
        let clock = ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let (wall, monotonic) = hour();
        let (grant, _revoker, _reports) = issue(terms(&clock, wall, monotonic), Arc::new(clock.clone()));
        assert!(grant.enter().is_some());
        clock.step_wall(wall_jump);
        clock.advance(Duration::from_secs(run_on));
        assert_eq!(grant.enter().is_some(), open, "wall {wall_jump}, {run_on} s");
        assert_eq!(grant.is_open(), open);
    }
}

#[test]
fn fault_07_expiry_needs_no_control_plane() {
    let clock = ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let (wall, monotonic) = hour();
    // No revoker and no receiver: control is as stuck as can be.
    let (grant, _, _) = issue(terms(&clock, wall, monotonic), Arc::new(clock.clone()));
    clock.advance(Duration::from_secs(3600));
    assert!(grant.enter().is_none());
}

#[test]
fn fault_06_durations_do_not_follow_a_stepped_wall_clock() {
    let clock = ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let (wall, monotonic) = hour();
    let (grant, _revoker, _reports) = issue(terms(&clock, wall, monotonic), Arc::new(clock.clone()));
    grant.count(10);
    clock.advance(Duration::from_millis(1500));
    clock.step_wall(TimeDelta::minutes(20));
    clock.advance(Duration::from_millis(500));
    grant.count(10);
    assert_eq!(grant.traffic().flowed_ms(), 2000);
}

#[test]
fn a4_5_the_end_is_reported_exactly_once_also_by_the_last_drop() {
    let (wall, monotonic) = hour();
    let (grant, revoker, reports) = issue(terms(&SystemClock, wall, monotonic), Arc::new(SystemClock));
    let second = grant.clone();
    second.end(EndCause::Left);
    grant.end(EndCause::Vanished);
    drop((grant, second));
    drop(revoker);
    let all: Vec<_> = reports.try_iter().collect();
    assert!(matches!(&all[..], [Report::Ended { cause: EndCause::Left, .. }]), "{all:?}");

    // Control still holds its revoker: the branch's last drop must be heard all the same.
    let (grant, _revoker, reports) = issue(terms(&SystemClock, wall, monotonic), Arc::new(SystemClock));
    let second = grant.clone();
    drop(grant);
    assert!(reports.try_recv().is_err());
    drop(second);
    assert!(matches!(reports.try_recv(), Ok(Report::Ended { cause: EndCause::Failed { .. }, .. })));
}

#[test]
fn a4_4_the_cut_is_measured_from_the_command_to_the_last_packet() {
    let clock = ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let (wall, monotonic) = hour();
    let (grant, _keep, _reports) = issue(terms(&clock, wall, monotonic), Arc::new(clock.clone()));
    let revoker = Revoker(grant.0.0.clone());
    assert_eq!(revoker.cut_us(clock.monotonic()), None, "nothing flowed");
    grant.count(10);
    clock.advance(Duration::from_micros(700));
    let accepted = clock.monotonic();
    assert_eq!(revoker.cut_us(accepted), Some(0), "the last packet left before the command");
    clock.advance(Duration::from_micros(300));
    grant.count(10);
    assert_eq!(revoker.cut_us(accepted), Some(300));
}
