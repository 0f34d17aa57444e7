//! `perjury anomalies`: the kinds of anomalies there are, and what each of them means.

use super::args::ListArgs;
use super::output;
use crate::exit::Usage;
use crate::explain::Lines;
use crate::explain::Paint;
use crate::registry::unknown;
use perjury_checkers::finding::kinds::{self, Kind};
use serde::Serialize;

/// Prints all kinds, or one.
pub fn anomalies(args: &ListArgs) -> Result<(), Usage> {
    let all = kinds::all();
    let Some(name) = &args.name else {
        match args.json {
            true => json(&all),
            false => output::print(page(&all).trim_end()),
        }
        return Ok(());
    };
    let kind = kinds::find(name).ok_or_else(|| {
        unknown("NAME", "kind of anomaly", name, all.iter().map(|kind| kind.name.as_str()))
    })?;
    match args.json {
        true => json(&kind),
        false => output::print(page(std::slice::from_ref(&kind)).trim_end()),
    }
    Ok(())
}

fn json(content: &impl Serialize) {
    output::print(&serde_json::to_string_pretty(content).unwrap_or_default());
}

fn page(kinds: &[Kind]) -> String {
    let colour = output::coloured(super::args::Colour::Auto);
    let mut lines = Lines::new(Paint { on: colour }, output::width(), false);
    for (at, kind) in kinds.iter().enumerate() {
        match at {
            0 => lines.heading(&kind.name),
            _ => lines.section(&kind.name),
        }
        lines.item(&kind.about);
        lines.item(&format!("Breaks {}.", kind.breaks));
        lines.note(&kind.source);
    }
    lines.done()
}
