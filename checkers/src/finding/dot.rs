//! Cycles as DOT, the language of Graphviz: for people who have its tools.

use std::fmt::Write as _;

use super::Anomaly;

/// Characters in a line of a label.
const COLUMNS: usize = 48;

impl Anomaly {
    /// The cycle of this anomaly as a directed graph in DOT; `None` if its proof is no cycle.
    ///
    /// A node is an operation, called `op` and its invocation index; its label is the sentence
    /// of the proof that introduces it. An edge is labelled with its kind and its reason.
    pub fn dot(&self) -> Option<String> {
        if self.edges.is_empty() {
            return None;
        }
        let mut text = String::from("digraph anomaly {\n");
        let _ = writeln!(text, "  label={};", quoted(&self.title, usize::MAX));
        text.push_str("  labelloc=t;\n  node [shape=box, fontname=monospace];\n");
        text.push_str("  edge [fontname=monospace];\n");
        for operation in &self.operations {
            let label = quoted(&self.introduced(*operation), COLUMNS);
            let _ = writeln!(text, "  op{operation} [label={label}];");
        }
        for edge in &self.edges {
            let label = quoted(&format!("{}: {}", edge.kind, edge.why), COLUMNS);
            let colour = colour(&edge.kind);
            let (from, to) = (edge.from, edge.to);
            let _ = writeln!(text, "  op{from} -> op{to} [label={label}, color={colour}];");
        }
        text.push_str("}\n");
        Some(text)
    }

    fn introduced(&self, operation: u64) -> String {
        let step = self.steps.iter().find(|step| step.operations == [operation]);
        step.map_or_else(|| format!("operation {operation}"), |step| step.text.clone())
    }
}

fn colour(kind: &str) -> &'static str {
    match kind {
        "ww" => "firebrick",
        "wr" => "forestgreen",
        "rw" | "prw" => "royalblue",
        _ => "gray40",
    }
}

/// A DOT string, broken into lines between words.
fn quoted(text: &str, columns: usize) -> String {
    let mut lines = String::from("\"");
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + length >= columns {
            lines.push_str("\\n");
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        for c in word.chars() {
            if matches!(c, '"' | '\\') {
                lines.push('\\');
            }
            lines.push(c);
        }
        column += length;
    }
    lines.push('"');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Edge, Step};

    fn edge(from: u64, to: u64, kind: &str) -> Edge {
        Edge { from, to, kind: kind.to_owned(), why: "T1 read \"a\\b\" first".to_owned() }
    }

    #[test]
    fn a_cycle_is_a_graph_and_anything_else_is_none() {
        let mut anomaly = Anomaly {
            kind: "G1c".to_owned(),
            title: "Circular information flow".to_owned(),
            explanation: String::new(),
            steps: vec![Step { text: "Let T1 be it.".to_owned(), operations: vec![4] }],
            operations: vec![4, 7],
            edges: vec![edge(4, 7, "wr"), edge(7, 4, "ww")],
            dead_end: None,
            key: None,
            rules_out: Vec::new(),
        };
        let dot = anomaly.dot().expect("a cycle");
        assert!(dot.starts_with("digraph anomaly {") && dot.ends_with("}\n"), "{dot}");
        assert!(dot.contains("op4 [label=\"Let T1 be it.\"]"), "{dot}");
        assert!(dot.contains("op4 -> op7 [label=\"wr: T1 read \\\"a\\\\b\\\" first\""), "{dot}");
        anomaly.edges.clear();
        assert_eq!(anomaly.dot(), None);
    }
}
