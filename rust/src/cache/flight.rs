//! A lookup that is under way, for which any number of callers wait.

use std::time::Instant;

use crate::sync::{Condvar, Mutex};
use crate::user::User;

/// A lookup gave no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failure {
    /// Whether whoever asked had too little time for the failure to say anything of the source.
    pub rushed: bool,
}

pub(super) type Outcome = Result<Option<User>, Failure>;

#[derive(Default)]
pub(super) struct Flight {
    outcome: Mutex<Option<Outcome>>,
    landed: Condvar,
}

impl Flight {
    /// Wakes everybody who waits.
    pub fn land(&self, outcome: Outcome) {
        *self.outcome.lock() = Some(outcome);
        self.landed.notify_all();
    }

    /// The outcome, or nothing if there is none at this time.
    pub fn wait(&self, limit: Instant) -> Option<Outcome> {
        let mut outcome = self.outcome.lock();
        while outcome.is_none() {
            if self.landed.wait_until(&mut outcome, limit).timed_out() {
                break;
            }
        }
        outcome.clone()
    }
}
