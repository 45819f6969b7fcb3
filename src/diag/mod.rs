//! Diagnostics: what is wrong in a `.cep` file, where, and what to write instead.
//!
//! A [`Diagnostic`] is plain data. [`Code`] is stable: a code is never given a second meaning. Rendering, for people
//! like rustc does it and for programs as JSON, is in `render`.

mod code;
mod excerpt;
mod pages;
mod render;
mod source;

pub use code::Code;
pub use excerpt::{Excerpt, render_excerpt};
pub use render::{render_json, render_text};
pub use source::{FileId, SourceFile, Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The program cannot run.
    Error,
    /// The program can run, but perhaps not as meant.
    Warning,
}

/// A place and what to say about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words; may be empty at the primary place.
    pub text: String,
}

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Which mistake.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// A terse sentence, lower case, without a stop.
    pub message: String,
    /// Where it is.
    pub primary: Label,
    /// Places that explain it.
    pub secondary: Vec<Label>,
    /// Why it is a mistake.
    pub notes: Vec<String>,
    /// What to write instead.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// Says something at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.primary.text = text.into();
        self
    }

    /// Says something at another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds a reason.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help.push(text.into());
        self
    }
}
