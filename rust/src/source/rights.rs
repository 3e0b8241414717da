//! Who else could have written a file that decides, or read one that is secret.
//!
//! The rules for a secret are those that [PostgreSQL] has for a server's key: operators know them, and a Kubernetes secret with an
//! `fsGroup` meets them. Links are followed, since that is how Kubernetes mounts files; what counts is what they lead to.
//!
//! [PostgreSQL]: https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-SETUP

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

const ROOT: u32 = 0;
const WRITABLE_BY_EVERYBODY: u32 = 0o002;
const STICKY: u32 = 0o1000;
/// What nobody but the owner may do with a secret, and with a secret of root's, which the server can read only as a member of its group.
const NOT_WITH_A_SECRET: u32 = 0o077;
const NOT_WITH_A_SECRET_OF_ROOT: u32 = 0o037;

/// What others may do with a file. Nobody else may write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// It decides. Everybody may read it.
    Public,
    /// It is what is looked at when something has happened. Everybody may read it.
    Record,
    /// Nobody may read it but the server, and root.
    Secret,
}

impl Secrecy {
    /// What somebody else could do who can write it.
    fn harm(self) -> &'static str {
        match self {
            Secrecy::Record => "forge the record or empty it",
            Secrecy::Public | Secrecy::Secret => "give themselves permissions",
        }
    }
}

/// What is judged: the file that was opened, whatever its path leads to by now.
struct File {
    owner: u32,
    mode: u32,
    /// The user whom the server runs as.
    server: u32,
    /// A folder on the way to it in which everybody can put files.
    open_folder: Option<PathBuf>,
}

/// Says why an open file must not be used, and what to do. A device, which a record may be, is everybody's by its nature.
///
/// # Errors
///
/// The sentence, which continues one that begins with the file's path.
pub fn check(path: &Path, opened: &Metadata, secrecy: Secrecy) -> Result<(), String> {
    if secrecy == Secrecy::Record && opened.file_type().is_char_device() {
        return Ok(());
    }
    let file = File {
        owner: opened.uid(),
        mode: opened.mode() & 0o7777,
        server: server(),
        open_folder: folders(path)
            .into_iter()
            .find(|folder| folder.mode & WRITABLE_BY_EVERYBODY != 0)
            .map(|folder| folder.path),
    };
    match secrecy {
        Secrecy::Public | Secrecy::Record => file.check_writers(secrecy.harm()),
        Secrecy::Secret => file.check_secret(),
    }
}

impl File {
    fn is_strange(&self) -> bool {
        self.owner != ROOT && self.owner != self.server
    }

    fn check_writers(&self, harm: &str) -> Result<(), String> {
        let File {
            owner,
            mode,
            server,
            ..
        } = self;
        if mode & WRITABLE_BY_EVERYBODY != 0 {
            return Err(format!(
                "can be written by everybody (mode {mode:04o}), who could {harm}; look for changes, then take that away by chmod o-w"
            ));
        }
        match &self.open_folder {
            Some(folder) if self.is_strange() => Err(format!(
                "belongs to user {owner}, and everybody can put files into {}; look for changes, then give it to root or to the server's user {server} by chown, or move it",
                folder.display()
            )),
            _ => Ok(()),
        }
    }

    fn check_secret(&self) -> Result<(), String> {
        let File {
            owner,
            mode,
            server,
            ..
        } = self;
        if self.is_strange() {
            return Err(format!(
                "belongs to user {owner}, who can read it; give it to the server's user {server} or to root by chown"
            ));
        }
        let (forbidden, who, allowed) = if *owner == ROOT {
            (
                NOT_WITH_A_SECRET_OF_ROOT,
                "root and, for reading, its group",
                "chmod 640 (in Kubernetes: defaultMode: 0440, with an fsGroup)",
            )
        } else {
            (NOT_WITH_A_SECRET, "the server's user", "chmod 600")
        };
        if mode & forbidden != 0 {
            return Err(format!(
                "is open to others than {who} (mode {mode:04o}), so that it is no secret; do {allowed}, and have a new key made if somebody could get at it"
            ));
        }
        Ok(())
    }
}

/// What works, but may not be meant: others can change the file, or put another in its place.
pub fn warnings(path: &Path, secrecy: Secrecy) -> Vec<String> {
    let server = server();
    let mut warnings: Vec<String> = folders(path)
        .into_iter()
        .filter(|folder| folder.mode & (WRITABLE_BY_EVERYBODY | STICKY) == WRITABLE_BY_EVERYBODY)
        .map(|folder| {
            format!(
                "everybody can put another file in the place of {}, since everybody can write the folder {} (mode {:04o}); take that away by chmod o-w",
                path.display(),
                folder.path.display(),
                folder.mode
            )
        })
        .collect();
    // A secret of somebody else is refused.
    let owner = fs::metadata(path).map(|file| file.uid());
    if secrecy != Secrecy::Secret
        && let Ok(owner) = owner
        && owner != ROOT
        && owner != server
    {
        warnings.push(format!(
            "{} belongs to user {owner}, who can {} by changing it; give it to root or to the server's user {server}",
            path.display(),
            secrecy.harm()
        ));
    }
    warnings
}

struct Folder {
    path: PathBuf,
    mode: u32,
}

/// The folder of a path, and of the file that it leads to, where it can be written at all: Kubernetes mounts its volumes read-only and
/// gives everybody the right to write them.
fn folders(path: &Path) -> Vec<Folder> {
    let of = |file: io::Result<PathBuf>| {
        let path = file.ok()?.parent()?.to_owned();
        let mode = fs::metadata(&path).ok()?.mode() & 0o7777;
        Some(Folder { path, mode })
    };
    let own = of(std::path::absolute(path));
    let target = of(fs::canonicalize(path)).filter(|target| {
        own.as_ref()
            .is_none_or(|own| !same(&own.path, &target.path))
    });
    let mut folders: Vec<Folder> = own.into_iter().chain(target).collect();
    folders.retain(|folder| {
        let mount = rustix::fs::statvfs(&folder.path);
        !mount.is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
    });
    folders
}

fn same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| one == other)
}

fn server() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use tempfile::TempDir;

    const SERVER: u32 = 1000;
    const STRANGER: u32 = 1001;
    const HARM: &str = "do harm";

    fn file(owner: u32, mode: u32) -> File {
        File {
            owner,
            mode,
            server: SERVER,
            open_folder: None,
        }
    }

    /// A folder and a file in it, with these modes.
    fn made(folder_mode: u32, mode: u32) -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        set(&path, mode);
        set(folder.path(), folder_mode);
        (folder, path)
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn checked(path: &Path, secrecy: Secrecy) -> Result<(), String> {
        check(
            path,
            &fs::File::open(path).unwrap().metadata().unwrap(),
            secrecy,
        )
    }

    #[test]
    fn what_everybody_can_write_is_refused_whoever_owns_it() {
        for owner in [ROOT, SERVER, STRANGER] {
            for mode in [0o666, 0o646, 0o602, 0o777] {
                let problem = file(owner, mode).check_writers(HARM).unwrap_err();
                assert!(problem.contains("chmod o-w"), "{problem}");
                assert!(problem.contains(&format!("{mode:04o}")), "{problem}");
            }
            for mode in [0o400, 0o600, 0o640, 0o644, 0o664, 0o775] {
                assert_eq!(file(owner, mode).check_writers(HARM), Ok(()), "{mode:o}");
            }
        }
    }

    #[test]
    fn a_record_that_everybody_can_write_is_refused_unless_it_is_a_device() {
        let (_folder, path) = made(0o755, 0o666);
        let problem = checked(&path, Secrecy::Record).unwrap_err();
        assert!(problem.contains("forge the record"), "{problem}");
        set(&path, 0o640);
        assert_eq!(checked(&path, Secrecy::Record), Ok(()));
        assert_eq!(checked(Path::new("/dev/null"), Secrecy::Record), Ok(()));
        assert!(checked(Path::new("/dev/null"), Secrecy::Public).is_err());
    }

    #[test]
    fn a_strangers_file_where_everybody_can_put_files_is_refused() {
        let in_open_folder = |owner| File {
            open_folder: Some(PathBuf::from("/tmp")),
            ..file(owner, 0o644)
        };
        let problem = in_open_folder(STRANGER).check_writers(HARM).unwrap_err();
        assert!(problem.contains("user 1001"), "{problem}");
        assert!(problem.contains("/tmp"), "{problem}");
        for owner in [ROOT, SERVER] {
            assert_eq!(in_open_folder(owner).check_writers(HARM), Ok(()));
        }
    }

    #[test]
    fn a_secret_is_refused_unless_the_server_alone_can_read_it() {
        for mode in [0o644, 0o640, 0o620, 0o604, 0o601, 0o660, 0o666, 0o777] {
            let problem = file(SERVER, mode).check_secret().unwrap_err();
            assert!(problem.contains("chmod 600"), "{problem}");
        }
        for mode in [0o400, 0o600, 0o700] {
            assert_eq!(file(SERVER, mode).check_secret(), Ok(()), "{mode:o}");
        }
    }

    #[test]
    fn a_secret_of_roots_may_be_read_by_its_group_as_kubernetes_mounts_it() {
        for mode in [0o400, 0o600, 0o440, 0o640] {
            assert_eq!(file(ROOT, mode).check_secret(), Ok(()), "{mode:o}");
        }
        for mode in [0o644, 0o660, 0o650, 0o444, 0o641] {
            let problem = file(ROOT, mode).check_secret().unwrap_err();
            assert!(problem.contains("chmod 640"), "{problem}");
            assert!(problem.contains("defaultMode: 0440"), "{problem}");
        }
    }

    #[test]
    fn a_secret_of_a_stranger_is_refused() {
        for mode in [0o400, 0o600, 0o640] {
            let problem = file(STRANGER, mode).check_secret().unwrap_err();
            assert!(problem.contains("user 1001"), "{problem}");
        }
    }

    #[test]
    fn a_link_is_judged_by_what_it_leads_to() {
        let (folder, path) = made(0o755, 0o666);
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(checked(&link, Secrecy::Public).is_err());
        assert!(checked(&link, Secrecy::Secret).is_err());
        set(&path, 0o600);
        assert_eq!(checked(&link, Secrecy::Public), Ok(()));
        assert_eq!(checked(&link, Secrecy::Secret), Ok(()));
    }

    #[test]
    fn a_file_that_was_opened_is_judged_and_not_what_took_its_place() {
        let (folder, path) = made(0o755, 0o666);
        let opened = fs::File::open(&path).unwrap().metadata().unwrap();
        let other = folder.path().join("other");
        fs::write(&other, "text").unwrap();
        set(&other, 0o600);
        fs::rename(&other, &path).unwrap();
        assert!(check(&path, &opened, Secrecy::Public).is_err());
    }

    #[test]
    fn a_folder_that_everybody_can_write_is_warned_of() {
        for (mode, warned) in [(0o755, 0), (0o775, 0), (0o1777, 0), (0o777, 1)] {
            let (folder, path) = made(mode, 0o600);
            for secrecy in [Secrecy::Public, Secrecy::Record, Secrecy::Secret] {
                let found = warnings(&path, secrecy);
                assert_eq!(found.len(), warned, "{mode:o}: {found:?}");
                let name = folder.path().display().to_string();
                assert!(found.iter().all(|text| text.contains(&name)), "{found:?}");
            }
        }
    }

    #[test]
    fn both_the_folder_of_a_link_and_that_of_its_target_are_looked_at() {
        let (folder, path) = made(0o755, 0o600);
        let (other, target) = made(0o755, 0o600);
        fs::remove_file(&path).unwrap();
        symlink(&target, &path).unwrap();
        assert_eq!(warnings(&path, Secrecy::Public), Vec::<String>::new());
        set(other.path(), 0o777);
        assert_eq!(warnings(&path, Secrecy::Public).len(), 1);
        set(folder.path(), 0o777);
        assert_eq!(warnings(&path, Secrecy::Public).len(), 2);
    }

    #[test]
    fn a_folder_on_a_read_only_mount_is_not_one_that_everybody_can_write() {
        // There is one on every Linux, or nothing to look at.
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let read_only = mounts.lines().filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            words[3]
                .split(',')
                .any(|word| word == "ro")
                .then_some(words[1])
        });
        for folder in read_only.filter(|folder| Path::new(folder).is_dir()) {
            assert!(
                folders(&Path::new(folder).join("file")).is_empty(),
                "{folder}"
            );
        }
    }
}
