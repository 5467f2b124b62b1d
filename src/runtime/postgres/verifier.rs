//! Certificate checks that are weaker than `verify-full`. The signature of the handshake is always checked.

use super::settings::Verification;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;

/// Weakens the check of the certificate in `config`. `extra_roots` are trusted beside those of the machine.
///
/// # Errors
/// The roots cannot be loaded.
pub(super) fn weaken(
    config: &mut ClientConfig,
    verification: Verification,
    extra_roots: Vec<CertificateDer<'static>>,
) -> Result<(), Error> {
    if verification == Verification::Full {
        return Ok(());
    }
    let full = Verifier::new_with_extra_roots(extra_roots, Arc::clone(config.crypto_provider()))?;
    let checks_issuer = verification == Verification::Issuer;
    config.dangerous().set_certificate_verifier(Arc::new(WeakVerifier { full, checks_issuer }));
    Ok(())
}

#[derive(Debug)]
struct WeakVerifier {
    full: Verifier,
    checks_issuer: bool,
}

impl ServerCertVerifier for WeakVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.checks_issuer {
            return Ok(ServerCertVerified::assertion());
        }
        match self.full.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is compared after the chain: an error of the name shows that the chain is good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.full.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.full.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.full.supported_verify_schemes()
    }
}
