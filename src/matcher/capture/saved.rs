//! Captured events on their way out of the process and back.
//!
//! A captured event is saved by itself: its texts as texts, so that no dictionary need be saved. Events that come back are
//! captured anew, those of a key together and in total order, since the handles of a key grow with the order of its events.

use std::sync::Arc;

use super::{Arena, HEAD, Handle, Layout, PLACE, RECORD, STEP_AND_NULLS, TIME, Writer};
use crate::codec::{Codec, Coded, Damaged};
use crate::event::{Dictionary, Interner, StreamId, Type};
use crate::time::EventTime;

/// An event that has come back and is in no arena yet.
#[derive(Debug)]
pub struct LoadedEvent {
    words: Vec<u64>,
    /// The dictionary that its texts refer to.
    dictionary: Arc<Dictionary>,
}

impl LoadedEvent {
    /// Its time.
    pub fn time(&self) -> EventTime {
        self.order().0
    }

    /// Its place in the total order.
    fn order(&self) -> (EventTime, u64, u64) {
        (EventTime::from_micros(self.words[TIME] as i64), self.words[PLACE], self.words[RECORD])
    }
}

impl Layout {
    /// Saves a row; `text` gives the text that a word stands for.
    fn save_row<X>(&self, words: &[u64], codec: &mut Codec<'_, X>, text: &dyn Fn(u64) -> Arc<str>) -> Coded {
        let mut words = words.to_vec();
        self.row_but_texts(&mut words, codec)?;
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
    /// Saves an event that it holds.
    ///
    /// # Errors
    ///
    /// [`Damaged`]: never.
    pub fn save<X>(&self, handle: Handle, codec: &mut Codec<'_, X>) -> Coded {
        let (segment, at) = self.at(handle);
        let words = &segment.words[at..at + self.layout.stride()];
        self.layout.save_row(words, codec, &|word| Arc::clone(segment.dictionaries.text(word)))
    }

    /// The layout of its events.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// A handle of an event that is not held any more.
    pub fn gone(&self) -> Handle {
        self.first().wrapping_sub(1)
    }

    /// Loads an event.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn load<X>(&mut self, codec: &mut Codec<'_, X>) -> Result<LoadedEvent, Damaged> {
        self.interner.next_batch();
        let mut words = vec![0; self.layout.stride()];
        self.layout.load_row(&mut words, codec, &mut self.interner)?;
        Ok(LoadedEvent { words, dictionary: Arc::clone(self.interner.dictionary()) })
    }

    /// Captures events that have come back. Those of one key come back together, and before any that it has later. Gives
    /// their handles, in the order given.
    pub fn restore(&mut self, events: &[LoadedEvent]) -> Vec<Handle> {
        let mut order: Vec<u32> = (0..events.len() as u32).collect();
        order.sort_by_key(|at| events[*at as usize].order());
        let mut handles = vec![0; events.len()];
        for at in order {
            let event = &events[at as usize];
            handles[at as usize] = self.push_words(&event.words, &event.dictionary);
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
        self.layout.save_row(words, codec, &text)
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
