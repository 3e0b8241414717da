//! A permission source that is asked about one user at a time and takes its time to answer.

use std::time::Duration;

use thiserror::Error;

use crate::user::User;

/// Asks about users one at a time.
pub trait Lookup: Send + Sync + 'static {
    /// What the source knows of the user of this name, `None` if it does not know the name. Blocks for
    /// no longer than the timeout.
    ///
    /// # Errors
    ///
    /// The source did not say.
    fn look_up(&self, name: &str, timeout: Duration) -> Result<Option<User>, LookupError>;
}

/// Why a lookup has no result. It is neither a yes nor a no.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LookupError {
    /// The source does not work at the moment, whoever is looked up: it is down, too slow, overloaded,
    /// or refuses our credentials.
    #[error("{problem}")]
    Outage {
        /// What happened, for the operator; without secrets.
        problem: String,
        /// How long the source asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The source works, but what it says of this user cannot be used.
    #[error("{problem}")]
    Answer {
        /// What is wrong with the answer, for the operator; without secrets.
        problem: String,
    },
}
