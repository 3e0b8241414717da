//! The policy file as a permission source: read at the start, again whenever it changes.
//!
//! A broken new version is reported, and the last good one keeps serving for a limited time.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use parking_lot::{Mutex, RwLock};
use thiserror::Error;

use crate::clock::Clock;
use crate::log::{Level, Log};
use crate::name::Folding;
use crate::policy::{Policy, PolicyError, User};
use crate::source::Unavailable;

/// Why a policy file cannot be used.
#[derive(Debug, Error)]
pub enum PolicyFileError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is a folder, a device, a pipe.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It holds something else than a policy.
    #[error("{}: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        error: PolicyError,
    },
}

/// Reads a policy file once.
///
/// # Errors
///
/// The file cannot be read or holds something else than a policy.
pub fn read(path: &Path, folding: Folding) -> Result<Policy, PolicyFileError> {
    let unreadable = |error| PolicyFileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(PolicyFileError::NotAFile {
            path: path.to_owned(),
        });
    }
    let json = fs::read(path).map_err(unreadable)?;
    Policy::parse(&json, folding).map_err(|error| PolicyFileError::Invalid {
        path: path.to_owned(),
        error,
    })
}

/// How a policy file is watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The file.
    pub path: PathBuf,
    /// How often a change is looked for.
    pub refresh: Duration,
    /// How long the last good version serves while the new one is broken.
    pub max_stale: Duration,
    /// How names are compared.
    pub folding: Folding,
}

/// The policy of one moment.
#[derive(Clone)]
pub struct Snapshot {
    policy: Arc<Policy>,
    broken_since: Option<Duration>,
}

/// The policy that a decision is made on, from its first step to its last.
pub struct View {
    /// Users and scopes. The scopes still hold when lookups fail.
    pub policy: Arc<Policy>,
    available: bool,
}

impl View {
    /// Looks a user up by folded name.
    ///
    /// # Errors
    ///
    /// The file has been broken for too long.
    pub fn user(&self, folded: &str) -> Result<Option<&User>, Unavailable> {
        if self.available {
            Ok(self.policy.user(folded))
        } else {
            Err(Unavailable)
        }
    }
}

/// What tells one version of a file from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        fs::metadata(path).ok().map(|metadata| Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

struct State {
    watch: Watch,
    snapshot: RwLock<Snapshot>,
    stamp: Mutex<Option<Stamp>>,
    clock: Arc<dyn Clock>,
    log: Arc<Log>,
}

impl State {
    fn reload_if_changed(&self) {
        let mut last = self.stamp.lock();
        // Taken before reading, so that a change during the reading is seen the next time.
        let stamp = Stamp::of(&self.watch.path);
        let broken = self.snapshot.read().broken_since.is_some();
        if *last == stamp && !broken {
            return;
        }
        let changed = *last != stamp;
        *last = stamp;
        let path = self.watch.path.display();
        match read(&self.watch.path, self.watch.folding) {
            Ok(policy) => {
                self.log.push(
                    Level::Info,
                    format!(
                        "policy file {path} reloaded: {} users, {} scopes",
                        policy.user_count(),
                        policy.scopes.len()
                    ),
                );
                *self.snapshot.write() = Snapshot {
                    policy: Arc::new(policy),
                    broken_since: None,
                };
            }
            Err(error) => {
                if changed || !broken {
                    self.log.push(
                        Level::Error,
                        format!(
                            "policy file not reloaded, the last good version serves for {} s more at most: {error}",
                            self.remaining().as_secs()
                        ),
                    );
                }
                let now = self.clock.elapsed();
                self.snapshot.write().broken_since.get_or_insert(now);
            }
        }
    }

    fn remaining(&self) -> Duration {
        let spent = self
            .snapshot
            .read()
            .broken_since
            .map_or(Duration::ZERO, |since| self.clock.elapsed() - since);
        self.watch.max_stale.saturating_sub(spent)
    }
}

/// A policy file that is watched for changes by a thread of its own until it is dropped.
pub struct PolicyFile {
    state: Arc<State>,
    watcher: Option<(Sender<()>, JoinHandle<()>)>,
}

impl PolicyFile {
    /// Reads the file and starts to watch it.
    ///
    /// # Errors
    ///
    /// The file cannot be used.
    pub fn open(
        watch: Watch,
        clock: Arc<dyn Clock>,
        log: Arc<Log>,
    ) -> Result<Self, PolicyFileError> {
        let mut source = PolicyFile::unwatched(watch, clock, log)?;
        let (stop, stopped) = bounded::<()>(0);
        let state = Arc::clone(&source.state);
        let watcher = thread::Builder::new()
            .name("impersonation-policy".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(state.watch.refresh) == Err(RecvTimeoutError::Timeout) {
                    state.reload_if_changed();
                }
            })
            .map_err(|error| PolicyFileError::Unreadable {
                path: source.state.watch.path.clone(),
                error,
            })?;
        source.watcher = Some((stop, watcher));
        Ok(source)
    }

    fn unwatched(
        watch: Watch,
        clock: Arc<dyn Clock>,
        log: Arc<Log>,
    ) -> Result<Self, PolicyFileError> {
        let stamp = Stamp::of(&watch.path);
        let policy = read(&watch.path, watch.folding)?;
        Ok(PolicyFile {
            state: Arc::new(State {
                watch,
                snapshot: RwLock::new(Snapshot {
                    policy: Arc::new(policy),
                    broken_since: None,
                }),
                stamp: Mutex::new(stamp),
                clock,
                log,
            }),
            watcher: None,
        })
    }

    /// The policy as it is now.
    pub fn view(&self) -> View {
        let Snapshot {
            policy,
            broken_since,
        } = self.state.snapshot.read().clone();
        let available = broken_since.is_none_or(|since| {
            self.state.clock.elapsed().saturating_sub(since) < self.state.watch.max_stale
        });
        View { policy, available }
    }

    /// Looks for a change at once.
    pub fn reload_if_changed(&self) {
        self.state.reload_if_changed();
    }
}

impl Drop for PolicyFile {
    fn drop(&mut self) {
        if let Some((stop, watcher)) = self.watcher.take() {
            drop(stop);
            // A watcher that panicked has nothing left to stop.
            let _ = watcher.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::ManualClock;
    use tempfile::TempDir;

    struct Fixture {
        folder: TempDir,
        clock: Arc<ManualClock>,
        log: Arc<Log>,
    }

    impl Fixture {
        fn new() -> Self {
            Fixture {
                folder: TempDir::new().unwrap(),
                clock: Arc::new(ManualClock::at("2026-01-01T00:00:00Z")),
                log: Arc::default(),
            }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("policy.json")
        }

        fn write(&self, json: &str) {
            fs::write(self.path(), json).unwrap();
        }

        fn open(&self) -> PolicyFile {
            let watch = Watch {
                path: self.path(),
                refresh: Duration::from_secs(1),
                max_stale: Duration::from_secs(600),
                folding: Folding::Exact,
            };
            PolicyFile::unwatched(watch, self.clock.clone(), self.log.clone()).unwrap()
        }
    }

    const ALICE: &str = r#"{"users": [{"name": "alice"}]}"#;
    const BOB: &str = r#"{"users": [{"name": "bob"}]}"#;

    fn knows(source: &PolicyFile, name: &str) -> Result<bool, Unavailable> {
        source.view().user(name).map(|user| user.is_some())
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.write(BOB);
        source.reload_if_changed();
        assert_eq!(knows(&source, "alice"), Ok(false));
        assert_eq!(knows(&source, "bob"), Ok(true));
        assert!(fixture.log.drain()[0].text.contains("reloaded: 1 users"));
    }

    #[test]
    fn an_unchanged_file_is_left_alone() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        source.reload_if_changed();
        assert_eq!(fixture.log.drain(), []);
    }

    #[test]
    fn a_broken_version_leaves_the_last_good_one_serving_for_a_limited_time() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.write("{");
        source.reload_if_changed();
        fixture.clock.advance(Duration::from_secs(599));
        source.reload_if_changed();
        assert_eq!(knows(&source, "alice"), Ok(true));
        fixture.clock.advance(Duration::from_secs(1));
        assert_eq!(knows(&source, "alice"), Err(Unavailable));

        let messages = fixture.log.drain();
        assert_eq!(messages.len(), 1, "reported once: {messages:?}");
        assert!(messages[0].text.contains("line 1"), "{messages:?}");

        fixture.write(BOB);
        source.reload_if_changed();
        assert_eq!(knows(&source, "bob"), Ok(true), "repaired");
    }

    #[test]
    fn a_second_broken_version_does_not_extend_the_time() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.write("{");
        source.reload_if_changed();
        fixture.clock.advance(Duration::from_secs(599));
        fixture.write("{{");
        source.reload_if_changed();
        fixture.clock.advance(Duration::from_secs(1));
        assert_eq!(knows(&source, "alice"), Err(Unavailable));
        assert_eq!(
            fixture.log.drain().len(),
            2,
            "each broken version is reported"
        );
    }

    #[test]
    fn a_file_that_disappears_is_a_broken_version() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fs::remove_file(fixture.path()).unwrap();
        source.reload_if_changed();
        assert_eq!(knows(&source, "alice"), Ok(true));
        fixture.clock.advance(Duration::from_secs(600));
        assert_eq!(knows(&source, "alice"), Err(Unavailable));
        fixture.write(ALICE);
        source.reload_if_changed();
        assert_eq!(knows(&source, "alice"), Ok(true));
    }

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        for path in ["/dev/zero", "/"] {
            let error = read(Path::new(path), Folding::Exact).unwrap_err();
            assert!(matches!(error, PolicyFileError::NotAFile { .. }), "{error}");
        }
    }
}
