//! Requests for the accounts of a login. `identity` needs no scope and lists every account with its products; `users/v1/me`
//! needs `users.v1.read`.

use super::{Api, Error, channels::parse_account};
use crate::{
    goto::{lane::FailureClass, token_task::AccessToken},
    model::{
        ids::{AccountKey, ConnectionName},
        secret::Secret,
    },
};
use reqwest::Method;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use url::Url;

/// Time in which a command uses its access token: two requests within 10 s each.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// Fetches the accounts of a login with a token that is valid now, for commands.
///
/// # Errors
/// Returns the error of the last endpoint if none lists an account.
pub async fn accounts(
    name: ConnectionName,
    http: &reqwest::Client,
    api_url: &Url,
    access: &Secret,
) -> Result<Vec<AccountKey>, Error> {
    let (_access, receiver) = watch::channel(AccessToken::Valid(access.clone(), Instant::now() + COMMAND_TIMEOUT));
    // No task refreshes the token of a command: a 401 is the answer.
    let (rejected, _) = mpsc::channel(1);
    Api::new(name, http.clone(), api_url.clone(), receiver, rejected, watch::Sender::default()).accounts().await
}

/// Prefix of the SCIM extensions that list accounts: `…:getgo:1.0`, `…:jive:1.0`.
const EXTENSION: &str = "urn:scim:schemas:extension:";
/// Entitlements of an account with GoTo Connect; `jive` is its old name.
const PRODUCTS: [&str; 2] = ["gotoconnect", "jive"];

impl Api {
    /// Fetches the accounts of the login, sorted and without duplicates: from `identity`, else from `users/v1/me`.
    ///
    /// # Errors
    /// [`Error::NoAccounts`] if neither endpoint names an account. A transient failure of either, so that the query is
    /// repeated.
    pub(in crate::goto) async fn accounts(&self) -> Result<Vec<AccountKey>, Error> {
        let from_identity = self.account_keys(&["identity", "v1", "Users", "me"], parse_identity).await;
        let first = match from_identity {
            Ok(keys) if !keys.is_empty() => return Ok(keys),
            Err(Error::NoToken) => return Err(Error::NoToken),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        match self.account_keys(&["users", "v1", "me"], parse_users_me).await {
            Ok(keys) if !keys.is_empty() => Ok(keys),
            Err(Error::NoToken) => Err(Error::NoToken),
            second => {
                tracing::debug!(connection = %self.name, identity = ?first, users = ?second.as_ref().err(), "no account found");
                let mut failures = first.into_iter().chain(second.err());
                let transient = failures.find(|error| error.failure().class == FailureClass::Transient);
                Err(transient.unwrap_or(Error::NoAccounts))
            }
        }
    }

    async fn account_keys(
        &self,
        path: &[&str],
        parse: fn(&Value) -> Vec<AccountKey>,
    ) -> Result<Vec<AccountKey>, Error> {
        let answer = self.request(Method::GET, path, &[], None).await?;
        let mut keys = parse(&serde_json::from_slice(&answer).unwrap_or_default());
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}

/// Parses a SCIM record. Accounts without GoTo Connect are left out, unless no account states it.
fn parse_identity(record: &Value) -> Vec<AccountKey> {
    let extensions = record.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with(EXTENSION));
    let items: Vec<(AccountKey, bool)> = extensions
        .flat_map(|(name, extension)| {
            let accounts = extension.get("accounts").and_then(Value::as_array).into_iter().flatten();
            let of_product = PRODUCTS.iter().any(|product| name.contains(product));
            accounts.filter_map(move |item| Some((parse_account(item.get("value")?)?, of_product || has_product(item))))
        })
        .collect();
    let with_product: Vec<_> = items.iter().filter(|(_, product)| *product).map(|(key, _)| key.clone()).collect();
    if with_product.is_empty() { items.into_iter().map(|(key, _)| key).collect() } else { with_product }
}

fn has_product(account: &Value) -> bool {
    let entitlements = account.get("entitlements").and_then(Value::as_array).into_iter().flatten();
    entitlements.filter_map(Value::as_str).any(|one| PRODUCTS.iter().any(|product| one.eq_ignore_ascii_case(product)))
}

fn parse_users_me(answer: &Value) -> Vec<AccountKey> {
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| parse_account(item.get("accountKey")?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(keys: &[AccountKey]) -> Vec<&str> {
        keys.iter().map(AccountKey::as_str).collect()
    }

    #[test]
    fn identity_accounts_without_goto_connect_are_left_out() {
        let record = json!({
            "userName": "admin@example.com",
            "urn:scim:schemas:extension:getgo:1.0": {"accounts": [
                {"value": "11", "display": "Main", "entitlements": ["acctadmin", "gotoconnect"]},
                {"value": 12, "display": "Other", "entitlements": ["JIVE"]},
                {"value": "13", "display": "Meetings", "entitlements": ["g2m"]},
                {"display": "no key", "entitlements": ["gotoconnect"]}, 7,
            ]},
            "urn:scim:schemas:extension:jive:1.0": {"accounts": [{"value": "14"}]},
        });
        assert_eq!(texts(&parse_identity(&record)), ["11", "12", "14"]);
    }

    #[test]
    fn identity_without_any_product_keeps_every_account() {
        let record = json!({"urn:scim:schemas:extension:getgo:1.0": {"accounts": [{"value": "11"}, {"value": "12"}]}});
        assert_eq!(texts(&parse_identity(&record)), ["11", "12"]);
        for odd in [json!(null), json!([]), json!({"accounts": [{"value": "1"}]}), json!({EXTENSION: {"accounts": 1}})]
        {
            assert!(parse_identity(&odd).is_empty(), "{odd}");
        }
    }

    #[test]
    fn users_me_accounts_are_read_as_text_or_number() {
        let answer = json!({"items": [{"accountKey": "7"}, {"accountKey": 8}, {"other": 1}]});
        assert_eq!(texts(&parse_users_me(&answer)), ["7", "8"]);
    }
}
