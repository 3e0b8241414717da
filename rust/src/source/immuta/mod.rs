//! Immuta's HTTP API as a permission source.
//!
//! With an IAM set, a user is asked for by `GET /bim/iam/{iamid}/user/{userid}`. Without one, by
//! `GET /bim/user?userid=`, whose filter finds every user whose name holds the text somewhere; of
//! those only the one whose name is the one asked for counts, and two of them are refused.
//!
//! A 404 from an IAM is not believed alone: a wrong base URL gives one for every user, and Immuta may
//! not fold names as we do. The search must find nobody of this name in this IAM, either.
//!
//! Groups do not come from Immuta; they come from `immuta.group-file`. User objects have none,
//! `/bim/group` lists groups without members, and the members of each group are a list of their own
//! (`/bim/group/{id}/user`) whose paging is nowhere described: one lookup would take a request per
//! group, and might still miss some.

pub(crate) mod answer;
mod endpoint;
mod http;
mod key;
mod settings;
mod tls;

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{StatusCode, Url};

pub use endpoint::Endpoint;
pub use key::ApiKey;
pub use settings::{OpenError, Settings};

use crate::name::Folding;
use crate::source::lookup::{Lookup, LookupError};
use crate::user::User;
use answer::{Found, Page, bearer, excerpt};
use http::{Deadline, Http, Place, Reply};
use key::Credentials;

/// How many users are asked for at a time.
const PAGE_SIZE: usize = 200;
/// How many users may match a name before the search is given up.
const MOST_HITS: u64 = 10_000;

/// Asks Immuta about users.
pub struct ImmutaSource {
    endpoint: Endpoint,
    exchange_url: Url,
    iam: Option<String>,
    timeout: Duration,
    folding: Folding,
    credentials: Credentials,
    http: Http,
}

impl fmt::Debug for ImmutaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImmutaSource")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl ImmutaSource {
    /// Reads the key and the certificates. Immuta is not asked yet.
    ///
    /// # Errors
    ///
    /// A setting cannot be used; the error says which.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let endpoint = settings.endpoint.clone();
        if let Some(iam) = &settings.iam
            && (iam.chars().any(char::is_control)
                || endpoint.path(&["bim", "iam", iam, "user"]).is_none())
        {
            return Err(OpenError::Iam(iam.clone()));
        }
        let exchange_url = endpoint
            .path(&["bim", "apikey", "authenticate"])
            .ok_or_else(|| OpenError::Client("the endpoint takes no path".to_owned()))?;
        let tls = tls::config(settings.ca_file.as_deref(), endpoint.is_https())?;
        Ok(ImmutaSource {
            exchange_url,
            iam: settings.iam.clone(),
            timeout: settings.timeout,
            folding: settings.folding,
            credentials: Credentials::open(&settings.key)?,
            http: Http::new(&endpoint, tls, settings.timeout)?,
            endpoint,
        })
    }

    /// Asks for one page of users, and says in a sentence what came back.
    ///
    /// # Errors
    ///
    /// Immuta cannot be asked, or does not answer as it should.
    pub fn probe(&self) -> Result<String, LookupError> {
        let deadline = Deadline::after(self.timeout);
        let (place, json) = self.page(&[("size", "1"), ("offset", "0")], deadline)?;
        let users = Page::parse(&json)
            .and_then(|page| page.named(|_| false).map(|_| page.count))
            .map_err(|problem| unusable(&place, &problem))?;
        Ok(format!(
            "Immuta at {} accepts the API key and knows {users} users",
            self.endpoint
        ))
    }

    /// Asks for the user of this name in one IAM.
    fn in_iam(
        &self,
        iam: &str,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<User>, LookupError> {
        let url = self
            .endpoint
            .path(&["bim", "iam", iam, "user", name])
            .ok_or_else(|| {
                answer_error(format!("Immuta cannot be asked for a user named {name:?}"))
            })?;
        let reply = self.get(url, deadline)?;
        match reply.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND if reply.api_error().is_some() => {
                let mut named = self.search(name, deadline)?;
                named.retain(|found| found.iamid == iam);
                return only(named, name);
            }
            _ => return Err(reply.failure()),
        }
        let place = reply.place.clone();
        let found = Found::parse(&reply.json()?).map_err(|problem| unusable(&place, &problem))?;
        if !self.is_same(&found.userid, name) || found.iamid != iam {
            return Err(answer_error(format!(
                "{place}: Immuta answered with another user, \"{}\" of IAM \"{}\"",
                excerpt(&found.userid),
                excerpt(&found.iamid)
            )));
        }
        Ok(Some(found.into_user(name)))
    }

    /// Asks for every user whose name holds this one, and takes those who have exactly this name.
    fn search(&self, name: &str, deadline: Deadline) -> Result<Vec<Found>, LookupError> {
        let size = PAGE_SIZE.to_string();
        let mut named: Vec<Found> = Vec::new();
        let mut seen: u64 = 0;
        let mut announced = None;
        loop {
            let offset = seen.to_string();
            let parameters = [("userid", name), ("size", &size), ("offset", &offset)];
            let (place, json) = self.page(&parameters, deadline).map_err(|error| {
                // Immuta works; this name is what takes long. Others must not suffer from it.
                if seen > 0 && deadline.is_over() {
                    answer_error(error.to_string())
                } else {
                    error
                }
            })?;
            let page = Page::parse(&json).map_err(|problem| unusable(&place, &problem))?;
            if page.count > MOST_HITS {
                return Err(answer_error(format!(
                    "{place}: {} users have {name:?} in their names, too many to look through; \
                     set immuta.iam",
                    page.count
                )));
            }
            named.extend(
                page.named(|userid| self.is_same(userid, name))
                    .map_err(|problem| unusable(&place, &problem))?,
            );
            seen += page.len() as u64;
            let complete = seen == page.count;
            // Users who came or went between two pages may have moved others across the border.
            if seen > page.count
                || (page.len() == 0 && !complete)
                || *announced.get_or_insert(page.count) != page.count
            {
                return Err(answer_error(format!(
                    "{place}: the pages do not fit together: {seen} users seen of {}",
                    page.count
                )));
            }
            if complete {
                return Ok(named);
            }
        }
    }

    /// Gets a page of users: where it came from, and its text.
    fn page(
        &self,
        parameters: &[(&str, &str)],
        deadline: Deadline,
    ) -> Result<(Place, String), LookupError> {
        let url = self
            .endpoint
            .query(&["bim", "user"], parameters)
            .ok_or_else(|| outage("immuta.endpoint takes no path".to_owned()))?;
        let reply = self.get(url, deadline)?;
        if reply.status != StatusCode::OK {
            return Err(reply.failure());
        }
        Ok((reply.place.clone(), reply.json()?))
    }

    /// Gets an answer, with a new token if the old one, or the key, is refused.
    fn get(&self, url: Url, deadline: Deadline) -> Result<Reply, LookupError> {
        let first = self.credentials.current();
        let reply = self.http.get(url.clone(), &first.header, deadline)?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let second = self
            .credentials
            .renew(&first, &self.exchange_url, deadline, |key| {
                self.exchange(key, deadline)
            })?;
        let reply = self.http.get(url, &second.header, deadline)?;
        if reply.status == StatusCode::UNAUTHORIZED {
            return Err(outage(format!(
                "{}: Immuta refused the API key (401 after a new token); check {}",
                reply.place,
                self.credentials.property()
            )));
        }
        Ok(reply)
    }

    /// Exchanges the API key for a bearer token. Whatever is wrong with the answer is so for everybody.
    fn exchange(&self, key: &HeaderValue, deadline: Deadline) -> Result<HeaderValue, LookupError> {
        let reply = self
            .http
            .exchange(self.exchange_url.clone(), key, deadline)?;
        let place = reply.place.clone();
        match reply.status.as_u16() {
            200 => {}
            400 | 401 | 403 | 422 => {
                return Err(outage(format!(
                    "{place}: Immuta refused the API key ({}); check {}",
                    reply.status,
                    self.credentials.property()
                )));
            }
            _ => return Err(for_everybody(reply.failure())),
        }
        let json = reply.json().map_err(for_everybody)?;
        bearer(&json).map_err(|problem| for_everybody(unusable(&place, &problem)))
    }

    fn is_same(&self, theirs: &str, ours: &str) -> bool {
        self.folding.fold(theirs) == self.folding.fold(ours)
    }
}

impl Lookup for ImmutaSource {
    fn look_up(&self, name: &str, timeout: Duration) -> Result<Option<User>, LookupError> {
        let deadline = Deadline::after(timeout);
        match &self.iam {
            Some(iam) => self.in_iam(iam, name, deadline),
            None => only(self.search(name, deadline)?, name),
        }
    }
}

/// The only user of this name, if there is one.
fn only(named: Vec<Found>, name: &str) -> Result<Option<User>, LookupError> {
    if named.len() > 1 {
        let users: Vec<String> = named
            .iter()
            .take(5)
            .map(|found| format!("{:?} of IAM \"{}\"", found.userid, excerpt(&found.iamid)))
            .collect();
        return Err(answer_error(format!(
            "Immuta knows {} users named {name:?}: {}; set immuta.iam to say which IAM counts",
            named.len(),
            users.join(", ")
        )));
    }
    Ok(named.into_iter().next().map(|found| found.into_user(name)))
}

fn outage(problem: String) -> LookupError {
    LookupError::Outage {
        problem,
        retry_after: None,
    }
}

fn answer_error(problem: String) -> LookupError {
    LookupError::Answer { problem }
}

fn unusable(place: &Place, problem: &str) -> LookupError {
    answer_error(format!("{place}: the answer cannot be used: {problem}"))
}

fn for_everybody(error: LookupError) -> LookupError {
    match error {
        LookupError::Answer { problem } => outage(problem),
        outage @ LookupError::Outage { .. } => outage,
    }
}
