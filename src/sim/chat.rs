//! The chat: incoming webhooks of Slack (`/slack/<name>`) and Teams (`/teams/<name>`) that check, answer and limit as the
//! real ones do, and keep what was posted.

use super::{shared::Shared, slack, teams};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::VecDeque, sync::Arc};

/// Posts kept; beyond it the oldest are forgotten.
const KEPT: usize = 200_000;

/// Which chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Slack's incoming webhook.
    Slack,
    /// A Workflows webhook of Teams.
    Teams,
}

/// One request to a webhook, taken or refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Posted {
    /// Its place in the order of arrival, from 0.
    pub number: u64,
    /// When it came.
    pub at: Timestamp,
    /// To which chat.
    pub service: Service,
    /// To which webhook: the last part of the path.
    pub name: String,
    /// The status it was answered with; 0 if it was taken and never answered.
    pub status: u16,
    /// Whether the channel sees it.
    pub shown: bool,
    /// The body, if it is JSON.
    pub payload: Value,
}

/// Everything posted, oldest first.
#[derive(Debug, Default)]
pub(super) struct Chat {
    posts: VecDeque<Posted>,
    next: u64,
}

impl Chat {
    fn keep(&mut self, mut post: Posted) -> Posted {
        post.number = self.next;
        self.next += 1;
        self.posts.push_back(post.clone());
        if self.posts.len() > KEPT {
            self.posts.pop_front();
        }
        post
    }

    /// Requests from the given number on, oldest first.
    pub(super) fn from(&self, number: u64, most: usize) -> Vec<Posted> {
        let start = self.posts.partition_point(|post| post.number < number);
        self.posts.iter().skip(start).take(most).cloned().collect()
    }

    /// The last `most` that the channel sees, oldest first.
    pub(super) fn last_shown(&self, most: usize) -> Vec<Posted> {
        let mut last: Vec<Posted> = self.posts.iter().rev().filter(|post| post.shown).take(most).cloned().collect();
        last.reverse();
        last
    }

    /// Forgets all posts; numbers go on.
    pub(super) fn forget(&mut self) {
        self.posts.clear();
    }
}

/// What becomes of a request: kept as this, answered like that.
struct Fate {
    status: u16,
    shown: bool,
    payload: Value,
    answer: Response,
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html")], text).into_response()
}

fn limited(service: Service, seconds: u64) -> Response {
    let wait = [(header::RETRY_AFTER, seconds.to_string())];
    let body = match service {
        Service::Slack => json!({ "retry_after": seconds, "ok": false, "error": "rate_limited" }),
        Service::Teams => teams::refusal(429),
    };
    (StatusCode::TOO_MANY_REQUESTS, wait, Json(body)).into_response()
}

fn told_to(service: Service, status: u16) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match service {
        Service::Slack => plain(code, slack::refusal(status)),
        Service::Teams => (code, Json(teams::refusal(status))).into_response(),
    }
}

fn judged(service: Service, body: &[u8]) -> Fate {
    let raw = || serde_json::from_slice(body).unwrap_or_default();
    match service {
        Service::Slack => match slack::check(body) {
            Ok(payload) => Fate { status: 200, shown: true, payload, answer: plain(StatusCode::OK, "ok") },
            Err(why) => Fate { status: 400, shown: false, payload: raw(), answer: plain(StatusCode::BAD_REQUEST, why) },
        },
        Service::Teams => match teams::check(body) {
            teams::Verdict::Accepted { payload, shown } => {
                Fate { status: 202, shown, payload, answer: StatusCode::ACCEPTED.into_response() }
            }
            teams::Verdict::Refused(status, why) => {
                let code = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                Fate { status, shown: false, payload: raw(), answer: (code, Json(why)).into_response() }
            }
        },
    }
}

fn fate(world: &Shared, service: Service, path: &str, headers: &HeaderMap, body: &[u8]) -> Fate {
    let faults = world.faults();
    let chat = &faults.chat;
    let refused = |status, answer| Fate {
        status,
        shown: false,
        payload: serde_json::from_slice(body).unwrap_or_default(),
        answer,
    };
    if let Some(status) = chat.gone.get(path) {
        return refused(*status, told_to(service, *status));
    }
    let crowded = chat.per_second.is_some_and(|rate| !world.allows(path, rate, chat.burst));
    if crowded || world.falls(chat.too_many) {
        return refused(429, limited(service, chat.retry_after));
    }
    if world.falls(chat.server_error) {
        return refused(500, told_to(service, 500));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        let answer = match service {
            Service::Slack => plain(StatusCode::BAD_REQUEST, "invalid_payload"),
            Service::Teams => told_to(service, 400),
        };
        return refused(400, answer);
    }
    judged(service, body)
}

async fn post(world: Arc<Shared>, service: Service, name: String, headers: HeaderMap, body: Bytes) -> Response {
    let faults = world.faults();
    if world.falls(faults.chat.slow) {
        tokio::time::sleep(world.some_of(faults.chat.slow_ms)).await;
    }
    if world.falls(faults.chat.hang) {
        std::future::pending::<()>().await;
    }
    let path = match service {
        Service::Slack => format!("/slack/{name}"),
        Service::Teams => format!("/teams/{name}"),
    };
    let Fate { status, shown, payload, answer } = fate(&world, service, &path, &headers, &body);
    let silent = (200..300).contains(&status) && world.falls(faults.chat.hang_after_accept);
    let status = if silent { 0 } else { status };
    let at = Timestamp::now();
    let kept = world.chat().keep(Posted { number: 0, at, service, name, status, shown, payload });
    world.tell(&json!({ "news": "post", "post": kept }));
    if silent {
        std::future::pending::<()>().await;
    }
    answer
}

/// `POST /slack/{name}`.
pub(super) async fn to_slack(
    State(world): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    post(world, Service::Slack, name, headers, body).await
}

/// `POST /teams/{name}`.
pub(super) async fn to_teams(
    State(world): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    post(world, Service::Teams, name, headers, body).await
}
