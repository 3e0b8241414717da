//! Packed messages: what is read says all that the bytes say, and decides as they say.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::audit::{Amount, EndedQuery};
use crate::clock::SystemClock;
use crate::config::Properties;
use crate::engine::{Caller, Engine, Path, Request};
use crate::name::Name;
use crate::reason::Reason;
use crate::source::lookup::{Lookup, LookupError};
use crate::user::User;
use crate::wire::{self, WireError};

pub(super) fn check(bytes: &[u8]) {
    let longer = [bytes, &[0]].concat();
    let bytes = longer.as_slice();
    holds(bytes, wire::read_request, |request| {
        decides_as_it_says(request);
        is_the_same_in_units(request);
        packed_request(request)
    });
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    if let Ok(request) = wire::read_units(&units, &mut wire::Room::default()) {
        decides_as_it_says(&request);
        let packed = packed_request(&request);
        if !packed.has_replaced {
            assert_eq!(wire::read_request(&packed.bytes).as_ref(), Ok(&request));
        }
    }
    holds(bytes, wire::read_expression, |expression| {
        Packed::default()
            .text(expression.text)
            .text(expression.user)
            .list(&expression.groups)
    });
    holds(bytes, wire::read_ended_query, packed_query);
    holds(bytes, wire::read_viewer, |viewer| {
        Packed::default().optional(viewer.as_ref().map(Name::as_str))
    });
    holds(bytes, wire::read_caller, |caller| {
        let expected = caller.user.as_str() == "root";
        assert_eq!(ENGINE.is_admin(caller), expected, "{caller:?}");
        packed_caller(caller)
    });
    holds(bytes, wire::read_flush, |(caller, user)| {
        packed_caller(caller).optional(user.as_ref().map(Name::as_str))
    });
    if let Some(properties) = read_whole(bytes, wire::read_properties) {
        let mut packed = Packed::default().number(properties.len());
        for (key, value) in &properties {
            packed = packed.text(key).text(value);
        }
        assert_eq!(wire::read_properties(&packed.bytes), Ok(properties));
    }
}

/// A request that Java writes in its own characters says the same.
fn is_the_same_in_units(request: &Request<'_>) {
    let string = |text: &str| {
        let text: Vec<u16> = text.encode_utf16().collect();
        [vec![text.len() as u16], text].concat()
    };
    let optional =
        |text: Option<&str>| text.map_or(vec![0], |text| [vec![1], string(text)].concat());
    let units = [
        vec![
            u16::from(request.path == Path::Property),
            request.chained.into(),
        ],
        string(request.impersonator.as_str()),
        string(request.target.as_str()),
        optional(request.principal.as_ref().map(Name::as_str)),
        optional(request.query_id.as_deref()),
    ]
    .concat();
    if units.len() <= wire::MOST_UNITS && !packed_request(request).has_replaced {
        assert_eq!(
            wire::read_units(&units, &mut wire::Room::default()).as_ref(),
            Ok(request)
        );
    }
}

/// What is read, packed again, is what was read.
fn holds<'a, T>(
    longer: &'a [u8],
    read: fn(&'a [u8]) -> Result<T, WireError>,
    pack: impl FnOnce(&T) -> Packed,
) {
    let Some(message) = read_whole(longer, read) else {
        return;
    };
    let packed = pack(&message);
    // What is not UTF-8 is shown by this character and cannot come back.
    if !packed.has_replaced {
        assert_eq!(packed.bytes, &longer[..longer.len() - 1]);
    }
}

/// Reads all but the last byte. If that is a message, no other beginning of these bytes is one.
fn read_whole<'a, T>(longer: &'a [u8], read: fn(&'a [u8]) -> Result<T, WireError>) -> Option<T> {
    let end = longer.len() - 1;
    let message = read(&longer[..end]).ok()?;
    assert_eq!(read(longer).err(), Some(WireError::LeftOver(1)));
    for end in [0, end / 2, end - 1] {
        assert_eq!(read(&longer[..end]).err(), Some(WireError::Truncated));
    }
    Some(message)
}

#[derive(Default)]
struct Packed {
    bytes: Vec<u8>,
    has_replaced: bool,
}

impl Packed {
    fn byte(mut self, byte: u8) -> Self {
        self.bytes.push(byte);
        self
    }

    fn number(mut self, number: usize) -> Self {
        let number = u32::try_from(number).expect("inputs are smaller");
        self.bytes.extend(number.to_be_bytes());
        self
    }

    fn long(mut self, number: u64) -> Self {
        self.bytes.extend(number.to_be_bytes());
        self
    }

    fn text(mut self, text: &str) -> Self {
        self.has_replaced |= text.contains(char::REPLACEMENT_CHARACTER);
        self = self.number(text.len());
        self.bytes.extend(text.as_bytes());
        self
    }

    fn optional(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.byte(1).text(text),
            None => self.byte(0),
        }
    }

    fn list(self, texts: &[impl AsRef<str>]) -> Self {
        let packed = self.number(texts.len());
        texts
            .iter()
            .fold(packed, |packed, text| packed.text(text.as_ref()))
    }

    fn amount(self, amount: Amount) -> Self {
        self.long(amount.rows).long(amount.bytes)
    }
}

fn path(path: Path) -> u8 {
    match path {
        Path::Native => 0,
        Path::Property => 1,
    }
}

fn packed_request(request: &Request<'_>) -> Packed {
    Packed::default()
        .byte(path(request.path))
        .byte(request.chained.into())
        .text(request.impersonator.as_str())
        .text(request.target.as_str())
        .optional(request.principal.as_ref().map(Name::as_str))
        .optional(request.query_id.as_deref())
}

fn packed_caller(caller: &Caller<'_>) -> Packed {
    Packed::default()
        .text(caller.user.as_str())
        .optional(caller.principal.as_ref().map(Name::as_str))
        .optional(caller.query_id.as_deref())
}

fn packed_query(query: &EndedQuery) -> Packed {
    let micros = u64::try_from(query.elapsed.as_micros()).expect("it was read from 64 bits");
    Packed::default()
        .byte(path(query.path))
        .number(query.reason.code().into())
        .long(query.decided.as_microsecond().cast_unsigned())
        .text(&query.impersonator)
        .text(&query.target)
        .optional(query.principal.as_deref())
        .text(&query.query_id)
        .text(&query.state)
        .optional(query.error.as_deref())
        .long(query.start.as_microsecond().cast_unsigned())
        .long(micros)
        .optional(query.source.as_deref())
        .optional(query.client_address.as_deref())
        .list(&query.client_tags)
        .list(&query.catalogs)
        .list(&query.tables)
        .amount(query.input)
        .amount(query.output)
        .amount(query.written)
        .optional(query.text.as_deref())
}

struct Everybody;

impl Lookup for Everybody {
    fn look_up(&self, name: &str, _: Duration) -> Result<Option<User>, LookupError> {
        Ok(user(name))
    }
}

/// Who is known: a service that may impersonate, a person, and one who has left.
fn user(name: &str) -> Option<User> {
    let known = ["svc", "alice", "carol"].contains(&name);
    known.then(|| User::new(name == "svc").disabled(name == "carol"))
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let properties: Properties = [
        ("immuta.endpoint", "http://127.0.0.1:9"),
        ("immuta.impersonation.allow-http", "true"),
        ("immuta.apikey", "never-sent"),
        ("immuta.user.admin", "root"),
        ("immuta.impersonation.audit.file", ""),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let clock = Arc::new(SystemClock::new());
    Engine::with_lookup(&properties, clock, Arc::new(Everybody)).expect("the engine starts")
});

fn decides_as_it_says(request: &Request<'_>) {
    assert_eq!(ENGINE.decide(request), expected(request), "{request:?}");
    let bound = ENGINE.bind(request);
    assert_eq!(bound.reason, expected(request), "{request:?}");
    assert!(bound.groups.is_empty(), "nobody here has groups");
}

fn is_user(name: &Name<'_>) -> bool {
    let text = name.as_str();
    name.is_valid() && !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control)
}

/// The decision table on these few users.
fn expected(request: &Request<'_>) -> Reason {
    let (impersonator, target) = (request.impersonator.as_str(), request.target.as_str());
    let admin = (impersonator == "root").then_some(Reason::AdminUser);
    let is_login_name = !request.chained && request.principal.as_ref() == Some(&request.target);
    match (user(impersonator), user(target)) {
        _ if !is_user(&request.impersonator) || !is_user(&request.target) => Reason::InvalidName,
        _ if impersonator == target => Reason::SelfTarget,
        _ if is_login_name => Reason::LoginName,
        _ if request.chained => Reason::Chained,
        (None, _) if admin.is_none() => Reason::UnknownUser,
        (Some(user), _) if user.disabled => Reason::UserDisabled,
        (Some(user), _) if admin.is_none() && !user.may_impersonate => Reason::NoPermission,
        (_, None) => Reason::UnknownTarget,
        (_, Some(user)) if user.disabled => Reason::TargetDisabled,
        _ => admin.unwrap_or(Reason::Permission),
    }
}
