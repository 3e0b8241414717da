//! Policy files: what is accepted says of each user what a plain reader of JSON finds there.

use std::str;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use super::is_harmless;
use super::members::{Members, texts};
use crate::json::JsonError;
use crate::name::Folding;
use crate::pattern::Shared;
use crate::policy::Policy;
use crate::scope::{Scope, Subject};
use crate::user::{IMPERSONATE_USER, User};

const USER_KEYS: [&str; 5] = ["name", "permissions", "groups", "disabled", "expires"];
const SCOPE_KEYS: [&str; 7] = [
    "original_user",
    "originalUser",
    "original_group",
    "new_user",
    "newUser",
    "new_group",
    "allow",
];
const NAMES: [&str; 6] = ["svc", "alice", "svc_.*", "", "Zoë", "\u{2603}\n"];

pub(super) fn check(bytes: &[u8]) {
    let exact = Policy::parse(bytes, Folding::Exact);
    let folded = Policy::parse(bytes, Folding::CaseInsensitive);
    for error in [&exact, &folded]
        .into_iter()
        .filter_map(|p| p.as_ref().err())
    {
        explains_itself(error, bytes);
    }
    if let Ok(policy) = &exact {
        says_what_stands_there(policy, bytes, Folding::Exact);
    } else {
        // Fewer names are the same, and nothing else differs but how large patterns become.
        assert!(folded.is_err(), "only accepted where case does not count");
    }
    if let Ok(policy) = &folded {
        says_what_stands_there(policy, bytes, Folding::CaseInsensitive);
    }
    let scopes_only = Policy::parse_scopes(bytes, Folding::Exact);
    assert_eq!(
        scopes_only.is_ok(),
        exact.is_ok_and(|policy| policy.to_string().starts_with("0 users"))
    );
}

/// The sentence goes to a log as one line, and its number is one of the file's.
pub(super) fn explains_itself(error: &JsonError, bytes: &[u8]) {
    let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!((1..=lines).contains(&error.line), "{error:?} of {lines}");
    assert!((1..6 * 1001).contains(&error.problem.chars().count()));
    assert!(is_harmless(&error.problem), "{error:?}");
}

fn says_what_stands_there(policy: &Policy, bytes: &[u8], folding: Folding) {
    let json = str::from_utf8(bytes).expect("only UTF-8 is accepted");
    let file = Members::of(json).expect("only an object is accepted");
    assert!(file.are_among(&["users", "scopes"]));
    let users = entries(&file, "users");
    for user in &users {
        let members = Members::of(user.get()).expect("only objects are accepted");
        assert!(members.are_among(&USER_KEYS));
        let name = members.value("name").expect("a user has a name");
        let name = name.as_str().expect("a name is a text");
        assert!(!name.is_empty() && name.len() <= 256 && !name.chars().any(char::is_control));
        assert_eq!(
            policy.user(&folding.fold(name)).cloned(),
            expected_user(&members),
            "{name:?}"
        );
    }
    let scopes = entries(&file, "scopes");
    assert_eq!(
        policy.to_string(),
        format!("{} users, {} scopes", users.len(), scopes.len())
    );
    let mut one_by_one = Vec::new();
    for entry in &scopes {
        let members = Members::of(entry.get()).expect("only objects are accepted");
        assert!(members.are_among(&SCOPE_KEYS));
        let allow = members.value("allow").unwrap_or(Value::Bool(true));
        let entry = serde_json::from_str(entry.get()).expect("it was read in the file");
        let alone = &mut Shared::default();
        let scope = Scope::new(&entry, folding, alone).expect("it was accepted in the file");
        one_by_one.push((scope, allow));
    }
    for impersonator in NAMES {
        for target in NAMES {
            let subject = Subject {
                impersonator: &folding.fold(impersonator),
                impersonator_groups: &["bi"],
                target: &folding.fold(target),
                target_groups: &["staff"],
            };
            let first = one_by_one.iter().find_map(|(scope, allow)| {
                let decided = scope.decide(&subject)?;
                assert_eq!(*allow, decided);
                Some(decided)
            });
            assert_eq!(policy.scopes.decide(&subject), first);
        }
    }
}

fn entries<'a>(file: &Members<'a>, key: &str) -> Vec<&'a RawValue> {
    let list =
        |raw: &'a RawValue| serde_json::from_str(raw.get()).expect("only a list is accepted");
    file.only(key).map(list).unwrap_or_default()
}

fn expected_user(members: &Members<'_>) -> Option<User> {
    let list = |name| match members.only(name) {
        Some(_) => texts(&members.value(name)?),
        None => Some(Vec::new()),
    };
    let may_impersonate = list("permissions")?.contains(&IMPERSONATE_USER.to_owned());
    let disabled = match members.only("disabled") {
        Some(_) => members.value("disabled")?.as_bool()?,
        None => false,
    };
    let expires = match members.only("expires") {
        Some(_) => Some(
            members
                .value("expires")?
                .as_str()?
                .parse::<Timestamp>()
                .ok()?,
        ),
        None => None,
    };
    Some(
        User::new(may_impersonate)
            .disabled(disabled)
            .with_details(list("groups")?, expires),
    )
}
