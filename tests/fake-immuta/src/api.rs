//! The endpoints.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde::Deserialize;

use crate::fault::Fault;
use crate::inject;
use crate::shape;
use crate::state::State;
use crate::user::FakeUser;

/// Where the API key is exchanged for a token.
pub(crate) const EXCHANGE: &str = "/bim/apikey/authenticate";
/// Below this path are the same endpoints for everybody, and everybody may impersonate.
pub(crate) const GENEROUS: &str = "/elsewhere";

/// A page has no more hits than this, whatever size was asked for.
const LARGEST_PAGE: usize = 200;
const DEFAULT_PAGE: usize = 50;
/// How many users match every search under [`Fault::HugePage`].
const MANY: usize = 10_500;

/// The fault that a request is answered under.
#[derive(Clone)]
pub(crate) struct Under(pub(crate) Option<Fault>);

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    userid: String,
    iamid: Option<String>,
    size: Option<usize>,
    offset: Option<usize>,
}

#[derive(Deserialize)]
struct Exchange {
    apikey: String,
}

pub(crate) fn router(state: Arc<State>) -> Router {
    let generous = Router::new()
        .route("/bim/iam/{iamid}/user/{userid}", any(generous_user))
        .route("/bim/user", any(generous_search))
        .route(EXCHANGE, any(generous_exchange));
    Router::new()
        .route("/bim/iam/{iamid}/user/{userid}", get(user))
        .route("/bim/user", get(search))
        .route("/bim/group", get(groups))
        .route(EXCHANGE, post(exchange))
        .nest(GENEROUS, generous)
        .fallback(no_such_endpoint)
        .layer(middleware::from_fn(inject::answer))
        .layer(Extension(state))
}

pub(crate) fn json(status: StatusCode, body: String) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, content_type, body).into_response()
}

pub(crate) fn error(status: StatusCode, message: &str) -> Response {
    let reason = status.canonical_reason().unwrap_or("Unknown");
    json(status, shape::error(status.as_u16(), reason, message))
}

async fn user(
    Extension(state): Extension<Arc<State>>,
    Extension(Under(fault)): Extension<Under>,
    Path((iamid, userid)): Path<(String, String)>,
) -> Response {
    match state.user(&iamid, &userid) {
        Some((number, user)) => ok(shape::user(number, &user, fault.as_ref())),
        None => error(StatusCode::NOT_FOUND, "User not found"),
    }
}

async fn search(
    Extension(state): Extension<Arc<State>>,
    Extension(Under(fault)): Extension<Under>,
    Query(search): Query<Search>,
) -> Response {
    let found = state.search(&search.userid, search.iamid.as_deref());
    let count = match fault {
        Some(Fault::HugePage) => MANY.max(found.len()),
        _ => found.len(),
    };
    let hits = page_of(count, &search).map(|position| match found.get(position) {
        Some((number, user)) => shape::user(*number, user, fault.as_ref()),
        None => {
            let userid = format!("{}-{position}", search.userid);
            let number = 1_000_000 + position as u64;
            shape::user(number, &FakeUser::new(&userid, &[]), None)
        }
    });
    ok(shape::page(&hits.collect::<Vec<_>>(), count))
}

async fn groups(Extension(state): Extension<Arc<State>>, Query(search): Query<Search>) -> Response {
    let groups = Vec::from_iter(state.groups());
    let hits = page_of(groups.len(), &search).map(|position| {
        let (iamid, name) = &groups[position];
        shape::group(position + 1, iamid, name)
    });
    ok(shape::page(&hits.collect::<Vec<_>>(), groups.len()))
}

async fn exchange(
    Extension(state): Extension<Arc<State>>,
    Extension(Under(fault)): Extension<Under>,
    body: Bytes,
) -> Response {
    let Ok(Exchange { apikey }) = serde_json::from_slice(&body) else {
        return error(StatusCode::BAD_REQUEST, "The body has no apikey");
    };
    match state.exchange(&apikey) {
        Some(token) => ok(shape::token(&token, fault.as_ref())),
        None => error(StatusCode::UNAUTHORIZED, "Invalid API key"),
    }
}

async fn no_such_endpoint() -> Response {
    error(StatusCode::NOT_FOUND, "Not Found")
}

async fn generous_user(Path((iamid, userid)): Path<(String, String)>) -> Response {
    ok(shape::user(1, &impersonator(iamid, &userid), None))
}

async fn generous_search(Query(search): Query<Search>) -> Response {
    let iamid = search.iamid.unwrap_or_else(|| "bim".to_owned());
    let user = shape::user(1, &impersonator(iamid, &search.userid), None);
    ok(shape::page(&[user], 1))
}

async fn generous_exchange(Extension(state): Extension<Arc<State>>) -> Response {
    ok(shape::token(&state.give_token(), None))
}

fn impersonator(iamid: String, userid: &str) -> FakeUser {
    FakeUser {
        iamid,
        ..FakeUser::new(userid, &["IMPERSONATE_USER"])
    }
}

fn page_of(count: usize, search: &Search) -> std::ops::Range<usize> {
    let size = search.size.unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE);
    let start = search.offset.unwrap_or(0).min(count);
    start..start.saturating_add(size).min(count)
}

fn ok(body: String) -> Response {
    json(StatusCode::OK, body)
}
