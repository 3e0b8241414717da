//! The API key, and the bearer token that it is exchanged for where Immuta refuses the key itself.

use std::fmt;
use std::path::PathBuf;

use parking_lot::Mutex;
use reqwest::Url;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use crate::source::immuta::http::Deadline;
use crate::source::immuta::{OpenError, outage};
use crate::source::lookup::LookupError;
use crate::source::rights::Secrecy;
use crate::source::watched::{self, Parser};

/// Where the API key is. Debug output does not show it, and a key that is dropped is overwritten.
#[derive(Clone)]
pub enum ApiKey {
    /// Here.
    Value(Zeroizing<String>),
    /// In a file, which is read again when Immuta refuses the key.
    File(PathBuf),
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiKey::Value(_) => f.write_str("Value(…)"),
            ApiKey::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl ApiKey {
    /// The property that names it.
    pub fn property(&self) -> &'static str {
        match self {
            ApiKey::Value(_) => "immuta.apikey",
            ApiKey::File(_) => "immuta.apikey-file",
        }
    }

    /// The key as the value of a header.
    fn read(&self) -> Result<HeaderValue, OpenError> {
        match self {
            ApiKey::Value(text) => header_value(text).map_err(OpenError::ApiKey),
            ApiKey::File(path) => {
                let parser: Parser<HeaderValue> = Box::new(|bytes| {
                    let text =
                        std::str::from_utf8(bytes).map_err(|_| "the key is not text".to_owned())?;
                    header_value(text)
                });
                watched::read(path, Secrecy::Secret, &parser).map_err(OpenError::ApiKeyFile)
            }
        }
    }
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the key is empty; write the API key into it, alone on one line".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "the key has blanks, control characters or characters beyond ASCII; write it alone, on \
             one line"
                .to_owned(),
        );
    }
    let mut value = HeaderValue::from_str(text).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

/// What authorizes a request.
#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) header: HeaderValue,
    /// How many exchanges came before it.
    exchanges: u64,
}

struct State {
    authorization: Authorization,
    /// Why the last exchange failed, if it did.
    failure: Option<LookupError>,
}

/// What authorizes requests now, shared by all threads.
pub(super) struct Credentials {
    key: ApiKey,
    state: Mutex<State>,
    /// Held during an exchange, so that threads that were refused together wait for one.
    exchanging: Mutex<()>,
}

impl Credentials {
    /// Starts with the key itself.
    pub(super) fn open(key: &ApiKey) -> Result<Self, OpenError> {
        let authorization = Authorization {
            header: key.read()?,
            exchanges: 0,
        };
        Ok(Credentials {
            key: key.clone(),
            state: Mutex::new(State {
                authorization,
                failure: None,
            }),
            exchanging: Mutex::new(()),
        })
    }

    /// The property that names the key.
    pub(super) fn property(&self) -> &'static str {
        self.key.property()
    }

    pub(super) fn current(&self) -> Authorization {
        self.state.lock().authorization.clone()
    }

    /// What to use instead of what was refused: the outcome of an exchange that ran in the meantime,
    /// good or bad, or of one made now. The exchange gets the key and gives the header for a token.
    pub(super) fn renew(
        &self,
        refused: &Authorization,
        exchange_url: &Url,
        deadline: Deadline,
        exchange: impl FnOnce(&HeaderValue) -> Result<HeaderValue, LookupError>,
    ) -> Result<Authorization, LookupError> {
        let Some(_exchanging) = self.exchanging.try_lock_until(deadline.at) else {
            let place = format!("waiting for the exchange of the key at {exchange_url}");
            return Err(deadline.missed(place));
        };
        {
            let state = self.state.lock();
            if state.authorization.exchanges != refused.exchanges {
                return match &state.failure {
                    Some(failure) => Err(failure.clone()),
                    None => Ok(state.authorization.clone()),
                };
            }
        }
        let outcome = self.read_again().and_then(|key| exchange(&key));
        let mut state = self.state.lock();
        state.authorization.exchanges += 1;
        match outcome {
            Ok(header) => {
                state.authorization.header = header;
                state.failure = None;
                Ok(state.authorization.clone())
            }
            Err(failure) => {
                state.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    fn read_again(&self) -> Result<HeaderValue, LookupError> {
        self.key.read().map_err(|error| {
            outage(format!(
                "Immuta refused the API key, and it cannot be read again: {error}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn credentials() -> Credentials {
        Credentials::open(&ApiKey::Value("key".to_owned().into())).unwrap()
    }

    fn deadline() -> Deadline {
        Deadline::after(Duration::from_secs(10))
    }

    fn url() -> Url {
        Url::parse("https://immuta.example/exchange").unwrap()
    }

    fn token(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }

    #[test]
    fn blanks_around_a_key_mean_nothing() {
        let key = ApiKey::Value(" key\r\n".to_owned().into());
        let credentials = Credentials::open(&key).unwrap();
        assert_eq!(credentials.current().header, "key");
        assert!(credentials.current().header.is_sensitive());
    }

    #[test]
    fn who_was_refused_before_an_exchange_gets_its_outcome() {
        let credentials = credentials();
        let (one, other) = (credentials.current(), credentials.current());
        let renewed = credentials
            .renew(&one, &url(), deadline(), |key| {
                assert_eq!(key, "key");
                Ok(token("one"))
            })
            .unwrap();
        assert_eq!(renewed.header, "one");
        let same = credentials
            .renew(&other, &url(), deadline(), |_| panic!("exchanged twice"))
            .unwrap();
        assert_eq!(same.header, "one");
        assert_eq!(credentials.current().header, "one");
    }

    #[test]
    fn a_failed_exchange_fails_all_who_were_refused_before_it_and_nobody_after() {
        let credentials = credentials();
        let (one, other) = (credentials.current(), credentials.current());
        let failure = outage("down".to_owned());
        let outcome = credentials.renew(&one, &url(), deadline(), |_| Err(failure.clone()));
        assert_eq!(outcome.err(), Some(failure.clone()));
        let outcome = credentials.renew(&other, &url(), deadline(), |_| panic!("exchanged twice"));
        assert_eq!(outcome.err(), Some(failure));
        let next = credentials.current();
        assert_eq!(next.header, "key", "what was used before is tried again");
        let renewed = credentials.renew(&next, &url(), deadline(), |_| Ok(token("two")));
        assert_eq!(renewed.unwrap().header, "two");
    }

    #[test]
    fn an_exchange_that_panics_leaves_the_next_one_free() {
        let credentials = credentials();
        let refused = credentials.current();
        let panicking = std::panic::AssertUnwindSafe(|| {
            credentials.renew(&refused, &url(), deadline(), |_| panic!("inside"))
        });
        assert!(std::panic::catch_unwind(panicking).is_err());
        let renewed = credentials.renew(&refused, &url(), deadline(), |_| Ok(token("one")));
        assert_eq!(renewed.unwrap().header, "one");
    }
}
