//! The thread that writes lines to the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::batch::Batch;
use super::health::Health;
use super::line::Line;
use super::queue::Queue;
use super::repeated::{self, Refusals};
use super::{OpenError, Rotation, Settings, rotation};
use crate::clock::Clock;
use crate::log::Level;
use crate::source::rights::{self, Secrecy};

/// Lines that are written with one call to the system.
const AT_ONCE: usize = 256;
/// How long the writer waits before it tries a failing file again.
const RETRY: Duration = Duration::from_secs(1);
/// How long a file that cannot be set aside goes on to be used.
const RETRY_ROTATION: SignedDuration = SignedDuration::from_mins(10);

fn open(path: &Path) -> Result<File, OpenError> {
    let unwritable = |error| OpenError::Unwritable {
        path: path.to_owned(),
        error,
    };
    let file = open_or_make(path).map_err(unwritable)?;
    // Of what was opened: the path may lead to another file by now.
    let opened = file.metadata().map_err(unwritable)?;
    rights::check(path, &opened, Secrecy::Record).map_err(|problem| OpenError::Exposed {
        path: path.to_owned(),
        problem,
    })?;
    Ok(file)
}

fn open_or_make(path: &Path) -> io::Result<File> {
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
    refusals: Arc<Refusals>,
    clock: Arc<dyn Clock>,
    /// Whether the file's file system has room, so that no file need go that is young.
    has_room: fn(&Path) -> bool,
    /// When refusals that are counted were last looked at.
    looked: Duration,
}

impl Writer {
    pub(super) fn open(
        settings: &Settings,
        queue: Arc<Queue>,
        health: Arc<Health>,
        refusals: Arc<Refusals>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
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
            refusals,
            looked: clock.elapsed(),
            clock,
            has_room: rotation::has_room,
        })
    }

    /// Does what has to be done once, and shows that lines can be written.
    pub(super) fn start(&mut self) {
        self.health.begins();
        for warning in rights::warnings(&self.path, Secrecy::Record) {
            self.health.log.push(Level::Warning, warning);
        }
        self.remove_old_files(None);
        let now = self.clock.now();
        self.add(now, &Line::start(now));
        self.flush();
        self.health.done();
    }

    pub(super) fn run(mut self) {
        let mut batch = Batch::default();
        self.retry();
        while self.queue.take(&mut batch, self.refusals.longest_sleep()) {
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
            self.add_counted();
            self.health.done();
        }
        self.add_last_counted();
        let left = self.pending[self.written..].iter();
        let left = left.filter(|byte| **byte == b'\n').count();
        if left > 0 {
            let what =
                format!("was closed while lines were waiting that could not be written: {left}");
            self.health.say(Level::Error, &what);
        }
    }

    /// Writes how often somebody was refused without a line for each time.
    fn add_counted(&mut self) {
        let now = self.clock.elapsed();
        if now.saturating_sub(self.looked) < repeated::LOOK {
            return;
        }
        self.looked = now;
        let ended = self.refusals.take_ended();
        if !ended.is_empty() {
            let now = self.clock.now();
            for repeated in ended {
                self.add(now, &repeated.line(now));
            }
            self.flush();
            self.retry();
        }
    }

    fn add_last_counted(&mut self) {
        let now = self.clock.now();
        for repeated in self.refusals.close() {
            self.add(now, &repeated.line(now));
        }
        self.flush();
    }

    /// Writes what is pending again and again until that works, or until the engine stops.
    fn retry(&mut self) {
        while self.health.has_failed() {
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
            Err(error) => self.health.say(
                Level::Error,
                &format!("lacks a line that could not be made: {error}"),
            ),
        }
    }

    /// Writes what is pending. A failure leaves the rest for the next time, to the byte.
    pub(super) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.health.begins();
        match self.write_pending() {
            Ok(()) => {
                self.pending.clear();
                self.written = 0;
                self.health.succeeded();
            }
            Err(error) => {
                // Its own old files may be what fills it.
                if error.kind() == io::ErrorKind::StorageFull {
                    self.remove_old_files(None);
                }
                self.health.failed(&error, RETRY);
            }
        }
    }

    fn write_pending(&mut self) -> io::Result<()> {
        // Somebody may have moved the file away, as logrotate does.
        if self.was_moved() || self.health.has_failed() {
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
        let file = open(&self.path).map_err(io::Error::other)?;
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
                self.file = open(&self.path).map_err(io::Error::other)?;
                self.remove_old_files(Some(&aside));
            }
            Err(error) => {
                self.rotates_from = self
                    .time
                    .saturating_add(RETRY_ROTATION)
                    .unwrap_or(self.time);
                let what = format!("cannot be renamed and becomes larger than it should: {error}");
                self.health.say(Level::Warning, &what);
            }
        }
        Ok(())
    }

    fn remove_old_files(&self, newest: Option<&Path>) {
        let has_room = || (self.has_room)(&self.path);
        let removed = self
            .rotation
            .remove_old(&self.path, newest, self.clock.now(), has_room);
        match removed {
            Ok(young) => {
                for aside in young {
                    self.health.say(Level::Error, &aside.to_string());
                }
            }
            Err(error) => self.health.say(
                Level::Warning,
                &format!("keeps too many files: the oldest files cannot be removed: {error}"),
            ),
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
    use super::super::{OnFailure, Patience};
    use super::*;
    use crate::clock::testing::ManualClock;
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
                min_age: Duration::ZERO,
            },
            patience: Patience::default(),
        };
        let clock = Arc::new(ManualClock::at("2026-11-24T05:40:00Z"));
        let health = Health::new(
            settings.file.clone(),
            settings.patience.writing,
            clock.clone(),
            Arc::default(),
        );
        let mut writer = Writer::open(
            &settings,
            Arc::new(Queue::new()),
            Arc::new(health),
            Arc::new(Refusals::new(0, true, clock.clone())),
            clock,
        )
        .unwrap();
        writer.pending = LINES.to_vec();
        writer.written = 6;
        writer.written_to = 6;
        fs::write(&settings.file, &LINES[..6]).unwrap();
        let full = io::Error::from(io::ErrorKind::StorageFull);
        writer.health.failed(&full, RETRY);
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
