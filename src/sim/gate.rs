//! Middleware of the simulated GoTo: REST faults, rate limits and request counts.

use super::{answer::Refusal, shared::Shared};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{sync::Arc, time::Duration};

/// Longer path segments are ids: a UUID has 36 characters, a channel id 85.
const MAX_SEGMENT_LENGTH: usize = 30;

/// Passes a REST request on, or applies a fault.
pub(super) async fn rest(State(sim): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let faults = sim.faults();
    let rest = &faults.rest;
    if sim.falls(rest.slow) {
        tokio::time::sleep(sim.some_of(rest.slow_ms)).await;
    }
    if sim.falls(rest.hang) {
        std::future::pending::<()>().await;
    }
    let api = request.uri().path().split('/').nth(1).unwrap_or_default().to_owned();
    let over_limit = rest.per_second.is_some_and(|rate| !sim.allows(&api, f64::from(rate), rate));
    if over_limit || sim.falls(rest.too_many) {
        return Refusal::too_many(rest.retry_after).into_response();
    }
    if sim.falls(rest.server_error) {
        return Refusal::broken(random_5xx(&sim)).into_response();
    }
    if sim.falls(rest.unauthorized) {
        return Refusal::new(StatusCode::UNAUTHORIZED, "AUTHN_INVALID_TOKEN", "The token is invalid.").into_response();
    }
    next.run(request).await
}

/// Applies the faults of the token endpoint. They are separate because a 401 has another meaning there.
pub(super) async fn tokens(State(sim): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let faults = sim.faults();
    tokio::time::sleep(Duration::from_millis(faults.tokens.slow_ms)).await;
    if sim.falls(faults.tokens.server_error) {
        return Refusal::broken(random_5xx(&sim)).into_response();
    }
    next.run(request).await
}

/// Counts every request by method, route and status.
pub(super) async fn count(State(sim): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let route = route_pattern(request.uri().path());
    let method = request.method().as_str().to_owned();
    let response = next.run(request).await;
    *sim.requests().entry((method, route, response.status().as_u16())).or_default() += 1;
    response
}

/// Returns a path with ids (of a channel, of a call) replaced by `*`.
fn route_pattern(path: &str) -> String {
    let short = |part| if str::len(part) > MAX_SEGMENT_LENGTH { "*" } else { part };
    path.split('/').map(short).collect::<Vec<_>>().join("/")
}

fn random_5xx(sim: &Shared) -> StatusCode {
    let all = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE];
    sim.dice().choice(all).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
