//! Texts on their way to codes: the second half of building a batch.
//!
//! A [`BatchBuilder`](super::BatchBuilder) only collects the texts of a column. Giving each its code is a look-up in a
//! table that may be larger than the cache, and it needs the texts of earlier batches, so batches of one partition are
//! coded in order. Where batches are built on one thread and used on another, the one that uses them does this, as it
//! has the time: decoding is what a run from a file mostly waits for.

use std::sync::Arc;

use super::batch::{Batch, Column, NULL_CODE};
use super::dictionary::{Interner, ShortText};

/// The texts of a column, one for each row.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    rows: Vec<Text>,
    /// The long ones.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Text {
    Null,
    Short(ShortText),
    /// Where it stands among the long ones.
    Long(u32, u32),
}

impl Texts {
    pub(super) fn with_capacity(rows: usize) -> Texts {
        Texts { rows: Vec::with_capacity(rows), bytes: Vec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        // Each way writes its own: a value that is put together first is read back before it has arrived in the cache.
        match ShortText::new(text) {
            Some(short) => self.rows.push(Text::Short(short)),
            None => self.push_long(text),
        }
    }

    pub(super) fn push_null(&mut self) {
        self.rows.push(Text::Null);
    }

    #[cold]
    fn push_long(&mut self, text: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        let end = u32::try_from(self.bytes.len()).expect("the texts of a batch are fewer than 4 GiB");
        self.rows.push(Text::Long(start as u32, end));
    }
}

/// A batch whose texts have no codes yet. What [`Coder::code`] makes of it is the batch.
#[derive(Debug)]
pub struct UncodedBatch {
    pub(super) batch: Batch,
    /// For each field that is text, its texts.
    pub(super) texts: Vec<Option<Texts>>,
}

/// Gives the texts of a partition's batches their codes.
#[derive(Debug, Default)]
pub struct Coder {
    /// For each field.
    interners: Vec<Interner>,
}

impl Coder {
    /// The batch with codes. Batches of one partition come in order. Costs a look-up for each text.
    ///
    /// # Panics
    ///
    /// If a text is not UTF-8.
    pub fn code(&mut self, uncoded: UncodedBatch) -> Batch {
        let UncodedBatch { mut batch, texts } = uncoded;
        self.interners.resize_with(texts.len(), Interner::default);
        for (field, (texts, interner)) in texts.iter().zip(&mut self.interners).enumerate() {
            let Some(texts) = texts else { continue };
            interner.next_batch();
            let code = |text: &Text| match *text {
                Text::Null => NULL_CODE,
                Text::Short(text) => interner.code_of_short(text),
                Text::Long(start, end) => interner.code_of_bytes(&texts.bytes[start as usize..end as usize]),
            };
            let codes: Vec<u32> = texts.rows.iter().map(code).collect();
            batch.set_column(field, Column::String(codes, Arc::clone(interner.dictionary())));
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BatchBuilder, PartitionId, StreamId, Type, Value};
    use crate::time::EventTime;

    #[test]
    fn texts_of_every_length_keep_their_codes_from_batch_to_batch() {
        let types = vec![Some(Type::Int), Some(Type::String), None, Some(Type::String)];
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
        let mut coder = Coder::default();
        let text = |row: usize| "0123456789abcdefghij"[..row % 20].to_owned();
        let mut last: Option<Batch> = None;
        for _ in 0..2 {
            for row in 0..40 {
                builder.set(1, Value::text(&text(row)));
                builder.set(3, if row % 3 == 0 { Value::Null } else { Value::text(&text(row + 1)) });
                builder.end_row(EventTime::START, row as u64);
            }
            let batch = coder.code(builder.finish_uncoded());
            for row in 0..40 {
                assert_eq!(batch.value(row, 1), Value::text(&text(row)));
                let expected = if row % 3 == 0 { Value::Null } else { Value::text(&text(row + 1)) };
                assert_eq!(batch.value(row, 3), expected);
                if let Some(last) = &last {
                    assert_eq!(codes(last), codes(&batch));
                }
            }
            last = Some(batch);
        }
    }

    fn codes(batch: &Batch) -> (&[u32], u32) {
        let Some(Column::String(codes, dictionary)) = batch.column(1) else { panic!("it is text") };
        (codes, dictionary.id())
    }
}
