//! Anomalies as drawings: SVG of each, DOT of those that are cycles.

use crate::explain::Subject;
use crate::explain::anomaly::Numbered;
use crate::report;
use perjury_checkers::Operation;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    Svg,
    Dot,
}

impl Drawn {
    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Dot => "dot",
        }
    }
}

/// The drawing of an anomaly with the faults around it; `None` if it cannot be drawn so: DOT is
/// for cycles, and SVG needs operations of this history.
pub fn draw(subject: &Subject<'_>, numbered: Numbered<'_>, drawn: Drawn) -> Option<String> {
    let (_, _, anomaly) = numbered;
    match drawn {
        Drawn::Dot => anomaly.dot(),
        Drawn::Svg => {
            let found = anomaly.operations.iter().filter_map(|index| subject.find(*index).ok());
            let operations: Vec<Operation<'_>> = found.copied().collect();
            let svg = report::picture_among(anomaly, &operations, &subject.faults);
            (!svg.is_empty()).then_some(svg)
        }
    }
}
