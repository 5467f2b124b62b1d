//! The `[metrics]` table.

use super::{Validator, diagnostics::Diagnostic};
use std::{fmt, net::SocketAddr, path::PathBuf};

/// Address of the metrics listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricsListen {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl fmt::Display for MetricsListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl MetricsListen {
    /// Parses `127.0.0.1:9464`, `[::1]:9464` or `unix:/run/poprelay/metrics.sock`.
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("unix:") {
            Some(path) => path.starts_with('/').then(|| Self::Unix(path.into())),
            None => text.parse().ok().map(Self::Tcp),
        }
    }

    /// Returns whether other machines can reach the address.
    fn is_public(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().is_loopback())
    }
}

impl Validator<'_> {
    pub(super) fn metrics_listen(&mut self, text: Option<&str>) -> Option<MetricsListen> {
        let Some(listen) = MetricsListen::parse(text?) else {
            self.error(
                "metrics.listen",
                "expected an address and a port, as in \"127.0.0.1:9464\", or \"unix:/run/poprelay/metrics.sock\"",
            );
            return None;
        };
        if listen.is_public() {
            let text = "other machines can reach this address, and the metrics have no login. They contain the names of sinks \
                        and connections and the number of calls. Use 127.0.0.1, or limit the access with a firewall";
            self.warnings.push(Diagnostic::at(self.source, "metrics.listen", text));
        }
        Some(listen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_socket_files_are_read() {
        let read = |text: &str| MetricsListen::parse(text).map(|listen| (listen.to_string(), listen.is_public()));
        let local = |text: &str| Some((text.to_owned(), false));
        assert_eq!(read("127.0.0.1:9464"), local("http://127.0.0.1:9464"));
        assert_eq!(read("[::1]:9464"), local("http://[::1]:9464"));
        assert_eq!(read("unix:/run/poprelay/metrics.sock"), local("unix:/run/poprelay/metrics.sock"));
        assert_eq!(read("0.0.0.0:9464"), Some(("http://0.0.0.0:9464".to_owned(), true)));
        for invalid in ["", "9464", "127.0.0.1", "unix:metrics.sock", "unix:", "http://127.0.0.1:9464"] {
            assert_eq!(read(invalid), None, "{invalid}");
        }
    }
}
