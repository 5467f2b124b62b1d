//! Alerts: problems of the daemon reported to the operator, as a journal line and, if `[operator]` names a sink, as a
//! card. Callers report each change once; nothing here detects changes.

mod scope;
mod text;

use super::given_up::LostCards;
use crate::{
    goto::{lane::RequestFailure, scopes::Scope},
    model::{
        call::StatusKind,
        card::{Alert, Card},
        delivery::{DeliveryKey, EnqueueMode, NewDelivery, Outbox, Subject},
        ids::{AccountKey, ConnectionName, SinkName},
        time::Timestamp,
    },
    outbox::DatabaseOutbox,
    runtime::{http::NetworkFault, message_id},
};

use scope::{AlertScope, on_host};
pub use text::LoginAdvice;

/// A problem, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertKind {
    /// GoTo accepts no token: the operator has to log in, or to replace the personal access token.
    LoginRequired(ConnectionName, LoginAdvice),
    /// The operator has logged in again.
    LoginRestored(ConnectionName),
    /// The grant lacks scopes that the config needs.
    ScopesMissing(ConnectionName, Vec<Scope>, LoginAdvice),
    /// Every needed scope is granted again.
    ScopesGranted(ConnectionName),
    /// The refresh token expires in this many days.
    RefreshTokenExpiring(ConnectionName, u32),
    /// A rotated refresh token is not on disk.
    TokenNotPersisted(ConnectionName),
    /// GoTo rejects an account of the connection, with the HTTP status.
    AccountRejected(ConnectionName, AccountKey, u16),
    /// GoTo rejects the connection's channel or subscriptions.
    ConnectionRejected(ConnectionName, RequestFailure),
    /// GoTo accepts the connection's channel again.
    ConnectionAccepted(ConnectionName),
    /// The connection has had no live lane for 2 minutes; whether active calls are polled instead, and why no answer came.
    ConnectionDown(ConnectionName, bool, Option<NetworkFault>),
    /// The connection has a live lane again.
    ConnectionRestored(ConnectionName),
    /// Reports are not granted: calls of an event gap cannot be recovered.
    ReportsNotGranted(ConnectionName, Timestamp, Timestamp),
    /// The sink is disabled: its endpoint rejects every card.
    SinkDisabled(SinkName, String),
    /// The sink has been unreachable for 15 minutes: reason and remedy.
    SinkUnreachable(SinkName, &'static str, &'static str),
    /// The sink has been throttled for 15 minutes.
    SinkThrottled(SinkName),
    /// The sink accepts cards again. The cards became dead letters before that.
    SinkRecovered(SinkName, LostCards),
    /// The workspace rejects a mention; the card was posted without it.
    MentionRejected(SinkName),
    /// A card became a dead letter.
    DeadLetter {
        /// Sink of the card.
        sink: SinkName,
        /// Description of the card.
        what: String,
        /// Reason.
        why: String,
    },
    /// The chat does not reach the person of the sink: reason with remedy.
    PersonNotReached(SinkName, String),
    /// Earlier alerts became dead letters, and the sink accepts cards.
    AlertsGivenUp(SinkName, LostCards),
    /// Slack rejects the app token of a sink, or Socket Mode is off: Slack's word.
    ButtonsRejected(SinkName, String),
    /// Presses of the sink's buttons are received again.
    ButtonsRestored(SinkName),
    /// The config has no app token for the sink any more.
    ButtonsRemoved(SinkName),
    /// The outbox is in memory only.
    StoreInMemory(String),
    /// The outbox is on disk again.
    StoreRecovered,
    /// The shared database is empty or older than before.
    DatabaseReplaced,
    /// A newer version has migrated the shared database: this daemon posts nothing.
    DatabaseNewer,
}

impl AlertKind {
    /// Returns the sink for the alert if the config names none for the operator. A lost card must not be visible in the
    /// journal only, and its sink accepts other cards.
    #[must_use]
    pub fn default_sink(&self) -> Option<SinkName> {
        match self {
            Self::DeadLetter { sink, .. } | Self::AlertsGivenUp(sink, _) => Some(sink.clone()),
            Self::SinkRecovered(sink, lost) if !lost.is_empty() => Some(sink.clone()),
            _ => None,
        }
    }

    fn is_error(&self) -> bool {
        matches!(
            self,
            Self::LoginRequired(..)
                | Self::TokenNotPersisted(_)
                | Self::ConnectionRejected(..)
                | Self::ConnectionDown(..)
                | Self::AccountRejected(..)
                | Self::SinkDisabled(..)
                | Self::DeadLetter { .. }
                | Self::PersonNotReached(..)
                | Self::StoreInMemory(_)
                | Self::DatabaseReplaced
                | Self::DatabaseNewer
        )
    }

    /// Logs the alert. Sink alerts are skipped: `deliver` logs them with status and response.
    fn log(&self) {
        let connection = match self {
            Self::LoginRequired(name, _)
            | Self::LoginRestored(name)
            | Self::ScopesMissing(name, ..)
            | Self::ScopesGranted(name)
            | Self::RefreshTokenExpiring(name, _)
            | Self::TokenNotPersisted(name)
            | Self::AccountRejected(name, ..)
            | Self::ConnectionRejected(name, _)
            | Self::ConnectionAccepted(name)
            | Self::ConnectionDown(name, ..)
            | Self::ConnectionRestored(name)
            | Self::ReportsNotGranted(name, ..) => Some(name.as_str()),
            Self::StoreInMemory(_) | Self::StoreRecovered | Self::DatabaseReplaced | Self::DatabaseNewer => None,
            Self::SinkDisabled(..)
            | Self::SinkUnreachable(..)
            | Self::SinkThrottled(_)
            | Self::SinkRecovered(..)
            | Self::MentionRejected(_)
            | Self::AlertsGivenUp(..)
            | Self::PersonNotReached(..)
            | Self::ButtonsRejected(..)
            | Self::ButtonsRestored(_)
            | Self::ButtonsRemoved(_)
            | Self::DeadLetter { .. } => return,
        };
        let Alert { title, advice, resolved: over } = &self.alert();
        let (message, message_id) = self.journal_event();
        match (over, self.is_error()) {
            (true, _) => tracing::info!(connection, message_id, "{message}"),
            (false, true) => tracing::error!(connection, error = title, advice, message_id, "{message}"),
            (false, false) => tracing::warn!(connection, error = title, advice, message_id, "{message}"),
        }
    }

    /// Returns the journal message and its message id.
    const fn journal_event(&self) -> (&'static str, &'static str) {
        match self {
            Self::ScopesMissing(..) => ("scopes missing", message_id::SCOPES_MISSING),
            Self::ScopesGranted(_) => ("scopes granted", message_id::SCOPES_GRANTED),
            Self::LoginRequired(..) => ("login required", message_id::LOGIN_REQUIRED),
            Self::LoginRestored(_) => ("login restored", message_id::LOGIN_RESTORED),
            Self::RefreshTokenExpiring(..) => ("refresh token expiring", message_id::REFRESH_TOKEN_EXPIRING),
            Self::TokenNotPersisted(_) => ("token not persisted", message_id::TOKEN_NOT_PERSISTED),
            Self::AccountRejected(..) => ("account rejected", message_id::ACCOUNT_REJECTED),
            Self::ConnectionRejected(..) => ("connection rejected by goto", message_id::CONNECTION_REJECTED),
            Self::ConnectionAccepted(_) => ("connection accepted by goto", message_id::CONNECTION_ACCEPTED),
            Self::ConnectionDown(..) => ("connection down", message_id::CONNECTION_DOWN),
            Self::ConnectionRestored(_) => ("connection restored", message_id::CONNECTION_RESTORED),
            Self::ReportsNotGranted(..) => ("event gap not recoverable", message_id::REPORTS_NOT_GRANTED),
            Self::SinkDisabled(..) => ("sink disabled", message_id::SINK_DISABLED),
            Self::SinkUnreachable(..) => ("sink unreachable", message_id::SINK_UNREACHABLE),
            Self::SinkThrottled(_) => ("sink throttled", message_id::SINK_THROTTLED),
            Self::SinkRecovered(..) => ("sink recovered", message_id::SINK_RECOVERED),
            Self::MentionRejected(_) => ("mention rejected", message_id::MENTION_REJECTED),
            Self::DeadLetter { .. } | Self::PersonNotReached(..) | Self::AlertsGivenUp(..) => {
                ("dead letter", message_id::DEAD_LETTER)
            }
            Self::ButtonsRejected(..) => ("slack refuses the socket", message_id::SLACK_SOCKET_REJECTED),
            Self::ButtonsRestored(_) => ("slack socket live", ""),
            Self::ButtonsRemoved(_) => ("slack app token removed", ""),
            Self::StoreInMemory(_) => ("store in memory only", message_id::STORE_IN_MEMORY),
            Self::StoreRecovered => ("store recovered", message_id::STORE_RECOVERED),
            Self::DatabaseReplaced => ("shared database empty or older", message_id::DATABASE_REPLACED),
            Self::DatabaseNewer => ("shared database of a newer version", message_id::DATABASE_NEWER),
        }
    }
}

/// Logs the alert and enqueues its card for the operator's sink. `host`: name of this host, if other daemons share the store.
/// A trouble that all of them notice is one card; a trouble of one host names the host.
pub async fn raise(alert: &AlertKind, sink: Option<SinkName>, outbox: &DatabaseOutbox, host: Option<&str>) {
    alert.log();
    let Some(sink) = sink else { return };
    let scope = alert.scope();
    let content = match host {
        Some(host) if scope == AlertScope::Host => on_host(alert.alert(), host),
        Some(_) | None => alert.alert(),
    };
    let subject = Subject::Named(format!("notice {}", uuid::Uuid::now_v7()));
    let key = DeliveryKey { subject, status: StatusKind::Ended, sink };
    let state = content.title.clone();
    let delivery = NewDelivery { key, card: Card::Alert(content), mode: EnqueueMode::Insert };
    let enqueued = match scope {
        AlertScope::Shared(trouble) => outbox.enqueue_shared_alert(trouble, state, delivery).await,
        AlertScope::Host | AlertScope::Owner => outbox.enqueue(None, vec![delivery]).await.map(drop),
    };
    if let Err(error) = enqueued {
        tracing::debug!(%error, "alert not enqueued");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goto::lane::FailureClass;

    #[test]
    fn alert_about_recovered_sink_lists_what_was_not_posted() {
        let sink = SinkName::try_from("desk").unwrap();
        let quiet = AlertKind::SinkRecovered(sink.clone(), LostCards::default()).alert();
        assert_eq!((quiet.title.as_str(), quiet.advice.as_str()), ("desk accepts cards again", ""));
        let mut given_up = super::super::given_up::GivenUp::default();
        given_up.on_dead_letter(sink.clone(), "missed, 18:00 UTC".to_owned(), false);
        let alert = AlertKind::SinkRecovered(sink.clone(), given_up.on_recovered(&sink)).alert();
        assert!(alert.resolved && alert.title.ends_with("Not posted: missed, 18:00 UTC"), "{alert:?}");
        assert!(alert.advice.contains("outbox list --state dead"));
    }

    #[test]
    fn alert_about_lost_card_without_operator_goes_to_its_sink() {
        let sink = SinkName::try_from("desk").unwrap();
        let lost = AlertKind::DeadLetter { sink: sink.clone(), what: String::new(), why: String::new() };
        assert_eq!(lost.default_sink(), Some(sink.clone()));
        let mut given_up = super::super::given_up::GivenUp::default();
        given_up.on_dead_letter(sink.clone(), "alert: main is down".to_owned(), true);
        let alerts = given_up.on_delivered(&sink).unwrap();
        assert_eq!(AlertKind::AlertsGivenUp(sink.clone(), alerts.clone()).default_sink(), Some(sink.clone()));
        assert_eq!(AlertKind::SinkRecovered(sink.clone(), alerts).default_sink(), Some(sink.clone()));
        assert_eq!(
            AlertKind::SinkRecovered(sink.clone(), LostCards::default()).default_sink(),
            None,
            "nothing is lost"
        );
        assert_eq!(
            AlertKind::PersonNotReached(sink.clone(), String::new()).default_sink(),
            None,
            "it is not posted there"
        );
        assert_eq!(AlertKind::SinkThrottled(sink).default_sink(), None);
    }

    #[test]
    fn alert_about_unreachable_sink_names_the_failed_leg_and_its_remedy() {
        let sink = SinkName::try_from("desk").unwrap();
        let of = |why, advice| AlertKind::SinkUnreachable(sink.clone(), why, advice).alert();
        let fault = NetworkFault::ProxyLogin;
        let proxy = of(fault.as_str(), fault.advice());
        assert!(proxy.title.ends_with("the proxy rejects the login (407)"), "{proxy:?}");
        assert_eq!(proxy.advice, format!("Its cards are kept and retried. {}", fault.advice()));
        assert!(of("the chat timed out", "").advice.contains("check DNS, the network"), "a rule without advice");
    }

    #[test]
    fn alert_firing_has_advice_and_resolved_has_none() {
        let main = ConnectionName::try_from("main").unwrap();
        let firing = AlertKind::LoginRequired(main.clone(), LoginAdvice::LogIn).alert();
        assert!(firing.advice.contains("poprelay login --connection main") && !firing.resolved);
        let revoked = AlertKind::LoginRequired(main.clone(), LoginAdvice::ReplacePat).alert();
        assert!(revoked.title.starts_with("GoTo requires a new personal access token for main"), "{}", revoked.title);
        for (advice, title) in [
            (LoginAdvice::RepairClient, "GoTo rejects the client_id or client_secret of main: no call is received"),
            (LoginAdvice::RepairFile, "The token file of main cannot be used: no call is received"),
        ] {
            let alert = AlertKind::LoginRequired(main.clone(), advice).alert();
            assert!(alert.title.starts_with(title), "{}", alert.title);
        }
        assert!(revoked.advice.contains("new personal access token at myaccount.goto.com"), "{}", revoked.advice);
        let resolved = AlertKind::LoginRestored(main).alert();
        assert!(resolved.resolved && resolved.advice.is_empty());
    }

    #[test]
    fn rejected_app_token_names_the_cause_and_is_resolved() {
        let sink = SinkName::try_from("desk").unwrap();
        for (word, cause) in [
            ("invalid_auth", "Slack rejects the app token (invalid_auth)"),
            ("missing_scope", "the app token lacks the scope connections:write (missing_scope)"),
            ("link_disabled", "Socket Mode is switched off (link_disabled)"),
        ] {
            let alert = AlertKind::ButtonsRejected(sink.clone(), word.to_owned()).alert();
            assert!(alert.title.ends_with(cause) && alert.advice.contains("connections:write"), "{alert:?}");
        }
        assert!(AlertKind::ButtonsRemoved(sink.clone()).alert().resolved);
        assert!(AlertKind::ButtonsRestored(sink).alert().resolved);
    }

    #[test]
    fn rejected_connection_names_refusal_and_advice() {
        let main = ConnectionName::try_from("main").unwrap();
        let text = |failure| {
            let alert = AlertKind::ConnectionRejected(main.clone(), failure).alert();
            format!("{} {}", alert.title, alert.advice)
        };
        assert!(text(RequestFailure::new(FailureClass::NoAccounts)).contains("Set account_keys"));
        let refusal = |reason: &str| RequestFailure {
            status: Some(403),
            reason: Some(reason.into()),
            ..RequestFailure::new(FailureClass::Rejected)
        };
        let scope = text(refusal("AUTHZ_INSUFFICIENT_SCOPE"));
        assert!(scope.contains("lacks the scope call-events.v1.notifications.manage"), "{scope}");
        assert!(text(refusal("BAD_REQUEST (Events[0]: INVALID)")).contains("Events[0]: INVALID"));
    }
}
