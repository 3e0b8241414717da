//! Java's predefined sets of characters, and what `(?i)` adds to a set.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// The set of all characters between these, both included.
pub fn range(first: char, last: char) -> ClassUnicode {
    ranges(&[(first, last)])
}

fn ranges(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(
        ranges
            .iter()
            .map(|(first, last)| ClassUnicodeRange::new(*first, *last)),
    )
}

/// What `.` leaves out.
pub fn line_terminators() -> ClassUnicode {
    ranges(&[
        ('\n', '\n'),
        ('\r', '\r'),
        ('\u{85}', '\u{85}'),
        ('\u{2028}', '\u{2029}'),
    ])
}

/// `\d`.
pub fn digit() -> ClassUnicode {
    range('0', '9')
}

/// `\s`.
pub fn space() -> ClassUnicode {
    ranges(&[('\t', '\r'), (' ', ' ')])
}

/// `\w`.
pub fn word() -> ClassUnicode {
    ranges(&[('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')])
}

/// The class that an escape such as `\h` or `\p{Alpha}` stands for, not negated even where it is.
pub fn named(escape: &str) -> Option<ClassUnicode> {
    let name = escape
        .get(3..)
        .and_then(|name| name.strip_suffix('}'))
        .unwrap_or(escape);
    Some(match name {
        r"\h" | r"\H" => ranges(&[
            ('\t', '\t'),
            (' ', ' '),
            ('\u{a0}', '\u{a0}'),
            ('\u{1680}', '\u{1680}'),
            ('\u{180e}', '\u{180e}'),
            ('\u{2000}', '\u{200a}'),
            ('\u{202f}', '\u{202f}'),
            ('\u{205f}', '\u{205f}'),
            ('\u{3000}', '\u{3000}'),
        ]),
        r"\v" | r"\V" => {
            let mut vertical = line_terminators();
            vertical.union(&range('\n', '\r'));
            vertical
        }
        "Lower" => range('a', 'z'),
        "Upper" => range('A', 'Z'),
        "ASCII" => range('\0', '\x7f'),
        "Alpha" => ranges(&[('a', 'z'), ('A', 'Z')]),
        "Digit" => digit(),
        "Alnum" => ranges(&[('a', 'z'), ('A', 'Z'), ('0', '9')]),
        "Punct" => ranges(&[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
        "Graph" => range('!', '~'),
        "Print" => range(' ', '~'),
        "Blank" => ranges(&[('\t', '\t'), (' ', ' ')]),
        "Cntrl" => ranges(&[('\0', '\x1f'), ('\x7f', '\x7f')]),
        "XDigit" => ranges(&[('0', '9'), ('a', 'f'), ('A', 'F')]),
        "Space" => space(),
        _ => return None,
    })
}

/// Adds the other case of each ASCII letter, and of nothing else: `(?i)k` is not the Kelvin sign.
pub fn add_ascii_cases(set: &mut ClassUnicode) {
    let mut others = ClassUnicode::empty();
    for (first, last, to_other) in [('a', 'z', -32), ('A', 'Z', 32)] {
        let mut letters = range(first, last);
        letters.intersect(set);
        for letters in letters.iter() {
            let other = |letter: char| {
                u32::from(letter)
                    .checked_add_signed(to_other)
                    .and_then(char::from_u32)
            };
            if let (Some(first), Some(last)) = (other(letters.start()), other(letters.end())) {
                others.push(ClassUnicodeRange::new(first, last));
            }
        }
    }
    set.union(&others);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_added_to_ascii_letters_alone() {
        let mut set = ranges(&[('X', 'c'), ('ß', 'ü')]);
        add_ascii_cases(&mut set);
        let mut expected = ranges(&[('X', 'c'), ('x', 'z'), ('A', 'C'), ('ß', 'ü')]);
        expected.union(&ClassUnicode::empty());
        assert_eq!(set, expected);
    }

    #[test]
    fn names_are_exact() {
        for name in [r"\p{alpha}", r"\p{ Alpha}", r"\p{L}", r"\pL", r"\p{h}", "h"] {
            assert_eq!(named(name), None, "{name}");
        }
        assert_eq!(named(r"\P{Digit}"), Some(digit()));
    }
}
