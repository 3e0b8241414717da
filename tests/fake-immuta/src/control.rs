//! The API for tests in other languages, on a port of its own.

use std::sync::Arc;

use axum::extract::{Extension, Path, Query};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fault::{Fault, Scope};
use crate::state::State;
use crate::user::FakeUser;

type Shared = Extension<Arc<State>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    accepted: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ApiKey {
    api_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct On {
    #[serde(default)]
    on: Scope,
}

pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/users", put(put_user))
        .route("/users/{iamid}/{userid}", delete(remove_user))
        .route("/fault", put(set_fault).delete(clear_fault))
        .route("/faults", get(catalogue))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/tokens/expire", post(expire_tokens))
        .route("/raw-key", put(accept_raw_key))
        .route("/api-key", put(set_api_key))
        .layer(Extension(state))
}

async fn put_user(Extension(state): Shared, Json(user): Json<FakeUser>) -> StatusCode {
    state.put_user(user);
    StatusCode::NO_CONTENT
}

async fn remove_user(
    Extension(state): Shared,
    Path((iamid, userid)): Path<(String, String)>,
) -> StatusCode {
    if state.remove_user(&iamid, &userid) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn set_fault(
    Extension(state): Shared,
    Query(On { on }): Query<On>,
    Json(fault): Json<Fault>,
) -> StatusCode {
    state.set_fault(Some((on, fault)));
    StatusCode::NO_CONTENT
}

async fn clear_fault(Extension(state): Shared) -> StatusCode {
    state.set_fault(None);
    StatusCode::NO_CONTENT
}

async fn catalogue() -> Json<Value> {
    Json(json!(Fault::catalogue()))
}

async fn requests(Extension(state): Shared) -> Json<Value> {
    let requests = state.requests();
    Json(json!({ "count": requests.len(), "requests": requests }))
}

async fn clear_requests(Extension(state): Shared) -> StatusCode {
    state.clear_requests();
    StatusCode::NO_CONTENT
}

async fn expire_tokens(Extension(state): Shared) -> StatusCode {
    state.expire_tokens();
    StatusCode::NO_CONTENT
}

async fn accept_raw_key(
    Extension(state): Shared,
    Json(RawKey { accepted }): Json<RawKey>,
) -> StatusCode {
    state.accept_raw_key(accepted);
    StatusCode::NO_CONTENT
}

async fn set_api_key(
    Extension(state): Shared,
    Json(ApiKey { api_key }): Json<ApiKey>,
) -> StatusCode {
    state.set_api_key(&api_key);
    StatusCode::NO_CONTENT
}
