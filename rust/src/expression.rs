//! Expressions in the query engine's SQL that are to mean a user other than the session's.
//!
//! The query engine evaluates `current_user` and `current_groups()` of a row filter or column mask to the
//! user and the groups of the session. Where the session acts for somebody else the words are replaced by
//! that user's name and groups. Strings, quoted identifiers and comments stay as they are.
//!
//! Only as much of the language is known here as is needed to find the words. Where its own lexer would
//! cut otherwise (a number that runs into a word, `{--`) no expression has a meaning.

use std::borrow::Cow;
use std::fmt::Write;

use thiserror::Error;

const USER: &str = "current_user";

/// The functions that tell of the session's user. The second is what the first word of all, the one without
/// parentheses, is made of; it can be called by whoever knows its name.
const FUNCTIONS: [(&str, Meaning); 2] = [
    ("current_groups", Meaning::Groups),
    ("$current_user", Meaning::User),
];

/// An array of more elements cannot be written in one pair of brackets.
const MAX_ELEMENTS: usize = 254;

/// Why an expression cannot be made to mean another user. Nobody should use it then. The text has nothing
/// of the expression, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ExpressionError {
    /// Something has no end.
    #[error("the {what} that begins at character {at} does not end")]
    Unclosed {
        /// What it is.
        what: &'static str,
        /// Where it begins; the first character is 1.
        at: usize,
    },
    /// A function that tells of the session's user is called in a way other than the plain one.
    #[error(
        "the function {name} at character {at} would mean the session's user; write {name}(), with no qualifier and no arguments"
    )]
    NotPlain {
        /// The name of the function.
        name: &'static str,
        /// Where it is; the first character is 1.
        at: usize,
    },
}

/// Makes an expression mean this user with these groups wherever it asks for the session's. One that does
/// not ask comes back as it is.
///
/// # Errors
///
/// The expression has a string, a quoted identifier or a comment without an end, or asks in a way that is
/// not understood.
pub fn for_user<'a>(
    expression: &'a str,
    user: &str,
    groups: &[impl AsRef<str>],
) -> Result<Cow<'a, str>, ExpressionError> {
    let tokens = tokens(expression)?;
    let mut rewritten = String::new();
    let mut copied = 0;
    for (index, token) in tokens.iter().enumerate() {
        let Some((meaning, end)) = meaning(expression, &tokens, index)? else {
            continue;
        };
        rewritten.push_str(&expression[copied..token.start]);
        match meaning {
            Meaning::User => push_user(&mut rewritten, user),
            Meaning::Groups => push_groups(&mut rewritten, groups),
        }
        copied = end;
    }
    if copied == 0 {
        return Ok(expression.into());
    }
    rewritten.push_str(&expression[copied..]);
    Ok(rewritten.into())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    User,
    Groups,
}

/// What the token asks for, and where the question ends.
fn meaning(
    expression: &str,
    tokens: &[Token],
    index: usize,
) -> Result<Option<(Meaning, usize)>, ExpressionError> {
    let token = &tokens[index];
    let name = match token.kind {
        Kind::Word => &expression[token.start..token.end],
        // A name with a quotation mark in it is none that is looked for.
        Kind::Quoted => &expression[token.start + 1..token.end - 1],
        Kind::String | Kind::Other(_) => return Ok(None),
    };
    if token.kind == Kind::Word && name.eq_ignore_ascii_case(USER) {
        return Ok(Some((Meaning::User, token.end)));
    }
    // Names of functions mean the same in any case, even in quotation marks.
    let Some((name, meaning)) = FUNCTIONS
        .into_iter()
        .find(|(function, _)| name.eq_ignore_ascii_case(function))
    else {
        return Ok(None);
    };
    let is = |at: usize, byte| {
        tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Other(byte))
    };
    if !is(index + 1, b'(') {
        return Ok(None);
    }
    let qualified = index > 0 && is(index - 1, b'.');
    if qualified || !is(index + 2, b')') {
        let at = character(expression, token.start);
        return Err(ExpressionError::NotPlain { name, at });
    }
    Ok(Some((meaning, tokens[index + 2].end)))
}

/// With the type that the word has, a text of any length; a string alone has its own length in its type.
fn push_user(rewritten: &mut String, user: &str) {
    rewritten.push_str("CAST(");
    push_string(rewritten, user);
    rewritten.push_str(" AS varchar)");
}

fn push_groups(rewritten: &mut String, groups: &[impl AsRef<str>]) {
    rewritten.push_str("CAST(ARRAY[");
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            rewritten.push_str(match index % MAX_ELEMENTS {
                0 => "] || ARRAY[",
                _ => ", ",
            });
        }
        push_string(rewritten, group.as_ref());
    }
    rewritten.push_str("] AS array(varchar))");
}

fn push_string(rewritten: &mut String, text: &str) {
    // Writing to a String does not fail.
    let _ = write!(rewritten, "'{}'", text.replace('\'', "''"));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Letters, digits and underscores: a keyword, a name or a number.
    Word,
    /// A name in quotation marks.
    Quoted,
    String,
    /// A byte of anything else.
    Other(u8),
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// Cuts an expression into tokens, without blanks and comments. All that matters is ASCII, so the bytes
/// are looked at and the cuts never fall into a character.
fn tokens(expression: &str) -> Result<Vec<Token>, ExpressionError> {
    let bytes = expression.as_bytes();
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(&first) = bytes.get(start) {
        let second = bytes.get(start + 1).copied();
        let unclosed = |what| {
            let at = character(expression, start);
            ExpressionError::Unclosed { what, at }
        };
        let (kind, end) = match first {
            b' ' | b'\t' | b'\r' | b'\n' => (None, start + 1),
            b'-' if second == Some(b'-') => (None, line_end(bytes, start)),
            b'/' if second == Some(b'*') => {
                // They do not nest.
                let text = start + 2;
                let length = expression[text..].find("*/");
                (None, text + length.ok_or_else(|| unclosed("comment"))? + 2)
            }
            b'\'' => {
                let end = quoted_end(bytes, start).ok_or_else(|| unclosed("string"))?;
                (Some(Kind::String), end)
            }
            b'"' | b'`' => {
                let end = quoted_end(bytes, start).ok_or_else(|| unclosed("quoted identifier"))?;
                (Some(Kind::Quoted), end)
            }
            _ if is_word(first) => {
                let length = bytes[start..].iter().take_while(|byte| is_word(**byte));
                (Some(Kind::Word), start + length.count())
            }
            _ => (Some(Kind::Other(first)), start + 1),
        };
        tokens.extend(kind.map(|kind| Token { kind, start, end }));
        start = end;
    }
    Ok(tokens)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A line ends with either of its two usual characters and with no other.
fn line_end(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let length = bytes[start..].iter().position(ends);
    length.map_or(bytes.len(), |length| start + length)
}

/// Where a text ends that begins and ends with this quotation mark and has it twice for once.
fn quoted_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mark = bytes[start];
    let mut at = start + 1;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == mark)? + 1;
        if bytes.get(at) != Some(&mark) {
            return Some(at);
        }
        at += 1;
    }
}

/// The number of the character at this byte, as a person counts.
fn character(expression: &str, at: usize) -> usize {
    expression[..at].chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALICE: &str = "CAST('alice' AS varchar)";
    const HER_GROUPS: &str = "CAST(ARRAY['a', 'b''s'] AS array(varchar))";

    fn for_alice(expression: &str) -> Result<Cow<'_, str>, ExpressionError> {
        for_user(expression, "alice", &["a", "b's"])
    }

    #[track_caller]
    fn unchanged(expression: &str) {
        let result = for_alice(expression).unwrap();
        assert!(matches!(result, Cow::Borrowed(_)), "{expression}: {result}");
        assert_eq!(result, expression);
    }

    #[track_caller]
    fn becomes(expression: &str, pieces: &[&str]) {
        assert_eq!(for_alice(expression).unwrap(), pieces.concat());
    }

    #[test]
    fn the_words_become_the_user_and_the_groups() {
        becomes("owner = current_user", &["owner = ", ALICE]);
        becomes("Current_USER", &[ALICE]);
        becomes("(CURRENT_USER)||'x'", &["(", ALICE, ")||'x'"]);
        becomes(
            "current_user IN (a,current_user)",
            &[ALICE, " IN (a,", ALICE, ")"],
        );
        becomes(
            "contains(current_groups(), g)",
            &["contains(", HER_GROUPS, ", g)"],
        );
        becomes("Current_Groups\n(\t)[1]", &[HER_GROUPS, "[1]"]);
        becomes(
            "current_groups /* ( */ ( -- )\r ) || current_user",
            &[HER_GROUPS, " || ", ALICE],
        );
        becomes("\"CURRENT_groups\"()", &[HER_GROUPS]);
        becomes("\"$current_user\"()", &[ALICE]);
        becomes("x -> x = current_user", &["x -> x = ", ALICE]);
        becomes("current_user.x", &[ALICE, ".x"]);
    }

    #[test]
    fn what_only_looks_like_the_words_stays() {
        for expression in [
            "",
            "true",
            "current_users = x_current_user",
            "1current_user",
            "current_user1",
            "_current_user_",
            "current_groups",
            "t.current_groups = 1",
            "\"current_user\"",
            "t.\"current_user\"",
            "\"a\"\"current_user\"",
            "\"current_user\"\"()\"",
            "'current_user'",
            "'it''s current_user'",
            "U&'\\0041 current_user' UESCAPE '!'",
            "X'41''current_user'",
            "`current_user` = `a``current_groups`",
            "-- current_user",
            "x --'\n= '--' -- current_user",
            "a -- \u{2028} current_user \u{85} current_user \u{b} current_user",
            "/* current_user */ a /*/ current_user */ b /***/",
            "/* /* current_groups() */ x",
            "session_user = user",
            "current_catalog || current_schema || current_path",
            "current_date > date '2020-01-01'",
            "écurrent_groups = 'é'",
        ] {
            unchanged(expression);
        }
    }

    #[test]
    fn comments_do_not_nest_and_lines_end_twice() {
        becomes("/* /* */ current_user", &["/* /* */ ", ALICE]);
        becomes("/*/ */current_user/**/", &["/*/ */", ALICE, "/**/"]);
        becomes("--a\rcurrent_user", &["--a\r", ALICE]);
        becomes("--a\ncurrent_user--", &["--a\n", ALICE, "--"]);
        becomes("a - - current_user", &["a - - ", ALICE]);
        becomes("a / current_user * 'x'", &["a / ", ALICE, " * 'x'"]);
    }

    #[test]
    fn what_has_no_end_is_refused() {
        for (expression, what, at) in [
            ("'", "string", 1),
            ("é = 'a''", "string", 5),
            ("current_user = \"a\"\"", "quoted identifier", 16),
            ("`", "quoted identifier", 1),
            ("a /* b", "comment", 3),
            ("/*/", "comment", 1),
            ("'a' 'b", "string", 5),
        ] {
            assert_eq!(
                for_alice(expression),
                Err(ExpressionError::Unclosed { what, at }),
                "{expression}"
            );
        }
        let error = for_alice("'").unwrap_err().to_string();
        assert_eq!(error, "the string that begins at character 1 does not end");
    }

    #[test]
    fn functions_that_would_tell_of_the_session_all_the_same_are_refused() {
        for (expression, name, at) in [
            ("system.builtin.current_groups()", "current_groups", 16),
            (
                "\"system\" . builtin /* */ . /* */ \"Current_Groups\" ( )",
                "current_groups",
                34,
            ),
            ("system.builtin.\"$current_user\"()", "$current_user", 16),
            ("current_groups(*)", "current_groups", 1),
            ("current_groups(ORDER BY 1)", "current_groups", 1),
            ("a = \"$current_user\"(*)", "$current_user", 5),
            ("current_groups(", "current_groups", 1),
        ] {
            assert_eq!(
                for_alice(expression),
                Err(ExpressionError::NotPlain { name, at }),
                "{expression}"
            );
        }
        assert_eq!(
            for_alice("current_groups(*)").unwrap_err().to_string(),
            "the function current_groups at character 1 would mean the session's user; write current_groups(), with no qualifier and no arguments"
        );
    }

    #[test]
    fn names_come_out_as_they_are() {
        for user in [
            "o'brien",
            "''",
            "a\0b\r\n\t\u{7f}",
            "\u{1f600}\u{10ffff}",
            "--",
            "/*",
            "current_user",
            "\\",
            "",
        ] {
            let expected = format!("CAST('{}' AS varchar)", user.replace('\'', "''"));
            assert_eq!(
                for_user("current_user", user, &["g"]).unwrap(),
                expected,
                "{user:?}"
            );
        }
        assert_eq!(
            for_user("current_groups()", "alice", &[] as &[&str]).unwrap(),
            "CAST(ARRAY[] AS array(varchar))"
        );
    }

    #[test]
    fn more_groups_than_an_array_takes_are_several_arrays() {
        for count in [253_usize, 254, 255, 508, 509] {
            let groups: Vec<String> = (0..count).map(|index| format!("g{index}")).collect();
            let rewritten = for_user("current_groups()", "alice", &groups).unwrap();
            let inner = rewritten
                .strip_prefix("CAST(ARRAY[")
                .and_then(|text| text.strip_suffix("] AS array(varchar))"))
                .unwrap();
            let arrays: Vec<Vec<&str>> = inner
                .split("] || ARRAY[")
                .map(|array| array.split(", ").collect())
                .collect();
            assert!(arrays.iter().all(|array| array.len() <= 254), "{count}");
            assert_eq!(arrays.len(), count.div_ceil(254));
            let quoted: Vec<String> = groups.iter().map(|group| format!("'{group}'")).collect();
            assert_eq!(arrays.concat(), quoted);
        }
    }

    /// A piece of an expression, and what it becomes.
    fn pieces() -> impl Strategy<Value = Vec<(String, String)>> {
        let same = |text: String| (text.clone(), text);
        let any_case = |word: &'static str| {
            prop::collection::vec(any::<bool>(), word.len()).prop_map(move |upper| {
                let letter = |(letter, upper): (char, bool)| match upper {
                    true => letter.to_ascii_uppercase(),
                    false => letter,
                };
                word.chars().zip(upper).map(letter).collect::<String>()
            })
        };
        // What may hold the words without being them.
        let inside = || {
            let piece = prop_oneof![
                Just("current_user".to_owned()),
                Just(" CURRENT_GROUPS() ".to_owned()),
                Just("--".to_owned()),
                Just("/*".to_owned()),
                "[a-z'\"`é\u{1f600} ]{0,4}",
            ];
            prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
        };
        let quoted = |mark: &'static str| {
            inside().prop_map(move |text| {
                let doubled = text.replace(mark, &mark.repeat(2));
                same(format!("{mark}{doubled}{mark}"))
            })
        };
        let gap = || {
            let blank = "[ \t\r\n]{0,2}";
            let comment = inside().prop_map(|text| format!("/*{}*/", text.replace("*/", "")));
            let line = inside().prop_map(|text| format!("--{text}\n"));
            prop::collection::vec(prop_oneof![blank, comment, line], 0..3)
                .prop_map(|pieces| pieces.concat())
        };
        let user = any_case("current_user").prop_map(|word| (word, ALICE.to_owned()));
        let name = prop_oneof![
            any_case("current_groups"),
            any_case("current_groups").prop_map(|name| format!("\"{name}\"")),
        ];
        let groups = (name, gap(), gap()).prop_map(|(name, before, within)| {
            (format!("{name}{before}({within})"), HER_GROUPS.to_owned())
        });
        let similar = ("[a-z0-9_]{0,3}", any_case("current_user"), "[a-z0-9_]{1,3}")
            .prop_map(move |(before, word, after)| same(format!("{before}{word}{after}")));
        let other = prop_oneof![
            "[-+*/=<>|,;?%()\\[\\]{}@:!&é\u{1f600}\u{a0}]".prop_map(same),
            "[0-9a-z_]{1,5}".prop_map(same),
            gap().prop_map(same),
        ];
        let piece = prop_oneof![
            user,
            groups,
            similar,
            quoted("'"),
            quoted("\""),
            quoted("`"),
            other
        ];
        prop::collection::vec(piece, 0..12)
    }

    proptest! {
        #[test]
        fn an_expression_without_the_words_comes_back_byte_for_byte(
            expression in prop_oneof![any::<String>(), "[-/*'\"`\\\\ \r\na-c_1(){}.é\u{1f600}]{0,24}"],
        ) {
            let lower = expression.to_ascii_lowercase();
            prop_assume!(!lower.contains(USER) && !lower.contains("current_groups"));
            match for_alice(&expression) {
                Ok(result) => {
                    prop_assert!(matches!(result, Cow::Borrowed(_)));
                    prop_assert_eq!(&*result, &*expression);
                }
                Err(error) => prop_assert!(matches!(error, ExpressionError::Unclosed { .. }), "{error}"),
            }
        }

        #[test]
        fn exactly_the_words_in_the_code_are_replaced(pieces in pieces()) {
            // A blank between them keeps neighbours apart.
            let join = |part: fn(&(String, String)) -> &str| {
                pieces.iter().map(part).collect::<Vec<_>>().join(" ")
            };
            let before = join(|piece| &piece.0);
            let after = join(|piece| &piece.1);
            prop_assert_eq!(for_alice(&before), Ok(after.into()));
        }

        #[test]
        fn nothing_of_the_session_is_left(
            pieces in pieces(), user in "[a-z'\"`/*\\-\0\u{1f600}]{0,6}|current_user", groups in any::<Vec<String>>(),
        ) {
            let expression = pieces.into_iter().map(|piece| piece.0).collect::<Vec<_>>().join(" ");
            let rewritten = for_user(&expression, &user, &groups).unwrap();
            prop_assert_eq!(for_alice(&rewritten), Ok(Cow::Borrowed(&*rewritten)));
        }

        #[test]
        fn no_expression_makes_the_reader_panic(
            expression in "([-/*'\"`.() ]|current_user|current_groups|é){0,16}",
        ) {
            let _ = for_alice(&expression);
        }
    }
}
