//! Every refusal, by its code; and that good programs are let through.

use super::check;
use crate::diag::{Code, Diagnostic, Severity};
use crate::lang::hir::Program;
use crate::lang::load::load_text;

/// Two streams that share a key and some fields.
const STREAMS: &str = r"
stream tx {
    card string
    amount decimal(2)
    kind string
    country string?
    merchant string?
    n int
    x float?
    present bool?
    wait duration?
    at timestamp
    event time at, disorder 5s
}
stream login {
    user string
    card string
    ok bool
    kind string
    at timestamp
    event time at
}
";

fn checked(text: &str) -> (Program, Vec<Diagnostic>) {
    let loaded = load_text("test.cep", text);
    assert!(loaded.diagnostics.is_empty(), "{text}\n{:#?}", loaded.diagnostics);
    check(&loaded.sources, &loaded.files)
}

/// The codes that a program with these items after the streams gives, warnings of unused streams aside.
fn codes(items: &str) -> Vec<Code> {
    let (_, diagnostics) = checked(&format!("{STREAMS}{items}"));
    diagnostics.iter().map(|diagnostic| diagnostic.code).filter(|code| *code != Code::UnusedItem).collect()
}

/// The one diagnostic of a program.
fn only(items: &str) -> Diagnostic {
    let (_, mut diagnostics) = checked(&format!("{STREAMS}{items}"));
    diagnostics.retain(|diagnostic| diagnostic.code != Code::UnusedItem);
    assert_eq!(diagnostics.len(), 1, "{items}\n{diagnostics:#?}");
    diagnostics.remove(0)
}

/// A pattern over `tx` with this body.
fn pattern(body: &str) -> String {
    format!("pattern p {{\n on tx by card\n {body}\n emit alert {{ card: card }}\n}}\n")
}

/// A pattern over `tx` with one step of this condition.
fn condition(condition: &str) -> String {
    pattern(&format!("match a where {condition}"))
}

fn good(items: &str) -> Program {
    let (program, diagnostics) = checked(&format!("{STREAMS}{items}"));
    let wrong: Vec<_> = diagnostics.iter().filter(|d| d.code != Code::UnusedItem).collect();
    assert!(wrong.is_empty(), "{items}\n{wrong:#?}");
    program
}

#[test]
fn the_example_programs_are_let_through() {
    for (name, text) in
        [("card", include_str!("fixtures/card.cep")), ("rules", include_str!("fixtures/rules.cep"))]
    {
        let (program, diagnostics) = checked(text);
        let errors: Vec<_> = diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error || d.code == Code::UnboundedState)
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        assert!(!program.tests.is_empty());
    }
}

/// Asserts that each text gives exactly this code, and a remedy that holds these words.
fn refused(cases: &[(Code, String, &str)]) {
    for (code, items, words) in cases {
        let diagnostic = only(items);
        assert_eq!(diagnostic.code, *code, "{items}\n{diagnostic:#?}");
        let said = diagnostic.help.join(" ");
        assert!(said.contains(words), "{items}\n{words:?} not in {said:?}\n{diagnostic:#?}");
    }
}

/// Declares a stream with these lines and an empty pattern over it, so that it is used.
fn stream(lines: &str) -> String {
    format!("stream s {{ {lines} }}\n pattern p {{ on s match a emit alert {{ }} }}")
}

#[test]
fn streams_are_refused() {
    let time = "at timestamp event time at";
    refused(&[
        (Code::UnknownType, stream(&format!("f strnig {time}")), "did you mean `string`?"),
        (Code::UnknownType, stream(&format!("f double {time}")), "`float`"),
        (Code::UnknownType, stream(&format!("f decimal {time}")), "decimal(2)"),
        (Code::UnknownType, stream(&format!("f decimal(19) {time}")), "decimal(18)"),
        (Code::UnknownType, stream(&format!("f int(3) {time}")), "decimal(3)"),
        (Code::DuplicateName, stream(&format!("f int f int {time}")), "rename"),
        (Code::BadEventTime, stream("at timestamp"), "event time at, disorder 5s"),
        (Code::BadEventTime, stream("f int"), "at timestamp"),
        (Code::BadEventTime, stream("at int event time at"), "`at timestamp`"),
        (Code::BadEventTime, stream("at timestamp? event time at"), "without `?`"),
        (Code::BadEventTime, stream("at timestamp event time att"), "write `event time at`"),
        (Code::BadClause, stream("at timestamp event time at, idle 0s"), ""),
        (Code::DuplicateName, "stream tx { at timestamp event time at }".to_owned(), "rename"),
        (Code::DuplicateName, format!("{0}{0}", pattern("match a")), "rename"),
    ]);
}

#[test]
fn a_path_is_cut_at_its_points() {
    let program = good(&stream("city string? from \"geo.city\" at timestamp event time at"));
    let stream = program.stream(program.stream_named("s").expect("the stream"));
    assert_eq!(stream.fields[0].path, ["geo", "city"]);
    assert!(stream.fields[0].nullable);
}

#[test]
fn what_is_planned_is_answered_once() {
    let items = "table risky { merchant string key }\n let spent = sum(tx.amount) over 1h by card\n";
    let uses = pattern("match a where merchant in risky and spent > 5 and risky[merchant].reason == \"x\"");
    assert_eq!(codes(&format!("{items}{uses}")), [Code::NotYet, Code::NotYet]);
}

#[test]
fn sources_and_keys_are_refused() {
    let on = |on: &str| format!("pattern p {{ on {on} match a emit alert {{ }} }}");
    refused(&[
        (Code::UnknownStream, on("txx"), "did you mean `tx`?"),
        (Code::DuplicateName, on("tx, tx"), "once"),
        (Code::BadKey, on("tx by crad"), "did you mean `card`?"),
        (Code::BadKey, on("tx, login by user"), "by login.user = tx.FIELD"),
        (Code::BadKey, on("tx, login by tx.card"), "tx.card = login.FIELD"),
        (Code::BadKey, on("tx, login by tx.n = login.card"), "one type"),
        (Code::UnknownStream, on("tx by txx.card"), "did you mean `tx`?"),
        (Code::UnknownField, on("tx by tx.crad"), "did you mean `card`?"),
        (Code::DuplicateName, on("tx by card, card"), "once"),
        (Code::UnknownField, on("tx where okay by card"), "fields"),
        (Code::UnknownField, on("tx where user == \"u\", login by card"), ""),
        (Code::NotACondition, on("tx where amount by card"), "amount > 0"),
        (Code::NotHere, on("tx where a.amount > 5 by card"), "`where` of a step"),
    ]);
    good("pattern p { on tx, login by tx.card = login.user match a emit alert { card: card } }");
}

#[test]
fn names_are_refused() {
    refused(&[
        (Code::UnknownField, condition("amonut > 5"), "did you mean `amount`?"),
        (
            Code::UnknownField,
            pattern("match a then b where a.amonut > 5 within 1h"),
            "did you mean `amount`?",
        ),
        (
            Code::UnknownStep,
            pattern("match small then b where smal.amount > 5 within 1h"),
            "did you mean `small`?",
        ),
        (Code::UnknownStep, condition("tx.amount > 5"), "write `amount`"),
        (Code::UnknownStep, condition("kind.x > 5"), "from"),
        (Code::LaterStep, pattern("match a where b.amount > 5 then b within 1h"), "condition of `b`"),
        (Code::DuplicateName, pattern("match a then a within 1h"), "a{2}"),
        (Code::NameShadows, pattern("match amount"), "amount_event"),
        (Code::NameShadows, pattern("match login"), "login_event"),
        (Code::NotHere, condition("a.amount > 5"), "write `amount`"),
        (Code::NotHere, pattern("match a then b where a == 5 within 1h"), "`a.card`"),
        (Code::NotHere, pattern("match a then not b then c where b.n > 1 within 1h"), ""),
        (Code::NotHere, pattern("match one of (a, b where a.n > 1)"), "each of"),
        (
            Code::AmbiguousField,
            "pattern p { on tx, login by card match a where amount > 5 emit alert { } }".to_owned(),
            "`a: tx`",
        ),
        (
            Code::UnknownField,
            "pattern p { on tx, login by card match a: login where amount > 5 emit alert { } }".to_owned(),
            "fields",
        ),
        (Code::UnknownStream, pattern("match a: login"), "on tx, login"),
        (Code::UnknownStream, pattern("match a: logni"), ""),
        (Code::UnknownFunction, condition("lne(kind) > 5"), "did you mean `len`?"),
        (Code::UnknownFunction, condition("average(n) > 5"), "`avg`"),
    ]);
}

#[test]
fn loops_are_read_through_aggregates() {
    refused(&[
        (Code::BareLoopField, pattern("match a{2} then b where n > a.n within 1h"), "first(a).n"),
        (Code::BareLoopField, pattern("match a{2} where n > a.n within 1h"), "prev(n)"),
        (Code::BareLoopField, pattern("match ( a then b ){2} then c where n > a.n within 1h"), "last(a).n"),
        (Code::NotALoop, condition("n > prev(n)"), "a{2,}"),
        (Code::NotALoop, pattern("match a then b where n > prev(n) within 1h"), "`a.n`"),
        (Code::NotALoop, condition("n > avg(a.n)"), "quantifier"),
        (Code::BadArguments, pattern("match a{2} where n > avg(n) within 1h"), "avg(a.n)"),
        (Code::BadArguments, pattern("match a{2} then b where n > sum(a) within 1h"), "sum(a.card)"),
        (Code::NotHere, pattern("match a{2} then b where n > first(a) within 1h"), "first(a).card"),
        (Code::TypeMismatch, pattern("match a{2} then b where n > avg(a.kind) within 1h"), "count"),
    ]);
    good(&pattern(
        "match a{2} then b where n > avg(a.n) and n > a[0].n and n > first(a).n and kind not in a.kind within 1h",
    ));
    good(&pattern("match ( a then b where n > a.n ){2} within 1h"));
    good(&pattern("match a? then b where a is null or n > a.n within 1h"));
    good(&pattern("match each of (a, b where a is null or n > a.n) within 1h"));
    good(&pattern("match a{2,} where n > prev(n) and count(a) < 5 then b within 1h"));
}

#[test]
fn conjuncts_know_what_they_read() {
    let program = good(&pattern(
        "match a{3} where kind == \"x\" and n > prev(n) and n > 2 * avg(a.n) and sum(a.n) < 5 and count(a) < 9 and kind not in a.kind within 1h",
    ));
    let conditions = &program.patterns[0].steps[0].conditions;
    let seen: Vec<(bool, bool)> = conditions.iter().map(|c| (c.local, c.waived_while_empty)).collect();
    assert_eq!(
        seen,
        [(true, false), (false, true), (false, true), (false, false), (false, false), (false, false)]
    );
}

#[test]
fn types_are_refused() {
    refused(&[
        (Code::TypeMismatch, condition("amount == \"5.00\""), "`5.00` without quotes"),
        (Code::TypeMismatch, condition("kind == 5"), "`\"5\"` in quotes"),
        (Code::TypeMismatch, condition("kind > n"), "float(kind)"),
        (Code::TypeMismatch, condition("present == \"true\""), "`true` without quotes"),
        (Code::TypeMismatch, condition("wait > 5"), "`5s`"),
        (Code::TypeMismatch, condition("merchant == null"), "merchant is null"),
        (Code::TypeMismatch, condition("present > true"), "=="),
        (Code::TypeMismatch, condition("n in (1, \"2\")"), "`2` without quotes"),
        (Code::TypeMismatch, condition("n between 1 and \"2\""), "`2` without quotes"),
        (Code::TypeMismatch, condition("n like \"5%\""), "string(n)"),
        (Code::TypeMismatch, condition("kind + n == \"x\""), "string(n)"),
        (Code::TypeMismatch, condition("at + 5 > at"), "`5m`"),
        (Code::TypeMismatch, condition("-present"), "not present"),
        (Code::TypeMismatch, condition("(if present then 5 else \"x\") == 5"), "one type"),
        (Code::TypeMismatch, condition("(merchant ?? 5) == \"x\""), "one type"),
        (Code::TypeMismatch, condition("max(n, kind) == 5"), "one type"),
        (Code::TypeMismatch, condition("amount * 0.12345678901234567 > 5"), "float("),
        (Code::NotACondition, condition("amount"), "amount > 0"),
        (Code::NotACondition, condition("kind and present"), "kind =="),
        (Code::NotACondition, condition("null"), "is null"),
        (Code::ChainedComparison, condition("1 < n < 5"), "1 < n and n < 5"),
        (Code::BadArguments, condition("len(n) > 5"), "string(n)"),
        (Code::BadArguments, condition("len() > 5"), "len(text)"),
        (Code::BadArguments, condition("hour(at, \"Mars/Base\") > 5"), "UTC"),
        (Code::BadArguments, condition("hour(at, kind) > 5"), "UTC"),
        (Code::BadLiteral, condition("kind matches \"(\""), "backslash"),
        (Code::BadLiteral, condition("kind matches merchant"), "contains"),
        (Code::BadLiteral, condition("n > 99999999999999999999"), "exponent"),
        (Code::BadLiteral, condition("at > \"yesterday\""), "2026-01-31T12:00:00Z"),
        (Code::NotHere, condition("kind in merchant"), "in (merchant)"),
        (Code::NotHere, pattern("match a then b where n in a within 1h"), "in a.card"),
        (Code::NotHere, condition("count(a where n > 5) > 1"), "`where` of the step"),
    ]);
    for right in [
        "at > \"2026-01-31T12:00:00Z\"",
        "at - 5m > \"2026-01-31T12:00:00Z\" and (at - at) / 1h > 0.5 and wait * 2 > 5m",
        "amount * 2 > 5 and amount > 5.001 and n / 2 > 1.5e3 and amount % 2 == 1",
        "n > -9223372036854775808",
        "min(n, amount, x) > 5 and abs(wait) > 5m and round(amount) == 5",
        "kind like \"50%\" and kind not matches r\"^[0-9]{4}$\" and merchant is not null",
        "hour(at, \"Europe/Paris\") between 1 and 5 and weekday(at) not in (6, 7)",
        "(if present then n else amount) > 5 and (merchant ?? kind) == \"x\"",
        "kind + \"x\" == concat(kind, n) and string(n) == \"5\" and int(kind) == 5",
        "not present and not (n == 5 or n == 6)",
    ] {
        good(&condition(right));
    }
}

#[test]
fn records_are_refused() {
    let emit = |emit: &str| format!("pattern p {{ on tx by card match a{{2}} then b within 1h {emit} }}");
    refused(&[
        (Code::BareFieldInEmit, emit("emit alert { x: amount }"), "`last(a).amount` or `b.amount`"),
        (Code::BareFieldInEmit, emit("emit alert { x: \"{amount}\" }"), "`b.amount`"),
        (Code::UnknownName, emit("emit alert { x: crad }"), "did you mean `card`?"),
        (Code::ReservedName, emit("emit alert { at: b.at }"), "first_at"),
        (Code::ReservedName, emit("emit alert { meta: 5 }"), "another name"),
        (Code::DuplicateName, emit("emit alert { x: 5, x: 6 }"), "remove"),
        (Code::DuplicateName, emit("emit login { x: 5 }"), "login_alert"),
        (Code::BadClause, emit("emit alert { x: 5 } emit alert { y: 5 }"), "join"),
        (Code::EmitRequired, emit(""), "emit alert { card: card }"),
        (Code::EmitType, emit("emit alert { x: null }"), "leave it out"),
        (Code::BadLiteral, emit("emit alert { x: \"a {} b\" }"), "{{"),
        (Code::BadLiteral, emit("emit alert { x: \"a {b.n\" }"), "{{"),
        (Code::NotHere, emit("emit alert { x: a }"), "count(a)"),
        (Code::NotHere, emit("emit alert { x: prev(n) }"), "last(a).f"),
        (
            Code::NotHere,
            "pattern p { meta { x: 1 + 1 } on tx by card match a emit alert { } }".to_owned(),
            "emit",
        ),
        (
            Code::EmitType,
            format!("{}pattern q {{ on tx by card match a emit alert {{ card: a.n }} }}", pattern("match a")),
            "string(",
        ),
    ]);
    let program = good(&emit("emit alert { x: \"{{{b.n}}} \\\"{card}\\\"\", y: r\"{card}\", z: \"{{\" }"));
    let fields = &program.patterns[0].emits[0].fields;
    let shown: Vec<String> = fields.iter().map(|field| format!("{:?}", field.1)).collect();
    assert!(shown[0].starts_with("Interpolate([Const(String(\"{\"))"), "{}", shown[0]);
    assert_eq!(shown[1], "Const(String(\"{card}\"))");
    assert_eq!(shown[2], "Const(String(\"{\"))");
}

#[test]
fn outputs_share_a_schema() {
    let program = good(
        "pattern p { on tx by card match a emit alert { v: 1, w: a.kind } }
         pattern q { on tx by card match a emit alert { v: a.amount, u: a.n } }
         pattern r { on alert by pattern match a where v > 5 emit again { v: a.v } }",
    );
    let alert = program.stream(program.stream_named("alert").expect("the output"));
    let names: Vec<&str> = alert.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["at", "pattern", "id", "v", "w", "u"]);
    assert_eq!(alert.fields[3].ty.to_string(), "decimal(2)");
    assert!(format!("{:?}", program.patterns[0].emits[0].fields[0].1).starts_with("Convert(Decimal(2)"));
    assert_eq!(program.patterns.iter().map(|pattern| pattern.level).collect::<Vec<_>>(), [0, 0, 1]);
    let order: Vec<&str> = program.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(order, ["tx", "login", "alert", "again"]);
}

#[test]
fn cycles_of_streams_are_refused() {
    refused(&[
        (Code::StreamCycle, "pattern p { on one match a emit one { x: 5 } }".to_owned(), "another name"),
        (
            Code::StreamCycle,
            "pattern p { on one match a where nix > 5 emit two { x: a.y } } pattern q { on two match a emit one { x: a.z } }".to_owned(),
            "another name",
        ),
    ]);
}

#[test]
fn quantifiers_and_modifiers_are_refused() {
    refused(&[
        (Code::BadQuantifier, pattern("match a{0} then b within 1h"), "not"),
        (Code::BadQuantifier, pattern("match a{3,2} then b within 1h"), "{2,3}"),
        (Code::TooLarge, pattern("match a{5000} within 1h"), "having"),
        (Code::TooLarge, pattern("match ( a{100} then b ){100} within 1h"), "having"),
        (Code::BadQuantifier, pattern("match a strict then b within 1h"), "a+"),
        (Code::BadQuantifier, pattern("match a until n > 5 then b within 1h"), "a+"),
        (Code::BadQuantifier, pattern("match ( a then b ) strict within 1h"), "( … )+"),
        (Code::BadQuantifier, pattern("match one of (a, b) strict within 1h"), "leave it out"),
        (Code::BadGreed, pattern("match a{3} greedy then b within 1h"), "a{3,} greedy"),
        (Code::BadGreed, pattern("match a lazy then b within 1h"), "a+ lazy"),
        (Code::BadGreed, pattern("match a+ any greedy then b within 1h"), "leave one"),
        (Code::BadGreed, pattern("match ( a then b )+ greedy then c within 1h"), "inside the group"),
        (Code::EmptyMatch, pattern("match a then ( b? then c? )+ then d within 1h"), "required"),
        (Code::BadChoice, pattern("match one of (a, b){3} within 1h"), "( one of (…) ){3}"),
        (Code::BadChoice, pattern("match one of (a) within 1h"), "alone"),
        (Code::BadChoice, pattern("match 3 of (a, b) within 1h"), "1 to 2"),
        (Code::BadChoice, pattern("match one of (a+, b) within 1h"), "out of the choice"),
        (Code::BadChoice, pattern("match each of (a gap 5s, b) within 1h"), "(…) gap 5s"),
        (Code::TooLarge, pattern("match each of (a, b, c, d, e, f, g, h, i) within 1h"), "one of"),
    ]);
    for right in [
        "a? greedy",
        "a+ lazy",
        "a+ any lazy",
        "a{2,4} strict greedy until n > 5 gap 5s",
        "( a ){2,3} strict",
    ] {
        good(&pattern(&format!("match {right} then b within 1h")));
    }
}

#[test]
fn absences_are_refused() {
    refused(&[
        (Code::AbsenceUnanchored, pattern("match a? then not b then c within 1h"), "required"),
        (Code::AbsenceUnanchored, pattern("match not a for 5m"), "step"),
        (Code::AbsenceBeforeOptional, pattern("match all a then not b then c? within 1h"), "for 5m"),
        (Code::AbsenceBeforeOptional, pattern("match not a for 5m then b? then c within 1h"), "required"),
        (Code::AbsenceInGroup, pattern("match a then ( not b then c then d ) within 1h"), "before the group"),
        (Code::AbsenceInGroup, pattern("match a then ( c then d then not b ) within 1h"), "after the group"),
        (Code::AbsenceWait, pattern("match a then not b for 5m then c within 1h"), "leave `for 5m` out"),
        (Code::AbsenceWait, pattern("match a then not b"), "for 5m"),
        (Code::AbsenceWait, pattern("match a next not b for 5m"), "then not b … for 5m"),
        (Code::AbsenceWait, pattern("match not b then a"), "for 5m"),
        (Code::AbsenceWait, pattern("match not b for 5m next a"), "then"),
        (Code::BadClause, pattern("match a then not b for 0s"), "for 10m"),
        (Code::LaterStep, pattern("match a then not b where n > c.n then c within 1h"), "condition of `c`"),
    ]);
    for right in [
        "match not b where n > a.n for 5m then a",
        "match not b for 5m then not c for 1m then a",
        "match a then not b then not c then d within 1h",
        "match a next not b",
        "match a then not b within 1h",
        "match longest a+ then not b for 5m within 1h",
        "match a then ( b then not c then d ){2} within 1h",
    ] {
        good(&pattern(right));
    }
}

#[test]
fn modes_are_refused() {
    refused(&[
        (
            Code::LastNeverMore,
            pattern("match a{5,} within 1h"),
            "`a{5}` for an alert at the fifth, or `match longest`",
        ),
        (Code::LastNeverMore, pattern("match a then b+ within 1h"), "write `b`"),
        (Code::LastNeverMore, pattern("match a then b? within 1h"), "leave it out"),
        (Code::LastNeverMore, pattern("match a then ( b then c )? within 1h"), "leave it out"),
        (Code::LastNeverMore, pattern("match a then ( b then c{2,3} ) within 1h"), "c{2}"),
        (Code::LongestNeverEnds, pattern("match longest a+ keep 5 per key, drop oldest"), "within 10m"),
        (
            Code::LongestNeverEnds,
            pattern("match longest a then b? then c keep 5 per key, drop oldest"),
            "gap 30s",
        ),
        (Code::BadSkip, pattern("match a skip none"), "match all"),
        (Code::BadSkip, pattern("match longest a skip to next"), "leave `skip` out"),
        (Code::BadSkip, pattern("match a then not b for 5m skip to first b"), "takes an event"),
        (Code::UnknownStep, pattern("match small skip to last smal"), "did you mean `small`?"),
        (
            Code::TimeoutWithoutWindow,
            pattern("match a next b").replace("emit alert", "on timeout emit late { } emit alert"),
            "within 10m",
        ),
        (Code::BadClause, pattern("match a within 0s"), "within 10m"),
        (Code::BadClause, pattern("match a limit 0 per 1h"), "limit 1"),
        (Code::BadClause, pattern("match a limit 1 per 0s"), "per 10m"),
        (Code::BadClause, pattern("match a keep 0 per key, fail"), "keep 1"),
        (Code::UnboundedState, pattern("match a then b"), "within 10m"),
        (Code::UnboundedState, pattern("match a{3}"), "keep 1000"),
    ]);
    for right in [
        "match a{5,} within 1h having count(a) > 5",
        "match longest a+ within 1h",
        "match longest a+ strict",
        "match longest a+ gap 5s",
        "match all a+ skip to last a within 1h",
        "match a next b{2} strict",
        "match a then b gap 5m",
        "match a next ( b then c within 5m )",
    ] {
        good(&pattern(right));
    }
}

#[test]
fn the_help_of_a_last_loop_applies() {
    good(&pattern("match a{5} within 1h"));
    good(&pattern("match longest a{5,} within 1h"));
}

/// A test of `pattern("match a within 1h")` with this script.
fn script(script: &str) -> String {
    format!("{}test p \"title\" {{\n{script}\n}}\n", pattern("match a within 1h"))
}

#[test]
fn tests_are_refused() {
    let given = "given tx\n | at | card |\n | 12:00:00 | c |\n";
    refused(&[
        (Code::BadTest, script(given), "expect nothing"),
        (Code::BadTest, script("given txx\n | at |\n | 12:00:00 |\n expect nothing"), "did you mean `tx`?"),
        (Code::BadTest, script("given login\n | at |\n | 12:00:00 |\n expect nothing"), "tx"),
        (Code::BadTest, script("given tx\n | card |\n | c |\n expect nothing"), "add a column `at`"),
        (
            Code::BadTest,
            script("given tx\n | at | crad |\n | 12:00:00 | c |\n expect nothing"),
            "did you mean `card`?",
        ),
        (
            Code::BadTest,
            script("given tx\n | at | at |\n | 12:00:00 | 12:00:00 |\n expect nothing"),
            "remove",
        ),
        (
            Code::BadTest,
            script("given tx\n | at | card |\n | 12:00:00 |\n expect nothing"),
            "one cell for each",
        ),
        (Code::BadTest, script(&format!("{given} expect alrt\n | card |\n | c |")), "did you mean `alert`?"),
        (Code::BadTest, script(&format!("{given} expect timeout alert\n | card |\n | c |")), ""),
        (Code::BadTest, script(&format!("{given} expect late login\n | card |\n | c |")), "tx"),
        (
            Code::BadTest,
            script(&format!("{given} expect alert\n | card |\n | c |\n expect nothing")),
            "leave it out",
        ),
        (Code::BadTest, "test q \"title\" { expect nothing }".to_owned(), "no patterns"),
        (Code::BadCell, script("given tx\n | at |\n | noon |\n expect nothing"), "12:00:00"),
        (Code::BadCell, script("given tx\n | at |\n | |\n expect nothing"), "12:00:00"),
        (
            Code::BadCell,
            script("given tx\n | at | amount |\n | 12:00:00 | 1.234 |\n expect nothing"),
            "at most 2 digits",
        ),
        (
            Code::BadCell,
            script("given tx\n | at | n |\n | 12:00:00 | 1.5 |\n expect nothing"),
            "whole number",
        ),
        (
            Code::BadCell,
            script("given tx\n | at | n |\n | 12:00:00 | \"1\" |\n expect nothing"),
            "without quotes",
        ),
        (Code::BadCell, script("given tx\n | at | present |\n | 12:00:00 | yes |\n expect nothing"), "true"),
    ]);
}

#[test]
fn a_script_is_typed() {
    use crate::lang::hir::TestCommand;
    let program = good(&script(
        "given tx
            | at | card | amount | wait | merchant | kind |
            | 2d 12:00:00.25 | c1 | 5 | -5s | | \"\" |
            | 1970-01-03T12:00:01Z | c1 | | | m | x |
         expect alert
            | card |
            | c1 |
         expect late tx
            | at |
            | 12:00 |
         watermark 1d 00:00:00
         expect nothing",
    ));
    let test = &program.tests[0];
    assert_eq!(test.commands.len(), 4);
    let TestCommand::Given { rows, .. } = &test.commands[0] else { panic!("{test:?}") };
    let shown: Vec<String> = rows[0].iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["1970-01-03T12:00:00.250Z", "c1", "5.00", "-5s", "null", ""]);
    let TestCommand::Expect(blocks) = &test.commands[1] else { panic!("{test:?}") };
    assert_eq!(blocks.len(), 2);
    let TestCommand::Expect(blocks) = &test.commands[3] else { panic!("{test:?}") };
    assert!(blocks.is_empty());
    assert!(test.place.starts_with("test.cep:"), "{}", test.place);
}

#[test]
fn a_test_runs_what_its_pattern_reads_from() {
    let patterns = "pattern p { on tx by card match a emit alert { card: card } }
        pattern q { on alert by card match a emit again { card: card } }
        test q \"through\" { given tx\n | at |\n | 12:00:00 |\n expect nothing }
        test q \"given\" { given alert\n | at | card |\n | 12:00:00 | c |\n expect nothing }";
    let program = good(patterns);
    let runs: Vec<usize> = program.tests.iter().map(|test| test.patterns.len()).collect();
    assert_eq!(runs, [2, 1]);
}

#[test]
fn one_cause_is_told_once() {
    assert_eq!(
        codes(
            "pattern p { on txx by card match a where amount > 5 and a.x == 5 emit alert { x: a.amount, y: card } }"
        ),
        [Code::UnknownStream, Code::NotHere]
    );
    assert_eq!(
        codes(&condition("amonut > 5 and kindd == 5 and n == \"5\"")),
        [Code::UnknownField, Code::UnknownField, Code::TypeMismatch]
    );
    assert_eq!(
        codes(&condition("amonut + 5 > 6 and len(amonutt) == \"x\"")),
        [Code::UnknownField, Code::UnknownField,]
    );
}

#[test]
fn an_unused_stream_is_a_warning() {
    let unused = |items: &str| -> Vec<(Code, Severity)> {
        let (_, diagnostics) = checked(&format!("{STREAMS}{items}"));
        diagnostics.iter().map(|diagnostic| (diagnostic.code, diagnostic.severity)).collect()
    };
    assert_eq!(unused(&pattern("match a")), [(Code::UnusedItem, Severity::Warning)]);
    assert_eq!(unused(""), []);
    assert_eq!(unused(&condition("nix > 5")), [(Code::UnknownField, Severity::Error)]);
}

#[test]
fn no_program_makes_it_panic() {
    let texts = [include_str!("fixtures/card.cep"), include_str!("fixtures/rules.cep")];
    let extra = "then any ( a{2} within 5m )* strict not b for 0s one of (a, b) 3 of (a, b){2} until prev(x) {-1} null == in a.f";
    let mut seed: usize = 7;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..600 {
        let text = texts[next(texts.len())];
        let mut words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
        let others: Vec<&str> = words.iter().copied().chain(extra.split_inclusive(' ')).collect();
        for _ in 0..=next(6) {
            let at = next(words.len());
            match next(3) {
                0 => drop(words.remove(at)),
                1 => words[at] = others[next(others.len())],
                _ => words.insert(at, others[others.len() - 1 - next(others.len().min(60))]),
            }
        }
        let loaded = load_text("test.cep", &words.concat());
        check(&loaded.sources, &loaded.files);
    }
}

#[test]
fn a_group_of_one_step_is_that_step() {
    use crate::lang::hir::Node;
    let program = good(&pattern("match ( a where n > 5 ){3} strict gap 5s then ( b{2} )? then c within 1h"));
    let body = &program.patterns[0].body;
    let Node::Step(step) = &body[0] else { panic!("{body:?}") };
    assert_eq!((step.repeat.min, step.repeat.max), (3, Some(3)));
    assert!(step.gap.is_some());
    assert!(matches!(body[1], Node::Group(_)), "{body:?}");
}

#[test]
fn until_sees_the_events_of_every_stream() {
    good(
        "pattern p { on tx, login by card
            match fail{2,}: login where not ok until amount > 5 or ok then hit: login where ok within 1h
            emit alert { card: card } }",
    );
}
