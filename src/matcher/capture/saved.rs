//! Captured events on their way out of the process and back.
//!
//! A captured event is saved by itself: its texts as texts, so that no dictionary need be saved. Events that come back are
//! captured anew, those of a key together and in total order, since the handles of a key grow with the order of its events.

use std::sync::Arc;

use super::{Arena, HEAD, Handle, Layout, PLACE, RECORD, STEP_AND_NULLS, TIME, Writer};
use crate::codec::{Codec, Coded, Damaged};
use crate::event::{Interner, StreamId, Type};
use crate::time::EventTime;

/// The events of a key that have come back. Their memory is kept from key to key.
#[derive(Debug, Default)]
pub struct LoadedEvents {
    /// The words of one after those of the other.
    words: Vec<u64>,
    stride: usize,
    /// Where they stand in their order.
    order: Vec<u32>,
    handles: Vec<Handle>,
}

impl LoadedEvents {
    /// The newest time of any.
    pub fn newest(&self) -> Option<EventTime> {
        self.rows().map(|words| EventTime::from_micros(words[TIME] as i64)).max()
    }

    fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.words.chunks_exact(self.stride)
    }
}

impl Layout {
    /// Saves a row; `text` gives the text that a word stands for.
    fn save_row<X>(
        &self,
        words: &mut [u64],
        codec: &mut Codec<'_, X>,
        text: &dyn Fn(u64) -> Arc<str>,
    ) -> Coded {
        self.row_but_texts(words, codec)?;
        for (word, (_, ty)) in (HEAD..).zip(&self.fields) {
            if *ty == Type::String && words[STEP_AND_NULLS] >> word & 1 == 0 {
                codec.text(&mut text(words[word]))?;
            }
        }
        Ok(())
    }

    /// Loads a row.
    fn load_row<X>(&self, words: &mut [u64], codec: &mut Codec<'_, X>, interner: &mut Interner) -> Coded {
        self.row_but_texts(words, codec)?;
        for (word, (_, ty)) in (HEAD..).zip(&self.fields) {
            if *ty == Type::String && words[STEP_AND_NULLS] >> word & 1 == 0 {
                let mut text: Arc<str> = Arc::from("");
                codec.text(&mut text)?;
                words[word] = u64::from(interner.dictionary().id()) << 32 | u64::from(interner.code(&text));
            }
        }
        Ok(())
    }

    fn row_but_texts<X>(&self, words: &mut [u64], codec: &mut Codec<'_, X>) -> Coded {
        let signed = |word: &mut u64, codec: &mut Codec<'_, X>| {
            let mut value = *word as i64;
            codec.i64(&mut value)?;
            *word = value as u64;
            Ok(())
        };
        signed(&mut words[TIME], codec)?;
        codec.u64(&mut words[RECORD])?;
        self.place(&mut words[PLACE], codec)?;
        codec.u64(&mut words[STEP_AND_NULLS])?;
        let nulls = words[STEP_AND_NULLS];
        // A step is only said of the events of a match.
        if nulls >> (HEAD + self.fields.len()) != 0 {
            return Err(Damaged::Odd("which fields are null"));
        }
        for (word, (_, ty)) in (HEAD..).zip(&self.fields) {
            if nulls >> word & 1 == 0 && *ty != Type::String {
                signed(&mut words[word], codec)?;
            }
        }
        let origin = HEAD + self.fields.len();
        words[origin..].iter_mut().try_for_each(|word| codec.u64(word))
    }

    /// The stream, as the pattern counts its streams, and the partition.
    fn place<X>(&self, word: &mut u64, codec: &mut Codec<'_, X>) -> Coded {
        let of_stream = |stream: &StreamId| u64::from(stream.0) == *word >> 32;
        let mut source = self.streams.iter().position(of_stream).unwrap_or_default();
        let mut partition = *word as u32;
        codec.usize(&mut source)?;
        codec.u32(&mut partition)?;
        let stream = self.streams.get(source).ok_or(Damaged::Odd("the stream of an event"))?;
        *word = u64::from(stream.0) << 32 | u64::from(partition);
        Ok(())
    }
}

impl Arena {
    /// Saves an event that it holds; `row` is for its words meanwhile.
    ///
    /// # Errors
    ///
    /// [`Damaged`]: never.
    pub fn save<X>(&self, handle: Handle, row: &mut Vec<u64>, codec: &mut Codec<'_, X>) -> Coded {
        let (segment, at) = self.at(handle);
        row.clear();
        row.extend_from_slice(&segment.words[at..at + self.layout.stride()]);
        self.layout.save_row(row, codec, &|word| Arc::clone(segment.dictionaries.text(word)))
    }

    /// The layout of its events.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// A handle of an event that is not held any more.
    pub fn gone(&self) -> Handle {
        self.first().wrapping_sub(1)
    }

    /// Loads the events of a key, and how many they are.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn load<X>(&mut self, events: &mut LoadedEvents, codec: &mut Codec<'_, X>) -> Coded {
        // One dictionary has the texts of all of them.
        self.interner.next_batch();
        events.stride = self.layout.stride();
        events.words.clear();
        for at in 0..codec.length(0)? {
            let start = at * events.stride;
            events.words.resize(start + events.stride, 0);
            self.layout.load_row(&mut events.words[start..], codec, &mut self.interner)?;
        }
        Ok(())
    }

    /// Captures the events of a key that have come back, before any that it has later. Gives their handles, in the order in
    /// which they were loaded.
    pub fn restore<'e>(&mut self, events: &'e mut LoadedEvents) -> &'e [Handle] {
        let dictionary = Arc::clone(self.interner.dictionary());
        let LoadedEvents { words, stride, order, handles } = events;
        let row = |at: u32| &words[at as usize * *stride..][..*stride];
        let count = words.len() / *stride;
        order.clear();
        order.extend(0..count as u32);
        order.sort_unstable_by_key(|at| (row(*at)[TIME] as i64, row(*at)[PLACE], row(*at)[RECORD], *at));
        handles.clear();
        handles.resize(count, 0);
        for at in order {
            handles[*at as usize] = self.push_words(row(*at), &dictionary);
        }
        handles
    }
}

impl Writer {
    /// Saves a written event.
    ///
    /// # Errors
    ///
    /// [`Damaged`]: never.
    pub fn save<X>(&self, words: &[u64], codec: &mut Codec<'_, X>) -> Coded {
        let text = |word: u64| {
            let is_recent = self.recent.has((word >> 32) as u32);
            Arc::clone(if is_recent { &self.recent } else { &self.older }.text(word))
        };
        self.layout.save_row(&mut words.to_vec(), codec, &text)
    }

    /// Loads an event over `words`.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn load<X>(&mut self, words: &mut [u64], codec: &mut Codec<'_, X>) -> Coded {
        self.interner.next_batch();
        self.recent.add(self.interner.dictionary());
        self.layout.load_row(words, codec, &mut self.interner)
    }
}
