//! Properties in, a configuration and every problem out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::admin::Admins;
use crate::audit::{self, OnFailure, Patience, Rotation};
use crate::data_size;
use crate::duration;
use crate::name::Folding;
use crate::pattern::Pattern;
use crate::source::rights::{self, Secrecy};
use crate::source::settings::Settings as SourceSettings;
use crate::source::watched::{self, FileError};

mod breadth;
mod effective;
mod property;
mod source;

/// Properties by name, as an operator wrote them.
pub type Properties = BTreeMap<String, String>;

pub use effective::Setting;
pub(crate) use effective::effective;
pub use property::{
    APIKEY, AUDIT_FILE, DELEGATE_CONFIG_FILE, ENDPOINT, GROUP_FILE, POLICY_FILE, USER_MAPPING_FILE,
};

/// Where decisions are recorded unless the operator says otherwise.
const DEFAULT_AUDIT_FILE: &str = "var/log/impersonation-audit.jsonl";

/// Of 1 for the same name. Names of another product's properties reach 0.6.
const SIMILAR: f64 = 0.8;

const DEFAULT_AUDIT_SIZE: u64 = 100 * 1024 * 1024;
const DEFAULT_AUDIT_HISTORY: usize = 30;
const DEFAULT_AUDIT_MIN_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
const DEFAULT_REPEATED_REFUSALS: usize = 60;

/// Something wrong with one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The property's name.
    pub property: String,
    /// What is wrong and what to write instead.
    pub text: String,
}

impl Problem {
    /// A problem with this property.
    pub fn new(property: &str, text: impl Into<String>) -> Self {
        Problem {
            property: property.to_owned(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.text)
    }
}

/// Everything that is wrong with a configuration, a line each.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// What the properties say.
#[derive(Debug)]
pub struct Config {
    /// Whether anybody may impersonate anybody.
    pub enabled: bool,
    /// Who is an admin.
    pub admins: Admins,
    /// Where users come from, if that is said without a mistake.
    pub source: Option<SourceSettings>,
    /// Whether targets that the source does not know may be impersonated.
    pub allow_unknown_targets: bool,
    /// Whether admins are protected from being impersonated by others.
    pub protect_admins: bool,
    /// Whether an impersonated identity may impersonate.
    pub allow_chained: bool,
    /// How user names are compared.
    pub folding: Folding,
    /// Where decisions are recorded, if at all.
    pub audit: Option<audit::Settings>,
    /// How many refusals of one principal are recorded each for itself in a minute; 0 is all.
    pub max_repeated_refusals: usize,
    /// The delegate's file, which the shim reads.
    pub delegate: Option<PathBuf>,
    /// Whether the shim asks the delegate which principal may be which user.
    pub check_principals: bool,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads properties. A faulty one is reported and counts as unset, so that every problem is found
    /// at once; a configuration with problems must not be used.
    pub fn read(properties: &Properties) -> (Config, Vec<Problem>) {
        let mut reader = Reader {
            properties,
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        reader.names();
        let folding = if reader.boolean(property::CASE_INSENSITIVE, false) {
            Folding::CaseInsensitive
        } else {
            Folding::Exact
        };
        let config = Config {
            enabled: reader.boolean(property::ENABLED, true),
            admins: reader.admins(folding),
            source: reader.source(folding),
            allow_unknown_targets: reader.choice(
                property::UNKNOWN_TARGETS,
                [("deny", false), ("allow", true)],
            ),
            protect_admins: reader.boolean(property::PROTECT_ADMINS, true),
            allow_chained: reader.boolean(property::ALLOW_CHAINED, false),
            folding,
            audit: reader.audit(),
            max_repeated_refusals: reader.count(
                property::AUDIT_MAX_REPEATED_REFUSALS,
                DEFAULT_REPEATED_REFUSALS,
            ),
            delegate: reader
                .get(property::DELEGATE_CONFIG_FILE)
                .map(|file| PathBuf::from(file.trim())),
            check_principals: reader.boolean(property::DELEGATE_CHECK_PRINCIPALS, true),
            warnings: Vec::new(),
        };
        let Reader {
            problems, warnings, ..
        } = reader;
        (Config { warnings, ..config }, problems)
    }

    /// Adds what is to be said of who else can change the files that the properties name. Those that are read here are refused when
    /// they are read.
    pub(crate) fn look_at_files(&mut self, problems: &mut Vec<Problem>) {
        if let Some(source) = &self.source {
            self.warnings.extend(source.warnings());
        }
        if let Some(file) = &self.delegate {
            self.warnings
                .extend(rights::warnings(file, Secrecy::Public));
            // Whatever else is wrong with it the shim says.
            if let Err(exposed @ FileError::Exposed { .. }) = watched::open(file, Secrecy::Public) {
                let text = exposed.to_string();
                problems.push(Problem::new(property::DELEGATE_CONFIG_FILE, text));
            }
        }
    }
}

struct Reader<'p> {
    properties: &'p Properties,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl<'p> Reader<'p> {
    fn get(&self, name: &str) -> Option<&'p str> {
        self.properties.get(name).map(String::as_str)
    }

    fn problem(&mut self, property: &str, text: impl Into<String>) {
        self.problems.push(Problem::new(property, text));
    }

    fn names(&mut self) {
        let present = |names: &[&'static str]| -> Vec<&str> {
            let mut present = names.to_vec();
            present.retain(|name| self.properties.contains_key(*name));
            present
        };
        let data_policy = present(&property::DATA_POLICY);
        let endpoint_only = present(&property::ENDPOINT_ONLY);
        if !data_policy.is_empty() {
            self.warnings.push(format!(
                "ignored, since they are about data policies and this is about impersonation only: {}",
                data_policy.join(", ")
            ));
        }
        if !endpoint_only.is_empty() && self.get(property::ENDPOINT).is_none() {
            self.warnings.push(format!(
                "without effect, since there is no immuta.endpoint and users are read from a policy file: {}",
                endpoint_only.join(", ")
            ));
        }
        for name in self.properties.keys() {
            let known = property::KNOWN.contains(&name.as_str())
                || property::ENDPOINT_ONLY.contains(&name.as_str())
                || property::DATA_POLICY.contains(&name.as_str());
            if !known {
                let advice = similar(name).map_or_else(
                    || "remove it; the README lists those that there are".to_owned(),
                    |known| format!("did you mean {known}?"),
                );
                self.problem(name, format!("unknown property; {advice}"));
            }
        }
        if let Some(name) = self.get(property::NAME).filter(|name| *name != "immuta") {
            self.problem(
                property::NAME,
                format!("is \"{name}\", but this file is for access-control.name=immuta"),
            );
        }
    }

    fn boolean(&mut self, name: &str, default: bool) -> bool {
        let Some(text) = self.get(name) else {
            return default;
        };
        if text.trim().eq_ignore_ascii_case("true") {
            true
        } else if text.trim().eq_ignore_ascii_case("false") {
            false
        } else {
            self.problem(name, format!("is \"{text}\"; write true or false"));
            default
        }
    }

    /// One of two words, the first of which is the default.
    fn choice<T: Copy>(&mut self, name: &str, choices: [(&str, T); 2]) -> T {
        let Some(text) = self.get(name) else {
            return choices[0].1;
        };
        let chosen = choices
            .iter()
            .find(|(word, _)| text.trim().eq_ignore_ascii_case(word));
        if chosen.is_none() {
            let [(first, _), (second, _)] = choices;
            self.problem(name, format!("is \"{text}\"; write {first} or {second}"));
        }
        chosen.unwrap_or(&choices[0]).1
    }

    fn duration(&mut self, name: &str, default: Duration) -> Duration {
        match self.get(name).map(duration::parse) {
            None => default,
            Some(Ok(duration)) => duration,
            Some(Err(text)) => {
                self.problem(name, text);
                default
            }
        }
    }

    fn admins(&mut self, folding: Folding) -> Admins {
        let allow_match_all = self.boolean(property::ALLOW_MATCH_ALL_ADMIN, false);
        Admins {
            users: self.pattern(property::USER_ADMIN, folding, allow_match_all),
            groups: self.pattern(property::GROUP_ADMIN, Folding::Exact, allow_match_all),
        }
    }

    fn pattern(&mut self, name: &str, folding: Folding, allow_match_all: bool) -> Option<Pattern> {
        let text = self.get(name)?;
        if text != text.trim() {
            self.warnings.push(format!(
                "{name} begins or ends with a blank, which is part of the pattern"
            ));
        }
        match Pattern::new(text, folding) {
            Ok(pattern) if pattern.matches_everything() && !allow_match_all => {
                self.problem(
                    name,
                    format!(
                        "\"{text}\" makes everybody an administrator; name the administrators, or set {}=true if that is meant",
                        property::ALLOW_MATCH_ALL_ADMIN
                    ),
                );
                None
            }
            Ok(pattern) => {
                self.warnings
                    .extend(breadth::warnings(name, text, &pattern));
                Some(pattern)
            }
            Err(error) => {
                self.problem(name, format!("\"{text}\": {error}"));
                None
            }
        }
    }

    fn audit(&mut self) -> Option<audit::Settings> {
        let on_failure = self.choice(
            property::AUDIT_ON_FAILURE,
            [("deny", OnFailure::Deny), ("warn", OnFailure::Warn)],
        );
        let query_text = self.boolean(property::AUDIT_QUERY_TEXT, false);
        let rotation = Rotation {
            size: self.data_size(property::AUDIT_ROTATE_SIZE, DEFAULT_AUDIT_SIZE),
            daily: self.boolean(property::AUDIT_ROTATE_DAILY, true),
            keep: self.count(property::AUDIT_MAX_HISTORY, DEFAULT_AUDIT_HISTORY),
            min_age: self.duration(property::AUDIT_MIN_AGE, DEFAULT_AUDIT_MIN_AGE),
        };
        let file = self
            .get(property::AUDIT_FILE)
            .unwrap_or(DEFAULT_AUDIT_FILE)
            .trim();
        (!file.is_empty()).then(|| audit::Settings {
            file: PathBuf::from(file),
            on_failure,
            query_text,
            rotation,
            patience: Patience::default(),
        })
    }

    fn data_size(&mut self, name: &str, default: u64) -> u64 {
        match self.get(name).map(data_size::parse) {
            None => default,
            Some(Ok(size)) => size,
            Some(Err(text)) => {
                self.problem(name, text);
                default
            }
        }
    }

    fn count(&mut self, name: &str, default: usize) -> usize {
        let Some(text) = self.get(name) else {
            return default;
        };
        text.trim().parse().unwrap_or_else(|_| {
            self.problem(
                name,
                format!("is \"{text}\"; write a number, such as {default}"),
            );
            default
        })
    }
}

/// The known property that this may be a misspelling of; for one of ours always the nearest.
fn similar(name: &str) -> Option<&'static str> {
    property::KNOWN
        .into_iter()
        .chain(property::ENDPOINT_ONLY)
        .chain(property::DATA_POLICY)
        .map(|known| (known, strsim::jaro_winkler(known, name)))
        .filter(|(_, similarity)| name.starts_with("immuta.") || *similarity >= SIMILAR)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(known, _)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Config, Vec<String>) {
        let mut properties: Properties = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        properties
            .entry(POLICY_FILE.to_owned())
            .or_insert_with(|| "policy.json".to_owned());
        let (config, problems) = Config::read(&properties);
        (config, problems.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let (config, problems) = read(&[]);
        assert_eq!(problems, Vec::<String>::new());
        assert!(config.enabled);
        assert!(config.admins.users.is_none() && config.admins.groups.is_none());
        assert!(!config.allow_unknown_targets);
        assert!(config.protect_admins);
        assert!(!config.allow_chained);
        assert_eq!(config.folding, Folding::Exact);
        let watch = config.source.unwrap().files.policy.unwrap();
        assert_eq!(watch.refresh, Duration::from_secs(1));
        assert_eq!(watch.max_stale, Duration::from_secs(600));
        let audit = config.audit.unwrap();
        assert_eq!(audit.file, PathBuf::from(DEFAULT_AUDIT_FILE));
        assert_eq!(audit.on_failure, OnFailure::Deny);
        assert!(!audit.query_text);
        let rotation = Rotation {
            size: 104_857_600,
            daily: true,
            keep: 30,
            min_age: Duration::from_secs(604_800),
        };
        assert_eq!(audit.rotation, rotation);
        assert_eq!(audit.patience.writing, Duration::from_secs(5));
        assert_eq!(audit.patience.closing, Duration::from_secs(8));
        assert_eq!(config.max_repeated_refusals, 60);
        assert_eq!(config.warnings, Vec::<String>::new());
    }

    #[test]
    fn every_property_is_heard() {
        let (config, problems) = read(&[
            ("access-control.name", "immuta"),
            ("immuta.user.admin", "root"),
            ("immuta.group.admin", "wheel"),
            ("immuta.group-file", "groups.txt"),
            ("immuta.impersonation.enabled", "FALSE"),
            ("immuta.impersonation.policy-file", "other.json"),
            ("immuta.impersonation.policy-file.refresh", "5s"),
            ("immuta.impersonation.policy-file.max-stale", "0s"),
            ("immuta.impersonation.unknown-targets", "allow"),
            ("immuta.impersonation.protect-admins", "false"),
            ("immuta.impersonation.allow-chained", "true"),
            ("immuta.impersonation.case-insensitive", "true"),
            ("immuta.impersonation.audit.file", ""),
            ("immuta.impersonation.audit.on-failure", "warn"),
            ("immuta.delegate.config-file", "etc/delegate.properties"),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        assert!(!config.enabled);
        assert!(config.admins.users.unwrap().matches("ROOT"));
        assert!(!config.admins.groups.unwrap().matches("WHEEL"));
        assert!(config.allow_unknown_targets);
        assert!(!config.protect_admins);
        assert!(config.allow_chained);
        assert_eq!(config.folding, Folding::CaseInsensitive);
        assert!(config.audit.is_none());
        let watch = config.source.unwrap().files.policy.unwrap();
        assert_eq!(watch.path, PathBuf::from("other.json"));
        assert_eq!(watch.refresh, Duration::from_secs(5));
        assert_eq!(watch.max_stale, Duration::ZERO);
    }

    #[test]
    fn what_the_audit_writes_and_keeps_is_heard() {
        let (config, problems) = read(&[
            ("immuta.impersonation.audit.query-text", "true"),
            ("immuta.impersonation.audit.rotate-size", "0B"),
            ("immuta.impersonation.audit.rotate-daily", "false"),
            ("immuta.impersonation.audit.max-history", " 0 "),
            ("immuta.impersonation.audit.min-age", "36h"),
            ("immuta.impersonation.audit.max-repeated-refusals", "0"),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        let rotation = Rotation {
            size: 0,
            daily: false,
            keep: 0,
            min_age: Duration::from_secs(36 * 3600),
        };
        assert_eq!(config.max_repeated_refusals, 0);
        let audit = config.audit.unwrap();
        assert_eq!(audit.rotation, rotation);
        assert!(audit.query_text);
    }

    #[test]
    fn mistakes_name_the_property_and_what_to_write() {
        for (name, value, words) in [
            ("immuta.user.amdin", "a", "did you mean immuta.user.admin?"),
            (
                "immuta.impersonation.polcy-file",
                "a",
                "did you mean immuta.impersonation.policy-file?",
            ),
            ("security.refresh-period", "1s", "unknown property"),
            ("access-control.name", "file", "access-control.name=immuta"),
            ("immuta.user.admin", "", "position 1: the pattern is empty"),
            (
                "immuta.user.admin",
                "root|",
                "position 6: an empty alternative",
            ),
            ("immuta.user.admin", "ab(?=c)", "position 3: look-around"),
            ("immuta.user.admin", ".*", "allow-match-all-admin=true"),
            ("immuta.group.admin", "(", "position 1"),
            ("immuta.impersonation.enabled", "yes", "true or false"),
            (
                "immuta.impersonation.unknown-targets",
                "maybe",
                "deny or allow",
            ),
            ("immuta.impersonation.policy-file", " ", "is empty"),
            (
                "immuta.impersonation.policy-file.refresh",
                "10",
                "a number and a unit",
            ),
            (
                "immuta.impersonation.policy-file.refresh",
                "1ms",
                "10 ms at least",
            ),
            (
                "immuta.impersonation.audit.on-failure",
                "ignore",
                "deny or warn",
            ),
            (
                "immuta.impersonation.audit.rotate-size",
                "100",
                "a number and a unit",
            ),
            (
                "immuta.impersonation.audit.max-history",
                "-1",
                "write a number",
            ),
            (
                "immuta.impersonation.audit.min-age",
                "7",
                "a number and a unit",
            ),
            (
                "immuta.impersonation.audit.max-repeated-refusals",
                "many",
                "write a number",
            ),
            ("immuta.apikey", "k", "only with immuta.endpoint"),
            ("immuta.apikey-file", "k", "only with immuta.endpoint"),
            ("immuta.group-file", "", "is empty"),
            ("immuta.impersonation.user-mapping.file", "", "is empty"),
        ] {
            let (_, problems) = read(&[(name, value)]);
            assert_eq!(problems.len(), 1, "{name}={value}: {problems:?}");
            assert!(
                problems[0].starts_with(&format!("{name}: ")),
                "{problems:?}"
            );
            assert!(problems[0].contains(words), "{problems:?}");
        }
    }

    #[test]
    fn every_problem_is_found_at_once() {
        let (_, problems) = read(&[
            ("immuta.user.admin", "("),
            ("immuta.impersonation.enabled", "yes"),
            ("immuta.nonsense", "1"),
        ]);
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[test]
    fn one_source_is_needed() {
        let (_, neither) = Config::read(&Properties::new());
        assert!(neither[0].to_string().contains("not set"), "{neither:?}");
    }

    #[test]
    fn an_existing_file_of_the_product_starts_with_a_warning() {
        let (config, problems) = read(&[
            ("immuta.allowed.non.immuta.datasource.operations", "READ"),
            ("immuta.cache.views.seconds", "30"),
            ("immuta.http.timeout.milliseconds", "30000"),
            ("immuta.impersonation.cache.stale-if-error", "0s"),
            ("immuta.user.admin", "root "),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(config.warnings.len(), 3, "{:?}", config.warnings);
    }

    #[test]
    fn a_pattern_for_everybody_needs_a_confirmation() {
        let (config, problems) = read(&[
            ("immuta.user.admin", ".*"),
            ("immuta.impersonation.allow-match-all-admin", "true"),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        assert!(config.admins.users.unwrap().matches("anybody"));
    }
}
