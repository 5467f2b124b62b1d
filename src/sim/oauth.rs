//! OAuth endpoints: authorize (without a consent page) and token. The data is in `grants`.

use super::{
    errors::QueryParams,
    grants::{ALL_SCOPES, AuthRequest},
    state::{AppState, SimState},
};
use crate::model::time::Now;
use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

/// Serves `GET /oauth/authorize`: redirects with code and state, as after the user's consent.
pub(super) async fn authorize(State(sim): AppState, RawQuery(query): RawQuery) -> Response {
    let query = QueryParams::parse(query.unwrap_or_default().as_bytes());
    let Some(client) = query.first("client_id").filter(|id| is_known_client(&sim, id)) else {
        return page(StatusCode::BAD_REQUEST, "This client is unknown.");
    };
    let Some(redirect) = query.first("redirect_uri") else {
        return page(StatusCode::BAD_REQUEST, "redirect_uri is missing: this simulator has no registered one.");
    };
    let Ok(mut to) = url::Url::parse(redirect) else {
        return page(StatusCode::BAD_REQUEST, "redirect_uri is no URL.");
    };
    let denial = if query.first("response_type") != Some("code") {
        Some(("unsupported_response_type", "only response_type=code is served"))
    } else if query.first("code_challenge").is_some() && query.first("code_challenge_method") != Some("S256") {
        Some(("invalid_request", "code_challenge_method must be S256"))
    } else if sim.faults().tokens.denied {
        Some(("access_denied", "the user denied the request"))
    } else {
        None
    };
    if let Some((error, description)) = denial {
        to.query_pairs_mut().append_pair("error", error).append_pair("error_description", description);
    } else {
        let request = AuthRequest {
            client: client.to_owned(),
            redirect: Some(redirect.to_owned()),
            scopes: query.first("scope").filter(|scope| !scope.is_empty()).unwrap_or(ALL_SCOPES).to_owned(),
            challenge: query.first("code_challenge").map(str::to_owned),
        };
        let code = sim.grants().issue_code(request, Now::current().instant);
        to.query_pairs_mut().append_pair("code", &code);
    }
    if let Some(state) = query.first("state") {
        to.query_pairs_mut().append_pair("state", state);
    }
    (StatusCode::FOUND, [(header::LOCATION, to.to_string())]).into_response()
}

/// Serves `POST /oauth/token`: exchanges a code or a refresh token for an access token.
pub(super) async fn token(State(sim): AppState, headers: HeaderMap, body: Bytes) -> Response {
    let form = QueryParams::parse(&body);
    let Some(client) = authenticate(&sim, &headers, &form) else {
        return error_response(StatusCode::UNAUTHORIZED, "invalid_client", "client authentication failed");
    };
    let faults = sim.faults();
    let answer = match form.first("grant_type") {
        Some("authorization_code") => {
            let (redirect, verifier) = (form.first("redirect_uri"), form.first("code_verifier"));
            let code = form.first("code").unwrap_or_default();
            sim.grants().exchange(code, &client, redirect, verifier, &faults.tokens, Now::current())
        }
        Some("refresh_token") => {
            let token = form.first("refresh_token").unwrap_or_default();
            let token = if sim.settings.any_token { super::grants::FIRST_REFRESH_TOKEN } else { token };
            sim.grants().refresh(token, &client, &faults.tokens, Now::current())
        }
        Some("personal_access_token") if headers.contains_key(header::AUTHORIZATION) => {
            let pat = form.first("pat").unwrap_or_default();
            let pat = if sim.settings.any_token { super::grants::PERSONAL_ACCESS_TOKEN } else { pat };
            sim.grants().exchange_pat(pat, &faults.tokens, Now::current())
        }
        Some("client_credentials") => {
            return error_response(StatusCode::UNAUTHORIZED, "unauthorized_client", "Unauthorized grant type");
        }
        _ => return error_response(StatusCode::BAD_REQUEST, "unsupported_grant_type", "this grant is not served"),
    };
    match answer {
        Ok(body) => ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response(),
        Err(reason) => error_response(StatusCode::BAD_REQUEST, "invalid_grant", reason),
    }
}

/// Identifies the client by Basic authentication, by id and secret in the body, or by the id of a public client.
fn authenticate(sim: &SimState, headers: &HeaderMap, form: &QueryParams) -> Option<String> {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (id, secret) = match basic {
        Some(value) => {
            let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
            let text = String::from_utf8(decoded).ok()?;
            let (id, secret) = text.split_once(':')?;
            (decode(id), Some(decode(secret)))
        }
        None => (form.first("client_id")?.to_owned(), form.first("client_secret").map(str::to_owned)),
    };
    match &sim.settings.client {
        None => Some(id),
        Some((one, expected)) => (*one == id && (expected.is_none() || *expected == secret)).then_some(id),
    }
}

/// Decodes an id or secret: RFC 6749 §2.3.1 form-encodes both before they are joined.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn is_known_client(sim: &SimState, id: &str) -> bool {
    sim.settings.client.as_ref().is_none_or(|(one, _)| one == id)
}

fn error_response(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({ "error": error, "error_description": description }))).into_response()
}

fn page(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}
