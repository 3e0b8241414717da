//! The audit file: a JSON line for each decision.
//!
//! Decisions are handed to a writer thread through a bounded queue that blocks rather than drops. A
//! line that cannot be written stays in memory and is tried again until it can; meanwhile, unless the
//! operator chose otherwise, nobody is let in.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};
use jiff::Timestamp;
use serde::Serialize;

use crate::VERSION;
use crate::engine::{Path, Request};
use crate::log::{Level, Log};
use crate::name::MAX_BYTES;
use crate::reason::Reason;

/// Decisions that may wait for the writer.
const QUEUE: usize = 10_000;
/// Lines that are written with one call to the system.
const BATCH: usize = 256;
/// How long the writer waits before it tries a failing file again.
const RETRY: Duration = Duration::from_secs(1);
/// How often a blocked caller looks whether the file has begun to fail.
const LOOK: Duration = Duration::from_millis(50);

/// What becomes of a decision that cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nobody is let in without a record.
    Deny,
    /// The decision stands; the failure is logged.
    Warn,
}

/// Where decisions are recorded.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file; its folder is made if it is missing.
    pub file: PathBuf,
    /// What becomes of a decision that cannot be recorded.
    pub on_failure: OnFailure,
}

/// The names by which the permission source knows the two users, where they differ in kind from the
/// query engine's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesInSource {
    /// The impersonator's.
    pub impersonator: Option<String>,
    /// The target's.
    pub target: Option<String>,
}

struct Record {
    time: Timestamp,
    reason: Reason,
    impersonator: String,
    target: String,
    names_in_source: NamesInSource,
    principal: Option<String>,
    path: Path,
    query_id: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Start {
        time: String,
        #[serde(rename = "engineVersion")]
        engine_version: &'a str,
    },
    Decision {
        time: String,
        decision: &'a str,
        reason: &'a str,
        impersonator: &'a str,
        target: &'a str,
        #[serde(rename = "mappedImpersonator", skip_serializing_if = "Option::is_none")]
        mapped_impersonator: Option<&'a str>,
        #[serde(rename = "mappedTarget", skip_serializing_if = "Option::is_none")]
        mapped_target: Option<&'a str>,
        principal: Option<&'a str>,
        path: &'a str,
        #[serde(rename = "queryId", skip_serializing_if = "Option::is_none")]
        query_id: Option<&'a str>,
        #[serde(rename = "engineVersion")]
        engine_version: &'a str,
    },
}

#[derive(Default)]
struct Health {
    failing: AtomicBool,
    lost: AtomicU64,
}

/// The audit file and the thread that writes it. Dropping it writes what waits.
pub struct Audit {
    on_failure: OnFailure,
    health: Arc<Health>,
    queue: Option<Sender<Record>>,
    stop: Option<Sender<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Audit {
    /// Opens the file for appending and writes the line that says that the engine has started, which
    /// proves that lines can be written. If that fails, the file counts as failing from the start.
    ///
    /// # Errors
    ///
    /// The file cannot be opened or made.
    pub fn open(settings: &Settings, now: Timestamp, log: Arc<Log>) -> io::Result<Self> {
        let (queue, records) = bounded(QUEUE);
        let (stop, stopped) = bounded(0);
        let health = Arc::new(Health::default());
        let mut writer = Writer {
            file: open(&settings.file)?,
            path: settings.file.clone(),
            pending: Vec::new(),
            written: 0,
            records,
            stopped,
            health: Arc::clone(&health),
            log,
        };
        writer.add(&Line::Start {
            time: time_text(now),
            engine_version: VERSION,
        });
        writer.flush();
        let writer = thread::Builder::new()
            .name("impersonation-audit".to_owned())
            .spawn(move || writer.run())?;
        Ok(Audit {
            on_failure: settings.on_failure,
            health,
            queue: Some(queue),
            stop: Some(stop),
            writer: Some(writer),
        })
    }

    /// Records a decision and returns the one that holds: the same, or a denial if it cannot be
    /// recorded. Blocks while the queue is full and the file works.
    pub fn record(
        &self,
        now: Timestamp,
        request: &Request<'_>,
        names_in_source: NamesInSource,
        reason: Reason,
    ) -> Reason {
        let mut reason = reason;
        if self.failing() {
            reason = self.unrecorded(reason);
        }
        let mut record = Record {
            time: now,
            reason,
            impersonator: shortened(request.impersonator.as_str()),
            target: shortened(request.target.as_str()),
            names_in_source,
            principal: request
                .principal
                .as_ref()
                .map(|principal| shortened(principal.as_str())),
            path: request.path,
            query_id: request.query_id.as_deref().map(shortened),
        };
        let Some(queue) = &self.queue else {
            return self.unrecorded(reason);
        };
        loop {
            let wait = if self.failing() { Duration::ZERO } else { LOOK };
            match queue.send_timeout(record, wait) {
                Ok(()) => return reason,
                Err(SendTimeoutError::Timeout(waiting)) if !self.failing() => record = waiting,
                Err(_) => {
                    self.health.lost.fetch_add(1, Ordering::Relaxed);
                    return self.unrecorded(reason);
                }
            }
        }
    }

    fn failing(&self) -> bool {
        self.health.failing.load(Ordering::Acquire)
    }

    fn unrecorded(&self, reason: Reason) -> Reason {
        match self.on_failure {
            OnFailure::Deny if reason.is_allow() => Reason::AuditUnavailable,
            _ => reason,
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        drop(self.queue.take());
        drop(self.stop.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}

fn open(path: &FilePath) -> io::Result<File> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(path)
}

struct Writer {
    file: File,
    path: PathBuf,
    /// Whole lines, of which the first `written` bytes are in the file already.
    pending: Vec<u8>,
    written: usize,
    records: Receiver<Record>,
    stopped: Receiver<()>,
    health: Arc<Health>,
    log: Arc<Log>,
}

impl Writer {
    fn run(mut self) {
        loop {
            while self.health.failing.load(Ordering::Acquire) {
                let stopping =
                    self.stopped.recv_timeout(RETRY) == Err(RecvTimeoutError::Disconnected);
                self.flush();
                if stopping {
                    break;
                }
            }
            let Ok(record) = self.records.recv() else {
                break;
            };
            self.add_record(&record);
            for _ in 1..BATCH {
                let Ok(record) = self.records.try_recv() else {
                    break;
                };
                self.add_record(&record);
            }
            self.flush();
        }
        if self.written < self.pending.len() {
            self.log.push(
                Level::Error,
                format!(
                    "audit file {}: closed while lines were waiting that could not be written",
                    self.path.display()
                ),
            );
        }
    }

    fn add_record(&mut self, record: &Record) {
        self.add(&Line::Decision {
            time: time_text(record.time),
            decision: record.reason.decision(),
            reason: record.reason.as_str(),
            impersonator: &record.impersonator,
            target: &record.target,
            mapped_impersonator: record.names_in_source.impersonator.as_deref(),
            mapped_target: record.names_in_source.target.as_deref(),
            principal: record.principal.as_deref(),
            path: record.path.as_str(),
            query_id: record.query_id.as_deref(),
            engine_version: VERSION,
        });
    }

    fn add(&mut self, line: &Line<'_>) {
        match serde_json::to_string(line) {
            Ok(json) => {
                self.pending
                    .extend_from_slice(escape_controls(&json).as_bytes());
                self.pending.push(b'\n');
            }
            Err(error) => self.log.push(Level::Error, format!("audit line: {error}")),
        }
    }

    /// Writes what is pending. A failure leaves the rest for the next time, to the byte.
    fn flush(&mut self) {
        match self.write_pending() {
            Ok(()) => {
                self.pending.clear();
                self.written = 0;
                if self.health.failing.swap(false, Ordering::AcqRel) {
                    let lost = self.health.lost.swap(0, Ordering::Relaxed);
                    self.log.push(
                        Level::Warning,
                        format!(
                            "audit file {} can be written again; {lost} decisions in between left no line",
                            self.path.display()
                        ),
                    );
                }
            }
            Err(error) => {
                if !self.health.failing.swap(true, Ordering::AcqRel) {
                    self.log.push(
                        Level::Error,
                        format!(
                            "audit file {} cannot be written: {error}; trying again every {} s",
                            self.path.display(),
                            RETRY.as_secs()
                        ),
                    );
                }
            }
        }
    }

    fn write_pending(&mut self) -> io::Result<()> {
        // Somebody may have moved the file away, as logrotate does.
        if self.was_moved() || self.health.failing.load(Ordering::Acquire) {
            self.file = open(&self.path)?;
        }
        while self.written < self.pending.len() {
            match self.file.write(&self.pending[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn was_moved(&self) -> bool {
        let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        fs::metadata(&self.path).map(place).ok() != self.file.metadata().map(place).ok()
    }
}

fn time_text(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Names that are too long to be valid are refused, but the refusal is recorded, in part.
fn shortened(text: &str) -> String {
    if text.len() <= MAX_BYTES {
        return text.to_owned();
    }
    let end = (0..=MAX_BYTES)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or_default();
    format!("{}…", &text[..end])
}

/// JSON must escape the first 32 control characters only; terminals and log viewers act on more.
/// All of them can stand only inside strings, so the replacement is valid JSON too.
fn escape_controls(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if acts_on_a_terminal(character) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{:04x}", character as u32);
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn acts_on_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use tempfile::TempDir;

    fn settings(file: &FilePath) -> Settings {
        Settings {
            file: file.to_owned(),
            on_failure: OnFailure::Deny,
        }
    }

    fn now() -> Timestamp {
        "2026-11-24T05:40:00.123456Z".parse().unwrap()
    }

    fn record(audit: &Audit, now: Timestamp, request: &Request<'_>, reason: Reason) -> Reason {
        audit.record(now, request, NamesInSource::default(), reason)
    }

    fn decisions(file: &FilePath) -> Vec<Value> {
        fs::read_to_string(file)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["type"] == "decision")
            .collect()
    }

    #[test]
    fn allow_and_deny_leave_a_line_with_every_field() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("new/folder/audit.jsonl");
        let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
        let mut request = Request::new("svc", "alice");
        request.principal = Some("svc@REALM".into());
        assert_eq!(
            record(&audit, now(), &request, Reason::Permission),
            Reason::Permission
        );
        let refused = Request::new("eve", "bob");
        assert_eq!(
            record(&audit, now(), &refused, Reason::NoPermission),
            Reason::NoPermission
        );
        drop(audit);
        assert_eq!(
            decisions(&file),
            [
                serde_json::json!({"type": "decision", "time": "2026-11-24T05:40:00.123456Z",
                    "decision": "allow", "reason": "permission", "impersonator": "svc",
                    "target": "alice", "principal": "svc@REALM", "path": "native",
                    "engineVersion": VERSION}),
                serde_json::json!({"type": "decision", "time": "2026-11-24T05:40:00.123456Z",
                    "decision": "deny", "reason": "no-permission", "impersonator": "eve",
                    "target": "bob", "principal": null, "path": "native",
                    "engineVersion": VERSION}),
            ]
        );
    }

    #[test]
    fn the_names_that_the_source_knows_are_added() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("audit.jsonl");
        let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
        let names = NamesInSource {
            impersonator: Some("svc@corp.example".to_owned()),
            target: None,
        };
        audit.record(
            now(),
            &Request::new("svc", "alice"),
            names,
            Reason::UnknownTarget,
        );
        drop(audit);
        let line = &decisions(&file)[0];
        assert_eq!(line["impersonator"], "svc");
        assert_eq!(line["mappedImpersonator"], "svc@corp.example");
        assert_eq!(line["target"], "alice");
        assert!(line.get("mappedTarget").is_none());
    }

    #[test]
    fn a_query_that_exists_already_is_named() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("audit.jsonl");
        let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
        let mut request = Request::new("svc", "alice");
        request.path = Path::Property;
        request.query_id = Some("20261124_054000_00007_abcde".into());
        record(&audit, now(), &request, Reason::Permission);
        drop(audit);
        let line = &decisions(&file)[0];
        assert_eq!(line["path"], "property");
        assert_eq!(line["queryId"], "20261124_054000_00007_abcde");
    }

    #[test]
    fn control_characters_are_escaped_and_long_names_are_cut() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("audit.jsonl");
        let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
        let target = "é".repeat(40_000);
        let impersonator = "a\r\n\u{7f}\u{9b}\u{2028}\u{202e}b\0";
        record(
            &audit,
            now(),
            &Request::new(impersonator, &target),
            Reason::InvalidName,
        );
        drop(audit);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 2, "a start line and a decision");
        assert!(
            !text.chars().any(|c| c != '\n' && acts_on_a_terminal(c)),
            "{text:?}"
        );
        let line = &decisions(&file)[0];
        assert_eq!(line["impersonator"], impersonator);
        assert_eq!(line["target"], format!("{}…", "é".repeat(128)));
    }

    #[test]
    fn a_full_disk_lets_nobody_in_and_is_reported() {
        let log = Arc::new(Log::default());
        let audit = Audit::open(&settings(FilePath::new("/dev/full")), now(), log.clone()).unwrap();
        let request = Request::new("svc", "alice");
        assert_eq!(
            record(&audit, now(), &request, Reason::Permission),
            Reason::AuditUnavailable
        );
        assert_eq!(
            record(&audit, now(), &request, Reason::NoPermission),
            Reason::NoPermission
        );
        let messages = log.drain();
        assert!(
            messages[0].text.contains("/dev/full cannot be written"),
            "{messages:?}"
        );
    }

    #[test]
    fn a_full_queue_over_a_full_disk_does_not_block() {
        let audit =
            Audit::open(&settings(FilePath::new("/dev/full")), now(), Arc::default()).unwrap();
        let request = Request::new("svc", "alice");
        for _ in 0..QUEUE + 10 {
            assert_eq!(
                record(&audit, now(), &request, Reason::Permission),
                Reason::AuditUnavailable
            );
        }
    }

    #[test]
    fn with_warn_a_full_disk_leaves_the_decision_standing() {
        let warn = Settings {
            on_failure: OnFailure::Warn,
            ..settings(FilePath::new("/dev/full"))
        };
        let audit = Audit::open(&warn, now(), Arc::default()).unwrap();
        assert_eq!(
            record(
                &audit,
                now(),
                &Request::new("svc", "alice"),
                Reason::Permission
            ),
            Reason::Permission
        );
    }

    #[test]
    fn more_decisions_than_the_queue_holds_all_leave_their_line() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("audit.jsonl");
        let audit = Arc::new(Audit::open(&settings(&file), now(), Arc::default()).unwrap());
        let each = QUEUE / 2;
        thread::scope(|scope| {
            for thread in 0..4 {
                let audit = Arc::clone(&audit);
                scope.spawn(move || {
                    for number in 0..each {
                        let target = format!("{thread}-{number}");
                        record(
                            &audit,
                            now(),
                            &Request::new("svc", &target),
                            Reason::Permission,
                        );
                    }
                });
            }
        });
        drop(audit);
        let mut targets: Vec<String> = decisions(&file)
            .iter()
            .map(|line| line["target"].as_str().unwrap().to_owned())
            .collect();
        targets.sort_unstable();
        targets.dedup();
        assert_eq!(targets.len(), 4 * each);
    }

    #[test]
    fn a_file_moved_away_is_made_again() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("audit.jsonl");
        let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
        fs::rename(&file, folder.path().join("audit.jsonl.1")).unwrap();
        record(
            &audit,
            now(),
            &Request::new("svc", "alice"),
            Reason::Permission,
        );
        drop(audit);
        assert_eq!(decisions(&file).len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_made_is_an_error() {
        let error = Audit::open(
            &settings(FilePath::new("/dev/null/audit.jsonl")),
            now(),
            Arc::default(),
        )
        .err();
        assert!(error.is_some());
    }
}
