//! Decides who may impersonate whom, for query engines that ask through a thin shim.
//!
//! [`Engine::decide`] is the whole of it: a [`Request`] goes in, a [`Reason`] comes out, and a line
//! goes to the audit file. Nothing here knows which query engine asks.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`engine`] | the decision order, and what an engine is asked for |
//! | [`reason`] | the reason codes and the sentence that each shows to a person |
//! | [`config`], [`duration`], [`data_size`] | properties in, every problem out |
//! | [`name`] | what a user name may be, and how names are folded |
//! | [`pattern`] | regular expressions with the meaning they have in Java |
//! | [`admin`], [`scope`] | the two kinds of rule that use patterns |
//! | [`policy`], [`json`] | users and scopes in JSON, every mistake with its line |
//! | [`source`] | the files that users, permissions and groups come from, reloaded when they change |
//! | [`cache`] | what a slow source said of users, remembered for a limited time |
//! | [`user`] | what a source knows of a user |
//! | [`user_mapping`] | from the query engine's user names to the source's |
//! | [`expression`] | the query engine's SQL, made to mean another user than the session's |
//! | [`audit`] | a line for each decision and each query under impersonation, written behind a bounded queue; files are rotated |
//! | [`metrics`] | what an engine counts |
//! | [`history`] | the last decisions, for whoever asks right now |
//! | `stripes` | what threads write at every decision without waiting for each other |
//! | `texts` | what is kept of a request's texts, without memory of its own |
//! | [`log`], [`panics`] | what the engine has to say to the operator |
//! | [`clock`] | time, replaceable in tests |
//! | [`wire`] | the packed form in which requests cross a language border |
//! | `jni` | the border to the JVM, the only place with `unsafe` |

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod admin;
pub mod audit;
pub mod cache;
pub mod clock;
pub mod config;
pub mod data_size;
pub mod duration;
pub mod engine;
pub mod expression;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod history;
#[allow(unsafe_code)]
mod jni;
pub mod json;
pub mod log;
pub mod metrics;
pub mod name;
pub mod panics;
pub mod pattern;
pub mod policy;
pub mod reason;
pub mod scope;
pub mod source;
pub mod step;
mod stripes;
mod sync;
mod texts;
pub mod user;
pub mod user_mapping;
pub mod wire;

pub use config::Config;
pub use engine::{Bound, Engine, Path, Request};
pub use name::Name;
pub use reason::Reason;
pub use step::{Step, Verdict};

/// The version of the engine, which is the version of the project.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
