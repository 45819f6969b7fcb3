//! The grammar's rules in words, for "expected …".

use super::grammar::Rule;

/// Declares the tokens that carry no meaning of their own, with how they are shown.
macro_rules! tokens {
    ($($rule:ident = $text:literal,)*) => {
        /// Whether the rule is a keyword, a mark or a comment.
        pub(super) fn is_token(rule: Rule) -> bool {
            matches!(rule, Rule::COMMENT | Rule::EOI $(| Rule::$rule)*)
        }

        /// A keyword or a mark as it is written.
        pub(super) fn token_text(rule: Rule) -> Option<&'static str> {
            match rule {
                $(Rule::$rule => Some($text),)*
                _ => None,
            }
        }
    };
}

tokens! {
    kw_use = "`use`",
    kw_stream = "`stream`",
    kw_event = "`event`",
    kw_time = "`time`",
    kw_from = "`from`",
    kw_disorder = "`disorder`",
    kw_idle = "`idle`",
    kw_table = "`table`",
    kw_let = "`let`",
    kw_over = "`over`",
    kw_by = "`by`",
    kw_pattern = "`pattern`",
    kw_meta = "`meta`",
    kw_on = "`on`",
    kw_any = "`any`",
    kw_of = "`of`",
    kw_where = "`where`",
    kw_until = "`until`",
    kw_gap = "`gap`",
    kw_for = "`for`",
    kw_within = "`within`",
    kw_having = "`having`",
    kw_skip = "`skip`",
    kw_none = "`none`",
    kw_to = "`to`",
    kw_next = "`next`",
    kw_past = "`past`",
    kw_last = "`last`",
    kw_first = "`first`",
    kw_limit = "`limit`",
    kw_per = "`per`",
    kw_keep = "`keep`",
    kw_key = "`key`",
    kw_drop = "`drop`",
    kw_oldest = "`oldest`",
    kw_newest = "`newest`",
    kw_fail = "`fail`",
    kw_emit = "`emit`",
    kw_tally = "`tally`",
    kw_timeout = "`timeout`",
    kw_test = "`test`",
    kw_given = "`given`",
    kw_watermark = "`watermark`",
    kw_expect = "`expect`",
    kw_nothing = "`nothing`",
    kw_late = "`late`",
    kw_and = "`and`",
    kw_in = "`in`",
    kw_between = "`between`",
    kw_is = "`is`",
    kw_if = "`if`",
    kw_then = "`then`",
    kw_else = "`else`",
    l_brace = "`{`",
    r_brace = "`}`",
    l_paren = "`(`",
    r_paren = "`)`",
    l_bracket = "`[`",
    r_bracket = "`]`",
    comma = "`,`",
    colon = "`:`",
    dot = "`.`",
    assign = "`=`",
    bar = "`|`",
}

/// How an expression, or any part of one, is called.
pub(super) const EXPRESSION: &str = "an expression";
/// How everything that can go on after an operand is called.
pub(super) const OPERATOR: &str = "an operator";
/// How the clauses of a pattern are called, where most of them could stand.
const CLAUSE: &str = "a clause such as `within`";
/// How the parts of a step are called, where most of them could stand.
const PART: &str = "a part of the step such as `where`";

/// At most so many things are named.
const NAMED_MAX: usize = 6;

/// A rule in words; empty where saying it helps no one.
pub(super) fn phrase(rule: Rule) -> &'static str {
    if let Some(text) = token_text(rule) {
        return text;
    }
    match rule {
        Rule::expr | Rule::conjunction | Rule::negation | Rule::comparison | Rule::coalesce | Rule::sum => {
            EXPRESSION
        }
        Rule::product | Rule::unary | Rule::postfix | Rule::primary | Rule::parens | Rule::argument => {
            EXPRESSION
        }
        Rule::conditional | Rule::call | Rule::bare_name | Rule::number | Rule::minus | Rule::list => {
            EXPRESSION
        }
        Rule::boolean | Rule::raw_string => EXPRESSION,
        Rule::null => "`null`",
        Rule::compare | Rule::compare_op | Rule::membership | Rule::between | Rule::text_match => OPERATOR,
        Rule::is_null | Rule::op_or | Rule::op_and | Rule::op_like | Rule::op_matches | Rule::sum_op => {
            OPERATOR
        }
        Rule::product_op | Rule::coalesce_op | Rule::member | Rule::index => OPERATOR,
        Rule::negated => "`not`",
        Rule::name => "a name",
        Rule::type_name => "a type",
        Rule::type_size => "`(`",
        Rule::nullable => "`?`",
        Rule::integer => "a whole number",
        Rule::duration => "a duration such as `10m`",
        Rule::string => "a string",
        Rule::instant => "a time such as `12:00:00`",
        Rule::field | Rule::table_field => "a field",
        Rule::event_time => "`event time`",
        Rule::from => "`from`",
        Rule::key_flag => "`key`",
        Rule::disorder => "`disorder`",
        Rule::idle => "`idle`",
        Rule::meta => "`meta`",
        Rule::sources => "`on`",
        Rule::source => "a stream",
        Rule::keys => "`by`",
        Rule::key | Rule::key_path => "a key",
        Rule::first_line | Rule::match_word => "`match`",
        Rule::mode | Rule::mode_all | Rule::mode_longest => "",
        Rule::element => "`then`, `next`",
        Rule::word_then | Rule::word_then_any => "`then`",
        Rule::word_next => "`next`",
        Rule::step | Rule::group_first => "a step",
        Rule::absence | Rule::group | Rule::choice | Rule::choice_kind => "a step",
        Rule::choice_one | Rule::choice_each => "a step",
        Rule::branch => "a branch",
        Rule::quantifier | Rule::q_optional | Rule::q_plus | Rule::q_star => "a quantifier",
        Rule::q_exact | Rule::q_open | Rule::q_between => "a quantifier",
        Rule::contiguity | Rule::contiguity_strict => "`strict`",
        Rule::contiguity_any => "`any`",
        Rule::greed | Rule::greedy | Rule::lazy => "`greedy`",
        Rule::of_stream => "`:`",
        Rule::condition => "`where`",
        Rule::until => "`until`",
        Rule::gap => "`gap`",
        Rule::wait => "`for`",
        Rule::within => "`within`",
        Rule::having => "`having`",
        Rule::skip => "`skip`",
        Rule::skip_none => "`none`",
        Rule::skip_next | Rule::skip_first | Rule::skip_last => "`to`",
        Rule::skip_past => "`past`",
        Rule::limit => "`limit`",
        Rule::keep => "`keep`",
        Rule::drop_oldest | Rule::drop_newest => "`drop`",
        Rule::keep_fail => "`fail`",
        Rule::emit => "`emit`",
        Rule::tally => "`tally`",
        Rule::timeout_emit => "`on timeout`",
        Rule::record => "`{`",
        Rule::entry => "a record entry",
        Rule::given => "`given`",
        Rule::watermark => "`watermark`",
        Rule::expect | Rule::expect_nothing | Rule::expect_timeout | Rule::expect_late => "`expect`",
        Rule::header => "a table, its columns in the first row",
        Rule::row => "a row",
        Rule::cell | Rule::cell_bare | Rule::cell_quoted => "a cell",
        _ => "",
    }
}

/// Whether the rule is a clause of a pattern, or the keyword of one.
pub(super) fn is_clause(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::within | Rule::having | Rule::skip | Rule::limit | Rule::keep | Rule::emit | Rule::tally
    ) || matches!(rule, Rule::timeout_emit | Rule::kw_having | Rule::kw_skip | Rule::kw_limit | Rule::kw_keep)
        || matches!(rule, Rule::kw_emit | Rule::kw_tally)
}

/// Whether the rule is what may follow a step's name.
fn is_part(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::quantifier
            | Rule::q_optional
            | Rule::q_plus
            | Rule::q_star
            | Rule::q_exact
            | Rule::q_open
            | Rule::q_between
            | Rule::contiguity
            | Rule::contiguity_strict
            | Rule::contiguity_any
            | Rule::greed
            | Rule::greedy
            | Rule::lazy
            | Rule::of_stream
            | Rule::condition
            | Rule::until
            | Rule::gap
            | Rule::colon
    ) || matches!(rule, Rule::kw_where | Rule::kw_until | Rule::kw_gap)
}

/// Whether the rule, tried beside operators, is one itself.
fn goes_on_with_operand(rule: Rule) -> bool {
    matches!(rule, Rule::l_bracket | Rule::l_paren | Rule::dot | Rule::negated)
        || matches!(rule, Rule::kw_is | Rule::kw_in | Rule::kw_between)
}

/// The rules as a list: "`,` or `}`".
pub(super) fn list(rules: &[Rule]) -> String {
    let count = |is: fn(Rule) -> bool| rules.iter().filter(|rule| is(**rule)).count();
    let many_clauses = count(is_clause) >= 3;
    let many_parts = count(is_part) >= 3;
    let after_operand =
        rules.iter().any(|rule| phrase(*rule) == OPERATOR) || rules.contains(&Rule::l_bracket);
    let mut named: Vec<&str> = Vec::new();
    for rule in rules {
        let phrase = match *rule {
            Rule::within | Rule::kw_within | Rule::kw_on if many_clauses => CLAUSE,
            rule if many_clauses && is_clause(rule) => CLAUSE,
            rule if many_parts && is_part(rule) => PART,
            rule if after_operand && goes_on_with_operand(rule) => OPERATOR,
            rule => phrase(rule),
        };
        if !phrase.is_empty() && !named.contains(&phrase) {
            named.push(phrase);
        }
    }
    // What only goes on with the line is said last, and first left out.
    named.sort_by_key(|phrase| [PART, CLAUSE, OPERATOR].iter().position(|late| late == phrase));
    named.truncate(NAMED_MAX);
    match named.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
