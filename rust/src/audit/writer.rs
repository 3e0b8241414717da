//! The thread that writes lines to the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::batch::Batch;
use super::line::Line;
use super::queue::Queue;
use super::{Health, Rotation, Settings, rotation};
use crate::log::{Level, Log};

/// Lines that are written with one call to the system.
const AT_ONCE: usize = 256;
/// How long the writer waits before it tries a failing file again.
const RETRY: Duration = Duration::from_secs(1);
/// How long a file that cannot be set aside goes on to be used.
const RETRY_ROTATION: SignedDuration = SignedDuration::from_mins(10);

fn open(path: &Path) -> io::Result<File> {
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

pub(super) struct Writer {
    file: File,
    path: PathBuf,
    rotation: Rotation,
    /// When the last line was added to the file; the epoch if it has none.
    last_line: Timestamp,
    /// Whether the file may end within a line that somebody else left.
    just_opened: bool,
    /// Before this time no attempt is made to set the file aside.
    rotates_from: Timestamp,
    /// Whole lines, of which the first `written` bytes are in the file already.
    pending: Vec<u8>,
    written: usize,
    /// How long the file was after these.
    written_to: u64,
    /// The newest of the lines.
    time: Timestamp,
    queue: Arc<Queue>,
    health: Arc<Health>,
    log: Arc<Log>,
}

impl Writer {
    pub(super) fn open(
        settings: &Settings,
        queue: Arc<Queue>,
        health: Arc<Health>,
        log: Arc<Log>,
    ) -> io::Result<Self> {
        let file = open(&settings.file)?;
        Ok(Writer {
            last_line: last_written(&file),
            file,
            path: settings.file.clone(),
            rotation: settings.rotation,
            just_opened: true,
            rotates_from: Timestamp::UNIX_EPOCH,
            pending: Vec::new(),
            written: 0,
            written_to: 0,
            time: Timestamp::UNIX_EPOCH,
            queue,
            health,
            log,
        })
    }

    pub(super) fn run(mut self) {
        let mut batch = Batch::default();
        self.retry();
        while self.queue.take(&mut batch) {
            let mut lines = batch.lines().peekable();
            while lines.peek().is_some() {
                let mut count = 0;
                for (time, line) in lines.by_ref().take(AT_ONCE) {
                    self.add(time, &line);
                    count += 1;
                }
                self.flush();
                self.retry();
                self.queue.written(count);
            }
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

    /// Writes what is pending again and again until that works, or until the engine stops.
    fn retry(&mut self) {
        while self.health.failing.load(Ordering::Acquire) {
            let stopping = self.queue.is_closed_within(RETRY);
            self.flush();
            if stopping {
                break;
            }
        }
    }

    pub(super) fn add(&mut self, time: Timestamp, line: &Line<'_>) {
        // Each day's lines go into that day's file.
        if !self.pending.is_empty() && self.rotation.is_other_day(self.time, time) {
            self.flush();
        }
        self.time = self.time.max(time);
        match line.json() {
            Ok(json) => {
                self.pending.extend_from_slice(json.as_bytes());
                self.pending.push(b'\n');
            }
            Err(error) => self.log.push(Level::Error, format!("audit line: {error}")),
        }
    }

    /// Writes what is pending. A failure leaves the rest for the next time, to the byte.
    pub(super) fn flush(&mut self) {
        match self.write_pending() {
            Ok(()) => {
                self.pending.clear();
                self.written = 0;
                if self.health.failing.swap(false, Ordering::AcqRel) {
                    let lost = self.health.lost.swap(0, Ordering::Relaxed);
                    self.log.push(
                        Level::Warning,
                        format!(
                            "audit file {} can be written again; {lost} decisions and queries in between left no line",
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
            self.reopen()?;
        }
        if self.just_opened {
            self.begin_line_anew();
            self.just_opened = false;
        }
        let found = self.file.metadata()?;
        let more = self.pending.len() - self.written;
        if found.is_file()
            && self.is_between_lines()
            && self.time >= self.rotates_from
            && self
                .rotation
                .is_due(found.len(), self.last_line, more, self.time)
        {
            self.rotate()?;
        }
        let written = self.write_rest();
        self.written_to = self.file.metadata().map_or(0, |found| found.len());
        written
    }

    fn write_rest(&mut self) -> io::Result<()> {
        while self.written < self.pending.len() {
            match self.file.write(&self.pending[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    self.written += bytes;
                    self.last_line = self.time;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn was_moved(&self) -> bool {
        place(fs::metadata(&self.path)) != place(self.file.metadata())
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = open(&self.path)?;
        let is_same = place(file.metadata()) == place(self.file.metadata())
            && file.metadata()?.len() == self.written_to;
        if !is_same {
            // The rest of a line is of no use in another file, or behind what others wrote.
            let is_end = |byte: &u8| *byte == b'\n';
            let written = &self.pending[..self.written];
            self.written = written.iter().rposition(is_end).map_or(0, |end| end + 1);
        }
        self.last_line = last_written(&file);
        self.file = file;
        self.just_opened = true;
        Ok(())
    }

    fn is_between_lines(&self) -> bool {
        self.written == 0 || self.pending[self.written - 1] == b'\n'
    }

    /// Ends the line that a crash or a full disk has cut off, so that ours is not taken for its rest.
    fn begin_line_anew(&mut self) {
        let has_end = self.pending.get(self.written) == Some(&b'\n');
        if self.is_between_lines() && !has_end && ends_within_a_line(&self.path) {
            self.pending.insert(self.written, b'\n');
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        match rotation::set_aside(&self.path, self.last_line) {
            Ok(aside) => {
                self.file = open(&self.path)?;
                self.remove_old_files(Some(&aside));
            }
            Err(error) => {
                self.rotates_from = self
                    .time
                    .saturating_add(RETRY_ROTATION)
                    .unwrap_or(self.time);
                self.log.push(
                    Level::Warning,
                    format!(
                        "audit file {} cannot be renamed and becomes larger than it should: {error}",
                        self.path.display()
                    ),
                );
            }
        }
        Ok(())
    }

    pub(super) fn remove_old_files(&self, newest: Option<&Path>) {
        if let Err(error) = self.rotation.remove_old(&self.path, newest) {
            self.log.push(
                Level::Warning,
                format!(
                    "audit file {}: the oldest files cannot be removed: {error}",
                    self.path.display()
                ),
            );
        }
    }
}

/// However the thread ends, nobody goes on waiting for it.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

fn place(metadata: io::Result<fs::Metadata>) -> Option<(u64, u64)> {
    metadata.map(|found| (found.dev(), found.ino())).ok()
}

/// Nothing better is known of a file from before.
fn last_written(file: &File) -> Timestamp {
    file.metadata()
        .and_then(|found| found.modified())
        .ok()
        .and_then(|time| Timestamp::try_from(time).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Of a file that cannot be read, nobody can tell.
fn ends_within_a_line(path: &Path) -> bool {
    let last_byte = || -> io::Result<u8> {
        let mut file = File::open(path)?;
        let mut byte = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    is_file && last_byte().is_ok_and(|byte| byte != b'\n')
}

#[cfg(test)]
mod tests {
    use super::super::OnFailure;
    use super::*;
    use tempfile::TempDir;

    const LINES: &[u8] = b"one\ntwo\nthree\n";

    /// After a disk was full in the middle of the second line.
    fn interrupted(folder: &TempDir) -> Writer {
        let settings = Settings {
            file: folder.path().join("a.jsonl"),
            on_failure: OnFailure::Deny,
            query_text: false,
            rotation: Rotation {
                size: 1,
                daily: true,
                keep: 0,
            },
        };
        let health = Arc::new(Health::default());
        let mut writer =
            Writer::open(&settings, Arc::new(Queue::new()), health, Arc::default()).unwrap();
        writer.pending = LINES.to_vec();
        writer.written = 6;
        writer.written_to = 6;
        fs::write(&settings.file, &LINES[..6]).unwrap();
        writer.health.failing.store(true, Ordering::Release);
        writer
    }

    #[test]
    fn a_line_cut_off_by_a_full_disk_is_completed() {
        let folder = TempDir::new().unwrap();
        let mut writer = interrupted(&folder);
        writer.flush();
        assert_eq!(fs::read(&writer.path).unwrap(), LINES);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_line_cut_off_begins_anew_in_a_file_that_was_emptied_or_replaced() {
        let folder = TempDir::new().unwrap();
        let mut writer = interrupted(&folder);
        fs::write(&writer.path, "").unwrap();
        writer.flush();
        assert_eq!(fs::read(&writer.path).unwrap(), &LINES[4..]);

        let folder = TempDir::new().unwrap();
        let mut writer = interrupted(&folder);
        fs::rename(&writer.path, folder.path().join("moved")).unwrap();
        writer.flush();
        assert_eq!(fs::read(&writer.path).unwrap(), &LINES[4..]);
    }

    #[test]
    fn nobody_waits_for_a_writer_that_is_gone() {
        let folder = TempDir::new().unwrap();
        let writer = interrupted(&folder);
        let queue = Arc::clone(&writer.queue);
        assert!(queue.put(|| true, |_| {}));
        drop(writer);
        assert!(!queue.put(|| true, |_| {}));
    }

    #[test]
    fn a_line_cut_off_begins_anew_behind_what_others_wrote() {
        let folder = TempDir::new().unwrap();
        let mut writer = interrupted(&folder);
        writer.rotation.size = 0;
        writer.rotation.daily = false;
        fs::write(&writer.path, "one\ntwsomething").unwrap();
        writer.flush();
        assert_eq!(
            fs::read_to_string(&writer.path).unwrap(),
            "one\ntwsomething\ntwo\nthree\n"
        );
    }
}
