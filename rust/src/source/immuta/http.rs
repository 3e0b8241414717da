//! Requests that end in time and answers of bounded size.

use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url, redirect};
use serde_json::json;
use zeroize::Zeroizing;

use crate::source::immuta::answer::{ApiError, BEARER, excerpt};
use crate::source::immuta::{Endpoint, OpenError, answer_error, outage};
use crate::source::lookup::LookupError;

/// The largest body, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;
/// How much of a body is read at a time, in bytes.
const CHUNK: usize = 16 * 1024;
/// Connecting has at most this much of the time.
const LONGEST_CONNECT: Duration = Duration::from_secs(2);
/// How long an unused connection is kept. Load balancers drop theirs a little later.
const POOL_IDLE: Duration = Duration::from_secs(20);
/// The longest time that Immuta can ask to be left alone for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Keeps the sum of a time and a timeout far from overflow.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
const JSON: &str = "application/json";

/// Until when everything that a lookup does must be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    /// The time there was from the start.
    limit: Duration,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        let limit = limit.min(LONGEST_TIMEOUT);
        Deadline {
            at: Instant::now() + limit,
            limit,
        }
    }

    /// The time that is left, never zero.
    fn remaining(self) -> Option<Duration> {
        self.at
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
    }

    pub(super) fn is_over(self) -> bool {
        self.remaining().is_none()
    }

    pub(super) fn missed(self, place: impl fmt::Display) -> LookupError {
        outage(format!(
            "{place}: no complete answer within {} ms; check that Immuta is up and whether \
             immuta.http.timeout.milliseconds is enough",
            self.limit.as_millis()
        ))
    }
}

/// What was asked, for messages.
#[derive(Clone, Debug)]
pub(super) struct Place {
    method: Method,
    url: String,
}

impl Place {
    fn of(method: Method, url: &Url) -> Self {
        let mut bare = url.clone();
        bare.set_query(None);
        Place {
            method,
            url: bare.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// An answer, whatever its status.
pub(super) struct Reply {
    pub(super) place: Place,
    pub(super) status: StatusCode,
    is_json: bool,
    retry_after: Option<Duration>,
    body: Result<Vec<u8>, LookupError>,
    /// The key or token that was sent.
    secret: Zeroizing<String>,
}

impl Reply {
    /// The answer as JSON, whose status is good already.
    pub(super) fn json(self) -> Result<String, LookupError> {
        let place = self.place;
        let body = self.body?;
        if !self.is_json {
            return Err(answer_error(format!(
                "{place}: the answer is not of type {JSON}; check that immuta.endpoint is Immuta's \
                 own address, not that of a login page or a proxy"
            )));
        }
        String::from_utf8(body)
            .map_err(|_| answer_error(format!("{place}: the answer is not UTF-8")))
    }

    /// The error in the form that the API gives its errors, if it is one.
    pub(super) fn api_error(&self) -> Option<ApiError> {
        let body = self.body.as_ref().ok().filter(|_| self.is_json)?;
        ApiError::parse(std::str::from_utf8(body).ok()?)
            .filter(|error| error.status == self.status.as_u16())
    }

    /// What a bad status means for whoever asks.
    pub(super) fn failure(&self) -> LookupError {
        let status = self.status;
        let said = self
            .api_error()
            .and_then(|error| error.message)
            .filter(|message| !message.contains(self.secret.as_str()))
            .map_or_else(String::new, |message| format!(" ({})", excerpt(&message)));
        let what = format!("{}: Immuta answered {status}{said}", self.place);
        match status.as_u16() {
            300..=399 => outage(format!(
                "{what}, a redirect, which is not followed; check immuta.endpoint"
            )),
            403 => outage(format!(
                "{what}; check that the owner of the API key may read users (permission USER_ADMIN)"
            )),
            404 | 405 | 421 => outage(format!(
                "{what}; check the path and the port of immuta.endpoint"
            )),
            407 | 408 => outage(format!("{what}; check what stands between here and Immuta")),
            429 | 503 => LookupError::Outage {
                problem: format!("{what}; it is overloaded or being maintained"),
                retry_after: self.retry_after,
            },
            500..=599 => outage(format!("{what}; check Immuta's own log")),
            _ => answer_error(what),
        }
    }
}

/// Asks Immuta.
pub(super) struct Http {
    client: Client,
}

impl Http {
    pub(super) fn new(
        endpoint: &Endpoint,
        tls: rustls::ClientConfig,
        timeout: Duration,
    ) -> Result<Self, OpenError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(endpoint.is_https())
            .http1_only()
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(timeout.min(LONGEST_CONNECT))
            .pool_idle_timeout(POOL_IDLE)
            .user_agent(concat!("immuta-impersonation/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| OpenError::Client(cause(&error)))?;
        Ok(Http { client })
    }

    pub(super) fn get(
        &self,
        url: Url,
        authorization: &HeaderValue,
        deadline: Deadline,
    ) -> Result<Reply, LookupError> {
        let place = Place::of(Method::GET, &url);
        let request = self.client.get(url).header(AUTHORIZATION, authorization);
        send(request, place, text(authorization), deadline)
    }

    /// Posts the API key.
    pub(super) fn exchange(
        &self,
        url: Url,
        key: &HeaderValue,
        deadline: Deadline,
    ) -> Result<Reply, LookupError> {
        let place = Place::of(Method::POST, &url);
        let key = text(key);
        let body = json!({ "apikey": key }).to_string();
        let request = self.client.post(url).header(CONTENT_TYPE, JSON).body(body);
        send(request, place, key, deadline)
    }
}

/// The key or token in a header.
fn text(authorization: &HeaderValue) -> &str {
    // Both are made of ASCII.
    let text = authorization.to_str().unwrap_or_default();
    text.strip_prefix(BEARER).unwrap_or(text)
}

fn send(
    request: RequestBuilder,
    place: Place,
    secret: &str,
    deadline: Deadline,
) -> Result<Reply, LookupError> {
    let Some(remaining) = deadline.remaining() else {
        return Err(deadline.missed(place));
    };
    // The timeout of a request holds until the end of its body.
    let response = request
        .header(ACCEPT, JSON)
        .timeout(remaining)
        .send()
        .map_err(|error| unanswered(&error, &place, deadline))?;
    let status = response.status();
    let headers = response.headers();
    let is_json = is_json(headers);
    let retry_after = retry_after(headers);
    Ok(Reply {
        body: read_body(response, &place, deadline),
        place,
        status,
        is_json,
        retry_after,
        secret: secret.to_owned().into(),
    })
}

/// Reads no more than a body may have, and no longer than there is time.
fn read_body(
    mut response: Response,
    place: &Place,
    deadline: Deadline,
) -> Result<Vec<u8>, LookupError> {
    let too_large = || {
        answer_error(format!(
            "{place}: the answer is larger than {LARGEST_BODY} bytes; with immuta.iam set, users \
             are asked for one by one"
        ))
    };
    if response
        .content_length()
        .is_some_and(|length| length > LARGEST_BODY as u64)
    {
        return Err(too_large());
    }
    let mut body = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        if deadline.is_over() {
            return Err(deadline.missed(place));
        }
        match response.read(&mut chunk) {
            Ok(0) => return Ok(body),
            Ok(length) if body.len() + length > LARGEST_BODY => return Err(too_large()),
            Ok(length) => body.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cut_off(&error, place, deadline)),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(JSON))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// Why there is no answer at all.
fn unanswered(error: &reqwest::Error, place: &Place, deadline: Deadline) -> LookupError {
    if deadline.is_over() {
        return deadline.missed(place);
    }
    let cause = cause(error);
    if chain(error).any(|error| error.is::<rustls::Error>()) {
        return outage(format!(
            "{place}: no secure connection: {cause}; check immuta.ca-file and the host in \
             immuta.endpoint"
        ));
    }
    if error.is_connect() {
        return outage(format!(
            "{place}: no connection: {cause}; check immuta.endpoint and that Immuta is up"
        ));
    }
    if error.is_timeout() {
        return deadline.missed(place);
    }
    outage(format!("{place}: the connection broke: {cause}"))
}

/// Why an answer ended early.
fn cut_off(error: &io::Error, place: &Place, deadline: Deadline) -> LookupError {
    if deadline.is_over() {
        return deadline.missed(place);
    }
    let mut kinds = chain(error).filter_map(|error| error.downcast_ref::<io::Error>());
    if kinds.any(|error| error.kind() == io::ErrorKind::UnexpectedEof) {
        return answer_error(format!("{place}: the answer is shorter than announced"));
    }
    let timed_out = chain(error)
        .filter_map(|error| error.downcast_ref::<reqwest::Error>())
        .any(reqwest::Error::is_timeout);
    if timed_out {
        return deadline.missed(place);
    }
    outage(format!("{place}: the connection broke: {}", cause(error)))
}

/// An error and its causes, outermost first.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    fn next<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
        // An I/O error counts what it wraps as itself, not as its source.
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), |error| next(*error))
}

/// The innermost cause, safe to show; the outer ones repeat the URL with its query.
fn cause(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map_or_else(String::new, |error| excerpt(&error.to_string()))
}
