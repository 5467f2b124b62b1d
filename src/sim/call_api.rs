//! REST endpoints for calls and users: conversation spaces, events, reports, caller activity, `/users`. The data is in
//! `calls`.

use super::{
    activity,
    errors::{ApiError, ApiResult, QueryParams},
    people::STAFF,
    report,
    scenario::Extension,
    scheduled_call::{stable_id, user_id, user_key},
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::IntoResponse,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const EVENTS_SCOPE: Option<&str> = Some("call-events.v1.events.read");
const REPORTS_SCOPE: Option<&str> = Some("cr.v1.read");

/// Account keys in one request for active calls.
const MAX_ACCOUNTS: usize = 20;
/// Days in one request for report summaries.
const MAX_DAYS: i64 = 31;

fn query_params(query: Option<String>) -> QueryParams {
    QueryParams::parse(query.unwrap_or_default().as_bytes())
}

/// Serves `GET /conversation-spaces`: active calls only.
pub(super) async fn active_calls(State(sim): AppState, RawQuery(query): RawQuery, headers: HeaderMap) -> ApiResult {
    sim.authorize(&headers, EVENTS_SCOPE)?;
    let query = query_params(query);
    let accounts = query.all("accountKey");
    if accounts.len() > MAX_ACCOUNTS {
        return Err(ApiError::invalid_field("accountKey", "must have at most 20 values"));
    }
    let page = query.page(50)?;
    let calls = sim.calls();
    let items = calls
        .active(&accounts)
        .map(|(number, state)| (number, json!({ "metadata": state.metadata, "state": state.body })));
    Ok(Json(page.newest_first(items)).into_response())
}

/// Serves `GET /conversation-spaces/{id}/events`: the states of an active call so far. Both bounds are inclusive.
pub(super) async fn call_states(
    State(sim): AppState,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, EVENTS_SCOPE)?;
    let query = query_params(query);
    let bound = |field: &'static str, none: u64| match query.first(field) {
        None => Ok(none),
        Some(text) => text.parse().map_err(|_| ApiError::invalid_field(field, "must be a number")),
    };
    let (from, to, page) = (bound("sequenceFrom", 1)?, bound("sequenceTo", u64::MAX)?, query.page(50)?);
    let states = sim.calls().states(&id).ok_or_else(|| ApiError::not_found("The conversation space"))?;
    let metadata = states.last().map(|state| state.metadata.clone());
    let start = from.max(page.marker.unwrap_or(0));
    let mut rest = states.into_iter().filter(|state| (start..=to).contains(&state.sequence));
    let taken: Vec<Value> = rest.by_ref().take(page.size).map(|state| state.body).collect();
    let mut body = json!({ "pageSize": page.size, "metadata": metadata, "states": taken });
    if let (Some(next), Value::Object(map)) = (rest.next(), &mut body) {
        map.insert("nextPageMarker".to_owned(), format!("p-{}", next.sequence).into());
    }
    Ok(Json(body).into_response())
}

/// Serves `GET /reports/{id}`: 404 until the call has ended.
pub(super) async fn full_report(State(sim): AppState, Path(id): Path<String>, headers: HeaderMap) -> ApiResult {
    sim.authorize(&headers, REPORTS_SCOPE)?;
    let calls = sim.calls();
    let (call, conversation) = calls.reported(&id).ok_or_else(|| ApiError::not_found("The report"))?;
    Ok(Json(report::full_report(call, &conversation)).into_response())
}

/// Serves `GET /report-summaries`: exactly one kind of filter, at most 31 days.
pub(super) async fn report_summaries(State(sim): AppState, RawQuery(query): RawQuery, headers: HeaderMap) -> ApiResult {
    sim.authorize(&headers, REPORTS_SCOPE)?;
    let query = query_params(query);
    let time = |field: &'static str| {
        let text = query.first(field).ok_or_else(|| ApiError::invalid_field(field, "must not be null"))?;
        text.parse::<Timestamp>().map_err(|_| ApiError::invalid_field(field, "must be a time in ISO 8601"))
    };
    let (from, to) = (time("startTime")?, time("endTime")?);
    if to < from || to.duration_since(from) > SignedDuration::from_hours(24 * MAX_DAYS) {
        return Err(ApiError::invalid_field("endTime", "must lie within 31 days after startTime"));
    }
    let accounts = query.all("accountKey");
    let others = ["userKey", "phoneNumberId", "lineId"].iter().any(|key| query.first(key).is_some());
    if accounts.is_empty() || others {
        return Err(ApiError::invalid_field("accountKey", "must be given, and no other filter: no other is simulated"));
    }
    let page = query.page(50)?;
    let calls = sim.calls();
    let items = calls
        .reported_between(&accounts, from, to, page.marker)
        .filter(|(number, _)| page.marker.is_none_or(|marker| *number < marker))
        .map(|(number, conversation)| (number, report::summary(&conversation)));
    Ok(Json(page.newest_first(items)).into_response())
}

/// Serves `GET /caller-activity/{number}`: the reported calls of one number. The number is written as in the guide's samples:
/// digits without the country code. Any other form matches no call.
pub(super) async fn caller_activity(
    State(sim): AppState,
    Path(number): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, REPORTS_SCOPE)?;
    let query = query_params(query);
    let time = |field: &'static str| query.first(field).and_then(|text| text.parse::<Timestamp>().ok());
    let (Some(from), Some(to)) = (time("startTime"), time("endTime")) else {
        return Err(ApiError::invalid_field("startTime", "must not be null"));
    };
    let accounts = query.all("accountKey");
    let calls = sim.calls();
    let items: Vec<Value> = calls
        .all_reported()
        .filter(|call| accounts.contains(&call.plan.account) && call.started >= from && call.started < to)
        .filter(|call| activity::outside_number(call).is_some_and(|known| known == number))
        .filter_map(activity::item)
        .collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// Serves `GET /users/v1/users?accountKey=`: users with their lines, without user names.
pub(super) async fn users(State(sim): AppState, RawQuery(query): RawQuery, headers: HeaderMap) -> ApiResult {
    sim.authorize(&headers, Some("users.v1.lines.read"))?;
    let query = query_params(query);
    if query.first("accountKey").is_none() {
        return Err(ApiError::invalid_field("accountKey", "must not be null"));
    }
    let page = query.page(100)?;
    let users = (1..).zip(STAFF.iter()).collect::<Vec<_>>().into_iter().rev().map(|(number, (extension, name))| {
        let line = Extension::new(extension, name);
        let user = json!({
            "userKey": user_key(&line), "userId": user_id(&line),
            "lines": [{
                "id": stable_id(extension), "name": name, "number": extension, "primary": true, "region": "US",
                "organization": { "id": stable_id("organization"), "name": "Example Inc" },
            }],
        });
        (number, user)
    });
    Ok(Json(page.newest_first(users)).into_response())
}
