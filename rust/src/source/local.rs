//! The local files: the policy file, the group file and the user mapping.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::config::{GROUP_FILE, POLICY_FILE, Problem, USER_MAPPING_FILE};
use crate::log::Log;
use crate::name::Folding;
use crate::policy::Policy;
use crate::source::group_file::GroupFile;
use crate::source::rights::{self, Secrecy};
use crate::source::watched::{self, Current, Parser, Watch, WatchedFile};
use crate::user_mapping::UserMapping;

/// Which files there are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The policy file, required unless users are looked up elsewhere.
    pub policy: Option<Watch>,
    /// Whether the policy file lists users, or scopes alone.
    pub lists_users: bool,
    /// The group file.
    pub groups: Option<Watch>,
    /// The user mapping.
    pub mapping: Option<Watch>,
    /// How user names are compared.
    pub folding: Folding,
}

impl Files {
    /// Reads the files once and says what is wrong with them.
    pub fn check(&self) -> Vec<Problem> {
        let problems = [
            self.policy_kind().check(self.policy.as_ref(), self.folding),
            GROUPS.check(self.groups.as_ref(), self.folding),
            MAPPING.check(self.mapping.as_ref(), self.folding),
        ];
        problems.into_iter().flatten().collect()
    }

    /// What works, but may not be meant: others can change the files.
    pub fn warnings(&self) -> Vec<String> {
        [&self.policy, &self.groups, &self.mapping]
            .into_iter()
            .flatten()
            .flat_map(|watch| rights::warnings(&watch.path, Secrecy::Public))
            .collect()
    }

    /// Whether rules go by groups, and nothing says which groups a user has. False for files with mistakes.
    pub fn miss_groups(&self, admins_by_group: bool) -> bool {
        let has_group_file = self.groups.is_some();
        let Some(watch) = &self.policy else {
            return misses_groups(None, has_group_file, admins_by_group);
        };
        let parser = self.policy_kind().parser(self.folding);
        watched::read(&watch.path, Secrecy::Public, &parser)
            .is_ok_and(|policy| misses_groups(Some(&policy), has_group_file, admins_by_group))
    }

    fn policy_kind(&self) -> Kind<Policy> {
        Kind {
            property: POLICY_FILE,
            name: "policy file",
            parse: if self.lists_users {
                |bytes, folding| Policy::parse(bytes, folding).map_err(|error| error.to_string())
            } else {
                |bytes, folding| {
                    Policy::parse_scopes(bytes, folding).map_err(|error| error.to_string())
                }
            },
        }
    }
}

/// Whether rules go by groups, and neither this policy nor a group file says which groups a user has.
pub(super) fn misses_groups(
    policy: Option<&Policy>,
    has_group_file: bool,
    admins_by_group: bool,
) -> bool {
    let by_group = admins_by_group || policy.is_some_and(|policy| policy.scopes.are_by_group());
    by_group && !has_group_file && !policy.is_some_and(Policy::has_groups)
}

const GROUPS: Kind<GroupFile> = Kind {
    property: GROUP_FILE,
    name: "group file",
    parse: GroupFile::parse,
};

const MAPPING: Kind<UserMapping> = Kind {
    property: USER_MAPPING_FILE,
    name: "user mapping file",
    parse: |bytes, folding| UserMapping::parse(bytes, folding).map_err(|error| error.to_string()),
};

/// What a file holds, which property names it, and how it is read.
struct Kind<T> {
    property: &'static str,
    name: &'static str,
    parse: fn(&[u8], Folding) -> Result<T, String>,
}

impl<T: Display + Send + Sync + 'static> Kind<T> {
    fn parser(&self, folding: Folding) -> Parser<T> {
        let parse = self.parse;
        Box::new(move |bytes| parse(bytes, folding))
    }

    fn check(&self, watch: Option<&Watch>, folding: Folding) -> Option<Problem> {
        let error = watched::read(&watch?.path, Secrecy::Public, &self.parser(folding)).err()?;
        Some(Problem::new(self.property, error.to_string()))
    }

    fn open(
        &self,
        watch: Option<&Watch>,
        folding: Folding,
        clock: &Arc<dyn Clock>,
        log: &Arc<Log>,
    ) -> Result<Option<WatchedFile<T>>, Problem> {
        watch
            .map(|watch| {
                let (clock, log) = (Arc::clone(clock), Arc::clone(log));
                WatchedFile::open(self.name, watch.clone(), self.parser(folding), clock, log)
            })
            .transpose()
            .map_err(|error| Problem::new(self.property, error.to_string()))
    }
}

/// The files, watched until this is dropped.
pub struct LocalFiles {
    policy: Option<WatchedFile<Policy>>,
    groups: Option<WatchedFile<GroupFile>>,
    mapping: Option<WatchedFile<UserMapping>>,
}

impl LocalFiles {
    /// Reads the files and starts to watch them.
    ///
    /// # Errors
    ///
    /// Every file that cannot be used.
    pub fn open(
        files: &Files,
        clock: &Arc<dyn Clock>,
        log: &Arc<Log>,
    ) -> Result<Self, Vec<Problem>> {
        let folding = files.folding;
        let policy = files
            .policy_kind()
            .open(files.policy.as_ref(), folding, clock, log);
        let groups = GROUPS.open(files.groups.as_ref(), folding, clock, log);
        let mapping = MAPPING.open(files.mapping.as_ref(), folding, clock, log);
        match (policy, groups, mapping) {
            (Ok(policy), Ok(groups), Ok(mapping)) => Ok(LocalFiles {
                policy,
                groups,
                mapping,
            }),
            (policy, groups, mapping) => Err([policy.err(), groups.err(), mapping.err()]
                .into_iter()
                .flatten()
                .collect()),
        }
    }

    /// What the files say now, which is a time of the clock.
    pub fn snapshot(&self, now: Duration) -> Snapshot {
        let policy = self.policy.as_ref().map(|file| file.current(now));
        let groups = self.groups.as_ref().map(|file| file.current(now));
        let mapping = self.mapping.as_ref().map(|file| file.current(now));
        Snapshot {
            trusted: trusted(policy.as_ref())
                && trusted(groups.as_ref())
                && trusted(mapping.as_ref()),
            policy,
            groups,
            mapping,
        }
    }

    /// Has changes looked for at once, and waits for that, but not beyond this time. Names the files that were not
    /// looked at by then.
    pub fn reload_if_changed(&self, until: Instant) -> Vec<&Path> {
        let files = [
            reload(self.policy.as_ref(), until),
            reload(self.groups.as_ref(), until),
            reload(self.mapping.as_ref(), until),
        ];
        files.into_iter().flatten().collect()
    }
}

fn trusted<T>(file: Option<&Current<T>>) -> bool {
    file.is_none_or(|current| current.trusted)
}

fn reload<T: Display + Send + Sync + 'static>(
    file: Option<&WatchedFile<T>>,
    until: Instant,
) -> Option<&Path> {
    let file = file?;
    (!file.reload_if_changed(until)).then(|| file.path())
}

/// What the files say at one moment. A file that is not configured is absent.
pub struct Snapshot {
    /// Whether every file may still be trusted: none has been broken for too long.
    pub trusted: bool,
    policy: Option<Current<Policy>>,
    groups: Option<Current<GroupFile>>,
    mapping: Option<Current<UserMapping>>,
}

impl Snapshot {
    /// Users and scopes.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref().map(Current::value)
    }

    /// Groups by user name.
    pub fn groups(&self) -> Option<&GroupFile> {
        self.groups.as_ref().map(Current::value)
    }

    /// From the query engine's names to the source's.
    pub fn mapping(&self) -> Option<&UserMapping> {
        self.mapping.as_ref().map(Current::value)
    }
}
