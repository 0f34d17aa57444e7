//! The pages of `perjury serve` in a real browser: searched, filtered, followed, and watched.

use crate::browser::Browser;
use crate::common::PERJURY;
use crate::web::{Shop, edit, shelve};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Shown as a name, and run by nobody.
const HOSTILE: &str = "<img src=x onerror=\"window.stolen = 1\"><script>window.stolen = 1</script>";

/// Five runs: a lie, a hostile name, a damaged one, and two that told the truth.
fn fill(store: &Path) {
    shelve(store, "alpha", "20260101T000000.000");
    shelve(store, "beta", "20260102T000000.000");
    let lie = shelve(store, "lie", "20260103T000000.000");
    edit(&lie, |results| {
        results["verdict"] = json!("invalid");
        results["exit_code"] = json!(1);
        results["workload"] = json!("set");
        results["findings"][0]["verdict"] = json!("invalid");
        results["findings"][0]["anomaly_count"] = json!(1);
        results["findings"][0]["anomalies"] = json!([{
            "kind": "stale-read", "title": HOSTILE, "explanation": HOSTILE,
            "steps": [], "operations": [], "rules_out": ["linearizable"],
        }]);
    });
    let hostile = shelve(store, "hostile", "20260104T000000.000");
    edit(&hostile, |results| results["database"] = json!(HOSTILE));
    fs::write(hostile.join("n1").join("hostile.log"), HOSTILE).expect("a log");
    let damaged = shelve(store, "damaged", "20260105T000000.000");
    fs::write(damaged.join("results.json"), "{").expect("a file");
}

fn shop() -> Shop {
    Shop::open(fill)
}

fn go(browser: &mut Browser, shop: &Shop, target: &str) {
    browser.open(&format!("http://{}{target}", shop.host));
}

/// Goes where a link leads, and waits until it is there.
fn follow(browser: &mut Browser, selector: &str) {
    let link = format!("document.querySelector('{selector}')");
    browser.wait_for(&link);
    let to = browser.value(&format!("{link}.href"));
    browser.open(to.as_str().expect("an address"));
}

/// Gives a field of the form a value.
fn choose(field: &str, value: &str) -> String {
    format!(
        "(() => {{ const one = document.querySelector('#{field}'); one.value = '{value}'; \
         one.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
    )
}

fn rows(browser: &mut Browser) -> f64 {
    browser.number("document.querySelectorAll('#runs tbody tr').length")
}

/// Neither scripts nor strangers' words did anything that they should not.
#[track_caller]
fn is_sound(browser: &mut Browser, page: &str) {
    assert_eq!(browser.script_errors(), [""; 0], "{page}");
    assert_eq!(browser.value("window.stolen === undefined"), json!(true), "{page}");
}

#[test]
fn the_list_follows_what_is_typed_and_chosen() {
    let shop = shop();
    let mut browser = Browser::start();
    go(&mut browser, &shop, "/");
    assert_eq!(rows(&mut browser), 5.0);
    browser.value("document.querySelector('#search').focus()");
    browser.type_words("alpha");
    browser.wait_for("document.querySelectorAll('#runs tbody tr').length === 1");
    assert_eq!(browser.value("location.search"), "?q=alpha", "it can be linked");
    browser.value(&choose("search", ""));
    browser.wait_for("document.querySelectorAll('#runs tbody tr').length === 5");
    for (filter, value, count) in [("verdict", "invalid", 1), ("workload", "set", 1)] {
        browser.value(&choose(filter, value));
        let is =
            |count: u32| format!("document.querySelectorAll('#runs tbody tr').length === {count}");
        browser.wait_for(&is(count));
        browser.value(&choose(filter, ""));
        browser.wait_for(&is(5));
    }
    let name = "document.querySelector('#runs tbody tr').textContent";
    follow(&mut browser, "#runs thead a[href*=\"sort=anomalies\"]");
    let first = browser.value(name);
    follow(&mut browser, "#runs thead a[href*=\"sort=anomalies\"]");
    assert_ne!(browser.value(name), first, "sorted the other way");
    is_sound(&mut browser, "the list");
}

#[test]
fn links_lead_from_the_list_to_a_run_its_report_and_its_files() {
    let shop = shop();
    let mut browser = Browser::start();
    go(&mut browser, &shop, "/?q=beta");
    follow(&mut browser, "#runs tbody a[href^=\"/run/\"]");
    is_sound(&mut browser, "a run");
    let run = browser.value("location.pathname");
    follow(&mut browser, "a[href$=\"report.html\"]");
    browser.wait_for("document.querySelector('#timeline').dataset.ready");
    assert_eq!(browser.value("origin"), "null", "the report is in a sandbox");
    is_sound(&mut browser, "the report");
    go(&mut browser, &shop, run.as_str().expect("a path"));
    follow(&mut browser, "a[href$=\"plan.toml\"]");
    let text = browser.value("document.body.textContent");
    assert!(text.as_str().is_some_and(|text| text.contains("seed = 3")), "{text}");
    go(&mut browser, &shop, "/compare?a=alpha/20260101T000000.000&b=lie/20260103T000000.000");
    let title = browser.value("document.querySelector('h1').textContent");
    assert!(title.as_str().is_some_and(|title| !title.is_empty()));
    is_sound(&mut browser, "a comparison");
}

#[test]
fn all_pages_are_usable_by_everybody() {
    let shop = shop();
    let mut browser = Browser::start();
    let pages = [
        "/",
        "/run/lie/20260103T000000.000/",
        "/run/hostile/20260104T000000.000/",
        "/run/damaged/20260105T000000.000/",
        "/compare?a=alpha/20260101T000000.000&b=lie/20260103T000000.000",
        "/campaigns",
        "/live/alpha/20260101T000000.000/",
        "/no/such/page",
    ];
    for (width, dark) in [(1200, false), (1200, true), (390, true)] {
        browser.screen(width, 840);
        browser.dark(dark);
        for page in pages {
            go(&mut browser, &shop, page);
            let wide = browser.number("document.documentElement.scrollWidth");
            assert!(wide <= f64::from(width), "{page}: {wide} px of {width}");
            assert_eq!(browser.axe(), [""; 0], "{page}, {width} px, dark: {dark}");
            if page != "/no/such/page" {
                is_sound(&mut browser, page);
            }
        }
    }
}

#[test]
fn a_running_test_is_watched_to_its_end() {
    let shop = Shop::open(|_| ());
    // First, since there is one browser for all: the run would be over when its turn comes.
    let mut browser = Browser::start();
    let mut running = Command::new(PERJURY)
        .args(["test", "--node-count", "3", "--time-limit", "8s", "--nemesis", "kill"])
        .args(["--nemesis-interval", "2s", "--seed", "3", "--name", "watched"])
        .env("PERJURY_STORE", shop.store())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a test");
    let live = "a[href^=\"/live/watched/\"]";
    loop {
        go(&mut browser, &shop, "/");
        if browser.value(&format!("!!document.querySelector('{live}')")) == json!(true) {
            break;
        }
        let ended = running.try_wait().expect("its state");
        assert!(ended.is_none(), "it ended before it was listed: {ended:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    follow(&mut browser, live);
    let words = "document.querySelector('#live').textContent";
    let before = browser.value(words);
    browser.wait_for(&format!("{words} !== {before}"));
    browser.wait_for("document.querySelector('#live').dataset.over === 'true'");
    is_sound(&mut browser, "the live page");
    follow(&mut browser, "#live a[href^=\"/run/watched/\"]");
    is_sound(&mut browser, "the run");
    assert!(running.wait().expect("its end").code().is_some_and(|code| code <= 2));
}
