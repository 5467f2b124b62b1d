//! Middleware of the simulated GoTo: REST faults, rate limits and request counts.

use super::{
    errors::ApiError,
    state::{AppState, SimState},
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::time::Duration;

/// Longer path segments are ids: a UUID has 36 characters, a channel id 85.
const MAX_SEGMENT_LENGTH: usize = 30;

/// Passes a REST request on, or applies a fault.
pub(super) async fn inject_rest_faults(State(sim): AppState, request: Request, next: Next) -> Response {
    let faults = sim.faults();
    let rest = &faults.rest;
    if sim.roll(rest.slow) {
        tokio::time::sleep(sim.random_delay(rest.slow_ms)).await;
    }
    if sim.roll(rest.hang) {
        std::future::pending::<()>().await;
    }
    let api = request.uri().path().split('/').nth(1).unwrap_or_default().to_owned();
    let over_limit = rest.per_second.is_some_and(|rate| !sim.allow_request(&api, f64::from(rate), rate));
    if over_limit || sim.roll(rest.too_many) {
        return ApiError::rate_limited(rest.retry_after).into_response();
    }
    if sim.roll(rest.server_error) {
        return ApiError::server_error(random_5xx(&sim)).into_response();
    }
    if sim.roll(rest.unauthorized) {
        return ApiError::new(StatusCode::UNAUTHORIZED, "AUTHN_INVALID_TOKEN", "The token is invalid.").into_response();
    }
    next.run(request).await
}

/// Applies the faults of the token endpoint. These faults are separate because a 401 has another meaning there.
pub(super) async fn inject_token_faults(State(sim): AppState, request: Request, next: Next) -> Response {
    let faults = sim.faults();
    tokio::time::sleep(Duration::from_millis(faults.tokens.slow_ms)).await;
    if sim.roll(faults.tokens.server_error) {
        return ApiError::server_error(random_5xx(&sim)).into_response();
    }
    let response = next.run(request).await;
    if sim.roll(faults.tokens.lost_answer) {
        // A body that fails closes the connection before the answer is complete.
        let cut = futures_util::stream::iter([Err::<axum::body::Bytes, _>(std::io::Error::other("lost"))]);
        return Response::new(axum::body::Body::from_stream(cut));
    }
    response
}

/// Counts every request by method, route and status.
pub(super) async fn count_requests(State(sim): AppState, request: Request, next: Next) -> Response {
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

fn random_5xx(sim: &SimState) -> StatusCode {
    let all = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE];
    sim.rng().choice(all).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
