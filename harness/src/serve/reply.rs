//! Replies: pages, data, refusals, and the headers that every one of them has.

use super::pages::layout;
use crate::report::text;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::{Markup, html};
use std::borrow::Cow;

/// What a page of ours may do: look as the style sheet says, run its script, and ask this server.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a report may do: it is a file of a stranger's as far as this server knows, and its own
/// policy allows no more than this. In a sandbox it can ask this server for nothing.
pub(super) const REPORT_POLICY: &str = "sandbox allow-scripts; default-src 'none'; \
    style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// What any other file may do.
pub(super) const FILE_POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// An answer, or why there is none.
pub(super) type Answer = Result<Response, Refusal>;

/// Why there is no answer, for a page that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// What is wrong and what to do.
    sentence: Cow<'static, str>,
    /// Where it is instead.
    location: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { status, sentence: sentence.into(), location: None }
    }

    /// There is no such thing.
    pub(super) fn missing(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, sentence)
    }

    /// It is at `path`, one of ours.
    pub(super) fn moved(path: String) -> Self {
        let location = Some(path);
        Self { location, ..Self::new(StatusCode::TEMPORARY_REDIRECT, "This is somewhere else.") }
    }

    /// This program is wrong.
    pub(super) fn bug() -> Self {
        let text = "This is a bug in Perjury: please report it, with what the terminal says.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    pub(super) fn page(&self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("No answer");
        let content = html! {
            h1 { (title) }
            p class="lead" { (self.sentence) }
            @if let Some(path) = &self.location { p { a href=(path) { "Go there" } } }
            p { a href="/" { "Back to all runs" } }
        };
        let mut response = page(title, &content);
        *response.status_mut() = self.status;
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        // Paths of ours are encoded, so that each is fit for a header.
        let location = self.location.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(location)) = location {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// A page of ours around `content`, which has its only `h1`.
pub(super) fn page(title: &str, content: &Markup) -> Response {
    // Markup is escaped already; this takes out what would turn the direction of reading.
    let page = layout::page(title, content).into_string();
    let page: String = page.chars().filter(|c| text::is_visible(*c)).collect();
    response("text/html; charset=utf-8", page)
}

/// Data for machines.
pub(super) fn json(value: &impl serde::Serialize) -> Answer {
    let bytes = serde_json::to_vec(value).map_err(|_| Refusal::bug())?;
    Ok(response("application/json", bytes))
}

/// Bytes of that type.
pub(super) fn response(kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Lets a browser keep the file, under this name.
pub(super) fn as_download(response: &mut Response, name: &str) {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._+=-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(safe).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
}

/// Another policy than that of our pages.
pub(super) fn with_policy(mut response: Response, policy: &'static str) -> Response {
    let value = HeaderValue::from_static(policy);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    response
}

/// Adds the headers of every answer; of one to HEAD takes the body away.
pub(super) fn finish(mut response: Response, is_head: bool) -> Response {
    let length = response.body().size_hint().exact();
    let headers = response.headers_mut();
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Runs go on, and are judged again.
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !is_head {
        return response;
    }
    if let Some(length) = length
        && !headers.contains_key(header::CONTENT_LENGTH)
    {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::empty();
    response
}
