//! The policy file: users and scopes in JSON.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::name::{self, Folding};
use crate::scope::{Scope, ScopeEntry};

/// The permission that lets its holder impersonate, by exactly this name.
pub const IMPERSONATE_USER: &str = "IMPERSONATE_USER";

/// Why a text is not a policy.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct PolicyError {
    /// Where, counted from 1. For a mistake in an entry as a whole, the line on which it begins.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// What the permission source knows of a user.
#[derive(Debug, Default)]
pub struct User {
    /// Whether `IMPERSONATE_USER` is held.
    pub may_impersonate: bool,
    /// The user's groups.
    pub groups: Vec<String>,
    disabled: bool,
    expires: Option<Timestamp>,
}

impl User {
    /// Whether the account is in use at this time: neither disabled nor expired.
    pub fn is_enabled(&self, now: Timestamp) -> bool {
        !self.disabled && self.expires.is_none_or(|expires| now < expires)
    }
}

/// Users and scopes of one version of the file.
#[derive(Debug, Default)]
pub struct Policy {
    users: HashMap<String, User>,
    /// In the order of the file, which is the order in which they are tried.
    pub scopes: Vec<Scope>,
}

impl Policy {
    /// Reads a policy from JSON. Names are folded as they will be looked up.
    ///
    /// # Errors
    ///
    /// Broken JSON, unknown keys, wrong types, duplicate users, names that no user can have, refused
    /// patterns.
    pub fn parse(json: &[u8], folding: Folding) -> Result<Self, PolicyError> {
        let text = std::str::from_utf8(json).map_err(|error| PolicyError {
            line: line_of(json, error.valid_up_to()),
            problem: "the file is not UTF-8".to_owned(),
        })?;
        let start = text.len() - text.trim_start().len();
        let file: PolicyFile<'_> = Entry {
            json: text,
            text: &text[start..],
        }
        .read()?;
        let mut users = HashMap::with_capacity(file.users.len());
        for raw in &file.users {
            let entry = Entry {
                json: text,
                text: raw.get(),
            };
            let user: UserEntry = entry.read()?;
            let folded = folding.fold(&user.name).into_owned();
            if users.contains_key(&folded) {
                let problem = format!("the user \"{}\" is there twice", user.name);
                return Err(entry.error(1, problem));
            }
            users.insert(folded, user.into());
        }
        let mut scopes = Vec::with_capacity(file.scopes.len());
        for raw in &file.scopes {
            let entry = Entry {
                json: text,
                text: raw.get(),
            };
            let scope = Scope::new(&entry.read::<ScopeEntry>()?, folding)
                .map_err(|error| entry.error(1, error.to_string()))?;
            scopes.push(scope);
        }
        Ok(Policy { users, scopes })
    }

    /// The user of this folded name.
    pub fn user(&self, folded: &str) -> Option<&User> {
        self.users.get(folded)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} users, {} scopes",
            self.users.len(),
            self.scopes.len()
        )
    }
}

/// The entries stay text at first: read one by one, each knows the line on which it begins.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile<'a> {
    #[serde(borrow, default)]
    users: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    scopes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    #[serde(deserialize_with = "user_name")]
    name: String,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    disabled: bool,
    #[serde(default, deserialize_with = "expiry")]
    expires: Option<Timestamp>,
}

impl From<UserEntry> for User {
    fn from(entry: UserEntry) -> Self {
        User {
            may_impersonate: entry
                .permissions
                .iter()
                .any(|held| held == IMPERSONATE_USER),
            groups: entry.groups,
            disabled: entry.disabled,
            expires: entry.expires,
        }
    }
}

fn user_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |text| {
        if name::is_valid(text) {
            Ok(text.to_owned())
        } else {
            Err(format!(
                "the user name {text:?} is empty, over {} bytes, or has control characters",
                name::MAX_BYTES
            ))
        }
    })
}

fn expiry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    checked(deserializer, |text| {
        text.parse()
            .map(Some)
            .map_err(|_| format!("{text:?} is not a time; write one as in 2027-01-31T00:00:00Z"))
    })
}

/// Reads a string and checks it while the reader still stands there: only then does `serde_json` give
/// the error its line.
fn checked<'de, D: Deserializer<'de>, T>(
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

/// A JSON object within the file's text.
struct Entry<'a> {
    json: &'a str,
    text: &'a str,
}

impl<'a> Entry<'a> {
    fn read<T: Deserialize<'a>>(&self) -> Result<T, PolicyError> {
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
            self.error(error.line().max(1), problem.to_owned())
        })
    }

    /// An error on this line of the entry.
    fn error(&self, line: usize, problem: String) -> PolicyError {
        let offset = self.text.as_ptr() as usize - self.json.as_ptr() as usize;
        PolicyError {
            line: line_of(self.json.as_bytes(), offset) + line - 1,
            problem,
        }
    }
}

fn line_of(json: &[u8], offset: usize) -> usize {
    json[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Policy, PolicyError> {
        Policy::parse(json.as_bytes(), Folding::Exact)
    }

    #[test]
    fn users_and_scopes_are_read() {
        let policy = parse(
            r#"{"users": [{"name": "svc", "permissions": ["IMPERSONATE_USER"], "groups": ["bi"]},
                          {"name": "near", "permissions": ["IMPERSONATE_HDFS_USER", "impersonate_user"]}],
                "scopes": [{"new_user": "a.*"}]}"#,
        )
        .unwrap();
        assert!(policy.user("svc").unwrap().may_impersonate);
        assert_eq!(policy.user("svc").unwrap().groups, ["bi"]);
        assert!(!policy.user("near").unwrap().may_impersonate);
        assert!(policy.user("SVC").is_none());
        assert_eq!(policy.scopes.len(), 1);
    }

    #[test]
    fn an_account_ends_when_it_expires() {
        let policy =
            parse(r#"{"users": [{"name": "a", "expires": "2027-01-31T00:00:00Z"}]}"#).unwrap();
        let user = policy.user("a").unwrap();
        assert!(user.is_enabled("2027-01-30T23:59:59Z".parse().unwrap()));
        assert!(!user.is_enabled("2027-01-31T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn mistakes_name_their_line() {
        for (json, line, words) in [
            ("{\n\"users\": [\n{]", 3, "key must be a string"),
            ("{\n\"user\": []}", 2, "unknown field `user`"),
            (
                "{\"users\": [\n{\"name\": \"a\", \"grants\": []}]}",
                2,
                "unknown field `grants`",
            ),
            ("{\"users\": [\n{\"name\": 7}]}", 2, "invalid type"),
            (
                "{\"users\": [\n{\"disabled\": true}]}",
                2,
                "missing field `name`",
            ),
            (
                "{\"users\": [\n{\"name\": \"a\", \"disabled\": \"no\"}]}",
                2,
                "invalid type",
            ),
            (
                "{\"users\": [{\"name\": \"a\"},\n{\"name\": \"a\"}]}",
                2,
                "\"a\" is there twice",
            ),
            (
                "{\"users\": [],\n\"users\": []}",
                2,
                "duplicate field `users`",
            ),
            (
                "{\"users\": [{\"name\": \"a\",\n\"name\": \"b\"}]}",
                2,
                "duplicate field `name`",
            ),
            (
                "{\"users\": [\n{\"name\": \"a\\u0000\"}]}",
                2,
                "control characters",
            ),
            ("{\"users\": [\n{\"name\": \"\"}]}", 2, "empty"),
            (
                "{\"users\": [\n{\"name\": \"a\", \"expires\": \"soon\"}]}",
                2,
                "soon",
            ),
            (
                "{\"users\": [\n{\"name\": \"a\",\n\"expires\": \"tomorrow\"\n}\n]}",
                3,
                "tomorrow",
            ),
            (
                "{\"users\": [\n{\"disabled\": false,\n\"name\": \"\"\n}\n]\n}",
                3,
                "empty",
            ),
            ("{\"users\": [\n\n[\"a\"]\n]}", 3, "expected an object"),
            ("{\"users\": [\n\"a\"\n]}", 2, "expected an object"),
            ("", 1, "EOF"),
            ("\u{feff}{}", 1, "expected an object"),
            (
                "{\"scopes\": [\n{\"new_user\": \"(\"}]}",
                2,
                "new_user: position 1",
            ),
            (
                "{\"scopes\": [\n{\"new_user\": \"a\", \"original_role\": \"r\"}]}",
                2,
                "original_role",
            ),
            ("{}\n{}", 2, "trailing characters"),
            ("\n[]", 2, "expected an object"),
            ("null", 1, "expected an object"),
        ] {
            let error = parse(json)
                .err()
                .unwrap_or_else(|| panic!("accepted: {json}"));
            assert_eq!(error.line, line, "{json}: {error}");
            assert!(error.to_string().contains(words), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_not_utf_8_names_its_line() {
        let error = Policy::parse(b"{\n\"users\": [{\"name\": \"\xff\"}]}", Folding::Exact);
        assert_eq!(
            error.unwrap_err().to_string(),
            "line 2: the file is not UTF-8"
        );
    }

    #[test]
    fn names_that_fold_to_one_are_one_user() {
        let json = br#"{"users": [{"name": "Alice"}, {"name": "ALICE"}]}"#;
        assert!(Policy::parse(json, Folding::Exact).is_ok());
        assert!(Policy::parse(json, Folding::CaseInsensitive).is_err());
    }
}
