//! What is remembered of a user, and for how long.

use std::sync::Arc;
use std::time::Duration;

use crate::user::User;

/// What a source said of a user. Its life begins when it is written; reading does not extend it.
#[derive(Debug)]
pub(super) struct Entry {
    /// `None` for a name that the source does not know.
    pub user: Option<Arc<User>>,
    written: Duration,
    life: Duration,
    /// From when on the next read asks for a refresh.
    refresh_at: Duration,
}

impl Entry {
    pub fn new(user: Option<Arc<User>>, written: Duration, life: Duration) -> Self {
        let mut entry = Entry {
            user,
            written,
            life,
            refresh_at: Duration::ZERO,
        };
        entry.refresh_at = entry.due_at();
        entry
    }

    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.written)
    }

    fn due_at(&self) -> Duration {
        self.written.saturating_add(self.life - self.life / 5)
    }

    pub fn expires(&self) -> Duration {
        self.written.saturating_add(self.life)
    }

    pub fn is_fresh(&self, now: Duration) -> bool {
        now < self.expires()
    }

    /// Whether the entry may stand in for a lookup that failed.
    pub fn is_usable(&self, now: Duration, stale_if_error: Duration) -> bool {
        now < self.expires().saturating_add(stale_if_error)
    }

    /// Whether the entry may be used at any time at all.
    pub fn is_ever_usable(&self, stale_if_error: Duration) -> bool {
        self.is_usable(self.written, stale_if_error)
    }

    /// Whether a refresh still makes sense.
    pub fn is_due(&self, now: Duration) -> bool {
        now >= self.due_at() && self.is_fresh(now)
    }

    /// Whether this read should ask for a refresh. The reads of the next tenth of the entry's life
    /// should not.
    pub fn mark(&mut self, now: Duration) -> bool {
        let due = now >= self.refresh_at;
        if due {
            self.refresh_at = now.saturating_add(self.life / 10);
        }
        due
    }

    /// Until when reads find the entry fresh and ask for no refresh.
    pub fn same_until(&self) -> Duration {
        self.refresh_at.min(self.expires())
    }

    /// Lets the next read ask for the refresh for which this one found no place.
    pub fn unmark(&mut self) {
        self.refresh_at = self.due_at();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_entry_lives_from_its_writing_for_its_life() {
        let entry = Entry::new(None, at(100), at(30));
        assert!(entry.is_fresh(at(129)));
        assert!(!entry.is_fresh(at(130)));
        assert!(!entry.is_usable(at(130), at(0)));
        assert!(entry.is_usable(at(139), at(10)));
        assert!(!entry.is_usable(at(140), at(10)));
        assert!(!Entry::new(None, at(100), at(0)).is_fresh(at(100)));
    }

    #[test]
    fn a_refresh_is_asked_for_once_in_a_tenth_of_the_life() {
        let mut entry = Entry::new(None, at(100), at(30));
        assert!(!entry.mark(at(123)));
        assert!(entry.mark(at(124)));
        assert!(!entry.mark(at(126)));
        assert!(entry.mark(at(127)));
        entry.unmark();
        assert!(entry.mark(at(127)));
    }

    #[test]
    fn an_endless_life_is_no_arithmetic_problem() {
        let mut entry = Entry::new(None, at(100), Duration::MAX);
        assert!(entry.is_fresh(at(1 << 40)));
        assert!(entry.is_usable(at(1 << 40), Duration::MAX));
        assert!(!entry.mark(at(1 << 40)));
    }
}
