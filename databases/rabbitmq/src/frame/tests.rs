//! Frames in whole, in pieces, and broken.

use super::*;
use crate::method::Method;
use proptest::prelude::*;

fn stream() -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, Kind::Method, 1, &[0, 60, 0, 72, 0]);
    encode(&mut out, Kind::Heartbeat, 0, &[]);
    encode(&mut out, Kind::Header, 1, &crate::method::content_header(2));
    encode(&mut out, Kind::Body, 1, b"42");
    out
}

fn decode_all(buffer: &mut BytesMut) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    while let Some(frame) = decode(buffer)? {
        frames.push(frame);
    }
    Ok(frames)
}

#[test]
fn frames_come_out_as_they_went_in() {
    let frames = decode_all(&mut BytesMut::from(&stream()[..])).unwrap();
    let kinds: Vec<(Kind, u16)> = frames.iter().map(|frame| (frame.kind, frame.channel)).collect();
    let wanted = [(Kind::Method, 1), (Kind::Heartbeat, 0), (Kind::Header, 1), (Kind::Body, 1)];
    assert_eq!(kinds, wanted);
    assert_eq!(Method::parse(&frames[0].payload), Ok(Method::GetEmpty));
    assert_eq!(crate::method::content_length(&frames[2].payload), Ok(2));
    assert_eq!(&frames[3].payload[..], b"42");
}

#[test]
fn what_is_no_frame_is_told() {
    for (bytes, words) in [
        (&b"AMQP\0\0\x09\x01"[..], "another version"),
        (b"HTTP/1.1 400 Bad Request\r\n", "a frame of type 72"),
        (b"\x01\0\x01\x7f\0\0\0", "a frame of 2130706432 bytes"),
        (b"\x01\0\x01\0\0\0\x01xy", "does not end where it says"),
    ] {
        let error = decode(&mut BytesMut::from(bytes)).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    assert!(Method::parse(&[0, 60, 0, 71, 0]).unwrap_err().contains("ends within a value"));
    assert!(Method::parse(&[0, 90, 0, 1]).unwrap_err().contains("which nothing asked for"));
}

#[test]
fn long_names_are_cut_and_tables_have_their_length_before_them() {
    let mut out = Vec::new();
    short(&mut out, &"x".repeat(300));
    assert_eq!((out.len(), out[0]), (256, 255));
    let mut out = Vec::new();
    table(&mut out, &[("a", "bc")]);
    assert_eq!(out, b"\0\0\0\x09\x01aS\0\0\0\x02bc");
}

proptest! {
    #[test]
    fn pieces_make_no_difference(cuts in prop::collection::vec(0usize..60, 0..8)) {
        let whole = stream();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
        cuts.extend([0, whole.len()]);
        cuts.sort_unstable();
        let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
        for pair in cuts.windows(2) {
            buffer.extend_from_slice(&whole[pair[0]..pair[1]]);
            frames.extend(decode_all(&mut buffer).unwrap());
        }
        prop_assert_eq!(frames, decode_all(&mut BytesMut::from(&whole[..])).unwrap());
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_all(&mut BytesMut::from(&bytes[..]));
        let _ = Method::parse(&bytes);
        let _ = crate::method::content_length(&bytes);
    }

    #[test]
    fn no_arguments_make_it_panic(class in 0u16..100, method in 0u16..130, rest: Vec<u8>) {
        let head = [class.to_be_bytes(), method.to_be_bytes()].concat();
        let _ = Method::parse(&[head, rest].concat());
    }
}
