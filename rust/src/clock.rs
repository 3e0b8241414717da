//! Time, as the engine sees it.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Where the engine reads the time. Tests bring their own.
pub trait Clock: Send + Sync {
    /// Time since an arbitrary start; never goes back.
    fn elapsed(&self) -> Duration;

    /// The time of day, for audit lines and expiry dates.
    fn now(&self) -> Timestamp;
}

/// The machine's clocks.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose elapsed time starts now.
    pub fn new() -> Self {
        SystemClock {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use parking_lot::Mutex;

    /// A clock that stands still until a test moves it.
    pub(crate) struct ManualClock {
        elapsed: Mutex<Duration>,
        start: Timestamp,
    }

    impl ManualClock {
        pub(crate) fn at(start: &str) -> Self {
            ManualClock {
                elapsed: Mutex::new(Duration::ZERO),
                start: start.parse().unwrap(),
            }
        }

        pub(crate) fn advance(&self, by: Duration) {
            *self.elapsed.lock() += by;
        }
    }

    impl Clock for ManualClock {
        fn elapsed(&self) -> Duration {
            *self.elapsed.lock()
        }

        fn now(&self) -> Timestamp {
            self.start + *self.elapsed.lock()
        }
    }
}
