//! The automaton for Graphviz.

use super::Automaton;
use super::explain::section_texts;
use super::graph::{Graph, Kind};
use crate::lang::hir::{Pattern, Program};

/// A pattern as a graph in the language of Graphviz, with its conditions and bounds below it.
pub fn dot(program: &Program, pattern: &Pattern, automaton: &Automaton) -> String {
    let graph = Graph::of(program, pattern, automaton);
    let texts = section_texts(program, pattern);
    let mut out = format!("digraph \"{}\" {{\n", quoted(&pattern.name));
    out.push_str("    rankdir=LR;\n    fontname=\"monospace\";\n    labelloc=b;\n    labeljust=l;\n");
    out.push_str(&format!("    label=\"{}\";\n", left(&format!("{}\n{}", texts.head, texts.below))));
    out.push_str("    node [shape=box, style=rounded, fontname=\"monospace\"];\n");
    out.push_str("    edge [fontname=\"monospace\"];\n");
    for (at, node) in graph.nodes.iter().enumerate() {
        let look = match node.kind {
            Kind::Start => ", shape=circle",
            Kind::Step => "",
            Kind::Absence => ", style=\"rounded,dashed\"",
            Kind::Match => ", peripheries=2",
        };
        out.push_str(&format!("    n{at} [label=\"{}\"{look}];\n", quoted(&node.lines.join("\n"))));
    }
    for edge in &graph.edges {
        let look = if edge.is_dashed { ", style=dashed" } else { "" };
        let label = quoted(&edge.lines.join("\n"));
        out.push_str(&format!("    n{} -> n{} [label=\"{label}\"{look}];\n", edge.from, edge.to));
    }
    out.push_str("}\n");
    out
}

/// Between quotes; lines are centred.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Between quotes, each line on the left.
fn left(text: &str) -> String {
    let lines = text.lines().map(|line| format!("{}\\l", quoted(line)));
    lines.collect()
}
