//! What the server knows and has seen.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use tokio::sync::watch;

use crate::fault::{Fault, Scope};
use crate::user::FakeUser;

/// What a request had in its `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authorization {
    /// Nothing.
    None,
    /// The API key.
    RawKey,
    /// `Bearer` and a token that is valid at this time.
    Bearer,
    /// Something else, such as a token that is no longer valid.
    Wrong,
}

/// A request to the API, as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeenRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path and the query, not decoded.
    pub path: String,
    /// What it had for credentials; never the credentials themselves.
    pub authorization: Authorization,
}

/// Resolves when the fault that it was taken under is no longer the one that is set.
pub(crate) struct Release(watch::Receiver<u64>);

impl Release {
    pub(crate) async fn wait(&mut self) {
        // An error means that the server is going away, which releases as well.
        let _gone = self.0.changed().await;
    }
}

/// What a request is answered by, fixed when it arrives.
pub(crate) struct Arrival {
    pub(crate) fault: Option<Fault>,
    pub(crate) release: Release,
    pub(crate) authorization: Authorization,
    pub(crate) raw_key_accepted: bool,
}

pub(crate) struct State {
    inner: Mutex<Inner>,
    seen_more: Condvar,
    fault_changes: watch::Sender<u64>,
}

struct Inner {
    api_key: String,
    raw_key_accepted: bool,
    tokens: HashSet<String>,
    tokens_given: u64,
    fault: Option<(Scope, Fault)>,
    users: BTreeMap<u64, FakeUser>,
    users_put: u64,
    requests: Vec<SeenRequest>,
}

impl State {
    pub(crate) fn new(api_key: &str) -> State {
        State {
            inner: Mutex::new(Inner {
                api_key: api_key.to_owned(),
                raw_key_accepted: true,
                tokens: HashSet::new(),
                tokens_given: 0,
                fault: None,
                users: BTreeMap::new(),
                users_put: 0,
                requests: Vec::new(),
            }),
            seen_more: Condvar::new(),
            fault_changes: watch::Sender::new(0),
        }
    }

    /// Takes the place and the number of a user of the same IAM and name.
    pub(crate) fn put_user(&self, user: FakeUser) {
        let mut inner = self.inner.lock();
        let number = inner.number_of(&user.iamid, &user.userid);
        let number = number.unwrap_or_else(|| {
            inner.users_put += 1;
            inner.users_put
        });
        inner.users.insert(number, user);
    }

    /// Whether there was such a user.
    pub(crate) fn remove_user(&self, iamid: &str, userid: &str) -> bool {
        let mut inner = self.inner.lock();
        match inner.number_of(iamid, userid) {
            Some(number) => inner.users.remove(&number).is_some(),
            None => false,
        }
    }

    pub(crate) fn user(&self, iamid: &str, userid: &str) -> Option<(u64, FakeUser)> {
        let inner = self.inner.lock();
        let number = inner.number_of(iamid, userid)?;
        Some((number, inner.users.get(&number)?.clone()))
    }

    /// Those whose name contains the text in any case, in the order in which they were first put.
    pub(crate) fn search(&self, userid: &str, iamid: Option<&str>) -> Vec<(u64, FakeUser)> {
        let wanted = userid.to_lowercase();
        let matches = |user: &FakeUser| {
            user.userid.to_lowercase().contains(&wanted)
                && iamid.is_none_or(|iamid| user.iamid == iamid)
        };
        let inner = self.inner.lock();
        let users = inner.users.iter();
        users
            .filter(|(_, user)| matches(user))
            .map(|(&number, user)| (number, user.clone()))
            .collect()
    }

    /// The groups of all users, as IAM and name.
    pub(crate) fn groups(&self) -> BTreeSet<(String, String)> {
        let inner = self.inner.lock();
        let users = inner.users.values();
        users
            .flat_map(|user| {
                let groups = user.groups.iter().cloned();
                groups.map(|group| (user.iamid.clone(), group))
            })
            .collect()
    }

    pub(crate) fn accept_raw_key(&self, accepted: bool) {
        self.inner.lock().raw_key_accepted = accepted;
    }

    pub(crate) fn set_api_key(&self, key: &str) {
        let mut inner = self.inner.lock();
        key.clone_into(&mut inner.api_key);
        inner.tokens.clear();
    }

    pub(crate) fn expire_tokens(&self) {
        self.inner.lock().tokens.clear();
    }

    /// A new token for the key, `None` if it is not the key.
    pub(crate) fn exchange(&self, key: &str) -> Option<String> {
        let mut inner = self.inner.lock();
        (inner.api_key == key).then(|| inner.give_token())
    }

    /// A new token for whoever asks.
    pub(crate) fn give_token(&self) -> String {
        self.inner.lock().give_token()
    }

    pub(crate) fn set_fault(&self, fault: Option<(Scope, Fault)>) {
        let mut inner = self.inner.lock();
        if let Some((_, Fault::ExpiredToken)) = fault {
            inner.tokens.clear();
        }
        inner.fault = fault;
        self.fault_changes.send_modify(|changes| *changes += 1);
    }

    /// Notes a request, and says how things are at this moment.
    pub(crate) fn arrive(
        &self,
        method: &str,
        path: &str,
        credentials: Option<&[u8]>,
        exchange: bool,
    ) -> Arrival {
        let mut inner = self.inner.lock();
        let authorization = inner.judge(credentials);
        inner.requests.push(SeenRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            authorization,
        });
        self.seen_more.notify_all();
        let fault = inner.fault.as_ref();
        let fault = fault.filter(|(scope, _)| scope.includes(exchange));
        Arrival {
            fault: fault.map(|(_, fault)| fault.clone()),
            release: Release(self.fault_changes.subscribe()),
            authorization,
            raw_key_accepted: inner.raw_key_accepted,
        }
    }

    pub(crate) fn requests(&self) -> Vec<SeenRequest> {
        self.inner.lock().requests.clone()
    }

    pub(crate) fn clear_requests(&self) {
        self.inner.lock().requests.clear();
    }

    pub(crate) fn wait_for_requests(&self, count: usize, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut inner = self.inner.lock();
        while inner.requests.len() < count {
            if self.seen_more.wait_until(&mut inner, deadline).timed_out() {
                return inner.requests.len() >= count;
            }
        }
        true
    }
}

impl Inner {
    fn number_of(&self, iamid: &str, userid: &str) -> Option<u64> {
        let mut users = self.users.iter();
        users
            .find(|(_, user)| user.iamid == iamid && user.userid == userid)
            .map(|(&number, _)| number)
    }

    fn give_token(&mut self) -> String {
        self.tokens_given += 1;
        let token = format!("fake-immuta-token-{}", self.tokens_given);
        self.tokens.insert(token.clone());
        token
    }

    fn judge(&self, credentials: Option<&[u8]>) -> Authorization {
        let Some(credentials) = credentials else {
            return Authorization::None;
        };
        if credentials == self.api_key.as_bytes() {
            return Authorization::RawKey;
        }
        let token = credentials.strip_prefix(b"Bearer ");
        let token = token.and_then(|token| str::from_utf8(token).ok());
        match token {
            Some(token) if self.tokens.contains(token) => Authorization::Bearer,
            _ => Authorization::Wrong,
        }
    }
}
