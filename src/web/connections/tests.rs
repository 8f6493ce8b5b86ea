use super::*;
use crate::clock::ManualClock;

fn clock() -> ManualClock {
    ManualClock::at("2026-11-24T23:59:59Z".parse().unwrap())
}

fn details(lines: &[Connection]) -> Vec<&str> {
    lines.iter().map(|line| line.detail.as_str()).collect()
}

#[test]
fn a6_7_memory_is_bounded_and_newest_comes_first() {
    let log = Connections::in_memory(Arc::new(clock()));
    for number in 0..KEPT_IN_MEMORY + 10 {
        log.note(Connection::new(Kind::LoggedIn, None, number.to_string()));
    }
    assert_eq!(log.newest(1)[0].detail, (KEPT_IN_MEMORY + 9).to_string());
    assert_eq!(log.newest(usize::MAX - 1).len(), KEPT_IN_MEMORY);
    let (first, older) = log.page(&ConnectionFilter::default(), None, 2).unwrap();
    let (second, _) = log.page(&ConnectionFilter::default(), older, 1).unwrap();
    assert_eq!(second[0].detail, (KEPT_IN_MEMORY + 7).to_string(), "{first:?}");
}

#[test]
fn a6_7_one_file_per_day_and_old_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let file = |day: &str| dir.path().join(format!("connections-{day}.jsonl"));
    for day in ["2026-05-27", "2026-05-28", "2026-05-29"] {
        std::fs::write(file(day), "").unwrap();
    }
    std::fs::write(dir.path().join("something-else"), "").unwrap();
    let clock = clock();
    let log = Connections::open(dir.path(), TimeDelta::days(180), Arc::new(clock.clone())).unwrap();
    assert!(!file("2026-05-27").exists() && file("2026-05-28").exists(), "at the start");
    log.note(Connection::new(Kind::LoggedIn, None, "before midnight"));
    clock.advance(Duration::from_secs(2));
    log.note(Connection::new(Kind::LoggedOut, None, "after midnight"));
    assert_eq!(details(&log.newest(10)), ["after midnight", "before midnight"]);
    assert!(!file("2026-05-28").exists() && file("2026-05-29").exists(), "when a day begins");
    assert!(dir.path().join("something-else").exists());
    assert!(std::fs::read_to_string(file("2026-11-24")).unwrap().contains("\"kind\":\"logged-in\""));
}

#[test]
fn a6_7_a_restart_forgets_nothing_and_pages_are_filtered() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let open = || Connections::open(dir.path(), TimeDelta::days(365), Arc::new(clock.clone())).unwrap();
    let person: PersonId = "op-1".parse().unwrap();
    let log = open();
    for number in 0..5 {
        log.note(Connection::new(Kind::LoggedIn, None, format!("a{number}")).by(Some(person.clone())));
        log.note(Connection::new(Kind::ViewingRefused, None, format!("b{number}")));
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(log.newest(100).len(), 10);
    drop(log);
    // A crash tore the last line.
    let torn = dir.path().join("connections-2026-11-25.jsonl");
    let mut text = std::fs::read_to_string(&torn).unwrap();
    text.push_str("{\"at_utc\":\"2026");
    std::fs::write(&torn, text).unwrap();

    let log = open();
    let filter = ConnectionFilter { person: Some(person), ..ConnectionFilter::default() };
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let (lines, older) = log.page(&filter, before, 2).unwrap();
        seen.extend(lines.into_iter().map(|line| line.detail));
        before = older.map(|place| place.to_string().parse().unwrap());
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a4", "a3", "a2", "a1", "a0"]);
    let refused = ConnectionFilter {
        kind: Kind::of_word("viewing-refused"),
        since_utc: Some("2026-11-25T00:00:00Z".parse().unwrap()),
        until_utc: Some("2026-11-25T00:00:02Z".parse().unwrap()),
        ..ConnectionFilter::default()
    };
    assert_eq!(details(&log.page(&refused, None, 10).unwrap().0), ["b2", "b1"]);
    for wrong in ["", "5", "2026-11-25", "2026-13-25.1", "2026-11-25.x"] {
        assert!(wrong.parse::<Place>().unwrap_err().contains("2026-11-25.120"), "{wrong}");
    }
}
