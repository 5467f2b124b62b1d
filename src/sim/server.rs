//! HTTP routes and the accept loop. Connections are tasks of the simulator, so that they end with it.

use super::{
    call_api, channel_api, control, hang_up, identity_api, oauth, request_checks, slack_api, slack_queries, socket,
    socket_mode, state::SimState, subscription_api, teams_app, voice_admin_api, voicemail_api, webhooks,
};

use axum::{
    Router, middleware,
    routing::{delete, get, patch, post, put},
};
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{io, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// Returns all routes of the simulator.
pub(super) fn router(sim: &Arc<SimState>) -> Router {
    let layer = |sim: &Arc<SimState>| Arc::clone(sim);
    let channel = "/notification-channel/v1/channels/{nickname}/{id}";
    let rest = Router::new()
        .route("/notification-channel/v1/channels", get(channel_api::list))
        .route("/notification-channel/v1/channels/{nickname}", post(channel_api::create))
        .route(channel, get(channel_api::get).put(channel_api::update).delete(channel_api::delete))
        .route(&format!("{channel}/channel-lifetime"), get(channel_api::lifetime).put(channel_api::renew))
        .route(
            "/call-events/v1/subscriptions",
            post(subscription_api::subscribe_calls)
                .get(subscription_api::list_call_subscriptions)
                .delete(subscription_api::unsubscribe_calls),
        )
        .route(
            "/call-events-report/v1/subscriptions",
            post(subscription_api::subscribe_reports)
                .get(subscription_api::list_report_subscriptions)
                .delete(subscription_api::unsubscribe_reports),
        )
        .route("/call-events/v1/conversation-spaces", get(call_api::active_calls))
        .route("/call-events/v1/conversation-spaces/{id}/events", get(call_api::call_states))
        .route("/call-events-report/v1/reports/{id}", get(call_api::full_report))
        .route("/call-events-report/v1/report-summaries", get(call_api::report_summaries))
        .route("/call-reports/v1/reports/caller-activity/{number}", get(call_api::caller_activity))
        .route("/voicemail/v1/voicemailboxes", get(voicemail_api::list_mailboxes))
        .route("/voicemail/v1/voicemailboxes/{id}/voicemails", get(voicemail_api::list_voicemails))
        .route("/voice-admin/v1/phone-numbers", get(voice_admin_api::phone_numbers))
        .route("/voice-admin/v1/extensions", get(voice_admin_api::extensions))
        .route("/identity/v1/Users/me", get(identity_api::identity))
        .route("/users/v1/me", get(identity_api::users_me))
        .route("/users/v1/users", get(call_api::users))
        .layer(middleware::from_fn_with_state(layer(sim), request_checks::inject_rest_faults));
    let login = Router::new()
        .route("/oauth/token", post(oauth::token))
        .layer(middleware::from_fn_with_state(layer(sim), request_checks::inject_token_faults));
    let control = Router::new()
        .route("/sim/call", post(control::place_call))
        .route("/sim/say", post(control::send_frame))
        .route("/sim/calls", get(control::calls))
        .route("/sim/posts", get(control::posts).delete(control::clear_posts))
        .route("/sim/faults", put(control::set_faults).get(control::faults))
        .route("/sim/press", post(socket_mode::press_button))
        .route("/sim/slack-answers/{envelope}", post(socket_mode::receive_answer))
        .route("/sim/messages", get(slack_api::list_messages))
        .route("/sim/messages/{channel}/{ts}", delete(slack_api::delete))
        .route("/sim/drop", post(control::drop_sockets))
        .route("/sim/expire", post(control::expire))
        .route("/sim/channels", get(control::channels))
        .route("/sim/requests", get(control::requests))
        .route("/sim/events", get(control::events))
        .route("/", get(control::page));
    Router::new()
        .merge(rest)
        .merge(login)
        .route("/oauth/authorize", get(oauth::authorize))
        .route("/notification-channel/v1/channels/{id}/channelId/ws", get(socket::open_socket))
        .route("/slack/{name}", post(webhooks::to_slack))
        .route("/teams/{name}", post(webhooks::to_teams))
        .route("/webhook/{name}", post(webhooks::to_webhook))
        .route("/ntfy/", post(webhooks::to_ntfy))
        .route("/discord/api/webhooks/1/{name}", post(webhooks::to_discord))
        .route("/discord/api/webhooks/1/{name}/messages/{id}", patch(webhooks::edit_discord))
        .route("/mattermost/hooks/{name}", post(webhooks::to_mattermost))
        .route("/google-chat/v1/spaces/{name}/messages", post(webhooks::to_google_chat))
        .route("/api/chat.postMessage", post(slack_api::post))
        .route("/api/chat.update", post(slack_api::update))
        .route("/api/apps.connections.open", post(socket_mode::open_connection))
        .route("/link/", get(socket_mode::link))
        .route("/api/auth.test", post(slack_queries::auth_test))
        .route("/api/users.info", post(slack_queries::users_info))
        .route("/api/users.lookupByEmail", post(slack_queries::users_lookup_by_email))
        .route("/api/conversations.info", post(slack_queries::conversations_info))
        .route("/api/{method}", post(slack_api::unknown_method))
        .route("/teams-login/{tenant}/oauth2/v2.0/token", post(teams_app::token))
        .route("/teams-api/v3/conversations", post(teams_app::create))
        .route("/teams-api/v3/conversations/{conversation}/activities", post(teams_app::reply))
        .route("/teams-api/v3/conversations/{conversation}/activities/{id}", put(teams_app::update))
        .layer(middleware::from_fn_with_state(layer(sim), request_checks::count_requests))
        .merge(control)
        .with_state(layer(sim))
}

/// Accepts connections until the simulator ends. While it is down, connections are closed immediately.
pub(super) async fn serve(sim: Arc<SimState>, listener: TcpListener) {
    let routes = router(&sim);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Usually no file descriptor is free: wait for some to close before the next accept.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if sim.faults().down {
            continue;
        }
        drop(stream.set_nodelay(true));
        let handler = TowerToHyperService::new(routes.clone());
        let service = service_fn(move |request| {
            let response = handler.call(request);
            async move {
                let response = response.await.map_err(io::Error::other)?;
                if hang_up::is_requested(&response) {
                    return Err(io::Error::other("hung up"));
                }
                Ok(response)
            }
        });
        let owner = Arc::clone(&sim);
        sim.spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::select! {
                () = owner.disconnect_all.notified() => {}
                served = connection => drop(served),
            }
        });
    }
}
