//! All formats as a whole: their bytes, their bounds, and that no text of others reaches markup.

use super::anomalies::{clean, cycle, lost_element, stale_read};
use super::fixture::*;
use crate::report::*;
use crate::store::Store;
use perjury_checkers::{Anomaly, Edge, Kind, Step, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::json;

fn all() -> [(&'static str, Run); 4] {
    [("valid", clean(5000)), ("stale", stale_read()), ("cycle", cycle()), ("lost", lost_element())]
}

/// Everything that is written of a run.
fn formats(run: &Run) -> Vec<String> {
    let input = run.input();
    vec![
        html(&input),
        junit::render(&run.results).unwrap(),
        summary::render(&input),
        terminal::render(&run.results, true, 100),
        String::from_utf8(run.results.to_json().unwrap()).unwrap(),
    ]
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    for ((name, one), (_, other)) in all().into_iter().zip(all()) {
        assert_eq!(formats(&one), formats(&other), "{name}");
        // For looking at: pages as a person sees them.
        if let Some(folder) = std::env::var_os("PERJURY_KEEP_REPORTS") {
            let store = Store::open(folder).unwrap();
            let run = store.create_run(name, &jiff::Zoned::now()).unwrap();
            write(&run, &one.input()).unwrap();
            let summary = terminal::render(&one.results, true, 100);
            run.write("terminal.txt", summary.as_bytes()).unwrap();
        }
    }
}

#[test]
fn the_page_says_the_verdict_first_and_explains_the_anomaly() {
    let page = html(&stale_read().input());
    let at = |words: &str| page.find(words).unwrap_or_else(|| panic!("{words:?} is missing"));
    let order = [
        "demo did not tell the truth: Stale read of key 77.",
        "What was tested",
        "Who judged",
        "although another client&#39;s write of 2".trim_end(),
        "<svg",
        "This rules out",
        "Proof",
        "The moment",
        "The run in time",
        "id=\"faults\"",
        "id=\"operations\"",
        "What the nodes said",
        "id=\"reproduce\"",
    ];
    let order = order.map(|words| at(&words.replace("&#39;", "'")));
    assert!(order.is_sorted(), "{order:?}");
    assert!(page.contains("write 2 → ok") && page.contains("read → 1"));
    assert!(page.contains("outcome unknown"), "the unanswered write must be drawn as such");
    assert!(page.contains("cut n1 n2 | n3 n4 n5"), "the fault of that moment must be named");
}

#[test]
fn a_cycle_is_drawn_with_its_dependencies_and_without_what_does_not_matter() {
    let run = cycle();
    let operations = run.history.operations();
    let anomaly = &run.results.findings[0].anomalies[0];
    let scene = drawing::Scene::new(&operations, &run.results.faults);
    let svg = drawing::draw(anomaly, &scene).unwrap().into_string();
    for words in [
        "append 4 to 3",
        "read 3 → [1, 2]",
        ">rw<",
        ">wr<",
        ">ww<",
        ">realtime<",
        "T2 was answered",
    ] {
        assert!(svg.contains(words), "{words:?} is missing");
    }
    let titles_aside: String =
        svg.split("<title>").map(|part| part.rsplit("</title>").next().unwrap()).collect();
    assert!(!titles_aside.contains("append 2 to 11"), "key 11 has no part in the cycle");
    assert!(svg.contains("and 2 other micro-operations"));
}

#[test]
fn edges_that_form_no_cycle_fall_back_to_bars() {
    let mut run = cycle();
    run.results.findings[0].anomalies[0].edges.truncate(1);
    assert!(html(&run.input()).contains("class=\"drawing timeline\""));
    // Operations that are not in this history: no drawing, and no panic.
    run.results.findings[0].anomalies[0].operations = vec![999_999_999];
    assert!(!html(&run.input()).contains("class=\"drawing"));
}

#[test]
fn the_picture_is_a_file_of_its_own() {
    let run = stale_read();
    let anomaly = &run.results.findings[0].anomalies[0];
    let svg = picture(anomaly, &run.history, &run.results.faults);
    assert!(svg.starts_with("<svg xmlns=") && svg.contains("<style>") && svg.ends_with("</svg>"));
    assert_eq!(svg, picture(anomaly, &run.history, &run.results.faults));
}

const HOSTILE: &str = "</title></style></svg><script>alert(1)</script>\"'>\
                       <img src=x onerror=alert(1)>\u{1b}[2J\u{202e}&lt;]]>";

/// A run in which everything that others choose is hostile.
fn hostile() -> Run {
    let mut run = run("register", 50, |script| {
        script.call(
            9001,
            SECOND,
            MS,
            HOSTILE,
            (json!(HOSTILE), Kind::Ok, json!({HOSTILE: [HOSTILE]})),
        );
        script.call(
            9002,
            SECOND,
            MS,
            HOSTILE,
            (json!([["append", HOSTILE, HOSTILE]]), Kind::Fail, json!(null)),
        );
        script.error(HOSTILE);
        let evidence =
            json!({HOSTILE: HOSTILE, "nodes": {HOSTILE: {HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}}});
        let came = json!({"outcome": "installed", "evidence": evidence, "reason": HOSTILE});
        script.nemesis(SECOND / 2, MS, HOSTILE, json!([HOSTILE]), came);
        Box::new(|_| Vec::new())
    });
    for mut donor in [stale_read(), cycle()] {
        run.results.findings.append(&mut donor.results.findings);
    }
    let operations: Vec<u64> =
        run.history.operations().iter().rev().take(3).map(|operation| operation.index).collect();
    let hostile_call =
        run.history.operations().iter().find(|operation| operation.f == HOSTILE).unwrap().index;
    for finding in &mut run.results.findings {
        finding.checker = HOSTILE.to_owned();
        finding.stats = json!({HOSTILE: HOSTILE});
        for anomaly in &mut finding.anomalies {
            make_hostile(anomaly, [hostile_call, operations[0]]);
        }
    }
    let subject = &mut run.results.subject;
    for field in [
        &mut subject.name,
        &mut subject.database,
        &mut subject.workload,
        &mut subject.host,
        &mut subject.tool,
    ] {
        *field = HOSTILE.to_owned();
    }
    subject.nodes = vec![HOSTILE.to_owned()];
    subject.options.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    run.results.phases[0].name = HOSTILE.to_owned();
    run.results.error = Some(RunError { phase: HOSTILE.to_owned(), message: HOSTILE.to_owned() });
    run.results.reasons = vec![Reason::new(HOSTILE, HOSTILE), Reason::new(HOSTILE, HOSTILE)];
    run.results.verdict = Verdict::Invalid;
    run.logs = vec![LogExcerpt {
        node: HOSTILE.to_owned(),
        file: HOSTILE.to_owned(),
        text: HOSTILE.to_owned(),
    }];
    run
}

/// Hostile words throughout, about two calls, and a cycle between them if it was a cycle.
fn make_hostile(anomaly: &mut Anomaly, [one, other]: [u64; 2]) {
    let word = || HOSTILE.to_owned();
    let cycle = !anomaly.edges.is_empty();
    let edge = |from, to| Edge { from, to, kind: word(), why: word() };
    *anomaly = Anomaly {
        kind: word(),
        title: word(),
        explanation: word(),
        steps: vec![Step { text: word(), operations: vec![one] }],
        operations: if cycle { vec![one, other] } else { vec![one] },
        edges: if cycle { vec![edge(one, other), edge(other, one)] } else { Vec::new() },
        dead_end: None,
        key: Some(json!(HOSTILE)),
        rules_out: vec![word()],
    };
}

#[test]
fn text_of_others_never_becomes_markup() {
    let run = hostile();
    let input = ReportInput { plan_toml: HOSTILE, reproduce: HOSTILE, ..run.input() };
    let page = without_scripts(&html(&input));
    assert!(page.contains("&lt;script&gt;"), "the text itself is shown");
    for bad in ["<script", "<img", "</style></svg>", "\u{1b}"] {
        assert!(!page.contains(bad), "{bad:?} reached the page");
    }
    assert_eq!(page.matches("</style>").count(), 1);
    well_nested(&page);

    let markdown = summary::render(&input);
    let outside_code: String = markdown.split('`').step_by(2).collect();
    assert!(!outside_code.contains("<script") && !outside_code.contains("<img"), "{outside_code}");

    let text = terminal::render(&run.results, false, 80);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    Report::deserialize_from_str(&junit::render(&run.results).unwrap()).unwrap();
}

/// The page without its timeline's data and script, which `super::timeline` looks at: what is left
/// has no script at all.
fn without_scripts(page: &str) -> String {
    let (before, rest) = page.split_once("<script type=\"application/json\"").unwrap();
    let (_, after) = rest.rsplit_once("</script>").unwrap();
    format!("{before}{after}")
}

/// Every element is closed in the right order.
fn well_nested(page: &str) {
    const VOID: [&str; 4] = ["meta", "!DOCTYPE", "br", "input"];
    let mut open: Vec<&str> = Vec::new();
    // Style has no elements inside.
    for part in page.split('<').skip(1) {
        let tag = part.split('>').next().unwrap();
        let name = tag.split_whitespace().next().unwrap_or(tag);
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "wrongly nested near {part:?}");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn pages_are_well_nested_and_need_nothing_else() {
    for (name, run) in all() {
        let page = without_scripts(&html(&run.input()));
        well_nested(&page);
        for bad in ["http://", "https://", "<script", "src=", "@import", "url(", "NaN", "inf"] {
            let found = page.replace("http://www.w3.org/2000/svg", "");
            let found = found.replace("info", "");
            assert!(!found.contains(bad), "{name} contains {bad:?}");
        }
        let tables = page.matches("<table").count();
        assert_eq!(tables, page.matches("<caption").count(), "{name}: a table without a caption");
        assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\" aria-label=").count());
        assert_eq!(page.matches("<h1").count(), 1);
    }
}

#[test]
fn a_hundred_thousand_operations_stay_small() {
    let mut big = clean(100_000);
    let line = format!("{}\n", "x".repeat(500));
    let log = |at: u32| LogExcerpt {
        node: format!("n{}", at % 5),
        file: format!("{at}.log"),
        text: line.repeat(4000),
    };
    big.logs = (0..20).map(log).collect();
    let page = html(&big.input());
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert!(page.matches("h.01").count() <= 20_000, "too many dots");
    assert_eq!(big.results.total().invoked, 100_000);
}

#[test]
fn junit_says_failure_for_an_anomaly_and_error_for_doubt() {
    let read = |run: &Run| {
        let report = Report::deserialize_from_str(&junit::render(&run.results).unwrap()).unwrap();
        assert_eq!(report.test_suites.len(), 1);
        report.test_suites[0].clone()
    };
    let valid = read(&clean(500));
    assert_eq!((valid.tests, valid.failures, valid.errors), (3, 0, 0));

    let invalid = read(&stale_read());
    assert_eq!((invalid.tests, invalid.failures, invalid.errors), (3, 1, 0));
    let TestCaseStatus::NonSuccess { kind, message, ty, .. } = &invalid.test_cases[0].status else {
        panic!("the anomaly is not a failure");
    };
    assert_eq!(*kind, NonSuccessKind::Failure);
    assert_eq!(message.as_ref().unwrap().as_str(), "Stale read of key 77");
    assert_eq!(ty.as_ref().unwrap().as_str(), "stale-read");

    let mut doubtful = clean(500);
    doubtful.results.reasons =
        vec![Reason::new(code::NO_FINAL_READ, "the final reads were never made")];
    doubtful.results.verdict = Verdict::Unknown;
    doubtful.results.exit_code = 2;
    let doubtful = read(&doubtful);
    assert_eq!((doubtful.failures, doubtful.errors), (0, 1));
}

#[test]
fn the_terminal_summary_is_short_narrow_and_says_the_same() {
    let bare = |line: &str| text::printable(line).chars().count();
    for (name, run) in all() {
        for width in [60, 80, 120] {
            let page = terminal::render(&run.results, false, width);
            assert!(page.lines().count() <= 28, "{name}:\n{page}");
            assert!(
                page.lines().all(|line| line.chars().count() <= width),
                "{name}, {width}:\n{page}"
            );
            assert!(!page.contains('\u{1b}'));
            let coloured = terminal::render(&run.results, true, width);
            assert_eq!(text::printable(&coloured), page, "colour changes nothing else");
            assert!(coloured.contains("\u{1b}[1;"));
            assert!(coloured.lines().all(|line| bare(line) <= width));
        }
    }
    let page = terminal::render(&stale_read().results, false, 100);
    assert!(
        page.starts_with("✗ Invalid  demo did not tell the truth: Stale read of key 77."),
        "{page}"
    );
    assert!(
        page.contains("  faults       cut 3, kill 3, pause 4: 9 healed, 1 skipped\n"),
        "{page}"
    );
}

#[test]
fn all_files_are_written_into_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let run = store.create_run("set", &jiff::Zoned::now()).unwrap();
    write(&run, &lost_element().input()).unwrap();
    for name in ["results.json", "report.html", "junit.xml", "summary.md", "plots/rate.svg"] {
        assert!(!run.read(name).unwrap().is_empty(), "{name}");
    }
    assert_eq!(Results::from_json(&run.read("results.json").unwrap()).unwrap().anomaly_count(), 17);
}
