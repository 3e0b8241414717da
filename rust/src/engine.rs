//! The decision.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::admin::Admins;
use crate::audit::{Audit, EndedQuery, NamesInSource};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, AUDIT_FILE, Config, ConfigError, Problem, Properties, Setting};
use crate::history::History;
use crate::log::{Level, Log};
use crate::name::{Folding, Name};
use crate::reason::Reason;
use crate::scope::Subject;
use crate::source::lookup::Lookup;
use crate::source::{Mapped, Source, Unavailable, View};
use crate::step::{Step, Verdict};

mod announcement;
mod operators;

pub use operators::Caller;

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
    /// The query for which the decision is made, for the record, where there is one already.
    pub query_id: Option<Cow<'a, str>>,
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
            query_id: None,
        }
    }
}

/// A decision, and what a shim keeps of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Why it is a yes or a no.
    pub reason: Reason,
    /// Whether [`Engine::explain`] says more than the reason's own sentence.
    pub has_more_to_say: bool,
    /// When it was made, as the audit file has it; `None` if decisions are not recorded.
    pub recorded: Option<Timestamp>,
}

/// A decision, and what a shim needs that gives a query the target's rights itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The decision.
    pub reason: Reason,
    /// The target's groups, of an allowed target alone.
    pub groups: Vec<String>,
}

/// Decides who may impersonate whom, and records it. Engines are independent of each other.
pub struct Engine {
    enabled: bool,
    admins: Admins,
    allow_unknown_targets: bool,
    protect_admins: bool,
    allow_chained: bool,
    folding: Folding,
    source: Source,
    audit: Option<Audit>,
    settings: Vec<Setting>,
    history: History,
    clock: Arc<dyn Clock>,
    log: Arc<Log>,
}

impl Engine {
    /// Starts an engine: reads the local files and watches them, opens the audit file.
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
        Engine::start(properties, clock, None)
    }

    /// Starts an engine that looks users up here instead of at the endpoint, which must be configured
    /// nevertheless.
    ///
    /// # Errors
    ///
    /// As [`Engine::open`].
    pub fn with_lookup(
        properties: &Properties,
        clock: Arc<dyn Clock>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, ConfigError> {
        Engine::start(properties, clock, Some(lookup))
    }

    fn start(
        properties: &Properties,
        clock: Arc<dyn Clock>,
        lookup: Option<Arc<dyn Lookup>>,
    ) -> Result<Self, ConfigError> {
        let (mut config, mut problems) = Config::read(properties);
        config.look_at_files(&mut problems);
        let log = Arc::new(Log::default());
        let source = config.source.and_then(|settings| {
            settings
                .open(&clock, &log, lookup)
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
        let settings = config::effective(properties);
        log.push(Level::Info, announcement::of(&settings));
        for warning in &config.warnings {
            log.push(Level::Warning, warning);
        }
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
            settings,
            history: History::default(),
            clock,
            log,
        })
    }

    /// Finds every problem with the properties and the files that they name, and what else the operator should
    /// know. Nothing is started and nothing is written.
    pub fn check(properties: &Properties) -> (Vec<Problem>, Vec<String>) {
        let (mut config, mut problems) = Config::read(properties);
        config.look_at_files(&mut problems);
        if let Some(settings) = config.source {
            problems.extend(settings.check());
        }
        if let Some(Err(problem)) = config.audit.map(|settings| settings.check()) {
            problems.push(Problem::new(AUDIT_FILE, problem));
        }
        (problems, config.warnings)
    }

    /// Asks the remote permission source whether it would answer, and tells what it said. Nothing where
    /// there is none, or where the properties do not say without a mistake how to ask it.
    pub fn check_online(properties: &Properties) -> Option<Result<String, Problem>> {
        Config::read(properties).0.source?.check_online()
    }

    /// Decides, and records the decision. A decision that should be recorded and cannot be is a denial.
    pub fn decide(&self, request: &Request<'_>) -> Reason {
        self.decided(request).reason
    }

    /// Decides as [`Engine::decide`] does, and says what else there is to say of the decision.
    pub fn decided(&self, request: &Request<'_>) -> Decided {
        let view = self.source.view();
        let reason = self.judge(&view, request).reason;
        let (reason, recorded) = self.record(&view, request, reason);
        Decided {
            reason,
            has_more_to_say: view.maps_names() && name_at_fault(reason, request).is_some(),
            recorded,
        }
    }

    /// Decides as [`Engine::decide`] does, says at which step, and records nothing.
    pub fn verdict(&self, request: &Request<'_>) -> Verdict {
        self.judge(&self.source.view(), request)
    }

    /// Decides as [`Engine::decide`] does, and gives the target's groups as well. Rules that take rights
    /// away from a group would not hold for a target whose groups nobody knows, so that such a target is
    /// denied, whoever asks.
    pub fn bind(&self, request: &Request<'_>) -> Bound {
        let view = self.source.view();
        let mut reason = self.judge(&view, request).reason;
        let mut groups = Vec::new();
        if reason.is_allow() {
            match self.target_groups(&view, request) {
                Ok(found) => groups = found,
                Err(Unavailable) => reason = Reason::LookupUnavailable,
            }
        }
        let (reason, _) = self.record(&view, request, reason);
        if !reason.is_allow() {
            groups.clear();
        }
        Bound { reason, groups }
    }

    /// Records that the shim refused this request by itself, because it could not have held the target's
    /// rights up. Nothing is decided, and the answer is never to allow.
    pub fn refuse(&self, request: &Request<'_>) -> Reason {
        let (reason, _) = self.record(&self.source.view(), request, Reason::NotEnforceable);
        reason
    }

    fn target_groups(
        &self,
        view: &View<'_>,
        request: &Request<'_>,
    ) -> Result<Vec<String>, Unavailable> {
        let target = self.folding.fold(request.target.as_str());
        let known = view.user(&target);
        if let Err(unavailable) = known {
            return Err(unavailable);
        }
        let mut groups: Vec<String> = view.groups(&target, &known).map(str::to_owned).collect();
        groups.sort_unstable();
        groups.dedup();
        Ok(groups)
    }

    /// The reason that holds then, and when that is.
    fn record(
        &self,
        view: &View<'_>,
        request: &Request<'_>,
        reason: Reason,
    ) -> (Reason, Option<Timestamp>) {
        let (reason, recorded) = match &self.audit {
            Some(audit) => {
                let names = self.names_in(view, &request.impersonator, &request.target);
                let now = self.clock.now();
                (audit.record(now, request, names, reason), Some(now))
            }
            None => (reason, None),
        };
        self.history.add(view.elapsed(), request, reason);
        (reason, recorded)
    }

    /// The names by which the permission source knows the two users.
    pub fn names_in_source(&self, request: &Request<'_>) -> NamesInSource {
        self.names_in(&self.source.view(), &request.impersonator, &request.target)
    }

    fn names_in(
        &self,
        view: &View<'_>,
        impersonator: &Name<'_>,
        target: &Name<'_>,
    ) -> NamesInSource {
        if !view.maps_names() {
            return NamesInSource::default();
        }
        let mapped = |name| match self.mapped(view, name) {
            Some(Mapped::To(name)) => Some(name),
            _ => None,
        };
        NamesInSource {
            impersonator: mapped(impersonator),
            target: mapped(target),
        }
    }

    /// The reason's sentence for whoever made the request. Where the source knows users by other names, it
    /// says by which one the user at fault was looked up, since nobody would find the mistake otherwise.
    pub fn explain(&self, reason: Reason, request: &Request<'_>) -> Cow<'static, str> {
        let sentence = reason.sentence();
        let Some(name) = name_at_fault(reason, request) else {
            return sentence.into();
        };
        match self.mapped(&self.source.view(), name) {
            Some(Mapped::To(name)) => {
                format!("{sentence}; the permission source was asked for \"{name}\"").into()
            }
            Some(Mapped::Nobody) => format!("{sentence}; no rule of the user mapping gives this user a name that the permission source could know").into(),
            None => sentence.into(),
        }
    }

    fn mapped(&self, view: &View<'_>, name: &Name<'_>) -> Option<Mapped> {
        if !name.is_valid() {
            return None;
        }
        view.mapped(&self.folding.fold(name.as_str()))
    }

    /// The decision alone. The first line that applies decides.
    fn judge(&self, view: &View<'_>, request: &Request<'_>) -> Verdict {
        let at = |step, reason| Verdict { step, reason };
        if !self.enabled {
            return at(Step::Switch, Reason::Disabled);
        }
        if !request.impersonator.is_valid() || !request.target.is_valid() {
            return at(Step::Names, Reason::InvalidName);
        }
        let impersonator = self.folding.fold(request.impersonator.as_str());
        let target = self.folding.fold(request.target.as_str());
        if impersonator == target {
            return at(Step::OneUser, Reason::SelfTarget);
        }
        if request.chained && !self.allow_chained {
            return at(Step::Chain, Reason::Chained);
        }

        let now = || self.clock.now();
        let known = view.user(&impersonator);
        let groups = || {
            let own = request.groups.iter().map(Cow::as_ref);
            own.chain(view.groups(&impersonator, &known))
        };
        let admin = self.admins.reason(&impersonator, groups);
        match &known {
            Ok(Some(user)) if !user.is_enabled(now) => {
                return at(Step::Impersonator, Reason::UserDisabled);
            }
            Ok(Some(user)) if admin.is_none() && !user.may_impersonate => {
                return at(Step::Permission, Reason::NoPermission);
            }
            Ok(None) if admin.is_none() => return at(Step::Impersonator, Reason::UnknownUser),
            Err(Unavailable) if admin.is_none() => {
                return at(Step::Impersonator, Reason::LookupUnavailable);
            }
            _ => {}
        }

        let known_target = view.user(&target);
        match &known_target {
            Ok(Some(user)) if !user.is_enabled(now) => {
                return at(Step::Target, Reason::TargetDisabled);
            }
            Err(Unavailable) if admin.is_none() => {
                return at(Step::Target, Reason::LookupUnavailable);
            }
            Ok(None) | Err(Unavailable) if !self.allow_unknown_targets => {
                return at(Step::Target, Reason::UnknownTarget);
            }
            _ => {}
        }
        let target_groups = || view.groups(&target, &known_target);
        let target_is_admin = || self.admins.reason(&target, target_groups).is_some();
        if admin.is_none() && self.protect_admins && target_is_admin() {
            return at(Step::Protection, Reason::ProtectedTarget);
        }

        if let Some(scopes) = view.scopes() {
            let subject = Subject {
                impersonator: &impersonator,
                impersonator_groups: &groups().collect::<Vec<_>>(),
                target: &target,
                target_groups: &target_groups().collect::<Vec<_>>(),
            };
            if scopes.decide(&subject) != Some(true) {
                return at(Step::Scopes, Reason::OutOfScope);
            }
        }
        at(Step::Grant, admin.unwrap_or(Reason::Permission))
    }

    /// Forgets what is remembered of everybody, or of the user of this name, so that the next decision asks
    /// the source. A lookup that is under way is not remembered either.
    pub fn flush(&self, user: Option<&str>) {
        match user {
            Some(user) => self.source.flush_user(&self.folding.fold(user)),
            None => self.source.flush(),
        }
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

    /// Records a query that ran under impersonation and has ended.
    pub fn record_query(&self, query: EndedQuery) {
        if let Some(audit) = &self.audit {
            let names = self.names_in(
                &self.source.view(),
                &query.impersonator.as_str().into(),
                &query.target.as_str().into(),
            );
            audit.record_query(self.clock.now(), query, names);
        }
    }
}

/// Of whom the permission source said what decided.
fn name_at_fault<'r, 'a>(reason: Reason, request: &'r Request<'a>) -> Option<&'r Name<'a>> {
    match reason {
        Reason::UnknownUser | Reason::UserDisabled | Reason::NoPermission => {
            Some(&request.impersonator)
        }
        Reason::UnknownTarget | Reason::TargetDisabled => Some(&request.target),
        _ => None,
    }
}
