//! A stand-in for Immuta's HTTP API with switchable faults, for tests and the demo.
//!
//! [`FakeImmuta`] is a running server on the loopback interface: over HTTP, and over HTTPS with a
//! certificate that is right, one for another host, and one of an unknown CA. The program `fake-immuta`
//! is the same for other languages, which steer it by a control API on a port of its own:
//!
//! | request | what it does |
//! | --- | --- |
//! | `PUT /users` with a [`FakeUser`] | adds or replaces a user |
//! | `DELETE /users/{iamid}/{userid}` | removes a user; 404 if there is none |
//! | `PUT /fault` with a [`Fault`] | sets a fault; `?on=exchange` or `?on=lookups` limits it |
//! | `DELETE /fault` | ends the fault |
//! | `GET /faults` | the catalogue of faults |
//! | `GET /requests` | `{"count": n, "requests": [...]}` |
//! | `DELETE /requests` | forgets the requests |
//! | `POST /tokens/expire` | ends all tokens |
//! | `PUT /raw-key` with `{"accepted": bool}` | whether the key itself will do for credentials |
//! | `PUT /api-key` with `{"apiKey": "..."}` | replaces the key; the old one and its tokens are refused |
//!
//! What the API answers has the shapes that Immuta documents, or that public clients read where it does
//! not. It was never compared with a real Immuta.
//!
//! # Faults
//!
//! Of the JSON below each has the fields that show it; [`Fault`] says what the values may be.
//!
//! | name | JSON | what happens |
//! | --- | --- | --- |
//! | `delay` | `{"kind":"delay","millis":60000}` | The right answer comes after a minute. |
//! | `drip-feed` | `{"kind":"drip-feed"}` | The answer never ends: one byte each 100 ms, always the beginning of valid JSON. |
//! | `hang` | `{"kind":"hang"}` | The request is read and never answered. |
//! | `reset-head` | `{"kind":"reset","at":"head"}` | The connection is reset in the middle of the headers. |
//! | `reset-body` | `{"kind":"reset","at":"body"}` | The connection is reset in the middle of the body. |
//! | `status-401` | `{"kind":"status","code":401}` | The status is 401: the credentials are refused. |
//! | `status-403` | `{"kind":"status","code":403}` | The status is 403: the credentials are good for other things. |
//! | `status-404` | `{"kind":"status","code":404}` | The status is 404: the endpoint is not there. |
//! | `status-409` | `{"kind":"status","code":409}` | The status is 409: a conflict. |
//! | `status-429` | `{"kind":"status","code":429,"retry_after":7}` | The status is 429: too many requests, with a Retry-After. |
//! | `status-500` | `{"kind":"status","code":500}` | The status is 500: an error inside the server. |
//! | `status-502` | `{"kind":"status","code":502}` | The status is 502: a bad gateway. |
//! | `status-503` | `{"kind":"status","code":503}` | The status is 503: the service is not available. |
//! | `redirect` | `{"kind":"redirect"}` | The answer redirects to a path where everybody may impersonate. |
//! | `html` | `{"kind":"html"}` | The answer is a login page with the status 200. |
//! | `truncated` | `{"kind":"truncated"}` | The connection ends before the promised length, after what looks like the whole answer. |
//! | `cut-json` | `{"kind":"cut-json"}` | The answer is complete but its JSON stops in the middle. |
//! | `empty` | `{"kind":"empty"}` | The answer has the status 200 and no body. |
//! | `huge` | `{"kind":"huge"}` | The answer is larger than 2 MiB, of unknown length, and its first MiB is valid JSON. |
//! | `huge-page` | `{"kind":"huge-page"}` | More than 10 000 users match a search by name; lookups in one IAM are answered right. |
//! | `duplicate-keys` | `{"kind":"duplicate-keys"}` | Each user has the permissions twice, the second time with IMPERSONATE_USER. |
//! | `deep-nesting` | `{"kind":"deep-nesting"}` | The answer is 100 000 opening brackets. |
//! | `wrong-types` | `{"kind":"wrong-types"}` | The permissions are a string, and so is what says that the user is disabled. |
//! | `missing-fields` | `{"kind":"missing-fields"}` | Users have no permissions, and nothing says whether they are disabled. |
//! | `wrong-content-type-text-plain` | `{"kind":"wrong-content-type","content_type":"text/plain"}` | The right answer comes as text/plain. |
//! | `wrong-content-type-application-octet-stream` | `{"kind":"wrong-content-type","content_type":"application/octet-stream"}` | The right answer comes as application/octet-stream. |
//! | `expired-token` | `{"kind":"expired-token"}` | The raw key and all earlier tokens are refused; a new exchange helps. |
//! | `refused-key` | `{"kind":"refused-key"}` | The key is refused everywhere, in the exchange too. |
//! | `useless-token` | `{"kind":"useless-token"}` | The exchange gives a token that is refused. |
//! | `wrong-user` | `{"kind":"wrong-user"}` | Another user, who may impersonate, comes in place of the one that was asked for. |
//!
//! Over TLS every fault is the same, so that `reset-body` breaks off between two records without a
//! closing alert. Two faults are ports instead: [`FakeImmuta::https_wrong_name_url`] and
//! [`FakeImmuta::https_unknown_ca_url`]. A server that is down is one that was dropped.

mod api;
mod control;
mod fault;
mod inject;
mod server;
mod shape;
mod state;
mod tls;
mod user;
mod wire;

pub use fault::{Fault, Known, Place, Scope};
pub use server::{FakeImmuta, Options, StartError};
pub use state::{Authorization, SeenRequest};
pub use tls::CertificateError;
pub use user::FakeUser;
