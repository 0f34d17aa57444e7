//! Tests of packets: what is taken apart, and what is not taken.

use super::*;
use proptest::prelude::*;

#[test]
fn a_packet_is_taken_when_it_is_whole() {
    let whole = packet(3, b"hello");
    for end in 0..whole.len() {
        let mut part = BytesMut::from(&whole[..end]);
        assert_eq!(take_packet(&mut part), Ok(None));
        assert_eq!(part.len(), end);
    }
    let mut two = BytesMut::from(&*[whole.clone(), packet(4, b"")].concat());
    assert_eq!(take_packet(&mut two), Ok(Some((3, Bytes::from_static(b"hello")))));
    assert_eq!(take_packet(&mut two), Ok(Some((4, Bytes::new()))));
    assert_eq!(take_packet(&mut two), Ok(None));
}

#[test]
fn a_packet_that_goes_on_in_the_next_is_refused_at_once() {
    let mut long = BytesMut::from(&[0xff, 0xff, 0xff, 0][..]);
    assert!(take_packet(&mut long).is_err());
}

#[test]
fn rows_have_text_and_null() {
    let payload = Bytes::from_static(b"\x0242\xfb\x00");
    let cells = row(&payload, 3).unwrap();
    assert_eq!(cells, [Some(Bytes::from_static(b"42")), None, Some(Bytes::new())]);
    assert!(row(&payload, 2).is_err());
    assert!(row(&payload, 4).is_err());
}

#[test]
fn numbers_of_every_length() {
    assert_eq!(ok(b"\0\xfc\x01\x02\0\x03\0\0\0"), Ok((0x201, 3)));
    assert_eq!(ok(b"\0\xfd\x01\x02\x03\0\x02\0\0\0"), Ok((0x3_0201, 2)));
    assert_eq!(ok(b"\0\xfe\x01\0\0\0\0\0\0\0\0\x02\0"), Ok((1, 2)));
    assert!(ok(b"\0\xfb\0\x02\0").is_err());
}

#[test]
fn errors_have_a_number_and_words() {
    assert_eq!(error(b"\xff\xbd\x04#40001Deadlock"), Ok((1213, "(40001) Deadlock".to_owned())));
    assert_eq!(error(b"\xff\x10\x04Too many"), Ok((1040, "Too many".to_owned())));
    assert!(error(b"\xff\x10").is_err());
}

#[test]
fn an_old_or_bare_server_is_refused_with_a_reason() {
    assert!(greeting(b"\x093.23\0").unwrap_err().contains("protocol 9"));
    let mut bare = b"\x0a4.0\0".to_vec();
    bare.extend_from_slice(&[0; 60]);
    assert!(greeting(&bare).unwrap_err().contains("4.0"));
}

proptest! {
    /// Whatever comes, nothing panics.
    #[test]
    fn hostile_bytes_are_only_errors(bytes in prop::collection::vec(any::<u8>(), 0..80), n in 0..9_usize) {
        let _ = take_packet(&mut BytesMut::from(&*bytes));
        let _ = (greeting(&bytes), ok(&bytes), eof(&bytes), error(&bytes), other_plugin(&bytes));
        let _ = (columns(&bytes), is_eof(&bytes));
        let _ = row(&Bytes::from(bytes), n);
    }
}
