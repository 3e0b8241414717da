//! A file that is read at the start, and again whenever it changes.
//!
//! A broken new version is reported, and the last good one keeps serving for a limited time.

use std::fmt::Display;
use std::fs::{self, File};
use std::hash::BuildHasher as _;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use foldhash::quality::RandomState;
use parking_lot::Mutex;
use thiserror::Error;

use crate::clock::Clock;
use crate::log::{Level, Log};

/// A file that nobody could look at for this long, besides its own limits, counts as broken: its
/// disk may hang.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// Linux's `O_NONBLOCK`: a pipe at which nobody writes is opened at once instead of never.
const WITHOUT_WAITING: i32 = 0o4000;

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", absolute(path).display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is a folder, a device, a pipe.
    #[error("{} is not a regular file", absolute(path).display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It holds something else than it should.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        problem: String,
    },
}

/// A relative path is one below the server's working directory, which the operator may not be in.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Makes a value of a file's bytes, or says what is wrong with them.
pub type Parser<T> = Box<dyn Fn(&[u8]) -> Result<T, String> + Send + Sync>;

/// Reads a file once.
///
/// # Errors
///
/// The file cannot be read or holds something else than it should.
pub fn read<T>(path: &Path, parser: &Parser<T>) -> Result<T, FileError> {
    parse(path, parser, &read_bytes(path)?)
}

fn parse<T>(path: &Path, parser: &Parser<T>, bytes: &[u8]) -> Result<T, FileError> {
    parser(bytes).map_err(|problem| FileError::Invalid {
        path: path.to_owned(),
        problem,
    })
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    let unreadable = |error| FileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    // Asked of what was opened, since another may lie there by then.
    let mut file = File::options()
        .read(true)
        .custom_flags(WITHOUT_WAITING)
        .open(path)
        .map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(FileError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// How a file is watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The file.
    pub path: PathBuf,
    /// How often a change is looked for.
    pub refresh: Duration,
    /// How long the last good version serves while the new one is broken.
    pub max_stale: Duration,
}

/// What a file says at one moment.
pub struct Current<T> {
    version: Guard<Arc<Version<T>>>,
    /// Whether it may still be trusted: the file has not been broken for too long.
    pub trusted: bool,
}

impl<T> Current<T> {
    /// The last good version.
    pub fn value(&self) -> &T {
        &self.version.value
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

/// What was seen of a file when somebody last looked.
struct Seen {
    stamp: Option<Stamp>,
    /// Of its bytes, where they could be read.
    hash: Option<u64>,
    /// Whether it is to be read at the next look, too. Clocks of file systems stand still for up to 10 ms,
    /// so that a version written right after the reading may have the stamp of the one that was read.
    again: bool,
}

struct Version<T> {
    value: Arc<T>,
    broken_since: Option<Duration>,
    /// When it is not to be trusted any more, unless somebody looks at the file before.
    trusted_until: Duration,
}

impl<T> Version<T> {
    fn new(value: Arc<T>, looked: Duration, broken_since: Option<Duration>, watch: &Watch) -> Self {
        let silence = watch.max_stale.max(LONGEST_SILENCE) + watch.refresh * 2;
        let silent_until = looked.saturating_add(silence);
        let stale_until = broken_since.map(|since| since.saturating_add(watch.max_stale));
        Version {
            value,
            broken_since,
            trusted_until: stale_until.map_or(silent_until, |stale| stale.min(silent_until)),
        }
    }
}

struct State<T> {
    kind: &'static str,
    watch: Watch,
    parser: Parser<T>,
    /// Written under the lock of `seen` alone.
    version: ArcSwap<Version<T>>,
    seen: Mutex<Seen>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    log: Arc<Log>,
}

impl<T: Display> State<T> {
    fn reload_if_changed(&self) {
        let mut seen = self.seen.lock();
        // Taken before reading, so that a change during the reading is seen the next time.
        let stamp = Stamp::of(&self.watch.path);
        let now = self.clock.elapsed();
        let version = self.version.load_full();
        let store = |value: &Arc<T>, broken_since| {
            let version = Version::new(Arc::clone(value), now, broken_since, &self.watch);
            self.version.store(Arc::new(version));
        };
        let was_broken = version.broken_since.is_some();
        let changed = seen.stamp != stamp;
        if !changed && !was_broken && !seen.again {
            store(&version.value, None);
            return;
        }
        let bytes = read_bytes(&self.watch.path);
        let hash = bytes.as_ref().ok().map(|bytes| self.hasher.hash_one(bytes));
        let is_same = !changed && !was_broken && seen.hash == hash;
        *seen = Seen {
            stamp,
            hash,
            again: changed || was_broken,
        };
        if is_same {
            store(&version.value, None);
            return;
        }
        // A mistake of ours in reading is a broken file, too: revocations in it must not be missed.
        let result = bytes.and_then(|bytes| {
            catch_unwind(AssertUnwindSafe(|| {
                parse(&self.watch.path, &self.parser, &bytes)
            }))
            .unwrap_or_else(|_| {
                Err(FileError::Invalid {
                    path: self.watch.path.clone(),
                    problem: "reading it failed inside the engine".to_owned(),
                })
            })
        });
        match result {
            Ok(value) => {
                let text = format!(
                    "{} {} reloaded: {value}",
                    self.kind,
                    self.watch.path.display()
                );
                self.log.push(Level::Info, text);
                store(&Arc::new(value), None);
            }
            Err(error) => {
                let since = version.broken_since.unwrap_or(now);
                store(&version.value, Some(since));
                if changed || !was_broken {
                    let remaining = self.watch.max_stale.saturating_sub(now - since);
                    self.log.push(
                        Level::Error,
                        format!(
                            "{} not reloaded, the last good version serves for {} s more at most: {error}",
                            self.kind,
                            remaining.as_secs()
                        ),
                    );
                }
            }
        }
    }
}

/// A file that is watched for changes by a thread of its own until it is dropped.
pub struct WatchedFile<T> {
    state: Arc<State<T>>,
    watcher: Option<(Sender<()>, JoinHandle<()>)>,
}

impl<T: Display + Send + Sync + 'static> WatchedFile<T> {
    /// Reads the file and starts to watch it. The kind is what the log calls it.
    ///
    /// # Errors
    ///
    /// The file cannot be used.
    pub fn open(
        kind: &'static str,
        watch: Watch,
        parser: Parser<T>,
        clock: Arc<dyn Clock>,
        log: Arc<Log>,
    ) -> Result<Self, FileError> {
        let mut file = WatchedFile::unwatched(kind, watch, parser, clock, log)?;
        let (stop, stopped) = bounded::<()>(0);
        let state = Arc::clone(&file.state);
        let watcher = thread::Builder::new()
            .name("impersonation-files".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(state.watch.refresh) == Err(RecvTimeoutError::Timeout) {
                    state.reload_if_changed();
                }
            })
            .map_err(|error| FileError::Unreadable {
                path: file.state.watch.path.clone(),
                error,
            })?;
        file.watcher = Some((stop, watcher));
        Ok(file)
    }

    fn unwatched(
        kind: &'static str,
        watch: Watch,
        parser: Parser<T>,
        clock: Arc<dyn Clock>,
        log: Arc<Log>,
    ) -> Result<Self, FileError> {
        let stamp = Stamp::of(&watch.path);
        let bytes = read_bytes(&watch.path)?;
        let value = Arc::new(parse(&watch.path, &parser, &bytes)?);
        let hasher = RandomState::default();
        let version = Version::new(value, clock.elapsed(), None, &watch);
        Ok(WatchedFile {
            state: Arc::new(State {
                kind,
                watch,
                parser,
                version: ArcSwap::from_pointee(version),
                seen: Mutex::new(Seen {
                    stamp,
                    hash: Some(hasher.hash_one(&bytes)),
                    again: true,
                }),
                hasher,
                clock,
                log,
            }),
            watcher: None,
        })
    }

    /// What the file says now, which is a time of the clock.
    pub fn current(&self, now: Duration) -> Current<T> {
        let version = self.state.version.load();
        Current {
            trusted: now < version.trusted_until,
            version,
        }
    }

    /// Looks for a change at once.
    pub fn reload_if_changed(&self) {
        self.state.reload_if_changed();
    }
}

impl<T> Drop for WatchedFile<T> {
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
    use std::process::Command;

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

        fn open(&self) -> WatchedFile<String> {
            let watch = Watch {
                path: self.path(),
                refresh: Duration::from_secs(1),
                max_stale: Duration::from_secs(600),
            };
            let (clock, log) = (self.clock.clone(), self.log.clone());
            WatchedFile::unwatched("test file", watch, parser(), clock, log).unwrap()
        }
    }

    /// Takes one word; fails on braces, and panics on a question mark.
    fn parser() -> Parser<String> {
        Box::new(|bytes| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            assert!(!text.contains('?'), "the parser panics");
            if text.contains('{') {
                Err("line 1: braces".to_owned())
            } else {
                Ok(text)
            }
        })
    }

    const ALICE: &str = "alice";
    const BOB: &str = "bob";
    const UNTRUSTED: Option<&str> = None;

    /// What the file says, if it may be trusted.
    fn says(file: &WatchedFile<String>) -> Option<String> {
        let current = file.current(file.state.clock.elapsed());
        current.trusted.then(|| current.value().to_string())
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.write(BOB);
        source.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(BOB));
        assert!(fixture.log.drain()[0].text.contains("reloaded: bob"));
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
    fn a_version_with_the_stamp_of_the_one_that_was_read_is_seen_at_the_next_look() {
        for changes in 0..2 {
            let fixture = Fixture::new();
            fixture.write(ALICE);
            let source = fixture.open();
            for _ in 0..changes {
                fixture.write("carol");
                source.reload_if_changed();
            }
            fixture.write(BOB);
            // As where the file system's clock has not moved on, and both are of one size.
            source.state.seen.lock().stamp = Stamp::of(&fixture.path());
            source.reload_if_changed();
            assert_eq!(says(&source).as_deref(), Some(BOB));
        }
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
        assert_eq!(says(&source).as_deref(), Some(ALICE));
        fixture.clock.advance(Duration::from_secs(1));
        assert_eq!(says(&source).as_deref(), UNTRUSTED);

        let messages = fixture.log.drain();
        assert_eq!(messages.len(), 1, "reported once: {messages:?}");
        assert!(messages[0].text.contains("line 1"), "{messages:?}");

        fixture.write(BOB);
        source.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(BOB), "repaired");
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
        assert_eq!(says(&source).as_deref(), UNTRUSTED);
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
        assert_eq!(says(&source).as_deref(), Some(ALICE));
        fixture.clock.advance(Duration::from_secs(600));
        assert_eq!(says(&source).as_deref(), UNTRUSTED);
        fixture.write(ALICE);
        source.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(ALICE));
    }

    #[test]
    fn a_file_that_makes_the_reader_panic_is_a_broken_version() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.write("?");
        source.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(ALICE));
        fixture.clock.advance(Duration::from_secs(600));
        assert_eq!(says(&source).as_deref(), UNTRUSTED);
    }

    #[test]
    fn a_file_that_nobody_could_look_at_for_long_is_not_trusted() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.clock.advance(Duration::from_secs(601));
        assert_eq!(says(&source).as_deref(), Some(ALICE));
        fixture.clock.advance(Duration::from_secs(1));
        assert_eq!(says(&source).as_deref(), UNTRUSTED);
        source.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(ALICE), "looked at again");
    }

    #[test]
    fn what_is_no_regular_file_is_not_read_or_waited_for() {
        let folder = TempDir::new().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        for path in [Path::new("/dev/zero"), Path::new("/"), &pipe] {
            let error = read(path, &parser()).unwrap_err();
            assert!(matches!(error, FileError::NotAFile { .. }), "{error}");
        }
    }
}
