//! Files and addresses: what is inside of the store, and what only looks like it.

use super::fixture::Shelf;
use crate::serve::address::Address;
use crate::serve::files::{self, list, locate, size_words};
use crate::serve::query::Query;
use std::fs;
use std::os::unix::fs::symlink;

fn parts(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

#[test]
fn addresses_are_of_runs_and_of_cells_and_of_nothing_else() {
    for text in [
        "demo/20260101T000000.000",
        "demo/latest",
        "campaigns/n/20260101T000000.000/cells/c/20260101T000000.000",
        "<b>/20260101T000000.000",
    ] {
        assert_eq!(Address::read(text).map(|address| address.text()).as_deref(), Some(text));
    }
    for text in [
        "",
        "demo",
        "demo/x",
        "demo/20260101T000000.000/file",
        "../20260101T000000.000",
        ".hidden/20260101T000000.000",
        "/20260101T000000.000",
        "campaigns/20260101T000000.000",
        "campaigns/n/x/cells/c/20260101T000000.000",
        "a\0/20260101T000000.000",
        "campaigns/n/20260101T000000.000/logs/c/20260101T000000.000",
    ] {
        assert_eq!(Address::read(text), None, "{text:?}");
    }
    let odd = Address::read("a b\"<&?#%/20260101T000000.000").unwrap();
    assert_eq!(odd.run_page(), "/run/a%20b%22%3C%26%3F%23%25/20260101T000000.000/");
}

#[test]
fn files_are_found_inside_and_nowhere_else() {
    let shelf = Shelf::new();
    let run = shelf.folder("demo", "20260101T000000.000");
    fs::create_dir(run.join("n1")).unwrap();
    for name in ["n1/db.log", "results.json", ".hidden", "x.tmp", "history.jsonl.zst.partial"] {
        fs::write(run.join(name), "x").unwrap();
    }
    fs::write(shelf.dir.path().join("secret"), "x").unwrap();
    symlink(shelf.dir.path().join("secret"), run.join("out")).unwrap();
    symlink("n1/db.log", run.join("in")).unwrap();
    symlink(".hidden", run.join("to-hidden")).unwrap();
    symlink("loop", run.join("loop")).unwrap();
    let root = &shelf.site.root;
    let has = |path: &str| locate(root, &run, &parts(path)).is_ok();
    for path in ["n1/db.log", "results.json", "in"] {
        assert!(has(path), "{path}");
    }
    for path in [
        "out",
        "to-hidden",
        "loop",
        ".hidden",
        "x.tmp",
        "../../../secret",
        "n1/../results.json",
        "history.jsonl.zst.partial",
        "/etc/passwd",
        "n1//db.log",
        "none",
        "n1/db.log/x",
        "",
    ] {
        assert!(!has(path), "{path}");
    }
    let listed: Vec<String> = list(&run, 100).iter().map(|file| file.parts.join("/")).collect();
    assert_eq!(listed, ["n1/db.log", "results.json"]);
    assert_eq!(list(&run, 1).len(), 1);
}

#[test]
fn a_link_to_a_folder_elsewhere_is_no_run() {
    let shelf = Shelf::new();
    let outside = shelf.dir.path().join("outside/20260101T000000.000");
    fs::create_dir_all(&outside).unwrap();
    shelf.folder("demo", "20260101T000000.000");
    symlink(&outside, shelf.site.root.join("demo/20260102T000000.000")).unwrap();
    symlink(shelf.dir.path().join("outside"), shelf.site.root.join("other")).unwrap();
    symlink("20260101T000000.000", shelf.site.root.join("demo/latest")).unwrap();
    let find = |text: &str| Address::read(text).unwrap().find(&shelf.site.root);
    assert!(find("demo/20260102T000000.000").is_err());
    assert!(find("other/20260101T000000.000").is_err());
    let (latest, _) = find("demo/latest").unwrap();
    assert_eq!(latest.text(), "demo/20260101T000000.000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_history_breaks_off_and_no_part_is_taken_for_the_whole() {
    let shelf = Shelf::new();
    let run = shelf.run("demo", "20260101T000000.000", |_| {});
    let name = "history.jsonl.zst";
    let packed = zstd::encode_all(&b"{\"index\":0}\n"[..], 3).unwrap();
    fs::write(run.join(name), &packed).unwrap();
    let file = ["run", "demo", "20260101T000000.000", "file", name];
    let (status, text) = shelf.get(&file, "plain").await;
    assert_eq!((status, text.as_str()), (200, "{\"index\":0}\n"));
    fs::write(run.join(name), &packed[..packed.len() - 3]).unwrap();
    let folder = std::fs::canonicalize(&run).unwrap();
    let query = Query::read("plain");
    let answer = files::reply(&shelf.site.root, &folder, &[name.to_owned()], &query).unwrap();
    assert!(axum::body::to_bytes(answer.into_body(), 1 << 20).await.is_err());
}

#[tokio::test]
async fn pages_are_there_whatever_is_in_the_store() {
    let shelf = Shelf::new();
    shelf.run("demo", "20260101T000000.000", |_| {});
    let time = "20260101T000000.000";
    for page in [&["run", "demo", time][..], &["live", "demo", time], &["campaigns"], &["compare"]]
    {
        assert_eq!(shelf.get(page, "").await.0, 200, "{page:?}");
    }
    for page in [&["run"][..], &["run", "demo"], &["campaign", "x"], &["api"], &["x", "y"]] {
        let (status, text) = shelf.get(page, "").await;
        assert_eq!(status, 404, "{page:?}");
        assert!(text.contains("Back to all runs"));
    }
}

#[test]
fn sizes_have_three_digits() {
    let sizes = [0, 999, 1000, 12_345, 999_499, 999_999, 5_000_000_000].map(size_words);
    assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "12.3 kB", "999 kB", "1.0 MB", "5.0 GB"]);
}
