//! The end of an engine.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;

use super::Engine;

/// How long whoever closes an engine waits, whatever hangs. A server that stops is not kept longer.
const LONGEST: Duration = Duration::from_millis(9_500);

impl Engine {
    /// Ends an engine, though others may still be using it: who is let in from now on has not been recorded, and so
    /// is denied. Returns when every line is written and every lookup has ended, or when something hangs for too long.
    pub fn close(self: Arc<Self>) {
        let (done, ended) = bounded::<()>(0);
        let end = move || {
            if let Some(audit) = &self.audit {
                audit.close();
            }
            drop(self);
            drop(done);
        };
        // On a thread of its own, which can be left behind. Without one, what is dropped here has limits of its own.
        let thread = thread::Builder::new().name("impersonation-end".to_owned());
        if thread.spawn(end).is_ok() {
            let _ = ended.recv_timeout(LONGEST);
        }
    }

    /// Has the log told of an audit file that hangs, which the thread that writes it cannot do.
    pub fn look_at_audit(&self) {
        if let Some(audit) = &self.audit {
            audit.is_failing();
        }
    }
}
