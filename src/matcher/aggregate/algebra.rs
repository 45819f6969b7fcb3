//! What stands for a set of partial matches that are not made: how many they are, and what their events come to.
//!
//! Such an *amount* is a few words: a count, and for each aggregate of the tally what it takes to go on with it. Amounts
//! can be added, which is the union of two sets without a common member, and multiplied, which makes every match of one
//! set longer by every one of the other: counts multiply, and a sum over the pairs is each side's sum times the other's
//! count. With 0, no match, and 1, the match that holds nothing, they are a commutative semiring.
//!
//! Counts stop at the largest number, and this loses nothing: they are never subtracted, so a count that stopped stays
//! there, and what has one is null in the end. Sums are made modulo 2¹²⁸, in which the sum of 2⁶³ values is exact.

use super::Refusal;
use crate::codec::{Codec, Coded};
use crate::event::{SlotId, StepId, Type, Value};
use crate::lang::hir::{Aggregate, Pattern, Tallied, Tally};
use crate::matcher::eval::{Faults, fault, mean_of, sum_of};
use crate::matcher::linear::Linear;

/// The most that an aggregate covers.
const COUNT_MAX: u64 = i64::MAX as u64;

/// How amounts of one pattern are made up.
#[derive(Debug)]
pub(super) struct Algebra {
    parts: Vec<Part>,
    /// The words of an amount: the count, then those of the parts.
    pub(super) width: usize,
    /// The fields of events that are covered.
    pub(super) fields: Vec<Field>,
    /// What becomes of the parts in the end.
    results: Vec<Outcome>,
}

/// A field that an aggregate covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Field {
    pub(super) slot: SlotId,
    pub(super) ty: Type,
}

/// What is known of the values of one field in the events of one step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    kind: Kind,
    step: StepId,
    /// Which of [`Algebra::fields`].
    field: usize,
    /// The links that take events of the step, a bit each.
    links: u64,
    /// The first of its words.
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// How many values, and their sum in two words.
    Sum,
    /// Whether there is a value, and the least.
    Least,
    /// Whether there is a value, and the greatest, each bit of it inverted, which makes it the least.
    Greatest,
}

impl Kind {
    fn words(self) -> usize {
        match self {
            Kind::Sum => 3,
            Kind::Least | Kind::Greatest => 2,
        }
    }

    /// What a value is inverted by.
    fn mask(self) -> i64 {
        if self == Kind::Greatest { -1 } else { 0 }
    }
}

/// An aggregate of the tally.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Count,
    /// Of a part, by index.
    Sum(usize),
    Mean(usize),
    Extreme(usize),
}

/// The covered fields of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    /// A bit for each that is null.
    pub(super) nulls: u64,
    pub(super) words: &'a [u64],
}

impl Values<'_> {
    /// Whether a field is null.
    pub(super) fn is_null(nulls: u64, field: usize) -> bool {
        nulls >> field & 1 == 1
    }

    fn of(self, field: usize) -> Option<i64> {
        (!Values::is_null(self.nulls, field)).then(|| self.words[field] as i64)
    }
}

impl Algebra {
    /// What a tally needs.
    ///
    /// # Errors
    ///
    /// If an aggregate cannot be had exactly without making the matches.
    pub(super) fn of(pattern: &Pattern, tally: &Tally, linear: &Linear) -> Result<Algebra, Refusal> {
        let mut algebra = Algebra { parts: Vec::new(), width: 1, fields: Vec::new(), results: Vec::new() };
        for aggregate in &tally.aggregates {
            let result = match *aggregate {
                Tallied::Count => Outcome::Count,
                Tallied::Over(function, step, slot) => {
                    let field = Field { slot, ty: pattern.slots[slot.index()].ty };
                    algebra.over(function, step, field, linear)?
                }
            };
            algebra.results.push(result);
        }
        Ok(algebra)
    }

    fn over(
        &mut self,
        function: Aggregate,
        step: StepId,
        field: Field,
        linear: &Linear,
    ) -> Result<Outcome, Refusal> {
        let kind = match function {
            Aggregate::Min => Kind::Least,
            Aggregate::Max => Kind::Greatest,
            _ => Kind::Sum,
        };
        match (field.ty, kind) {
            (Type::String | Type::Bool, _) => {
                return Err("the least or greatest of texts is not kept as a number");
            }
            (Type::Float, Kind::Sum) => {
                return Err("a sum of floats depends on the order of the matches; one of decimals is exact");
            }
            _ => {}
        }
        let at = self.fields.iter().position(|known| *known == field).unwrap_or(self.fields.len());
        if at == self.fields.len() {
            self.fields.push(field);
        }
        let links = linear.links.iter().enumerate().filter(|(_, link)| link.step == step);
        let links = links.fold(0, |links, (index, _)| links | 1 << index);
        let is_known = |part: &Part| (part.kind, part.step, part.field) == (kind, step, at);
        let index = self.parts.iter().position(is_known).unwrap_or(self.parts.len());
        if index == self.parts.len() {
            self.parts.push(Part { kind, step, field: at, links, at: self.width });
            self.width += kind.words();
        }
        Ok(match function {
            Aggregate::Min | Aggregate::Max => Outcome::Extreme(index),
            Aggregate::Avg => Outcome::Mean(index),
            _ => Outcome::Sum(index),
        })
    }

    /// Writes 1 over an amount.
    pub(super) fn set_one(&self, amount: &mut [u64]) {
        amount.fill(0);
        amount[0] = 1;
    }

    /// Adds `from` made longer by an event at a link.
    pub(super) fn add_longer(&self, to: &mut [u64], from: &[u64], link: usize, values: Values<'_>) {
        let count = from[0];
        if count == 0 {
            return;
        }
        to[0] = to[0].saturating_add(count);
        for part in &self.parts {
            let value = if part.links >> link & 1 == 1 { values.of(part.field) } else { None };
            let from = &from[part.at..];
            let to = &mut to[part.at..];
            if part.kind == Kind::Sum {
                let more = if value.is_some() { count } else { 0 };
                to[0] = to[0].saturating_add(from[0]).saturating_add(more);
                let each = i128::from(value.unwrap_or(0)).wrapping_mul(i128::from(count));
                set_sum(to, sum(to).wrapping_add(sum(from)).wrapping_add(each));
            } else {
                lower(to, from[0] == 1, from[1] as i64);
                lower(to, value.is_some(), value.unwrap_or(0) ^ part.kind.mask());
            }
        }
    }

    /// Adds the product of two amounts.
    pub(super) fn add_product(&self, to: &mut [u64], left: &[u64], right: &[u64]) {
        let (count, other) = (left[0], right[0]);
        if count == 0 || other == 0 {
            return;
        }
        to[0] = to[0].saturating_add(count.saturating_mul(other));
        for part in &self.parts {
            let (left, right, to) = (&left[part.at..], &right[part.at..], &mut to[part.at..]);
            if part.kind == Kind::Sum {
                let values = left[0].saturating_mul(other).saturating_add(right[0].saturating_mul(count));
                to[0] = to[0].saturating_add(values);
                let of_left = sum(left).wrapping_mul(i128::from(other));
                let of_right = sum(right).wrapping_mul(i128::from(count));
                set_sum(to, sum(to).wrapping_add(of_left).wrapping_add(of_right));
            } else {
                lower(to, left[0] == 1, left[1] as i64);
                lower(to, right[0] == 1, right[1] as i64);
            }
        }
    }

    /// Saves an amount, or loads it over one of zeros. Of no matches nothing but their number is there.
    pub(super) fn walk(&self, amount: &mut [u64], codec: &mut Codec<'_>) -> Coded {
        codec.u64(&mut amount[0])?;
        if amount[0] == 0 {
            return Ok(());
        }
        self.parts.iter().try_for_each(|part| {
            let words = &mut amount[part.at..];
            if part.kind == Kind::Sum {
                codec.u64(&mut words[0])?;
                let mut units = sum(words);
                codec.i128(&mut units)?;
                set_sum(words, units);
                return Ok(());
            }
            let (mut is_there, mut value) = (words[0] == 1, words[1] as i64);
            codec.flag(&mut is_there)?;
            if is_there {
                codec.i64(&mut value)?;
                (words[0], words[1]) = (1, value as u64);
            }
            Ok(())
        })
    }

    /// The aggregates of the tally.
    pub(super) fn results(&self, amount: &[u64], faults: &Faults) -> Box<[Value]> {
        let result = |result: &Outcome| match *result {
            Outcome::Count if amount[0] > COUNT_MAX => fault(faults),
            Outcome::Count => Value::Int(amount[0] as i64),
            Outcome::Sum(part) | Outcome::Mean(part) if amount[self.parts[part].at] > COUNT_MAX => {
                fault(faults)
            }
            Outcome::Sum(part) => {
                let Part { field, at, .. } = self.parts[part];
                sum_of(sum(&amount[at..]), self.fields[field].ty, faults)
            }
            Outcome::Mean(part) => {
                let Part { field, at, .. } = self.parts[part];
                mean_of((sum(&amount[at..]), amount[at]), self.fields[field].ty)
            }
            Outcome::Extreme(part) => {
                let Part { kind, field, at, .. } = self.parts[part];
                let value = (amount[at] == 1).then(|| amount[at + 1] as i64 ^ kind.mask());
                value.map_or(Value::Null, |value| self.fields[field].value(value))
            }
        };
        self.results.iter().map(result).collect()
    }
}

impl Field {
    /// A captured word as a number that is ordered as its values are.
    pub(super) fn ordered(self, word: u64) -> i64 {
        match self.ty {
            // Of 0.0 and -0.0 neither is less.
            Type::Float => flipped((f64::from_bits(word) + 0.0).to_bits() as i64),
            _ => word as i64,
        }
    }

    fn value(self, ordered: i64) -> Value {
        use crate::event::Decimal;
        use crate::time::{Duration, EventTime};
        match self.ty {
            Type::Float => Value::Float(f64::from_bits(flipped(ordered) as u64)),
            Type::Decimal(scale) => Value::Decimal(Decimal { units: ordered, scale }),
            Type::Timestamp => Value::Timestamp(EventTime::from_micros(ordered)),
            Type::Duration => Value::Duration(Duration::from_micros(ordered)),
            _ => Value::Int(ordered),
        }
    }
}

/// The bits of a float as a number in the order of floats, and back: of negative ones all but the sign turn round.
fn flipped(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}

fn sum(part: &[u64]) -> i128 {
    (u128::from(part[2]) << 64 | u128::from(part[1])) as i128
}

fn set_sum(part: &mut [u64], sum: i128) {
    part[1] = sum as u64;
    part[2] = (sum as u128 >> 64) as u64;
}

fn lower(part: &mut [u64], is_there: bool, value: i64) {
    if is_there && (part[0] == 0 || value < part[1] as i64) {
        part[0] = 1;
        part[1] = value as u64;
    }
}

#[cfg(test)]
impl Algebra {
    /// Amounts with the sum of one field of all events.
    pub(super) fn of_one_sum() -> Algebra {
        Algebra {
            parts: vec![Part { kind: Kind::Sum, step: StepId(0), field: 0, links: u64::MAX, at: 1 }],
            width: 4,
            fields: vec![Field { slot: SlotId(0), ty: Type::Int }],
            results: vec![Outcome::Sum(0)],
        }
    }

    /// Amounts with a sum, a least and a greatest of one field of the first event.
    pub(super) fn of_sum_least_and_greatest() -> Algebra {
        let part = |kind, at| Part { kind, step: StepId(0), field: 0, links: 1, at };
        Algebra {
            parts: vec![part(Kind::Sum, 1), part(Kind::Least, 4), part(Kind::Greatest, 6)],
            width: 8,
            fields: vec![Field { slot: SlotId(0), ty: Type::Int }],
            results: vec![Outcome::Count, Outcome::Sum(0), Outcome::Extreme(1), Outcome::Extreme(2)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_keep_their_order() {
        let field = Field { slot: SlotId(0), ty: Type::Float };
        let floats = [f64::MIN, -2.5, -1e-300, 0.0, 1e-300, 2.5, f64::MAX];
        let ordered: Vec<i64> = floats.iter().map(|value| field.ordered(value.to_bits())).collect();
        assert!(ordered.is_sorted());
        let back: Vec<Value> = ordered.iter().map(|value| field.value(*value)).collect();
        assert_eq!(back, floats.map(Value::Float));
        assert_eq!(field.ordered((-0.0_f64).to_bits()), field.ordered(0.0_f64.to_bits()));
    }

    /// The amount of some matches of one event each.
    fn amount(algebra: &Algebra, values: &[i64]) -> Vec<u64> {
        let mut one = vec![0; algebra.width];
        algebra.set_one(&mut one);
        let mut amount = vec![0; algebra.width];
        for value in values {
            let words = [*value as u64];
            algebra.add_longer(&mut amount, &one, 0, Values { nulls: 0, words: &words });
        }
        amount
    }

    #[test]
    fn a_product_is_of_all_pairs() {
        let algebra = Algebra::of_sum_least_and_greatest();
        let (left, right) = (amount(&algebra, &[1, -7, 3]), amount(&algebra, &[10, 20]));
        let mut pairs = vec![0; algebra.width];
        algebra.add_product(&mut pairs, &left, &right);
        let expected = [6, -3 * 2 + 30 * 3, -7, 20].map(Value::Int);
        assert_eq!(*algebra.results(&pairs, &Faults::default()), expected);
    }

    #[test]
    fn what_is_too_much_is_null_and_counted() {
        let algebra = Algebra::of_sum_least_and_greatest();
        let mut amount = amount(&algebra, &[1, 2]);
        for _ in 0..7 {
            let mut square = vec![0; algebra.width];
            algebra.add_product(&mut square, &amount, &amount);
            amount = square;
        }
        let faults = Faults::default();
        let expected = [Value::Null, Value::Null, Value::Int(1), Value::Int(2)];
        assert_eq!(*algebra.results(&amount, &faults), expected);
        assert_eq!(faults.count(), 2);
    }
}
