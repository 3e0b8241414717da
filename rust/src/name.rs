//! What a user name may be, and when two names are the same.

use std::borrow::Cow;

/// The longest name, in bytes of UTF-8.
pub const MAX_BYTES: usize = 256;

/// A user name as it came in, which may not be a name at all.
#[derive(Debug, PartialEq, Eq)]
pub struct Name<'a> {
    text: Cow<'a, str>,
    well_formed: bool,
}

impl<'a> Name<'a> {
    /// Takes bytes that should be UTF-8. Bytes that are not, such as a lone surrogate's, make a name
    /// that is never valid; its text shows U+FFFD in their place.
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => Name {
                text: String::from_utf8_lossy(bytes),
                well_formed: false,
            },
        }
    }

    /// The text, for showing.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, for showing.
    pub fn into_text(self) -> Cow<'a, str> {
        self.text
    }

    /// Whether this can be a user's name.
    pub fn is_valid(&self) -> bool {
        self.well_formed && is_valid(&self.text)
    }
}

impl Clone for Name<'_> {
    // What `Cow` does by a call, which takes longer than the copy.
    #[inline]
    fn clone(&self) -> Self {
        Name {
            text: match &self.text {
                Cow::Borrowed(text) => Cow::Borrowed(text),
                Cow::Owned(text) => Cow::Owned(text.clone()),
            },
            well_formed: self.well_formed,
        }
    }
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(text: &'a str) -> Self {
        Name {
            text: Cow::Borrowed(text),
            well_formed: true,
        }
    }
}

/// As much of a text that is too long to be a name as a name could have; nothing for one that is not too long.
pub(crate) fn cut_short(text: &str) -> Option<&str> {
    if text.len() <= MAX_BYTES {
        return None;
    }
    let end = (0..=MAX_BYTES)
        .rev()
        .find(|end| text.is_char_boundary(*end))?;
    Some(&text[..end])
}

/// Whether a text can be a user's name: not empty, at most [`MAX_BYTES`], no control characters.
pub fn is_valid(text: &str) -> bool {
    // Nearly every name is plain ASCII, which needs no decoding.
    !text.is_empty()
        && text.len() <= MAX_BYTES
        && (is_printable_ascii(text) || !text.chars().any(char::is_control))
}

pub(crate) fn is_printable_ascii(text: &str) -> bool {
    all(text, |byte| (b' '..0x7f).contains(&byte))
}

/// Whether this holds of all bytes. Eight at a time are compared, without a way out between them; the last eight
/// stand for what is left over, so that some are compared twice.
fn all(text: &str, holds: impl Fn(u8) -> bool + Copy) -> bool {
    const STEP: usize = 8;
    let of_part = |part: &[u8]| part.iter().fold(true, |all, byte| all & holds(*byte));
    let bytes = text.as_bytes();
    match bytes.last_chunk::<STEP>() {
        Some(last) => {
            let (parts, _) = bytes.as_chunks::<STEP>();
            parts
                .iter()
                .fold(of_part(last), |all, part| all & of_part(part))
        }
        None => of_part(bytes),
    }
}

/// The rule by which names are compared, the same in every place that compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Folding {
    /// Names are compared as they are.
    Exact,
    /// Names are compared after Unicode's simple case folding, whatever the locale.
    CaseInsensitive,
}

impl Folding {
    /// The form of a name that is compared.
    #[inline]
    pub fn fold<'a>(self, name: &'a str) -> Cow<'a, str> {
        match self {
            Folding::Exact => Cow::Borrowed(name),
            Folding::CaseInsensitive => fold_case(name),
        }
    }
}

fn fold_case(name: &str) -> Cow<'_, str> {
    // Most names are folded already, and then need no copy.
    if all(name, |byte| byte.is_ascii() & !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().map(fold_char).collect())
}

fn fold_char(character: char) -> char {
    unicode_case_mapping::case_folded(character)
        .and_then(|folded| char::from_u32(folded.get()))
        .unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_user_can_have_are_invalid() {
        let long = "x".repeat(MAX_BYTES + 1);
        for text in ["", "a\0b", "a\r\nb", "a\u{7f}", "a\u{85}", long.as_str()] {
            assert!(!Name::from(text).is_valid(), "{text:?}");
        }
        let limit = "x".repeat(MAX_BYTES);
        for text in ["a", "Ünï cödé", "a@b.example", limit.as_str()] {
            assert!(Name::from(text).is_valid(), "{text:?}");
        }
    }

    #[test]
    fn one_byte_counts_wherever_it_stands() {
        for length in 1..40 {
            for place in 0..length {
                let name = |byte: u8| {
                    let mut bytes = vec![b'x'; length];
                    bytes[place] = byte;
                    String::from_utf8(bytes).unwrap()
                };
                assert!(!is_valid(&name(0x7f)) && is_valid(&name(b'~')));
                let folded = Folding::CaseInsensitive.fold(&name(b'A')).into_owned();
                assert_eq!(folded, name(b'a'), "{length}, {place}");
            }
        }
    }

    #[test]
    fn a_lone_surrogate_is_never_a_valid_name() {
        let name = Name::from_bytes(b"al\xed\xa0\x80ice");
        assert!(!name.is_valid());
        assert!(name.as_str().contains('\u{fffd}'));
        assert!(
            Name::from("al\u{fffd}ice").is_valid(),
            "a real U+FFFD is a character"
        );
    }

    #[test]
    fn folding_is_simple_and_knows_no_locale() {
        let folding = Folding::CaseInsensitive;
        assert_eq!(folding.fold("ALICE"), "alice");
        assert_eq!(folding.fold("ÀÉ"), "àé");
        assert_eq!(folding.fold("\u{212a}"), "k", "the Kelvin sign");
        assert_eq!(
            folding.fold("I\u{130}"),
            "i\u{130}",
            "simple folding leaves the dotted capital I"
        );
        assert_eq!(folding.fold("ß"), "ß");
        assert_eq!(Folding::Exact.fold("ALICE"), "ALICE");
    }

    #[test]
    fn plain_names_are_folded_as_all_others_are() {
        for byte in 0..0x80_u8 {
            let character = char::from(byte);
            let alone = character.to_string();
            let among_others = format!("é{character}");
            let folding = Folding::CaseInsensitive;
            assert_eq!(
                format!("é{}", folding.fold(&alone)),
                folding.fold(&among_others)
            );
            assert_eq!(folding.fold(&alone), fold_char(character).to_string());
        }
    }
}
