//! What the tests with a stand-in for Immuta share: an engine that looks users up there, and a clock
//! that stands still until a test moves it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fake_immuta::{FakeImmuta, FakeUser};
use immuta_impersonation::clock::Clock;
use immuta_impersonation::config::Properties;
use immuta_impersonation::{Engine, Request};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tempfile::TempDir;

/// How long a user who may impersonate is remembered: the default.
pub const TTL: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct ManualClock {
    elapsed: Mutex<Duration>,
    /// By how much somebody has set the time of day.
    pub set_by: Mutex<SignedDuration>,
}

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock() += by;
    }
}

impl Clock for ManualClock {
    fn elapsed(&self) -> Duration {
        *self.elapsed.lock()
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.elapsed() + *self.set_by.lock()
    }
}

/// Files and properties of an engine that asks a stand-in.
pub struct Configuration {
    folder: TempDir,
    properties: Properties,
}

impl Default for Configuration {
    fn default() -> Self {
        Configuration {
            folder: TempDir::new().unwrap(),
            properties: Properties::default(),
        }
    }
}

impl Configuration {
    /// Of an engine that asks this server over HTTP and records nothing.
    pub fn of(immuta: &FakeImmuta) -> Self {
        let configuration = Configuration::default();
        let ca_file = configuration.path("ca.pem");
        fs::write(&ca_file, immuta.ca_pem()).unwrap();
        configuration
            .with("immuta.endpoint", immuta.url())
            .with("immuta.impersonation.allow-http", "true")
            .with("immuta.apikey", immuta.api_key())
            .with("immuta.ca-file", ca_file.display().to_string())
            .with("immuta.impersonation.audit.file", "")
    }

    /// A file in a folder of its own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.properties.insert(name.to_owned(), value.into());
        self
    }

    pub fn timeout(self, timeout: Duration) -> Self {
        let millis = timeout.as_millis().to_string();
        self.with("immuta.http.timeout.milliseconds", millis)
    }

    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    pub fn open(&self, clock: &Arc<ManualClock>) -> Engine {
        let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
        Engine::with_clock(self.properties(), clock).unwrap()
    }
}

/// A stand-in that knows `svc`, who may impersonate, and `alice` and `mallory`, who may not.
pub fn immuta() -> FakeImmuta {
    let immuta = FakeImmuta::start();
    immuta.put_user(FakeUser::new("svc", &["IMPERSONATE_USER"]));
    immuta.put_user(FakeUser::new("alice", &["CREATE_PROJECT"]));
    immuta.put_user(FakeUser::new("mallory", &["IMPERSONATE_HDFS_USER"]));
    immuta
}

pub fn reason(engine: &Engine, impersonator: &str, target: &str) -> &'static str {
    engine.decide(&Request::new(impersonator, target)).as_str()
}
