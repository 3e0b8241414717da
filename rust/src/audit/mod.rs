//! The audit file: a JSON line for each decision, and for each query that ran under impersonation.
//!
//! Both are handed to a writer thread through a bounded queue that blocks rather than drops. A
//! line that cannot be written stays in memory and is tried again until it can; meanwhile, unless the
//! operator chose otherwise, nobody is let in. All that touches the file system is done by that thread, so that
//! everybody else can leave it alone with one that hangs.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use jiff::Timestamp;
use parking_lot::Mutex;
use thiserror::Error;

use crate::clock::Clock;
use crate::engine::{Caller, Request};
use crate::log::{Level, Log};
use crate::metrics::Metric;
use crate::reason::Reason;

pub(crate) mod batch;
mod health;
pub(crate) mod line;
mod query;
mod queue;
pub(crate) mod repeated;
mod rotation;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod writer;

pub use query::{Amount, EndedQuery};
pub use rotation::Rotation;
pub use settings::{OnFailure, Patience, Settings};
pub use text::escape_unseen;

use batch::Batch;
use health::Health;
use line::{Flush, Query};
use queue::Queue;
use repeated::Refusals;
use writer::Writer;

/// The names by which the permission source knows the two users, where they differ in kind from the
/// query engine's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesInSource {
    /// The impersonator's.
    pub impersonator: Option<String>,
    /// The target's.
    pub target: Option<String>,
}

/// Why decisions cannot be recorded at all.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file cannot be opened or made.
    #[error("cannot open {}: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others could have written it.
    #[error("{} {problem}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Who can, and what to do.
        problem: String,
    },
    /// Opening it does not come back.
    #[error("cannot open {}: the file system has not answered for {} s; if it is a pipe, start its reader first", path.display(), time.as_secs())]
    Hangs {
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        time: Duration,
    },
    /// There is no thread to write it.
    #[error("cannot start the thread that writes {}: {error}", path.display())]
    Thread {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The reason that holds.
    pub reason: Reason,
    /// Whether it is recorded for itself, and not counted with others like it.
    pub has_own_line: bool,
}

/// The audit file and the thread that writes it. Dropping it closes it.
pub struct Audit {
    on_failure: OnFailure,
    query_text: bool,
    patience: Patience,
    health: Arc<Health>,
    queue: Arc<Queue>,
    refusals: Arc<Refusals>,
    writer: Mutex<Option<WriterThread>>,
}

struct WriterThread {
    thread: JoinHandle<()>,
    /// Is disconnected when the thread has ended.
    ended: Receiver<()>,
}

impl Audit {
    /// Opens the file for appending and writes the line that says that the engine has started, which
    /// proves that lines can be written. If that fails, the file counts as failing from the start.
    ///
    /// # Errors
    ///
    /// The file cannot be opened or made, or others can write it.
    pub(crate) fn open(
        settings: &Settings,
        refusals: Arc<Refusals>,
        clock: Arc<dyn Clock>,
        log: Arc<Log>,
    ) -> Result<Self, OpenError> {
        let patience = settings.patience;
        let queue = Arc::new(Queue::new());
        let health = Health::new(settings.file.clone(), patience.writing, clock.clone(), log);
        let health = Arc::new(health);
        let make_writer = {
            let settings = settings.clone();
            let (queue, health) = (Arc::clone(&queue), Arc::clone(&health));
            let refusals = Arc::clone(&refusals);
            move || Writer::open(&settings, queue, health, refusals, clock)
        };
        // Nothing lies in it: what is sent has been received, so that nobody writes whom nobody waited for.
        let (opened, answer) = bounded(0);
        let (alive, ended) = bounded(0);
        let thread = thread::Builder::new()
            .name("impersonation-audit".to_owned())
            .spawn(move || {
                let _alive = alive;
                match make_writer() {
                    Ok(mut writer) if opened.send(Ok(())).is_ok() => {
                        writer.start();
                        drop(opened);
                        writer.run();
                    }
                    Ok(_) => {}
                    Err(error) => drop(opened.send(Err(error))),
                }
            })
            .map_err(|error| OpenError::Thread {
                path: settings.file.clone(),
                error,
            })?;
        let hangs = |_| OpenError::Hangs {
            path: settings.file.clone(),
            time: patience.writing,
        };
        answer.recv_timeout(patience.writing).map_err(hangs)??;
        // Until the first line is written or has failed. If it hangs, it is a failure like any other.
        let _: Result<Result<(), OpenError>, _> = answer.recv_timeout(patience.writing);
        Ok(Audit {
            on_failure: settings.on_failure,
            query_text: settings.query_text,
            patience,
            health,
            queue,
            refusals,
            writer: Mutex::new(Some(WriterThread { thread, ended })),
        })
    }

    /// Records a decision and says which one holds: the same, or a denial if it cannot be recorded. Blocks while
    /// the queue is full and the file works, for a limited time. Of refusals of one principal beyond so many only
    /// their number is recorded.
    pub fn record(
        &self,
        now: Timestamp,
        request: &Request<'_>,
        names_in_source: NamesInSource,
        reason: Reason,
    ) -> Recorded {
        let mut reason = reason;
        if self.health.is_failing() {
            reason = self.unrecorded(reason);
        }
        let has_own_line = self.refusals.has_own_line(request, reason);
        let is_recorded = !has_own_line
            || self.hand_over(|batch| batch.add_decision(now, request, names_in_source, reason));
        if !is_recorded {
            reason = self.unrecorded(reason);
        }
        Recorded {
            reason,
            has_own_line,
        }
    }

    /// Records a query that has ended, so that nothing can be denied any more. Blocks as [`Audit::record`]
    /// does.
    pub fn record_query(
        &self,
        now: Timestamp,
        mut query: EndedQuery,
        names_in_source: NamesInSource,
    ) {
        if !self.query_text {
            query.text = None;
        }
        let query = Box::new(Query {
            time: now,
            names_in_source,
            query,
        });
        self.hand_over(|batch| batch.add_query(query));
    }

    /// Records that somebody wanted what is remembered of a user, or of everybody, to be forgotten. Blocks
    /// as [`Audit::record`] does.
    pub fn record_flush(
        &self,
        now: Timestamp,
        caller: &Caller<'_>,
        user: Option<&str>,
        allowed: bool,
    ) {
        let flush = Box::new(Flush::new(now, caller, user, allowed));
        self.hand_over(|batch| batch.add_flush(flush));
    }

    /// Whether the writer will find the record.
    fn hand_over(&self, add: impl FnOnce(&mut Batch)) -> bool {
        let handed_over = self.queue.put(self.health.worth_waiting(), add);
        if !handed_over {
            self.health.lose();
        }
        handed_over
    }

    /// What is counted of lines. Without an audit, the same names with zeros.
    pub fn metrics(audit: Option<&Audit>) -> Vec<Metric> {
        let waiting = audit.map(|audit| audit.queue.len());
        let lost = audit.map(|audit| audit.health.lost());
        vec![
            Metric::new("audit_queue", waiting.unwrap_or_default() as u64),
            Metric::new("audit_lost", lost.unwrap_or_default()),
            Metric::new("audit_failing", audit.is_some_and(Audit::is_failing)),
        ]
    }

    /// Whether lines cannot be written at the moment. Whoever asks first while the file hangs has it logged.
    pub fn is_failing(&self) -> bool {
        self.health.is_failing()
    }

    fn unrecorded(&self, reason: Reason) -> Reason {
        match self.on_failure {
            OnFailure::Deny if reason.is_allow() => Reason::AuditUnavailable,
            _ => reason,
        }
    }

    /// Takes no more lines, and returns when those that it has are written. From a file system that hangs it turns
    /// away after a limited time, and says how many lines were not written.
    pub fn close(&self) {
        self.queue.close();
        let Some(WriterThread { thread, ended }) = self.writer.lock().take() else {
            return;
        };
        if ended.recv_timeout(self.patience.closing) == Err(RecvTimeoutError::Disconnected) {
            // A writer that panicked has nothing left to write.
            let _ = thread.join();
            return;
        }
        let lines = self.queue.len();
        let counted = self.refusals.waiting();
        self.health.say(
            Level::Error,
            &format!(
                "was left while the file system did not answer: {lines} lines, and the count of {counted} repeated refusals, were not written"
            ),
        );
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.close();
    }
}
