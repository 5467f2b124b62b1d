//! The login's endpoints: authorize (which consents by itself) and token. HTTP over `grants`.

use super::{
    answer::Pairs,
    grants::{ALL_SCOPES, Asked},
    shared::Shared,
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
use std::sync::Arc;

/// `GET /oauth/authorize`: a redirect with code and state, as after a user who said yes.
pub(super) async fn authorize(State(world): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let query = Pairs::read(query.unwrap_or_default().as_bytes());
    let Some(client) = query.first("client_id").filter(|id| known(&world, id)) else {
        return page(StatusCode::BAD_REQUEST, "This client is unknown.");
    };
    let Some(redirect) = query.first("redirect_uri") else {
        return page(StatusCode::BAD_REQUEST, "redirect_uri is missing: this simulator has no registered one.");
    };
    let Ok(mut to) = url::Url::parse(redirect) else {
        return page(StatusCode::BAD_REQUEST, "redirect_uri is no URL.");
    };
    let refusal = if query.first("response_type") != Some("code") {
        Some(("unsupported_response_type", "only response_type=code is served"))
    } else if query.first("code_challenge").is_some() && query.first("code_challenge_method") != Some("S256") {
        Some(("invalid_request", "code_challenge_method must be S256"))
    } else if world.faults().tokens.denied {
        Some(("access_denied", "the user denied the request"))
    } else {
        None
    };
    if let Some((error, description)) = refusal {
        to.query_pairs_mut().append_pair("error", error).append_pair("error_description", description);
    } else {
        let asked = Asked {
            client: client.to_owned(),
            redirect: Some(redirect.to_owned()),
            scopes: query.first("scope").filter(|scope| !scope.is_empty()).unwrap_or(ALL_SCOPES).to_owned(),
            challenge: query.first("code_challenge").map(str::to_owned),
        };
        let code = world.grants().consent(asked, Now::read().tick);
        to.query_pairs_mut().append_pair("code", &code);
    }
    if let Some(state) = query.first("state") {
        to.query_pairs_mut().append_pair("state", state);
    }
    (StatusCode::FOUND, [(header::LOCATION, to.to_string())]).into_response()
}

/// `POST /oauth/token`: a code or a refresh token for an access token.
pub(super) async fn token(State(world): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Pairs::read(&body);
    let Some(client) = client(&world, &headers, &form) else {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client", "client authentication failed");
    };
    let faults = world.faults();
    let answer = match form.first("grant_type") {
        Some("authorization_code") => {
            let (redirect, verifier) = (form.first("redirect_uri"), form.first("code_verifier"));
            let code = form.first("code").unwrap_or_default();
            world.grants().exchange(code, &client, redirect, verifier, &faults.tokens, Now::read())
        }
        Some("refresh_token") => {
            let token = form.first("refresh_token").unwrap_or_default();
            let token = if world.settings.any_token { super::grants::FIRST_REFRESH_TOKEN } else { token };
            world.grants().refresh(token, &client, &faults.tokens, Now::read())
        }
        _ => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "this grant is not served"),
    };
    match answer {
        Ok(body) => ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response(),
        Err(why) => refused(StatusCode::BAD_REQUEST, "invalid_grant", why),
    }
}

/// Who asks: by Basic, by the body with a secret, or a public client by its id alone.
fn client(world: &Shared, headers: &HeaderMap, form: &Pairs) -> Option<String> {
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
    match &world.settings.client {
        None => Some(id),
        Some((one, kept)) => (*one == id && (kept.is_none() || *kept == secret)).then_some(id),
    }
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined. Most secrets look the same both ways.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn known(world: &Shared, id: &str) -> bool {
    world.settings.client.as_ref().is_none_or(|(one, _)| one == id)
}

fn refused(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({ "error": error, "error_description": description }))).into_response()
}

fn page(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}
