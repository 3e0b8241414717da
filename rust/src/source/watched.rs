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
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use foldhash::quality::RandomState;
use parking_lot::Mutex;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::log::{Level, Log};
use crate::source::rights::{self, Secrecy};

/// A file that nobody could look at for this long, besides its own limits, counts as broken: its
/// disk may hang.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// How many may wait for a look at the file.
const ASKING: usize = 16;

/// How long the thread that watches a file is waited for when nobody needs it any more.
const LONGEST_END: Duration = Duration::from_millis(400);

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
    /// Others could have written it, or can read it though it is secret.
    #[error("{} {problem}", absolute(path).display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Who can, and what to do.
        problem: String,
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

/// Opens a file that is safe from others.
///
/// # Errors
///
/// The file cannot be read or is not safe from others.
pub fn open(path: &Path, secrecy: Secrecy) -> Result<File, FileError> {
    let unreadable = |error| FileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = File::options()
        .read(true)
        .custom_flags(WITHOUT_WAITING)
        .open(path)
        .map_err(unreadable)?;
    // Of what was opened: the path may lead to another file by now.
    let opened = file.metadata().map_err(unreadable)?;
    if !opened.is_file() {
        return Err(FileError::NotAFile {
            path: path.to_owned(),
        });
    }
    rights::check(path, &opened, secrecy).map_err(|problem| FileError::Exposed {
        path: path.to_owned(),
        problem,
    })?;
    Ok(file)
}

/// Reads a file once.
///
/// # Errors
///
/// The file cannot be read, is not safe from others, or holds something else than it should.
pub fn read<T>(path: &Path, secrecy: Secrecy, parser: &Parser<T>) -> Result<T, FileError> {
    parse(path, parser, &read_bytes(path, secrecy)?)
}

fn parse<T>(path: &Path, parser: &Parser<T>, bytes: &[u8]) -> Result<T, FileError> {
    parser(bytes).map_err(|problem| FileError::Invalid {
        path: path.to_owned(),
        problem,
    })
}

fn read_bytes(path: &Path, secrecy: Secrecy) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let unreadable = |error| FileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let mut file = open(path, secrecy)?;
    // A secret is left neither here nor where a vector that grows was before.
    let size = file.metadata().map_err(unreadable)?.len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
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

/// What whoever looked last has left for the next look.
struct Looked<T> {
    stamp: Option<Stamp>,
    /// Of the file's bytes, where they could be read.
    hash: Option<u64>,
    /// Whether it is to be read at the next look, too. Clocks of file systems stand still for up to 10 ms,
    /// so that a version written right after the reading may have the stamp of the one that was read.
    again: bool,
    /// What the file said before, as long as a decision may still use it. Dropping a million users takes tens of
    /// milliseconds, which the last of those decisions would take longer.
    retired: Vec<Arc<T>>,
}

impl<T> Looked<T> {
    /// Drops what no decision uses any more: nobody else can get hold of it.
    fn drop_unused(&mut self) {
        self.retired.retain(|value| Arc::strong_count(value) > 1);
    }
}

struct State<T> {
    kind: &'static str,
    watch: Watch,
    parser: Parser<T>,
    /// Written under the lock of `looked` alone.
    version: ArcSwap<Version<T>>,
    looked: Mutex<Looked<T>>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    log: Arc<Log>,
}

impl<T: Display> State<T> {
    fn reload_if_changed(&self) {
        let mut looked = self.looked.lock();
        self.look(&mut looked);
        looked.drop_unused();
    }

    fn look(&self, looked: &mut Looked<T>) {
        // Taken before reading, so that a change during the reading is seen the next time.
        let stamp = Stamp::of(&self.watch.path);
        let now = self.clock.elapsed();
        let version = self.version.load_full();
        let store = |value: &Arc<T>, broken_since| {
            let version = Version::new(Arc::clone(value), now, broken_since, &self.watch);
            self.version.store(Arc::new(version));
        };
        let was_broken = version.broken_since.is_some();
        let changed = looked.stamp != stamp;
        if !changed && !was_broken && !looked.again {
            store(&version.value, None);
            return;
        }
        let bytes = read_bytes(&self.watch.path, Secrecy::Public);
        let hash = bytes
            .as_ref()
            .ok()
            .map(|bytes| self.hasher.hash_one(bytes.as_slice()));
        let is_same = !changed && !was_broken && looked.hash == hash;
        looked.stamp = stamp;
        looked.hash = hash;
        looked.again = changed || was_broken;
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
                looked.retired.push(Arc::clone(&version.value));
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

/// A file that is watched for changes by a thread of its own until it is dropped. Only that thread looks at the file,
/// so that it alone is lost to a disk that hangs.
pub struct WatchedFile<T> {
    state: Arc<State<T>>,
    watcher: Option<Watcher>,
}

struct Watcher {
    /// Whoever wants the file to be looked at sends what is dropped afterwards.
    looks: Sender<Sender<()>>,
    /// Is disconnected when the thread has ended.
    ended: Receiver<()>,
    thread: JoinHandle<()>,
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
        let (looks, asked) = bounded::<Sender<()>>(ASKING);
        let (alive, ended) = bounded::<()>(0);
        let state = Arc::clone(&file.state);
        let thread = thread::Builder::new()
            .name("impersonation-files".to_owned())
            .spawn(move || {
                let _alive = alive;
                loop {
                    let asks = asked.recv_timeout(state.watch.refresh);
                    if matches!(asks, Err(RecvTimeoutError::Disconnected)) {
                        break;
                    }
                    state.reload_if_changed();
                }
            })
            .map_err(|error| FileError::Unreadable {
                path: file.state.watch.path.clone(),
                error,
            })?;
        file.watcher = Some(Watcher {
            looks,
            ended,
            thread,
        });
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
        let bytes = read_bytes(&watch.path, Secrecy::Public)?;
        let value = Arc::new(parse(&watch.path, &parser, &bytes)?);
        let hasher = RandomState::default();
        let version = Version::new(value, clock.elapsed(), None, &watch);
        Ok(WatchedFile {
            state: Arc::new(State {
                kind,
                watch,
                parser,
                version: ArcSwap::from_pointee(version),
                looked: Mutex::new(Looked {
                    stamp,
                    hash: Some(hasher.hash_one(bytes.as_slice())),
                    again: true,
                    retired: Vec::new(),
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

    /// The file.
    pub fn path(&self) -> &Path {
        &self.state.watch.path
    }

    /// Has the file looked at for a change at once, and waits for that, but not beyond this time. Whether it was.
    pub fn reload_if_changed(&self, until: Instant) -> bool {
        let Some(watcher) = &self.watcher else {
            self.state.reload_if_changed();
            return true;
        };
        let (done, looked) = bounded(0);
        watcher.looks.send_deadline(done, until).is_ok()
            && looked.recv_deadline(until) == Err(RecvTimeoutError::Disconnected)
    }
}

impl<T> Drop for WatchedFile<T> {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            drop(watcher.looks);
            // One that hangs ends when it comes back. One that panicked has nothing left to stop.
            let ended = watcher.ended.recv_timeout(LONGEST_END);
            if ended == Err(RecvTimeoutError::Disconnected) {
                let _ = watcher.thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::ManualClock;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;
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
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(BOB));
        assert!(fixture.log.drain()[0].text.contains("reloaded: bob"));
    }

    #[test]
    fn an_unchanged_file_is_left_alone() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        source.state.reload_if_changed();
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
                source.state.reload_if_changed();
            }
            fixture.write(BOB);
            // As where the file system's clock has not moved on, and both are of one size.
            source.state.looked.lock().stamp = Stamp::of(&fixture.path());
            source.state.reload_if_changed();
            assert_eq!(says(&source).as_deref(), Some(BOB));
        }
    }

    #[test]
    fn a_broken_version_leaves_the_last_good_one_serving_for_a_limited_time() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.write("{");
        source.state.reload_if_changed();
        fixture.clock.advance(Duration::from_secs(599));
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(ALICE));
        fixture.clock.advance(Duration::from_secs(1));
        assert_eq!(says(&source).as_deref(), UNTRUSTED);

        let messages = fixture.log.drain();
        assert_eq!(messages.len(), 1, "reported once: {messages:?}");
        assert!(messages[0].text.contains("line 1"), "{messages:?}");

        fixture.write(BOB);
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(BOB), "repaired");
    }

    #[test]
    fn a_second_broken_version_does_not_extend_the_time() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.write("{");
        source.state.reload_if_changed();
        fixture.clock.advance(Duration::from_secs(599));
        fixture.write("{{");
        source.state.reload_if_changed();
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
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(ALICE));
        fixture.clock.advance(Duration::from_secs(600));
        assert_eq!(says(&source).as_deref(), UNTRUSTED);
        fixture.write(ALICE);
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(ALICE));
    }

    #[test]
    fn a_file_that_everybody_can_write_by_now_is_a_broken_version_until_it_is_mended() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        let set = |mode| fs::set_permissions(fixture.path(), Permissions::from_mode(mode)).unwrap();
        set(0o666);
        fixture.write(BOB);
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(ALICE));
        let messages = fixture.log.drain();
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(
            messages[0].text.contains("written by everybody"),
            "{messages:?}"
        );
        fixture.clock.advance(Duration::from_secs(600));
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), UNTRUSTED);
        set(0o644);
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(BOB), "mended");
    }

    #[test]
    fn a_link_that_kubernetes_turns_to_a_new_folder_is_a_changed_file() {
        let fixture = Fixture::new();
        let folder = fixture.folder.path();
        for (version, name) in [("..1", ALICE), ("..2", BOB)] {
            fs::create_dir(folder.join(version)).unwrap();
            fs::write(folder.join(version).join("policy.json"), name).unwrap();
        }
        symlink("..1", folder.join("..data")).unwrap();
        symlink("..data/policy.json", fixture.path()).unwrap();
        let source = fixture.open();
        assert_eq!(says(&source).as_deref(), Some(ALICE));
        symlink("..2", folder.join("..new")).unwrap();
        fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(BOB));
    }

    #[test]
    fn a_file_that_makes_the_reader_panic_is_a_broken_version() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let source = fixture.open();
        fixture.write("?");
        source.state.reload_if_changed();
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
        source.state.reload_if_changed();
        assert_eq!(says(&source).as_deref(), Some(ALICE), "looked at again");
    }

    /// Says on which thread it is dropped.
    struct Recorded {
        text: String,
        dropped_on: Sender<Option<String>>,
    }

    impl Display for Recorded {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&self.text)
        }
    }

    impl Drop for Recorded {
        fn drop(&mut self) {
            let name = thread::current().name().map(str::to_owned);
            let _ = self.dropped_on.send(name);
        }
    }

    #[test]
    fn an_old_version_is_dropped_by_the_watcher_even_if_a_decision_was_the_last_to_use_it() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let watch = Watch {
            path: fixture.path(),
            refresh: Duration::from_millis(1),
            max_stale: Duration::from_secs(600),
        };
        let (dropped_on, drops) = crossbeam_channel::unbounded();
        let parser: Parser<Recorded> = Box::new(move |bytes| {
            Ok(Recorded {
                text: String::from_utf8_lossy(bytes).into_owned(),
                dropped_on: dropped_on.clone(),
            })
        });
        let file = WatchedFile::open(
            "test file",
            watch,
            parser,
            fixture.clock.clone(),
            fixture.log.clone(),
        )
        .unwrap();
        let decision = file.current(Duration::ZERO);
        // In one step: a half-written file would be one more version.
        let next = fixture.folder.path().join("next");
        fs::write(&next, BOB).unwrap();
        fs::rename(next, fixture.path()).unwrap();
        while file.current(Duration::ZERO).value().text != BOB {
            thread::yield_now();
        }
        assert_eq!(decision.value().text, ALICE);
        assert!(drops.is_empty(), "the decision uses it");
        drop(decision);
        let thread = drops.recv_timeout(Duration::from_secs(60));
        assert_eq!(thread.unwrap().as_deref(), Some("impersonation-files"));
    }

    #[test]
    fn a_disk_that_hangs_keeps_neither_who_wants_to_look_nor_who_closes() {
        let fixture = Fixture::new();
        fixture.write(ALICE);
        let watch = Watch {
            path: fixture.path(),
            refresh: Duration::from_secs(3600),
            max_stale: Duration::from_secs(600),
        };
        let parser: Parser<String> =
            Box::new(|bytes| Ok(String::from_utf8_lossy(bytes).into_owned()));
        let file = WatchedFile::open(
            "test file",
            watch,
            parser,
            fixture.clock.clone(),
            fixture.log.clone(),
        )
        .unwrap();
        let soon = || Instant::now() + Duration::from_millis(50);
        let long = || Instant::now() + Duration::from_secs(60);
        fixture.write(BOB);
        let state = Arc::clone(&file.state);
        // The thread that looks waits for this, as it would for the disk.
        let hang = state.looked.lock();
        assert!(!file.reload_if_changed(soon()));
        drop(hang);
        assert!(file.reload_if_changed(long()));
        assert_eq!(file.current(Duration::ZERO).value(), BOB);

        let hang = state.looked.lock();
        assert!(!file.reload_if_changed(soon()));
        let closed = Instant::now();
        drop(file);
        assert!(closed.elapsed() < Duration::from_secs(60));
        drop(hang);
    }

    #[test]
    fn old_versions_are_kept_no_longer_than_they_are_used() {
        let fixture = Fixture::new();
        fixture.write("version 0");
        let file = fixture.open();
        let kept = || file.state.looked.lock().retired.len();
        let held = file.current(Duration::ZERO);
        for number in 1..=10 {
            fixture.write(&format!("version number {number}"));
            file.state.reload_if_changed();
            fixture.write(&format!("version {number}"));
            file.state.reload_if_changed();
            assert_eq!(kept(), 1, "the one that is used");
        }
        assert_eq!(held.value(), "version 0");
        drop(held);
        file.state.reload_if_changed();
        assert_eq!(kept(), 0);
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
            let error = read(path, Secrecy::Public, &parser()).unwrap_err();
            assert!(matches!(error, FileError::NotAFile { .. }), "{error}");
        }
    }
}
