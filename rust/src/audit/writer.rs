//! The thread that writes lines to the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::line::{Line, Record};
use super::{Health, Settings};
use crate::log::{Level, Log};

/// Lines that are written with one call to the system.
const BATCH: usize = 256;
/// How long the writer waits before it tries a failing file again.
const RETRY: Duration = Duration::from_secs(1);

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
    /// Whole lines, of which the first `written` bytes are in the file already.
    pending: Vec<u8>,
    written: usize,
    records: Receiver<Record>,
    stopped: Receiver<()>,
    health: Arc<Health>,
    log: Arc<Log>,
}

impl Writer {
    pub(super) fn open(
        settings: &Settings,
        records: Receiver<Record>,
        stopped: Receiver<()>,
        health: Arc<Health>,
        log: Arc<Log>,
    ) -> io::Result<Self> {
        Ok(Writer {
            file: open(&settings.file)?,
            path: settings.file.clone(),
            pending: Vec::new(),
            written: 0,
            records,
            stopped,
            health,
            log,
        })
    }

    pub(super) fn run(mut self) {
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
            self.add(&record.line());
            for _ in 1..BATCH {
                let Ok(record) = self.records.try_recv() else {
                    break;
                };
                self.add(&record.line());
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

    pub(super) fn add(&mut self, line: &Line<'_>) {
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
