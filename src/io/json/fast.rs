//! The way of ordinary lines: one pass over the bytes, straight into columns.
//!
//! An ordinary line is an object whose members come in any order, each declared field once, with texts free of escapes
//! and values of their types. [`Fast::decode_row`] takes such a line, or says that it is *not sure*; it never says what
//! is wrong. Then the decoder beside it decides, and words the reason, so the two cannot disagree. What makes this way
//! fast is what it may assume:
//!
//! - The members of a line mostly are those of the line before, in the same order. Each place in an object has a
//!   *guess*: the bytes last seen between the value before and the value there, which were found to be good and to lead
//!   to this field. Comparing them is all that a comma, a name, a colon and blanks cost.
//! - Nothing is remembered of a value but what its column will hold. The row is staged in small cells, and becomes a row
//!   only when the whole line is known to be good, so there is nothing to take back.
//! - Which cells are of this line is known by its number, so nothing is cleared between lines.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::{Member, Wanted};
use crate::event::{BatchBuilder, Cell, Type, Value};
use crate::io::scalar;
use crate::io::scan::Scan;
use crate::io::staged::{Staged, plain_number};
use crate::lang::hir::Form;
use crate::time::EventTime;

/// Decodes the ordinary lines of one stream.
#[derive(Debug)]
pub(super) struct Fast {
    /// The objects on the way to the fields; the first is the line.
    levels: Vec<Level>,
    /// The declared fields.
    fields: Vec<Field>,
    /// The field of the event time.
    time: usize,
    /// How many fields may not be null.
    required: usize,
    /// The number of the line under way, which marks what was seen in it.
    line: u64,
}

/// An object whose members are looked at.
#[derive(Debug)]
struct Level {
    names: FxHashMap<Box<[u8]>, Target>,
    /// What to expect at each place.
    guesses: Vec<Guess>,
    /// The line that had it last.
    seen: u64,
}

/// What a member name leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    /// Nothing that is declared.
    Unread,
    Field(usize),
    Level(usize),
}

/// All that stands before a value: `{` or a comma, blanks, the name and the colon; as [`Scan::take_text`] wants it.
#[derive(Debug)]
struct Guess {
    first: u128,
    mask: u128,
    rest: Box<[u8]>,
    length: usize,
    target: Target,
}

/// A declared field, and what the line under way has for it.
#[derive(Debug)]
struct Field {
    ty: Type,
    nullable: bool,
    is_kept: bool,
    form: Form,
    /// The line that `staged` is of.
    seen: u64,
    staged: Staged,
}

/// How many places of an object have a guess, and how long it may be: what a line can make us keep.
const GUESSES_MAX: usize = 256;
const GUESS_BYTES_MAX: usize = 64;

impl Fast {
    /// For these fields and the member names that lead to them; `None` where a member leads to more than one field,
    /// which is not ordinary.
    pub(super) fn new(wanted: &[Wanted], root: &[Member]) -> Option<Fast> {
        let mut levels = Vec::new();
        add_level(&mut levels, root)?;
        let field = |wanted: &Wanted| Field {
            ty: wanted.ty,
            nullable: wanted.nullable && !wanted.is_time,
            is_kept: wanted.is_kept,
            form: wanted.form.clone(),
            seen: 0,
            staged: Staged::Null,
        };
        let fields: Vec<Field> = wanted.iter().map(field).collect();
        let time = wanted.iter().position(|wanted| wanted.is_time)?;
        let required = fields.iter().filter(|field| !field.nullable).count();
        Some(Fast { levels, fields, time, required, line: 0 })
    }

    /// Adds a line as a row. `None` where it is not sure; then nothing is added.
    pub(super) fn decode_row(&mut self, line: &[u8], record: u64, builder: &mut BatchBuilder) -> Option<()> {
        u32::try_from(line.len()).ok()?;
        self.line += 1;
        let mut walk = Walk { scan: Scan::new(line)?, fast: self, required: 0 };
        walk.scan.space();
        walk.object(0)?;
        walk.scan.space();
        if !walk.scan.is_at_end() || walk.required < self.required {
            return None;
        }
        let Staged::Units(time) = self.fields[self.time].staged else { return None };
        builder.push_row(EventTime::from_micros(time), record, |field| self.cell(field, line));
        Some(())
    }

    #[inline]
    fn cell<'a>(&self, field: usize, line: &'a [u8]) -> Cell<'a> {
        let field = &self.fields[field];
        if field.seen != self.line || !field.is_kept {
            return Cell::Null;
        }
        field.staged.cell(line)
    }
}

/// Adds an object with these members and all inside; gives its number.
fn add_level(levels: &mut Vec<Level>, members: &[Member]) -> Option<usize> {
    let number = levels.len();
    levels.push(Level { names: FxHashMap::default(), guesses: Vec::new(), seen: 0 });
    for member in members {
        let target = match (member.ends.as_slice(), member.inside.as_slice()) {
            ([field], []) => Target::Field(*field),
            ([], inside) => Target::Level(add_level(levels, inside)?),
            _ => return None,
        };
        levels[number].names.insert(member.name.as_bytes().into(), target);
    }
    Some(number)
}

/// The walk over one line.
struct Walk<'f, 'a> {
    fast: &'f mut Fast,
    scan: Scan<'a>,
    /// How many of the required fields were seen.
    required: usize,
}

impl Walk<'_, '_> {
    /// Takes an object.
    fn object(&mut self, level: usize) -> Option<()> {
        self.fast.levels[level].seen = self.fast.line;
        for place in 0.. {
            let target = match self.guessed(level, place) {
                Some(target) => target,
                None => match self.named(level, place)? {
                    Some(target) => target,
                    None => break,
                },
            };
            match target {
                Target::Field(field) => self.field(field)?,
                Target::Unread => self.scan.skip()?,
                Target::Level(inside) => self.inside(inside)?,
            }
        }
        Some(())
    }

    /// Takes what is expected before the value at this place, if that comes.
    #[inline]
    fn guessed(&mut self, level: usize, place: usize) -> Option<Target> {
        let guess = self.fast.levels[level].guesses.get(place)?;
        let fits = self.scan.take_text(guess.first, guess.mask, &guess.rest, guess.length);
        fits.then_some(guess.target)
    }

    /// Takes whatever comes before the value at this place, and expects it there from now on. Within, `None` is the end
    /// of the object.
    fn named(&mut self, level: usize, place: usize) -> Option<Option<Target>> {
        let start = self.scan.at();
        self.scan.space();
        match self.scan.next() {
            b'{' if place == 0 => {
                self.scan.space();
                if self.scan.take(b'}') {
                    return Some(None);
                }
            }
            b',' if place > 0 => self.scan.space(),
            b'}' if place > 0 => return Some(None),
            _ => return None,
        }
        self.scan.expect(b'"')?;
        let name = self.scan.string()?;
        self.scan.space();
        self.scan.expect(b':')?;
        self.scan.space();
        let text = self.scan.text(start..self.scan.at());
        let Level { names, guesses, .. } = &mut self.fast.levels[level];
        let target = names.get(self.scan.text(name)).copied().unwrap_or(Target::Unread);
        if text.len() <= GUESS_BYTES_MAX && place < GUESSES_MAX {
            let guess = Guess::new(text, target);
            if let Some(before) = guesses.get_mut(place) {
                *before = guess;
            } else if guesses.len() == place {
                // Otherwise a text before this one was too long for a guess.
                guesses.push(guess);
            }
        }
        Some(Some(target))
    }

    /// Takes what stands where a path goes on: an object, or null.
    fn inside(&mut self, level: usize) -> Option<()> {
        if self.fast.levels[level].seen == self.fast.line {
            return None;
        }
        match self.scan.peek() {
            b'{' => self.object(level),
            _ => {
                self.fast.levels[level].seen = self.fast.line;
                self.scan.literal(b"null")
            }
        }
    }

    /// Takes the value of a field.
    #[inline]
    fn field(&mut self, number: usize) -> Option<()> {
        let field = &self.fast.fields[number];
        if field.seen == self.fast.line {
            return None;
        }
        let (ty, nullable) = (field.ty, field.nullable);
        let plain = if matches!(field.form, Form::Plain) { self.plain(ty) } else { None };
        let staged = match plain {
            Some(staged) => staged,
            None => self.other(number)?,
        };
        if nullable {
            // Null is as good as any value.
        } else if matches!(staged, Staged::Null) {
            return None;
        } else {
            self.required += 1;
        }
        let field = &mut self.fast.fields[number];
        field.seen = self.fast.line;
        field.staged = staged;
        Some(())
    }

    /// Takes a value in the form that is usual for its type. Where it is not, it has gone nowhere.
    #[inline]
    fn plain(&mut self, ty: Type) -> Option<Staged> {
        let start = self.scan.at();
        let staged = match ty {
            Type::String => self.plain_text(),
            Type::Int | Type::Float | Type::Decimal(_) | Type::Timestamp => {
                self.scan.number().and_then(|number| plain_number(number, ty))
            }
            Type::Bool | Type::Duration => None,
        };
        if staged.is_none() {
            self.scan.back_to(start);
        }
        staged
    }

    #[inline]
    fn plain_text(&mut self) -> Option<Staged> {
        self.scan.expect(b'"')?;
        let Range { start, end } = self.scan.string()?;
        Some(Staged::Text(start as u32, end as u32))
    }

    /// Takes a value in any other form of its type, as the decoder for all lines reads it.
    fn other(&mut self, number: usize) -> Option<Staged> {
        let range = self.scan.value()?;
        let Field { ty, form, .. } = &self.fast.fields[number];
        let raw = std::str::from_utf8(self.scan.text(range)).ok()?;
        if raw == "null" {
            return Some(Staged::Null);
        }
        Staged::of(&scalar::read(raw, *ty, form, |_| Value::Null).ok()?)
    }
}

impl Guess {
    fn new(text: &[u8], target: Target) -> Guess {
        let (first, rest) = text.split_at(text.len().min(16));
        let mut bytes = [0; 16];
        let mut mask = [0; 16];
        bytes[..first.len()].copy_from_slice(first);
        mask[..first.len()].fill(0xff);
        Guess {
            first: u128::from_le_bytes(bytes),
            mask: u128::from_le_bytes(mask),
            rest: rest.into(),
            length: text.len(),
            target,
        }
    }
}

#[cfg(test)]
mod tests;
