//! The store on a real file system: unique names, links without a gap, whole files, full disks.

use super::*;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

fn when() -> jiff::Zoned {
    "2026-01-02T03:04:05.678[UTC]".parse().unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    (folder, store)
}

#[test]
fn a_run_has_its_own_directory_and_both_links_lead_to_it() {
    let (_folder, store) = store();
    let run = store.create_run("register", &when()).unwrap();
    assert_eq!(run.path(), store.root().join("register/20260102T030405.678"));
    for link in ["latest", "register/latest"] {
        let target = std::fs::read_link(store.root().join(link)).unwrap();
        assert!(target.is_relative(), "{link} must survive moving the store");
        assert_eq!(
            std::fs::canonicalize(store.root().join(link)).unwrap(),
            std::fs::canonicalize(run.path()).unwrap()
        );
    }
}

#[test]
fn runs_that_begin_in_one_millisecond_get_different_directories() {
    let (_folder, store) = store();
    let start = std::sync::Barrier::new(8);
    let paths: BTreeSet<_> = std::thread::scope(|scope| {
        let begin = || {
            start.wait();
            let begin_one = |_| store.create_run("set", &when()).unwrap().path().to_owned();
            (0..10).map(begin_one).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(paths.len(), 80);
    assert_eq!(store.runs().unwrap().len(), 80);
}

#[test]
fn the_clash_rolls_over_into_the_next_second() {
    let late: jiff::Zoned = "2026-12-31T23:59:59.999[UTC]".parse().unwrap();
    assert_eq!(layout::time_name(&late, 0), "20261231T235959.999");
    assert_eq!(layout::time_name(&late, 1), "20270101T000000.000");
}

#[test]
fn the_links_are_never_missing_while_they_change() {
    let (_folder, store) = store();
    store.create_run("set", &when()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                assert!(store.root().join("latest").is_dir(), "store/latest was missing");
                assert!(store.root().join("set/latest").is_dir(), "store/set/latest was missing");
                looks += 1;
            }
            looks
        });
        for _ in 0..200 {
            store.create_run("set", &when()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    let hidden = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    let entries: Vec<_> = std::fs::read_dir(store.root()).unwrap().flatten().collect();
    assert!(!entries.iter().any(hidden), "a temporary link was left behind");
}

/// Runs in PID namespaces of their own have the same process id, so a name must not be made of it.
#[test]
fn writers_with_the_same_process_id_do_not_meet() {
    let name = || super::layout::temporary(std::path::Path::new("store"), "latest");
    let names: std::collections::BTreeSet<_> = (0..100).map(|_| name()).collect();
    assert_eq!(names.len(), 100);
    let id = format!(".{}.", std::process::id());
    assert!(names.iter().all(|path| !path.to_string_lossy().contains(&id)), "{names:?}");
}

#[test]
fn a_directory_in_the_place_of_the_link_is_an_error_that_says_what_to_do() {
    let (_folder, store) = store();
    std::fs::create_dir(store.root().join("latest")).unwrap();
    let error = store.create_run("set", &when()).unwrap_err().to_string();
    assert!(error.contains("store/latest") && error.contains("in the way"), "{error}");
}

#[test]
fn names_become_safe_folders() {
    let cases = [
        ("demo register", "demo-register"),
        ("etcd/../../x", "etcd-..-..-x"),
        ("../up", "test-..-up"),
        ("", "test-"),
        ("latest", "test-latest"),
        ("-rf", "test--rf"),
        ("größe", "gr--e"),
    ];
    for (name, folder) in cases {
        assert_eq!(layout::folder_name(name), folder, "{name:?}");
    }
    assert!(layout::folder_name(&"x".repeat(5000)).len() <= 105);
}

#[test]
fn runs_are_found_by_path_by_name_and_as_latest() {
    let (_folder, store) = store();
    let old = store.create_run("set", &when()).unwrap();
    let new = store.create_run("set", &when()).unwrap();
    let other = store.create_run("register", &when()).unwrap();
    let is = |argument: &str, run: &RunDir| {
        let found = store.resolve(argument).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.path(), std::fs::canonicalize(run.path()).unwrap(), "{argument}");
    };
    is("latest", &other);
    is("set", &new);
    is("set/20260102T030405.678", &old);
    is(store.root().join("latest").to_str().unwrap(), &other);
    is(old.path().to_str().unwrap(), &old);

    let error = store.resolve("missing").unwrap_err().to_string();
    assert!(error.contains("\"missing\"") && error.contains("20260102T030405.679"), "{error}");
}

#[test]
fn an_empty_store_says_how_to_fill_it() {
    let (_folder, store) = store();
    let error = store.resolve("latest").unwrap_err().to_string();
    assert!(error.contains("`perjury test`"), "{error}");
}

#[test]
fn runs_are_listed_newest_first_across_names() {
    let (_folder, store) = store();
    for (name, later) in [("b", 0), ("a", 5), ("c", 3)] {
        let moment = when().checked_add(jiff::SignedDuration::from_secs(later)).unwrap();
        store.create_run(name, &moment).unwrap();
    }
    let names: Vec<_> = store.runs().unwrap().into_iter().map(|run| run.name).collect();
    assert_eq!(names, ["a", "c", "b"]);
}

#[test]
fn files_are_written_whole_and_stay_inside_the_run() {
    let (_folder, store) = store();
    let run = store.create_run("set", &when()).unwrap();
    run.write("results.json", b"one").unwrap();
    run.write("results.json", b"two").unwrap();
    run.write("n1/db.log", b"log").unwrap();
    assert_eq!(run.read("results.json").unwrap(), b"two");
    assert_eq!(run.read("n1/db.log").unwrap(), b"log");
    assert!(run.node_dir("n2").unwrap().is_dir());
    let entries = std::fs::read_dir(run.path()).unwrap().count();
    assert_eq!(entries, 3, "a temporary file was left behind");
    for bad in ["", "../x", "/etc/passwd", "a/../../x", "a\0b"] {
        assert!(matches!(run.write(bad, b""), Err(StoreError::BadName { .. })), "{bad:?}");
        assert!(matches!(run.node_dir(bad), Err(StoreError::BadName { .. })), "{bad:?}");
    }
}

#[test]
fn a_removed_run_is_not_made_anew() {
    let (_folder, store) = store();
    let run = store.create_run("set", &when()).unwrap();
    std::fs::remove_dir(run.path()).unwrap();
    let error = run.write("results.json", b"x").unwrap_err().to_string();
    assert!(error.contains("results.json") && error.contains("was removed"), "{error}");
}

fn history_of(run: &RunDir) -> (String, bool) {
    let source = run.read_history().unwrap();
    let torn = source.torn;
    let mut text = String::new();
    let mut reader = source.reader;
    reader.read_to_string(&mut text).unwrap();
    (text, torn)
}

/// Text that does not compress into a single block, so that cutting it loses only its end.
fn long_history() -> String {
    let mut state = 1_u64;
    let mut line = |index| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{{\"index\":{index},\"value\":\"{state:x}\"}}\n")
    };
    (0..40_000).map(&mut line).collect()
}

#[test]
fn the_history_is_found_sealed_live_or_damaged() {
    let (_folder, store) = store();
    let run = store.create_run("set", &when()).unwrap();
    assert!(matches!(run.read_history(), Err(StoreError::NoHistory { .. })));

    let whole = long_history();
    let half = &whole[..whole.len() / 2];
    run.write(LIVE_HISTORY, half.as_bytes()).unwrap();
    assert_eq!(history_of(&run), (half.to_owned(), true), "only the live file");

    let compressed = zstd::encode_all(whole.as_bytes(), 3).unwrap();
    run.write(SEALED_HISTORY, &compressed).unwrap();
    assert_eq!(history_of(&run), (whole.clone(), false), "the sealed file is whole");

    run.write(SEALED_HISTORY, &compressed[..compressed.len() / 4]).unwrap();
    assert_eq!(history_of(&run), (half.to_owned(), true), "the live file has more");

    run.write(SEALED_HISTORY, &compressed[..compressed.len() - 9]).unwrap();
    let (text, torn) = history_of(&run);
    assert!(torn && text.len() > half.len() && whole.starts_with(&text), "the torn one has more");

    std::fs::remove_file(run.live_history()).unwrap();
    let (text, torn) = history_of(&run);
    assert!(torn && whole.starts_with(&text) && text.len() < whole.len());

    run.write(SEALED_HISTORY, b"").unwrap();
    assert_eq!(history_of(&run), (String::new(), true), "an empty file is not a sealed history");
    run.write(SEALED_HISTORY, &zstd::encode_all(&b""[..], 3).unwrap()).unwrap();
    assert_eq!(history_of(&run), (String::new(), false), "an empty history is");
}

/// Runs `child`, a test of this module, in a mount namespace with a tiny file system.
fn in_tiny_file_system(child: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64k tiny \"$1\" && shift && exec \"$@\"";
    let unshare = if nix::unistd::geteuid().is_root() { "-m" } else { "-rm" };
    let output = std::process::Command::new("unshare")
        .args([unshare, "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", child, "--nocapture"])
        .env("PERJURY_TEST_TINY", folder.path())
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn a_full_disk_is_named_with_the_path_and_the_remedy() {
    let text = in_tiny_file_system("store::tests::full_disk_child");
    assert!(text.contains("the disk was full as planned"), "the child did not run: {text}");
}

/// The inside of the test above; does nothing when run by itself.
#[test]
#[expect(clippy::print_stdout, reason = "tells the parent test that it ran")]
fn full_disk_child() {
    let Some(folder) = std::env::var_os("PERJURY_TEST_TINY") else { return };
    let store = Store::open(PathBuf::from(folder)).unwrap();
    let run = store.create_run("set", &when()).unwrap();
    run.write("results.json", b"old").unwrap();
    let error = run.write("results.json", &vec![b'x'; 1 << 20]).unwrap_err();
    let text = error.to_string();
    assert!(error.is_full(), "{text}");
    assert!(text.contains("results.json") && text.contains("--store DIR"), "{text}");
    assert_eq!(run.read("results.json").unwrap(), b"old", "the old file must survive");
    let left = std::fs::read_dir(run.path()).unwrap().count();
    assert_eq!(left, 1, "the temporary file must not keep the disk full");
    println!("the disk was full as planned");
}
