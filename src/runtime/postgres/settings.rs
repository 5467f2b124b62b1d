//! Settings of a connection, parsed from an URL. The words of `sslmode` are libpq's; the default is stricter.

use percent_encoding::percent_decode_str;
use std::{path::PathBuf, time::Duration};
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};

/// Timeout of a TCP connection to one address: a primary that is switched off costs this before the next host is tried.
const TCP_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Silence on a connection before the first probe. A peer that lost its power is noticed after this, and the probes.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
/// Time between two probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
/// Probes without an answer until the connection ends.
const KEEPALIVE_RETRIES: u32 = 2;
/// Longest time that sent data may stay without an acknowledgement of the peer's TCP.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);
/// Port without one in the URL.
const DEFAULT_PORT: u16 = 5432;

/// Options of the URL besides `sslmode`, `host` and `target_session_attrs`, each with what its value is. An error quotes no value.
const OPTIONS: [(&str, &str); 10] = [
    ("application_name", "application_name in the URL is a text"),
    ("channel_binding", "channel_binding in the URL is one of disable, prefer, require"),
    ("connect_timeout", "connect_timeout in the URL is a number of seconds"),
    ("dbname", "dbname in the URL is the name of a database"),
    ("hostaddr", "hostaddr in the URL is an IP address"),
    ("keepalives_idle", "keepalives_idle in the URL is a number of seconds"),
    ("options", "options in the URL is a text"),
    ("password", "password in the URL is a text"),
    ("port", "port in the URL is a number, or one number for each host"),
    ("user", "user in the URL is the name of a role"),
];

/// Words of `target_session_attrs`, as libpq has them.
const SESSION_WORDS: [&str; 6] = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"];

const EXPECTED: &str = "expected an URL such as postgres://poprelay:PASSWORD@db.example.com/poprelay. \
                        In the password write % as %25, / as %2F, ? as %3F, @ as %40";

/// Checks of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verification {
    /// No check: TLS against a reader of the network, not against a false server.
    None,
    /// The issuer must be trusted (`verify-ca`).
    Issuer,
    /// The issuer must be trusted and the name must be the host's (`verify-full`).
    Full,
}

/// Settings of a connection to a PostgreSQL server. `Debug` prints no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    pub(super) config: Config,
    pub(super) verification: Verification,
    pub(super) ca: Option<PathBuf>,
}

impl PostgresSettings {
    /// Parses `postgres://user:password@host:port/database?sslmode=…`. Several hosts are separated by commas; the first that
    /// accepts writes is used. `?host=/var/run/postgresql` names the directory of a Unix socket. `ca` is a PEM file of
    /// authorities that are trusted beside those of the machine.
    ///
    /// # Errors
    /// A description that quotes nothing of `url`.
    pub fn parse(url: &str, ca: Option<PathBuf>) -> Result<Self, &'static str> {
        let url = url.trim();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(EXPECTED);
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut ssl_mode = None;
        let mut rest: Vec<String> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(EXPECTED)?;
            match key {
                "sslmode" => ssl_mode = Some(decoded(value)),
                // The daemon needs a server that accepts writes, whichever the URL asks for.
                "target_session_attrs" if SESSION_WORDS.contains(&decoded(value).as_str()) => {}
                "target_session_attrs" => {
                    return Err(
                        "target_session_attrs in the URL is one of any, read-write, read-only, primary, standby, \
                                prefer-standby",
                    );
                }
                "sslrootcert" => return Err("name the authority's PEM file with the key `ca`, not with sslrootcert"),
                "sslcert" | "sslkey" => return Err("client certificates are not supported; use a password"),
                // libpq separates several hosts by commas; tokio-postgres expects an option for each.
                "host" => rest.extend(value.split(',').map(|host| format!("host={host}"))),
                key => match OPTIONS.iter().find(|(name, _)| *name == key) {
                    // Each option alone: the library's error names none.
                    Some((_, expected)) if format!("postgres://?{pair}").parse::<Config>().is_err() => {
                        return Err(expected);
                    }
                    Some(_) => rest.push(pair.to_owned()),
                    None => return Err("the URL has an unknown option. In a password write ? as %3F"),
                },
            }
        }
        let mut config: Config = format!("{base}?{}", rest.join("&")).parse().map_err(|_| EXPECTED)?;
        if config.get_hosts().is_empty() {
            return Err("the URL has no host. A Unix socket is named by its directory: ?host=/var/run/postgresql");
        }
        let is_local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let (ssl, verification) = tls_mode(ssl_mode.as_deref(), is_local, ca.is_some())?;
        config.ssl_mode(ssl);
        complete(&mut config);
        Ok(Self { config, verification, ca })
    }

    /// Returns the place of the server, for messages: hosts with ports, database and role.
    #[must_use]
    pub fn place(&self) -> String {
        let ports = self.config.get_ports();
        let port = |at: usize| ports.get(at).or_else(|| ports.first()).copied().unwrap_or(DEFAULT_PORT);
        let hosts = self.config.get_hosts().iter().enumerate().map(|(at, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            Host::Unix(dir) => format!("{}/.s.PGSQL.{}", dir.display(), port(at)),
        });
        let mut place = hosts.collect::<Vec<_>>().join(",");
        if let Some(database) = self.config.get_dbname() {
            place.push_str(&format!(", database {database}"));
        }
        if let Some(role) = self.config.get_user() {
            place.push_str(&format!(", role {role}"));
        }
        place
    }

    /// Returns in words whether the connection is encrypted, and which checks the server must pass.
    #[must_use]
    pub fn describe_tls(&self) -> &'static str {
        match (self.config.get_ssl_mode(), self.verification) {
            (SslMode::Disable, _) if self.config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) => {
                "Unix socket"
            }
            (SslMode::Disable, _) => "no TLS",
            (SslMode::Prefer, _) => "TLS if the server offers it, certificate not checked",
            (_, Verification::None) => "TLS, certificate not checked",
            (_, Verification::Issuer) => "TLS, issuer of the certificate checked",
            (_, Verification::Full) => "TLS, certificate and name checked",
        }
    }

    /// Returns the number of hosts: each one may cost a timeout.
    pub(super) fn host_count(&self) -> u32 {
        u32::try_from(self.config.get_hosts().len()).unwrap_or(u32::MAX)
    }
}

fn decoded(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// Maps a word of libpq. Without a word a TCP connection is encrypted and checked, unlike libpq's `prefer`.
fn tls_mode(word: Option<&str>, is_local: bool, has_ca: bool) -> Result<(SslMode, Verification), &'static str> {
    let (mode, verification) = match word {
        None | Some("verify-full") => (SslMode::Require, Verification::Full),
        Some("verify-ca") => (SslMode::Require, Verification::Issuer),
        // As libpq: with an authority at hand, `require` checks the issuer.
        Some("require") if has_ca => (SslMode::Require, Verification::Issuer),
        Some("require") => (SslMode::Require, Verification::None),
        // libpq's `allow` connects without TLS first. Here TLS comes first: the same servers are reached, more of them encrypted.
        Some("prefer" | "allow") => (SslMode::Prefer, Verification::None),
        Some("disable") => (SslMode::Disable, Verification::None),
        Some(_) => return Err("sslmode is one of disable, allow, prefer, require, verify-ca, verify-full"),
    };
    // A server offers no TLS on a Unix socket.
    Ok(if is_local { (SslMode::Disable, Verification::None) } else { (mode, verification) })
}

/// Sets the options that the URL leaves open. A store needs a server that accepts writes, whatever the URL requests.
fn complete(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(TCP_CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("poprelay");
    }
    config
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES)
        .tcp_user_timeout(TCP_USER_TIMEOUT)
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<PostgresSettings, &'static str> {
        PostgresSettings::parse(url, None)
    }

    #[test]
    fn url_without_sslmode_is_encrypted_and_checked() {
        let settings = parse("postgres://pop:secret@db.example.com/calls").unwrap();
        assert_eq!(settings.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(settings.verification, Verification::Full);
        assert_eq!(settings.place(), "db.example.com:5432, database calls, role pop");
        assert_eq!(settings.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(settings.config.get_application_name(), Some("poprelay"));
        assert!(!format!("{settings:?}").contains("secret"));
    }

    #[test]
    fn sslmode_words_are_those_of_libpq() {
        let mode = |word: &str, ca: Option<&str>| {
            let url = format!("postgresql://pop@db.example.com:6432/calls?sslmode={word}");
            PostgresSettings::parse(&url, ca.map(PathBuf::from)).map(|it| (it.config.get_ssl_mode(), it.verification))
        };
        assert_eq!(mode("disable", None).unwrap(), (SslMode::Disable, Verification::None));
        assert_eq!(mode("prefer", None).unwrap(), (SslMode::Prefer, Verification::None));
        assert_eq!(mode("require", None).unwrap(), (SslMode::Require, Verification::None));
        assert_eq!(mode("require", Some("ca.pem")).unwrap(), (SslMode::Require, Verification::Issuer));
        assert_eq!(mode("verify-ca", None).unwrap(), (SslMode::Require, Verification::Issuer));
        assert_eq!(mode("verify%2Dfull", None).unwrap(), (SslMode::Require, Verification::Full));
        assert_eq!(mode("allow", None).unwrap(), (SslMode::Prefer, Verification::None));
        assert!(mode("always", None).unwrap_err().contains("verify-full"));
    }

    #[test]
    fn session_words_of_libpq_leave_the_server_that_accepts_writes() {
        for word in ["any", "read-write", "read%2Dwrite", "read-only", "primary", "standby", "prefer-standby"] {
            let settings = parse(&format!("postgres://pop@a,b/calls?target_session_attrs={word}")).unwrap();
            assert_eq!(settings.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite, "{word}");
        }
    }

    #[test]
    fn option_with_an_invalid_value_is_named() {
        let invalid = [
            "target_session_attrs=hunter2",
            "channel_binding=hunter2",
            "connect_timeout=hunter2",
            "keepalives_idle=hunter2",
            "hostaddr=hunter2",
            "port=hunter2",
            "sslmode=hunter2",
        ];
        for option in invalid {
            let error = parse(&format!("postgres://pop@db/calls?{option}")).unwrap_err();
            let (name, _) = option.split_once('=').unwrap();
            assert!(error.starts_with(name) && !error.contains("hunter2"), "{option}: {error}");
        }
        let all = "application_name=a&connect_timeout=3&options=-c%20jit%3Doff&port=5433&channel_binding=prefer";
        assert!(parse(&format!("postgres://pop@db/calls?{all}&keepalives_idle=9")).is_ok());
    }

    #[test]
    fn unix_socket_has_no_tls_whatever_sslmode_is() {
        let settings = parse("postgres://pop@/calls?host=/var/run/postgresql&sslmode=verify-full").unwrap();
        assert_eq!(settings.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(settings.place(), "/var/run/postgresql/.s.PGSQL.5432, database calls, role pop");
        assert_eq!(settings.describe_tls(), "Unix socket");
    }

    #[test]
    fn several_hosts_have_their_ports() {
        let settings = parse("postgres://pop@a:5433,b:5434/calls").unwrap();
        assert_eq!(settings.place(), "a:5433,b:5434, database calls, role pop");
        assert_eq!(settings.host_count(), 2);
        let sockets = parse("postgres://pop@/calls?host=/run/a,/run/b").unwrap();
        assert_eq!(sockets.place(), "/run/a/.s.PGSQL.5432,/run/b/.s.PGSQL.5432, database calls, role pop");
    }

    #[test]
    fn invalid_url_is_rejected_without_a_quotation() {
        for url in [
            "host=db password=hunter2",
            "mysql://pop:hunter2@db/calls",
            "postgres://pop:hunt?er2@db/calls",
            "postgres://pop:hunter2@db:port/calls",
            "postgres://pop:hunter2@db/calls?sslcert=hunter2",
            "postgres://pop:hunter2@db/calls?sslrootcert=hunter2",
            "postgres://pop:hunter2@db/calls?keepalives_idle=hunter2",
            "postgres:///calls",
            "postgres://",
        ] {
            let error = parse(url).unwrap_err();
            assert!(!error.contains("hunt") && !error.contains("er2"), "{url}: {error}");
        }
    }
}
