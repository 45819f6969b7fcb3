//! Bad lines.
