//! What those who run an engine want to know.

use super::{Reader, WireError, Writer};
use crate::cache::Remembered;
use crate::config::Setting;
use crate::engine::{Caller, Path};
use crate::history::Past;
use crate::metrics::Metric;
use crate::name::Name;

impl<'a> Reader<'a> {
    fn caller(&mut self) -> Result<Caller<'a>, WireError> {
        let user = Name::from_bytes(self.string()?);
        let principal = self.optional_string("principal")?.map(Name::from_bytes);
        let query_id = self
            .optional_string("query id")?
            .map(String::from_utf8_lossy);
        Ok(Caller {
            user,
            principal,
            query_id,
        })
    }
}

impl Writer {
    fn long(&mut self, number: i64) {
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }
}

/// Unpacks who alone is to be shown, if anybody.
///
/// # Errors
///
/// The bytes are not a viewer. A name that is not UTF-8 is no error; it is never valid.
pub fn read_viewer(bytes: &[u8]) -> Result<Option<Name<'_>>, WireError> {
    let mut reader = Reader { rest: bytes };
    let viewer = reader.optional_string("viewer")?.map(Name::from_bytes);
    reader.end()?;
    Ok(viewer)
}

/// Unpacks a caller.
///
/// # Errors
///
/// The bytes are not a caller. A name that is not UTF-8 is no error; it is never valid.
pub fn read_caller(bytes: &[u8]) -> Result<Caller<'_>, WireError> {
    let mut reader = Reader { rest: bytes };
    let caller = reader.caller()?;
    reader.end()?;
    Ok(caller)
}

/// Unpacks a caller, and who is to be forgotten.
///
/// # Errors
///
/// The bytes are not these. A name that is not UTF-8 is no error; it is never valid.
pub fn read_flush(bytes: &[u8]) -> Result<(Caller<'_>, Option<Name<'_>>), WireError> {
    let mut reader = Reader { rest: bytes };
    let caller = reader.caller()?;
    let user = reader.optional_string("user")?.map(Name::from_bytes);
    reader.end()?;
    Ok((caller, user))
}

/// Packs what is counted.
pub fn write_metrics(metrics: &[Metric]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(metrics.len());
    for metric in metrics {
        writer.string(&metric.name);
        writer.long(i64::try_from(metric.value).unwrap_or(i64::MAX));
    }
    writer.bytes
}

/// Packs decisions.
pub fn write_past(decisions: &[Past]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(decisions.len());
    for past in decisions {
        writer.long(past.time.as_microsecond());
        writer.number(past.reason.code().into());
        writer.bytes.push(match past.path {
            Path::Native => 0,
            Path::Property => 1,
        });
        writer.string(&past.impersonator);
        writer.string(&past.target);
        writer.optional_string(past.principal.as_deref());
        writer.optional_string(past.query_id.as_deref());
    }
    writer.bytes
}

/// Packs who is remembered.
pub fn write_remembered(users: &[Remembered]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(users.len());
    for user in users {
        writer.string(&user.name);
        writer.string(&user.state.to_string());
        writer.long(i64::try_from(user.age.as_millis()).unwrap_or(i64::MAX));
        writer.bytes.push(user.known.into());
        writer.bytes.push(user.may_impersonate.into());
        writer.number(user.groups);
    }
    writer.bytes
}

/// Packs settings.
pub fn write_settings(settings: &[Setting]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(settings.len());
    for setting in settings {
        writer.string(setting.name);
        writer.optional_string(setting.value.as_deref());
        writer.bytes.push(setting.is_default.into());
    }
    writer.bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn caller(user: &str, principal: Option<&str>) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.string(user);
        writer.optional_string(principal);
        writer.optional_string(Some("q1"));
        writer.bytes
    }

    proptest! {
        #[test]
        fn any_caller_comes_back_as_it_went(
            user in any::<String>(), principal in any::<Option<String>>(),
            whom in any::<Option<String>>(),
        ) {
            let bytes = caller(&user, principal.as_deref());
            let expected = Caller {
                user: Name::from(user.as_str()),
                principal: principal.as_deref().map(Name::from),
                query_id: Some("q1".into()),
            };
            prop_assert_eq!(read_caller(&bytes), Ok(expected.clone()));
            let mut writer = Writer { bytes };
            writer.optional_string(whom.as_deref());
            prop_assert_eq!(read_flush(&writer.bytes), Ok((expected, whom.as_deref().map(Name::from))));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>()) {
            let _ = read_caller(&bytes);
            let _ = read_flush(&bytes);
            let _ = read_viewer(&bytes);
        }
    }

    #[test]
    fn bytes_that_end_early_or_late_are_refused() {
        let bytes = caller("root", Some("p"));
        for end in 0..bytes.len() {
            assert_eq!(
                read_caller(&bytes[..end]),
                Err(WireError::Truncated),
                "{end}"
            );
        }
        assert_eq!(read_flush(&bytes), Err(WireError::Truncated));
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(read_caller(&longer), Err(WireError::LeftOver(1)));
        longer.push(0);
        assert_eq!(read_flush(&longer), Err(WireError::LeftOver(1)));
        assert_eq!(read_viewer(&[0]), Ok(None));
        assert_eq!(read_viewer(&[1, 0, 0, 0, 1, b'a']), Ok(Some("a".into())));
        assert_eq!(read_viewer(&[2]), Err(WireError::UnknownValue("viewer")));
        assert_eq!(read_viewer(&[0, 0]), Err(WireError::LeftOver(1)));
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_never_valid() {
        let mut broken = caller("abc", None);
        broken[4..7].copy_from_slice(b"\xed\xa0\x80");
        assert!(!read_caller(&broken).unwrap().user.is_valid());
    }
}
