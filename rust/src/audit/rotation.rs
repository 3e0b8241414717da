//! Files that are full are set aside, and the oldest of those removed.
//!
//! A file is set aside by renaming it, to its own name followed by the time of its last line in UTC, in the form
//! of Trino's own log files: `impersonation-audit.jsonl-20261124.235912`. Of two that end in one second the
//! second gets `-1`. Only names of exactly this form are ever removed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

const SECONDS_A_DAY: i64 = 24 * 3600;

/// When a file is set aside, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The most bytes that a file may have; 0 is no limit.
    pub size: u64,
    /// Whether each day, in UTC, has a file of its own.
    pub daily: bool,
    /// How many files are kept besides the one that is written to; 0 is all.
    pub keep: usize,
}

impl Rotation {
    /// Whether lines of this time go into another file than the one that has so many bytes, the last of
    /// them written then.
    pub(super) fn is_due(
        &self,
        bytes: u64,
        last_line: Timestamp,
        more: usize,
        time: Timestamp,
    ) -> bool {
        let is_full = self.size > 0 && bytes + more as u64 > self.size;
        bytes > 0 && (is_full || self.is_other_day(last_line, time))
    }

    /// Whether a line of this time goes into a later file than this last line.
    pub(super) fn is_other_day(&self, last_line: Timestamp, time: Timestamp) -> bool {
        let day = |time: Timestamp| time.as_second().div_euclid(SECONDS_A_DAY);
        self.daily && day(last_line) < day(time)
    }

    /// Removes the oldest files beyond those that are kept, but never the one that was just set aside,
    /// which looks old where the clock was set back.
    pub(super) fn remove_old(&self, file: &Path, newest: Option<&Path>) -> io::Result<()> {
        if self.keep == 0 {
            return Ok(());
        }
        let file = fs::canonicalize(file)?;
        let aside = set_aside_before(&file)?;
        let too_many = aside.len().saturating_sub(self.keep);
        for old in &aside[..too_many] {
            let old = old.path(&file);
            if Some(old.as_path()) != newest {
                fs::remove_file(old)?;
            }
        }
        Ok(())
    }
}

/// Renames the file. Where it is a link, what it leads to.
pub(super) fn set_aside(file: &Path, last_line: Timestamp) -> io::Result<PathBuf> {
    let file = fs::canonicalize(file)?;
    let stamp = last_line.strftime("%Y%m%d.%H%M%S").to_string();
    let mut aside = Aside { stamp, index: 0 };
    for before in set_aside_before(&file)? {
        if before.stamp == aside.stamp {
            aside.index = before.index + 1;
        }
    }
    loop {
        let path = aside.path(&file);
        // Renaming replaces what is there, so the name is taken first, by a file that can be replaced.
        match File::create_new(&path) {
            Ok(_) => {
                return match fs::rename(&file, &path) {
                    Ok(()) => Ok(path),
                    Err(error) => {
                        fs::remove_file(&path)?;
                        Err(error)
                    }
                };
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => aside.index += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A file that was set aside; in the order of time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Aside {
    stamp: String,
    index: u32,
}

impl Aside {
    fn path(&self, file: &Path) -> PathBuf {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{}", self.stamp));
        if self.index > 0 {
            name.push(format!("-{}", self.index));
        }
        file.with_file_name(name)
    }

    /// What follows the file's own name and a hyphen.
    fn read(text: &str) -> Option<Self> {
        let (stamp, index) = text.split_once('-').unwrap_or((text, "0"));
        let (date, time) = stamp.split_once('.')?;
        let is_number = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let aside = Aside {
            stamp: stamp.to_owned(),
            index: index.parse().ok()?,
        };
        let is_ours = is_number(date, 8) && is_number(time, 6) && !aside.has_other_spelling(text);
        is_ours.then_some(aside)
    }

    fn has_other_spelling(&self, text: &str) -> bool {
        match self.index {
            0 => text != self.stamp,
            index => text != format!("{}-{index}", self.stamp),
        }
    }
}

fn set_aside_before(file: &Path) -> io::Result<Vec<Aside>> {
    let (Some(folder), Some(name)) = (
        file.parent(),
        file.file_name().and_then(|name| name.to_str()),
    ) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let rest = entry.file_name().to_str().and_then(|entry| {
            entry
                .strip_prefix(name)?
                .strip_prefix('-')
                .map(str::to_owned)
        });
        if let (true, Some(rest)) = (is_file, rest) {
            found.extend(Aside::read(&rest));
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_form_are_ours() {
        for ours in ["20261124.235912", "20261124.235912-1", "20261124.235912-12"] {
            assert!(Aside::read(ours).is_some(), "{ours}");
        }
        for other in [
            "20261124",
            "20261124.gz",
            "20261124.235912.gz",
            "20261124.23591",
            "20261124.235912-",
            "20261124.235912-0",
            "20261124.235912-01",
            "20261124.235912-+1",
            "20261124.235912-1-1",
            "2026112x.235912",
            "",
            "1",
        ] {
            assert_eq!(Aside::read(other), None, "{other}");
        }
    }

    #[test]
    fn the_order_is_that_of_time_not_of_names() {
        let mut aside: Vec<Aside> = ["20261124.235912-10", "20261124.235912-9", "20261124.235912"]
            .into_iter()
            .filter_map(Aside::read)
            .collect();
        aside.sort_unstable();
        let order: Vec<u32> = aside.iter().map(|aside| aside.index).collect();
        assert_eq!(order, [0, 9, 10]);
    }
}
