//! The properties that say where users come from.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::{Reader, property};
use crate::cache;
use crate::name::Folding;
use crate::source::immuta::{self, ApiKey, Endpoint};
use crate::source::local::Files;
use crate::source::settings::{Remote, Settings};
use crate::source::watched::Watch;

/// A change of a file is looked for at most this often.
const SHORTEST_REFRESH: Duration = Duration::from_millis(10);
/// A query may wait for Immuta this long at most.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

impl Reader<'_> {
    pub(super) fn source(&mut self, folding: Folding) -> Option<Settings> {
        let has_endpoint = self.get(property::ENDPOINT).is_some();
        if !has_endpoint {
            if self.get(property::POLICY_FILE).is_none() {
                let text = "not set, so nobody is known; name a JSON file with users and scopes, or set immuta.endpoint";
                self.problem(property::POLICY_FILE, text);
            }
            for name in [property::APIKEY, property::APIKEY_FILE] {
                if self.get(name).is_some() {
                    self.problem(
                        name,
                        format!(
                            "is of use only with {0}; set {0}, or remove the line",
                            property::ENDPOINT
                        ),
                    );
                }
            }
        }
        let files = self.files(folding, !has_endpoint);
        let remote = has_endpoint.then(|| self.remote(folding));
        match (files.policy.is_some(), remote) {
            (false, None) => None,
            (_, remote) => Some(Settings {
                files,
                remote: remote.flatten(),
            }),
        }
    }

    fn files(&mut self, folding: Folding, lists_users: bool) -> Files {
        let refresh = self.duration(property::POLICY_FILE_REFRESH, Duration::from_secs(1));
        if refresh < SHORTEST_REFRESH {
            self.problem(
                property::POLICY_FILE_REFRESH,
                format!("must be {} ms at least", SHORTEST_REFRESH.as_millis()),
            );
        }
        let max_stale = self.duration(property::POLICY_FILE_MAX_STALE, Duration::from_secs(600));
        let mut watch = |name, what| {
            self.path(name, what).map(|path| Watch {
                path,
                refresh,
                max_stale,
            })
        };
        Files {
            policy: watch(property::POLICY_FILE, "a JSON file"),
            groups: watch(
                property::GROUP_FILE,
                "a file with a line group:user,user for each group",
            ),
            mapping: watch(
                property::USER_MAPPING_FILE,
                "a JSON file in the format of Trino's user mapping",
            ),
            lists_users,
            folding,
        }
    }

    fn remote(&mut self, folding: Folding) -> Option<Remote> {
        let allow_http = self.boolean(property::ALLOW_HTTP, false);
        let endpoint = self.endpoint(allow_http);
        let key = self.key();
        let timeout = self.timeout();
        let cache = self.cache(timeout);
        Some(Remote {
            api: immuta::Settings {
                endpoint: endpoint?,
                key: key?,
                iam: self.text(property::IAM, "the id of an IAM, such as bim"),
                ca_file: self.path(property::CA_FILE, "a PEM file with certificates"),
                timeout,
                folding,
            },
            cache,
        })
    }

    fn endpoint(&mut self, allow_http: bool) -> Option<Endpoint> {
        let text = self.get(property::ENDPOINT)?.trim();
        if allow_http && text.to_ascii_lowercase().starts_with("http:") {
            self.warnings.push(format!(
                "{} is plain HTTP: whoever sits between here and there reads the API key and can grant themselves permissions",
                property::ENDPOINT
            ));
        }
        Endpoint::parse(text, allow_http)
            .map_err(|problem| self.problem(property::ENDPOINT, problem))
            .ok()
    }

    fn key(&mut self) -> Option<ApiKey> {
        let key = self.text(property::APIKEY, "an API key of Immuta");
        let file = self.path(
            property::APIKEY_FILE,
            "a file that holds an API key of Immuta",
        );
        match (key, file) {
            (Some(_), Some(_)) => {
                let text = format!("set together with {}; set one of them", property::APIKEY);
                self.problem(property::APIKEY_FILE, text);
                None
            }
            (Some(key), None) => Some(ApiKey::Value(key.into())),
            (None, Some(file)) => Some(ApiKey::File(file)),
            (None, None) => {
                let named = [property::APIKEY, property::APIKEY_FILE];
                if named.iter().all(|name| self.get(name).is_none()) {
                    let text = format!(
                        "needs an API key; name a file that holds one in {}",
                        property::APIKEY_FILE
                    );
                    self.problem(property::ENDPOINT, text);
                }
                None
            }
        }
    }

    fn timeout(&mut self) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(5);
        let Some(text) = self.get(property::HTTP_TIMEOUT) else {
            return DEFAULT;
        };
        let timeout = text.trim().parse().map(Duration::from_millis);
        match timeout {
            Ok(timeout) if !timeout.is_zero() && timeout <= LONGEST_TIMEOUT => timeout,
            _ => {
                let longest = LONGEST_TIMEOUT.as_millis();
                self.problem(
                    property::HTTP_TIMEOUT,
                    format!(
                        "is \"{text}\"; write milliseconds from 1 to {longest}, without a unit"
                    ),
                );
                DEFAULT
            }
        }
    }

    fn cache(&mut self, timeout: Duration) -> cache::Settings {
        const DEFAULT_MAX_USERS: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();
        let max_users = match self.get(property::CACHE_MAX_USERS).map(str::trim) {
            None => DEFAULT_MAX_USERS,
            Some(text) => text.parse().unwrap_or_else(|_| {
                let text = format!("is \"{text}\"; write a whole number from 1");
                self.problem(property::CACHE_MAX_USERS, text);
                DEFAULT_MAX_USERS
            }),
        };
        cache::Settings {
            ttl: self.duration(property::CACHE_TTL, Duration::from_secs(30)),
            negative_ttl: self.duration(property::CACHE_NEGATIVE_TTL, Duration::from_secs(5)),
            stale_if_error: self.duration(property::CACHE_STALE_IF_ERROR, Duration::ZERO),
            max_users,
            timeout,
        }
    }

    fn path(&mut self, name: &str, what: &str) -> Option<PathBuf> {
        self.text(name, &format!("the path of {what}"))
            .map(PathBuf::from)
    }

    /// A text without blanks around it, which must not be empty.
    fn text(&mut self, name: &str, what: &str) -> Option<String> {
        let text = self.get(name)?.trim();
        if text.is_empty() {
            self.problem(name, format!("is empty; write {what}, or remove the line"));
            return None;
        }
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Problem, Properties};
    use super::*;

    const ENDPOINT: (&str, &str) = ("immuta.endpoint", "https://immuta.example/base/");
    const KEY: (&str, &str) = ("immuta.apikey", "secret-key");

    fn read(pairs: &[(&str, &str)]) -> (Config, Vec<String>) {
        let properties: Properties = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (config, problems) = Config::read(&properties);
        (config, problems.iter().map(Problem::to_string).collect())
    }

    fn remote(pairs: &[(&str, &str)]) -> Remote {
        let (config, problems) = read(pairs);
        assert_eq!(problems, Vec::<String>::new());
        config.source.unwrap().remote.unwrap()
    }

    #[test]
    fn an_endpoint_and_a_key_are_enough() {
        let remote = remote(&[ENDPOINT, KEY]);
        assert_eq!(remote.api.timeout, Duration::from_secs(5));
        assert_eq!(remote.api.iam, None);
        assert_eq!(remote.api.ca_file, None);
        assert_eq!(remote.cache.ttl, Duration::from_secs(30));
        assert_eq!(remote.cache.negative_ttl, Duration::from_secs(5));
        assert_eq!(remote.cache.stale_if_error, Duration::ZERO);
        assert_eq!(remote.cache.max_users.get(), 100_000);
        assert_eq!(remote.cache.timeout, Duration::from_secs(5));
    }

    #[test]
    fn every_property_is_heard() {
        let remote = remote(&[
            ("immuta.endpoint", "http://immuta.example"),
            ("immuta.impersonation.allow-http", "true"),
            ("immuta.apikey-file", "etc/key"),
            ("immuta.iam", "okta"),
            ("immuta.ca-file", "etc/ca.pem"),
            ("immuta.http.timeout.milliseconds", "700"),
            ("immuta.impersonation.cache.ttl", "1m"),
            ("immuta.impersonation.cache.negative-ttl", "0s"),
            ("immuta.impersonation.cache.stale-if-error", "2m"),
            ("immuta.impersonation.cache.max-users", "7"),
            ("immuta.impersonation.case-insensitive", "true"),
        ]);
        assert!(matches!(remote.api.key, ApiKey::File(file) if file.as_os_str() == "etc/key"));
        assert_eq!(remote.api.iam.as_deref(), Some("okta"));
        assert_eq!(remote.api.ca_file, Some(PathBuf::from("etc/ca.pem")));
        assert_eq!(remote.api.timeout, Duration::from_millis(700));
        assert_eq!(remote.api.folding, Folding::CaseInsensitive);
        assert_eq!(remote.cache.ttl, Duration::from_secs(60));
        assert_eq!(remote.cache.negative_ttl, Duration::ZERO);
        assert_eq!(remote.cache.stale_if_error, Duration::from_secs(120));
        assert_eq!(remote.cache.max_users.get(), 7);
    }

    #[test]
    fn with_an_endpoint_the_policy_file_holds_scopes_alone() {
        let (config, problems) = read(&[ENDPOINT, KEY, (property::POLICY_FILE, "p.json")]);
        assert_eq!(problems, Vec::<String>::new());
        assert!(!config.source.unwrap().files.lists_users);
        let (config, _) = read(&[(property::POLICY_FILE, "p.json")]);
        let source = config.source.unwrap();
        assert!(source.files.lists_users && source.remote.is_none());
    }

    #[test]
    fn mistakes_name_the_property_and_what_to_write() {
        for (name, value, words) in [
            (
                "immuta.endpoint",
                "http://immuta.example",
                "allow-http=true",
            ),
            ("immuta.endpoint", "immuta", "https"),
            ("immuta.apikey", " ", "is empty"),
            ("immuta.apikey-file", "key", "set one of them"),
            ("immuta.iam", "", "is empty"),
            ("immuta.ca-file", "", "is empty"),
            ("immuta.http.timeout.milliseconds", "5s", "without a unit"),
            ("immuta.http.timeout.milliseconds", "0", "from 1 to"),
            ("immuta.http.timeout.milliseconds", "300001", "from 1 to"),
            (
                "immuta.impersonation.cache.ttl",
                "30",
                "a number and a unit",
            ),
            (
                "immuta.impersonation.cache.max-users",
                "0",
                "a whole number from 1",
            ),
            ("immuta.impersonation.allow-http", "yes", "true or false"),
        ] {
            let mut pairs = vec![ENDPOINT, KEY];
            pairs.retain(|(present, _)| *present != name);
            pairs.push((name, value));
            let (_, problems) = read(&pairs);
            assert_eq!(problems.len(), 1, "{name}={value}: {problems:?}");
            assert!(
                problems[0].starts_with(&format!("{name}: ")),
                "{problems:?}"
            );
            assert!(problems[0].contains(words), "{problems:?}");
        }
    }

    #[test]
    fn an_endpoint_needs_a_key() {
        let (_, problems) = read(&[ENDPOINT]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("immuta.apikey-file"), "{problems:?}");
    }

    #[test]
    fn plain_http_is_warned_of() {
        let (config, _) = read(&[
            ("immuta.endpoint", "http://immuta.example"),
            ("immuta.impersonation.allow-http", "true"),
            KEY,
        ]);
        assert!(
            config.warnings[0].contains("plain HTTP"),
            "{:?}",
            config.warnings
        );
    }

    #[test]
    fn the_key_is_nowhere_in_what_can_be_printed() {
        let (config, problems) = read(&[ENDPOINT, KEY, ("immuta.apikey-file", "f")]);
        let (other, _) = read(&[ENDPOINT, KEY]);
        let printed = format!("{config:?} {problems:?} {other:?}");
        assert!(!printed.contains("secret-key"), "{printed}");
    }
}
