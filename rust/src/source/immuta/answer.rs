//! What Immuta's answers say. The fields that decide must be there, once, with their types; all others
//! may be anything.

use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::user::{IMPERSONATE_USER, User};

/// The longest text of Immuta's or of a system's that goes into a message, in characters.
const LONGEST_EXCERPT: usize = 200;
/// What stands before a token in a header.
pub(super) const BEARER: &str = "Bearer ";
/// The longest bearer token, in bytes. Servers refuse longer headers.
pub(crate) const LONGEST_TOKEN: usize = 16 * 1024;

/// The user's field that names them.
#[derive(Deserialize)]
struct NameField<'a> {
    #[serde(borrow)]
    userid: Option<&'a RawValue>,
}

/// The user's fields that decide.
#[derive(Deserialize)]
struct UserFields<'a> {
    #[serde(borrow)]
    userid: Option<&'a RawValue>,
    #[serde(borrow)]
    iamid: Option<&'a RawValue>,
    #[serde(borrow)]
    disabled: Option<&'a RawValue>,
    #[serde(borrow)]
    permissions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PageFields<'a> {
    #[serde(borrow)]
    hits: Option<&'a RawValue>,
    #[serde(borrow)]
    count: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TokenFields<'a> {
    #[serde(borrow)]
    authenticated: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorFields<'a> {
    #[serde(borrow, rename = "statusCode")]
    status_code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// A user as Immuta knows them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) userid: String,
    pub(crate) iamid: String,
    pub(crate) user: User,
}

impl Found {
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let fields: UserFields = object(json)?;
        let permissions: Vec<String> =
            field("permissions", "an array of strings", fields.permissions)?;
        Ok(Found {
            userid: field("userid", "a string", fields.userid)?,
            iamid: field("iamid", "a string", fields.iamid)?,
            user: User::new(permissions.iter().any(|held| held == IMPERSONATE_USER))
                .disabled(field("disabled", "true or false", fields.disabled)?),
        })
    }
}

impl Found {
    /// The user who was looked up by this name.
    pub(crate) fn into_user(self, name: &str) -> User {
        self.user.spelled(&self.userid, name)
    }
}

/// A page of users.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    hits: Vec<&'a RawValue>,
    /// How many users match on all pages together.
    pub(crate) count: u64,
}

impl<'a> Page<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, String> {
        let fields: PageFields = object(json)?;
        let hits = fields.hits.ok_or("\"hits\" is missing or null")?;
        Ok(Page {
            hits: serde_json::from_str(hits.get()).map_err(|_| "\"hits\" is not an array")?,
            count: field("count", "a number", fields.count)?,
        })
    }

    /// How many users are on this page.
    pub(crate) fn len(&self) -> usize {
        self.hits.len()
    }

    /// The users of this page whose name is the one asked for.
    pub(crate) fn named(&self, is_name: impl Fn(&str) -> bool) -> Result<Vec<Found>, String> {
        let mut found = Vec::new();
        for hit in &self.hits {
            let fields: NameField = object(hit.get())?;
            let userid: String = field("userid", "a string", fields.userid)?;
            if is_name(&userid) {
                found.push(Found::parse(hit.get())?);
            }
        }
        Ok(found)
    }
}

/// Reads the answer to an exchange of the API key: the value of a header with the bearer token.
pub(crate) fn bearer(json: &str) -> Result<HeaderValue, String> {
    let fields: TokenFields = object(json)?;
    if let Some(authenticated) = fields.authenticated
        && authenticated.get() != "true"
    {
        return Err("\"authenticated\" is not true".to_owned());
    }
    let token: String = field("token", "a string", fields.token)?;
    let usable = !token.is_empty()
        && token.len() <= LONGEST_TOKEN
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    HeaderValue::from_str(&format!("{BEARER}{token}"))
        .ok()
        .filter(|_| usable)
        .map(|mut value| {
            value.set_sensitive(true);
            value
        })
        .ok_or_else(|| "\"token\" cannot stand in a header".to_owned())
}

/// An error in the form that the API gives its errors.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    /// The API's own words, not safe to show as they are.
    pub(crate) message: Option<String>,
}

impl ApiError {
    pub(crate) fn parse(json: &str) -> Option<Self> {
        let fields: ErrorFields = object(json).ok()?;
        Some(ApiError {
            status: field("statusCode", "a number", fields.status_code).ok()?,
            message: field("message", "a string", fields.message).ok(),
        })
    }
}

/// A text of unknown origin, safe to show: short, and without control characters or other invisible
/// ones.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if index == LONGEST_EXCERPT => {
                shown.push('…');
                break;
            }
            '"' | '\'' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// Reads an object's fields. The parser's own words are not passed on, since they quote the answer.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    // Derived code would take an array for an object, too.
    if !json.trim_ascii_start().starts_with('{') {
        return Err("it is not a JSON object".to_owned());
    }
    serde_json::from_str(json).map_err(|error| match error.classify() {
        Category::Eof => "it is cut off".to_owned(),
        // The fields themselves are read later and cannot have failed.
        Category::Data => "it has a field that decides twice".to_owned(),
        Category::Syntax | Category::Io => {
            let (line, column) = (error.line(), error.column());
            format!("it is not JSON (line {line}, column {column})")
        }
    })
}

fn field<T: DeserializeOwned>(
    name: &str,
    expected: &str,
    value: Option<&RawValue>,
) -> Result<T, String> {
    let value = value.ok_or_else(|| format!("\"{name}\" is missing or null"))?;
    serde_json::from_str(value.get()).map_err(|_| format!("\"{name}\" is not {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str =
        r#"{"userid":"alice","iamid":"bim","disabled":false,"permissions":["IMPERSONATE_USER"]}"#;

    fn with(field: &str, json: &str) -> String {
        let mut user: serde_json::Value = serde_json::from_str(ALICE).unwrap();
        user[field] = serde_json::from_str(json).unwrap();
        user.to_string()
    }

    #[test]
    fn the_whole_documented_user_is_read() {
        let json = r#"{"id":18,"iamid":"bim","userid":"charlie.doe@immuta.example",
            "bimAuthorizations":null,"iamAuthorizations":null,"authorizations":{},
            "permissions":["CREATE_PROJECT","IMPERSONATE_USER"],
            "profile":{"id":18,"name":"Charlie","externalUserIds":{},"permissions":7,"disabled":[]},
            "authentication":null,"systemGenerated":false,"lastLogin":null,"disabled":false}"#;
        let found = Found::parse(json).unwrap();
        assert_eq!(found.userid, "charlie.doe@immuta.example");
        assert_eq!(found.iamid, "bim");
        assert!(found.user.may_impersonate);
        assert!(!found.user.disabled);
        assert!(found.user.groups().is_empty());
    }

    #[test]
    fn only_exactly_impersonate_user_lets_a_user_impersonate() {
        for (permissions, may) in [
            (r#"["IMPERSONATE_USER"]"#, true),
            (r#"["AUDIT","IMPERSONATE_USER","AUDIT"]"#, true),
            ("[]", false),
            (r#"["IMPERSONATE_HDFS_USER"]"#, false),
            (r#"["impersonate_user"]"#, false),
            (r#"[" IMPERSONATE_USER"]"#, false),
            (r#"["IMPERSONATE_USERS","IMPERSONATE"]"#, false),
            (r#"["IMPERSONATE_USER,AUDIT"]"#, false),
        ] {
            let found = Found::parse(&with("permissions", permissions)).unwrap();
            assert_eq!(found.user.may_impersonate, may, "{permissions}");
        }
    }

    #[test]
    fn a_disabled_user_is_seen_as_such() {
        let found = Found::parse(&with("disabled", "true")).unwrap();
        assert!(found.user.disabled);
    }

    #[test]
    fn a_field_that_decides_must_be_there_with_its_type() {
        for (field, values) in [
            ("userid", vec!["null", "1", r#"["alice"]"#, "{}"]),
            ("iamid", vec!["null", "1", "true"]),
            ("disabled", vec!["null", r#""false""#, "0", "[]"]),
            (
                "permissions",
                vec![
                    "null",
                    r#""IMPERSONATE_USER""#,
                    r#"{"IMPERSONATE_USER":true}"#,
                    r#"["IMPERSONATE_USER",null]"#,
                    r#"["IMPERSONATE_USER",["AUDIT"]]"#,
                    "1",
                ],
            ),
        ] {
            for value in values {
                let problem = Found::parse(&with(field, value)).unwrap_err();
                assert!(problem.contains(field), "{field} {value}: {problem}");
                assert!(!problem.contains("IMPERSONATE"), "{problem}");
            }
            let missing = ALICE.replacen(&format!("\"{field}\""), "\"other\"", 1);
            let problem = Found::parse(&missing).unwrap_err();
            assert!(problem.contains(field), "{field}: {problem}");
        }
    }

    #[test]
    fn a_field_that_decides_must_be_there_once() {
        for extra in [
            r#""permissions":["IMPERSONATE_USER"]"#,
            r#""permi\u0073sions":["IMPERSONATE_USER"]"#,
            r#""disabled":false"#,
            r#""userid":"alice""#,
            r#""iamid":"bim""#,
            r#""iamid":null"#,
        ] {
            for json in [
                ALICE.replacen('{', &format!("{{{extra},"), 1),
                ALICE.replacen('}', &format!(",{extra}}}"), 1),
            ] {
                let problem = Found::parse(&json).unwrap_err();
                assert!(problem.contains("twice"), "{json}: {problem}");
            }
        }
        let harmless = ALICE.replacen('{', r#"{"id":1,"id":2,"#, 1);
        assert!(Found::parse(&harmless).is_ok());
    }

    #[test]
    fn what_is_no_object_is_no_user() {
        for json in [
            "",
            " ",
            "null",
            "[]",
            r#"["alice","bim",false,["IMPERSONATE_USER"]]"#,
            &format!("[{ALICE}]"),
            "<html>",
            "\"alice\"",
            &format!("{ALICE}{ALICE}"),
            &format!("{ALICE}]"),
            &ALICE.replace('"', "'"),
        ] {
            assert!(Found::parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn every_prefix_of_a_user_is_refused() {
        for end in 0..ALICE.len() {
            let prefix = &ALICE[..end];
            assert!(Found::parse(prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn deep_nesting_overflows_nothing() {
        let deep = "[".repeat(500_000);
        assert!(Found::parse(&deep).is_err());
        assert!(Page::parse(&format!(r#"{{"count":1,"hits":{deep}"#)).is_err());
        let ends = "]".repeat(500_000);
        for field in ["other", "permissions", "userid"] {
            let json = ALICE.replacen('{', &format!(r#"{{"{field}":{deep}{ends},"#), 1);
            assert_eq!(Found::parse(&json).is_ok(), field == "other", "{field}");
        }
        let page = format!(r#"{{"count":1,"hits":[{{"userid":{deep}{ends}}}]}}"#);
        assert!(Page::parse(&page).unwrap().named(|_| true).is_err());
    }

    #[test]
    fn only_the_named_hits_of_a_page_must_be_complete() {
        let json = format!(r#"{{"hits":[{{"userid":"malice"}},{ALICE}],"count":2,"x":null}}"#);
        let page = Page::parse(&json).unwrap();
        assert_eq!((page.len(), page.count), (2, 2));
        let found = page.named(|name| name == "alice").unwrap();
        assert_eq!(found, [Found::parse(ALICE).unwrap()]);
        assert!(page.named(|name| name == "malice").is_err());
        assert_eq!(page.named(|name| name == "alic").unwrap(), []);
    }

    #[test]
    fn a_hit_without_a_name_spoils_the_page() {
        for hit in [
            "{}",
            r#"{"userid":null}"#,
            r#"{"userid":7}"#,
            "7",
            r#"["alice"]"#,
        ] {
            let json = format!(r#"{{"hits":[{hit},{ALICE}],"count":2}}"#);
            let page = Page::parse(&json).unwrap();
            assert!(page.named(|name| name == "alice").is_err(), "{hit}");
        }
        let twice = r#"{"hits":[{"userid":"a","userid":"b"}],"count":1}"#;
        assert!(Page::parse(twice).unwrap().named(|_| false).is_err());
    }

    #[test]
    fn a_page_must_have_hits_and_a_count() {
        for json in [
            "[]",
            "{}",
            r#"{"hits":[]}"#,
            r#"{"count":0}"#,
            r#"{"hits":null,"count":0}"#,
            r#"{"hits":{},"count":0}"#,
            r#"{"hits":[],"count":null}"#,
            r#"{"hits":[],"count":"0"}"#,
            r#"{"hits":[],"count":-1}"#,
            r#"{"hits":[],"count":0.5}"#,
            r#"{"hits":[],"count":0,"count":0}"#,
            r#"{"hits":[],"hits":[],"count":0}"#,
        ] {
            assert!(Page::parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_bearer_token_must_be_fit_for_a_header() {
        let value = bearer(r#"{"authenticated":true,"token":"abc.def-1=="}"#).unwrap();
        assert_eq!(value, "Bearer abc.def-1==");
        assert!(value.is_sensitive());
        assert!(bearer(r#"{"token":"abc"}"#).is_ok());
        let long = format!(r#"{{"token":"{}"}}"#, "x".repeat(LONGEST_TOKEN + 1));
        for json in [
            "{}",
            r#"{"token":null}"#,
            r#"{"token":123456}"#,
            r#"{"token":""}"#,
            r#"{"token":"se cret"}"#,
            r#"{"token":"secret\r\nX-Admin: 1"}"#,
            r#"{"token":"secr\u00e9t"}"#,
            r#"{"token":"secret","token":"secret"}"#,
            r#"{"token":"secret","authenticated":false}"#,
            r#"{"token":"secret","authenticated":"true"}"#,
            r#"["secret"]"#,
            r#""secret""#,
            long.as_str(),
        ] {
            let problem = bearer(json).unwrap_err();
            assert!(!problem.contains("secr"), "{problem}");
        }
    }

    #[test]
    fn the_apis_errors_are_known_by_their_shape() {
        let error = ApiError::parse(r#"{"statusCode":404,"error":"Not Found","message":"a\nb"}"#);
        let error = error.unwrap();
        assert_eq!(error.status, 404);
        assert_eq!(error.message.as_deref(), Some("a\nb"));
        assert_eq!(
            ApiError::parse(r#"{"statusCode":404}"#).unwrap().message,
            None
        );
        for json in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"statusCode":"404"}"#,
            r#"{"message":"x"}"#,
        ] {
            assert!(ApiError::parse(json).is_none(), "{json}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_without_control_characters() {
        assert_eq!(
            excerpt("a\r\n\u{1b}[31m\u{202e}"),
            "a\\r\\n\\u{1b}[31m\\u{202e}"
        );
        let long = excerpt(&"é".repeat(10_000));
        assert_eq!(long.chars().count(), LONGEST_EXCERPT + 1);
        assert!(long.ends_with('…'));
    }
}
