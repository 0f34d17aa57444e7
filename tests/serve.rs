//! `perjury serve`, asked by plain HTTP: lists, runs, comparison, live pages, and ways out of the
//! store.

mod common;
mod web;

use common::{Bench, Ran};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use web::{Shop, edit, real_run, shelve};

/// Markup, a mark that turns the direction of reading, and a quote that would end an attribute.
const HOSTILE: &str = "<script>alert(1)</script>\" onx='1' \u{202e}&amp;";

/// Real runs under several names, some of them changed.
fn fill(store: &Path) {
    shelve(store, "alpha", "20260101T000000.000");
    let second = shelve(store, "alpha", "20260102T000000.000");
    edit(&second, |results| {
        results["verdict"] = json!("invalid");
        results["exit_code"] = json!(1);
        results["seed"] = json!(424_242);
        results["options"]["rate"] = json!("777");
        results["started"] = json!("2026-01-02T00:00:00Z");
        results["findings"][0]["verdict"] = json!("invalid");
        results["findings"][0]["anomaly_count"] = json!(1);
        results["findings"][0]["anomalies"] = json!([{
            "kind": "stale-read", "title": "Stale read of key 3", "explanation": "It is old.",
            "steps": [], "operations": [], "rules_out": ["linearizable"],
        }]);
    });
    let hostile = shelve(store, "hostile", "20260103T000000.000");
    edit(&hostile, |results| {
        for field in ["name", "database", "workload", "host"] {
            results[field] = json!(HOSTILE);
        }
        results["options"]["nemesis"] = json!(HOSTILE);
        results["reasons"] = json!([{"code": HOSTILE, "text": HOSTILE}]);
    });
    fs::write(hostile.join(HOSTILE.replace('/', "-")), HOSTILE).expect("a file");
    fs::write(hostile.join("n1.html"), HOSTILE).expect("a file");
    let damaged = shelve(store, "damaged", "20260104T000000.000");
    fs::write(damaged.join("results.json"), "{\"version\":1,\"verd").expect("a file");
    fs::create_dir_all(store.join("empty/20260105T000000.000")).expect("a folder");
    fs::create_dir_all(store.join("alpha/no-run")).expect("a folder");
}

/// What the table of runs has in its second column, from top to bottom.
fn names(shop: &Shop, target: &str) -> Vec<String> {
    let runs = shop.json(&target.replacen('/', "/api/runs.json", 1));
    let runs = runs["runs"].as_array().expect("runs").iter();
    runs.map(|run| run["run"].as_str().expect("a run").to_owned()).collect()
}

#[test]
fn runs_are_listed_searched_sorted_and_filtered() {
    let shop = Shop::open(fill);
    let all = shop.page("/");
    assert!(all.contains("<table id=\"runs\"") && all.contains("5 runs"), "{all}");
    for id in ["search", "verdict", "database", "workload", "fault"] {
        assert!(all.contains(&format!(" id=\"{id}\"")), "{id}");
        assert!(all.contains(&format!("for=\"{id}\"")), "{id} has no label");
    }
    assert!(all.contains("aria-sort=\"descending\""));
    assert_eq!(names(&shop, "/?q=ALPHA").len(), 2);
    assert_eq!(names(&shop, "/?q=alpha+stale-read"), ["alpha/20260102T000000.000"]);
    assert_eq!(names(&shop, "/?q=424242"), ["alpha/20260102T000000.000"]);
    assert_eq!(names(&shop, "/?verdict=invalid"), ["alpha/20260102T000000.000"]);
    assert_eq!(names(&shop, "/?verdict=damaged"), ["damaged/20260104T000000.000"]);
    assert_eq!(names(&shop, "/?fault=kill&database=demo&workload=register").len(), 3);
    assert!(names(&shop, "/?fault=none-such").is_empty());
    let up = names(&shop, "/?sort=name&order=up&q=2026010");
    let mut down = names(&shop, "/?sort=name&order=down&q=2026010");
    assert_eq!(up.first(), down.last());
    down.sort();
    assert_eq!(down.len(), 5);
    assert_eq!(names(&shop, "/?sort=anomalies")[0], "alpha/20260102T000000.000");
    assert!(shop.page("/?q=nothing-like-it").contains("No run is like that"));
    // What makes no sense is as if it were not there, and is shown as text.
    let odd = shop.page("/?sort=%3Cb%3E&page=99999999999999999999&verdict=%22%3E%3Cb%3E");
    assert!(odd.contains("&quot;&gt;&lt;b&gt;") && !odd.contains("\"><b>"), "{odd}");

    // A run that comes while the server is up is there at the next look; so is one that changes.
    let new = shelve(&shop.store(), "beta", "20260106T000000.000");
    assert_eq!(names(&shop, "/?q=beta").len(), 1);
    edit(&new, |results| results["workload"] = json!("newly"));
    assert_eq!(names(&shop, "/?workload=newly").len(), 1);
    fs::remove_dir_all(new).expect("removed");
    assert!(names(&shop, "/?q=beta").is_empty());
}

#[test]
fn a_run_has_a_page_with_its_files_and_its_neighbours() {
    let shop = Shop::open(fill);
    let page = shop.page("/run/alpha/20260101T000000.000/");
    for part in ["report.html", "history.jsonl.zst", "perjury.log", "archive.zip", "rel=\"next\""] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("rel=\"prev\""), "there is none before it");
    let base = "/run/alpha/20260101T000000.000/file";
    let report = shop.get(&format!("{base}/report.html"));
    assert_eq!(report.body, fs::read(real_run().join("report.html")).expect("a report"));
    assert_eq!(report.header("content-type"), "text/html; charset=utf-8");
    let policy = report.header("content-security-policy");
    assert!(policy.starts_with("sandbox allow-scripts;"), "{policy}");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let log = shop.get(&format!("{base}/perjury.log"));
    assert_eq!(log.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(log.header("x-content-type-options"), "nosniff");
    let sealed = shop.get(&format!("{base}/history.jsonl.zst"));
    assert_eq!(sealed.header("content-type"), "application/octet-stream");
    let plain = shop.page(&format!("{base}/history.jsonl.zst?plain"));
    let first: Value = serde_json::from_str(plain.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["index"], 0);
    let results = shop.json("/api/run/alpha/20260101T000000.000.json");
    assert_eq!(results["database"], "demo");
    // What has no verdict has a page all the same.
    assert!(shop.page("/run/damaged/20260104T000000.000/").contains("cannot be read"));
    assert!(shop.page("/run/empty/20260105T000000.000/").contains("<h1>"));
    let latest = shop.store().join("alpha/latest");
    std::os::unix::fs::symlink("20260102T000000.000", latest).expect("a link");
    let moved = shop.get("/run/alpha/latest/");
    assert_eq!((moved.status, moved.header("location")), (307, "/run/alpha/20260102T000000.000/"));
}

#[test]
fn a_run_can_be_downloaded_whole() {
    let shop = Shop::open(|store| {
        let run = shelve(store, "alpha", "20260101T000000.000");
        fs::write(run.join(".hidden"), "x").expect("a file");
        fs::write(run.join("history.jsonl.zst.partial"), "x").expect("a file");
        std::os::unix::fs::symlink("/etc/passwd", run.join("passwd")).expect("a link");
    });
    let answer = shop.get("/run/alpha/20260101T000000.000/archive.zip");
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/zip"));
    assert!(answer.header("content-disposition").contains("alpha-20260101T000000.000.zip"));
    let again = shop.get("/run/alpha/20260101T000000.000/archive.zip");
    assert!(answer.body == again.body, "the same run gives other bytes");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(answer.body)).expect("a ZIP file");
    let mut names: Vec<String> =
        archive.file_names().map(|name| name.expect("a name").into_owned()).collect();
    names.sort();
    let mut expected = Vec::new();
    files(real_run(), &mut expected);
    expected.sort();
    let within = |path: &PathBuf| {
        let inside = path.strip_prefix(real_run()).expect("a file of the run");
        format!("alpha-20260101T000000.000/{}", inside.display())
    };
    assert_eq!(names, expected.iter().map(within).collect::<Vec<_>>());
    for path in &expected {
        let mut entry = archive.by_name(&within(path)).expect("an entry");
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).expect("its bytes");
        assert!(bytes == fs::read(path).expect("a file"), "{}", path.display());
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path().is_dir() {
            true => files(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

#[test]
fn two_runs_are_compared() {
    let shop = Shop::open(fill);
    let page = shop.page("/compare?a=alpha/20260101T000000.000&b=alpha/20260102T000000.000");
    let row = |name: &str| {
        let at = page.find(&format!("\">{name}</th>")).unwrap_or_else(|| panic!("no {name}"));
        page[..at].rsplit_once("<tr").expect("a row").1.to_owned() + &page[at..at + 200]
    };
    assert!(row("rate").contains("differs") && row("rate").contains("777"), "{}", row("rate"));
    assert!(!row("concurrency").contains("differs"), "{}", row("concurrency"));
    assert!(page.contains("Stale read of key 3") && page.contains("only in the second"));
    assert!(page.contains("Second to first"));
    let alone = shop.page("/compare?b=alpha/20260102T000000.000");
    assert!(alone.contains("value=\"alpha/20260102T000000.000\""));
    for other in ["no/such", "damaged/20260104T000000.000", "../etc", "empty/20260105T000000.000"] {
        let answer = shop.get(&format!("/compare?a=alpha/20260101T000000.000&b={other}"));
        assert_eq!(answer.status, 404, "{other}");
        assert!(answer.text().contains("role=\"alert\""), "{}", answer.text());
    }
}

/// Paths that would lead out of a store, or to what is no run's.
const PATHS: [&str; 18] = [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/run/../../secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "/run//etc/passwd",
    "/run/root/etc/passwd",
    "/loose.txt",
    "/run/alpha/20260109T000000.000/",
    "/run/alpha/20260109T000000.000/file/secret.txt",
    "/run/alpha/../foreign/",
    "/run/%2e%2e/store/",
    "/run/alpha%2f20260101T000000.000/",
    "/api/run/foreign/20260107T000000.000.json",
    "/api/run/..%2f..%2fetc/passwd.json",
    "/live/../../etc/",
    "/campaign/../../etc/",
    "/campaign/root/etc/file/passwd",
];

/// The same from a run's files.
const FILES: [&str; 18] = [
    "passwd",
    "etc/passwd",
    "n1/secret.txt",
    "../../../secret.txt",
    "%2e%2e/%2e%2e/secret.txt",
    "..%2f..%2f..%2fsecret.txt",
    "%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.txt",
    ".hidden",
    "%2ehidden",
    "n1/..%5c..%5csecret.txt",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "pipe",
    "n1",
    "report.html%00.txt",
    "%252e%252e/secret.txt",
    "n1/../../../../secret.txt",
    "",
];

/// Links out of the store, hidden files, and what never ends.
fn traps(store: &Path) {
    fill(store);
    let run = store.join("alpha/20260101T000000.000");
    let outside = store.parent().expect("a parent").join("secret.txt");
    fs::write(&outside, "a secret of another folder").expect("a file");
    fs::create_dir_all(run.join("n1")).expect("a folder");
    let link = |to: &Path, at: PathBuf| std::os::unix::fs::symlink(to, at).expect("a link");
    link(Path::new("/etc/passwd"), run.join("passwd"));
    link(Path::new("/etc"), run.join("etc"));
    link(&outside, run.join("n1/secret.txt"));
    link(Path::new("/"), store.join("root"));
    link(outside.parent().expect("a folder"), store.join("alpha/20260109T000000.000"));
    let foreign = store.join("foreign/20260107T000000.000");
    fs::create_dir_all(&foreign).expect("a folder");
    link(Path::new("/etc/passwd"), foreign.join("results.json"));
    fs::write(run.join(".hidden"), "a secret that is hidden").expect("a file");
    fs::write(store.join("loose.txt"), "a secret beside the runs").expect("a file");
    nix::unistd::mkfifo(&run.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
}

#[test]
fn nothing_outside_of_the_store_can_be_had() {
    let shop = Shop::open(traps);
    let base = "/run/alpha/20260101T000000.000";
    let files = FILES.map(|file| format!("{base}/file/{file}"));
    for target in PATHS.map(str::to_owned).iter().chain(&files) {
        let answer = shop.get(target);
        assert!((400..500).contains(&answer.status), "{target}: {}", answer.status);
        let text = answer.text();
        assert!(!text.contains("root:") && !text.contains("a secret"), "{target}: {text}");
    }
    // Neither do they stand in what is listed.
    for target in ["/", base, "/run/foreign/20260107T000000.000/", "/api/runs.json"] {
        let page = shop.page(target);
        assert!(!page.contains("root:") && !page.contains(".hidden"), "{target}: {page}");
    }
    assert!(!shop.page(base).contains("secret.txt"), "a link is listed");
}

#[test]
fn strangers_words_are_text_and_every_answer_has_its_headers() {
    let shop = Shop::open(fill);
    let run = "/run/hostile/20260103T000000.000/";
    let compare = "/compare?a=hostile/20260103T000000.000&b=alpha/20260101T000000.000";
    for target in
        ["/", run, compare, "/?q=%3Cscript%3Ealert(1)", "/live/hostile/20260103T000000.000/"]
    {
        let answer = shop.get(target);
        let page = answer.text();
        assert_eq!(answer.status, 200, "{target}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{target} does not show it: {page}");
        assert!(!page.contains("<script>alert") && !page.contains('\u{202e}'), "{target}: {page}");
        assert!(!page.contains("\" onx="), "{target}: {page}");
        assert!(!page.contains(" style=") && !page.contains("javascript:"), "{target}: {page}");
    }
    let page = shop.page(run);
    let link = page.split("href=\"").find(|part| part.contains("%3Cscript")).expect("the file");
    let file = shop.get(link.split('"').next().expect("a link"));
    assert_eq!((file.status, file.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(file.text(), HOSTILE);
    // No more than a report is shown as a page.
    let other = shop.get(&format!("{run}file/n1.html"));
    assert_eq!(other.header("content-type"), "text/plain; charset=utf-8");
    for target in
        ["/", run, "/none", "/style.css", "/api/runs.json", "/../x", &format!("{run}file/n1.html")]
    {
        let answer = shop.get(target);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{target}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{target}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{target}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{target}");
    }
    let missing = shop.get("/none/such");
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("<h1>Not Found</h1>"), "{}", missing.text());
    assert!(missing.text().contains("href=\"/\""));
}

#[test]
fn only_this_machine_asks_and_only_to_read() {
    let shop = Shop::open(fill);
    let port = shop.host.rsplit_once(':').expect("a port").1.to_owned();
    for host in [format!("localhost:{port}"), "127.0.0.1".to_owned(), format!("[::1]:{port}")] {
        assert_eq!(shop.ask("GET", "/", &host).status, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""] {
        let answer = shop.ask("GET", "/", host);
        assert_eq!(answer.status, 403, "{host}");
        assert!(!answer.text().contains("alpha"), "{host}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = shop.ask(method, "/", &shop.host);
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    for target in ["/", "/run/alpha/20260101T000000.000/file/report.html", "/none"] {
        let (head, whole) = (shop.ask("HEAD", target, &shop.host), shop.get(target));
        assert_eq!(head.status, whole.status, "{target}");
        assert!(head.body.is_empty(), "{target}");
        assert_eq!(head.header("content-length"), whole.body.len().to_string(), "{target}");
        assert_eq!(head.header("content-type"), whole.header("content-type"), "{target}");
    }
}

#[test]
fn it_says_where_it_is_and_what_is_wrong_and_ends_in_peace() {
    let bench = Bench::beside_others();
    bench.run(&["serve"]).expect_code(254).expect_error("is no folder");
    fs::create_dir_all(bench.store()).expect("a folder");
    let shop = Shop::open(|_| {});
    assert!(shop.page("/").contains("perjury test"), "an empty store says what to do");
    assert!(shop.page("/campaigns").contains("perjury campaign"));
    let port = shop.host.rsplit_once(':').expect("a port").1;
    let taken = bench.run(&["serve", "--port", port]);
    taken.expect_code(3).expect_error("another program has this port");
    bench.run(&["serve", "--bind", "localhost"]).expect_code(254);
    assert_eq!(shop.end(Signal::SIGINT), Some(0));
    assert_eq!(Shop::open(|_| {}).end(Signal::SIGTERM), Some(0));

    let mut open = bench.command(&["serve", "--bind", "0.0.0.0", "--port", "0"]);
    let open = open.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = open.spawn().expect("the server");
    // Once it says where it is, it listens to signals, too.
    let mut said = String::new();
    let out = child.stdout.as_mut().expect("its output");
    std::io::BufReader::new(out).read_line(&mut said).expect("a line");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    nix::sys::signal::kill(pid, Signal::SIGINT).expect("signalled");
    let ran = Ran::new(&child.wait_with_output().expect("ended"), Duration::ZERO);
    ran.expect_code(0).expect_error("there is no log-in");
    assert!(said.starts_with("http://0.0.0.0:"), "{said}");
}

/// The lines of the real run's history.
fn history() -> Vec<String> {
    let packed = fs::read(real_run().join("history.jsonl.zst")).expect("a history");
    let bench = Bench::beside_others();
    let run = bench.store().join("demo/20260101T000000.000");
    fs::create_dir_all(&run).expect("a folder");
    fs::write(run.join("history.jsonl.zst"), packed).expect("a history");
    let ran = bench.run(&["history", run.to_str().expect("UTF-8")]);
    ran.expect_code(0).stdout.lines().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_running_test_is_watched_to_its_end() {
    let lines = history();
    let half = lines.len() / 2;
    let shop = Shop::open(|store| {
        let run = shelve(store, "live", "20260101T000000.000");
        for name in ["results.json", "report.html", "junit.xml", "summary.md", "history.jsonl.zst"]
        {
            fs::remove_file(run.join(name)).expect("removed");
        }
        let begun = json!({
            "tool": "perjury", "host": "here", "started": "2026-01-01T00:00:00Z", "ended": false,
        });
        fs::write(run.join("run.json"), begun.to_string()).expect("a record");
        fs::write(run.join("history.jsonl"), lines[..half].concat()).expect("a history");
    });
    let (page, data) =
        ("/live/live/20260101T000000.000/", "/live/live/20260101T000000.000/data.json");
    assert_eq!(names(&shop, "/?verdict=running"), ["live/20260101T000000.000"]);
    assert!(shop.page("/run/live/20260101T000000.000/").contains("id=\"live-link\""));
    let first = shop.json(data);
    assert_eq!((first["phase"].as_str(), first["is_over"].as_bool()), (Some("load"), Some(false)));
    let calls = |lines: &[String]| {
        let is_call = |line: &&String| line.contains("\"invoke\"");
        lines.iter().filter(is_call).count() as u64
    };
    assert_eq!(first["total"]["invoked"].as_u64(), Some(calls(&lines[..half])));
    assert_eq!(first["limit_ns"], 3_000_000_000_u64);
    let shown = shop.page(page);
    assert!(shown.contains("The load goes on.") && shown.contains("<polyline"), "{shown}");
    let said = wait_for(&shop, data, |now| now["opinion"] != "not-yet");
    assert_eq!(said["opinion"], "no-anomaly", "{said}");
    assert!(shop.page(page).contains("No anomaly so far in "));

    // It grows, the last line not yet whole.
    let path = shop.store().join("live/20260101T000000.000/history.jsonl");
    let append = |text: &str| {
        let mut file = fs::OpenOptions::new().append(true).open(&path).expect("a history");
        file.write_all(text.as_bytes()).expect("written");
    };
    let (begun, rest) = lines[half].split_at(10);
    append(begun);
    assert_eq!(shop.json(data)["total"], first["total"]);
    append(&format!("{rest}{}", lines[half + 1..].concat()));
    let second = shop.json(data);
    assert_eq!(second["total"]["invoked"].as_u64(), Some(calls(&lines)));
    assert_eq!(second["damaged_lines"], 0);

    // It ends as a run does: sealed, then judged.
    for name in ["results.json", "report.html", "history.jsonl.zst"] {
        let folder = path.parent().expect("a folder");
        fs::copy(real_run().join(name), folder.join(name)).expect("a copy");
    }
    fs::remove_file(&path).expect("removed");
    let last = shop.json(data);
    assert_eq!((last["phase"].as_str(), last["is_over"].as_bool()), (Some("ended"), Some(true)));
    assert_eq!(last["total"]["invoked"], second["total"]["invoked"]);
    let shown = shop.page(page);
    assert!(shown.contains("The run has ended.") && shown.contains("report.html"), "{shown}");
    assert!(shown.contains("data-over=\"true\""), "{shown}");
}

/// Asks until it is as wanted.
fn wait_for(shop: &Shop, target: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let now = shop.json(target);
        if wanted(&now) {
            return now;
        }
        assert!(Instant::now() < deadline, "it did not happen: {now}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn campaigns_have_pages_and_lead_to_the_runs_of_their_cells() {
    let shop = Shop::open(|store| {
        let night = store.join("campaigns/nightly/20260101T010000.000");
        let cells = night.join("cells");
        shelve(&cells, "demo-register-kill-1", "20260101T010001.000");
        let cell = json!({
            "id": "demo-register-kill-1", "position": 0, "seed": 5, "expected": "valid",
            "axes": {"database": "demo", "workload": "register", "nemesis": "kill"},
            "outcome": "anomaly",
            "attempts": [{
                "started": "2026-01-01T01:00:01Z", "seconds": 9.5, "exit_code": 1,
                "verdict": "invalid", "run": "cells/demo-register-kill-1/20260101T010001.000",
                "anomalies": {"stale-read": 2}, "reason": HOSTILE,
            }],
        });
        let mut elsewhere = cell.clone();
        elsewhere["attempts"][0]["run"] = json!("../../../../etc");
        let campaign = json!({
            "version": 1, "tool": "perjury", "host": "here", "name": "nightly", "seed": 5,
            "matrix": "00", "started": "2026-01-01T01:00:00Z", "ended": "2026-01-01T02:00:00Z",
            "cells": [cell, elsewhere],
        });
        fs::write(night.join("campaign.json"), campaign.to_string()).expect("a campaign");
        fs::write(night.join("summary.md"), "# nightly").expect("a summary");
        fs::write(night.join("campaign.html"), "<title>a page</title>").expect("a page");
        let broken = store.join("campaigns/nightly/20260102T010000.000");
        fs::create_dir_all(&broken).expect("a folder");
        fs::write(broken.join("campaign.json"), "{").expect("a campaign");
    });
    let list = shop.page("/campaigns");
    assert!(list.contains("Damaged") && list.contains("2 anomalies"), "{list}");
    let night = "/campaign/nightly/20260101T010000.000/";
    let page = shop.page(night);
    let run = "/run/campaigns/nightly/20260101T010000.000/cells/demo-register-kill-1/20260101T010001.000/";
    assert!(page.contains(&format!("href=\"{run}\"")), "{page}");
    assert!(page.contains("class=\"matrix\"") && !page.contains("etc/"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(shop.page(run).contains("href=\"/campaign/nightly/20260101T010000.000/\""));
    assert!(shop.page(&format!("{run}file/report.html")).contains("<html"));
    assert_eq!(shop.page(&format!("{night}file/summary.md")), "# nightly");
    let html = shop.get(&format!("{night}file/campaign.html"));
    assert_eq!(html.header("content-type"), "text/html; charset=utf-8");
    assert!(html.header("content-security-policy").starts_with("sandbox"));
    // A campaign's own report links to folders of runs, which have pages.
    let folder = format!("{night}file/cells/demo-register-kill-1/20260101T010001.000/");
    let moved = shop.get(&folder);
    assert_eq!((moved.status, moved.header("location")), (307, run));
    assert!(shop.page("/campaign/nightly/20260102T010000.000/").contains("cannot be read"));
    assert_eq!(shop.get("/campaign/nightly/20260103T010000.000/").status, 404);
    // Runs of campaigns are with their campaign.
    assert!(names(&shop, "/").is_empty());
}
