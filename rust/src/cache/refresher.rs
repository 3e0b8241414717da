//! Refreshes entries in the background before they expire.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Shared;

/// Fewer than the lookups that are let through at a time, so that refreshes never keep a caller waiting.
const THREADS: usize = 4;
/// Refreshes that may wait. What finds no place is looked up by a caller when it expires.
const QUEUE: usize = 1000;

/// The threads that refresh, and the names that wait for them. Dropping it forgets the names that
/// wait, and waits for the lookups that are under way.
pub(super) struct Refresher {
    queue: Option<Sender<Box<str>>>,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Refresher {
    /// A queue without threads.
    pub fn idle() -> (Self, Receiver<Box<str>>) {
        let (queue, names) = bounded(QUEUE);
        let refresher = Refresher {
            queue: Some(queue),
            stopped: Arc::default(),
            threads: Vec::new(),
        };
        (refresher, names)
    }

    pub fn start(&mut self, shared: &Arc<Shared>, names: &Receiver<Box<str>>) -> io::Result<()> {
        for _ in 0..THREADS {
            let (shared, names) = (Arc::clone(shared), names.clone());
            let stopped = Arc::clone(&self.stopped);
            let thread = thread::Builder::new()
                .name("impersonation-lookups".to_owned())
                .spawn(move || {
                    for name in names {
                        if stopped.load(Ordering::Acquire) {
                            break;
                        }
                        shared.refresh(&name);
                    }
                })?;
            self.threads.push(thread);
        }
        Ok(())
    }

    /// Queues a name, unless the queue is full.
    pub fn offer(&self, name: &str) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| !queue.is_full() && queue.try_send(name.into()).is_ok())
    }

    #[cfg(test)]
    pub fn stopped(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to stop.
            let _ = thread.join();
        }
    }
}
