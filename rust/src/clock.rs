//! Time, as the engine sees it.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

/// Where the engine reads the time. Tests bring their own.
pub trait Clock: Send + Sync {
    /// Time since an arbitrary start; never goes back.
    fn elapsed(&self) -> Duration;

    /// The same, read in a fraction of the time and therefore not as exact: ahead by up to a tick of the system,
    /// some milliseconds, so that nothing is believed for longer than it may.
    fn soon(&self) -> Duration {
        self.elapsed()
    }

    /// The time of day, for audit lines and expiry dates.
    fn now(&self) -> Timestamp;
}

/// The machine's clocks.
pub struct SystemClock {
    start: Duration,
    /// By how much the coarse clock is behind at the most.
    tick: Duration,
}

impl SystemClock {
    /// A clock whose elapsed time starts now.
    pub fn new() -> Self {
        SystemClock {
            start: read(ClockId::Monotonic),
            tick: duration(clock_getres(ClockId::MonotonicCoarse)),
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
        read(ClockId::Monotonic).saturating_sub(self.start)
    }

    fn soon(&self) -> Duration {
        // Linux notes it at each tick, so that reading it takes no look at the processor's counter.
        (read(ClockId::MonotonicCoarse) + self.tick).saturating_sub(self.start)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn read(clock: ClockId) -> Duration {
    duration(clock_gettime(clock))
}

/// Neither clock is ever before the machine's start.
fn duration(time: Timespec) -> Duration {
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_reading_is_never_behind_and_hardly_ahead() {
        let clock = SystemClock::new();
        let mut last = Duration::ZERO;
        for _ in 0..100_000 {
            let (before, soon, after) = (clock.elapsed(), clock.soon(), clock.elapsed());
            assert!(soon >= last, "it went back");
            assert!(soon <= after + clock.tick, "{soon:?} after {after:?}");
            // A machine that is not run for a while sees its tick late.
            if after - before < Duration::from_millis(1) {
                assert!(soon + clock.tick >= before, "{soon:?} before {before:?}");
            }
            last = soon;
        }
        assert!(clock.tick <= Duration::from_millis(10));
    }
}
