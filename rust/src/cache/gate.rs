//! Where every lookup passes: so many at a time, and none while the breaker is open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::log::{Level, Log};
use crate::sync::{Condvar, Mutex};

use super::breaker::Breaker;

/// Why a lookup does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The breaker is open.
    Breaker,
    /// Others were let through first until there was no time left.
    Late,
}

/// What a lookup said of its source.
enum Verdict {
    Nothing,
    Works,
    Fails {
        problem: String,
        retry_after: Option<Duration>,
    },
}

struct State {
    free: usize,
    breaker: Breaker,
}

pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
    log: Arc<Log>,
}

impl Gate {
    /// A gate for so many lookups at a time, each of which takes no longer than the timeout.
    pub fn new(places: usize, timeout: Duration, clock: Arc<dyn Clock>, log: Arc<Log>) -> Self {
        Gate {
            state: Mutex::new(State {
                free: places,
                breaker: Breaker::new(timeout.saturating_mul(2)),
            }),
            changed: Condvar::new(),
            clock,
            log,
        }
    }

    /// Waits for a place, no longer than until this time.
    pub fn enter(&self, limit: Instant) -> Result<Ticket<'_>, Refusal> {
        let mut state = self.state.lock();
        loop {
            if state.free > 0
                && let Some(epoch) = state.breaker.admit(self.clock.elapsed())
            {
                state.free -= 1;
                return Ok(Ticket {
                    gate: self,
                    epoch,
                    verdict: Verdict::Nothing,
                });
            }
            if state.breaker.is_open() {
                state.breaker.refuse();
                return Err(Refusal::Breaker);
            }
            if self.changed.wait_until(&mut state, limit).timed_out() {
                return Err(Refusal::Late);
            }
        }
    }

    /// Whether the breaker is open, which counts as a lookup refused.
    pub fn refuses(&self) -> bool {
        let mut state = self.state.lock();
        state.breaker.refuse();
        state.breaker.is_open()
    }

    /// Whether the breaker is open, and how many lookups it has refused.
    pub fn breaker(&self) -> (bool, u64) {
        let state = self.state.lock();
        (state.breaker.is_open(), state.breaker.refused())
    }

    fn leave(&self, epoch: u64, verdict: &Verdict) {
        let mut state = self.state.lock();
        state.free += 1;
        let now = self.clock.elapsed();
        match verdict {
            Verdict::Nothing => state.breaker.abandoned(epoch, now),
            Verdict::Works => {
                if let Some(refused) = state.breaker.succeeded(epoch) {
                    self.log.push(
                        Level::Info,
                        format!(
                            "the permission source answers again; lookups refused meanwhile: {refused}"
                        ),
                    );
                }
            }
            Verdict::Fails {
                problem,
                retry_after,
            } => {
                if let Some(pause) = state.breaker.failed(epoch, now, *retry_after) {
                    self.log.push(
                        Level::Error,
                        format!(
                            "the permission source does not work, so it is left alone for {} s, then tried with one lookup at a time until it answers; users who are not in the cache are refused: {problem}",
                            pause.as_secs()
                        ),
                    );
                }
            }
        }
        if state.breaker.is_open() {
            self.changed.notify_all();
        } else {
            self.changed.notify_one();
        }
    }

    #[cfg(test)]
    pub fn free(&self) -> usize {
        self.state.lock().free
    }
}

/// A place for one lookup, given back when dropped.
pub(super) struct Ticket<'g> {
    gate: &'g Gate,
    epoch: u64,
    verdict: Verdict,
}

impl Ticket<'_> {
    /// Gives the place back: the source answered.
    pub fn source_works(mut self) {
        self.verdict = Verdict::Works;
    }

    /// Gives the place back: the source would fail for any user.
    pub fn source_fails(mut self, problem: String, retry_after: Option<Duration>) {
        self.verdict = Verdict::Fails {
            problem,
            retry_after,
        };
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.gate.leave(self.epoch, &self.verdict);
    }
}
