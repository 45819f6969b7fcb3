//! The page of each code: what it means, a program that gives it, and the program mended.
//!
//! `docs/errors.md` is the only place where they are written. Its programs are run by the project's tests.

use super::Code;

/// All pages.
const PAGES: &str = include_str!("../../docs/errors.md");

impl Code {
    /// What the code means, with an example and its remedy, as Markdown.
    ///
    /// # Example
    ///
    /// ```
    /// use ensue::diag::Code;
    ///
    /// assert!(Code::BareLoopField.page().starts_with("## E0203: a field of a loop"));
    /// ```
    pub fn page(self) -> &'static str {
        let heading = format!("## {}: ", self.number());
        let start = PAGES.find(&heading).expect("every code has its page, which a test keeps so");
        let page = &PAGES[start..];
        let end = page[3..].find("\n## ").map_or(page.len(), |end| end + 3);
        page[..end].trim_end()
    }
}
