//! Opens a connection within a bound.

use super::{PostgresFault, PostgresSettings, verifier};
use crate::runtime::http::{read_ca, tls};
use std::time::Duration;
use tokio_postgres::{Client, Config, Connection, Socket, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Time for DNS, TLS and login at one host, beside the TCP connection.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(3);

/// The half of a session that moves bytes: it must be polled for the client to make progress, and it receives
/// notifications.
pub type PostgresConnection = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Failure of an operation on a PostgreSQL server. Contains no statement, no row and no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PostgreSQL at {place}: {fault}{}. {}", describe_code(.code.as_deref()), .fault.advice())]
pub struct PostgresError {
    /// Hosts, database and role.
    pub place: String,
    /// Class of the failure.
    pub fault: PostgresFault,
    /// The server's SQLSTATE, if the server answered.
    pub code: Option<String>,
}

fn describe_code(code: Option<&str>) -> String {
    code.map_or_else(String::new, |code| format!(" (SQLSTATE {code})"))
}

impl PostgresSettings {
    /// Opens a session on a server that accepts writes. Needs a tokio runtime with I/O and time; the caller polls the
    /// connection.
    ///
    /// # Errors
    /// [`PostgresError`] with the fault and the place.
    pub async fn connect(&self) -> Result<(Client, PostgresConnection), PostgresError> {
        let connector = self.connector().map_err(|fault| self.error(fault))?;
        let tcp = self.config.get_connect_timeout().copied().unwrap_or_default();
        let limit = (tcp + LOGIN_TIMEOUT) * self.host_count();
        match tokio::time::timeout(limit, Config::connect(&self.config, connector)).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(self.describe(&error)),
            Err(_) => Err(self.error(PostgresFault::Timeout)),
        }
    }

    /// Adds the place to an error of a session.
    #[must_use]
    pub fn describe(&self, error: &tokio_postgres::Error) -> PostgresError {
        let code = error.code().map(|code| code.code().to_owned());
        PostgresError { code, ..self.error(PostgresFault::of(error)) }
    }

    /// Creates an error of this server.
    #[must_use]
    pub fn error(&self, fault: PostgresFault) -> PostgresError {
        PostgresError { place: self.place(), fault, code: None }
    }

    fn connector(&self) -> Result<MakeRustlsConnect, PostgresFault> {
        let roots = match &self.ca {
            Some(path) => read_ca(path).map_err(|_| PostgresFault::AuthorityFile)?,
            None => Vec::new(),
        };
        let mut config = tls(roots.clone()).map_err(|_| PostgresFault::Tls)?;
        verifier::weaken(&mut config, self.verification, roots).map_err(|_| PostgresFault::Tls)?;
        Ok(MakeRustlsConnect::new(config))
    }
}
