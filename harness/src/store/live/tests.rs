//! Tests of the live history: kill, full disks, sealing.

use super::*;
use crate::store::seal;
use perjury_checkers::{Kind, Process};
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Set for a test binary that a test started again as its own child.
const CHILD: &str = "PERJURY_TEST_LIVE_HISTORY";

fn event(index: u64) -> Event {
    Event {
        index,
        time: index * 1000,
        process: Process::Client((index % 5) as u32),
        kind: Kind::Invoke,
        f: "write".into(),
        value: json!([index % 8, index]),
        node: Some("n1".into()),
        error: None,
        due: None,
    }
}

fn read(path: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn events_reach_the_file_without_close() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.jsonl");
    let mut history = LiveHistory::create(&path).unwrap();
    for index in 0..1000 {
        history.append(&event(index)).unwrap();
    }
    wait_for("the last event in the file", || history.written() == 1000);
    assert_eq!(read(&path), (0..1000).map(event).collect::<Vec<_>>());
    assert_eq!(history.backlog(), 0);
    history.append(&event(1000)).unwrap();
    assert_eq!(history.close().unwrap(), 1001);
    assert_eq!(read(&path).len(), 1001);
}

#[test]
fn a_history_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.jsonl");
    let mut history = LiveHistory::create(&path).unwrap();
    history.append(&event(0)).unwrap();
    drop(history);
    let error = LiveHistory::create(&path).unwrap_err();
    assert_eq!(error.action, "create");
    assert_eq!(read(&path).len(), 1);
}

#[test]
fn a_full_device_is_an_error_that_says_so() {
    let mut history = LiveHistory::create(Path::new("/dev/full")).unwrap();
    history.append(&event(0)).unwrap();
    wait_for("the failure", || history.check().is_err());
    let error = history.append(&event(1)).unwrap_err();
    assert!(error.is_full());
    assert_eq!(error.safe, 0);
    let text = error.to_string();
    assert!(text.contains("/dev/full") && text.contains("the disk is full"), "{text}");
    assert!(text.contains("0 events are safe"), "{text}");
    assert!(history.close().is_err());
}

#[test]
fn a_write_that_fails_midway_says_how_far_it_came() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0).min(7);
            self.0 -= count;
            if count == 0 { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(count) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (count, result) = write_counted(&mut Full(20), &[b'x'; 50]);
    assert_eq!((count, result.unwrap_err().kind()), (20, io::ErrorKind::StorageFull));
    let (count, result) = write_counted(&mut Full(50), &[b'x'; 50]);
    assert_eq!((count, result.is_ok()), (50, true));
}

/// A real file system of 64 KiB, in a mount namespace of the test's own.
#[test]
fn a_full_disk_leaves_whole_lines() {
    if let Ok(dir) = std::env::var(CHILD) {
        fill_the_disk(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64k tmpfs \"$1\" && exec \"$2\" --exact \"$3\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .arg("store::live::tests::a_full_disk_leaves_whole_lines")
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

fn fill_the_disk(dir: &Path) {
    let path = dir.join("history.jsonl");
    let mut history = LiveHistory::create(&path).unwrap();
    let mut error = None;
    for index in 0..1_000_000 {
        if let Err(failure) = history.append(&event(index)) {
            error = Some(failure);
            break;
        }
    }
    let error = error.expect("64 KiB are full before a million events");
    assert!(error.is_full(), "{error}");
    let events = read(&path);
    assert_eq!(events.len() as u64, error.safe);
    assert!(events.len() > 100, "{} events", events.len());
    assert_eq!(events, (0..error.safe).map(event).collect::<Vec<_>>());
    // Sealing has no room either; the plain file stays.
    let sealed = dir.join("history.jsonl.zst");
    assert!(seal(&path, &sealed).unwrap_err().is_full());
    assert_eq!(read(&path).len() as u64, error.safe);
    assert!(!sealed.exists());
}

/// A child appends and says what it appended; it is killed; all older than 100 ms has to be there.
#[test]
fn a_killed_controller_loses_at_most_100_ms() {
    if let Ok(dir) = std::env::var(CHILD) {
        append_forever(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::live::tests::a_killed_controller_loses_at_most_100_ms"])
        .arg("--nocapture")
        .env(CHILD, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let killed = now();
    child.kill().unwrap();
    child.wait().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let appended = said
        .lines()
        .filter_map(|line| line.strip_prefix("appended ")?.split_once(" at "))
        .filter(|(_, time)| time.parse::<u128>().unwrap() + 100 <= killed)
        .map(|(index, _)| index.parse::<u64>().unwrap())
        .max()
        .expect("the child got as far as appending");
    let mut kept = 0;
    let file = BufReader::new(File::open(dir.path().join("history.jsonl")).unwrap());
    for line in file.lines() {
        let Ok(read) = serde_json::from_str::<Event>(&line.unwrap()) else { break };
        assert_eq!(read, event(kept));
        kept += 1;
    }
    assert!(kept > appended, "{kept} events in the file, {appended} was appended long before");
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

fn append_forever(dir: &Path) -> ! {
    let mut history = LiveHistory::create(&dir.join("history.jsonl")).unwrap();
    let mut out = std::io::stdout();
    for index in 0.. {
        history.append(&event(index)).unwrap();
        if index % 10 == 0 {
            writeln!(out, "\nappended {index} at {}", now()).unwrap();
            out.flush().unwrap();
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    unreachable!("the loop has no end")
}

#[test]
fn a_sealed_history_is_the_plain_one_in_independent_frames() {
    let dir = tempfile::tempdir().unwrap();
    let (live, sealed) = (dir.path().join("history.jsonl"), dir.path().join("history.jsonl.zst"));
    let mut history = LiveHistory::create(&live).unwrap();
    for index in 0..10_000 {
        history.append(&event(index)).unwrap();
    }
    history.close().unwrap();
    let plain = std::fs::read(&live).unwrap();
    // As after a crash in the middle of a line.
    OpenOptions::new().append(true).open(&live).unwrap().write_all(b"{\"index\":100").unwrap();

    let summary = seal(&live, &sealed).unwrap();
    assert_eq!((summary.events, summary.bytes, summary.torn), (10_000, plain.len() as u64, 12));
    assert!(!live.exists() && summary.compressed * 3 < summary.bytes, "{summary:?}");
    let compressed = std::fs::read(&sealed).unwrap();
    assert_eq!(zstd::decode_all(compressed.as_slice()).unwrap(), plain);

    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let starts: Vec<usize> =
        (0..compressed.len()).filter(|at| compressed[*at..].starts_with(&magic)).collect();
    assert_eq!(starts.len(), 3, "10,000 events are three frames of 4,096");
    let second = zstd::decode_all(&compressed[starts[1]..starts[2]]).unwrap();
    let lines: Vec<_> = second.lines().map(|line| line.unwrap()).collect();
    assert_eq!(lines.len(), 4096);
    assert_eq!(serde_json::from_str::<Event>(&lines[0]).unwrap(), event(4096));
}

#[test]
fn an_empty_history_can_be_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let (live, sealed) = (dir.path().join("history.jsonl"), dir.path().join("history.jsonl.zst"));
    assert_eq!(LiveHistory::create(&live).unwrap().close().unwrap(), 0);
    assert_eq!(seal(&live, &sealed).unwrap().events, 0);
    assert!(zstd::decode_all(std::fs::read(&sealed).unwrap().as_slice()).unwrap().is_empty());
}
