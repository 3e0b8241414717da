//! The packed form in which requests and answers cross a language border.
//!
//! Integers are big-endian; a string is its length in bytes as 32 bits, then its UTF-8. Every string
//! carries its length, so no two different requests pack to the same bytes.
//!
//! | message | fields |
//! | --- | --- |
//! | request | path (8 bits), flags (8 bits; bit 0: chained), impersonator, target, 0 or 1 and the principal, 0 or 1 and the query id |
//! | expression | expression, user, number of groups (32 bits), groups |
//! | ended query | path (8 bits), code (32 bits) of the reason, when that was decided (64 bits), impersonator, target, 0 or 1 and the principal, query id, state, 0 or 1 and the error, start (64 bits), elapsed (64 bits), 0 or 1 and the source, 0 or 1 and the client's address, number (32 bits) of tags, tags, number of catalogs, catalogs, number of tables, tables, rows and bytes (64 bits each) read, given and written, 0 or 1 and the text; times in microseconds since 1970 |
//! | properties | number (32 bits), then key and value of each |
//! | reasons | number (32 bits), then code (32 bits), reason and sentence of each |
//! | bound | code (32 bits) of the reason, the target's canonical name, number (32 bits) of the target's groups, groups |
//! | viewer | 0 or 1 and a user |
//! | caller | user, 0 or 1 and the principal, 0 or 1 and the query id |
//! | flush | caller, 0 or 1 and who is to be forgotten |
//! | metrics | number (32 bits), then name and value (64 bits) of each |
//! | past | number (32 bits), then time (64 bits) in microseconds since 1970, code (32 bits) of the reason, path (8 bits), impersonator, target, 0 or 1 and the principal, 0 or 1 and the query id of each |
//! | remembered | number (32 bits), then name, state, age (64 bits) in milliseconds, known and may impersonate (8 bits each, 0 or 1), number of groups (32 bits) of each |
//! | settings | number (32 bits), then name, 0 or 1 and the value, is default (8 bits, 0 or 1) of each |
//! | messages | number (32 bits), then level (8 bits) and text of each |

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use crate::audit::{Amount, EndedQuery};
use crate::engine::{Bound, Path, Request};
use crate::log::Message;
use crate::name::Name;
use crate::reason::Reason;

mod operators;
mod units;

pub use operators::{
    read_caller, read_flush, read_viewer, write_metrics, write_past, write_remembered,
    write_settings,
};
pub use units::{MOST_UNITS, Room, read_units};

/// The largest ended query, in bytes: some have thousands of tables.
pub const MAX_ENDED_QUERY: usize = 16 * MAX_REQUEST;

/// The largest request, in bytes.
pub const MAX_REQUEST: usize = 1024 * 1024;

const CHAINED: u16 = 1;

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// The bytes end within a field.
    #[error("the bytes end within a field")]
    Truncated,
    /// Bytes are left over.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    /// A field has a value that it cannot have.
    #[error("the field {0} has an unknown value")]
    UnknownValue(&'static str),
    /// A string that must be UTF-8 is not.
    #[error("a string is not UTF-8")]
    NotUtf8,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<usize, WireError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }

    fn string(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.number()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, WireError> {
        str::from_utf8(self.string()?).map_err(|_| WireError::NotUtf8)
    }

    fn optional_string(&mut self, field: &'static str) -> Result<Option<&'a [u8]>, WireError> {
        match self.byte()? {
            0 => Ok(None),
            1 => Ok(Some(self.string()?)),
            _ => Err(WireError::UnknownValue(field)),
        }
    }

    fn long(&mut self) -> Result<u64, WireError> {
        let bytes = self.take(8)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn time(&mut self, field: &'static str) -> Result<Timestamp, WireError> {
        let micros = self.long()?.cast_signed();
        Timestamp::from_microsecond(micros).map_err(|_| WireError::UnknownValue(field))
    }

    fn amount(&mut self) -> Result<Amount, WireError> {
        Ok(Amount {
            rows: self.long()?,
            bytes: self.long()?,
        })
    }

    fn owned(&mut self) -> Result<String, WireError> {
        Ok(String::from_utf8_lossy(self.string()?).into_owned())
    }

    fn optional_owned(&mut self, field: &'static str) -> Result<Option<String>, WireError> {
        let text = self.optional_string(field)?;
        Ok(text.map(|text| String::from_utf8_lossy(text).into_owned()))
    }

    fn all_owned(&mut self) -> Result<Vec<String>, WireError> {
        let mut texts = Vec::new();
        for _ in 0..self.number()? {
            texts.push(self.owned()?);
        }
        Ok(texts)
    }

    fn end(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(WireError::LeftOver(left)),
        }
    }
}

fn read_path(reader: &mut Reader<'_>) -> Result<Path, WireError> {
    path_of(reader.byte()?.into())
}

fn path_of(number: u16) -> Result<Path, WireError> {
    match number {
        0 => Ok(Path::Native),
        1 => Ok(Path::Property),
        _ => Err(WireError::UnknownValue("path")),
    }
}

/// Whether the flags say that the request is chained.
fn is_chained(flags: u16) -> Result<bool, WireError> {
    match flags & !CHAINED {
        0 => Ok(flags & CHAINED != 0),
        _ => Err(WireError::UnknownValue("flags")),
    }
}

/// Unpacks a request.
///
/// # Errors
///
/// The bytes are not a request. Names that are not UTF-8 are no error here; they are never valid.
pub fn read_request(bytes: &[u8]) -> Result<Request<'_>, WireError> {
    let mut reader = Reader { rest: bytes };
    let path = read_path(&mut reader)?;
    let chained = is_chained(reader.byte()?.into())?;
    let impersonator = Name::from_bytes(reader.string()?);
    let target = Name::from_bytes(reader.string()?);
    let principal = reader.optional_string("principal")?.map(Name::from_bytes);
    let query_id = reader
        .optional_string("query id")?
        .map(String::from_utf8_lossy);
    reader.end()?;
    Ok(Request {
        impersonator,
        target,
        principal,
        chained,
        path,
        query_id,
    })
}

/// Unpacks properties.
///
/// # Errors
///
/// The bytes are not properties.
pub fn read_properties(bytes: &[u8]) -> Result<BTreeMap<String, String>, WireError> {
    let mut reader = Reader { rest: bytes };
    let mut properties = BTreeMap::new();
    for _ in 0..reader.number()? {
        properties.insert(reader.text()?.to_owned(), reader.text()?.to_owned());
    }
    reader.end()?;
    Ok(properties)
}

/// An expression, and whom it is to mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression<'a> {
    /// The expression.
    pub text: &'a str,
    /// The user that it is to mean.
    pub user: &'a str,
    /// The user's groups.
    pub groups: Vec<&'a str>,
}

/// Unpacks an expression.
///
/// # Errors
///
/// The bytes are not an expression. A text that is not UTF-8 is an error here: the names are no longer to be
/// judged but to be written, and would become other names.
pub fn read_expression(bytes: &[u8]) -> Result<Expression<'_>, WireError> {
    let mut reader = Reader { rest: bytes };
    let text = reader.text()?;
    let user = reader.text()?;
    let mut groups = Vec::new();
    for _ in 0..reader.number()? {
        groups.push(reader.text()?);
    }
    reader.end()?;
    Ok(Expression { text, user, groups })
}

/// Unpacks a query that has ended.
///
/// # Errors
///
/// The bytes are not an ended query. Texts that are not UTF-8 are recorded in part.
pub fn read_ended_query(bytes: &[u8]) -> Result<EndedQuery, WireError> {
    let mut reader = Reader { rest: bytes };
    let query = EndedQuery {
        path: read_path(&mut reader)?,
        reason: u8::try_from(reader.number()?)
            .ok()
            .and_then(Reason::from_code)
            .ok_or(WireError::UnknownValue("reason"))?,
        decided: reader.time("decided")?,
        impersonator: reader.owned()?,
        target: reader.owned()?,
        principal: reader.optional_owned("principal")?,
        query_id: reader.owned()?,
        state: reader.owned()?,
        error: reader.optional_owned("error")?,
        start: reader.time("start")?,
        elapsed: Duration::from_micros(reader.long()?),
        source: reader.optional_owned("source")?,
        client_address: reader.optional_owned("client address")?,
        client_tags: reader.all_owned()?,
        catalogs: reader.all_owned()?,
        tables: reader.all_owned()?,
        input: reader.amount()?,
        output: reader.amount()?,
        written: reader.amount()?,
        text: reader.optional_owned("text")?,
    };
    reader.end()?;
    Ok(query)
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn number(&mut self, number: usize) {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn string(&mut self, text: &str) {
        self.number(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn optional_string(&mut self, text: Option<&str>) {
        self.bytes.push(text.is_some().into());
        if let Some(text) = text {
            self.string(text);
        }
    }
}

/// Packs every reason, with its code and its sentence.
pub fn write_reasons() -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(Reason::ALL.len());
    for reason in Reason::ALL {
        writer.number(reason.code().into());
        writer.string(reason.as_str());
        writer.string(reason.sentence());
    }
    writer.bytes
}

/// Packs a decision and the target's groups.
pub fn write_bound(bound: &Bound) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(bound.reason.code().into());
    writer.string(&bound.target);
    writer.number(bound.groups.len());
    for group in &bound.groups {
        writer.string(group);
    }
    writer.bytes
}

/// Packs messages for the operator.
pub fn write_messages(messages: &[Message]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(messages.len());
    for message in messages {
        writer.bytes.push(message.level as u8);
        writer.string(&message.text);
    }
    writer.bytes
}

/// Packs a request as a shim does.
#[cfg(test)]
fn write_request(request: &Request<'_>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes.push(match request.path {
        Path::Native => 0,
        Path::Property => 1,
    });
    writer.bytes.push(request.chained.into());
    writer.string(request.impersonator.as_str());
    writer.string(request.target.as_str());
    writer.optional_string(request.principal.as_ref().map(Name::as_str));
    writer.optional_string(request.query_id.as_deref());
    writer.bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn request<'a>(
        names: (&'a str, &'a str),
        principal: Option<&'a str>,
        chained: bool,
        path: Path,
    ) -> Request<'a> {
        Request {
            impersonator: names.0.into(),
            target: names.1.into(),
            principal: principal.map(Name::from),
            chained,
            path,
            query_id: None,
        }
    }

    proptest! {
        #[test]
        fn any_unicode_comes_back_as_it_went(
            impersonator in any::<String>(), target in any::<String>(),
            principal in any::<Option<String>>(),
            chained in any::<bool>(), property in any::<bool>(), query_id in any::<Option<String>>(),
        ) {
            let path = if property { Path::Property } else { Path::Native };
            let mut request = request((&impersonator, &target), principal.as_deref(), chained, path);
            request.query_id = query_id.as_deref().map(Cow::from);
            let bytes = write_request(&request);
            prop_assert_eq!(read_request(&bytes), Ok(request));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>()) {
            let _ = read_request(&bytes);
            let _ = read_properties(&bytes);
            let _ = read_expression(&bytes);
            let _ = read_ended_query(&bytes);
        }

        #[test]
        fn any_expression_comes_back_as_it_went(
            text in any::<String>(), user in any::<String>(), groups in any::<Vec<String>>(),
        ) {
            let bytes = write_expression(&text, &user, &groups);
            let groups = groups.iter().map(String::as_str).collect();
            prop_assert_eq!(read_expression(&bytes), Ok(Expression { text: &text, user: &user, groups }));
        }

        #[test]
        fn two_requests_never_pack_to_the_same_bytes(
            a in any::<(String, String, Option<String>)>(), b in any::<(String, String, Option<String>)>(),
        ) {
            let first = write_request(&request((&a.0, &a.1), a.2.as_deref(), false, Path::Native));
            let second = write_request(&request((&b.0, &b.1), b.2.as_deref(), false, Path::Native));
            prop_assert_eq!(a == b, first == second);
        }
    }

    #[test]
    fn bytes_that_are_no_request_are_refused() {
        let bytes = write_request(&Request::new("svc", "alice"));
        for end in 0..bytes.len() {
            assert_eq!(
                read_request(&bytes[..end]),
                Err(WireError::Truncated),
                "{end}"
            );
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(read_request(&longer), Err(WireError::LeftOver(1)));
        for (index, field) in [
            (0, "path"),
            (1, "flags"),
            (bytes.len() - 2, "principal"),
            (bytes.len() - 1, "query id"),
        ] {
            let mut wrong = bytes.clone();
            wrong[index] = 9;
            assert_eq!(read_request(&wrong), Err(WireError::UnknownValue(field)));
        }
    }

    fn write_expression(text: &str, user: &str, groups: &[String]) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.string(text);
        writer.string(user);
        writer.number(groups.len());
        for group in groups {
            writer.string(group);
        }
        writer.bytes
    }

    #[test]
    fn bytes_that_are_no_expression_are_refused() {
        let bytes = write_expression("a", "b", &["c".to_owned()]);
        for end in 0..bytes.len() {
            let result = read_expression(&bytes[..end]);
            assert_eq!(result, Err(WireError::Truncated), "{end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(read_expression(&longer), Err(WireError::LeftOver(1)));
        for index in [4, 9, 18] {
            let mut wrong = bytes.clone();
            wrong[index] = 0xed;
            let result = read_expression(&wrong);
            assert_eq!(result, Err(WireError::NotUtf8), "{index}");
        }
    }

    #[test]
    fn a_length_beyond_the_end_does_not_reserve_memory() {
        let mut bytes = vec![0, 0];
        bytes.extend_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(read_request(&bytes), Err(WireError::Truncated));
    }

    #[test]
    fn lone_surrogates_become_names_that_are_never_valid() {
        let mut bytes = write_request(&Request::new("svc", "abc"));
        let at = bytes.len() - 5;
        bytes[at..at + 3].copy_from_slice(b"\xed\xa0\x80");
        let request = read_request(&bytes).unwrap();
        assert!(request.impersonator.is_valid());
        assert!(!request.target.is_valid());
    }

    fn ended_query() -> EndedQuery {
        EndedQuery {
            path: Path::Property,
            reason: Reason::AdminUser,
            decided: "1969-12-31T23:59:59.999999Z".parse().unwrap(),
            impersonator: "svc".to_owned(),
            target: "zoë".to_owned(),
            principal: None,
            query_id: "20261124_054000_00007_abcde".to_owned(),
            state: "FAILED".to_owned(),
            error: Some("DIVISION_BY_ZERO".to_owned()),
            start: "2026-11-24T05:40:00.123456Z".parse().unwrap(),
            elapsed: Duration::from_micros(u64::MAX),
            source: Some("superset".to_owned()),
            client_address: None,
            client_tags: vec!["a".to_owned(), String::new()],
            catalogs: vec!["tpch".to_owned()],
            tables: vec!["tpch.tiny.region".to_owned()],
            input: Amount { rows: 1, bytes: 2 },
            output: Amount { rows: 3, bytes: 4 },
            written: Amount {
                rows: u64::MAX,
                bytes: 0,
            },
            text: Some("SELECT 1".to_owned()),
        }
    }

    fn write_ended_query(query: &EndedQuery) -> Vec<u8> {
        let mut writer = Writer::default();
        let long = |writer: &mut Writer, number: u64| {
            writer.bytes.extend_from_slice(&number.to_be_bytes());
        };
        let time = |time: Timestamp| time.as_microsecond().cast_unsigned();
        writer.bytes.push(1);
        writer.number(query.reason.code().into());
        long(&mut writer, time(query.decided));
        writer.string(&query.impersonator);
        writer.string(&query.target);
        writer.optional_string(query.principal.as_deref());
        writer.string(&query.query_id);
        writer.string(&query.state);
        writer.optional_string(query.error.as_deref());
        long(&mut writer, time(query.start));
        long(&mut writer, query.elapsed.as_micros().try_into().unwrap());
        writer.optional_string(query.source.as_deref());
        writer.optional_string(query.client_address.as_deref());
        for texts in [&query.client_tags, &query.catalogs, &query.tables] {
            writer.number(texts.len());
            texts.iter().for_each(|text| writer.string(text));
        }
        for amount in [query.input, query.output, query.written] {
            long(&mut writer, amount.rows);
            long(&mut writer, amount.bytes);
        }
        writer.optional_string(query.text.as_deref());
        writer.bytes
    }

    #[test]
    fn an_ended_query_comes_back_as_it_went() {
        let query = ended_query();
        assert_eq!(read_ended_query(&write_ended_query(&query)), Ok(query));
    }

    #[test]
    fn bytes_that_are_no_ended_query_are_refused() {
        let bytes = write_ended_query(&ended_query());
        for end in 0..bytes.len() {
            let result = read_ended_query(&bytes[..end]);
            assert_eq!(result, Err(WireError::Truncated), "{end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(read_ended_query(&longer), Err(WireError::LeftOver(1)));
        for (index, value, field) in [(0, 2, "path"), (4, 99, "reason"), (5, 0x7f, "decided")] {
            let mut wrong = bytes.clone();
            wrong[index] = value;
            assert_eq!(
                read_ended_query(&wrong),
                Err(WireError::UnknownValue(field))
            );
        }
    }
}
