//! HTTP routes and the accept loop. Connections are tasks of the simulator, so that they end with it.

use super::{
    call_api, channel_api, chat, control, gate, oauth, shared::Shared, slack_api, socket, subscription_api,
    voicemail_api,
};
use axum::{
    Router, middleware,
    routing::{delete, get, post, put},
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// Returns all routes of the simulator.
pub(super) fn routes(sim: &Arc<Shared>) -> Router {
    let layer = |sim: &Arc<Shared>| Arc::clone(sim);
    let channel = "/notification-channel/v1/channels/{nickname}/{id}";
    let rest = Router::new()
        .route("/notification-channel/v1/channels", get(channel_api::list))
        .route("/notification-channel/v1/channels/{nickname}", post(channel_api::create))
        .route(channel, get(channel_api::get).put(channel_api::update).delete(channel_api::delete))
        .route(&format!("{channel}/channel-lifetime"), get(channel_api::lifetime).put(channel_api::renew))
        .route(
            "/call-events/v1/subscriptions",
            post(subscription_api::calls).get(subscription_api::calls_of).delete(subscription_api::end_calls),
        )
        .route(
            "/call-events-report/v1/subscriptions",
            post(subscription_api::reports).get(subscription_api::reports_of).delete(subscription_api::end_reports),
        )
        .route("/call-events/v1/conversation-spaces", get(call_api::spaces))
        .route("/call-events/v1/conversation-spaces/{id}/events", get(call_api::events))
        .route("/call-events-report/v1/reports/{id}", get(call_api::one_report))
        .route("/call-events-report/v1/report-summaries", get(call_api::summaries))
        .route("/call-reports/v1/reports/caller-activity/{number}", get(call_api::activity))
        .route("/voicemail/v1/voicemailboxes", get(voicemail_api::boxes))
        .route("/voicemail/v1/voicemailboxes/{id}/voicemails", get(voicemail_api::messages))
        .route("/users/v1/me", get(call_api::me))
        .route("/users/v1/users", get(call_api::users))
        .layer(middleware::from_fn_with_state(layer(sim), gate::rest));
    let login = Router::new()
        .route("/oauth/token", post(oauth::token))
        .layer(middleware::from_fn_with_state(layer(sim), gate::tokens));
    let control = Router::new()
        .route("/sim/call", post(control::call))
        .route("/sim/say", post(control::say))
        .route("/sim/calls", get(control::calls))
        .route("/sim/posts", get(control::posts).delete(control::forget_posts))
        .route("/sim/faults", put(control::set_faults).get(control::faults))
        .route("/sim/messages", get(slack_api::listed))
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
        .route("/notification-channel/v1/channels/{id}/channelId/ws", get(socket::open))
        .route("/slack/{name}", post(chat::to_slack))
        .route("/teams/{name}", post(chat::to_teams))
        .route("/api/chat.postMessage", post(slack_api::post))
        .route("/api/chat.update", post(slack_api::update))
        .route("/api/{method}", post(slack_api::other))
        .layer(middleware::from_fn_with_state(layer(sim), gate::count))
        .merge(control)
        .with_state(layer(sim))
}

/// Accepts connections until the simulator ends. While it is down, connections are closed immediately.
pub(super) async fn serve(sim: Arc<Shared>, listener: TcpListener) {
    let routes = routes(&sim);
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
        let service = TowerToHyperService::new(routes.clone());
        let owner = Arc::clone(&sim);
        sim.spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::select! {
                () = owner.cut.notified() => {}
                served = connection => drop(served),
            }
        });
    }
}
