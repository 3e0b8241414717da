//! Permission sources: where users, permissions and groups come from.

pub mod group_file;
pub mod local;
pub mod watched;

use thiserror::Error;

/// A permission source cannot answer. It is neither a yes nor a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the permission source cannot answer")]
pub struct Unavailable;
