//! The policy file: users and scopes in JSON.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::name::{self, Folding};
use crate::scope::{Scope, ScopeEntry};

/// The permission that lets its holder impersonate, by exactly this name.
pub const IMPERSONATE_USER: &str = "IMPERSONATE_USER";

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
    /// patterns; the error names the line.
    pub fn parse(json: &[u8], folding: Folding) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let policy = PolicySeed(folding).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(policy)
    }

    /// The user of this folded name.
    pub fn user(&self, folded: &str) -> Option<&User> {
        self.users.get(folded)
    }

    /// How many users there are.
    pub fn user_count(&self) -> usize {
        self.users.len()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    name: String,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    disabled: bool,
    expires: Option<String>,
}

impl UserEntry {
    fn into_user(self) -> Result<User, String> {
        let expires = self
            .expires
            .map(|text| {
                text.parse().map_err(|_| {
                    format!("user \"{}\": expires \"{text}\" is not a time such as 2027-01-31T00:00:00Z", self.name)
                })
            })
            .transpose()?;
        Ok(User {
            may_impersonate: self.permissions.iter().any(|held| held == IMPERSONATE_USER),
            groups: self.groups,
            disabled: self.disabled,
            expires,
        })
    }
}

// The visitors below exist so that an error is raised while the reader stands at the faulty place:
// only then does serde_json know the line.

struct PolicySeed(Folding);

impl<'de> DeserializeSeed<'de> for PolicySeed {
    type Value = Policy;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Policy, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PolicySeed {
    type Value = Policy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with users and scopes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Policy, A::Error> {
        let mut users = None;
        let mut scopes = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "users" if users.is_none() => users = Some(map.next_value_seed(UsersSeed(self.0))?),
                "scopes" if scopes.is_none() => {
                    scopes = Some(map.next_value_seed(ScopesSeed(self.0))?);
                }
                "users" => return Err(A::Error::duplicate_field("users")),
                "scopes" => return Err(A::Error::duplicate_field("scopes")),
                _ => return Err(A::Error::unknown_field(&key, &["users", "scopes"])),
            }
        }
        Ok(Policy {
            users: users.unwrap_or_default(),
            scopes: scopes.unwrap_or_default(),
        })
    }
}

struct UsersSeed(Folding);

impl<'de> DeserializeSeed<'de> for UsersSeed {
    type Value = HashMap<String, User>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for UsersSeed {
    type Value = HashMap<String, User>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of users")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut users = HashMap::new();
        while let Some(entry) = sequence.next_element::<UserEntry>()? {
            if !name::is_valid(&entry.name) {
                return Err(A::Error::custom(format!(
                    "the user name {:?} is empty, over {} bytes, or has control characters",
                    entry.name,
                    name::MAX_BYTES
                )));
            }
            let folded = self.0.fold(&entry.name).into_owned();
            if users.contains_key(&folded) {
                return Err(A::Error::custom(format!(
                    "the user \"{}\" is there twice",
                    entry.name
                )));
            }
            users.insert(folded, entry.into_user().map_err(A::Error::custom)?);
        }
        Ok(users)
    }
}

struct ScopesSeed(Folding);

impl<'de> DeserializeSeed<'de> for ScopesSeed {
    type Value = Vec<Scope>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ScopesSeed {
    type Value = Vec<Scope>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of scopes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut scopes = Vec::new();
        while let Some(entry) = sequence.next_element::<ScopeEntry>()? {
            scopes.push(Scope::new(&entry, self.0).map_err(A::Error::custom)?);
        }
        Ok(scopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Policy, serde_json::Error> {
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
                "not a time",
            ),
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
            ("\n[]", 2, "expected an object with users and scopes"),
        ] {
            let error = parse(json)
                .err()
                .unwrap_or_else(|| panic!("accepted: {json}"));
            assert_eq!(error.line(), line, "{json}: {error}");
            assert!(error.to_string().contains(words), "{json}: {error}");
        }
    }

    #[test]
    fn names_that_fold_to_one_are_one_user() {
        let json = br#"{"users": [{"name": "Alice"}, {"name": "ALICE"}]}"#;
        assert!(Policy::parse(json, Folding::Exact).is_ok());
        assert!(Policy::parse(json, Folding::CaseInsensitive).is_err());
    }
}
