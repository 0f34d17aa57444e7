//! Errors in a TOML file: the line, a caret, and what to write instead.

use miette::{GraphicalReportHandler, GraphicalTheme, NamedSource, SourceSpan};
use std::ops::Range;

/// What is wrong with a TOML file, and where. Displayed, it is one sentence; [`render`] draws
/// the line with a caret beneath.
///
/// [`render`]: TomlError::render
#[derive(Clone, Debug, thiserror::Error, miette::Diagnostic)]
#[error("{message}")]
pub struct TomlError {
    message: String,
    #[help]
    help: Option<String>,
    #[source_code]
    source_code: NamedSource<String>,
    #[label("here")]
    label: Option<SourceSpan>,
    line: usize,
    column: usize,
}

impl TomlError {
    /// An error at bytes `span` of `text`; without a span it concerns the file as a whole.
    pub fn new(
        file: &str,
        text: &str,
        span: Option<Range<usize>>,
        message: impl Into<String>,
    ) -> Self {
        let start = span.as_ref().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        Self {
            message: message.into(),
            help: None,
            source_code: NamedSource::new(file, text.to_owned()),
            label: span.map(SourceSpan::from),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|char| *char != '\n').count() + 1,
        }
    }

    /// Adds what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What serde or the TOML parser said, with a suggestion for a key that is nearly right.
    /// `top` are the keys of the top level, for the classic slip of writing one below a table.
    pub fn from_toml(file: &str, text: &str, error: &toml::de::Error, top: &[&str]) -> Self {
        let message = error.message().to_owned();
        let Some((unknown, known)) = unknown_key(&message) else {
            return Self::new(file, text, error.span(), message);
        };
        let said = format!("unknown key `{unknown}`");
        let ours = Self::new(file, text, error.span(), said);
        let line = ours.line;
        match nearest(&unknown, known.iter().map(String::as_str)) {
            Some(meant) => ours.help(format!("did you mean `{meant}`?")),
            None if top.contains(&&*unknown) && line > 1 => ours.help(format!(
                "`{unknown}` belongs to the top level: move it above the first [table]"
            )),
            None => ours.help(format!("known here: {}", known.join(", "))),
        }
    }

    /// Line and column, both from 1.
    pub fn position(&self) -> (usize, usize) {
        (self.line, self.column)
    }

    /// What to do about it, if there is a hint.
    pub fn hint(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The whole picture, several lines, without colours.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let handler =
            GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
        match handler.render_report(&mut text, self) {
            Ok(()) => text,
            Err(_) => format!("{}:{}:{}: {self}", self.source_code.name(), self.line, self.column),
        }
    }
}

/// Takes serde's sentence about an unknown field or variant apart.
fn unknown_key(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown variant "))?;
    let mut quoted = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    let unknown = quoted.next()?;
    Some((unknown, quoted.collect()))
}

/// The candidate that `word` is most likely a slip for, if one is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}
