//! CSV: one line an operation, for spreadsheets and data frames.

use super::{ExportError, Paired};
use crate::explain::looks_keyed;
use perjury_checkers::{Operation, Outcome};
use serde_json::Value;
use std::borrow::Cow;
use std::io::{self, Write};

/// The columns, in order.
pub const COLUMNS: [&str; 12] = [
    "index",
    "process",
    "node",
    "f",
    "key",
    "input",
    "outcome",
    "output",
    "called_ns",
    "returned_ns",
    "latency_ns",
    "error",
];

/// Operations looked at to find out whether values are `[key, value]`.
const BEGINNING: usize = 1_000;

/// Writes a line with the names of the columns, then one for each operation. Values are JSON, and
/// null is an empty cell. Whether values are `[key, value]` is found out unless it is said.
pub fn write(
    operations: impl Iterator<Item = Result<Paired, ExportError>>,
    keyed: Option<bool>,
    to: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut operations = operations;
    let beginning: Vec<Paired> = operations.by_ref().take(BEGINNING).collect::<Result<_, _>>()?;
    let keyed = keyed.unwrap_or_else(|| {
        let plain: Vec<Operation<'_>> = beginning.iter().map(Paired::operation).collect();
        looks_keyed(&plain)
    });
    let mut lines = ::csv::WriterBuilder::new().from_writer(to);
    lines.write_record(COLUMNS).map_err(written)?;
    for paired in beginning.into_iter().map(Ok).chain(operations) {
        let paired = paired?;
        let cells = cells(&paired.operation(), paired.error(), keyed);
        lines.write_record(cells).map_err(written)?;
    }
    lines.flush()?;
    Ok(())
}

/// The same for operations that are at hand, such as transactions, whose values have no keys.
pub fn write_all(operations: &[Operation<'_>], to: &mut dyn Write) -> Result<(), ExportError> {
    let mut lines = ::csv::WriterBuilder::new().from_writer(to);
    lines.write_record(COLUMNS).map_err(written)?;
    for operation in operations {
        lines.write_record(cells(operation, None, false)).map_err(written)?;
    }
    lines.flush()?;
    Ok(())
}

fn written(error: ::csv::Error) -> ExportError {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => ExportError::Write(error),
        other => ExportError::Write(io::Error::other(format!("{other:?}"))),
    }
}

fn cells(operation: &Operation<'_>, error: Option<&str>, keyed: bool) -> [String; 12] {
    let (key, input) = split(operation.input, keyed);
    let (outcome, output) = match operation.outcome {
        Outcome::Ok(value) => ("ok", split(value, keyed && key.is_some()).1),
        Outcome::Failed => ("fail", &Value::Null),
        Outcome::Unknown => ("info", &Value::Null),
    };
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let took = operation.returned.map(|returned| returned.saturating_sub(operation.called));
    [
        operation.index.to_string(),
        operation.process.to_string(),
        harmless(operation.node.unwrap_or_default()).into_owned(),
        harmless(operation.f).into_owned(),
        json(key.unwrap_or(&Value::Null)),
        json(input),
        outcome.to_owned(),
        json(output),
        operation.called.to_string(),
        number(operation.returned),
        number(took),
        harmless(error.unwrap_or_default()).into_owned(),
    ]
}

/// Key and rest of `[key, value]`.
fn split(value: &Value, keyed: bool) -> (Option<&Value>, &Value) {
    match value.as_array().map(Vec::as_slice) {
        Some([key, rest]) if keyed => (Some(key), rest),
        _ => (None, value),
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => harmless(&other.to_string()).into_owned(),
    }
}

/// A cell that no spreadsheet takes for a formula: what would begin one gets a `'` in front.
/// Numbers stay numbers.
fn harmless(cell: &str) -> Cow<'_, str> {
    let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let number =
        cell.parse::<f64>().is_ok() && cell.bytes().all(|b| b"+-.eE0123456789".contains(&b));
    if begins && !number { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}
