//! Certificates: right, for another host, and of an unknown CA. Made anew for each server.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
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
}

/// What the TLS ports show.
pub(crate) struct Identities {
    pub(crate) ca_pem: String,
    pub(crate) right: TlsAcceptor,
    pub(crate) wrong_name: TlsAcceptor,
    pub(crate) unknown_ca: TlsAcceptor,
}

impl Identities {
    pub(crate) fn new() -> Result<Identities, CertificateError> {
        let (known, ca_pem) = authority("fake-immuta CA")?;
        let (unknown, _) = authority("another CA")?;
        Ok(Identities {
            ca_pem,
            right: acceptor(&["localhost", "127.0.0.1"], &known)?,
            wrong_name: acceptor(&["elsewhere.invalid"], &known)?,
            unknown_ca: acceptor(&["localhost", "127.0.0.1"], &unknown)?,
        })
    }
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

fn acceptor(
    names: &[&str],
    issuer: &Issuer<'static, KeyPair>,
) -> Result<TlsAcceptor, CertificateError> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "fake-immuta");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
