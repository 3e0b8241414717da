//! The decision.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::audit::repeated::Refusals;
use crate::audit::{Audit, EndedQuery, NamesInSource, Recorded};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, AUDIT_FILE, Config, ConfigError, Problem, Properties, Setting};
use crate::history::History;
use crate::log::{Level, Log};
use crate::name::{Folding, Name};
use crate::reason::Reason;
use crate::source::lookup::Lookup;
use crate::source::{Found, Person, Source, View};
use crate::step::Verdict;
use crate::user_mapping::Mapped;

mod announcement;
mod ending;
mod operators;
mod rules;

pub use operators::Caller;

use rules::{People, Rules};

/// How long a look at files that may have changed is waited for.
const LONGEST_RELOAD: Duration = Duration::from_secs(5);

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
    /// The name with which the impersonator logged in.
    pub principal: Option<Name<'a>>,
    /// Whether the impersonator is itself an impersonated identity.
    pub chained: bool,
    /// The way on which the request came.
    pub path: Path,
    /// The query for which the decision is made, for the record, where there is one already.
    pub query_id: Option<Cow<'a, str>>,
}

impl<'a> Request<'a> {
    /// A request on the native path, of somebody who is nobody else.
    pub fn new(impersonator: &'a str, target: &'a str) -> Self {
        Request {
            impersonator: impersonator.into(),
            target: target.into(),
            principal: None,
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
    /// The target by their canonical name, whose rights apply if the target is allowed.
    pub target: String,
    /// The target's groups, of an allowed target alone.
    pub groups: Vec<String>,
}

/// Such a rule looks as if it protected somebody.
const MISSING_GROUPS: &str = "rules by group (immuta.group.admin, original_group or new_group) match nobody, since nothing says who is in which group; name a file in immuta.group-file, or list groups in the policy file. Groups that only a session has, such as those of a token, do not count";

/// Decides who may impersonate whom, and records it. Engines are independent of each other.
pub struct Engine {
    rules: Rules,
    folding: Folding,
    source: Source,
    audit: Option<Audit>,
    refusals: Arc<Refusals>,
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
        let refusals = Arc::new(Refusals::new(
            config.max_repeated_refusals,
            config.audit.is_some(),
            Arc::clone(&clock),
        ));
        let audit = config
            .audit
            .map(|settings| {
                let refusals = Arc::clone(&refusals);
                Audit::open(&settings, refusals, Arc::clone(&clock), Arc::clone(&log))
            })
            .transpose()
            .map_err(|error| ConfigError(vec![Problem::new(AUDIT_FILE, error.to_string())]))?;
        let settings = config::effective(properties);
        log.push(Level::Info, announcement::of(&settings));
        let by_group = config.admins.groups.is_some();
        if source.view().misses_groups(by_group) {
            config.warnings.push(MISSING_GROUPS.to_owned());
        }
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
            rules: Rules {
                enabled: config.enabled,
                admins: config.admins,
                allow_unknown_targets: config.allow_unknown_targets,
                protect_admins: config.protect_admins,
                allow_chained: config.allow_chained,
            },
            folding: config.folding,
            source,
            audit,
            refusals,
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
            if settings.files.miss_groups(config.admins.groups.is_some()) {
                config.warnings.push(MISSING_GROUPS.to_owned());
            }
        }
        match config.audit.map(|settings| settings.check()) {
            Some(Ok(warnings)) => config.warnings.extend(warnings),
            Some(Err(problem)) => problems.push(Problem::new(AUDIT_FILE, problem)),
            None => {}
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
        let mut people = People::default();
        let reason = self.judge(&view, request, &mut people).reason;
        let (reason, recorded) = self.record(&view, request, &people, reason);
        Decided {
            reason,
            has_more_to_say: has_more_to_say(&view, reason, request),
            recorded,
        }
    }

    /// Decides as [`Engine::decide`] does, says at which step, and records nothing.
    pub fn verdict(&self, request: &Request<'_>) -> Verdict {
        self.judge(&self.source.view(), request, &mut People::default())
    }

    /// Decides as [`Engine::decide`] does, and gives the target's canonical name and groups as well. Rules that take
    /// rights away from a group would not hold for a target whose groups nobody knows, so that such a target is
    /// denied, whoever asks.
    pub fn bind(&self, request: &Request<'_>) -> Bound {
        let view = self.source.view();
        let mut people = People::default();
        let mut reason = self.judge(&view, request, &mut people).reason;
        let mut groups: Vec<String> = Vec::new();
        if reason.is_allow() {
            let named = || view.person(view.named(request.target.as_str()));
            let target = people.target.get_or_insert_with(named);
            match target.found() {
                Found::Unavailable(_) => reason = Reason::LookupUnavailable,
                _ => groups.extend(target.groups().map(str::to_owned)),
            }
        }
        let (reason, _) = self.record(&view, request, &people, reason);
        if !reason.is_allow() {
            groups.clear();
        }
        groups.sort_unstable();
        groups.dedup();
        Bound {
            reason,
            target: name_of_target(request, &people).to_owned(),
            groups,
        }
    }

    /// Records that the shim refused this request by itself, because it could not have held the target's
    /// rights up. Nothing is decided, and the answer is never to allow.
    pub fn refuse(&self, request: &Request<'_>) -> Reason {
        let view = self.source.view();
        let people = People::default();
        self.record(&view, request, &people, Reason::NotEnforceable)
            .0
    }

    /// The reason that holds then, and when that is.
    fn record(
        &self,
        view: &View<'_>,
        request: &Request<'_>,
        people: &People<'_>,
        reason: Reason,
    ) -> (Reason, Option<Timestamp>) {
        let canonical = name_of_target(request, people);
        let respelled = (canonical != request.target.as_str()).then(|| Request {
            target: canonical.into(),
            ..request.clone()
        });
        let request = respelled.as_ref().unwrap_or(request);
        let (done, recorded) = match &self.audit {
            Some(audit) => {
                let names = NamesInSource {
                    impersonator: mapped(view, &request.impersonator, people.impersonator.as_ref()),
                    target: mapped(view, &request.target, people.target.as_ref()),
                };
                let now = self.clock.now();
                (audit.record(now, request, names, reason), Some(now))
            }
            None => {
                let has_own_line = self.refusals.has_own_line(request, reason);
                let done = Recorded {
                    reason,
                    has_own_line,
                };
                (done, None)
            }
        };
        self.history
            .add(view.elapsed(), request, done.reason, done.has_own_line);
        (done.reason, recorded)
    }

    /// The names by which the permission source knows the two users.
    pub fn names_in_source(&self, request: &Request<'_>) -> NamesInSource {
        names_in(&self.source.view(), &request.impersonator, &request.target)
    }

    /// The reason's sentence for whoever made the request. Where a name is to be written otherwise, it says how; where
    /// the source knows users by other names, it says by which one the user at fault was looked up, since nobody would
    /// find the mistake otherwise.
    pub fn explain(&self, reason: Reason, request: &Request<'_>) -> Cow<'static, str> {
        let sentence = reason.sentence();
        let view = self.source.view();
        match reason {
            Reason::OtherSpelling if request.target.is_valid() => {
                let target = view.person(view.named(request.target.as_str()));
                return format!("{sentence}: write \"{}\"", target.name()).into();
            }
            Reason::LoginName => {
                return format!("{sentence}: send \"{}\"", request.impersonator.as_str()).into();
            }
            _ => {}
        }
        let Some(name) = name_at_fault(reason, request).filter(|name| name.is_valid()) else {
            return sentence.into();
        };
        match view.named(name.as_str()).mapped() {
            Some(Mapped::To(name)) => {
                format!("{sentence}; the permission source was asked for \"{name}\"").into()
            }
            Some(Mapped::Nobody) => format!("{sentence}; no rule of the user mapping gives this user a name that the permission source could know").into(),
            Some(Mapped::Forbidden) => format!("{sentence}; a rule of the user mapping forbids this name").into(),
            None => sentence.into(),
        }
    }

    fn judge<'v>(
        &self,
        view: &'v View<'_>,
        request: &'v Request<'_>,
        people: &mut People<'v>,
    ) -> Verdict {
        self.rules
            .judge(view, request, &|| self.clock.now(), people)
    }

    /// Forgets what is remembered of everybody, or of the user of this name, so that the next decision asks
    /// the source. A lookup that is under way is not remembered either.
    pub fn flush(&self, user: Option<&str>) {
        match user {
            Some(user) => self.source.flush_user(user),
            None => self.source.flush(),
        }
    }

    /// Looks for changed files at once instead of at the next refresh. For one whose disk hangs it does not wait long.
    pub fn reload(&self) {
        let until = Instant::now() + LONGEST_RELOAD;
        for file in self.source.reload_if_changed(until) {
            let text = format!(
                "{} could not be looked at within {} s: its disk may hang",
                file.display(),
                LONGEST_RELOAD.as_secs()
            );
            self.log.push(Level::Warning, text);
        }
    }

    /// What the engine has to say to the operator. It outlives the engine, which may have something to
    /// say while it closes.
    pub fn log(&self) -> Arc<Log> {
        Arc::clone(&self.log)
    }

    /// Records a query that ran under impersonation and has ended.
    pub fn record_query(&self, query: EndedQuery) {
        if let Some(audit) = &self.audit {
            let names = names_in(
                &self.source.view(),
                &query.impersonator.as_str().into(),
                &query.target.as_str().into(),
            );
            audit.record_query(self.clock.now(), query, names);
        }
    }
}

/// Whether [`Engine::explain`] says more than the sentence of the reason.
fn has_more_to_say(view: &View<'_>, reason: Reason, request: &Request<'_>) -> bool {
    match reason {
        Reason::OtherSpelling | Reason::LoginName => true,
        _ => view.maps_names() && name_at_fault(reason, request).is_some(),
    }
}

/// On the property path, the canonical name is the one that everything goes by.
fn name_of_target<'n>(request: &'n Request<'_>, people: &'n People<'_>) -> &'n str {
    match (request.path, &people.target) {
        (Path::Property, Some(target)) => target.name(),
        _ => request.target.as_str(),
    }
}

fn names_in(view: &View<'_>, impersonator: &Name<'_>, target: &Name<'_>) -> NamesInSource {
    NamesInSource {
        impersonator: mapped(view, impersonator, None),
        target: mapped(view, target, None),
    }
}

/// What the user mapping makes of a name, of a person if it is known already.
fn mapped(view: &View<'_>, name: &Name<'_>, person: Option<&Person<'_>>) -> Option<String> {
    if !view.maps_names() || !name.is_valid() {
        return None;
    }
    let named;
    let mapped = match person {
        Some(person) => person.mapped(),
        None => {
            named = view.named(name.as_str());
            named.mapped()
        }
    };
    match mapped {
        Some(Mapped::To(name)) => Some(name.clone()),
        _ => None,
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
