//! The automaton as a picture that a browser shows, drawn without any other program.
//!
//! All text is in one width, so that it is known how much room it takes. Colours follow the browser, light or dark.

use super::Automaton;
use super::explain::section_texts;
use super::graph::{Edge, Graph, Kind, Node};
use super::layout::{Arrow, CHARACTER, LINE, Layout, Rect, columns, layout, text_width};
use crate::lang::hir::{Pattern, Program};
use crate::shown::escaped;

/// Around each picture.
const MARGIN: i32 = 24;

/// Text is at least so many characters wide before it is broken.
const COLUMNS_MIN: i32 = 124;

/// From the top of a line of text to where its letters stand.
const BASELINE: i32 = 13;

const STYLE: &str = "
    text { font: 13px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1b1f24 }
    .page { fill: #ffffff }
    .title, .name { font-weight: bold }
    .dim { fill: #59636e }
    .box { fill: #eef4fb; stroke: #3b6ea5; stroke-width: 1.5 }
    .start { fill: #ffffff; stroke: #59636e; stroke-width: 1.5 }
    .absence { fill: #fdf1ee; stroke: #b4432f; stroke-width: 1.5; stroke-dasharray: 5 4 }
    .match { fill: #e9f6ec; stroke: #2f7d43; stroke-width: 2.5 }
    .arrow { fill: none; stroke: #59636e; stroke-width: 1.3 }
    .never { stroke: #b4432f; stroke-dasharray: 5 4 }
    .head { fill: #59636e }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6e9ec }
      .page { fill: #14181d }
      .dim { fill: #9aa4ae }
      .box { fill: #1b2a3a; stroke: #6fa3d8 }
      .start { fill: #14181d; stroke: #9aa4ae }
      .absence { fill: #33211d; stroke: #e08a76 }
      .match { fill: #1a3021; stroke: #6cbf83 }
      .arrow { stroke: #9aa4ae }
      .never { stroke: #e08a76 }
      .head { fill: #9aa4ae }
    }
  ";

/// A pattern and its automaton, with what is to be said below it.
pub struct Picture<'a> {
    /// The program.
    pub program: &'a Program,
    /// The pattern.
    pub pattern: &'a Pattern,
    /// Its automaton.
    pub automaton: &'a Automaton,
    /// What stands below the picture, after conditions and bounds.
    pub notes: &'a str,
}

/// Some patterns as one SVG document, one below the other.
pub fn svg(pictures: &[Picture<'_>]) -> String {
    let drawn: Vec<Drawn> = pictures.iter().map(Drawn::of).collect();
    let width = drawn.iter().map(|one| one.width).max().unwrap_or(0) + 2 * MARGIN;
    let height = drawn.iter().map(|one| one.height + 2 * MARGIN).sum::<i32>();
    let names: Vec<&str> = pictures.iter().map(|picture| picture.pattern.name.as_str()).collect();
    let title = escaped(&names.join(", "));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\">\n  <title>{title}</title>\n  <style>{STYLE}</style>\n  \
         <defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path class=\"head\" d=\"M0 0 L8 4 L0 8 Z\"/></marker></defs>\n  \
         <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    let mut top = MARGIN;
    for one in drawn {
        out.push_str(&format!("  <g transform=\"translate({MARGIN} {top})\">\n{}  </g>\n", one.body));
        top += one.height + 2 * MARGIN;
    }
    out.push_str("</svg>\n");
    out
}

/// One pattern, drawn.
struct Drawn {
    body: String,
    width: i32,
    height: i32,
}

impl Drawn {
    fn of(picture: &Picture<'_>) -> Drawn {
        let graph = Graph::of(picture.program, picture.pattern, picture.automaton);
        let layout = layout(&graph);
        let texts = section_texts(picture.program, picture.pattern);
        let columns = COLUMNS_MIN.max(layout.size.0 / CHARACTER);
        let head = broken(&texts.head, columns);
        let below = broken(&format!("{}\n{}", texts.below, picture.notes), columns);
        let mut body = String::new();
        let mut top = push_lines(&mut body, &head, 0, true) + LINE;
        body.push_str(&format!("    <g transform=\"translate(0 {top})\">\n"));
        draw(&mut body, &graph, &layout);
        body.push_str("    </g>\n");
        top += layout.size.1 + LINE;
        let height = push_lines(&mut body, &below, top, false);
        let width = layout.size.0.max(text_width(&head)).max(text_width(&below));
        Drawn { body, width, height }
    }
}

fn draw(out: &mut String, graph: &Graph, layout: &Layout) {
    for (edge, arrow) in graph.edges.iter().zip(&layout.arrows) {
        push_arrow(out, edge, arrow);
    }
    for (node, place) in graph.nodes.iter().zip(&layout.boxes) {
        push_box(out, node, *place);
    }
}

fn push_arrow(out: &mut String, edge: &Edge, arrow: &Arrow) {
    let class = if edge.is_dashed { "arrow never" } else { "arrow" };
    out.push_str(&format!(
        "      <path class=\"{class}\" d=\"{}\" marker-end=\"url(#head)\"/>\n",
        arrow.path
    ));
    let Some(place) = arrow.label else { return };
    for (at, line) in edge.lines.iter().enumerate() {
        let (x, y) = (place.left + place.width / 2, place.top + at as i32 * LINE + BASELINE);
        push_text(out, "dim", (x, y), "middle", line);
    }
}

fn push_box(out: &mut String, node: &Node, place: Rect) {
    let class = match node.kind {
        Kind::Start => "start",
        Kind::Step => "box",
        Kind::Absence => "absence",
        Kind::Match => "match",
    };
    let Rect { left, top, width, height } = place;
    out.push_str(&format!(
        "      <rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n"
    ));
    let first = top + (height - node.lines.len() as i32 * LINE) / 2 + BASELINE;
    for (at, line) in node.lines.iter().enumerate() {
        let class = if at == 0 { "name" } else { "dim" };
        push_text(out, class, (left + width / 2, first + at as i32 * LINE), "middle", line);
    }
}

/// Lines of text from a height on; a head stands out. The height below them.
fn push_lines(out: &mut String, lines: &[String], top: i32, has_title: bool) -> i32 {
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let is_head = if has_title { at == 0 } else { !line.starts_with(' ') };
        let class = if is_head { "title" } else { "plain" };
        push_text(out, class, (0, top + at as i32 * LINE + BASELINE), "start", line);
    }
    top + lines.len() as i32 * LINE
}

/// A line of text that is as wide as it was reckoned to be, whatever the font. Its blanks do not break, of which several
/// in a row would else be one.
fn push_text(out: &mut String, class: &str, (x, y): (i32, i32), anchor: &str, line: &str) {
    let indent = line.len() - line.trim_start().len();
    let (line, x) = (line.trim_start(), x + indent as i32 * CHARACTER);
    let width = columns(line) * CHARACTER;
    out.push_str(&format!(
        "      <text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" textLength=\"{width}\" \
         lengthAdjust=\"spacingAndGlyphs\">{}</text>\n",
        escaped(line).replace(' ', "\u{a0}").replace('\t', "\u{fffd}")
    ));
}

/// The lines of a text, those that are too long broken between words and indented.
fn broken(text: &str, width: i32) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.trim_end().lines() {
        let indent = " ".repeat(line.len() - line.trim_start().len() + 4);
        let mut rest = line.to_owned();
        while columns(&rest) > width {
            let end = rest.char_indices().nth(width as usize).map_or(rest.len(), |(at, _)| at);
            let from = rest.len() - rest.trim_start().len();
            let at = rest[from..end].rfind(' ').map_or(end, |at| from + at);
            if at >= rest.len() || at <= from {
                break;
            }
            let next = format!("{indent}{}", rest[at..].trim_start());
            lines.push(rest[..at].trim_end().to_owned());
            rest = next;
        }
        lines.push(rest);
    }
    lines
}
