//! Evidence as a small table of names and values instead of JSON.

use crate::report::faults::targets::links;
use crate::report::text;
use maud::{Markup, html};
use serde_json::Value;

/// How deep maps are laid out; below, a value is one line.
const DEPTH_MAX: usize = 3;
/// Entries of one map or list.
const ENTRIES_MAX: usize = 24;
/// Characters of one line.
const LINE_MAX: usize = 160;
/// Characters in a title.
const TITLE_MAX: usize = 2000;

/// Names and values, laid out by depth.
pub(super) fn render(value: &Value) -> Markup {
    nested(value, 0)
}

/// Recursion is bounded by `DEPTH_MAX`.
fn nested(value: &Value, depth: usize) -> Markup {
    match value {
        // A map of plain values inside something else fits on a line.
        Value::Object(fields) if depth > 0 && fields.values().all(is_scalar) => {
            let entry =
                |(name, field): (&String, &Value)| format!("{} {}", words(name), scalar(field));
            line(&fields.iter().take(ENTRIES_MAX).map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) if depth < DEPTH_MAX && !fields.is_empty() => html! {
            dl class="map" {
                @for (name, field) in fields.iter().take(ENTRIES_MAX) {
                    div {
                        dt { (text::elide(&text::printable(&words(name)), 60)) }
                        dd { (nested(field, depth + 1)) }
                    }
                }
                @if fields.len() > ENTRIES_MAX { (more(fields.len())) }
            }
        },
        Value::Array(items) if depth < DEPTH_MAX && items.iter().any(Value::is_object) => html! {
            ul class="items" {
                @for item in items.iter().take(ENTRIES_MAX) { li { (nested(item, depth + 1)) } }
            }
            @if items.len() > ENTRIES_MAX { (more(items.len())) }
        },
        Value::Array(_) if links(value).is_some() => {
            let links = links(value).unwrap_or_default();
            let arrows = links.iter().map(|(from, to)| format!("{from} → {to}"));
            line(&arrows.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) if items.iter().all(is_scalar) => {
            line(&items.iter().map(scalar).collect::<Vec<_>>().join(", "))
        }
        other if is_scalar(other) => line(&scalar(other)),
        other => line(&text::value(other)),
    }
}

fn more(count: usize) -> Markup {
    html! { p class="soft" { "and " (text::number((count - ENTRIES_MAX) as u64)) " more" } }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(words) => words.clone(),
        other => text::value(other),
    }
}

/// `frames_dropped` reads as `frames dropped`.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn line(words: &str) -> Markup {
    let words = text::printable(words);
    html! {
        @if words.chars().count() > LINE_MAX {
            span title=(text::elide(&words, TITLE_MAX)) { (text::elide(&words, LINE_MAX)) }
        } @else { (words) }
    }
}
