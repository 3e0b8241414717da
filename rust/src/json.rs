//! JSON files that operators write: every mistake names its line.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::audit::escape_unseen;

/// The longest problem, in characters. It may quote what stands in the file.
const LONGEST_PROBLEM: usize = 1000;
/// What JSON takes for blank.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Why a text is not what the file should hold.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct JsonError {
    /// Where, counted from 1. For a mistake in an entry as a whole, the line on which it begins.
    pub line: usize,
    /// What is wrong, on one line.
    pub problem: String,
}

/// Reads a string and checks it while the reader still stands there: only then does `serde_json` give
/// the error its line.
pub(crate) fn checked<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    check: fn(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    struct Checked<T>(fn(&str) -> Result<T, String>);

    impl<T> Visitor<'_> for Checked<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            (self.0)(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Checked(check))
}

/// A JSON object within the file's text. Entries that stay text at first, and are read one by one, each
/// know the line on which they begin.
pub(crate) struct Entry<'a> {
    json: &'a str,
    text: &'a str,
}

impl<'a> Entry<'a> {
    /// The whole file.
    pub(crate) fn file(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let json = std::str::from_utf8(bytes).map_err(|error| JsonError {
            line: line_of(bytes, error.valid_up_to()),
            problem: "the file is not UTF-8".to_owned(),
        })?;
        Ok(Entry {
            json,
            text: json.trim_start_matches(BLANKS),
        })
    }

    /// An object of the same file that was left as text.
    pub(crate) fn within(&self, raw: &'a RawValue) -> Self {
        Entry {
            json: self.json,
            text: raw.get(),
        }
    }

    pub(crate) fn read<T: Deserialize<'a>>(&self) -> Result<T, JsonError> {
        // Derived readers take lists for objects, which nobody means here.
        let result = if self.text.is_empty() || self.text.starts_with('{') {
            serde_json::from_str(self.text)
        } else if self.text.starts_with('\u{feff}') {
            Err(serde_json::Error::custom(
                "the text begins with a byte order mark; save it as UTF-8 without one",
            ))
        } else {
            Err(serde_json::Error::custom("expected an object, { ... }"))
        };
        result.map_err(|error| {
            let text = error.to_string();
            let position = format!(" at line {} column {}", error.line(), error.column());
            let problem = text.strip_suffix(&position).unwrap_or(&text);
            let problem = if error.is_eof() {
                format!("the text ends too early ({problem})")
            } else {
                problem.to_owned()
            };
            self.error(error.line().max(1), problem)
        })
    }

    /// An error on this line of the entry.
    pub(crate) fn error(&self, line: usize, mut problem: String) -> JsonError {
        if let Some((end, _)) = problem.char_indices().nth(LONGEST_PROBLEM) {
            problem.truncate(end);
            problem.push('…');
        }
        let offset = self.text.as_ptr() as usize - self.json.as_ptr() as usize;
        JsonError {
            line: line_of(self.json.as_bytes(), offset) + line - 1,
            problem: escape_unseen(&problem),
        }
    }
}

fn line_of(json: &[u8], offset: usize) -> usize {
    json[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Folding;
    use crate::policy::Policy;
    use crate::user_mapping::UserMapping;

    fn refused(json: &[u8]) -> JsonError {
        let policy = Policy::parse(json, Folding::Exact);
        policy.expect_err(&String::from_utf8_lossy(json))
    }

    /// A policy with this text in place of a user's name.
    fn named(name: &str) -> String {
        format!("{{\"users\": [\n{{\"name\": {name}}}]}}")
    }

    /// What other readers let pass is refused, since nobody knows which of two meanings was meant.
    #[test]
    fn what_is_not_exactly_json_is_refused_with_its_line() {
        for (json, line, words) in [
            (
                "{\"users\": [],\n\"us\\u0065rs\": []}",
                2,
                "duplicate field `users`",
            ),
            (
                "{\"users\": [{\"name\": \"a\",\n\"n\\u0061me\": \"b\"}]}",
                2,
                "duplicate field `name`",
            ),
            (
                "{\"users\": [{\"name\": \"a\", \"disabled\": true,\n\"disabled\": false}]}",
                2,
                "duplicate field `disabled`",
            ),
            (
                "{\"scopes\": [{\"new_user\": \"a\",\n\"newUser\": \"b\"}]}",
                2,
                "duplicate field `new_user`",
            ),
            ("{\n\"Users\": []}", 2, "unknown field `Users`"),
            (
                "{\"users\": [\n{\"NAME\": \"a\"}]}",
                2,
                "unknown field `NAME`",
            ),
            ("{\n\"users \": []}", 2, "unknown field `users `"),
            ("{\n/* nobody */}", 2, "key must be a string"),
            ("{\"users\": []\n// nobody\n}", 2, "expected `,` or `}`"),
            ("{}\n# nobody", 2, "trailing characters"),
            ("{\"users\": [],\n}", 2, "trailing comma"),
            ("{\"users\": [{\"name\": \"a\"},\n]}", 2, "trailing comma"),
            ("{\n'users': []}", 2, "key must be a string"),
            ("{\nusers: []}", 2, "key must be a string"),
            ("{\"users\":\nNaN}", 2, "expected value"),
            ("{\"users\":\nInfinity}", 2, "expected value"),
            ("{\"users\":\n-Infinity}", 2, "invalid number"),
            ("{\"users\":\n1e999}", 2, "number out of range"),
            (
                "{\"users\": [\n{\"name\": \"a\", \"disabled\": 99999999999999999999}]}",
                2,
                "invalid type",
            ),
            (
                "{\"users\": [\n{\"name\": \"a\", \"permissions\": null}]}",
                2,
                "invalid type",
            ),
            (
                "{\"users\": [\n{\"name\": \"a\", \"expires\": 1801440000}]}",
                2,
                "invalid type",
            ),
            (
                "{\"users\": [\n{\"name\": \"a\", \"groups\": [[\"b\"]]}]}",
                2,
                "invalid type",
            ),
            (
                "{\"scopes\": [\n{\"new_user\": \"a\", \"allow\": \"false\"}]}",
                2,
                "invalid type",
            ),
            (
                "{\"users\": [\n{\"name\": \"a\", \"disabled\": True}]}",
                2,
                "expected value",
            ),
            ("\u{feff}{}", 1, "byte order mark"),
            ("\u{a0}{}", 1, "expected an object"),
            ("\u{c}{}", 1, "expected an object"),
            ("{\n\u{a0}}", 2, "key must be a string"),
            ("{}\n\u{2028}", 2, "trailing characters"),
            ("{\n\0}", 2, "key must be a string"),
            (&named("\"a\\ud800\""), 2, "hex escape"),
            (&named("\"a\\ud800\\u0061\""), 2, "surrogate"),
            (&named("\"\\udc00a\""), 2, "hex escape"),
            (&named("\"a\\x61\""), 2, "invalid escape"),
            (&named("\"a\tb\""), 2, "control character"),
            (&named("\"a\\u0000\""), 2, "has control characters"),
            (&named("\"a\\u0085\""), 2, "has control characters"),
            (
                &named(&format!("\"{}\"", "é".repeat(129))),
                2,
                "over 256 bytes",
            ),
        ] {
            let error = refused(json.as_bytes());
            assert_eq!(error.line, line, "{json}: {error}");
            assert!(error.problem.contains(words), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_refused() {
        let utf_16 =
            |swap: fn(u16) -> [u8; 2]| "\u{feff}{}".encode_utf16().flat_map(swap).collect();
        let little: Vec<u8> = utf_16(u16::to_le_bytes);
        let big: Vec<u8> = utf_16(u16::to_be_bytes);
        for json in [
            little.as_slice(),
            &big,
            b"{\"users\": [{\"name\": \"\xff\"}]}",
            b"{\"users\": [{\"name\": \"\xc0\xaf\"}]}",
            b"{\"users\": [{\"name\": \"\xed\xa0\x80\"}]}",
            b"{\"users\": [{\"name\": \"\xf4\x90\x80\x80\"}]}",
        ] {
            assert!(refused(json).problem.contains("not UTF-8"));
        }
        // Without the mark it is UTF-8 with many NULs.
        refused(&little[2..]);
        refused(&big[2..]);
    }

    #[test]
    fn what_json_allows_is_read() {
        let surrogates = named("\"\\ud83d\\ude00\"");
        let policy = Policy::parse(surrogates.as_bytes(), Folding::Exact).unwrap();
        assert!(policy.user("\u{1f600}").is_some());
        let blanks = " \t\r\n{\r\"us\\u0065rs\"\t: [ ]\n}\r\n";
        assert!(Policy::parse(blanks.as_bytes(), Folding::Exact).is_ok());
        let users: Vec<String> = (0..20_000)
            .map(|n| format!("{{\"name\":\"u{n}\"}}"))
            .collect();
        let many = format!("{{\"users\":[{}]}}", users.join(",\n"));
        let policy = Policy::parse(many.as_bytes(), Folding::Exact).unwrap();
        assert!(policy.user("u19999").is_some());
        let twice = many.replace("u19999\"", "u7\"");
        assert_eq!(refused(twice.as_bytes()).line, 20_000);
    }

    #[test]
    fn deep_nesting_overflows_nothing() {
        let (open, close) = ("[".repeat(200_000), "]".repeat(200_000));
        for json in [
            open.clone(),
            format!("{{\"users\": {open}"),
            format!("{{\"users\": {open}{close}}}"),
            format!("{{\"users\": [{{\"name\": {open}{close}}}]}}"),
            format!("{{\"users\": [{{\"name\": \"a\", \"groups\": {open}{close}}}]}}"),
            format!("{{\"scopes\": [{{\"new_user\": {open}{close}}}]}}"),
            "{\"users\":".repeat(200_000),
        ] {
            refused(json.as_bytes());
        }
    }

    #[test]
    fn a_problem_is_a_short_line_whatever_it_quotes() {
        for json in [
            "{\"a\\nb\\u001b[2J\": 1}".to_owned(),
            "{\"\u{202e}\u{2028}\": 1}".to_owned(),
            format!("{{\"{}\": 1}}", "k".repeat(1_000_000)),
            named(&format!("\"{}\"", "n".repeat(1_000_000))),
            named("\"\u{202e}a\"}, {\"name\": \"\u{202e}a\""),
        ] {
            let problem = refused(json.as_bytes()).problem;
            assert!(problem.len() < 1100, "{}", problem.len());
            assert!(!problem.contains("nn") || problem.contains("over 256 bytes"));
            assert_eq!(escape_unseen(&problem), problem, "{problem:?}");
        }
        let rule = br#"{"rules": [{"pattern": "(a)", "case": "ti\ntle\u001b"}]}"#;
        let error = UserMapping::parse(rule, Folding::Exact).unwrap_err();
        assert!(error.problem.contains(r"ti\u000atle\u001b"), "{error}");
    }
}
