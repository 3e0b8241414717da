//! The policy file and the group file together as a permission source.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{GROUP_FILE, POLICY_FILE, Problem};
use crate::log::Log;
use crate::name::Folding;
use crate::policy::{Policy, User};
use crate::source::Unavailable;
use crate::source::group_file::GroupFile;
use crate::source::watched::{self, Parser, Watch, WatchedFile};

/// Which files there are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The policy file.
    pub policy: Watch,
    /// The group file, if there is one.
    pub groups: Option<Watch>,
    /// How user names are compared.
    pub folding: Folding,
}

impl Files {
    fn policy_parser(&self) -> Parser<Policy> {
        let folding = self.folding;
        Box::new(move |bytes| Policy::parse(bytes, folding).map_err(|error| error.to_string()))
    }

    fn group_parser(&self) -> Parser<GroupFile> {
        let folding = self.folding;
        Box::new(move |bytes| GroupFile::parse(bytes, folding))
    }

    /// Reads the files once and says what is wrong with them.
    pub fn check(&self) -> Vec<Problem> {
        let policy = watched::read(&self.policy.path, &self.policy_parser()).err();
        let groups = self
            .groups
            .as_ref()
            .and_then(|watch| watched::read(&watch.path, &self.group_parser()).err());
        let problems = [(POLICY_FILE, policy), (GROUP_FILE, groups)];
        problems
            .into_iter()
            .filter_map(|(property, error)| Some(Problem::new(property, error?.to_string())))
            .collect()
    }
}

/// Users, permissions, groups and scopes from local files, watched until it is dropped.
pub struct LocalSource {
    policy: WatchedFile<Policy>,
    groups: Option<WatchedFile<GroupFile>>,
}

impl LocalSource {
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
        let problem =
            |property, error: watched::FileError| vec![Problem::new(property, error.to_string())];
        let policy = WatchedFile::open(
            "policy file",
            files.policy.clone(),
            files.policy_parser(),
            Arc::clone(clock),
            Arc::clone(log),
        )
        .map_err(|error| problem(POLICY_FILE, error));
        let groups = files
            .groups
            .clone()
            .map(|watch| {
                let (clock, log) = (Arc::clone(clock), Arc::clone(log));
                WatchedFile::open("group file", watch, files.group_parser(), clock, log)
            })
            .transpose()
            .map_err(|error| problem(GROUP_FILE, error));
        match (policy, groups) {
            (Ok(policy), Ok(groups)) => Ok(LocalSource { policy, groups }),
            (policy, groups) => Err([policy.err(), groups.err()]
                .into_iter()
                .flatten()
                .flatten()
                .collect()),
        }
    }

    /// What the files say now.
    pub fn view(&self) -> View {
        let policy = self.policy.current();
        let groups = self.groups.as_ref().map(WatchedFile::current);
        View {
            available: policy.trusted && groups.as_ref().is_none_or(|groups| groups.trusted),
            policy: policy.value,
            groups: groups.map(|groups| groups.value),
        }
    }

    /// Looks for changes at once.
    pub fn reload_if_changed(&self) {
        self.policy.reload_if_changed();
        if let Some(groups) = &self.groups {
            groups.reload_if_changed();
        }
    }
}

/// What a decision is made on, from its first step to its last.
pub struct View {
    /// Users and scopes. The scopes still hold when lookups fail.
    pub policy: Arc<Policy>,
    groups: Option<Arc<GroupFile>>,
    available: bool,
}

impl View {
    /// Looks a user up by folded name.
    ///
    /// # Errors
    ///
    /// A file has been broken for too long.
    pub fn user(&self, folded: &str) -> Result<Option<&User>, Unavailable> {
        if self.available {
            Ok(self.policy.user(folded))
        } else {
            Err(Unavailable)
        }
    }

    /// The groups that the files give a user who was looked up by this folded name; none where they
    /// cannot be asked.
    pub fn groups<'v>(
        &'v self,
        folded: &str,
        known: Result<Option<&'v User>, Unavailable>,
    ) -> Vec<&'v str> {
        let Ok(user) = known else {
            return Vec::new();
        };
        let mut groups: Vec<&str> = user
            .into_iter()
            .flat_map(|user| user.groups.iter().map(String::as_str))
            .collect();
        if let Some(file) = &self.groups {
            groups.extend(file.groups(folded));
        }
        groups
    }
}
