//! Tests of the Fressian reader against a writer of its own.

use proptest::prelude::*;
use serde_json::json;

use super::encoder::{Data, Encoder, key, op};
use super::*;

fn encoded(data: &[Data]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    data.iter().for_each(|data| encoder.write(data));
    encoder.bytes
}

fn decoded(bytes: &[u8]) -> Value {
    let mut decoder = Decoder::new(bytes, 0, bytes.len());
    let value = decoder.value().expect("a value").value;
    assert!(matches!(decoder.value(), Err(Stop::End)), "something is left");
    value
}

fn text(text: &str) -> Data {
    Data::Text(text.to_owned())
}

#[test]
fn every_kind_of_value_is_read() {
    let big = |bytes: &[u8]| Data::Core(0xc6, vec![Data::Bytes(bytes.to_vec())]);
    let pair = || vec![key("k"), Data::Int(2)];
    let cases = [
        (Data::Nil, json!(null)),
        (Data::List(vec![Data::Bool(true), Data::Bool(false)]), json!([true, false])),
        (Data::Double(2.5), json!(2.5)),
        (Data::List(vec![Data::Double(0.0), Data::Double(1.0)]), json!([0.0, 1.0])),
        (Data::Double(f64::NAN), json!("NaN")),
        (Data::Double(f64::NEG_INFINITY), json!("-Inf")),
        (Data::Float(0.1), json!(0.1)),
        (text("é→𝄞"), json!("é→𝄞")),
        (text(&"é".repeat(70_000)), json!("é".repeat(70_000))),
        (key("read"), json!("read")),
        (Data::Key(Some("a".into()), "b".into()), json!("a/b")),
        (Data::Symbol("sym".into()), json!("sym")),
        (Data::Bytes(vec![0, 0xab]), json!("00ab")),
        (Data::List((0..9).map(Data::Int).collect()), json!([0, 1, 2, 3, 4, 5, 6, 7, 8])),
        (Data::Closed(vec![Data::Closed(vec![]), Data::Nil]), json!([[], null])),
        (
            Data::Map(vec![(Data::Int(3), Data::Nil), (key("a"), Data::Int(1))]),
            json!({"3": null, "a": 1}),
        ),
        (Data::Map(vec![(Data::List(pair()), Data::Nil)]), json!({"[\"k\",2]": null})),
        (Data::Core(0xc1, vec![Data::List(pair())]), json!(["k", 2])),
        (Data::Tagged("persistent-hash-set", vec![Data::Nil]), json!([])),
        (Data::Tagged("persistent-sorted-set", vec![Data::List(pair())]), json!(["k", 2])),
        (Data::Tagged("map-entry", pair()), json!(["k", 2])),
        (Data::Tagged("ratio", vec![big(&[1]), big(&[2])]), json!("1/2")),
        (Data::Tagged("char", vec![Data::Int(0x41)]), json!("A")),
        (Data::Tagged("atom", vec![Data::Int(7)]), json!(7)),
        (
            Data::Tagged("instant", vec![text("2020-01-01T00:00:00Z")]),
            json!("2020-01-01T00:00:00Z"),
        ),
        (Data::Tagged("record", vec![Data::Symbol("a.B".into()), Data::Map(vec![])]), json!({})),
        (Data::Tagged("who.knows", pair()), json!(["k", 2])),
        (Data::Tagged("who.knows", vec![]), json!("who.knows")),
        (Data::Tagged("block-ref", vec![Data::Int(3)]), json!({"block-ref": 3})),
        (Data::Core(0xc8, vec![Data::Int(1_600_000_000_000)]), json!(1_600_000_000_000_i64)),
        (
            Data::Core(0xc3, vec![Data::Bytes((0..16).collect())]),
            json!("00010203-0405-0607-0809-0a0b0c0d0e0f"),
        ),
        (Data::Core(0xb3, vec![Data::Int(2), Data::Int(5), Data::Int(-70)]), json!([5, -70])),
        (big(&[0x7f]), json!(127)),
        (big(&[0xff]), json!(-1)),
        (big(&[0x80, 0, 0, 0, 0, 0, 0, 0]), json!(i64::MIN)),
        (big(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), json!(u64::MAX)),
        (big(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), json!("18446744073709551616N")),
        (big(&[0xfe, 0, 0, 0, 0, 0, 0, 0, 0]), json!("-36893488147419103232N")),
        (Data::Core(0xc7, vec![Data::Bytes(vec![15]), Data::Int(1)]), json!(1.5)),
        (Data::Core(0xc7, vec![Data::Bytes(vec![15]), Data::Int(0)]), json!("15M")),
    ];
    for (data, expected) in cases {
        assert_eq!(decoded(&encoded(std::slice::from_ref(&data))), expected, "{data:?}");
    }
}

#[test]
fn integers_of_every_length_are_read() {
    for shift in 0..63 {
        for near in [-2, -1, 0, 1, 2] {
            for number in [(1_i64 << shift) + near, -(1_i64 << shift) + near] {
                assert_eq!(decoded(&encoded(&[Data::Int(number)])), json!(number));
            }
        }
    }
    for number in [i64::MIN, i64::MAX] {
        assert_eq!(decoded(&encoded(&[Data::Int(number)])), json!(number));
    }
}

#[test]
fn caches_hold_across_values_until_they_are_reset() {
    let words: Vec<Data> = (0..100).map(|n| key(&format!("word-{}", n % 50))).collect();
    let tags =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"];
    let tagged = tags.iter().chain(&tags).map(|tag| Data::Tagged(tag, vec![Data::Int(1)]));
    let all: Vec<Data> =
        words.into_iter().map(|word| Data::Cached(Box::new(word))).chain(tagged).collect();
    let mut bytes = encoded(&all);
    bytes.extend([0xfe, 0x80]);
    let mut decoder = Decoder::new(&bytes, 0, bytes.len());
    for n in 0..100 {
        let read = decoder.value().expect("a word");
        assert_eq!(read.value, json!(format!("word-{}", n % 50)));
    }
    for _ in 0..34 {
        assert_eq!(decoder.value().expect("a number").value, json!(1));
    }
    let Err(Stop::Bad(fault)) = decoder.value() else { panic!("the cache is empty") };
    assert!(fault.why.contains("cache"), "{}", fault.why);
    assert_eq!(fault.offset, bytes.len() - 1);
}

#[test]
fn a_footer_is_passed_over() {
    let bytes = [1, 0xcf, 0xcf, 0xcf, 0xcf, 0, 0, 0, 1, 9, 9, 9, 9, 2];
    let mut decoder = Decoder::new(&bytes, 0, bytes.len());
    assert_eq!(decoder.value().expect("before").value, json!(1));
    assert_eq!(decoder.value().expect("after").value, json!(2));
    assert!(matches!(decoder.value(), Err(Stop::End)));
}

#[test]
fn map_entries_tell_a_keyed_operation() {
    let entry = || Data::Tagged("map-entry", vec![Data::Int(1), Data::Nil]);
    let pair = || Data::List(vec![Data::Int(1), Data::Nil]);
    for (value, keyed) in [(entry(), true), (pair(), false), (Data::List(vec![entry()]), false)] {
        let fields = [
            Data::Int(0),
            Data::Int(0),
            key("invoke"),
            Data::Int(0),
            key("read"),
            value.clone(),
            Data::Map(vec![]),
        ];
        let map = Data::Map(vec![(key("f"), entry()), (key("value"), value)]);
        let bytes = encoded(&[op(fields), map]);
        let mut decoder = Decoder::new(&bytes, 0, bytes.len());
        let first = decoder.value().expect("an operation");
        assert_eq!((first.op, first.keyed), (true, keyed));
        let second = decoder.value().expect("a map");
        assert_eq!((second.op, second.keyed), (false, keyed));
    }
}

#[test]
fn what_is_no_fressian_is_refused_with_its_place() {
    let mut deep = vec![0xe5; 1_000_000];
    deep.push(0xf7);
    // A text in the cache, a list of it in the cache, a list of that list, and so on.
    let mut laughs = encoded(&[Data::Cached(Box::new(text("ha ha ha ha")))]);
    for slot in 0..30 {
        laughs.extend([0xcd, 0xeb]);
        laughs.extend([0x80 + slot; 7]);
    }
    // Maps as keys of maps.
    let mut keys = [0xc0, 0xe6].repeat(100);
    keys.extend([0xf7; 101]);
    let mut cycle = vec![0xcd, 0xe5, 0x80];
    cycle.push(0xf7);
    for (bytes, offset, why) in [
        (vec![0xe5, 0xc2], 1, "0xc2 is no code"),
        (vec![0xe5, 0xfd], 1, "not begun"),
        (vec![0xe5, 0x80], 1, "cache"),
        (vec![0xe5, 0xa0], 1, "cache"),
        (vec![0xe5, 0xe3, 0xf7], 2, "a count"),
        (vec![0xef, 0x00], 1, "a text should stand here"),
        (vec![0xc0, 0xe5, 0x00], 2, "last key"),
        (vec![0xdb, 0xff], 1, "not UTF-8"),
        (cycle, 2, "cache"),
        (deep, 1_000_000, "deeper"),
        (laughs, 0, "repeats too much"),
        (keys, 0, "repeats too much"),
    ] {
        let mut decoder = Decoder::new(&bytes, 0, bytes.len());
        let fault = loop {
            match decoder.value() {
                Ok(_) => {}
                Err(Stop::Bad(fault)) => break fault,
                Err(stop) => panic!("{why}: {stop:?}"),
            }
        };
        assert!(fault.why.contains(why), "{why}: {}", fault.why);
        assert!(offset == 0 || fault.offset == offset, "{why}: {}", fault.offset);
    }
}

fn any_data() -> impl Strategy<Value = Data> {
    let leaf = prop_oneof![
        Just(Data::Nil),
        any::<bool>().prop_map(Data::Bool),
        any::<i64>().prop_map(Data::Int),
        (-100.0..100.0).prop_map(Data::Double),
        any::<String>().prop_map(Data::Text),
        "[a-z]{1,3}".prop_map(|name| key(&name)),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Data::Bytes),
    ];
    leaf.prop_recursive(4, 40, 10, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..10).prop_map(Data::List),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Data::Closed),
            prop::collection::vec(("[a-z]{1,3}".prop_map(Data::Text), inner.clone()), 0..4)
                .prop_map(Data::Map),
            inner.clone().prop_map(|data| Data::Cached(Box::new(data))),
            inner.prop_map(|data| Data::Tagged("atom", vec![data])),
        ]
    })
}

/// What should be read, by the rules alone.
fn meaning(data: &Data) -> Value {
    match data {
        Data::Nil => Value::Null,
        Data::Bool(truth) => json!(truth),
        Data::Int(number) => json!(number),
        Data::Double(number) => json!(number),
        Data::Text(text) | Data::Key(None, text) => json!(text),
        Data::Bytes(bytes) => {
            json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        Data::List(items) | Data::Closed(items) => items.iter().map(meaning).collect(),
        Data::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| (meaning(key).as_str().unwrap().to_owned(), meaning(value)))
                .collect(),
        ),
        Data::Cached(data) => meaning(data),
        Data::Tagged("atom", parts) => meaning(&parts[0]),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(data in prop::collection::vec(any_data(), 1..5)) {
        let bytes = encoded(&data);
        let mut decoder = Decoder::new(&bytes, 0, bytes.len());
        for data in &data {
            prop_assert_eq!(decoder.value().expect("a value").value, meaning(data));
        }
        prop_assert!(matches!(decoder.value(), Err(Stop::End)));
    }

    #[test]
    fn what_is_cut_off_says_so(data in any_data(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded(&[data]);
        let cut = cut.index(bytes.len());
        let stopped = Decoder::new(&bytes[..cut], 0, cut).value();
        if cut == 0 {
            prop_assert!(matches!(stopped, Err(Stop::End)));
        } else {
            prop_assert!(matches!(stopped, Err(Stop::Cut)));
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut decoder = Decoder::new(&bytes, 0, bytes.len());
        while decoder.value().is_ok() {}
    }
}
