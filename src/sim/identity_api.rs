//! Endpoints that name the accounts of the login: `identity` needs no scope, `users/v1/me` needs `users.v1.read`.

use super::{
    errors::ApiResult,
    grants::PRINCIPAL,
    scenario::ACCOUNT,
    state::{AppState, SimState},
};
use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use serde_json::{Value, json};

/// Serves `GET /identity/v1/Users/me`: a SCIM record with the accounts and their products.
pub(super) async fn identity(State(sim): AppState, headers: HeaderMap) -> ApiResult {
    sim.authorize(&headers, None)?;
    if sim.faults().identity_without_accounts {
        return Ok(Json(json!({ "userName": PRINCIPAL })).into_response());
    }
    let mut accounts: Vec<Value> = account_keys(&sim)
        .map(|key| json!({ "value": key, "display": "Example Inc", "entitlements": ["acctadmin", "gotoconnect"] }))
        .collect();
    accounts.push(json!({ "value": "9000000000000000001", "display": "Meetings only", "entitlements": ["g2m"] }));
    let record = json!({
        "schemas": ["urn:scim:schemas:core:1.0", "urn:scim:schemas:extension:getgo:1.0"],
        "userName": PRINCIPAL,
        "urn:scim:schemas:extension:getgo:1.0": { "accounts": accounts },
    });
    Ok(Json(record).into_response())
}

/// Serves `GET /users/v1/me`: the accounts of the login.
pub(super) async fn users_me(State(sim): AppState, headers: HeaderMap) -> ApiResult {
    sim.authorize(&headers, Some("users.v1.read"))?;
    let items: Vec<Value> = account_keys(&sim).map(|key| json!({ "accountKey": key })).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

fn account_keys(sim: &SimState) -> impl Iterator<Item = &str> {
    let configured = &sim.settings.accounts;
    let default = configured.is_empty().then_some(ACCOUNT);
    configured.iter().map(String::as_str).chain(default)
}
