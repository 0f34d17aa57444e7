//! `perjury explain`: one operation's neighbourhood, or one anomaly with its proof.

use super::args::ExplainArgs;
use super::opened::{Need, Opened, Source};
use super::output;
use crate::Registry;
use crate::exit::{Stop, Usage};
use crate::explain::{AnomalyStory, OperationStory, Paint, select};
use crate::report::logs::{self, LogLine};
use serde::Serialize;

/// Prints what there is to say about an operation or an anomaly.
pub fn explain(args: &ExplainArgs, registry: &Registry) -> Result<(), Stop> {
    let need = if args.anomaly.is_some() { Need::Anomalies } else { Need::Operations };
    let source = Source::open(&args.file, &args.store, &args.judge)?;
    let opened = source.judged(&args.file, &args.judge, registry, need)?;
    let paint = Paint { on: output::coloured(args.colour) };
    let text = match (&args.anomaly, args.op) {
        (Some(id), _) => {
            let chosen = select(&opened.subject.findings, id).map_err(|why| {
                let file = args.file.display();
                Usage(format!("--anomaly: {file}: {why}"))
            })?;
            let story = AnomalyStory::new(&opened.subject, chosen);
            if args.json { json(&story) } else { story.render(paint, output::width()) }
        }
        (None, op) => {
            let op = op.unwrap_or_default();
            let logs = logs_around(&opened, op);
            let story = OperationStory::new(&opened.subject, op, logs);
            let story = story.map_err(|why| Usage(format!("--op: {why}")))?;
            if args.json { json(&story) } else { story.render(paint, output::width()) }
        }
    };
    output::print(text.trim_end());
    Ok(())
}

fn json(story: &impl Serialize) -> String {
    serde_json::to_string_pretty(story).unwrap_or_default()
}

/// What the operation's node wrote around it, if this is a run that kept logs. Logs that cannot
/// be read are no reason to say nothing.
fn logs_around(opened: &Opened<'_>, op: u64) -> Vec<LogLine> {
    let Some((run, Some(results))) = &opened.run else { return Vec::new() };
    let Some(history) = opened.history else { return Vec::new() };
    let Ok(operation) = opened.subject.find(op) else { return Vec::new() };
    let found = logs::around(run, results, history, &[vec![op]]);
    let mut lines = found.unwrap_or_default().pop().unwrap_or_default();
    lines.retain(|line| Some(line.node.as_str()) == operation.node);
    lines
}
