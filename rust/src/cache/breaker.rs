//! A circuit breaker: when a source has failed several times in a row, nobody asks it for a while.
//!
//! Then one caller may try. While it tries, and if it fails, the others go on being refused.

use std::time::Duration;

/// This many failures in a row open the breaker.
pub(super) const FAILURES: u32 = 5;
/// How long it stays open the first time; doubled each time a try fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest that doubling comes to.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest that a source may ask for.
const LONGEST_REQUESTED_PAUSE: Duration = Duration::from_secs(300);

enum State {
    Closed {
        failures: u32,
    },
    Open {
        /// When the next try may begin.
        retry_at: Duration,
        /// How long the next pause is, unless the source asks for another.
        pause: Duration,
        refused: u64,
    },
}

pub(super) struct Breaker {
    state: State,
    /// Grows whenever the state changes and whenever a try begins. A lookup that began under another
    /// number says nothing of now: it may have been under way for long.
    epoch: u64,
    /// How long a try may take before another one may begin.
    patience: Duration,
    /// Lookups that did not begin, each time it was open taken together.
    refused: u64,
}

impl Breaker {
    pub fn new(patience: Duration) -> Self {
        Breaker {
            state: State::Closed { failures: 0 },
            epoch: 0,
            patience,
            refused: 0,
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Lets a lookup begin, or not. Its end is to be told with the number that is returned.
    pub fn admit(&mut self, now: Duration) -> Option<u64> {
        if let State::Open { retry_at, .. } = &mut self.state {
            if now < *retry_at {
                return None;
            }
            *retry_at = now.saturating_add(self.patience);
            self.epoch += 1;
        }
        Some(self.epoch)
    }

    /// How many lookups did not begin because the breaker was open.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts a lookup that did not begin because the breaker is open.
    pub fn refuse(&mut self) {
        if let State::Open { refused, .. } = &mut self.state {
            *refused += 1;
            self.refused += 1;
        }
    }

    /// The source answered. If that closes the breaker, returns how many lookups were refused.
    pub fn succeeded(&mut self, epoch: u64) -> Option<u64> {
        if epoch != self.epoch {
            return None;
        }
        let refused = match self.state {
            State::Closed { .. } => None,
            State::Open { refused, .. } => {
                self.epoch += 1;
                Some(refused)
            }
        };
        self.state = State::Closed { failures: 0 };
        refused
    }

    /// The source failed. If that opens the breaker, returns for how long.
    pub fn failed(
        &mut self,
        epoch: u64,
        now: Duration,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        if epoch != self.epoch {
            return None;
        }
        let requested = retry_after.map(|time| time.clamp(FIRST_PAUSE, LONGEST_REQUESTED_PAUSE));
        match &mut self.state {
            State::Closed { failures } => {
                *failures += 1;
                if *failures < FAILURES {
                    return None;
                }
                let first = requested.unwrap_or(FIRST_PAUSE);
                self.state = State::Open {
                    retry_at: now.saturating_add(first),
                    pause: FIRST_PAUSE * 2,
                    refused: 0,
                };
                self.epoch += 1;
                Some(first)
            }
            State::Open {
                retry_at, pause, ..
            } => {
                *retry_at = now.saturating_add(requested.unwrap_or(*pause));
                *pause = (*pause * 2).min(LONGEST_PAUSE);
                self.epoch += 1;
                None
            }
        }
    }

    /// A lookup ended without saying anything of the source. If it was the try of an open breaker,
    /// that counts as failed.
    pub fn abandoned(&mut self, epoch: u64, now: Duration) {
        if self.is_open() {
            self.failed(epoch, now, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fail(breaker: &mut Breaker, now: Duration) -> Option<Duration> {
        let epoch = breaker.admit(now).unwrap();
        breaker.failed(epoch, now, None)
    }

    /// A breaker that opened at the time zero.
    fn open() -> Breaker {
        let mut breaker = Breaker::new(PATIENCE);
        for _ in 1..FAILURES {
            assert_eq!(fail(&mut breaker, at(0)), None);
        }
        assert_eq!(fail(&mut breaker, at(0)), Some(at(1)));
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let mut breaker = Breaker::new(PATIENCE);
        for _ in 0..3 {
            for _ in 1..FAILURES {
                assert_eq!(fail(&mut breaker, at(0)), None);
            }
            let epoch = breaker.admit(at(0)).unwrap();
            assert_eq!(breaker.succeeded(epoch), None);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn one_try_is_let_through_when_the_time_has_come() {
        let mut breaker = open();
        assert_eq!(breaker.admit(at(0)), None);
        assert_eq!(breaker.admit(at(1) - Duration::from_nanos(1)), None);
        let epoch = breaker.admit(at(1)).unwrap();
        assert_eq!(breaker.admit(at(2)), None, "one at a time");
        breaker.refuse();
        assert_eq!(breaker.succeeded(epoch), Some(1));
        assert!(breaker.admit(at(2)).is_some() && breaker.admit(at(2)).is_some());
    }

    #[test]
    fn each_failed_try_doubles_the_pause_up_to_half_a_minute() {
        let mut breaker = open();
        let mut now = at(1);
        for pause in [2, 4, 8, 16, 30, 30] {
            assert_eq!(fail(&mut breaker, now), None);
            assert_eq!(breaker.admit(now + at(pause - 1)), None);
            now += at(pause);
        }
        let epoch = breaker.admit(now).unwrap();
        breaker.succeeded(epoch);
        for _ in 1..FAILURES {
            fail(&mut breaker, now);
        }
        assert_eq!(fail(&mut breaker, now), Some(at(1)), "as at first");
    }

    #[test]
    fn a_source_chooses_the_pause_within_bounds() {
        for (requested, pause) in [(0, 1), (60, 60), (100_000, 300)] {
            let mut breaker = Breaker::new(PATIENCE);
            for _ in 1..FAILURES {
                fail(&mut breaker, at(0));
            }
            let opened = breaker.failed(0, at(0), Some(at(requested)));
            assert_eq!(opened, Some(at(pause)));
            assert_eq!(breaker.admit(at(pause - 1)), None);
            let epoch = breaker.admit(at(pause)).unwrap();
            breaker.failed(epoch, at(pause), Some(at(requested.max(5))));
            let next = pause + requested.clamp(5, 300);
            assert_eq!(breaker.admit(at(next - 1)), None);
            assert!(breaker.admit(at(next)).is_some());
        }
    }

    #[test]
    fn a_lookup_from_before_the_change_does_not_count() {
        let mut breaker = Breaker::new(PATIENCE);
        let old = breaker.admit(at(0)).unwrap();
        for _ in 0..FAILURES {
            fail(&mut breaker, at(0));
        }
        assert_eq!(breaker.succeeded(old), None);
        assert!(breaker.is_open());
        breaker.failed(old, at(0), Some(at(300)));
        let probe = breaker.admit(at(1)).unwrap();
        assert_eq!(breaker.succeeded(old), None);
        assert!(breaker.is_open());
        breaker.succeeded(probe);
        for _ in 0..FAILURES {
            assert_eq!(breaker.failed(old, at(2), None), None);
        }
    }

    #[test]
    fn an_abandoned_try_opens_it_again() {
        let mut breaker = open();
        let epoch = breaker.admit(at(1)).unwrap();
        breaker.abandoned(epoch, at(1));
        assert_eq!(breaker.admit(at(2)), None);
        assert!(breaker.admit(at(3)).is_some());
    }

    #[test]
    fn a_lookup_that_is_abandoned_while_it_is_closed_says_nothing() {
        let mut breaker = Breaker::new(PATIENCE);
        for _ in 0..FAILURES {
            let epoch = breaker.admit(at(0)).unwrap();
            breaker.abandoned(epoch, at(0));
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_try_that_never_ends_does_not_keep_it_open_for_ever() {
        let mut breaker = open();
        let hung = breaker.admit(at(1)).unwrap();
        assert_eq!(breaker.admit(at(10)), None);
        let next = breaker.admit(at(11)).unwrap();
        assert_eq!(breaker.succeeded(hung), None);
        assert_eq!(breaker.succeeded(next), Some(0));
    }
}
