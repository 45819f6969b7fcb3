//! The formatter over random programs: [`formatting::hold`].

use std::path::Path;

use crate::formatting;
use crate::random::Random;
use crate::report;
use crate::{SHOWN_MAX, next_case};

/// A program whose streams say more of their fields: how they are written, and in which column they stand.
fn dressed(program: &str, random: &mut Random) -> String {
    let mut text = String::new();
    let mut is_stream = false;
    for line in program.lines() {
        is_stream = (is_stream || line.starts_with("stream ")) && line != "}";
        let field = line.strip_prefix("    ").filter(|field| is_stream && !field.starts_with("event time"));
        match field.and_then(|field| field.split_once(' ')) {
            Some((name, ty)) => text.push_str(&field_line(name, ty, random)),
            None if is_stream && line.contains("event time") && random.below(3) == 0 => {
                text.push_str(&format!("{line}, idle 90s\n"));
            }
            None => text.push_str(&format!("{line}\n")),
        }
    }
    text
}

fn field_line(name: &str, ty: &str, random: &mut Random) -> String {
    let (bare, null) = ty.strip_suffix('?').map_or((ty, ""), |bare| (bare, "?"));
    let form = match (bare, random.below(4)) {
        ("timestamp", 0) => "timestamp(\"%d/%m/%Y %H:%M\", \"Europe/Paris\")",
        ("timestamp", 1) => "timestamp( \"s\" )",
        ("int", 0) => "int(\"1,234\")",
        ("float", 0) => "float( \"1.234,5\")",
        ("decimal(2)", 0) => "decimal(2, \"1 234,56\")",
        _ => bare,
    };
    let from = match random.below(5) {
        0 => "  from \"Column \\\"Name\\\"\"".to_owned(),
        1 => format!(" from \"a.{name}\""),
        _ => String::new(),
    };
    let doc = if random.below(5) == 0 { "    /// What it says.\n" } else { "" };
    format!("{doc}    {name} {form}{null}{from}\n")
}

/// Formats so many programs. Whether all keep what they must.
pub(crate) fn check(seed: u64, numbers: std::ops::Range<u64>) -> bool {
    let count = numbers.end - numbers.start;
    let mut differing = 0;
    for number in numbers {
        let mut random = Random::of_case(seed, number);
        let Some(case) = next_case(&mut random, &mut Default::default()) else { continue };
        let program = case.program.to_string();
        let mut texts = vec![dressed(&program, &mut random), program];
        // Its events as a test: long, and all alike.
        if number.is_multiple_of(10) {
            texts.push(report::case_file(&case));
        }
        let failed = texts.iter().find_map(|text| {
            match formatting::hold(Path::new("case.cep"), text, random.next()) {
                Ok(true) => None,
                Ok(false) => Some(format!("the grammar refuses\n{text}")),
                Err(why) => Some(why),
            }
        });
        if let Some(why) = failed {
            differing += 1;
            if differing <= SHOWN_MAX {
                println!("// case {number}\n{why}");
            }
        }
    }
    println!("oracle: formatted={count} differ={differing}");
    differing == 0
}
