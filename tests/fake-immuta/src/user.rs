//! The users that the server knows.

use serde::{Deserialize, Serialize};

/// A user, with what decides and nothing else. The other fields of Immuta's user object are made up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FakeUser {
    /// The name, unique in its IAM.
    pub userid: String,
    /// The IAM; `bim` is Immuta's own.
    #[serde(default = "bim")]
    pub iamid: String,
    /// Such as `IMPERSONATE_USER`.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Whether the user is disabled.
    #[serde(default)]
    pub disabled: bool,
    /// Names of groups. The API tells that they exist, not who is in them.
    #[serde(default)]
    pub groups: Vec<String>,
}

impl FakeUser {
    /// An enabled user of the IAM `bim`, with these permissions.
    #[must_use]
    pub fn new(userid: &str, permissions: &[&str]) -> FakeUser {
        FakeUser {
            userid: userid.to_owned(),
            iamid: bim(),
            permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
            disabled: false,
            groups: Vec::new(),
        }
    }
}

fn bim() -> String {
    "bim".to_owned()
}
