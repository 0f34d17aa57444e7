//! Tests of the server alone: it answers from one state, and echoes.

use super::*;
use crate::command::Outcome;
use serde_json::json;

fn ask(state: &RefCell<State>, request: serde_json::Value) -> Response {
    answer(serde_json::from_value(request).expect("a request"), state)
}

#[test]
fn what_is_written_is_read() {
    let state = RefCell::new(State::default());
    let write = json!({"execute": {"register_write": {"key": "1", "value": 7}}});
    let read = json!({"execute": {"register_read": {"key": "1"}}});
    assert!(matches!(ask(&state, write), Response::Executed(Ok(Outcome::Done))));
    match ask(&state, read) {
        Response::Executed(Ok(Outcome::Value(value))) => assert_eq!(value, 7),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_echoes_and_refuses_what_only_a_cluster_can_do() {
    let state = RefCell::new(State::default());
    let echo = ask(&state, json!({"echo": [1, null]}));
    assert!(matches!(echo, Response::Echo(value) if value == json!([1, null])));
    assert!(matches!(ask(&state, json!("status")), Response::Status(status) if status.ready));
    assert!(matches!(ask(&state, json!({"members": [1]})), Response::Malformed(_)));
}
