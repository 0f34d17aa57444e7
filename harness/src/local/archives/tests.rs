//! Tests of archives: found beside the definition, checked, downloaded once.

use super::*;
use std::io::{Read, Write};
use std::net::TcpListener;

const BYTES: &[u8] = b"#!/bin/sh\nexec sleep 1\n";

fn digest() -> String {
    Sha256::digest(BYTES).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn archive(source: &str, sha256: Option<String>) -> Archive {
    Archive { source: source.to_owned(), sha256, into: "/opt/mini".to_owned() }
}

#[test]
fn a_file_beside_the_definition_is_taken_if_it_is_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mini.sh"), BYTES).unwrap();
    for sha256 in [None, Some(digest())] {
        let fetched = fetch(&archive("mini.sh", sha256), Some(folder.path())).unwrap();
        assert_eq!((fetched.name.as_str(), fetched.sha256.as_str()), ("mini.sh", &*digest()));
        assert!(!fetched.is_tar());
    }
    let other = fetch(&archive("mini.sh", Some("0".repeat(64))), Some(folder.path())).unwrap_err();
    assert!(matches!(other, ArchiveError::Other { .. }), "{other}");
    let absent = fetch(&archive("no.tar.gz", None), Some(folder.path())).unwrap_err();
    assert!(absent.to_string().contains("no.tar.gz"), "{absent}");
}

#[test]
fn a_download_is_checked_before_it_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mini", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", BYTES.len());
            stream.write_all(&[head.as_bytes(), BYTES].concat()).unwrap();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wrong = "0".repeat(64);
    let cached = folder.path().join("archives").join(&wrong);
    assert!(matches!(download(&url, &cached, &wrong, "mini"), Err(ArchiveError::Other { .. })));
    assert_eq!(fs::read_dir(cached.parent().unwrap()).unwrap().count(), 0);
    let cached = cached.with_file_name(digest());
    download(&url, &cached, &digest(), "mini").unwrap();
    assert_eq!(fs::read(&cached).unwrap(), BYTES);
    serving.join().unwrap();
}
