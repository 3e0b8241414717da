//! What threads write at every decision, in parts that few of them share.
//!
//! Processors that write the same number take turns, and a turn costs as much as finding a user.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

/// Few enough to read them all in no time; more threads than that rarely decide at the same moment.
const PARTS: usize = 8;

/// A value in parts. Each thread writes one of them; a reader has to put all together.
#[derive(Default)]
pub(crate) struct Stripes<T> {
    parts: [CachePadded<T>; PARTS],
}

impl<T> Stripes<T> {
    /// The part of the thread that asks.
    pub fn own(&self) -> &T {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static PART: usize = THREADS.fetch_add(1, Ordering::Relaxed) % PARTS;
        }
        &self.parts[PART.with(|part| *part)]
    }

    /// Every part.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().map(|part| &**part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::thread;

    #[test]
    fn what_many_threads_add_is_all_there() {
        let stripes = Stripes::<AtomicU64>::default();
        thread::scope(|scope| {
            for _ in 0..2 * PARTS + 1 {
                scope.spawn(|| stripes.own().fetch_add(3, Ordering::Relaxed));
            }
        });
        let sum: u64 = stripes.iter().map(|n| n.load(Ordering::Relaxed)).sum();
        assert_eq!(sum, 3 * (2 * PARTS as u64 + 1));
    }
}
