//! Audit lines: one line each, valid JSON, harmless to a terminal, and no name forges another field.
//!
//! The input is a list of texts, which take the places of names and of what a query says of itself.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{fields, is_harmless};
use crate::audit::batch::Batch;
use crate::audit::line::{Flush, Line, Query};
use crate::audit::repeated::Refusals;
use crate::audit::{Amount, EndedQuery, NamesInSource, escape_unseen};
use crate::clock::SystemClock;
use crate::engine::{Caller, Path, Request};
use crate::name::Name;
use crate::reason::Reason;

pub(super) fn check(bytes: &[u8]) {
    let texts: Vec<&[u8]> = fields(bytes).collect();
    decision(&texts);
    query(&texts);
    flush(&texts);
    repeated(&texts);
    let json = Value::from(String::from_utf8_lossy(bytes)).to_string();
    let escaped = escape_unseen(&json);
    assert!(is_harmless(&escaped));
    assert_eq!(
        serde_json::from_str::<Value>(&escaped).ok(),
        serde_json::from_str(&json).ok()
    );
}

/// The text at this place, which is missing where the input has fewer.
fn text<'a>(texts: &[&'a [u8]], place: usize) -> Option<&'a [u8]> {
    texts.get(place).copied()
}

fn lossy(texts: &[&[u8]], place: usize) -> String {
    String::from_utf8_lossy(text(texts, place).unwrap_or_default()).into_owned()
}

/// The only line.
fn read(batch: &Batch) -> Value {
    let (_, line) = batch.lines().next().expect("a record leaves a line");
    read_line(&line)
}

fn read_line(line: &Line<'_>) -> Value {
    let line = line.json().expect("a line is JSON");
    assert!(is_harmless(&line), "{line:?}");
    let value: Value = serde_json::from_str(&line).expect("a line is JSON");
    assert_eq!(value["schemaVersion"], 1);
    value
}

/// A name stands there as it was, or its beginning and an ellipsis.
fn is_name(value: &Value, name: &str) {
    let shown = value.as_str().expect("a name is a text");
    match shown.strip_suffix('…') {
        Some(start) if name.len() > 256 => {
            assert!(name.starts_with(start) && (253..=256).contains(&start.len()));
        }
        _ => assert_eq!(shown, name),
    }
}

fn decision(texts: &[&[u8]]) {
    let request = Request {
        impersonator: Name::from_bytes(text(texts, 0).unwrap_or_default()),
        target: Name::from_bytes(text(texts, 1).unwrap_or_default()),
        principal: text(texts, 2).map(Name::from_bytes),
        query_id: text(texts, 3).map(String::from_utf8_lossy),
        ..Request::new("", "")
    };
    let mapped = text(texts, 4).map(|name| String::from_utf8_lossy(name).into_owned());
    let names = NamesInSource {
        impersonator: mapped.clone(),
        target: None,
    };
    let mut batch = Batch::default();
    batch.add_decision(Timestamp::UNIX_EPOCH, &request, names, Reason::NoPermission);
    let line = read(&batch);
    assert_eq!(line["type"], "decision");
    assert_eq!(line["decision"], "deny");
    assert_eq!(line["reason"], "no-permission");
    assert_eq!(line["path"], "native");
    is_name(&line["impersonator"], request.impersonator.as_str());
    is_name(&line["target"], request.target.as_str());
    match &request.principal {
        Some(principal) => is_name(&line["principal"], principal.as_str()),
        None => assert_eq!(line["principal"], Value::Null),
    }
    if let Some(id) = &request.query_id {
        is_name(&line["queryId"], id);
    }
    if let Some(mapped) = mapped {
        assert_eq!(line["mappedImpersonator"], mapped);
    }
    let members = 10 + usize::from(texts.len() > 3) + usize::from(texts.len() > 4);
    assert_eq!(line.as_object().map(|line| line.len()), Some(members));
}

fn query(texts: &[&[u8]]) {
    let rest: Vec<String> = (0..texts.len()).map(|place| lossy(texts, place)).collect();
    let query = EndedQuery {
        path: Path::Property,
        reason: Reason::Permission,
        decided: Timestamp::UNIX_EPOCH,
        impersonator: lossy(texts, 0),
        target: lossy(texts, 1),
        principal: rest.get(2).cloned(),
        query_id: lossy(texts, 3),
        state: lossy(texts, 4),
        error: rest.get(5).cloned(),
        start: Timestamp::UNIX_EPOCH,
        elapsed: Duration::from_millis(7),
        source: rest.get(6).cloned(),
        client_address: rest.get(7).cloned(),
        client_tags: rest.clone(),
        catalogs: rest.clone(),
        tables: rest.clone(),
        input: Amount::default(),
        output: Amount::default(),
        written: Amount::default(),
        text: rest.get(8).cloned(),
    };
    let mut batch = Batch::default();
    batch.add_query(Box::new(Query {
        time: Timestamp::UNIX_EPOCH,
        names_in_source: NamesInSource::default(),
        query: query.clone(),
    }));
    let line = read(&batch);
    for (key, expected) in [
        ("type", "query"),
        ("reason", "permission"),
        ("path", "property"),
        ("impersonator", &query.impersonator),
        ("impersonationUser", &query.impersonator),
        ("target", &query.target),
        ("userId", &query.target),
        ("queryId", &query.query_id),
        ("state", &query.state),
    ] {
        assert_eq!(line[key], expected, "{key}");
    }
    for (key, expected) in [
        ("principal", query.principal),
        ("errorCode", query.error.clone()),
        ("source", query.source),
        ("clientAddress", query.client_address),
        ("queryText", query.text),
    ] {
        assert_eq!(
            line.get(key).and_then(Value::as_str),
            expected.as_deref(),
            "{key}"
        );
    }
    for key in ["clientTags", "catalogs", "tables"] {
        assert_eq!(line[key], Value::from(rest.clone()), "{key}");
    }
    assert_eq!(line["success"], query.error.is_none());
}

fn flush(texts: &[&[u8]]) {
    let caller = Caller {
        user: Name::from_bytes(text(texts, 0).unwrap_or_default()),
        principal: text(texts, 1).map(Name::from_bytes),
        query_id: text(texts, 2).map(String::from_utf8_lossy),
    };
    let flushed = text(texts, 3).map(String::from_utf8_lossy);
    let mut batch = Batch::default();
    batch.add_flush(Box::new(Flush::new(
        Timestamp::UNIX_EPOCH,
        &caller,
        flushed.as_deref(),
        false,
    )));
    let line = read(&batch);
    assert_eq!(line["type"], "flush");
    assert_eq!(line["decision"], "deny");
    is_name(&line["user"], caller.user.as_str());
    match &flushed {
        Some(flushed) => is_name(&line["flushed"], flushed),
        None => assert_eq!(line["flushed"], Value::Null),
    }
}

/// Each text is a target that the same principal is refused, the first of them once more.
fn repeated(texts: &[&[u8]]) {
    let asker = Name::from_bytes(text(texts, 0).unwrap_or_default());
    let refusals = Refusals::new(1, true, Arc::new(SystemClock::new()));
    for target in texts.iter().take(1).chain(texts) {
        let request = Request {
            impersonator: asker.clone(),
            target: Name::from_bytes(target),
            principal: text(texts, 1).map(Name::from_bytes),
            ..Request::new("", "")
        };
        refusals.has_own_line(&request, Reason::UnknownTarget);
    }
    let counted = refusals.close();
    assert_eq!(counted.len(), usize::from(!texts.is_empty()));
    for counted in counted {
        let line = read_line(&counted.line(Timestamp::UNIX_EPOCH));
        assert_eq!(line["type"], "refusals");
        assert_eq!(line["repeated"], texts.len());
        assert_eq!(line["reasons"]["unknown-target"], texts.len());
        let names = texts.iter().map(|text| String::from_utf8_lossy(text));
        let distinct = names.collect::<HashSet<_>>().len();
        // Lone surrogates look alike in one reading and not in the other.
        let counted = line["distinctTargets"].as_u64().expect("a number");
        assert!((1..=texts.len() as u64).contains(&counted) && counted <= distinct as u64 + 1);
        is_name(&line["impersonator"], asker.as_str());
        match text(texts, 1).map(Name::from_bytes) {
            Some(principal) => is_name(&line["principal"], principal.as_str()),
            None => assert_eq!(line["principal"], Value::Null),
        }
    }
}
