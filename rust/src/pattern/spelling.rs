//! Respells what Java writes and the parser of `regex_syntax` does not know.

use std::borrow::Cow;

/// A pattern that the parser can read, and where each part of it came from.
pub struct Respelled {
    /// The pattern as the parser reads it.
    pub text: String,
    /// For each byte of the text and for its end, the offset in the original.
    origins: Vec<usize>,
}

impl Respelled {
    /// Respells a pattern: each quoted character becomes its number, so that nothing around it can
    /// give it a meaning.
    pub fn new(source: &str) -> Self {
        let mut respelled = Respelled {
            text: String::with_capacity(source.len()),
            origins: Vec::with_capacity(source.len() + 1),
        };
        let mut at = 0;
        while let Some(first) = source[at..].chars().next() {
            let rest = &source[at..];
            if let Some(quoted) = rest.strip_prefix(r"\Q") {
                let start = at + 2;
                let length = quoted.find(r"\E").unwrap_or(quoted.len());
                for (offset, character) in quoted[..length].char_indices() {
                    respelled.push(&number(character.into()), start + offset);
                }
                at = (start + length + 2).min(source.len());
            } else if first == '\\' {
                let (escape, length) = escape(rest);
                respelled.push(&escape, at);
                at += length;
            } else {
                respelled.push(&rest[..first.len_utf8()], at);
                at += first.len_utf8();
            }
        }
        respelled.origins.push(source.len());
        respelled
    }

    fn push(&mut self, text: &str, origin: usize) {
        self.text.push_str(text);
        self.origins.resize(self.text.len(), origin);
    }

    /// The offset in the original of what stands at this offset of the text.
    pub fn origin(&self, offset: usize) -> usize {
        self.origins[offset.min(self.text.len())]
    }
}

fn number(character: u32) -> String {
    format!(r"\x{{{character:X}}}")
}

/// How the escape at the start is spelled for the parser, and how many bytes of the pattern it takes.
fn escape(rest: &str) -> (Cow<'_, str>, usize) {
    let mut characters = rest.chars();
    let length = characters.by_ref().take(2).map(char::len_utf8).sum();
    let spelling = match &rest[1..length] {
        // Classes of one letter, which Java has as well. The walk over the tree tells them apart by the original.
        "h" => r"\ph".into(),
        "H" => r"\PH".into(),
        "v" => r"\pv".into(),
        "V" => r"\PV".into(),
        "Z" => "$".into(),
        "e" => number(0x1b).into(),
        "c" => match characters.next() {
            Some(letter @ 'A'..='Z') => return (number(u32::from(letter) ^ 0x40).into(), 3),
            _ => rest[..length].into(),
        },
        "0" => {
            let digits = octal_digits(&rest[length..]);
            match u32::from_str_radix(digits, 8) {
                Ok(character) => return (number(character).into(), length + digits.len()),
                Err(_) => rest[..length].into(),
            }
        }
        _ => rest[..length].into(),
    };
    (spelling, length)
}

/// At most three digits, at most 377.
fn octal_digits(text: &str) -> &str {
    let most = if text.starts_with(['0', '1', '2', '3']) {
        3
    } else {
        2
    };
    let count = text
        .bytes()
        .take(most)
        .take_while(|digit| matches!(digit, b'0'..=b'7'))
        .count();
    &text[..count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_are_respelled() {
        for (source, text) in [
            (r"a\Qb.\Ec", r"a\x{62}\x{2E}c"),
            (r"\Qa", r"\x{61}"),
            (r"a\Q", "a"),
            (r"\Q\E*", "*"),
            (r"\Q\\E", r"\x{5C}"),
            (r"\Qa\Qb\E", r"\x{61}\x{5C}\x{51}\x{62}"),
            (r"\\Qa\E", r"\\Qa\E"),
            (r"\e\cA\cz", r"\x{1B}\x{1}\cz"),
            (r"\07\0101\0477\08\0", r"\x{7}\x{41}\x{27}7\08\0"),
            (r"\h\H\v\V\Z", r"\ph\PH\pv\PV$"),
            (r"\é\", r"\é\"),
        ] {
            assert_eq!(Respelled::new(source).text, text, "{source}");
        }
    }

    #[test]
    fn each_part_knows_where_it_came_from() {
        let respelled = Respelled::new(r"\Qé.\E\0101+");
        assert_eq!(respelled.text, r"\x{E9}\x{2E}\x{41}+");
        for (part, origin) in [(r"\x{E9}", 2), (r"\x{2E}", 4), (r"\x{41}", 7), ("+", 12)] {
            let offset = respelled.text.find(part).unwrap();
            assert_eq!(respelled.origin(offset), origin, "{part}");
        }
        assert_eq!(respelled.origin(respelled.text.len()), 13);
    }
}
