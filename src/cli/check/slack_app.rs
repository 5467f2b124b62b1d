//! The leg of a Slack app in `check --online`: token, scopes and membership, requested from the Web API. Posts nothing.

use super::leg::{LEG_TIMEOUT, fault_text};
use crate::{
    deliver::{
        SlackApp,
        response::{HttpResponse, MAX_API_BODY_BYTES, PostResult},
        slack_setup, socket_mode,
    },
    model::secret::Secret,
    runtime::http::{BodyEnd, HttpStack, read_body},
};

/// Name of the response header with the scopes of the token.
const SCOPES_HEADER: &str = "x-oauth-scopes";

/// Returns Slack's data about the app of a sink, or its problem. `is_person`: the sink's channel is a member.
pub(super) async fn check(stack: &HttpStack, base: &Secret, app: &SlackApp, is_person: bool) -> Result<String, String> {
    let (answer, scopes) = call(stack, base, &app.token, "auth.test", &[]).await?;
    let token = slack_setup::judge_token(&answer, scopes.as_deref())?;
    let channel = app.channel.as_str();
    let place = if is_person && channel.contains('@') {
        let (answer, _) = call(stack, base, &app.token, "users.lookupByEmail", &[("email", channel)]).await?;
        slack_setup::judge_email(answer)?
    } else if is_person {
        let (answer, _) = call(stack, base, &app.token, "users.info", &[("user", channel)]).await?;
        slack_setup::judge_member(&answer, channel)?
    } else {
        let (answer, _) = call(stack, base, &app.token, "conversations.info", &[("channel", channel)]).await?;
        slack_setup::judge_channel(&answer, channel)?
    };
    // The channel's sink checks the app token.
    let Some(app_token) = app.app_token.as_ref().filter(|_| !is_person) else { return Ok(format!("{token}; {place}")) };
    let (answer, _) = call(stack, base, app_token, "apps.connections.open", &[]).await?;
    Ok(format!("{token}; {place}; {}", socket_mode::judge_app_token(&answer)?))
}

/// Calls a method that changes nothing; the address of an unused socket expires. Such methods take a form: only methods that
/// write take JSON.
async fn call(
    stack: &HttpStack,
    base: &Secret,
    token: &Secret,
    method: &str,
    arguments: &[(&str, &str)],
) -> Result<(PostResult, Option<String>), String> {
    let url = format!("{}/{method}", base.expose().trim_end_matches('/'));
    let request = stack.http.post(url).bearer_auth(token.expose()).form(arguments).timeout(LEG_TIMEOUT);
    let response = request.send().await.map_err(|error| fault_text(&error.without_url()))?;
    let scopes = response.headers().get(SCOPES_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let body = read_body(response, MAX_API_BODY_BYTES).await;
    let complete = !matches!(body.end, BodyEnd::CutShort(_));
    let body = String::from_utf8_lossy(&body.bytes).into_owned();
    Ok((PostResult::Response(HttpResponse { status, retry_after: None, body, complete }), scopes))
}
