//! Live pages: what is read as a history grows, and what may be said of a beginning.

use super::fixture::{Shelf, plan};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const TIME: &str = "20260101T000000.000";

fn event(index: u64, process: u32, kind: &str, f: &str, value: Value) -> String {
    let event = json!({
        "index": index, "time": index * 100_000_000, "process": process, "type": kind, "f": f,
        "value": value,
    });
    format!("{event}\n")
}

fn append(folder: &Path, text: &str) {
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).open(folder.join("history.jsonl")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

async fn data(shelf: &Shelf) -> Value {
    let (status, text) = shelf.get(&["live", "t", TIME, "data.json"], "").await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// What the judge says, once it says something of so many operations.
async fn opinion(shelf: &Shelf, operations: u64) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let now = data(shelf).await;
        if now["operations"] == operations {
            return now;
        }
        assert!(Instant::now() < deadline, "{now}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn running(workload: &str) -> (Shelf, std::path::PathBuf) {
    let shelf = Shelf::new();
    let folder = shelf.folder("t", TIME);
    plan(&folder, workload);
    (shelf, folder)
}

#[tokio::test]
async fn a_history_is_read_on_from_where_it_was() {
    let (shelf, folder) = running("late");
    assert_eq!(data(&shelf).await["phase"], "starting");
    append(&folder, &event(0, 0, "invoke", "write", json!(1)));
    let first = data(&shelf).await;
    assert_eq!((&first["phase"], &first["open"]), (&json!("load"), &json!(1)));
    append(&folder, &event(1, 0, "ok", "write", json!(1))[..20]);
    assert_eq!(data(&shelf).await["total"]["ok"], 0, "half a line is none");
    append(&folder, &event(1, 0, "ok", "write", json!(1))[20..]);
    append(&folder, "no event\n");
    let second = data(&shelf).await;
    assert_eq!((&second["total"]["ok"], &second["open"]), (&json!(1), &json!(0)));
    assert_eq!(second["damaged_lines"], 1);
    // Another file in its place is read from its beginning.
    fs::remove_file(folder.join("history.jsonl")).unwrap();
    append(&folder, &event(0, 0, "invoke", "read", json!(null)));
    let third = data(&shelf).await;
    assert_eq!((&third["total"]["invoked"], &third["damaged_lines"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn faults_in_force_and_errors_are_shown() {
    let (shelf, folder) = running("late");
    let nemesis = |index: u64, f: &str, value: Value| {
        let event = json!({
            "index": index, "time": index, "process": "nemesis", "type": "info", "f": f,
            "value": value,
        });
        format!("{event}\n")
    };
    append(&folder, &nemesis(0, "kill", json!(["n1"])));
    append(&folder, &nemesis(1, "kill", json!({"outcome": "installed", "evidence": {}})));
    append(&folder, &event(2, 0, "invoke", "read", json!(null)));
    let failed = event(3, 0, "fail", "read", json!(null));
    append(&folder, &failed.replace("\"index\"", "\"error\":\"<b>no\",\"index\""));
    let now = data(&shelf).await;
    assert_eq!(now["faults"][0]["f"], "kill");
    assert_eq!(now["faults"][0]["is_observed"], true);
    assert_eq!(
        (&now["errors"][0]["error"], &now["errors"][0]["count"]),
        (&json!("<b>no"), &json!(1))
    );
    let (_, page) = shelf.get(&["live", "t", TIME], "").await;
    assert!(page.contains("&lt;b&gt;no") && !page.contains("<b>no"), "{page}");
    append(&folder, &nemesis(4, "odd", json!(null)));
    append(&folder, &nemesis(5, "odd", json!({"outcome": "skipped"})));
    assert_eq!(data(&shelf).await["faults"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_anomaly_is_told_and_none_is_no_verdict() {
    let (shelf, folder) = running("early");
    append(&folder, &event(0, 0, "invoke", "write", json!(1)));
    append(&folder, &event(1, 0, "ok", "write", json!(1)));
    append(&folder, &event(2, 0, "invoke", "write", json!(2)));
    let so_far = opinion(&shelf, 2).await;
    assert_eq!(so_far["opinion"], "no-anomaly", "a call that is open may have taken effect");
    let (_, page) = shelf.get(&["live", "t", TIME], "").await;
    assert!(page.contains("No anomaly so far in 2 operations."), "{page}");
    assert!(!page.contains("Valid"), "{page}");
    append(&folder, &event(3, 1, "invoke", "read", json!(null)));
    append(&folder, &event(4, 1, "ok", "read", json!(9)));
    let found = opinion(&shelf, 3).await;
    assert_eq!((&found["opinion"], &found["count"]), (&json!("anomaly"), &json!(1)), "{found}");
}

#[tokio::test]
async fn what_needs_final_reads_is_judged_at_the_end() {
    let (shelf, folder) = running("late");
    append(&folder, &event(0, 0, "invoke", "read", json!(null)));
    append(&folder, &event(1, 0, "ok", "read", json!(9)));
    let now = data(&shelf).await;
    assert_eq!(now["opinion"], "at-the-end", "{now}");
    let (shelf, folder) = running("unheard-of");
    append(&folder, &event(0, 0, "invoke", "read", json!(null)));
    assert_eq!(data(&shelf).await["opinion"], "at-the-end");
}
