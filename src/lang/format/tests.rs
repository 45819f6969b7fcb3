//! Twice is once, nothing is lost, and what it looks like. Random programs are formatted by `tests/oracle`, and every
//! file of the repository by `tests/it/format.rs`.

use super::*;

fn formatted(text: &str) -> String {
    let format = |text: &str| {
        format_text("t.cep", text).unwrap_or_else(|(sources, found)| {
            panic!("{}", crate::diag::render_text(&sources, &found, false))
        })
    };
    let once = format(text);
    assert_eq!(once, format(&once), "twice is not once");
    once
}

#[test]
fn every_construct_can_be_formatted() {
    formatted(include_str!("../parse/samples/design.cep"));
    formatted(include_str!("../parse/samples/constructs.cep"));
    formatted(include_str!("../parse/samples/rules.cep"));
}

#[test]
fn steps_fields_and_tables_stand_in_columns() {
    let text = "stream s{a int, card string? from \"x\" // why
        at timestamp event time at}
        pattern p{on s by card match all small{3,} where a<5.00 then any big where a>1_000 for_ever
        }"
    .replace("for_ever", "within 90s tally t{n:count(),}");
    let expected = "\
stream s {
    a     int
    card  string?  from \"x\"  // why
    at    timestamp
    event time at
}

pattern p {
    on s by card
    match all small{3,}  where a < 5.00
    then any  big        where a > 1_000
    within 90s
    tally t { n: count() }
}
";
    assert_eq!(formatted(&text), expected);
    let test = "test p \"t\" { given s
        | at | name |
        | 10 | \"\" |
        | 5 | |
        expect nothing }";
    let expected = "\
test p \"t\" {
    given s
        | at | name |
        | 10 | \"\"   |
        |  5 |      |
    expect nothing
}
";
    assert_eq!(formatted(test), expected);
}

#[test]
fn long_conditions_break_at_their_operators() {
    let text = "pattern p { on s match a where first_condition_of_all > 100.00 and second_condition > 200.00 and \
                third_condition in (\"one\", \"two\") emit x { y: 1 } }";
    let expected = "\
pattern p {
    on s
    match a  where first_condition_of_all > 100.00
               and second_condition > 200.00
               and third_condition in (\"one\", \"two\")
    emit x { y: 1 }
}
";
    assert_eq!(formatted(text), expected);
}

#[test]
fn comments_stay_where_a_line_can_break_and_else_go_above_it() {
    let text = "// head

// of p
pattern /* */ p {
    on s // source


    // above
    match // odd
      a where x // why
        and y
    emit x { /// doc
      y: 1, // one
      z: 2 }
} // end
// last";
    let text = text.replace("/* */ ", "");
    let expected = "\
// head

// of p
pattern p {
    on s  // source

    // above
    // odd
    match a  where x  // why
               and y
    emit x {
        /// doc
        y: 1,  // one
        z: 2,
    }
}  // end

// last
";
    assert_eq!(formatted(&text), expected);
}

#[test]
fn a_group_is_on_one_line_only_if_it_was() {
    let text = "pattern p { on s match (a where x then b){2} then (
        a then b within 1m)+ emit x { y: 1 } }";
    let expected = "\
pattern p {
    on s
    match (a where x then b){2}
    then  (
             a
        then b
        within 1m
    )+
    emit x { y: 1 }
}
";
    assert_eq!(formatted(text), expected);
}

#[test]
fn what_cannot_be_read_is_said_and_not_formatted() {
    let (_, found) = format_text("t.cep", "pattern p {").unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(format_text("t.cep", "").expect("it can be read"), "");
    assert_eq!(format_text("t.cep", "\u{feff}// x\r\n\r\n\r\n").expect("it can be read"), "// x\n");
}
