//! The decision.

use std::borrow::Cow;
use std::sync::Arc;

use crate::admin::Admins;
use crate::audit::Audit;
use crate::clock::{Clock, SystemClock};
use crate::config::{AUDIT_FILE, Config, ConfigError, Problem, Properties};
use crate::log::{Level, Log};
use crate::name::{Folding, Name};
use crate::reason::Reason;
use crate::scope::Subject;
use crate::source::Unavailable;
use crate::source::local::LocalSource;

/// The way on which a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// The query engine switches the identity itself.
    Native,
    /// The identity stays; access checks use the target's.
    Property,
}

impl Path {
    /// The word in the audit file.
    pub fn as_str(self) -> &'static str {
        match self {
            Path::Native => "native",
            Path::Property => "property",
        }
    }
}

/// May `impersonator` act as `target`?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The user who asks.
    pub impersonator: Name<'a>,
    /// The user to be impersonated.
    pub target: Name<'a>,
    /// How the impersonator authenticated, for the record.
    pub principal: Option<Name<'a>>,
    /// The impersonator's groups as the query engine knows them; the source's are added.
    pub groups: Vec<Cow<'a, str>>,
    /// Whether the impersonator is itself an impersonated identity.
    pub chained: bool,
    /// The way on which the request came.
    pub path: Path,
}

impl<'a> Request<'a> {
    /// A request on the native path, of somebody who is nobody else, without groups.
    pub fn new(impersonator: &'a str, target: &'a str) -> Self {
        Request {
            impersonator: impersonator.into(),
            target: target.into(),
            principal: None,
            groups: Vec::new(),
            chained: false,
            path: Path::Native,
        }
    }
}

/// Decides who may impersonate whom, and records it. Engines are independent of each other.
pub struct Engine {
    enabled: bool,
    admins: Admins,
    allow_unknown_targets: bool,
    protect_admins: bool,
    allow_chained: bool,
    folding: Folding,
    source: LocalSource,
    audit: Option<Audit>,
    clock: Arc<dyn Clock>,
    log: Arc<Log>,
}

impl Engine {
    /// Starts an engine: reads the policy file and watches it, opens the audit file.
    ///
    /// # Errors
    ///
    /// Every problem with the properties and the files they name.
    pub fn open(properties: &Properties) -> Result<Self, ConfigError> {
        Engine::with_clock(properties, Arc::new(SystemClock::new()))
    }

    /// Starts an engine that reads the time from this clock.
    ///
    /// # Errors
    ///
    /// As [`Engine::open`].
    pub fn with_clock(properties: &Properties, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let (config, mut problems) = Config::read(properties);
        let log = Arc::new(Log::default());
        for warning in &config.warnings {
            log.push(Level::Warning, warning);
        }
        let source = config.files.and_then(|files| {
            LocalSource::open(&files, &clock, &log)
                .map_err(|found| problems.extend(found))
                .ok()
        });
        // The audit file is not touched for a configuration that cannot start.
        let (Some(source), true) = (source, problems.is_empty()) else {
            return Err(ConfigError(problems));
        };
        let audit = config
            .audit
            .map(|settings| {
                Audit::open(&settings, clock.now(), Arc::clone(&log)).map_err(|error| {
                    let text = format!("cannot open {}: {error}", settings.file.display());
                    ConfigError(vec![Problem::new(AUDIT_FILE, text)])
                })
            })
            .transpose()?;
        if audit.is_none() {
            log.push(
                Level::Info,
                format!("{AUDIT_FILE} is empty: decisions are not recorded"),
            );
        }
        Ok(Engine {
            enabled: config.enabled,
            admins: config.admins,
            allow_unknown_targets: config.allow_unknown_targets,
            protect_admins: config.protect_admins,
            allow_chained: config.allow_chained,
            folding: config.folding,
            source,
            audit,
            clock,
            log,
        })
    }

    /// Finds every problem with the properties and the policy file, and what else the operator should
    /// know. Nothing is started and nothing is written.
    pub fn check(properties: &Properties) -> (Vec<Problem>, Vec<String>) {
        let (config, mut problems) = Config::read(properties);
        if let Some(files) = config.files {
            problems.extend(files.check());
        }
        (problems, config.warnings)
    }

    /// Decides, and records the decision. A decision that should be recorded and cannot be is a denial.
    pub fn decide(&self, request: &Request<'_>) -> Reason {
        let reason = self.judge(request);
        match &self.audit {
            Some(audit) => audit.record(self.clock.now(), request, reason),
            None => reason,
        }
    }

    /// The decision alone. The first line that applies decides.
    fn judge(&self, request: &Request<'_>) -> Reason {
        if !self.enabled {
            return Reason::Disabled;
        }
        if !request.impersonator.is_valid() || !request.target.is_valid() {
            return Reason::InvalidName;
        }
        let impersonator = self.folding.fold(request.impersonator.as_str());
        let target = self.folding.fold(request.target.as_str());
        if impersonator == target {
            return Reason::SelfTarget;
        }
        if request.chained && !self.allow_chained {
            return Reason::Chained;
        }

        let now = self.clock.now();
        let view = self.source.view();
        let known = view.user(&impersonator);
        let mut groups: Vec<&str> = request.groups.iter().map(Cow::as_ref).collect();
        groups.extend(view.groups(&impersonator, known));
        let admin = self.admins.reason(&impersonator, groups.iter().copied());
        match known {
            Ok(Some(user)) if !user.is_enabled(now) => return Reason::UserDisabled,
            Ok(Some(user)) if admin.is_none() && !user.may_impersonate => {
                return Reason::NoPermission;
            }
            Ok(None) if admin.is_none() => return Reason::UnknownUser,
            Err(Unavailable) if admin.is_none() => return Reason::LookupUnavailable,
            _ => {}
        }

        let known_target = view.user(&target);
        match known_target {
            Ok(Some(user)) if !user.is_enabled(now) => return Reason::TargetDisabled,
            Err(Unavailable) if admin.is_none() => return Reason::LookupUnavailable,
            Ok(None) | Err(Unavailable) if !self.allow_unknown_targets => {
                return Reason::UnknownTarget;
            }
            _ => {}
        }
        let target_groups = view.groups(&target, known_target);
        let target_is_admin = || {
            self.admins
                .reason(&target, target_groups.iter().copied())
                .is_some()
        };
        if admin.is_none() && self.protect_admins && target_is_admin() {
            return Reason::ProtectedTarget;
        }

        let scopes = &view.policy.scopes;
        if !scopes.is_empty() {
            let subject = Subject {
                impersonator: &impersonator,
                impersonator_groups: &groups,
                target: &target,
                target_groups: &target_groups,
            };
            let decided = scopes.iter().find_map(|scope| scope.decide(&subject));
            if decided != Some(true) {
                return Reason::OutOfScope;
            }
        }
        admin.unwrap_or(Reason::Permission)
    }

    /// Looks for a changed policy file at once instead of at the next refresh.
    pub fn reload(&self) {
        self.source.reload_if_changed();
    }

    /// What the engine has to say to the operator. It outlives the engine, which may have something to
    /// say while it closes.
    pub fn log(&self) -> Arc<Log> {
        Arc::clone(&self.log)
    }
}
