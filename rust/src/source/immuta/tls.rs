//! Whose certificates are trusted. The provider of the cryptography is ring, named here, since the
//! process-wide default belongs to whoever else lives in the process.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::source::immuta::OpenError;
use crate::source::rights::Secrecy;
use crate::source::watched::{self, Parser};

/// Trusts what the file holds instead of what the system trusts. Where nothing is encrypted, the system
/// need not trust anybody.
pub(super) fn config(ca_file: Option<&Path>, needed: bool) -> Result<ClientConfig, OpenError> {
    let roots = match ca_file {
        Some(path) => {
            let parser: Parser<RootCertStore> = Box::new(pem_roots);
            watched::read(path, Secrecy::Public, &parser).map_err(OpenError::CaFile)?
        }
        None if needed => system_roots()?,
        None => RootCertStore::empty(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn pem_roots(bytes: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        let number = roots.len() + 1;
        certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()))
            .map_err(|error| format!("certificate {number} cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate in PEM format".to_owned());
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, OpenError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A system's store may hold what rustls does not take; the others serve.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(OpenError::SystemRoots(errors.join("; ")));
    }
    Ok(roots)
}
