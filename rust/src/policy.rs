//! The policy file: users and scopes in JSON.

use std::collections::HashMap;
use std::fmt;

use foldhash::quality::RandomState;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::json::{self, Entry, JsonError};
use crate::name::{self, Folding};
use crate::pattern::Shared;
use crate::scope::{Scope, ScopeEntry, Scopes};
use crate::user::{Alike, IMPERSONATE_USER, User};

/// Users and scopes of one version of the file.
#[derive(Debug, Default)]
pub struct Policy {
    /// Names of usual length lie within the table, so that finding a user is one look at memory.
    users: HashMap<SmolStr, User, RandomState>,
    /// In the order of the file: the first that matches decides.
    pub scopes: Scopes,
}

impl Policy {
    /// Reads a policy from JSON. Names are folded as they will be looked up.
    ///
    /// # Errors
    ///
    /// Broken JSON, unknown keys, wrong types, duplicate users, names that no user can have, refused
    /// patterns.
    pub fn parse(json: &[u8], folding: Folding) -> Result<Self, JsonError> {
        let file = Entry::file(json)?;
        let PolicyFile {
            users: listed,
            scopes: rules,
        } = file.read()?;
        let mut users = HashMap::with_capacity_and_hasher(listed.len(), RandomState::default());
        let mut alike = Alike::new(usize::MAX);
        for raw in listed {
            let entry = file.within(raw);
            let (name, user): (String, User) = entry.read::<UserEntry>()?.into();
            let folded = SmolStr::new(folding.fold(&name));
            let mut user = user.spelled(&name, &folded);
            alike.share(&mut user);
            if users.insert(folded, user).is_some() {
                let case = match folding {
                    Folding::Exact => "",
                    Folding::CaseInsensitive => ", where case does not count",
                };
                let problem = format!("the user \"{name}\" is there twice{case}");
                return Err(entry.error(1, problem));
            }
        }
        let mut scopes = Vec::with_capacity(rules.len());
        let mut shared = Shared::default();
        for raw in rules {
            let entry = file.within(raw);
            let scope = Scope::new(&entry.read::<ScopeEntry>()?, folding, &mut shared)
                .map_err(|error| entry.error(1, error.to_string()))?;
            scopes.push(scope);
        }
        Ok(Policy {
            users,
            scopes: scopes.into(),
        })
    }

    /// Reads a policy that holds scopes alone, since its users are somewhere else.
    ///
    /// # Errors
    ///
    /// As [`Policy::parse`], and a file that lists users.
    pub fn parse_scopes(json: &[u8], folding: Folding) -> Result<Self, JsonError> {
        let file = Entry::file(json)?;
        if let Some(user) = file.read::<PolicyFile<'_>>()?.users.first() {
            return Err(file.within(user).error(
                1,
                "users are looked up at immuta.endpoint, so this file may hold scopes only"
                    .to_owned(),
            ));
        }
        Policy::parse(json, folding)
    }

    /// Whether any user has a group.
    pub fn has_groups(&self) -> bool {
        self.users.values().any(|user| !user.groups().is_empty())
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

impl From<UserEntry> for (String, User) {
    fn from(entry: UserEntry) -> Self {
        let may_impersonate = entry
            .permissions
            .iter()
            .any(|held| held == IMPERSONATE_USER);
        let user = User::new(may_impersonate)
            .disabled(entry.disabled)
            .with_details(entry.groups, entry.expires);
        (entry.name, user)
    }
}

fn user_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    json::checked(deserializer, |text| {
        if name::is_valid(text) {
            Ok(text.to_owned())
        } else {
            Err(format!(
                "the user name {:?} is empty, over {} bytes, or has control characters",
                name::cut_short(text).unwrap_or(text),
                name::MAX_BYTES
            ))
        }
    })
}

fn expiry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    json::checked(deserializer, |text| {
        text.parse()
            .map(Some)
            .map_err(|_| format!("{text:?} is not a time; write one as in 2027-01-31T00:00:00Z"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Policy, JsonError> {
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
        assert_eq!(policy.user("svc").unwrap().groups(), ["bi"]);
        assert!(!policy.user("near").unwrap().may_impersonate);
        assert!(policy.user("SVC").is_none());
        assert_eq!(policy.scopes.len(), 1);
    }

    #[test]
    fn an_account_ends_when_it_expires() {
        let policy =
            parse(r#"{"users": [{"name": "a", "expires": "2027-01-31T00:00:00Z"}]}"#).unwrap();
        let user = policy.user("a").unwrap();
        assert!(user.is_enabled(|| "2027-01-30T23:59:59Z".parse().unwrap()));
        assert!(!user.is_enabled(|| "2027-01-31T00:00:00Z".parse().unwrap()));
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
    fn where_users_come_from_elsewhere_the_file_may_not_list_any() {
        let scopes_only = |json: &str| Policy::parse_scopes(json.as_bytes(), Folding::Exact);
        let policy = scopes_only(r#"{"users": [], "scopes": [{"new_user": "a"}]}"#).unwrap();
        assert_eq!(policy.scopes.len(), 1);
        let error = scopes_only("{\"users\": [\n{\"name\": \"svc\"}]}").unwrap_err();
        assert!(
            error.to_string().starts_with("line 2: users are looked up"),
            "{error}"
        );
    }

    #[test]
    fn names_that_fold_to_one_are_one_user() {
        let json = br#"{"users": [{"name": "Alice"}, {"name": "ALICE"}]}"#;
        assert!(Policy::parse(json, Folding::Exact).is_ok());
        assert!(Policy::parse(json, Folding::CaseInsensitive).is_err());
    }
}
