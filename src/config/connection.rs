//! The `[connections.NAME]` tables.

use super::{DirectionFilter, Validator, schema::ConnectionTable, urls};
use crate::{
    goto::PatSource,
    model::{
        ids::{AccountKey, ConnectionName},
        phone::Region,
        secret::{Secret, SecretRef},
    },
};
use std::path::{Path, PathBuf};
use url::Url;

/// One GoTo connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// Name of the connection.
    pub name: ConnectionName,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: Option<Secret>,
    /// Accounts to subscribe to; empty: all accounts of the user.
    pub account_keys: Vec<AccountKey>,
    /// Redirect URI registered on the OAuth client.
    pub redirect_uri: Url,
    /// First refresh token, instead of `poprelay login`.
    pub refresh_token: Option<Secret>,
    /// Personal access token, instead of a login.
    pub pat: Option<PatSource>,
    /// Number of lanes, 1 to 4.
    pub lanes: u8,
    /// Region of numbers without a country code.
    pub region: Region,
    /// Directions reported.
    pub directions: DirectionFilter,
    /// Whether mailboxes are queried for the length of a message.
    pub voicemail: bool,
    /// Whether the names of the account's numbers are fetched.
    pub number_names: bool,
    /// Base URL of the REST API.
    pub api_url: Url,
    /// Base URL of the OAuth server.
    pub auth_url: Url,
}

/// Returns the token file of a connection.
#[must_use]
pub fn token_file(state_dir: &Path, connection: &ConnectionName) -> PathBuf {
    state_dir.join(format!("token-{connection}.json"))
}

impl Validator<'_> {
    pub(super) fn connection(&mut self, name: &str, table: ConnectionTable) -> Option<ConnectionConfig> {
        let at = |key: &str| format!("connections.{name}.{key}");
        let before = self.problems.len();
        let id = ConnectionName::try_from(name);
        if let Err(error) = &id {
            self.error(format!("connections.{name}"), format!("invalid connection name: {error}"));
        }
        if table.client_id.trim().is_empty() {
            self.error(at("client_id"), "empty: the id of the OAuth client from GoTo's developer portal");
        }
        let client_secret = table.client_secret.and_then(|s| self.secret(&at("client_secret"), &s));
        let pat = table.pat.and_then(|reference| self.pat(&at("pat"), reference, client_secret.is_some()));
        if pat.is_some() && table.refresh_token.is_some() {
            self.error(at("refresh_token"), "a connection has either pat or refresh_token. Remove one of them");
        }
        let refresh_token = table.refresh_token.and_then(|s| self.secret(&at("refresh_token"), &s));
        let mut account_keys = Vec::new();
        for key in table.account_keys {
            match AccountKey::try_from(key) {
                Ok(key) => account_keys.push(key),
                Err(error) => self.error(at("account_keys"), format!("an account key is digits in quotes: {error}")),
            }
        }
        let lanes = table.lanes.unwrap_or(2);
        if !(1..=4).contains(&lanes) {
            self.error(at("lanes"), "expected a number from 1 to 4");
        }
        let region = table.region.as_deref().map_or(Some(Region::US), Region::parse);
        if region.is_none() {
            self.error(at("region"), "unknown region, expected two letters of ISO 3166-1, as in \"US\" or \"DE\"");
        }
        let directions = DirectionFilter::read(&table.directions, table.internal);
        let directions = directions.map_err(|text| self.error(at("directions"), text)).ok();
        let api_url = self.base_url(&at("api_url"), table.api_url.as_deref().unwrap_or("https://api.goto.com"));
        let auth = table.auth_url.as_deref().unwrap_or("https://authentication.logmeininc.com");
        let auth_url = self.base_url(&at("auth_url"), auth);
        let redirect = table.redirect_uri.as_deref().unwrap_or("http://localhost:5000/app/redirect");
        let redirect_uri = urls::parse_redirect(redirect).map_err(|text| self.error(at("redirect_uri"), text)).ok();
        if self.problems.len() > before {
            return None;
        }
        Some(ConnectionConfig {
            name: id.ok()?,
            client_id: table.client_id,
            client_secret,
            account_keys,
            redirect_uri: redirect_uri?,
            refresh_token,
            pat,
            lanes,
            region: region?,
            directions: directions?,
            voicemail: table.voicemail,
            number_names: table.number_names,
            api_url: api_url?,
            auth_url: auth_url?,
        })
    }

    fn pat(&mut self, key: &str, reference: SecretRef, has_client_secret: bool) -> Option<PatSource> {
        if !has_client_secret {
            self.error(
                key,
                "a personal access token needs client_secret: GoTo exchanges it only for a client with a secret",
            );
        }
        self.secret(key, &reference)?;
        Some(PatSource { reference, credentials: self.credentials.clone() })
    }
}
