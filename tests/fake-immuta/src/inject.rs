//! Between the connection and the endpoints: notes each request, checks its credentials, and makes the
//! fault that is set.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Extension, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::api::{self, EXCHANGE, GENEROUS, Under};
use crate::fault::{Fault, Place};
use crate::state::{Arrival, Authorization, Release, State};
use crate::wire::Wire;

const DRIP: Duration = Duration::from_millis(100);
/// Fewer bytes than any status line with its headers has.
const PART_OF_HEAD: usize = 25;
const PADDING: usize = 2 << 20;
const LOGIN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head>\
    <body><form method=\"post\"><input name=\"user\"></form></body></html>";

pub(crate) async fn answer(
    Extension(state): Extension<Arc<State>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    mut request: Request,
    next: Next,
) -> Response {
    let uri = request.uri();
    let path = uri
        .path_and_query()
        .map_or("", |path| path.as_str())
        .to_owned();
    let exchange = uri.path() == EXCHANGE;
    let credentials = request.headers().get(header::AUTHORIZATION);
    let credentials = credentials.map(HeaderValue::as_bytes);
    let Arrival {
        fault,
        mut release,
        authorization,
        raw_key_accepted,
    } = state.arrive(request.method().as_str(), &path, credentials, exchange);
    request.extensions_mut().insert(Under(fault.clone()));
    if path.starts_with(GENEROUS) {
        return next.run(request).await;
    }
    let admitted = exchange || admits(authorization, raw_key_accepted, fault.as_ref());
    let right = async {
        if admitted {
            next.run(request).await
        } else {
            api::error(StatusCode::UNAUTHORIZED, "Invalid or missing credentials")
        }
    };
    let Some(fault) = fault else {
        return right.await;
    };
    match fault {
        Fault::Delay { millis } => tokio::select! {
            () = sleep(Duration::from_millis(millis)) => right.await,
            () = release.wait() => released(),
        },
        Fault::Hang => {
            release.wait().await;
            released()
        }
        Fault::DripFeed => drip_feed(release),
        Fault::Reset { at: Place::Head } => {
            let right = right.await;
            wire.reset_after(PART_OF_HEAD);
            right
        }
        Fault::Reset { at: Place::Body } => {
            let (mut right, body) = split(right.await).await;
            let half = body.slice(..body.len() / 2);
            promise(&mut right, body.len());
            *right.body_mut() = broken_off(half, Some(wire));
            right
        }
        Fault::Status { code, retry_after } => status(code, retry_after),
        Fault::Redirect => {
            let location = [(header::LOCATION, format!("{GENEROUS}{path}"))];
            (StatusCode::FOUND, location).into_response()
        }
        Fault::Html => {
            let content_type = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (content_type, LOGIN_PAGE).into_response()
        }
        Fault::Truncated => {
            let (mut right, body) = split(right.await).await;
            promise(&mut right, body.len() + 100);
            *right.body_mut() = broken_off(body, None);
            right
        }
        Fault::CutJson => {
            let (mut right, body) = split(right.await).await;
            *right.body_mut() = body.slice(..body.len() / 2).into();
            right
        }
        Fault::Empty => api::json(StatusCode::OK, String::new()),
        Fault::Huge => {
            let (mut right, body) = split(right.await).await;
            let pieces = [body, vec![b' '; PADDING].into()];
            let pieces = pieces.map(Ok::<_, Infallible>);
            *right.body_mut() = Body::from_stream(stream::iter(pieces));
            right
        }
        Fault::DeepNesting => api::json(StatusCode::OK, "[".repeat(100_000)),
        Fault::WrongContentType { content_type } => {
            let mut right = right.await;
            match HeaderValue::from_str(&content_type) {
                Ok(value) => {
                    right.headers_mut().insert(header::CONTENT_TYPE, value);
                    right
                }
                Err(_) => unusable("The content type of the fault is not one"),
            }
        }
        Fault::RefusedKey => api::error(StatusCode::UNAUTHORIZED, "Invalid API key"),
        Fault::Answer { body } => api::json(StatusCode::OK, body),
        Fault::HugePage
        | Fault::DuplicateKeys
        | Fault::WrongTypes
        | Fault::MissingFields
        | Fault::WrongUser
        | Fault::ExpiredToken
        | Fault::UselessToken => right.await,
    }
}

fn admits(authorization: Authorization, raw_key_accepted: bool, fault: Option<&Fault>) -> bool {
    match authorization {
        Authorization::Bearer => fault != Some(&Fault::UselessToken),
        Authorization::RawKey => {
            raw_key_accepted && !matches!(fault, Some(Fault::ExpiredToken | Fault::UselessToken))
        }
        Authorization::None | Authorization::Wrong => false,
    }
}

/// What a request gets that was held back by a fault which is no longer set.
fn released() -> Response {
    api::error(StatusCode::SERVICE_UNAVAILABLE, "Released")
}

fn status(code: u16, retry_after: Option<u64>) -> Response {
    let Ok(status) = StatusCode::from_u16(code) else {
        return unusable("The status of the fault is not one");
    };
    let message = match status {
        StatusCode::NOT_FOUND => "Not Found",
        _ => "Set by the test",
    };
    let mut response = api::error(status, message);
    if let Some(seconds) = retry_after {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn unusable(message: &str) -> Response {
    api::error(StatusCode::INTERNAL_SERVER_ERROR, message)
}

fn drip_feed(release: Release) -> Response {
    let beginning = br#"{"id":1,"iamid":"bim","about":""#;
    let body = stream::try_unfold((0, release), move |(sent, mut release)| async move {
        tokio::select! {
            () = sleep(DRIP) => {
                let byte = *beginning.get(sent).unwrap_or(&b'a');
                Ok(Some((Bytes::from(vec![byte]), (sent + 1, release))))
            }
            () = release.wait() => Err(io::Error::other("released")),
        }
    });
    let mut response = api::json(StatusCode::OK, String::new());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from_stream(body);
    response
}

/// The bytes, and then the end of the connection: by a reset if there is a wire, else in good order.
fn broken_off(bytes: Bytes, wire: Option<Wire>) -> Body {
    let pieces = stream::try_unfold(Some(bytes), move |bytes| {
        let wire = wire.clone();
        async move {
            if let Some(bytes) = bytes {
                return Ok(Some((bytes, None)));
            }
            // What was given before is written while this waits.
            yield_now().await;
            match wire {
                Some(wire) => {
                    wire.reset_after(0);
                    Err(io::Error::other("reset"))
                }
                None => Ok(None),
            }
        }
    });
    Body::from_stream(pieces)
}

fn promise(response: &mut Response, length: usize) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
}

/// The response without its body and length, and the body.
async fn split(mut response: Response) -> (Response, Bytes) {
    let body = std::mem::take(response.body_mut());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    // The endpoints' bodies are in memory already, so that reading them cannot fail.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    (response, body)
}
