//! Builds the HTTP client. Proxy, root certificates, timeouts and the race of addresses are the same for every request,
//! because every request goes through this client.

use super::{proxy::HttpProxy, resolver::Resolver};
use reqwest::{Client, NoProxy, Proxy};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use std::{
    collections::BTreeMap,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Timeout of a connection set-up: DNS, TCP, proxy and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Lifetime of an idle connection: 30 s, below the chats' own limits. A connection closed by the chat during a post
/// leaves the outcome unknown, and the repeat could double the card.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Idle connections kept for each host. More are open only at a start with many logins, and each has buffers of 8 KB and more.
const POOL_MAX_IDLE: usize = 16;

/// Settings of the way to the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpSettings {
    /// Proxy of https requests; `None`: the one of the environment, if any.
    pub proxy: Option<HttpProxy>,
    /// PEM file of a private certificate authority, trusted beside those of the machine.
    pub ca: Option<PathBuf>,
    /// Addresses of names that are not looked up. Used by tests.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
}

/// The HTTP client and its settings, shared by all stages.
#[derive(Debug, Clone)]
pub struct HttpStack {
    /// HTTP client. Redirects are not followed: webhook URLs are secrets, and tokens are for one host.
    pub http: Client,
    /// The proxy in use.
    pub proxy: Option<HttpProxy>,
    settings: HttpSettings,
}

/// Failure of building the HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The file of the private authority cannot be read.
    #[error("{} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file contains no certificate.
    #[error("{} contains no PEM certificate", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate is malformed.
    #[error("{} contains a malformed certificate", .0.display())]
    BadCertificate(PathBuf, #[source] rustls::Error),
    /// The proxy of the environment is malformed. The value may contain a password.
    #[error("{0} is not usable: {1}")]
    Proxy(&'static str, &'static str),
    /// The TLS configuration is not usable.
    #[error("TLS set-up failed")]
    Tls(#[source] rustls::Error),
    /// The client cannot be built.
    #[error("building the HTTP client failed")]
    Client(#[source] reqwest::Error),
}

impl HttpStack {
    /// Builds the client. Without root certificates each https request fails with a clear error; loopback still works.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn open(settings: HttpSettings) -> Result<Self, HttpError> {
        let proxy = match &settings.proxy {
            Some(proxy) => Some(proxy.clone()),
            None => HttpProxy::from_env().map_err(|(variable, reason)| HttpError::Proxy(variable, reason))?,
        };
        let http = build(&settings, proxy.as_ref(), None)?;
        Ok(Self { http, proxy, settings })
    }

    /// Builds another client with the same settings that also trusts the authority in `ca`.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn with_ca(&self, ca: &Path) -> Result<Client, HttpError> {
        build(&self.settings, self.proxy.as_ref(), Some(ca))
    }
}

/// Reads the certificates of a PEM file.
///
/// # Errors
/// The file cannot be read, or contains none.
pub fn read_ca(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let pem = fs::read(path).map_err(|error| HttpError::Unreadable(path.to_owned(), error))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).flatten().collect();
    if certificates.is_empty() {
        return Err(HttpError::NoCertificate(path.to_owned()));
    }
    // A root store checks the form of a certificate, a PEM reader does not.
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| HttpError::BadCertificate(path.to_owned(), error))?;
    }
    Ok(certificates)
}

fn build(settings: &HttpSettings, proxy: Option<&HttpProxy>, ca: Option<&Path>) -> Result<Client, HttpError> {
    let mut roots = Vec::new();
    for path in settings.ca.as_deref().into_iter().chain(ca) {
        roots.append(&mut read_ca(path)?);
    }
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(roots)?)
        .redirect(reqwest::redirect::Policy::none())
        // A WebSocket handshake needs HTTP/1.1.
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_MAX_IDLE)
        .tcp_nodelay(true)
        .dns_resolver(Arc::new(Resolver::new(settings.hosts.clone())))
        .user_agent(concat!("poprelay/", env!("CARGO_PKG_VERSION")))
        // The environment was read above; plain http goes to loopback only, and a proxy cannot reach that.
        .no_proxy();
    if let Some(proxy) = proxy {
        let mut entry = Proxy::https(proxy.url().clone()).map_err(HttpError::Client)?;
        if let Some((user, password)) = proxy.login() {
            entry = entry.basic_auth(user, password);
        }
        builder = builder.proxy(entry.no_proxy(NoProxy::from_env()));
    }
    builder.build().map_err(HttpError::Client)
}

/// Builds the TLS configuration of every connection. Root certificates come from the machine, or from `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` in place of them.
///
/// # Errors
/// The provider supports no protocol version.
pub fn tls(extra_roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(HttpError::Tls)?;
    match Verifier::new_with_extra_roots(extra_roots, provider) {
        Ok(verifier) => {
            Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
        }
        Err(error) => {
            let place = if std::env::var_os("SSL_CERT_FILE").is_some() { "SSL_CERT_FILE" } else { "ca-certificates" };
            tracing::error!(%error, place, "root certificates missing: install ca-certificates, https fails without them");
            Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
        }
    }
}
