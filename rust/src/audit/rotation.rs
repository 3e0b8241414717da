//! Files that are full are set aside, and the oldest of those removed.
//!
//! A file is set aside by renaming it, to its own name followed by the time of its last line in UTC, in the form
//! of Trino's own log files: `impersonation-audit.jsonl-20261124.235912`. Of two that end in one second the
//! second gets `-1`. Only names of exactly this form are ever removed.
//!
//! A file that is young stays though there are too many, unless the file system has no room: whoever can cause lines
//! must not be able to push those of yesterday out.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const SECONDS_A_DAY: i64 = 24 * 3600;
/// A file system has room while more than one part in so many is free.
const FREE: u64 = 10;

/// When a file is set aside, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The most bytes that a file may have; 0 is no limit.
    pub size: u64,
    /// Whether each day, in UTC, has a file of its own.
    pub daily: bool,
    /// How many files are kept besides the one that is written to; 0 is all.
    pub keep: usize,
    /// How old a file is at least that is removed while there is room.
    pub min_age: Duration,
}

/// A file that was removed though it was young.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RemovedYoung {
    file: PathBuf,
    age: SignedDuration,
}

impl fmt::Display for RemovedYoung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "has lost {}, which ended only {} h ago, since less than a tenth of the file system was free; make room, or ship lines elsewhere",
            self.file.display(),
            self.age.as_hours()
        )
    }
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

    /// So is one of the future, after the clock was set back.
    fn is_young(&self, age: SignedDuration) -> bool {
        let min_age = SignedDuration::try_from(self.min_age).unwrap_or(SignedDuration::MAX);
        !min_age.is_zero() && age < min_age
    }

    /// Removes the oldest files beyond those that are kept, but never the one that was just set aside,
    /// which looks old where the clock was set back. Says which of them were young.
    pub(super) fn remove_old(
        &self,
        file: &Path,
        newest: Option<&Path>,
        now: Timestamp,
        has_room: impl Fn() -> bool,
    ) -> io::Result<Vec<RemovedYoung>> {
        let mut young = Vec::new();
        if self.keep == 0 {
            return Ok(young);
        }
        let file = fs::canonicalize(file)?;
        let aside = set_aside_before(&file)?;
        let too_many = aside.len().saturating_sub(self.keep);
        for old in &aside[..too_many] {
            let path = old.path(&file);
            if Some(path.as_path()) == newest {
                continue;
            }
            let age = now.duration_since(old.time());
            let is_young = self.is_young(age);
            if is_young && has_room() {
                // All others are younger.
                break;
            }
            fs::remove_file(&path)?;
            if is_young {
                young.push(RemovedYoung { file: path, age });
            }
        }
        Ok(young)
    }
}

/// Whether the file system of a file has room. Where that cannot be told, there is some: a line that finds none says so.
pub(super) fn has_room(file: &Path) -> bool {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    rustix::fs::statvfs(folder.unwrap_or(Path::new(".")))
        .map_or(true, |found| found.f_bavail > found.f_blocks / FREE)
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

    /// When it ended. One whose name says no time ended long ago.
    fn time(&self) -> Timestamp {
        DateTime::strptime("%Y%m%d.%H%M%S", &self.stamp)
            .and_then(|time| TimeZone::UTC.to_timestamp(time))
            .unwrap_or(Timestamp::MIN)
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

    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// Files of each day of a week until the 30th, of which so many are kept; what is left at noon of that day.
    fn left(
        keep: usize,
        min_age: Duration,
        has_room: impl Fn(usize) -> bool,
    ) -> (Vec<String>, usize) {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "").unwrap();
        for day in 24..=30 {
            fs::write(folder.path().join(format!("a-202611{day}.120000")), "").unwrap();
        }
        let rotation = Rotation {
            size: 0,
            daily: true,
            keep,
            min_age,
        };
        let files = || {
            let mut names: Vec<String> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name != "a")
                .collect();
            names.sort_unstable();
            names
        };
        let now = "2026-11-30T12:00:00Z".parse().unwrap();
        let young = rotation
            .remove_old(&file, None, now, || has_room(files().len()))
            .unwrap();
        (files(), young.len())
    }

    #[test]
    fn a_young_file_is_kept_though_there_are_too_many_while_there_is_room() {
        let days = |from: usize| -> Vec<String> {
            (from..=30)
                .map(|day| format!("a-202611{day}.120000"))
                .collect()
        };
        let room = |_| true;
        assert_eq!(
            left(2, Duration::ZERO, room),
            (days(29), 0),
            "no age counts"
        );
        assert_eq!(left(2, DAY * 3, room), (days(28), 0), "as old as that goes");
        assert_eq!(left(2, DAY * 7, room), (days(24), 0));
        assert_eq!(
            left(0, Duration::ZERO, |_| false),
            (days(24), 0),
            "all are kept"
        );
    }

    #[test]
    fn without_room_young_files_go_the_oldest_first_and_no_more_than_are_too_many() {
        let (files, young) = left(2, DAY * 7, |count| count < 6);
        assert_eq!(
            (files[0].as_str(), files.len(), young),
            ("a-20261126.120000", 5, 2)
        );
        let (files, young) = left(2, DAY * 7, |_| false);
        assert_eq!(
            (files[0].as_str(), files.len(), young),
            ("a-20261129.120000", 2, 5)
        );
        let (_, young) = left(2, DAY * 4, |_| false);
        assert_eq!(young, 2, "the old ones are not worth a word");
    }

    #[test]
    fn a_file_that_was_young_is_named_with_its_age() {
        let removed = RemovedYoung {
            file: "a-20261130.120000".into(),
            age: SignedDuration::from_mins(150),
        };
        let text = removed.to_string();
        assert!(
            text.contains("a-20261130.120000") && text.contains("only 2 h ago"),
            "{text}"
        );
    }

    #[test]
    fn room_is_told_of_the_file_system_and_not_of_the_file() {
        assert!(has_room(Path::new("/dev/shm/none")) || has_room(Path::new("/none")));
        assert!(has_room(Path::new("/no/folder/none")), "nobody can tell");
        assert!(
            !has_room(Path::new("/proc/none")),
            "which has no blocks at all"
        );
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
