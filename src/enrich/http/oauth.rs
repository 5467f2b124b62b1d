//! Access tokens of a source by the grant "client credentials". The source keeps a token until nine tenths of its lifetime
//! are over, or until the CRM rejects it.

use super::request::{SourceError, transport_error};
use crate::{
    model::secret::Secret,
    runtime::http::{ClientCredentials, TokenFault},
};
use reqwest::Client;
use std::time::Instant;
use url::Url;

/// Request of a token. No `Debug`: it contains a secret.
pub(super) struct TokenRequest {
    /// Token endpoint.
    pub url: Url,
    /// Client id.
    pub client_id: Secret,
    /// Client secret.
    pub client_secret: Secret,
    /// Scope, if any.
    pub scope: Option<String>,
}

/// An access token.
pub(super) struct SourceToken {
    /// The token.
    pub token: Secret,
    /// Time from which a new one is requested.
    pub renew_at: Instant,
}

impl TokenRequest {
    /// Requests a token.
    ///
    /// # Errors
    /// [`SourceError`], without text of the answer.
    pub(super) async fn send(&self, http: &Client) -> Result<SourceToken, SourceError> {
        let credentials = ClientCredentials {
            url: &self.url,
            id: self.client_id.expose(),
            secret: self.client_secret.expose(),
            scope: self.scope.as_deref(),
        };
        let answer = credentials.request(http).await.map_err(|fault| match fault {
            TokenFault::Transport(error) => transport_error(&error),
            TokenFault::Rejected { status: 429, retry_after, .. } => SourceError::Throttled(retry_after),
            TokenFault::Rejected { status: status @ 500..=599, .. } => SourceError::ServerError(status),
            TokenFault::Rejected { status, .. } => SourceError::ClientRejected(status),
            TokenFault::TooLarge => SourceError::TooLarge,
            TokenFault::NoToken => SourceError::NoToken,
        })?;
        let renew_at = Instant::now() + answer.renew_after();
        Ok(SourceToken { token: Secret::new(answer.token), renew_at })
    }
}
