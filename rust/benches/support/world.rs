//! Engines that know so many users.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use fake_immuta::{FakeImmuta, FakeUser};
use immuta_impersonation::clock::SystemClock;
use immuta_impersonation::config::Properties;
use immuta_impersonation::source::lookup::{Lookup, LookupError};
use immuta_impersonation::user::{IMPERSONATE_USER, User};
use immuta_impersonation::{Engine, Reason, Request};
use tempfile::TempDir;

use super::requests::{Requests, person, service, services};

const POLICY: &str = "policy.json";

/// Where users come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The policy file.
    File,
    /// The cache, which has asked somebody who answers at once.
    Cache,
}

impl From {
    /// The words in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            From::File => "policy file",
            From::Cache => "cache",
        }
    }
}

/// The only group of the service accounts.
pub const SERVICES: &str = "bi";

/// The only group of everybody else.
pub const PEOPLE: &str = "analysts";

/// An engine and the files that it reads.
pub struct World {
    /// The engine.
    pub engine: Engine,
    /// How long its start took.
    pub started_in: Duration,
    folder: TempDir,
}

/// What an engine is made of.
pub struct Plan {
    users: usize,
    from: From,
    properties: Vec<(&'static str, String)>,
    scopes: Vec<String>,
    mapping: Option<&'static str>,
    audit: bool,
}

impl Plan {
    /// So many users, without administrators, scopes, mapping, folding and audit.
    pub fn new(users: usize, from: From) -> Self {
        Plan {
            users,
            from,
            properties: Vec::new(),
            scopes: Vec::new(),
            mapping: None,
            audit: false,
        }
    }

    /// With this property.
    pub fn with(mut self, property: &'static str, value: &str) -> Self {
        self.properties.push((property, value.to_owned()));
        self
    }

    /// With these scopes, in JSON.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = String>) -> Self {
        self.scopes.extend(scopes);
        self
    }

    /// With this user mapping, in JSON.
    pub fn mapping(mut self, mapping: &'static str) -> Self {
        self.mapping = Some(mapping);
        self
    }

    /// With the audit on.
    pub fn audit(mut self) -> Self {
        self.audit = true;
        self
    }

    /// Starts the engine. If users come from the cache, they are all in it.
    pub fn start(&self) -> World {
        let people = self.users - services(self.users);
        let world = self.open(|properties| {
            let clock = Arc::new(SystemClock::new());
            match self.from {
                From::File => Engine::with_clock(properties, clock),
                From::Cache => Engine::with_lookup(properties, clock, Arc::new(Everybody)),
            }
        });
        if self.from == From::Cache {
            for number in 0..services(self.users) {
                world
                    .engine
                    .decide(&Request::new(&service(number), &person(0)));
            }
            for number in 0..people {
                world
                    .engine
                    .decide(&Request::new(&service(0), &person(number)));
            }
        }
        world
    }

    /// Starts the engine on a stand-in for Immuta, which it has not asked yet.
    pub fn start_with_server(mut self, server: &FakeImmuta) -> World {
        for number in 0..services(self.users) {
            server.put_user(FakeUser::new(&service(number), &[IMPERSONATE_USER]));
        }
        for number in 0..self.users - services(self.users) {
            server.put_user(FakeUser::new(&person(number), &[]));
        }
        self.properties.push(("immuta.endpoint", server.url()));
        self.properties.push(("immuta.iam", "bim".to_owned()));
        self.open(Engine::open)
    }

    fn open<E: std::fmt::Debug>(
        &self,
        start: impl FnOnce(&Properties) -> Result<Engine, E>,
    ) -> World {
        let folder = TempDir::new().expect("a folder for the files");
        let mut properties = Properties::new();
        let mut set = |name: &str, value: String| properties.insert(name.to_owned(), value);
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("a file in the folder");
            path.display().to_string()
        };
        set(
            "immuta.impersonation.policy-file",
            write(POLICY, &self.policy()),
        );
        // Nothing is to happen besides what is measured.
        set("immuta.impersonation.policy-file.refresh", "1h".to_owned());
        if let Some(mapping) = self.mapping {
            let path = write("mapping.json", mapping);
            set("immuta.impersonation.user-mapping.file", path);
        }
        let audit = if self.audit {
            write("audit.jsonl", "")
        } else {
            String::new()
        };
        set("immuta.impersonation.audit.file", audit);
        if self.from == From::Cache {
            set("immuta.endpoint", "http://localhost".to_owned());
            set("immuta.impersonation.allow-http", "true".to_owned());
            set("immuta.apikey", "fake-immuta-key".to_owned());
            set("immuta.impersonation.cache.ttl", "1d".to_owned());
            set("immuta.impersonation.cache.negative-ttl", "1d".to_owned());
            // Nobody is forgotten for the strangers that are asked for as well.
            let room = self.users * 2;
            set("immuta.impersonation.cache.max-users", room.to_string());
        }
        for (name, value) in &self.properties {
            set(name, value.clone());
        }
        let began = Instant::now();
        let engine = start(&properties).expect("the properties are right");
        World {
            engine,
            started_in: began.elapsed(),
            folder,
        }
    }

    fn policy(&self) -> String {
        let mut json = String::from("{\"users\": [");
        if self.from == From::File {
            for number in 0..services(self.users) {
                let name = service(number);
                let _ = writeln!(
                    json,
                    r#"{{"name": "{name}", "permissions": ["{IMPERSONATE_USER}"], "groups": ["{SERVICES}"]}},"#
                );
            }
            for number in 0..self.users - services(self.users) {
                let name = person(number);
                let _ = writeln!(json, r#"{{"name": "{name}", "groups": ["{PEOPLE}"]}},"#);
            }
            // The comma after the last.
            json.truncate(json.len() - 2);
        }
        let _ = write!(json, "], \"scopes\": [{}]}}", self.scopes.join(",\n"));
        json
    }
}

impl World {
    /// Makes the policy file look changed.
    pub fn touch_policy(&self) {
        File::open(self.folder.path().join(POLICY))
            .and_then(|file| file.set_modified(SystemTime::now()))
            .expect("the policy file is there");
    }

    /// Makes sure that every request gets this answer, which also makes everything warm.
    pub fn expect(&self, requests: &Requests, reason: Reason) {
        for number in 0..requests.len() {
            let request = requests.get(number);
            assert_eq!(self.engine.decide(&request), reason, "{request:?}");
        }
    }
}

/// Knows the users whom the policy file would list.
struct Everybody;

impl Lookup for Everybody {
    fn look_up(&self, name: &str, _: Duration) -> Result<Option<User>, LookupError> {
        let is_service = name.starts_with("svc_");
        let is_known = is_service || name.starts_with('p');
        let group = if is_service { SERVICES } else { PEOPLE };
        Ok(is_known.then(|| User::new(is_service).with_details(vec![group.to_owned()], None)))
    }
}
