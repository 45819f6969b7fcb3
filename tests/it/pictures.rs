//! `ensue explain --svg` and `--dot`: what is drawn, and that others can read it.

use crate::folder::{Folder, run};
use crate::xml;

const PATTERNS: &str = r#"
stream s { k string  v int  t string  at timestamp  event time at }

/// Less than "three" & more <b>.
pattern drawn {
    on s where v > 0 by k
    match not q where t == "<q>" for 5m
    then a+ where v < 5 gap 30s
    then not x where t == "x"
    then ( b where t == "b" then c? where t == "c" within 3m ){2,}
    next f{10} where t == "f"
    then z* where t != "y" until v > 9
    then not m where t == "m" for 5m
    within 1h
    having count(a) > 2
    emit alert { k: k }
}

pattern short {
    on s by k
    match one of ( d where v == 1, e where v == 2 )
    next  not y where v == 3
    then  w
    within 1h
    emit alert { k: k }
}
"#;

fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("pictures-{name}"));
    folder.write("p.cep", PATTERNS);
    folder
}

/// A number of an attribute.
fn number(element: &xml::Element, name: &str) -> f64 {
    let value = element.attribute(name).unwrap_or_else(|| panic!("{element:?} has no {name}"));
    value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number"))
}

#[test]
fn a_picture_is_one_document_with_all_that_explain_says() {
    let folder = folder("svg");
    let (code, svg) = run(&folder, "explain p.cep --svg");
    assert_eq!(code, Some(0), "{svg}");
    let elements = xml::read(&svg).expect("well-formed");
    assert_eq!(elements[0].name, "svg");
    let texts: Vec<&str> =
        elements.iter().filter(|element| element.name == "text").map(|one| one.text.as_str()).collect();
    let has = |wanted: &str| texts.iter().any(|text| text.replace('\u{a0}', " ").contains(wanted));
    for wanted in [
        "pattern drawn",
        "Less than \"three\" & more <b>.",
        "of s only where v > 0: checked before the key is looked up",
        "pattern short",
        "start",
        "f × 9",
        "#6 to #14",
        "not q",
        "for 5m before",
        "gap < 30s",
        "if none before fits",
        "5m without m",
        "until it ends",
        "t == \"<q>\"",
        "a run, a match under way, lives less than 1h",
        "the group of b, c lives less than 3m",
        "z until v > 9",
        "having count(a) > 2",
        "match",
        "emit alert",
        "executor",
    ] {
        assert!(has(wanted), "{wanted:?} in {texts:#?}");
    }
    let absences = elements.iter().filter(|element| element.attribute("class") == Some("absence"));
    assert_eq!(absences.count(), 4, "q, x, m and y stand in dashed boxes");
    assert!(svg.contains("prefers-color-scheme: dark") && svg.contains("stroke-dasharray"));
}

#[test]
fn all_text_of_a_picture_is_inside_of_it() {
    let (_, svg) = run(&folder("inside"), "explain p.cep --svg");
    let elements = xml::read(&svg).expect("well-formed");
    let (width, height) = (number(&elements[0], "width"), number(&elements[0], "height"));
    assert_eq!(elements[0].attribute("viewBox"), Some(format!("0 0 {width} {height}").as_str()));
    let mut texts = 0;
    for text in elements.iter().filter(|element| element.name == "text") {
        let moved = |axis: usize| -> f64 {
            let moves = text.around.iter().filter_map(|at| elements[*at].attribute("transform"));
            moves.map(|moves| translated(moves)[axis]).sum()
        };
        let length = number(text, "textLength");
        let shown = text.text.chars().count() as f64 * 8.0;
        assert_eq!(length, shown, "{text:?}");
        let left = match text.attribute("text-anchor") {
            Some("middle") => number(text, "x") - length / 2.0,
            _ => number(text, "x"),
        };
        let (left, bottom) = (moved(0) + left, moved(1) + number(text, "y"));
        assert!(left >= 0.0 && left + length <= width, "{text:?} from {left} in {width}");
        assert!(bottom >= 12.0 && bottom + 4.0 <= height, "{text:?} at {bottom} in {height}");
        texts += 1;
    }
    assert!(texts > 50, "the texts were found: {texts}");
}

/// The numbers of `translate(x y)`.
fn translated(text: &str) -> [f64; 2] {
    let inside = text.trim_start_matches("translate(").trim_end_matches(')');
    let numbers: Vec<f64> = inside.split(' ').map(|number| number.parse().expect("a number")).collect();
    [numbers[0], numbers[1]]
}

#[test]
fn a_graph_for_graphviz_has_the_same_boxes_and_arrows() {
    let folder = folder("dot");
    let (code, dot) = run(&folder, "explain p.cep --dot");
    assert_eq!(code, Some(0), "{dot}");
    assert!(dot.starts_with("digraph \"drawn\" {\n") && dot.contains("digraph \"short\" {\n"), "{dot}");
    for line in [
        r#"[label="f × 9\n#6 to #14"];"#,
        r#"[label="not q", style="rounded,dashed"];"#,
        r#"[label="for 5m before", style=dashed];"#,
        r#"[label="5m without m"];"#,
    ] {
        assert!(dot.contains(line), "{line} in {dot}");
    }
    assert!(dot.contains(r#"t == \"<q>\""#), "quotes are escaped: {dot}");
    // A quote opens and closes within its line, and an arrow leads from box to box.
    for line in dot.lines() {
        let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        assert_eq!(quotes % 2, 0, "{line}");
        if let Some((from, rest)) = line.trim().split_once(" -> ") {
            let to = rest.split(' ').next().expect("a box");
            assert!(dot.contains(&format!("    {from} [")) && dot.contains(&format!("    {to} [")), "{line}");
        }
    }
    assert_eq!(dot.matches("}\n").count(), 2);
}

#[test]
fn one_picture_is_asked_for_and_codes_have_none() {
    let folder = folder("asked");
    let (_, one) = run(&folder, "explain p.cep short --svg");
    assert!(one.contains("pattern\u{a0}short") && !one.contains("pattern\u{a0}drawn"));
    assert_eq!(run(&folder, "explain p.cep --svg --dot").0, Some(2));
    let (code, said) = run(&folder, "explain E0203 --svg");
    assert_eq!((code, said.starts_with("error: a code has no picture\n")), (Some(2), true), "{said}");
}

#[test]
fn the_text_tells_until_having_filters_and_bounds() {
    let (code, text) = run(&folder("text"), "explain p.cep drawn");
    assert_eq!(code, Some(0));
    for line in [
        "         of s only where v > 0: checked before the key is looked up\n",
        "  z until v > 9: per open run that could go on with it\n",
        "  having count(a) > 2: when a run reaches the end; until it holds the run goes on\n",
        "  the group of b, c lives less than 3m (its `within`)\n",
        "  open first events over all keys: at most 100 000 000 (`run --max-open`)\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
