//! Names the failed leg of a request without an answer, and the remedy. Contains no text of a server.

use super::resolver::DnsError;
use rustls::CertificateError;
use std::{error::Error, fmt, io};

/// Reason for which a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkFault {
    /// The name of the host has no address.
    Dns,
    /// The DNS server does not answer.
    DnsSilent,
    /// The host refuses the connection.
    Refused,
    /// No route to the host.
    NoRoute,
    /// The proxy cannot be reached.
    ProxyUnreachable,
    /// The proxy requires a login, or rejects it (407).
    ProxyLogin,
    /// The proxy refuses to connect to the host.
    ProxyRefused,
    /// The certificate has expired, or is not valid yet.
    CertificateExpired,
    /// The issuer of the certificate is not trusted.
    CertificateIssuer,
    /// The certificate belongs to another host.
    CertificateName,
    /// Another problem of the certificate.
    Certificate,
    /// The TLS handshake failed.
    Tls,
    /// No connection in time.
    ConnectTimeout,
    /// No answer in time.
    Timeout,
    /// The connection ended before an answer.
    Closed,
    /// Any other fault.
    Other,
}

impl NetworkFault {
    /// Classifies an error by its causes.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        // The reason of a proxy comes first: its causes describe the way to the proxy, not to the host.
        let fault = error_chain(error)
            .find_map(proxy_fault)
            .or_else(|| error_chain(error).find_map(host_fault))
            .unwrap_or_else(|| if is_timeout(error) { Self::Timeout } else { Self::Other });
        let is_connect =
            || error_chain(error).any(|error| error.downcast_ref().is_some_and(reqwest::Error::is_connect));
        if fault == Self::Timeout && is_connect() { Self::ConnectTimeout } else { fault }
    }

    /// Returns whether no connection was established: the attempt cost the host nothing.
    #[must_use]
    pub const fn is_unreached(self) -> bool {
        matches!(
            self,
            Self::Dns | Self::DnsSilent | Self::Refused | Self::NoRoute | Self::ProxyUnreachable | Self::ConnectTimeout
        )
    }

    /// Returns the reason.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "the name of the host cannot be resolved (DNS)",
            Self::DnsSilent => "the DNS server does not answer",
            Self::Refused => "the host refuses the connection",
            Self::NoRoute => "no route to the host",
            Self::ProxyUnreachable => "the proxy cannot be reached",
            Self::ProxyLogin => "the proxy rejects the login (407)",
            Self::ProxyRefused => "the proxy refuses to connect to the host",
            Self::CertificateExpired => "the certificate has expired or is not valid yet",
            Self::CertificateIssuer => "the issuer of the certificate is not trusted",
            Self::CertificateName => "the certificate belongs to another host",
            Self::Certificate => "the certificate is not valid",
            Self::Tls => "the TLS handshake failed",
            Self::ConnectTimeout | Self::Timeout => "no answer in time",
            Self::Closed => "the connection ended before an answer",
            Self::Other => "the request failed",
        }
    }

    /// Returns the remedy.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Dns | Self::DnsSilent => {
                "Check this machine's DNS (resolvectl query HOST) and the host in the config."
            }
            Self::Refused => "Check host and port in the config, and whether a firewall rejects the connection.",
            Self::NoRoute => "Check this machine's network: address, gateway, cable, VPN.",
            Self::ProxyUnreachable => "Check [network] proxy, or HTTPS_PROXY in the unit, and whether the proxy runs.",
            Self::ProxyLogin => "Put user and password into [network] proxy: http://user:password@host:port.",
            Self::ProxyRefused => {
                "Let the proxy permit CONNECT to this host at port 443, or list the host in NO_PROXY."
            }
            Self::CertificateExpired => {
                "Check this machine's clock first (timedatectl), then the server's certificate."
            }
            Self::CertificateIssuer => {
                "If a proxy or the server uses a private authority, name its PEM file in [network] ca. \
                 Otherwise install ca-certificates."
            }
            Self::CertificateName => "Check the host in the config. A captive portal or DNS filter also causes this.",
            Self::Certificate | Self::Tls => "Check whether a proxy or firewall inspects TLS, and [network] ca.",
            Self::ConnectTimeout | Self::Timeout => {
                "A firewall may drop the packets. If the network needs a proxy, set [network] proxy."
            }
            Self::Closed | Self::Other => "The daemon retries. If this lasts, check firewall and proxy.",
        }
    }
}

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the innermost error: the outer ones name only the stage ("client error (Connect)").
#[must_use]
pub fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    error_chain(error).last().unwrap_or(error)
}

/// Iterates over an error and its causes. [`io::Error`]'s `source` skips the error it wraps, and rustls wraps its
/// certificate error in two of them.
fn error_chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map_or_else(|| error.source(), |inner| Some(inner as &(dyn Error + 'static)))
    })
}

/// Returns the fault of a proxy's tunnel. The error type of a tunnel is private to its library: its text is the only sign. A
/// test over sockets checks each.
fn proxy_fault(error: &(dyn Error + 'static)) -> Option<NetworkFault> {
    match error.to_string().strip_prefix("tunnel error: ")? {
        "proxy authorization required" => Some(NetworkFault::ProxyLogin),
        "failed to create underlying connection" => Some(NetworkFault::ProxyUnreachable),
        _ => Some(NetworkFault::ProxyRefused),
    }
}

fn host_fault(error: &(dyn Error + 'static)) -> Option<NetworkFault> {
    if let Some(DnsError(cause)) = error.downcast_ref() {
        let is_silent = cause.kind() == io::ErrorKind::TimedOut;
        return Some(if is_silent { NetworkFault::DnsSilent } else { NetworkFault::Dns });
    }
    if let Some(error) = error.downcast_ref() {
        return Some(tls_fault(error));
    }
    if error.downcast_ref().is_some_and(hyper::Error::is_incomplete_message) {
        return Some(NetworkFault::Closed);
    }
    let error: &io::Error = error.downcast_ref()?;
    if error.get_ref().is_some() {
        // A wrapper: its content follows in the chain.
        return None;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(NetworkFault::Refused),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown => {
            Some(NetworkFault::NoRoute)
        }
        io::ErrorKind::TimedOut => Some(NetworkFault::Timeout),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(NetworkFault::Closed),
        _ => None,
    }
}

fn tls_fault(error: &rustls::Error) -> NetworkFault {
    let rustls::Error::InvalidCertificate(problem) = error else { return NetworkFault::Tls };
    match problem {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => NetworkFault::CertificateExpired,
        CertificateError::UnknownIssuer => NetworkFault::CertificateIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            NetworkFault::CertificateName
        }
        _ => NetworkFault::Certificate,
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    error_chain(error).any(|error| {
        error.downcast_ref().is_some_and(reqwest::Error::is_timeout)
            || error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    })
}
