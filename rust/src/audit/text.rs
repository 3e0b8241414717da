//! Texts from outside, made safe for a line.

use std::fmt::Write as _;

use crate::name;

/// Names that are too long to be valid are refused, but the refusal is recorded, in part.
pub(super) fn shortened(text: &str) -> String {
    match name::cut_short(text) {
        Some(part) => format!("{part}…"),
        None => text.to_owned(),
    }
}

/// Writes what terminals and log viewers would act on as JSON writes it. JSON itself must escape the first
/// 32 control characters only. All of them can stand only inside strings, so JSON on one line stays valid.
pub fn escape_controls(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if acts_on_a_terminal(character) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{:04x}", character as u32);
        } else {
            escaped.push(character);
        }
    }
    escaped
}

pub(super) fn acts_on_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
