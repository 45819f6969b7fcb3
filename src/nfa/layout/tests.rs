//! Every pattern of the project is laid out and measured.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Layout, Rect, layout, text_width};
use crate::diag::Severity;
use crate::lang::{check, load};
use crate::nfa::build;
use crate::nfa::graph::Graph;

/// The graphs of all patterns of the examples and the corpus, with their names.
fn graphs() -> Vec<(String, Graph)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    add_files(&root.join("patterns"), &mut files);
    add_files(&root.join("tests/corpus"), &mut files);
    files.sort();
    let mut graphs = Vec::new();
    for path in files {
        let loaded = load::load(std::slice::from_ref(&path), &|path: &Path| fs::read_to_string(path));
        let (program, found) = check::check(&loaded.sources, &loaded.files);
        assert!(found.iter().all(|found| found.severity != Severity::Error), "{}", path.display());
        for pattern in &program.patterns {
            let automaton = build(pattern).expect("it is small");
            let name = format!("{}: {}", path.display(), pattern.name);
            graphs.push((name, Graph::of(&program, pattern, &automaton)));
        }
    }
    graphs
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            add_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "cep") {
            files.push(path);
        }
    }
}

fn overlap(left: Rect, right: Rect) -> bool {
    left.left < right.right()
        && right.left < left.right()
        && left.top < right.bottom()
        && right.top < left.bottom()
}

fn holds(layout: &Layout, rect: Rect) -> bool {
    rect.left >= 0 && rect.top >= 0 && rect.right() <= layout.size.0 && rect.bottom() <= layout.size.1
}

/// Points along a path of `M`, `L` and `C`.
fn points(path: &str) -> Vec<(f64, f64)> {
    let marks: Vec<(Option<char>, f64, f64)> = path
        .split(' ')
        .collect::<Vec<_>>()
        .chunks(2)
        .map(|pair| {
            let letter = pair[0].chars().next().filter(char::is_ascii_alphabetic);
            let x = pair[0].trim_start_matches(|c: char| c.is_ascii_alphabetic());
            (letter, x.parse().expect("a number"), pair[1].parse().expect("a number"))
        })
        .collect();
    let mut points = vec![(marks[0].1, marks[0].2)];
    let mut at = 1;
    while at < marks.len() {
        let (x, y) = *points.last().expect("a path begins somewhere");
        let step = |at: usize| (marks[at].1, marks[at].2);
        let mut curve =
            |f: &dyn Fn(f64) -> (f64, f64)| points.extend((1..=40).map(|n| f(f64::from(n) / 40.0)));
        if marks[at].0 == Some('C') {
            let (a, b, end) = (step(at), step(at + 1), step(at + 2));
            curve(&|t| {
                let s = 1.0 - t;
                let mix = |p: f64, q: f64, r: f64, u: f64| {
                    s * s * s * p + 3.0 * s * s * t * q + 3.0 * s * t * t * r + t * t * t * u
                };
                (mix(x, a.0, b.0, end.0), mix(y, a.1, b.1, end.1))
            });
            at += 3;
        } else {
            let end = step(at);
            curve(&|t| (x + (end.0 - x) * t, y + (end.1 - y) * t));
            at += 1;
        }
    }
    points
}

fn is_inside((x, y): (f64, f64), rect: Rect) -> bool {
    let is_between = |at: f64, low: i32, high: i32| at > f64::from(low) + 0.5 && at < f64::from(high) - 0.5;
    is_between(x, rect.left, rect.right()) && is_between(y, rect.top, rect.bottom())
}

#[test]
fn nothing_overlaps_and_nothing_is_cut_off() {
    let graphs = graphs();
    assert!(graphs.len() > 200, "the patterns were found: {}", graphs.len());
    for (name, graph) in &graphs {
        let layout = layout(graph);
        let labels: Vec<Rect> = layout.arrows.iter().filter_map(|arrow| arrow.label).collect();
        let all: Vec<Rect> = layout.boxes.iter().chain(&labels).copied().collect();
        for (at, rect) in all.iter().enumerate() {
            assert!(holds(&layout, *rect), "{name}: {rect:?} is not inside of {:?}", layout.size);
            for other in &all[..at] {
                assert!(!overlap(*rect, *other), "{name}: {rect:?} and {other:?} overlap\n{graph:?}");
            }
        }
        for (node, place) in graph.nodes.iter().zip(&layout.boxes) {
            assert!(text_width(&node.lines) < place.width, "{name}: {:?} has room", node.lines);
        }
        for (edge, arrow) in graph.edges.iter().zip(&layout.arrows) {
            assert_eq!(arrow.label.is_some(), !edge.lines.is_empty(), "{name}: what is said is shown");
            if let Some(label) = arrow.label {
                assert!(text_width(&edge.lines) <= label.width, "{name}: {:?} has room", edge.lines);
            }
        }
    }
}

#[test]
fn arrows_lead_from_box_to_box_and_through_none() {
    for (name, graph) in &graphs() {
        let layout = layout(graph);
        for (edge, arrow) in graph.edges.iter().zip(&layout.arrows) {
            let points = points(&arrow.path);
            for point in &points {
                let rect = Rect { left: point.0 as i32, top: point.1 as i32, width: 0, height: 0 };
                assert!(holds(&layout, rect), "{name}: {point:?} is not inside of {:?}", layout.size);
                let crossed = layout.boxes.iter().position(|place| is_inside(*point, *place));
                assert_eq!(crossed, None, "{name}: {edge:?} goes through a box at {point:?}");
            }
            let touches = |point: &(f64, f64), node: usize| {
                let place = layout.boxes[node];
                let grown = Rect {
                    left: place.left - 2,
                    top: place.top - 2,
                    width: place.width + 4,
                    height: place.height + 4,
                };
                is_inside(*point, grown)
            };
            assert!(touches(&points[0], edge.from), "{name}: {edge:?} begins at its box");
            assert!(touches(points.last().expect("points"), edge.to), "{name}: {edge:?} ends at its box");
        }
    }
}

#[test]
fn a_chain_is_level_and_goes_from_left_to_right() {
    let (_, graph) =
        graphs().into_iter().find(|(name, _)| name.ends_with("card_testing.cep: card_testing")).expect("it");
    let layout = layout(&graph);
    let middle = |place: &Rect| place.top + place.height / 2;
    assert!(layout.boxes.iter().all(|place| middle(place) == middle(&layout.boxes[0])), "{layout:?}");
    assert!(layout.boxes.windows(2).all(|pair| pair[0].right() < pair[1].left), "{layout:?}");
}
