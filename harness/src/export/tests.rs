//! Pairing while events go by, which has to give what pairing of a whole history gives.

use super::*;
use perjury_checkers::{History, Kind, Process};
use serde_json::json;

fn event(index: u64, process: u32, kind: Kind) -> Event {
    Event {
        index,
        time: index * 10,
        process: Process::Client(process),
        kind,
        f: "write".into(),
        value: json!(index),
        node: None,
        error: None,
        due: None,
    }
}

#[test]
fn pairing_goes_by_as_it_does_of_the_whole() {
    let mut events = Vec::new();
    let mut state = [false; 4];
    let mut seed = 7u64;
    for index in 0..2_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let process = (seed >> 40) as usize % 4;
        let kind = match (state[process], seed >> 50 & 3) {
            (false, 0) => continue,
            (false, _) => Kind::Invoke,
            (true, 0) => Kind::Info,
            (true, 1) => Kind::Fail,
            (true, _) => Kind::Ok,
        };
        state[process] = kind == Kind::Invoke;
        events.push(event(index, process as u32, kind));
    }
    let history = History::new_lenient(events.clone()).unwrap();
    let whole = history.operations();
    let paired: Vec<Paired> =
        Pairing::new(Box::new(events.into_iter().map(Ok))).map(Result::unwrap).collect();
    let paired: Vec<_> = paired.iter().map(Paired::operation).collect();
    assert!(whole.len() > 300);
    assert_eq!(paired, whole);
}

#[test]
fn an_error_ends_it() {
    let events = vec![
        Ok(event(0, 0, Kind::Invoke)),
        Ok(event(1, 0, Kind::Ok)),
        Ok(event(2, 0, Kind::Invoke)),
        Err(ExportError::Read("line 4".to_owned())),
        Ok(event(3, 0, Kind::Ok)),
    ];
    let mut pairing = Pairing::new(Box::new(events.into_iter()));
    assert!(pairing.next().is_some_and(|paired| paired.is_ok()));
    assert!(pairing.next().is_some_and(|paired| paired.is_err()));
    assert!(pairing.next().is_none());
}
