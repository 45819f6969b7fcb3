//! Which rules of a family a number fits, by a search among their thresholds.

use super::Mask;
use super::members::Test;
use crate::event::Column;
use crate::lang::hir::{CompareOp, Pattern, Source, Step};
use crate::matcher::chunk::Row;
use crate::matcher::predicates::whole;

/// What the rules ask of the events of one position.
#[derive(Debug)]
pub(super) struct Position<const WORDS: usize> {
    /// All rules.
    pub(super) all: Mask<WORDS>,
    tests: Vec<Thresholds<WORDS>>,
}

/// One comparison of a field, with a threshold for each rule.
#[derive(Debug)]
struct Thresholds<const WORDS: usize> {
    op: CompareOp,
    /// By source the field; none where the step takes no events of the source.
    fields: Vec<Option<usize>>,
    /// In order.
    sorted: Vec<i64>,
    /// The rules of the first so many thresholds.
    first: Vec<Mask<WORDS>>,
    /// All rules.
    all: Mask<WORDS>,
}

impl<const WORDS: usize> Position<WORDS> {
    /// What is asked of the events of a step.
    pub(super) fn new(pattern: &Pattern, step: &Step, tests: &[Test]) -> Position<WORDS> {
        let rules = tests.first().map_or(0, |test| test.thresholds.len());
        let all = std::array::from_fn(|word| {
            (0..64).filter(|bit| word * 64 + bit < rules).fold(0, |mask, bit| mask | 1 << bit)
        });
        Position { all, tests: tests.iter().map(|test| Thresholds::new(pattern, step, test, all)).collect() }
    }

    /// The rules that a row fits.
    pub(super) fn rules(&self, row: &Row<'_>) -> Mask<WORDS> {
        let mut rules = self.all;
        for test in &self.tests {
            let fitting = test.rules(row);
            rules.iter_mut().zip(&fitting).for_each(|(rules, fitting)| *rules &= fitting);
        }
        rules
    }
}

impl<const WORDS: usize> Thresholds<WORDS> {
    fn new(pattern: &Pattern, step: &Step, test: &Test, all: Mask<WORDS>) -> Thresholds<WORDS> {
        let mut order: Vec<usize> = (0..test.thresholds.len()).collect();
        order.sort_by_key(|rule| test.thresholds[*rule]);
        let mut mask = [0; WORDS];
        let mut first = vec![mask];
        for rule in &order {
            mask[rule / 64] |= 1 << (rule % 64);
            first.push(mask);
        }
        let field = |(index, source): (usize, &Source)| {
            let is_taken = step.sources.contains(&index);
            source.fields[test.slot.index()].filter(|_| is_taken)
        };
        Thresholds {
            op: test.op,
            fields: pattern.sources.iter().enumerate().map(field).collect(),
            sorted: order.iter().map(|rule| test.thresholds[*rule]).collect(),
            first,
            all,
        }
    }

    fn rules(&self, row: &Row<'_>) -> Mask<WORDS> {
        let column: Option<&Column> = self.fields[row.source].and_then(|field| row.batch.column(field));
        match column.and_then(whole) {
            Some((values, nulls)) if !nulls.contains(row.row) => self.of(values[row.row]),
            _ => [0; WORDS],
        }
    }

    fn of(&self, value: i64) -> Mask<WORDS> {
        let below = || self.first[self.sorted.partition_point(|threshold| *threshold < value)];
        let up_to = || self.first[self.sorted.partition_point(|threshold| *threshold <= value)];
        let without =
            |from: Mask<WORDS>, mask: Mask<WORDS>| std::array::from_fn(|word| from[word] & !mask[word]);
        match self.op {
            CompareOp::Greater => below(),
            CompareOp::GreaterEqual => up_to(),
            CompareOp::Less => without(self.all, up_to()),
            CompareOp::LessEqual => without(self.all, below()),
            CompareOp::Equal => without(up_to(), below()),
            CompareOp::NotEqual => without(self.all, without(up_to(), below())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_gives_the_rules_that_a_comparison_gives() {
        let ops = [
            CompareOp::Equal,
            CompareOp::NotEqual,
            CompareOp::Less,
            CompareOp::LessEqual,
            CompareOp::Greater,
            CompareOp::GreaterEqual,
        ];
        let thresholds = [5, 3, 3, 9, 7, 5, 5];
        let mut first = vec![[0_u64; 1]];
        let mut order: Vec<usize> = (0..thresholds.len()).collect();
        order.sort_by_key(|rule| thresholds[*rule]);
        for rule in &order {
            first.push([first[first.len() - 1][0] | 1 << rule]);
        }
        let sorted: Vec<i64> = order.iter().map(|rule| thresholds[*rule]).collect();
        for op in ops {
            let test = Thresholds::<1> {
                op,
                fields: vec![],
                sorted: sorted.clone(),
                first: first.clone(),
                all: [0x7f],
            };
            for value in 0..12 {
                let meets = |(rule, with): (usize, &i64)| u64::from(op.meets(value.cmp(with))) << rule;
                let expected: u64 = thresholds.iter().enumerate().map(meets).sum();
                assert_eq!(test.of(value), [expected], "{value} {op:?}");
            }
        }
    }
}
