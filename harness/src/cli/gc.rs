//! `perjury gc`: removes passing runs that nobody needs any more.

use super::args::GcArgs;
use super::output;
use crate::exit::{self, HarnessFailure, Stop, Usage};
use crate::report::text;
use crate::span::Span;
use crate::store::Store;
use crate::store::gc::{self, Drop, Keep, Limits, Sweep};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Runs that are named one by one.
const NAMED_MAX: usize = 50;

/// Decides, removes, and says what it did.
pub fn gc(args: &GcArgs) -> Result<ExitCode, Stop> {
    if !args.store.is_dir() {
        let text = format!("--store: {} is no folder", args.store.display());
        return Err(Usage(text).into());
    }
    let failed = |error| HarnessFailure::new("store", error);
    let store = Store::open(&args.store).map_err(failed)?;
    let limits = Limits {
        keep_passes: args.keep_passes,
        max_age: args.max_age.map(|age| age.0),
        max_size: args.max_size,
    };
    let sweep = gc::plan(&store, limits, jiff::Timestamp::now()).map_err(failed)?;
    let errors = if args.dry_run { Vec::new() } else { gc::carry_out(&store, &sweep) };
    output::print(&if args.json { as_json(args, &sweep) } else { as_text(args, &sweep) });
    for error in &errors {
        output::complain(&format!("perjury: {error}"));
    }
    Ok(ExitCode::from(if errors.is_empty() { exit::VALID } else { exit::HARNESS }))
}

fn as_json(args: &GcArgs, sweep: &Sweep) -> String {
    let json = json!({
        "dry_run": args.dry_run,
        "removed": sweep.removed,
        "kept": sweep.kept,
        "freed_bytes": sweep.freed(),
        "size_before_bytes": sweep.size,
    });
    format!("{json:#}")
}

fn as_text(args: &GcArgs, sweep: &Sweep) -> String {
    let removed = text::count(sweep.removed.len() as u64, "passing run");
    let (did, freed) = (bytes(sweep.freed()), bytes(sweep.size - sweep.freed().min(sweep.size)));
    let mut page = match (sweep.removed.is_empty(), args.dry_run) {
        (true, _) => format!("nothing to remove; the store has {freed}\n"),
        (false, true) => format!("would remove {removed} and free {did}, which leaves {freed}\n"),
        (false, false) => format!("removed {removed} and freed {did}, which leaves {freed}\n"),
    };
    for run in sweep.removed.iter().take(NAMED_MAX) {
        let why = drop_words(run.reason, args);
        let _ = writeln!(page, "  {}  {}, {why}", run.path.display(), bytes(run.bytes));
    }
    if sweep.removed.len() > NAMED_MAX {
        let _ = writeln!(page, "  and {} more: see --json", sweep.removed.len() - NAMED_MAX);
    }
    let mut kept: BTreeMap<Keep, (u64, u64)> = BTreeMap::new();
    for run in &sweep.kept {
        let (count, size) = kept.entry(run.reason).or_default();
        *count += 1;
        *size += run.bytes;
    }
    if !kept.is_empty() {
        page.push_str("kept\n");
    }
    for (reason, (count, size)) in kept {
        let count = text::count(count, "run");
        let _ = writeln!(page, "  {count}, {}: {}", bytes(size), keep_words(reason));
    }
    let left = sweep.size.saturating_sub(sweep.freed());
    if let Some(most) = args.max_size.filter(|most| left > *most) {
        let over = bytes(left - most);
        let _ = writeln!(page, "still {over} above --max-size: nothing else may be removed");
    }
    page.trim_end().to_owned()
}

fn drop_words(reason: Drop, args: &GcArgs) -> String {
    match reason {
        Drop::TooMany => format!("not among the {} newest", args.keep_passes),
        Drop::TooOld => {
            let age = args.max_age.unwrap_or(Span::seconds(0));
            format!("older than {age}")
        }
        Drop::TooLarge => "one of the oldest, to reach --max-size".to_owned(),
    }
}

fn keep_words(reason: Keep) -> &'static str {
    match reason {
        Keep::WithinLimits => "passed, and are within the limits",
        Keep::Latest => "`latest` links to them",
        Keep::NewestKnownAnomaly => "the newest that show a known anomaly",
        Keep::NotPassing => "did not pass: these are never removed",
        Keep::GoingOn => "have not ended and may be going on",
        Keep::NotRecognised => "have no run.json that can be read, and may be anything",
    }
}

/// Reads a size: `10G`, `500M`, `1.5T`, `4096`.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let power = match unit.trim().trim_end_matches("iB").trim_end_matches('B') {
        "" => 0,
        "k" | "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(format!("`{unit}` is no unit of size; write K, M, G or T")),
    };
    let number: f64 =
        number.parse().map_err(|_| format!("`{text}` is no size; write 500M or 10G"))?;
    Ok((number * 1024_f64.powi(power)) as u64)
}

/// `0 B`, `4.0 KiB`, `1.2 GiB`.
fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["KiB", "MiB", "GiB", "TiB"].into_iter().peekable();
    let mut unit = "B";
    while value >= 1024.0
        && let Some(next) = units.next()
    {
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!(size("10G"), Ok(10 << 30));
        assert_eq!(size("1.5 KiB"), Ok(1536));
        assert_eq!(size("42"), Ok(42));
        assert!(size("10X").is_err_and(|error| error.contains("write K, M, G or T")));
        assert!(size("").is_err() && size("1.2.3G").is_err());
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(10 << 40), "10.0 TiB");
    }
}
