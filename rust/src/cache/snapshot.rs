//! What is remembered at a moment, for whoever wants to see it.

use std::fmt;
use std::time::Duration;

/// What a remembered user is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Serves decisions: a user who may impersonate.
    Fresh,
    /// Serves decisions, for a shorter time: a user who is unknown, disabled, or may not impersonate.
    Negative,
    /// Is being looked up again.
    Refreshing,
    /// Serves decisions while lookups fail.
    Stale,
    /// Serves nothing any more.
    Expired,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Fresh => "fresh",
            State::Negative => "negative",
            State::Refreshing => "refreshing",
            State::Stale => "stale",
            State::Expired => "expired",
        })
    }
}

/// A user who is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// By the name that the source knows.
    pub name: String,
    /// What the entry is good for.
    pub state: State,
    /// How long ago the source answered.
    pub age: Duration,
    /// Whether the source knows the name.
    pub known: bool,
    /// Whether the user holds the permission and is enabled.
    pub may_impersonate: bool,
    /// How many groups the user has.
    pub groups: usize,
}
