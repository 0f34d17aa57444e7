//! Reports and the pages of `perjury serve` in a real browser: used by mouse and keys, small and
//! large, light and dark.
//!
//! `PERJURY_SHOTS=folder cargo test --test browser` keeps pictures of what was seen.

#![expect(clippy::print_stdout, reason = "what was measured is told")]

#[path = "browser/mod.rs"]
mod browser;
mod common;
#[path = "browser/site.rs"]
mod site;
#[path = "browser/synthetic.rs"]
mod synthetic;
mod web;

use browser::Browser;
use common::Bench;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The report of a run of the demo database that lied.
fn lie() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| {
        let bench = Bench::beside_others();
        for seed in ["1", "2", "3"] {
            let flags = ["--time-limit", "8s", "--nemesis-interval", "2s", "--seed", seed];
            let ran = bench.run(&[&["test", "--bug", "stale-reads"], &flags[..]].concat());
            if ran.code == Some(1) {
                break;
            }
        }
        fs::read_to_string(bench.latest().join("report.html")).expect("a report")
    })
}

/// Opens a report and waits for its timeline.
fn open(browser: &mut Browser, page: &str) {
    browser.open_page(page);
    browser.wait_for(&data("ready"));
    settle(browser);
}

/// What the timeline says of itself.
fn data(name: &str) -> String {
    format!("document.querySelector('#timeline').dataset.{name}")
}

/// Waits for two frames: what was asked for is drawn then.
fn settle(browser: &mut Browser) {
    let frames =
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))";
    browser.value(frames);
}

fn number(browser: &mut Browser, name: &str) -> f64 {
    settle(browser);
    browser.number(&format!("Number({})", data(name)))
}

fn shot(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("PERJURY_SHOTS") {
        settle(browser);
        browser.screenshot(&Path::new(&folder).join(format!("{name}.png")));
    }
}

/// How many different colours a canvas has, and how many of its pixels are not empty.
fn drawn(browser: &mut Browser, canvas: &str) -> (f64, f64) {
    let count = format!(
        "(() => {{ const one = document.querySelector('{canvas}'); \
         const {{ data }} = one.getContext('2d').getImageData(0, 0, one.width, one.height); \
         const seen = new Set(); let full = 0; \
         for (let at = 0; at < data.length; at += 4) {{ if (data[at + 3]) full++; \
         seen.add(data[at] * 65536 + data[at + 1] * 256 + data[at + 2]); }} \
         return [seen.size, full / (data.length / 4)]; }})()"
    );
    let seen = browser.value(&count);
    (seen[0].as_f64().expect("colours"), seen[1].as_f64().expect("a share"))
}

const LANES: &str = ".timeline-lanes";

#[test]
fn the_timeline_of_a_real_run_is_drawn_and_zoomed_by_key_and_wheel() {
    let mut browser = Browser::start();
    open(&mut browser, lie());
    let (colours, full) = drawn(&mut browser, LANES);
    assert!(colours > 8.0 && full > 0.1, "{colours} colours, {full} drawn");
    assert!(drawn(&mut browser, ".timeline-overview").0 > 4.0);
    let span = |browser: &mut Browser| number(browser, "to") - number(browser, "from");
    let whole = span(&mut browser);
    assert!(whole > 5e9, "the whole run is {whole} ns");
    // Nobody who scrolls the page is held back by the timeline.
    browser.wheel(LANES, (0.0, -300.0));
    assert_eq!(span(&mut browser), whole);
    browser.press(LANES);
    browser.key("Escape");
    browser.wheel(LANES, (0.0, -300.0));
    let zoomed = span(&mut browser);
    assert!(zoomed < whole * 0.8, "{zoomed} of {whole} after the wheel");
    browser.key("+");
    let closer = span(&mut browser);
    assert!((closer / zoomed - 0.5).abs() < 0.01, "{closer} of {zoomed} after a key");
    let from = number(&mut browser, "from");
    browser.key("ArrowRight");
    assert!((number(&mut browser, "from") - from - closer * 0.2).abs() < 10.0);
    let (x, y) = browser.middle(LANES);
    browser.drag((x, y), (x + 100.0, y));
    assert!(number(&mut browser, "from") < from + closer * 0.2);
    for _ in 0..30 {
        browser.key("+");
    }
    assert!(span(&mut browser) <= 1_000.0, "down to a microsecond");
    browser.press("[data-zoom=all]");
    assert_eq!(span(&mut browser), whole);
    shot(&mut browser, "timeline");
    assert_eq!(browser.script_errors(), [""; 0]);
}

#[test]
fn search_filters_lanes_and_jumps_lead_to_operations() {
    let mut browser = Browser::start();
    open(&mut browser, lie());
    let all = number(&mut browser, "passing");
    browser.press("[data-anomaly='0']");
    let chosen = number(&mut browser, "chosen");
    let in_anomaly = browser.value(&format!(
        "[...document.querySelectorAll('#anomaly-1 [data-op]')].some((one) => one.dataset.op == {chosen})"
    ));
    assert_eq!(in_anomaly, json!(true), "#{chosen} is not of anomaly 1");
    browser
        .wait_for("document.querySelector('.timeline-said').textContent.startsWith('Operation ')");
    shot(&mut browser, "anomaly");

    // Another operation of the anomaly, by its link.
    let link = "#anomaly-1 tbody tr:first-child [data-op]";
    let wanted = browser.value(&format!("document.querySelector('{link}').dataset.op"));
    browser.press(link);
    browser.wait_for(&format!("{} == {wanted}", data("chosen")));
    let detail = browser.value("document.querySelector('.timeline-detail').textContent");
    let detail = detail.as_str().expect("text");
    for word in ["process", "node", "called", "took", "faults"] {
        assert!(detail.contains(word), "{word} is not in {detail}");
    }

    let text = browser.value("document.querySelector('.timeline-detail code').textContent");
    let text = text.as_str().expect("text");
    let word =
        text.split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty()).expect("a value");
    browser.value("document.querySelector('[data-search=words]').focus()");
    browser.type_words(word);
    browser.wait_for(&format!("Number({}) > 0", data("hits")));
    // A value may be there once; the first key has many calls.
    browser.value("document.querySelector('[data-search=words]').select()");
    browser.type_words("key:0");
    browser.wait_for(&format!("{} === 'key:0'", data("searched")));
    assert!(number(&mut browser, "hits") > 1.0);
    let first = number(&mut browser, "chosen");
    browser.press("[data-search=next]");
    assert_ne!(number(&mut browser, "chosen"), first, "the next hit is another");

    browser.value(
        "(() => { const one = document.querySelector('[data-filter=outcome]'); one.value = '1'; \
         one.dispatchEvent(new Event('input', { bubbles: true })); })()",
    );
    browser.wait_for(&format!("Number({}) < {all}", data("passing")));
    assert!(number(&mut browser, "inView") <= number(&mut browser, "passing"));

    browser.press("[data-lanes=key]");
    browser.wait_for(&format!("{} === 'key'", data("lanes")));
    browser.press("[data-zoom=all]");
    settle(&mut browser);
    assert!(drawn(&mut browser, LANES).0 > 2.0);
    shot(&mut browser, "keys");
    browser.press(".timeline-table summary");
    browser.wait_for("document.querySelector('.timeline-table tbody tr')");
    assert_eq!(browser.script_errors(), [""; 0]);
}

#[test]
fn a_report_fits_a_phone_and_is_usable_by_everybody() {
    let mut browser = Browser::start();
    for (name, width, dark) in [("light", 1200, false), ("dark", 1200, true), ("phone", 390, true)]
    {
        browser.screen(width, 840);
        browser.dark(dark);
        open(&mut browser, lie());
        browser.press("[data-anomaly='0']");
        let wide = browser.number("document.documentElement.scrollWidth");
        assert!(wide <= f64::from(width), "{name}: {wide} px");
        assert!(drawn(&mut browser, LANES).0 > 4.0, "{name}");
        shot(&mut browser, name);
        browser
            .value("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
        settle(&mut browser);
        assert_eq!(browser.axe(), [""; 0], "{name}");
        assert_eq!(browser.script_errors(), [""; 0], "{name}");
        let broken = browser.value(
            "[...document.querySelectorAll('a[href^=\"#\"]')].map((one) => one.getAttribute('href')) \
             .filter((to) => !to.startsWith('#op-') && !document.getElementById(to.slice(1)))",
        );
        assert_eq!(broken, json!([]), "{name}: links that lead nowhere");
    }
    let paper = browser.value("getComputedStyle(document.body).backgroundColor");
    assert_eq!(paper, "rgb(15, 18, 21)", "dark ground was asked for");
}

#[test]
fn without_scripts_a_sentence_stands_for_the_timeline() {
    let mut browser = Browser::start();
    browser.scripts(false);
    browser.open_page(lie());
    let shown = |selector: &str| format!("document.querySelector('{selector}').offsetHeight");
    assert!(browser.number(&shown(".timeline-off")) > 10.0);
    assert_eq!(browser.number(&shown(".timeline-on")), 0.0);
}

/// As a server shows it that trusts pages with nothing but their scripts.
#[test]
fn a_report_works_in_a_sandbox() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its number");
    let page = lie();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\
                        Content-Security-Policy: sandbox allow-scripts\r\n";
            let length = page.len();
            let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{page}");
        }
    });
    let mut browser = Browser::start();
    browser.open(&format!("http://{address}/"));
    browser.wait_for(&data("ready"));
    assert_eq!(browser.value("origin"), "null", "it is no sandbox");
    browser.press("[data-anomaly='0']");
    assert!(number(&mut browser, "chosen") >= 0.0);
    assert_eq!(browser.script_errors(), [""; 0]);
}

#[test]
fn the_detectors_detect() {
    let page = |body: &str| {
        let start = "<!DOCTYPE html><html lang=en><title>x</title>";
        format!("{start}<main><h1>x</h1>{body}</main></html>")
    };
    let mut browser = Browser::start();
    browser.open_page(&page("<p>fine</p>"));
    assert_eq!(browser.script_errors(), [""; 0]);
    assert_eq!(browser.axe(), [""; 0]);
    browser.open_page(&page("<script>nowhere.to.be.found();</script>"));
    let errors = browser.script_errors();
    assert!(errors.len() == 1 && errors[0].contains("nowhere is not defined"), "{errors:?}");
    let policy = "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">";
    browser.open_page(&page(&format!("{policy}<script>1</script>")));
    let errors = browser.script_errors();
    assert!(errors.len() == 1 && errors[0].contains("Content Security Policy"), "{errors:?}");
    browser.open_page(&page("<img src=\"data:,\"><button></button>"));
    let findings = browser.axe();
    assert!(findings.iter().any(|one| one.starts_with("critical image-alt")), "{findings:?}");
    browser.open_page(&page("<p style=\"color:#ccc;background:#fff\">faint</p>"));
    let findings = browser.axe();
    assert!(findings.iter().any(|one| one.starts_with("serious color-contrast")), "{findings:?}");
    // By the clock, for a page cannot tell its share of the processor: on a busy machine a small one.
    let busy = "<script>setTimeout(() => { const end = performance.now() + 2500; \
                while (performance.now() < end); window.__busy = 1; }, 50);</script>";
    browser.watch_tasks();
    browser.open_page(&page(busy));
    browser.wait_for("window.__busy");
    let tasks = browser.long_tasks();
    assert!(tasks.iter().any(|spent| *spent >= 100.0), "{tasks:?}");
    assert!(browser.worked() >= Duration::from_millis(150));
    browser.watch_tasks();
    browser.open_page(&page("<p>fine</p>"));
    assert_eq!(browser.long_tasks(), [0.0; 0]);
}

#[test]
fn a_million_operations_stay_smooth() {
    let began = Instant::now();
    let html = synthetic::report(1_000_000);
    println!("made {:.1} MB in {:?}", html.len() as f64 / 1e6, began.elapsed());
    assert!(html.len() <= 20_000_000, "{} bytes", html.len());
    let mut browser = Browser::start();
    browser.watch_tasks();
    open(&mut browser, &html);
    let worked = browser.worked();
    println!("opened with {worked:?} of work, long tasks {:?} ms", browser.long_tasks());
    assert!(worked < Duration::from_secs(2), "{worked:?}");
    assert_eq!(number(&mut browser, "passing"), 1e6);

    let use_it = |browser: &mut Browser, what: &str, act: &mut dyn FnMut(&mut Browser)| {
        browser.watch_tasks();
        act(browser);
        settle(browser);
        let tasks = browser.long_tasks();
        println!("{what}: long tasks {tasks:?} ms");
        assert!(tasks.iter().all(|long| *long <= 100.0), "{what}: {tasks:?} ms");
    };
    for lanes in ["process", "key"] {
        use_it(&mut browser, &format!("lanes by {lanes}"), &mut |browser| {
            browser.press(&format!("[data-lanes={lanes}]"));
            browser.wait_for(&format!("{} === '{lanes}'", data("lanes")));
        });
        use_it(&mut browser, "zoom and move", &mut |browser| {
            browser.value("document.querySelector('.timeline-lanes').focus()");
            for _ in 0..24 {
                browser.wheel(LANES, (0.0, -250.0));
                browser.wheel(LANES, (60.0, 0.0));
            }
            for _ in 0..24 {
                browser.wheel(LANES, (0.0, 250.0));
                browser.key("ArrowRight");
            }
            browser.key("0");
        });
    }
    shot(&mut browser, "million");
    use_it(&mut browser, "search", &mut |browser| {
        browser.value("document.querySelector('[data-search=words]').focus()");
        browser.type_words("777");
        browser.wait_for(
            "document.querySelector('[data-search=hits]').textContent.startsWith('1 of')",
        );
    });
    assert!(number(&mut browser, "hits") > 1000.0);
    use_it(&mut browser, "filter", &mut |browser| {
        browser.value(
            "(() => { const one = document.querySelector('[data-filter=node]'); one.value = '0'; \
             one.dispatchEvent(new Event('input', { bubbles: true })); })()",
        );
        browser.wait_for(&format!("Number({}) < 1000000", data("passing")));
    });
    use_it(&mut browser, "jump", &mut |browser| browser.press("[data-anomaly='0']"));
    shot(&mut browser, "million-close");
    assert_eq!(browser.script_errors(), [""; 0]);
}
