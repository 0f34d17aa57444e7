//! Messages there and back, and what no server should say.

use super::*;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Option<Message>, String> {
    decode(&mut BytesMut::from(bytes))
}

#[test]
fn what_a_client_says_has_the_documented_bytes() {
    assert_eq!(query("x"), b"Q\0\0\0\x06x\0");
    assert_eq!(startup(&[("user", "me")]), b"\0\0\0\x11\0\x03\0\0user\0me\0\0");
    assert_eq!(sasl_initial("M", "abc"), b"p\0\0\0\x0dM\0\0\0\0\x03abc");
    assert_eq!(sasl_response("abc"), b"p\0\0\0\x07abc");
    assert_eq!(password("abc"), b"p\0\0\0\x08abc\0");
}

#[test]
fn answers_are_read() {
    assert_eq!(read(b"Z\0\0\0\x05T"), Ok(Some(Message::Ready(Status::Open))));
    assert_eq!(read(b"C\0\0\0\x0cBEGIN 1\0"), Ok(Some(Message::Complete("BEGIN 1".into()))));
    let row = b"D\0\0\0\x0f\0\x02\0\0\0\x0142\xff\xff\xff\xff";
    assert!(read(row).is_err(), "the length and the text do not agree");
    let row = b"D\0\0\0\x10\0\x02\0\0\0\x0242\xff\xff\xff\xff";
    assert_eq!(read(row), Ok(Some(Message::Row(vec![Some("42".into()), None]))));
    let error = b"E\0\0\0\x24SFEHLER\0VERROR\0C40001\0Mwords\0Dmore\0\0";
    let mut error = error.to_vec();
    error[4] = u8::try_from(error.len() - 1).unwrap();
    let notice = Notice {
        severity: "ERROR".into(),
        code: "40001".into(),
        text: "words".into(),
        detail: "more".into(),
    };
    assert_eq!(read(&error), Ok(Some(Message::Error(notice))));
    let sasl = b"R\0\0\0\x0d\0\0\0\x0aA\0B\0\0";
    let names = vec!["A".to_owned(), "B".to_owned()];
    assert_eq!(read(sasl), Ok(Some(Message::Authentication(Authentication::Sasl(names)))));
}

#[test]
fn what_no_server_should_say_is_an_error() {
    for wrong in [
        &b"Z\0\0\0\x03"[..],
        b"Z\xff\xff\xff\xff",
        b"Z\0\0\0\x05X",
        b"!\0\0\0\x04",
        b"D\0\0\0\x06\xff\xff",
        b"D\0\0\0\x0a\0\x01\x7f\xff\xff\xff",
        b"C\0\0\0\x05x",
        b"E\0\0\0\x05\0",
        b"R\0\0\0\x05\0",
    ] {
        assert!(read(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_part_of_a_message_is_left_where_it_is() {
    let whole = b"C\0\0\0\x0cBEGIN 1\0";
    for end in 0..whole.len() {
        let mut buffer = BytesMut::from(&whole[..end]);
        assert_eq!(decode(&mut buffer), Ok(None));
        assert_eq!(buffer, whole[..end]);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_body_makes_it_panic(
        tag in proptest::sample::select(b"RZENTDCIS".to_vec()),
        body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = read(&framed(Some(tag), &body));
    }
}
