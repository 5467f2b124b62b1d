//! What stands before every request to the played GoTo: the faults of its REST interface and its rate limit, and the
//! count of requests.

use super::{answer::Refusal, shared::Shared};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{sync::Arc, time::Duration};

/// Parts of a path that are longer are ids: a UUID has 36 characters, a channel's id 85.
const LONGEST_NAME: usize = 30;

/// Lets a REST request through, or does what the switches say.
pub(super) async fn rest(State(world): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let faults = world.faults();
    let rest = &faults.rest;
    if world.falls(rest.slow) {
        tokio::time::sleep(world.some_of(rest.slow_ms)).await;
    }
    if world.falls(rest.hang) {
        std::future::pending::<()>().await;
    }
    let api = request.uri().path().split('/').nth(1).unwrap_or_default().to_owned();
    let crowded = rest.per_second.is_some_and(|rate| !world.allows(&api, f64::from(rate), rate));
    if crowded || world.falls(rest.too_many) {
        return Refusal::too_many(rest.retry_after).into_response();
    }
    if world.falls(rest.server_error) {
        return Refusal::broken(some_5xx(&world)).into_response();
    }
    if world.falls(rest.unauthorized) {
        return Refusal::new(StatusCode::UNAUTHORIZED, "AUTHN_INVALID_TOKEN", "The token is invalid.").into_response();
    }
    next.run(request).await
}

/// The token endpoint has switches of its own: a 401 there means something else.
pub(super) async fn tokens(State(world): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let faults = world.faults();
    tokio::time::sleep(Duration::from_millis(faults.tokens.slow_ms)).await;
    if world.falls(faults.tokens.server_error) {
        return Refusal::broken(some_5xx(&world)).into_response();
    }
    next.run(request).await
}

/// Counts every request by its route and answer.
pub(super) async fn count(State(world): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let route = route(request.uri().path());
    let method = request.method().as_str().to_owned();
    let answer = next.run(request).await;
    *world.requests().entry((method, route, answer.status().as_u16())).or_default() += 1;
    answer
}

/// A path with its ids (of a channel, of a call) as `*`.
fn route(path: &str) -> String {
    let short = |part| if str::len(part) > LONGEST_NAME { "*" } else { part };
    path.split('/').map(short).collect::<Vec<_>>().join("/")
}

fn some_5xx(world: &Shared) -> StatusCode {
    let all = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE];
    world.dice().choice(all).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
