//! What to write instead of what is refused.

use regex_syntax::ast::ErrorKind;

pub const EMPTY: &str = "an empty alternative or group would match the empty name; remove it";
pub const NUL: &str = r"write the character NUL as \x00";
pub const END: &str =
    "$ is supported at the end only; leave it out, the whole name is matched anyway";
pub const ANGLE: &str = "write < and > without a backslash";
pub const WORD_BOUNDARY: &str =
    "word boundaries are not supported; write the characters that may stand there";
pub const DOUBLED_QUANTIFIER: &str =
    "possessive or doubled quantifiers are not supported; use one quantifier, or a group";
pub const REPEATED_ASSERTION: &str = "^ and $ cannot be repeated, alone or in a group; remove them, the whole name is matched anyway";
pub const COUNTS: &str = "write the quantifier as {2}, {2,} or {2,5}";
pub const GROUP_NAME: &str =
    "Java writes a named group as (?<name>...), the name in ASCII letters and digits";
pub const HEX: &str = r"this escape is not Java's; write \x{...}";
pub const UNICODE_CLASS: &str = r"of the \p classes only the ASCII ones such as \p{Alpha} are supported; write ranges such as [a-zà-ÿ]";
pub const POSIX_BRACKETS: &str = r"[:name:] is not Java's; write \p{Alpha} and the like";
pub const CLASS_OPERATION: &str = "write && in brackets as in [a-z&&[^xy]], with characters alone or one pair of brackets on either side";
pub const DOUBLED_IN_BRACKETS: &str =
    r"inside brackets write \- and \~ where two of them stand together";
pub const BRACKET_IN_BRACKETS: &str = r"inside brackets write ] as \]";
pub const HYPHEN_IN_BRACKETS: &str = r"inside brackets write - as \-, or put it first or last";
pub const VERTICAL_AND_HYPHEN: &str =
    r"Java takes \v before - for one character; write - as \-, or put it first";
pub const BESIDE_INTERSECTION: &str = r"beside && write & and ^ as \& and \^";
pub const RANGE_END: &str = r"write the ends of a range as \[ \] \- \&";

/// What to write instead of this flag.
pub fn flag(here: &str) -> &'static str {
    match here.chars().next() {
        Some('d') => r"the flag d is not supported; write [^\n] for .",
        Some('m') => "the flag m is not supported; leave it out, a name has one line",
        Some('u' | 'U') => {
            "the flags u and U are not supported; list both cases, as in [éÉ], or set immuta.impersonation.case-insensitive=true"
        }
        Some('x') => "the flag x is not supported; write the pattern without blanks and comments",
        _ => "only the flags i and s are supported",
    }
}

/// Why the parser cannot read what starts here.
pub fn unreadable(kind: &ErrorKind, here: &str) -> String {
    let text = match kind {
        ErrorKind::UnsupportedLookAround => {
            "look-around is not supported; list the names or use a scope with allow: false"
        }
        ErrorKind::UnsupportedBackreference | ErrorKind::EscapeUnrecognized => escape(here),
        ErrorKind::ClassEscapeInvalid => "this escape is not supported inside brackets",
        ErrorKind::ClassRangeLiteral => r"a class cannot be the end of a range; write - as \-",
        ErrorKind::EscapeHexInvalid => {
            r"a surrogate is not a character; write the character itself, or its number as in \x{1F600}"
        }
        ErrorKind::FlagUnrecognized if here.starts_with('>') => {
            "independent groups are not supported; write (?:...)"
        }
        ErrorKind::FlagUnrecognized => flag(here),
        ErrorKind::RepetitionCountDecimalEmpty => COUNTS,
        ErrorKind::SpecialWordBoundaryUnclosed
        | ErrorKind::SpecialWordBoundaryUnrecognized
        | ErrorKind::SpecialWordOrRepetitionUnexpectedEof => WORD_BOUNDARY,
        other => return format!("this is no pattern: {other}"),
    };
    text.to_owned()
}

fn escape(here: &str) -> &'static str {
    match here.chars().nth(1) {
        Some('0') => r"this is no octal number; write \x{...}",
        Some('1'..='9' | 'k') => {
            "back-references are not supported; write out what the group matches"
        }
        Some('c') => r"\c is supported before A to Z; write \x{...}",
        Some('G') => r"\G is not supported; leave it out, the whole name is matched anyway",
        Some('N') => {
            r"\N is not supported; write the character itself, or its number as in \x{1F600}"
        }
        Some('R') => r"\R is not supported; write (?:\r\n|\v)",
        Some('X') => r"\X is not supported; write the characters",
        Some('E') => r"there is no \Q before this \E; remove it",
        Some(character) if !character.is_ascii() => "write this character without a backslash",
        _ => "Java has no such escape; write the letter without a backslash",
    }
}
