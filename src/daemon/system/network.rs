//! One TLS configuration and one HTTP client for the process. Root certificates come from the machine, loaded once,
//! private authorities included.

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt as _;
use std::{sync::Arc, time::Duration};

/// HTTP client and TLS configuration shared by the stages.
#[derive(Debug, Clone)]
pub struct Network {
    /// HTTP client. Redirects are not followed: webhook URLs are secrets, and tokens are for one host.
    pub http: reqwest::Client,
    /// TLS configuration of WebSockets.
    pub tls: Arc<ClientConfig>,
}

/// Timeout of TCP and TLS connection set-up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Lifetime of an idle connection: 30 s, below the chats' own limits. A connection closed by the chat during a post
/// leaves the outcome unknown, and the repeat could double the card.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The HTTP client cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("building the HTTP client failed")]
pub struct NetworkError(#[source] reqwest::Error);

/// Builds both. Without root certificates each https request fails with a clear error; loopback still works.
///
/// # Errors
/// The HTTP client cannot be built.
pub fn open() -> Result<Network, NetworkError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // A program embedding this library may have installed another provider, which serves as well.
    drop(provider.install_default());
    let tls = ClientConfig::with_platform_verifier().unwrap_or_else(|error| {
        tracing::error!(%error, "root certificates missing: install ca-certificates, https fails without them");
        ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    });
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .user_agent(concat!("poprelay/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(NetworkError)?;
    Ok(Network { http, tls: Arc::new(tls) })
}
