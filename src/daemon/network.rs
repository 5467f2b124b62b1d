//! One TLS configuration and one HTTP client for the whole process: the machine's root certificates are loaded once, and
//! a company's own authority is trusted where the machine trusts it.

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt as _;
use std::{sync::Arc, time::Duration};

/// What the stages connect with.
#[derive(Debug, Clone)]
pub struct Network {
    /// For HTTP. Never follows a redirect: a webhook's URL is a secret, and a token is for one host.
    pub http: reqwest::Client,
    /// For WebSockets.
    pub tls: Arc<ClientConfig>,
}

/// How long a TCP and TLS connection may take to stand.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long an unused connection is kept: half a minute, well before a chat closes it. Meeting the close while posting
/// would be an end that nobody knows the outcome of, and could double a card.
const IDLE: Duration = Duration::from_secs(30);

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made")]
pub struct NetworkError(#[source] reqwest::Error);

/// Makes them. Without root certificates https fails with a clear error at each connection, and loopback still works.
///
/// # Errors
/// If the HTTP client cannot be made.
pub fn open() -> Result<Network, NetworkError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Another provider may be installed already by a program that embeds this library: it is as good.
    drop(provider.install_default());
    let tls = ClientConfig::with_platform_verifier().unwrap_or_else(|error| {
        tracing::error!(%error, "no root certificates: install ca-certificates, or nothing can be reached by https");
        ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    });
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .user_agent(concat!("poprelay/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(NetworkError)?;
    Ok(Network { http, tls: Arc::new(tls) })
}
