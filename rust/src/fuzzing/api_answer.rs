//! Immuta's answers: a user counts where each field that decides is there once and with its type.

use serde_json::Value;
use serde_json::value::RawValue;

use super::is_harmless;
use super::members::{Members, texts};
use crate::source::immuta::answer::{ApiError, Found, LONGEST_TOKEN, Page, bearer, excerpt};
use crate::user::{IMPERSONATE_USER, User};

pub(super) fn check(bytes: &[u8]) {
    // The shell around it refuses what is not UTF-8.
    let Ok(json) = std::str::from_utf8(bytes) else {
        return;
    };
    user_is_as_it_says(json);
    page_has_its_users(json);
    token_is_fit_for_a_header(json);
    if let Some(error) = ApiError::parse(json) {
        let members = Members::of(json).expect("an error is an object");
        assert_eq!(members.value("statusCode"), Some(error.status.into()));
    }
    let shown = excerpt(json);
    assert!(is_harmless(&shown), "{shown:?}");
    assert!(
        shown.chars().count() <= 10 * 200 + 1,
        "not short: {}",
        shown.len()
    );
}

fn expected_user(json: &str) -> Option<Found> {
    let members = Members::of(json)?;
    let text = |name| members.value(name)?.as_str().map(str::to_owned);
    let permissions = texts(&members.value("permissions")?)?;
    Some(Found {
        userid: text("userid")?,
        iamid: text("iamid")?,
        user: User::new(permissions.contains(&IMPERSONATE_USER.to_owned()))
            .disabled(members.value("disabled")?.as_bool()?),
    })
}

fn user_is_as_it_says(json: &str) {
    let found = Found::parse(json);
    // Its problem goes to the log, and nothing of the answer with it.
    if let Err(problem) = &found {
        assert!(is_harmless(problem), "{problem:?}");
    }
    assert_eq!(found.ok(), expected_user(json));
}

fn page_has_its_users(json: &str) {
    let page = Page::parse(json).ok();
    let members = Members::of(json);
    let hits: Option<Vec<&RawValue>> = members
        .as_ref()
        .and_then(|members| serde_json::from_str(members.only("hits")?.get()).ok());
    let count = members
        .as_ref()
        .and_then(|members| members.value("count")?.as_u64());
    assert_eq!(page.is_some(), hits.is_some() && count.is_some());
    let (Some(page), Some(hits)) = (page, hits) else {
        return;
    };
    assert_eq!((page.len(), Some(page.count)), (hits.len(), count));
    for name in ["svc", "alice", ""] {
        assert_eq!(
            page.named(|userid| userid == name).ok(),
            expected_named(&hits, name),
            "{name}"
        );
    }
}

fn expected_named(hits: &[&RawValue], name: &str) -> Option<Vec<Found>> {
    let mut named = Vec::new();
    for hit in hits {
        let userid = Members::of(hit.get())?.value("userid")?;
        if userid.as_str()? == name {
            named.push(expected_user(hit.get())?);
        }
    }
    Some(named)
}

fn token_is_fit_for_a_header(json: &str) {
    let token = Members::of(json)
        .filter(|members| {
            members.all("authenticated").count() <= 1
                && members
                    .value("authenticated")
                    .is_none_or(|value| value == true || value == Value::Null)
        })
        .and_then(|members| members.value("token")?.as_str().map(str::to_owned))
        .filter(|token| !token.is_empty() && token.len() <= LONGEST_TOKEN)
        .filter(|token| token.bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
    let header = bearer(json).ok();
    assert!(header.as_ref().is_none_or(|header| header.is_sensitive()));
    assert_eq!(
        header.map(|header| header.as_bytes().to_owned()),
        token.map(|token| format!("Bearer {token}").into_bytes())
    );
}
