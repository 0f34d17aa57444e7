//! The frame of every page: head, ways to other pages, and small things that many have.

use crate::report::text;
use crate::serve::entry::State;
use maud::{DOCTYPE, Markup, html};

/// Where the style sheet is.
pub(in crate::serve) const STYLE_PATH: &str = "/style.css";
/// Where the script is.
pub(in crate::serve) const SCRIPT_PATH: &str = "/script.js";

/// A page around its content.
pub(in crate::serve) fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Perjury" }
                // None: otherwise browsers ask for one.
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE_PATH);
                script src=(SCRIPT_PATH) defer {}
            }
            body class="serve" {
                a class="skip" href="#main" { "Skip to the content" }
                header class="top" {
                    a class="brand" href="/" { "perjury" }
                    nav aria-label="Pages" {
                        a href="/" { "Runs" }
                        a href="/campaigns" { "Campaigns" }
                        a href="/compare" { "Compare" }
                    }
                }
                main id="main" tabindex="-1" { (content) }
                footer { p { "Served from a store of Perjury's, for reading only." } }
            }
        }
    }
}

/// The verdict or state as a small label.
pub(in crate::serve) fn badge(state: State) -> Markup {
    html! {
        span class=(format!("badge {}", state.key())) {
            span aria-hidden="true" { (state.sign()) } (state.word())
        }
    }
}

/// Links that lead up to a page, and the page's own short name.
pub(in crate::serve) fn trail(above: &[(&str, &str)], here: &str) -> Markup {
    html! {
        nav class="trail" aria-label="Where this is" {
            @for (name, link) in above { a href=(link) { (name) } span aria-hidden="true" { "/" } }
            span aria-current="page" { (here) }
        }
    }
}

/// `2026-01-02 03:04:05`, in UTC, for machines too.
pub(in crate::serve) fn moment(when: jiff::Timestamp) -> Markup {
    html! { time datetime=(when) { (when.strftime("%Y-%m-%d %H:%M:%S")) } }
}

/// `2026-01-02 03:04:05` of a run's folder; any other name stays as it is.
pub(in crate::serve) fn folder_time(name: &str) -> String {
    let parsed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S.%f", name);
    parsed.map_or(name.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// A text of a stranger's that may be long: its middle is left out, and shown on pointing at it.
pub(in crate::serve) fn shortened(words: &str, max: usize) -> Markup {
    let words = text::printable(words);
    html! {
        @if words.chars().count() > max {
            span title=(text::elide(&words, 1000)) { (text::elide(&words, max)) }
        } @else {
            (words)
        }
    }
}
