//! Tests of the protocol: every kind of answer, in pieces, and from servers that are broken.

use super::*;
use proptest::prelude::*;

/// All answers in `bytes`, fed in pieces of `size` bytes.
fn decode(bytes: &[u8], size: usize) -> Result<Vec<Reply>, String> {
    let (mut buffer, mut answers) = (BytesMut::new(), Vec::new());
    let mut decoder = Decoder::default();
    for piece in bytes.chunks(size) {
        buffer.extend_from_slice(piece);
        while let Some(answer) = decoder.decode(&mut buffer)? {
            answers.push(answer);
            decoder = Decoder::default();
        }
    }
    Ok(answers)
}

fn bulk(text: &'static str) -> Reply {
    Reply::Bulk(Bytes::from_static(text.as_bytes()))
}

#[test]
fn a_command_is_an_array_of_strings() {
    let mut bytes = Vec::new();
    encode(&command(&["SET", "k\r\n", ""]), &mut bytes);
    assert_eq!(bytes, b"*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$0\r\n\r\n");
}

#[test]
fn every_kind_of_answer_is_read_in_pieces_of_any_size() {
    let bytes = b"+OK\r\n-MOVED 7 h:1\r\n-ALONE\r\n:-7\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n\
                  *0\r\n*2\r\n*2\r\n:1\r\n*0\r\n$1\r\nx\r\n";
    let error = |code: &str, text: &str| Reply::Error { code: code.into(), text: text.into() };
    let inner = Reply::Array(vec![Reply::Integer(1), Reply::Array(Vec::new())]);
    let wanted = [
        Reply::Simple("OK".to_owned()),
        error("MOVED", "7 h:1"),
        error("ALONE", ""),
        Reply::Integer(-7),
        bulk("a\r\n"),
        bulk(""),
        Reply::Nil,
        Reply::Nil,
        Reply::Array(Vec::new()),
        Reply::Array(vec![inner, bulk("x")]),
    ];
    for size in 1..=bytes.len() {
        assert_eq!(decode(bytes, size).unwrap(), wanted, "{size}");
    }
}

#[test]
fn what_is_no_answer_is_an_error_and_no_wait() {
    for (bytes, words) in [
        (&b"HTTP/1.1 400"[..], "no answer in RESP2"),
        (b"\r\n", "no answer in RESP2"),
        (b":seven\r\n", "no answer in RESP2"),
        (b"$-2\r\n", "no answer in RESP2"),
        (b"*99999999999999999999\r\n", "no answer in RESP2"),
        (b"+\xff\r\n", "no answer in RESP2"),
        (b"%1\r\n", "no answer in RESP2"),
        (b"$2\r\nabc\r\n", "does not end there"),
        (b"$99999999999\r\n", "a string of 99999999999 bytes"),
    ] {
        let error = decode(bytes, 100).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn an_answer_without_end_is_given_up() {
    let deep = b"*1\r\n".repeat(100);
    assert!(decode(&deep, 64).unwrap_err().contains("in each other"));
    let line = vec![b'+'; LINE_MAX + 1];
    assert!(decode(&line, 4096).unwrap_err().contains("a line of over"));
    let mut many = b"*4000000\r\n".to_vec();
    many.extend(b":1\r\n".repeat(VALUES_MAX));
    assert!(decode(&many, 1 << 16).unwrap_err().contains("an answer of over"));
    // An announcement alone takes no memory.
    assert_eq!(decode(b"*9999999999\r\n:1\r\n", 64), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, 7);
    }

    #[test]
    fn any_mix_of_the_protocols_own_bytes_is_read_or_refused(
        bytes in proptest::collection::vec(
            prop_oneof![Just(b'*'), Just(b'$'), Just(b':'), Just(b'-'), Just(b'\r'), Just(b'\n'),
                Just(b'0'), Just(b'1'), Just(b'2')],
            0..200,
        )
    ) {
        let whole = decode(&bytes, 1000);
        let pieces = decode(&bytes, 1);
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            prop_assert_eq!(whole, pieces);
        }
    }

    #[test]
    fn what_was_encoded_is_read_again(
        words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 1..9)
    ) {
        let mut bytes = Vec::new();
        encode(&words, &mut bytes);
        let wanted = words.into_iter().map(|word| Reply::Bulk(word.into())).collect();
        prop_assert_eq!(decode(&bytes, 3).unwrap(), vec![Reply::Array(wanted)]);
    }
}
