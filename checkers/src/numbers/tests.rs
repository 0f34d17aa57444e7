//! Numbers: equal values have the same, whatever they are, and owners do not share them.

use serde_json::{Value, json};

use super::*;

/// Values of which no two are equal.
fn different() -> Vec<Value> {
    vec![
        json!(0),
        json!(-1),
        json!(1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(i64::MAX as u64 + 1),
        json!(u64::MAX),
        json!(1.0),
        json!(1.5),
        json!("1"),
        json!(""),
        json!(null),
        json!(true),
        json!([1]),
        json!({"1": 1}),
    ]
}

#[test]
fn equal_values_of_one_owner_have_one_number() {
    let (values, again) = (different(), different());
    let mut numbers = Numbers::default();
    for owner in [0, u32::MAX] {
        for (next, value) in (0..).zip(&values) {
            assert_eq!(numbers.get(owner, value), None, "{value}");
            assert_eq!(numbers.number(owner, value, next), next, "{value}");
        }
    }
    for (number, value) in (0..).zip(&again) {
        assert_eq!(numbers.number(0, value, 99), number, "{value}");
        assert_eq!(numbers.number(0, Plain::from(value), 99), number, "{value}");
        assert_eq!(numbers.get(u32::MAX, value), Some(number), "{value}");
        assert_eq!(numbers.get(1, value), None, "{value}");
    }
}

#[test]
fn plain_values_are_equal_if_the_values_are() {
    let (values, again) = (different(), different());
    for (one, value) in values.iter().enumerate() {
        for (other, same) in again.iter().enumerate() {
            assert_eq!(Plain::from(value) == Plain::from(same), one == other, "{value} {same}");
        }
        assert_eq!(*Plain::from(value).value(), *value);
    }
}

#[test]
fn keys_are_kept_in_the_order_in_which_they_come_up() {
    let values = [json!(7), json!("x"), json!(7), json!(-7), json!("x")];
    let mut keys = Keys::default();
    let numbers: Vec<u32> = values.iter().map(|value| keys.number(value)).collect();
    assert_eq!(numbers, [0, 1, 0, 2, 1]);
    assert_eq!(keys.all, [&values[0], &values[1], &values[3]]);
}
