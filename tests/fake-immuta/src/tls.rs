//! Certificates: right, for another host, and of an unknown CA. Made anew for each server, but for the right
//! one where it is kept in a file.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// Why there are no certificates.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A certificate cannot be served.
    #[error("cannot serve a certificate: {0}")]
    Serve(#[from] rustls::Error),
    /// The file of the right certificate cannot be read or written.
    #[error("cannot keep the certificate: {0}")]
    Keep(#[from] io::Error),
    /// The file of the right certificate holds something else.
    #[error("cannot read the certificate that was kept: {0}")]
    Kept(#[from] pem::Error),
}

/// What the TLS ports show.
pub(crate) struct Identities {
    pub(crate) ca_pem: String,
    pub(crate) right: TlsAcceptor,
    pub(crate) wrong_name: TlsAcceptor,
    pub(crate) unknown_ca: TlsAcceptor,
}

impl Identities {
    /// What was kept in the file is right again, so that clients of an earlier server trust this one, too.
    pub(crate) fn new(kept: Option<&Path>) -> Result<Identities, CertificateError> {
        let (known, ca_pem) = authority("fake-immuta CA")?;
        let (unknown, _) = authority("another CA")?;
        let localhost = ["localhost", "127.0.0.1"];
        let mut right = Identity {
            ca_pem,
            ..Identity::new(&localhost, &known)?
        };
        if let Some(path) = kept {
            right = right.or_kept(path)?;
        }
        Ok(Identities {
            right: right.acceptor()?,
            ca_pem: right.ca_pem,
            wrong_name: Identity::new(&["elsewhere.invalid"], &known)?.acceptor()?,
            unknown_ca: Identity::new(&localhost, &unknown)?.acceptor()?,
        })
    }
}

/// A key and its certificate, and the CA's certificate where somebody is to trust it.
struct Identity {
    key_pem: String,
    certificate_pem: String,
    ca_pem: String,
}

fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String), CertificateError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}

impl Identity {
    fn new(
        names: &[&str],
        issuer: &Issuer<'static, KeyPair>,
    ) -> Result<Identity, CertificateError> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "fake-immuta");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        Ok(Identity {
            certificate_pem: params.signed_by(&key, issuer)?.pem(),
            key_pem: key.serialize_pem(),
            ca_pem: String::new(),
        })
    }

    /// The identity in the file; this one, which is then written there, if there is no such file.
    fn or_kept(self, path: &Path) -> Result<Identity, CertificateError> {
        if !path.exists() {
            let parts = [&self.key_pem, &self.certificate_pem, &self.ca_pem];
            fs::write(path, parts.map(String::as_str).join(SEPARATOR))?;
            return Ok(self);
        }
        let text = fs::read_to_string(path)?;
        let mut parts = text.split(SEPARATOR).map(str::to_owned);
        let mut next = || parts.next().ok_or(pem::Error::NoItemsFound);
        Ok(Identity {
            key_pem: next()?,
            certificate_pem: next()?,
            ca_pem: next()?,
        })
    }

    fn acceptor(&self) -> Result<TlsAcceptor, CertificateError> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(
                    self.certificate_pem.as_bytes(),
                )?],
                PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())?,
            )?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Between the parts of a file; no PEM has it.
const SEPARATOR: &str = "\0";
