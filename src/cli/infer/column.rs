//! What is seen of one column, and the type that takes all of it.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::tally::{Place, Tally, shortened};
use super::time::{Found, Ways, counter_unit, is_time_name, is_time_of_day, unit_since_1970};
use crate::event::Decimal;
use crate::io::RawText;

/// The most digits behind a point that are taken as exact; more are those of a computed number.
const EXACT_DIGITS_MAX: u32 = 4;

/// So many different values are counted.
const DIFFERENT_MAX: usize = 1_000_000;

/// What was seen of a column.
#[derive(Debug)]
pub(super) struct Column {
    /// The names that lead to it.
    pub(super) path: Vec<String>,
    /// Rows where it is not null.
    pub(super) values: u64,
    /// Values that some tools write for null.
    null_words: u64,
    /// What JSON says it is: texts, numbers, truth values, arrays.
    texts: u64,
    numbers: u64,
    bools: u64,
    arrays: u64,
    /// What all values could be.
    is_int: bool,
    is_number: bool,
    is_truth: bool,
    /// Whether some value says yes, and some no.
    says: (bool, bool),
    /// Marks between thousands and before the fraction that all values could have.
    marks: Vec<(char, char)>,
    /// The most digits behind each of them, and whether any stand there.
    marked_digits: usize,
    is_code: bool,
    digits_max: u32,
    whole_max: u32,
    least: f64,
    most: f64,
    last: f64,
    falls: u64,
    ways: Ways,
    /// Which values are times, and numbers.
    times: Tally,
    numerals: Tally,
    /// The first number with a currency.
    priced: Option<String>,
    is_clock: bool,
    hasher: RandomState,
    different: HashSet<u64>,
}

/// The type of a column, and why.
#[derive(Debug)]
pub(super) struct Guess {
    pub(super) ty: String,
    pub(super) nullable: bool,
    pub(super) notes: Vec<String>,
    /// How likely it is the event time; 0 for what cannot be.
    pub(super) time: u32,
    /// Where that is asked for: the type that makes an event time of it, and which rows it has one in.
    pub(super) nearly: Option<(String, String)>,
}

impl Column {
    pub(super) fn new(path: Vec<String>) -> Column {
        Column {
            path,
            values: 0,
            null_words: 0,
            texts: 0,
            numbers: 0,
            bools: 0,
            arrays: 0,
            is_int: true,
            is_number: true,
            is_truth: true,
            says: (false, false),
            marks: vec![(',', '.'), ('.', ',')],
            marked_digits: 0,
            is_code: false,
            digits_max: 0,
            whole_max: 0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            last: f64::NEG_INFINITY,
            falls: 0,
            ways: Ways::default(),
            times: Tally::default(),
            numerals: Tally::default(),
            priced: None,
            is_clock: true,
            hasher: RandomState::new(),
            different: HashSet::new(),
        }
    }

    /// How many different values it has, as far as they were counted.
    pub(super) fn different(&self) -> usize {
        self.different.len()
    }

    /// Looks at a value; `has_columns` says whether it stands in a file with columns, where all are texts.
    pub(super) fn see(&mut self, value: &RawText, has_columns: bool, place: Place<'_>) {
        match value {
            RawText::Null => {
                self.times.count(false, "", place);
                return;
            }
            RawText::Text(text) if has_columns => {
                if crate::io::is_null_word(text) {
                    self.null_words += 1;
                    self.times.count(false, text, place);
                    return;
                }
                self.see_number(text.trim());
                self.see_text(text, place);
                self.see_written(text.trim(), place);
            }
            RawText::Text(text) => {
                self.texts += 1;
                self.see_text(text, place);
            }
            RawText::Number(text) => {
                self.numbers += 1;
                self.see_number(text);
            }
            RawText::Bool(_) => self.bools += 1,
            RawText::Array => self.arrays += 1,
        }
        self.values += 1;
        if self.different.len() < DIFFERENT_MAX {
            self.different.insert(self.hasher.hash_one(format!("{value:?}")));
        }
    }

    /// Looks for what a text could have been a number or a time by.
    fn see_written(&mut self, text: &str, place: Place<'_>) {
        self.numerals.count(is_written_number(text), text, place);
        if self.priced.is_none() && is_price(text) {
            self.priced = Some(shortened(text));
        }
        self.is_clock = self.is_clock && is_time_of_day(text);
    }

    fn see_text(&mut self, text: &str, place: Place<'_>) {
        self.times.count(self.ways.see(text), text, place);
        // Where nothing but 0 and 1 is said, it is numbers.
        let said = crate::io::truth(text.trim()).filter(|_| !matches!(text.trim(), "0" | "1"));
        self.is_truth &= said.is_some();
        self.says = (self.says.0 || said == Some(true), self.says.1 || said == Some(false));
        self.marks.retain(|(group, point)| has_marks(text.trim(), *group, *point));
        let fraction =
            |(_, point): &(char, char)| text.trim().split_once(*point).map_or(0, |(_, rest)| rest.len());
        self.marked_digits = self.marked_digits.max(self.marks.first().map_or(0, fraction));
    }

    fn see_number(&mut self, text: &str) {
        if !self.is_number {
            return;
        }
        let plain = text.trim_start_matches(['-', '+']);
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = !plain.is_empty()
            && is_digits(whole)
            && is_digits(fraction)
            && !(whole.is_empty() && fraction.is_empty());
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let Some(number) = number.filter(|_| plain.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
        else {
            self.is_number = false;
            return;
        };
        self.is_int = self.is_int
            && is_plain
            && !plain.contains('.')
            && text.trim_start_matches('+').parse::<i64>().is_ok();
        // A code of digits, such as a postal code: as a number it would lose its zeros.
        self.is_code |= is_plain && whole.len() > 1 && whole.starts_with('0');
        if is_plain {
            self.digits_max =
                self.digits_max.max(fraction.trim_end_matches('0').len().max(fraction.len().min(2)) as u32);
            self.whole_max = self.whole_max.max(whole.len() as u32);
        } else {
            self.digits_max = u32::MAX;
        }
        (self.least, self.most) = (self.least.min(number), self.most.max(number));
        self.falls += u64::from(number < self.last);
        self.last = number;
    }

    /// The type that takes all of it, of so many rows; `None` with the reason where none does.
    pub(super) fn guess(&self, rows: u64, has_columns: bool) -> Result<Guess, String> {
        let mut guess = self.of_all(rows, has_columns)?;
        let rows_with = if guess.time == 0 { self.times.nearly(rows) } else { None };
        guess.nearly = self.ways.most().map(|found| found.ty).zip(rows_with);
        if guess.ty == "string" && guess.notes.is_empty() {
            guess.notes.extend(self.why_text(&guess));
        }
        Ok(guess)
    }

    /// Why it is a text, where most of it is something else.
    fn why_text(&self, guess: &Guess) -> Option<String> {
        if let Some((_, rows)) = &guess.nearly {
            return Some(format!("a time {rows}"));
        }
        if let Some(rows) = self.numerals.nearly(self.values) {
            return Some(format!("a number {rows}; it would be one if such cells were empty"));
        }
        if let Some(price) = &self.priced {
            return Some(format!("`{price}` is a text: numbers stand in the file without their currency"));
        }
        self.is_time_of_day().then(|| "a time of day, which no type reads by itself".to_owned())
    }

    /// Whether all values are times of day.
    pub(super) fn is_time_of_day(&self) -> bool {
        self.is_clock && self.values > 0 && self.ways.found().is_none()
    }

    fn of_all(&self, rows: u64, has_columns: bool) -> Result<Guess, String> {
        let nullable = self.values < rows;
        if self.values == 0 {
            return Ok(self.plain("string", true, "it is always empty"));
        }
        let kinds = [self.texts, self.numbers, self.bools, self.arrays];
        if self.arrays > 0 {
            return Err("an array, or an object too deep inside others".to_owned());
        }
        if !has_columns && kinds.iter().filter(|count| **count > 0).count() > 1 {
            return Err("values of different types".to_owned());
        }
        if self.bools > 0 {
            return Ok(self.plain("bool", nullable, ""));
        }
        let is_text = self.texts > 0;
        if (has_columns || is_text)
            && let Some(Found { ty, other }) = self.ways.found()
        {
            let unsure = |other| {
                format!(
                    "read with the day first, as no value shows which is the month; with the month first: {other}"
                )
            };
            let mut guess = self.plain(&ty, nullable, &other.map(unsure).unwrap_or_default());
            guess.time = if nullable { 0 } else { 40 + self.name_bonus() };
            return Ok(guess);
        }
        if !is_text && self.is_number && !self.is_code {
            return Ok(self.number(nullable));
        }
        if has_columns
            && !self.is_code
            && let Some((group, point)) = self.marks.first()
        {
            return Ok(self.marked(*group, *point, nullable));
        }
        if has_columns && self.is_truth && self.says == (true, true) {
            return Ok(self.plain("bool", nullable, ""));
        }
        // The words for null are texts like others here.
        let nullable = self.values + self.null_words < rows;
        let note = if self.is_code { "a code: as a number it would lose its first zeros" } else { "" };
        Ok(self.plain("string", nullable, note))
    }

    fn plain(&self, ty: &str, nullable: bool, note: &str) -> Guess {
        let notes = if note.is_empty() { Vec::new() } else { vec![note.to_owned()] };
        Guess { ty: ty.to_owned(), nullable, notes, time: 0, nearly: None }
    }

    /// A number with marks between its thousands.
    fn marked(&self, group: char, point: char, nullable: bool) -> Guess {
        let ty = match self.marked_digits {
            0 => format!("int(\"1{group}234\")"),
            digits if digits <= 15 => format!("decimal({}, \"1{group}234{point}56\")", digits.max(2)),
            _ => format!("float(\"1{group}234{point}56\")"),
        };
        self.plain(&ty, nullable, "")
    }

    /// The names that lead to it, as they are written after `from`.
    pub(super) fn shown(&self) -> String {
        self.path.join(".")
    }

    fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    fn name_bonus(&self) -> u32 {
        let name = self.name().to_lowercase();
        let is_birth = ["birth", "dob", "open", "expir", "valid"].iter().any(|part| name.contains(part));
        match is_time_name(&name) {
            _ if is_birth => 0,
            true => 20,
            false => 5,
        }
    }

    fn number(&self, nullable: bool) -> Guess {
        let is_time_like = !nullable && self.least >= 0.0;
        if is_time_like
            && is_time_name(self.name())
            && let Some(unit) = unit_since_1970(self.least, self.most)
        {
            let ty = if unit == "ms" { "timestamp".to_owned() } else { format!("timestamp(\"{unit}\")") };
            let mut guess = self.plain(&ty, false, "");
            guess.time = 30 + self.name_bonus();
            return guess;
        }
        if is_time_like
            && self.falls == 0
            && let Some(unit) = counter_unit(self.name())
        {
            let note = "a counter that only grows, read as a time since 1970: mind its unit";
            let mut guess = self.plain(&format!("timestamp(\"{unit}\")"), false, note);
            guess.time = 10 + self.name_bonus();
            return guess;
        }
        if self.is_int {
            let is_flag = self.least == 0.0 && self.most == 1.0;
            return self.plain("int", nullable, if is_flag { "0 or 1" } else { "" });
        }
        let is_place = ["lat", "lon"].iter().any(|part| self.name().to_lowercase().contains(part));
        let is_exact = self.digits_max <= EXACT_DIGITS_MAX && self.whole_max + self.digits_max <= 18;
        if is_exact && !is_place && self.digits_max <= u32::from(Decimal::MAX_SCALE) {
            return self.plain(&format!("decimal({})", self.digits_max.max(2)), nullable, "");
        }
        self.plain("float", nullable, "")
    }
}

/// Whether a text is a number, with marks between its thousands or without.
pub(super) fn is_written_number(text: &str) -> bool {
    let is_plain = || {
        let digits = text.trim_start_matches(['-', '+']);
        digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok()
    };
    is_plain() || has_marks(text, ',', '.') || has_marks(text, '.', ',')
}

/// Whether it is one beside a sign of money, or three letters that name a currency.
fn is_price(text: &str) -> bool {
    const SIGNS: [char; 5] = ['€', '$', '£', '¥', '%'];
    let is_code = |word: &str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let bare = match (text.split_once(' '), text.rsplit_once(' ')) {
        (Some((first, rest)), _) if is_code(first) => rest,
        (_, Some((rest, last))) if is_code(last) => rest,
        _ => text.trim_matches(SIGNS),
    };
    bare.len() < text.len() && is_written_number(bare.trim())
}

/// Whether a text is a number with these marks, such as `-1.234,56`.
fn has_marks(text: &str, group: char, point: char) -> bool {
    let text = text.trim_start_matches(['-', '+']);
    let (whole, fraction) = text.split_once(point).unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(group);
    let first = groups.next().unwrap_or_default();
    let mut others = groups.peekable();
    let is_short = others.peek().is_none() || first.len() <= 3;
    is_short
        && is_digits(first)
        && is_digits(fraction)
        && others.all(|digits| digits.len() == 3 && is_digits(digits))
}
