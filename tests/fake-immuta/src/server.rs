//! A running server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::fault::{Fault, Scope};
use crate::state::{SeenRequest, State};
use crate::tls::{CertificateError, Identities};
use crate::user::FakeUser;
use crate::wire::{Connections, Wire};
use crate::{api, control};

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The API key.
    pub api_key: String,
    /// The port of the API over HTTP, 0 for any that is free.
    pub port: u16,
    /// The port of the control API, 0 for any that is free.
    pub control_port: u16,
    /// The file in which the certificate of the right HTTPS port is kept, from one start to the next. It is
    /// made if it is not there.
    pub identity: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            api_key: "fake-immuta-key".to_owned(),
            port: 0,
            control_port: 0,
            identity: None,
        }
    }
}

/// Why a server cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A port is taken, or there are no threads or files left.
    #[error("cannot serve: {0}")]
    Serve(#[from] io::Error),
    /// There are no certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
}

/// A running server on ports of the loopback interface. Dropping it stops it and closes every
/// connection, also those that hang.
pub struct FakeImmuta {
    state: Arc<State>,
    api_key: String,
    ca_pem: String,
    http: SocketAddr,
    https: SocketAddr,
    https_wrong_name: SocketAddr,
    https_unknown_ca: SocketAddr,
    control: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeImmuta {
    /// Starts a server on free ports.
    ///
    /// # Panics
    ///
    /// It cannot start: a test has no use for the reason.
    #[must_use]
    pub fn start() -> FakeImmuta {
        match FakeImmuta::start_with(&Options::default()) {
            Ok(server) => server,
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts a server.
    ///
    /// # Errors
    ///
    /// A port is taken, or the system has no resources left.
    pub fn start_with(options: &Options) -> Result<FakeImmuta, StartError> {
        let state = Arc::new(State::new(&options.api_key));
        let identities = Identities::new(options.identity.as_deref())?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let api = api::router(Arc::clone(&state));
        let control = control::router(Arc::clone(&state));
        let serve = |port, tls, router| serve(&runtime, port, tls, router);
        let http = serve(options.port, None, api.clone())?;
        let https = serve(0, Some(identities.right), api.clone())?;
        let https_wrong_name = serve(0, Some(identities.wrong_name), api.clone())?;
        let https_unknown_ca = serve(0, Some(identities.unknown_ca), api)?;
        let control = serve(options.control_port, None, control)?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("fake-immuta".to_owned())
            .spawn(move || {
                // An error says that the other end was dropped, which is a wish to stop as well.
                let _gone = runtime.block_on(stopped);
                // Drops the tasks, and with them their connections, wherever they wait.
                runtime.shutdown_timeout(Duration::from_secs(1));
            })?;
        Ok(FakeImmuta {
            state,
            api_key: options.api_key.clone(),
            ca_pem: identities.ca_pem,
            http,
            https,
            https_wrong_name,
            https_unknown_ca,
            control,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The API over HTTP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// The API over HTTPS, with a certificate that is right.
    #[must_use]
    pub fn https_url(&self) -> String {
        by_name(self.https)
    }

    /// The API over HTTPS, with a certificate for another host.
    #[must_use]
    pub fn https_wrong_name_url(&self) -> String {
        by_name(self.https_wrong_name)
    }

    /// The API over HTTPS, with a certificate of another CA than [`ca_pem`](Self::ca_pem).
    #[must_use]
    pub fn https_unknown_ca_url(&self) -> String {
        by_name(self.https_unknown_ca)
    }

    /// The control API.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// The certificate of the CA of the first two HTTPS ports, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The API key that the server was started with, `fake-immuta-key` unless another was wanted.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Adds a user, or replaces the one of the same IAM and name.
    pub fn put_user(&self, user: FakeUser) {
        self.state.put_user(user);
    }

    /// Removes a user, if there is such a one.
    pub fn remove_user(&self, iamid: &str, userid: &str) {
        self.state.remove_user(iamid, userid);
    }

    /// Whether the API key itself will do for credentials. If not, only a token will, which the key is
    /// exchanged for. At the start it will.
    pub fn accept_raw_key(&self, accepted: bool) {
        self.state.accept_raw_key(accepted);
    }

    /// Replaces the API key. The old one is refused from now on, and so are its tokens.
    pub fn set_api_key(&self, key: &str) {
        self.state.set_api_key(key);
    }

    /// Ends all tokens.
    pub fn expire_tokens(&self) {
        self.state.expire_tokens();
    }

    /// Sets what goes wrong with each request from now on, `None` for nothing. Requests that an earlier
    /// fault holds back are answered with 503, or their connections closed.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.state
            .set_fault(fault.map(|fault| (Scope::Everything, fault)));
    }

    /// Like [`set_fault`](Self::set_fault), for some of the requests only.
    pub fn set_fault_on(&self, scope: Scope, fault: Fault) {
        self.state.set_fault(Some((scope, fault)));
    }

    /// The requests to the API so far, in the order in which they arrived.
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.state.requests()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.state.clear_requests();
    }

    /// Waits until this many requests have arrived, answered or not, and says whether they have.
    #[must_use]
    pub fn wait_for_requests(&self, count: usize, timeout: Duration) -> bool {
        self.state.wait_for_requests(count, timeout)
    }
}

impl Drop for FakeImmuta {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has panicked if this fails, and said so.
            let _panicked = thread.join();
        }
    }
}

fn by_name(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}

fn serve(
    runtime: &Runtime,
    port: u16,
    tls: Option<TlsAcceptor>,
    router: axum::Router,
) -> io::Result<SocketAddr> {
    let _inside = runtime.enter();
    let connections = Connections::on(port, tls)?;
    let address = connections.address();
    let service = router.into_make_service_with_connect_info::<Wire>();
    runtime.spawn(async move {
        // It serves until the runtime is dropped, and never returns.
        let _never = axum::serve(connections, service).await;
    });
    Ok(address)
}
