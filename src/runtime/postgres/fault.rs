//! Names the problem of a PostgreSQL server or its answer, and the remedy. Contains no text of a server: messages are
//! translated, and their details quote rows.

use crate::runtime::http::NetworkFault;
use std::{error::Error as _, fmt, io};
use tokio_postgres::{Error, error::SqlState};

/// Class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PostgresFault {
    /// The password is wrong or missing, or the role does not exist and the server hides it.
    Password,
    /// The role does not exist.
    MissingRole,
    /// No line of `pg_hba.conf` admits this host, role, database and encryption.
    NotAdmitted,
    /// The database does not exist.
    MissingDatabase,
    /// The role lacks a privilege.
    Privilege,
    /// A table, column or schema is missing: the store has another layout.
    Layout,
    /// The store was written by a newer version.
    NewerSchema,
    /// The server offers no TLS.
    NoTls,
    /// The certificate belongs to another name.
    CertificateName,
    /// The issuer of the certificate is not trusted.
    CertificateIssuer,
    /// The certificate has expired or is not valid yet.
    CertificateExpired,
    /// The file of the private authority is not usable.
    AuthorityFile,
    /// TLS failed for another reason.
    Tls,
    /// The server is a standby, or accepts no writes.
    ReadOnly,
    /// The server starts, stops or recovers.
    Starting,
    /// The server has no free connection.
    TooManyConnections,
    /// A statement or a lock took longer than its limit.
    Busy,
    /// The disk of the server is full, or the server lacks another resource.
    Resources,
    /// No server listens there.
    Refused,
    /// The name has no address, or the DNS server does not answer.
    Dns,
    /// No route to the host.
    NoRoute,
    /// No answer in time.
    Timeout,
    /// The connection ended.
    Closed,
    /// Any other failure.
    Other,
}

impl PostgresFault {
    /// Classifies an error of a session.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        if let Some(database) = error.as_db_error() {
            return of_answer(database.code(), database.routine());
        }
        if error.is_closed() {
            return Self::Closed;
        }
        match error.source() {
            None => Self::Other,
            Some(cause) => cause.downcast_ref::<io::Error>().map_or_else(|| of_library(&cause.to_string()), of_io),
        }
    }

    /// Returns whether the server may work again without a change: a restart, a failover, a network. A daemon continues on
    /// its spool and retries. With the other faults it does so too, but an operator has to act.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(
            self,
            Self::ReadOnly
                | Self::Starting
                | Self::TooManyConnections
                | Self::Busy
                | Self::Refused
                | Self::Dns
                | Self::NoRoute
                | Self::Timeout
                | Self::Closed
        )
    }

    /// Returns the problem in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "the password is wrong or missing, or the role does not exist",
            Self::MissingRole => "the role does not exist",
            Self::NotAdmitted => "the server does not admit this host, role and database",
            Self::MissingDatabase => "the database does not exist",
            Self::Privilege => "the role lacks a privilege",
            Self::Layout => "a table or column is missing",
            Self::NewerSchema => "the store was written by a newer version of poprelay",
            Self::NoTls => "the server offers no TLS",
            Self::CertificateName => "the certificate belongs to another name",
            Self::CertificateIssuer => "the issuer of the certificate is not trusted",
            Self::CertificateExpired => "the certificate has expired or is not valid yet",
            Self::AuthorityFile => "the file of the private authority is not usable",
            Self::Tls => "the TLS handshake failed",
            Self::ReadOnly => "the server accepts no writes: it is a standby or read-only",
            Self::Starting => "the server starts, stops or recovers",
            Self::TooManyConnections => "the server has no free connection",
            Self::Busy => "a statement or a lock took longer than its limit",
            Self::Resources => "the server lacks disk space or another resource",
            Self::Refused => "no server listens there",
            Self::Dns => "the name of the host cannot be resolved (DNS)",
            Self::NoRoute => "no route to the host",
            Self::Timeout => "no answer in time",
            Self::Closed => "the connection ended",
            Self::Other => "the operation failed",
        }
    }

    /// Returns the remedy.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Password => "Check role and password in the URL (special characters as %XX), and the role with \\du.",
            Self::MissingRole => "Create it: CREATE ROLE … LOGIN PASSWORD …",
            Self::NotAdmitted => "Add a hostssl line to pg_hba.conf and reload the server, or ask for TLS in the URL.",
            Self::MissingDatabase => "Create it: CREATE DATABASE … OWNER …, or correct the URL.",
            Self::Privilege => "Grant the privileges of deploy/postgresql.md, section Roles and grants.",
            Self::Layout => "Let the role create the tables, or apply the printed schema again.",
            Self::NewerSchema => "Install the version that the other daemons run.",
            Self::NoTls => "Set ssl = on with a certificate at the server. On a trusted network: sslmode=disable.",
            Self::CertificateName => "Use the name of the certificate in the URL, or sslmode=verify-ca.",
            Self::CertificateIssuer => "Name the PEM file of the issuing authority with the key `ca`.",
            Self::CertificateExpired => "Check this machine's clock first (timedatectl), then the certificate.",
            Self::AuthorityFile => "The key `ca` names a readable PEM file with certificates.",
            Self::Tls => "Check whether host and port are those of a PostgreSQL server with TLS 1.2 or later.",
            Self::ReadOnly => {
                "Name the primary, or all servers separated by commas: the one that accepts writes is used."
            }
            Self::Starting => "The daemon retries. If this lasts, read the server's log.",
            Self::TooManyConnections => "Raise max_connections; each daemon needs 3.",
            Self::Busy => "The daemon retries. If this lasts, look for long transactions in pg_stat_activity.",
            Self::Resources => "Read the server's log and free what is missing.",
            Self::Refused => "Check host, port or socket directory in the URL, listen_addresses, and firewalls.",
            Self::Dns => "Check the host in the URL and this machine's DNS (resolvectl query HOST).",
            Self::NoRoute => "Check this machine's network: address, gateway, VPN.",
            Self::Timeout => "A firewall may drop the packets, or the server is overloaded.",
            Self::Closed => "The daemon retries. If this lasts, read the server's log.",
            Self::Other => "Read the server's log.",
        }
    }
}

impl fmt::Display for PostgresFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Classifies the answer of a server. The name of the server's routine is not translated, unlike the message.
fn of_answer(code: &SqlState, routine: Option<&str>) -> PostgresFault {
    match *code {
        SqlState::INVALID_PASSWORD => PostgresFault::Password,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => match routine {
            Some("InitializeSessionUserId") => PostgresFault::MissingRole,
            Some("ClientAuthentication") => PostgresFault::NotAdmitted,
            _ => PostgresFault::Password,
        },
        SqlState::INVALID_CATALOG_NAME => PostgresFault::MissingDatabase,
        SqlState::INSUFFICIENT_PRIVILEGE => PostgresFault::Privilege,
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN | SqlState::INVALID_SCHEMA_NAME => PostgresFault::Layout,
        SqlState::READ_ONLY_SQL_TRANSACTION => PostgresFault::ReadOnly,
        SqlState::CANNOT_CONNECT_NOW => PostgresFault::Starting,
        SqlState::TOO_MANY_CONNECTIONS => PostgresFault::TooManyConnections,
        SqlState::QUERY_CANCELED
        | SqlState::LOCK_NOT_AVAILABLE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::T_R_SERIALIZATION_FAILURE => PostgresFault::Busy,
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        | SqlState::IDLE_SESSION_TIMEOUT => PostgresFault::Closed,
        ref other if other.code().starts_with("53") || other.code().starts_with("58") => PostgresFault::Resources,
        ref other if other.code().starts_with("08") => PostgresFault::Closed,
        _ => PostgresFault::Other,
    }
}

fn of_io(error: &io::Error) -> PostgresFault {
    // Without a wrapped error: the system's. The library's own errors wrap a text.
    let is_system = error.raw_os_error().is_some();
    match error.kind() {
        // The library's answer if no server accepts writes.
        io::ErrorKind::PermissionDenied if !is_system => PostgresFault::ReadOnly,
        // A socket that does not exist, or is not readable.
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied if is_system => PostgresFault::Refused,
        _ if error.to_string().starts_with("failed to lookup address information") => PostgresFault::Dns,
        _ => match NetworkFault::of(error) {
            NetworkFault::Dns | NetworkFault::DnsSilent => PostgresFault::Dns,
            NetworkFault::Refused => PostgresFault::Refused,
            NetworkFault::NoRoute => PostgresFault::NoRoute,
            NetworkFault::CertificateExpired => PostgresFault::CertificateExpired,
            NetworkFault::CertificateIssuer => PostgresFault::CertificateIssuer,
            NetworkFault::CertificateName => PostgresFault::CertificateName,
            NetworkFault::Certificate | NetworkFault::Tls => PostgresFault::Tls,
            NetworkFault::ConnectTimeout | NetworkFault::Timeout => PostgresFault::Timeout,
            NetworkFault::Closed => PostgresFault::Closed,
            NetworkFault::ProxyUnreachable
            | NetworkFault::ProxyLogin
            | NetworkFault::ProxyRefused
            | NetworkFault::Other => PostgresFault::Other,
        },
    }
}

/// Classifies an error of the library. Its kinds are private; the tests over a real server check the texts.
fn of_library(text: &str) -> PostgresFault {
    match text {
        "server does not support TLS" => PostgresFault::NoTls,
        "password missing" => PostgresFault::Password,
        _ => PostgresFault::Other,
    }
}
