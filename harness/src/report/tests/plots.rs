//! Plots: each is there when the run has something for it, and not otherwise.

use super::anomalies::{clean, stale_read};
use super::fixture::*;
use crate::analysis::Sample;
use crate::report::clocks::ClockReading;
use crate::report::plot::Plot;
use crate::report::*;
use perjury_checkers::Finding;
use serde_json::json;

fn plots_of(run: &Run) -> Vec<Plot> {
    plots(&run.input(), &run.history.operations())
}

fn names(run: &Run) -> Vec<&'static str> {
    plots_of(run).iter().map(|plot| plot.name).collect()
}

fn plot(run: &Run, name: &str) -> Plot {
    plots_of(run).into_iter().find(|plot| plot.name == name).expect("the plot is there")
}

#[test]
fn a_run_has_the_plots_that_it_has_something_for() {
    let usual = ["latency", "quantiles", "rate", "errors", "availability", "recovery"];
    assert_eq!(names(&clean(2000)), usual);
    let mut calm = run("register", 0, |script| {
        script.call(1, SECOND, MS, "read", (json!(null), perjury_checkers::Kind::Ok, json!(1)));
        Box::new(|_| Vec::new())
    });
    calm.results.faults.clear();
    assert_eq!(names(&calm), ["latency", "quantiles", "rate"]);
    calm.results.clocks =
        vec![ClockReading { node: "n1".to_owned(), at_ns: 5, offset_ns: 7, error_ns: 1 }];
    assert_eq!(names(&calm), ["latency", "quantiles", "rate", "clocks"]);
}

#[test]
fn errors_that_differ_in_numbers_only_share_a_row() {
    let mut run = run("register", 0, |script| {
        for port in 0..20 {
            let unknown = (json!(null), perjury_checkers::Kind::Info, json!(null));
            script.call(port, SECOND + u64::from(port) * MS, MS, "read", unknown);
            script.error(&format!("connect 10.0.0.{port}:{}: refused", 4000 + port));
        }
        Box::new(|_| Vec::new())
    });
    run.results.faults.clear();
    let svg = plot(&run, "errors").svg.into_string();
    assert_eq!(svg.matches("row-name").count(), 1, "{svg}");
    assert!(svg.contains("connect #.#.#.#:#: refused"), "{svg}");
}

#[test]
fn rates_of_a_sample_are_reckoned_for_all() {
    let mut run = clean(2000);
    // The numbers of the axes, in operations a second.
    let ticks = |run: &Run| {
        let svg = plot(run, "rate").svg.into_string();
        let before = |part: &str| part.rsplit('>').next().unwrap_or_default().to_owned();
        let ticks = svg.split("/s<").map(|part| before(part).replace(',', ""));
        let mut ticks: Vec<f64> = ticks.filter_map(|tick| tick.parse().ok()).collect();
        ticks.dedup();
        ticks
    };
    let all = ticks(&run);
    assert!(!all.is_empty() && !plot(&run, "rate").caption.contains("reckoned"));
    run.results.sample = Some(Sample { workers: 2, of: 200 });
    assert!(plot(&run, "rate").caption.contains("for 2 of 200 workers, and reckoned for all"));
    let hundredfold: Vec<f64> = all.iter().map(|tick| tick * 100.0).collect();
    assert_eq!(ticks(&run), hundredfold);
}

#[test]
fn availability_and_recovery_have_a_mark_for_each_fault_measured() {
    let run = clean(5000);
    let measured = run.results.faults.iter().filter(|fault| fault.service.is_some()).count();
    assert!(measured >= 9, "{measured}");
    let bars = plot(&run, "availability").svg.into_string();
    assert_eq!(bars.matches("class=\"served\"").count(), measured);
    let gone = run.results.faults.iter().filter(|fault| fault.to_ns.is_some()).count();
    let stems = plot(&run, "recovery").svg.into_string();
    assert_eq!(stems.matches("<circle").count(), gone);
    assert!(stems.contains("kill n1 at 4.000 s: "), "{stems}");
}

#[test]
fn clocks_have_a_line_for_each_node_and_a_scale_that_fits() {
    let mut run = clean(100);
    let reading = |node: &str, at_s: u64, offset_ms: i64| ClockReading {
        node: node.to_owned(),
        at_ns: at_s * SECOND,
        offset_ns: offset_ms * MS as i64,
        error_ns: 300_000,
    };
    run.results.clocks = vec![reading("n1", 0, 0), reading("n2", 0, 1), reading("n2", 30, -61_000)];
    let clocks = plot(&run, "clocks");
    let svg = clocks.svg.into_string();
    assert_eq!(svg.matches("class=\"line ").count(), 2);
    assert!(svg.contains(">0<") && svg.contains(">-50 s<"), "{svg}");
    assert_eq!(
        clocks.legend.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        ["n1", "n2"]
    );
}

#[test]
fn staleness_has_a_row_for_each_of_the_worst_keys() {
    let mut run = clean(500);
    let operation = run.history.operations()[3].index;
    let stale = |key: u64| {
        let age = key * MS;
        json!({"operation": operation, "key": key, "versions": 1, "nanoseconds": age})
    };
    let reads: Vec<_> = (0..9).map(stale).collect();
    run.results.findings = vec![Finding::valid("staleness", json!({ "stale_reads": reads }))];
    let staleness = plot(&run, "staleness");
    let svg = staleness.svg.into_string();
    assert_eq!(svg.matches("row-name").count(), 6);
    assert!(svg.contains(">key 8<") && !svg.contains(">key 1<"), "{svg}");
    assert!(staleness.caption.contains("6 of 9 keys"), "{}", staleness.caption);
}

#[test]
fn a_plot_is_a_file_of_its_own() {
    for plot in plots_of(&stale_read()) {
        let file = plot.file();
        let document = roxmltree::Document::parse(&file).expect("well-formed");
        assert_eq!(
            document.root_element().tag_name().namespace(),
            Some("http://www.w3.org/2000/svg")
        );
        assert!(file.contains("<style>") && file.contains("--ok:"), "{}", plot.name);
    }
}
