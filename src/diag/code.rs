//! The stable codes of diagnostics.

use std::fmt;

/// Declares the codes with their numbers and one-line titles.
macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal;)*) => {
        /// Which mistake. The number never changes its meaning, and no number is used again.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in order of number.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// As shown: `E0101`; warnings start with `W`.
            pub const fn number(self) -> &'static str {
                match self { $(Code::$name => $number,)* }
            }

            /// What it is about, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }
        }
    };
}

codes! {
    Syntax = "E0001", "what is written does not follow the grammar";
    NotYet = "E0002", "a construct that is planned, but not there yet";
    BadUse = "E0003", "a `use` that cannot be followed";
    MisplacedDoc = "E0004", "a doc comment where nothing can be documented";

    UnknownName = "E0101", "a name that nothing in scope has";
    DuplicateName = "E0102", "a name that is given twice";
    UnknownStream = "E0103", "a stream that is not declared";
    UnknownField = "E0104", "a field that the stream does not have";
    UnknownStep = "E0105", "a step that the pattern does not have";
    UnknownFunction = "E0106", "a function that does not exist";
    UnknownType = "E0107", "a type that does not exist";
    LaterStep = "E0108", "a condition that reads a step that comes later";
    NameShadows = "E0109", "a step that shares its name with something in scope";
    ReservedName = "E0110", "a name that the engine gives itself";
    StreamCycle = "E0111", "streams that are made of each other";
    AmbiguousField = "E0112", "a field that not every stream of the step has alike";

    TypeMismatch = "E0201", "types that do not go together";
    NotACondition = "E0202", "a condition that is neither true nor false";
    BareLoopField = "E0203", "a field of a loop without saying of which event";
    NotALoop = "E0204", "an aggregate or `prev` of something that does not loop";
    ChainedComparison = "E0205", "a comparison of a comparison";
    BadArguments = "E0206", "a function called with the wrong arguments";
    BadLiteral = "E0207", "a literal that cannot be";
    EmitType = "E0208", "a field of an output with two types";
    BareFieldInEmit = "E0209", "a bare field where there is no candidate event";
    NotHere = "E0210", "an expression that means nothing at this place";

    BadEventTime = "E0301", "a stream without a usable event time";
    BadKey = "E0302", "a key that the streams do not share";
    BadQuantifier = "E0303", "a quantifier that can never be met, or means nothing";
    BadGreed = "E0304", "`greedy` or `lazy` where it cannot be honoured";
    AbsenceUnanchored = "E0305", "an absence with nothing certain before it";
    AbsenceBeforeOptional = "E0306", "an absence that only optional steps follow";
    AbsenceInGroup = "E0307", "an absence first or last in a group";
    AbsenceWait = "E0308", "an absence that says `for` in the middle, or does not say until when";
    EmptyMatch = "E0309", "something that could match nothing, again and again";
    LastNeverMore = "E0310", "a last step that could take more, under `match`, and never would";
    LongestNeverEnds = "E0311", "`match longest` without an end";
    BadSkip = "E0312", "a skip that the mode does not have";
    TimeoutWithoutWindow = "E0313", "`on timeout` without `within` or `gap`";
    BadChoice = "E0314", "a choice that cannot be made";
    BadClause = "E0315", "a clause with a value that cannot be, or that stands twice";
    EmitRequired = "E0316", "a pattern that emits nothing";
    TooLarge = "E0317", "more than a limit allows";
    BadTally = "E0318", "a tally of what cannot be counted, or in a pattern that cannot have one";

    BadTest = "E0401", "a test that cannot be run";
    BadCell = "E0402", "a cell that is not of its column's type";

    UnboundedState = "W0001", "a pattern whose state has no bound";
    UnusedItem = "W0002", "an item that nothing uses";
    NeverTrue = "W0003", "a condition that no event can meet";
    Misleading = "W0004", "a number or a text that is read otherwise than it looks";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
