//! JSON files that operators write: every mistake names its line.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// Why a text is not what the file should hold.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct JsonError {
    /// Where, counted from 1. For a mistake in an entry as a whole, the line on which it begins.
    pub line: usize,
    /// What is wrong.
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
            text: json.trim_start(),
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
    pub(crate) fn error(&self, line: usize, problem: String) -> JsonError {
        let offset = self.text.as_ptr() as usize - self.json.as_ptr() as usize;
        JsonError {
            line: line_of(self.json.as_bytes(), offset) + line - 1,
            problem,
        }
    }
}

fn line_of(json: &[u8], offset: usize) -> usize {
    json[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}
