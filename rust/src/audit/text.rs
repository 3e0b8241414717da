//! Texts from outside, made safe for a line.

use std::fmt::Write as _;

use crate::name;

/// What Unicode calls format characters and separators of lines and paragraphs, and what is not shown where it is not supported: marks
/// that turn text around, or that make two names look alike. From [DerivedGeneralCategory] and [DerivedCoreProperties]
/// (`Default_Ignorable_Code_Point`).
///
/// [DerivedGeneralCategory]: https://www.unicode.org/Public/UCD/latest/ucd/extracted/DerivedGeneralCategory.txt
/// [DerivedCoreProperties]: https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
const UNSEEN: [(char, char); 25] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Names that are too long to be valid are refused, but the refusal is recorded, in part.
pub(super) fn shortened(text: &str) -> String {
    match name::cut_short(text) {
        Some(part) => format!("{part}…"),
        None => text.to_owned(),
    }
}

/// Writes what terminals and log viewers would act on, and what they would not show, as JSON writes it. JSON itself must
/// escape the first 32 control characters only. All of them can stand only inside strings, so JSON on one line stays valid.
pub fn escape_unseen(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unseen(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn is_unseen(character: char) -> bool {
    if character.is_control() {
        return true;
    }
    let before = UNSEEN.partition_point(|(first, _)| *first <= character);
    before > 0 && character <= UNSEEN[before - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_syntax::hir::{Class, HirKind};

    #[test]
    fn whatever_unicode_calls_unseen_is_escaped_and_nothing_else() {
        const CLASS: &str = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]";
        let class = regex_syntax::parse(CLASS).unwrap();
        let HirKind::Class(Class::Unicode(class)) = class.kind() else {
            panic!("{class:?}");
        };
        for character in '\0'..=char::MAX {
            let unseen = |range: &regex_syntax::hir::ClassUnicodeRange| {
                (range.start()..=range.end()).contains(&character)
            };
            let expected = class.ranges().iter().any(unseen);
            assert_eq!(is_unseen(character), expected, "{:x}", character as u32);
        }
    }

    #[test]
    fn what_is_escaped_is_the_same_json_and_shows_what_is_there() {
        for (text, escaped) in [
            ("ali\u{200b}ce", r"ali\u200bce"),
            ("ali\u{feff}\u{ad}ce", r"ali\ufeff\u00adce"),
            ("\u{61c}alice\u{202e}", r"\u061calice\u202e"),
            ("alice\u{e0041}", r"alice\udb40\udc41"),
            ("a\u{7f}\u{9b}\u{2028}", r"a\u007f\u009b\u2028"),
            ("zoë 日本 😀", "zoë 日本 😀"),
        ] {
            let json = serde_json::to_string(text).unwrap();
            let written = escape_unseen(&json);
            assert_eq!(written, format!("\"{escaped}\""));
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
