//! Alerts: problems of the daemon reported to the operator, as a journal line and, if `[operator]` names a sink, as a
//! card. Callers report each change once; nothing here detects changes.

use super::given_up::LostCards;
use crate::{
    deliver::socket_mode,
    goto::{
        lane::{FailureClass, NO_ACCOUNTS_ADVICE, RequestFailure},
        scopes::{self, PAT_PAGE, Scope},
    },
    model::{
        call::StatusKind,
        card::{Alert, Card},
        delivery::{DeliveryKey, EnqueueMode, NewDelivery, Outbox, Subject},
        ids::{AccountKey, ConnectionName, SinkName},
        time::Timestamp,
    },
    outbox::SqliteOutbox,
    runtime::{http::NetworkFault, message_id},
};

const SEE_DEAD_LETTERS: &str = "See: poprelay outbox list --state dead";

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
    /// The sink has been unreachable for 15 minutes.
    SinkUnreachable(SinkName, String),
    /// The sink has been throttled for 15 minutes.
    SinkThrottled(SinkName),
    /// The sink accepts cards again; the cards were given up meanwhile.
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
    /// Earlier alerts became dead letters.
    AlertsGivenUp(LostCards),
    /// Slack rejects the app token of a sink, or Socket Mode is off: Slack's word.
    ButtonsRejected(SinkName, String),
    /// Presses of the sink's buttons are received again.
    ButtonsRestored(SinkName),
    /// The outbox is in memory only.
    StoreInMemory(String),
    /// The outbox is on disk again.
    StoreRecovered,
}

/// How a connection gets a valid login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginAdvice {
    /// By `poprelay login`.
    LogIn,
    /// By another personal access token.
    ReplacePat,
    /// By another client id or secret.
    RepairClient,
    /// By a token file that the daemon can read.
    RepairFile,
}

impl LoginAdvice {
    /// Returns the wording for the status line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LogIn => "needs a login (poprelay login)",
            Self::ReplacePat => "needs a new personal access token",
            Self::RepairClient => "has a wrong client_id or client_secret",
            Self::RepairFile => "has a token file that cannot be used",
        }
    }

    fn text(self, connection: &ConnectionName) -> String {
        match self {
            Self::LogIn => format!("Run: poprelay login --connection {connection}. The daemon picks up the new token."),
            Self::ReplacePat => format!(
                "Make a new personal access token at {PAT_PAGE}, put it in place of the old one (key pat of \
                 {connection}) and restart the daemon."
            ),
            Self::RepairFile => format!(
                "The token file of {connection} cannot be used; the journal names the reason. The daemon's user must own it, \
                 with mode 600. Or run: poprelay login --connection {connection}. The daemon picks up a change of the file."
            ),
            Self::RepairClient => format!(
                "GoTo does not know the client: client_id or client_secret of {connection} is wrong. Compare both with \
                 developer.logmeininc.com/clients. The daemon retries every ten minutes."
            ),
        }
    }
}

/// Returns the advice for a rejected connection.
fn rejection_advice(connection: &ConnectionName, why: &RequestFailure) -> String {
    let lacks_scope = why.reason.as_deref().is_some_and(|reason| reason.contains("AUTHZ_INSUFFICIENT_SCOPE"));
    match why.class {
        FailureClass::NoAccounts => NO_ACCOUNTS_ADVICE.to_owned(),
        _ if lacks_scope => format!(
            "The login lacks the scope {}. {}",
            scopes::NOTIFICATIONS.name,
            scopes::advice(connection.as_str(), false)
        ),
        _ => {
            "Check the OAuth client's scopes (call-events.v1.notifications.manage) and that the user is a super admin. \
              The daemon retries every few minutes."
                .to_owned()
        }
    }
}

impl AlertKind {
    /// Returns the alert card: a title, and advice while the alert fires.
    #[must_use]
    pub fn alert(&self) -> Alert {
        let firing = |title: String, advice: &str| Alert { title, advice: advice.to_owned(), resolved: false };
        let resolved = |title: String| Alert { title, advice: String::new(), resolved: true };
        match self {
            Self::LoginRequired(name, advice) => firing(
                format!("GoTo requires a new login for {name}: no call is received until then"),
                &advice.text(name),
            ),
            Self::ScopesMissing(name, missing, advice) => firing(
                format!("The login of {name} lacks scopes: {}", scopes::describe(missing)),
                &scopes::advice(name.as_str(), *advice == LoginAdvice::ReplacePat),
            ),
            Self::ScopesGranted(name) => resolved(format!("{name} has every scope again")),
            Self::LoginRestored(name) => resolved(format!("{name} is logged in again")),
            Self::RefreshTokenExpiring(name, days) => firing(
                format!("The refresh token of {name} expires in {days} days unless GoTo renews it"),
                &format!("Run: poprelay login --connection {name}"),
            ),
            Self::TokenNotPersisted(name) => firing(
                format!("The new token of {name} was not written: the next start would use an invalid one"),
                "Make the state directory writable. The daemon retries at the next refresh.",
            ),
            Self::AccountRejected(name, account, status) => firing(
                format!("GoTo rejects account {account} of {name} (status {status}): its calls are not received"),
                "The user must be a super admin of the account. Check account_keys and the user's role.",
            ),
            Self::ConnectionRejected(name, why) => {
                firing(format!("GoTo rejects {name}: no call is received ({why})"), &rejection_advice(name, why))
            }
            Self::ConnectionAccepted(name) => resolved(format!("GoTo accepts {name} again")),
            Self::ConnectionDown(name, true, _) => firing(
                format!("{name} has had no live lane for 2 minutes: calls are polled over REST, seconds late"),
                "GoTo's REST API answers, its WebSocket does not: check whether a proxy or firewall of this network blocks \
                 WebSockets, and \"lane failed to connect\" in the journal.",
            ),
            Self::ConnectionDown(name, false, Some(fault)) => firing(
                format!("{name} has had no live lane for 2 minutes: no call is received. Reason: {fault}"),
                fault.advice(),
            ),
            Self::ConnectionDown(name, false, None) => firing(
                format!("{name} has had no live lane for 2 minutes: no call is received"),
                "The daemon retries. If this lasts: check this machine's network and DNS, GoTo's status page, \
                 and \"lane failed to connect\" in the journal.",
            ),
            Self::ConnectionRestored(name) => resolved(format!("{name} is connected to GoTo again")),
            Self::ReportsNotGranted(name, from, to) => firing(
                format!("{name} received no events from {from:.0} to {to:.0}: calls of that time cannot be recovered"),
                "Grant the scope cr.v1.read to the OAuth client and log in again. Calls of later gaps are then posted.",
            ),
            Self::SinkDisabled(sink, why) => firing(
                format!("{sink} is disabled: {why}"),
                "Its cards are kept and posted when the sink accepts them again. The daemon retries every hour.",
            ),
            Self::SinkUnreachable(sink, why) => firing(
                format!("{sink} has been unreachable for 15 minutes: {why}"),
                "Its cards are kept and retried. If this lasts: check DNS, the network, and the chat's status page.",
            ),
            Self::SinkThrottled(sink) => firing(
                format!("{sink} has been throttled for 15 minutes"),
                "Too many messages for one channel: raise its limit or route fewer calls to it.",
            ),
            Self::MentionRejected(sink) => firing(
                format!("The workspace of {sink} rejects the mention of a rule: cards are posted without it"),
                "Ask the workspace's admins to let the app mention the channel or the group, or remove the mention from the rule.",
            ),
            Self::SinkRecovered(sink, lost) if lost.is_empty() => resolved(format!("{sink} accepts cards again")),
            Self::SinkRecovered(sink, lost) => Alert {
                advice: SEE_DEAD_LETTERS.to_owned(),
                ..resolved(format!("{sink} accepts cards again. Not posted: {}", lost.text()))
            },
            Self::DeadLetter { sink, what, why } => {
                firing(format!("A card for {sink} was not posted ({what}): {why}"), SEE_DEAD_LETTERS)
            }
            Self::AlertsGivenUp(lost) => {
                firing(format!("Earlier alerts were not posted: {}", lost.text()), SEE_DEAD_LETTERS)
            }
            Self::ButtonsRejected(sink, word) => firing(
                format!("Presses of the buttons of {sink} are not received: {}", socket_mode::rejection(word)),
                "Create an app-level token with the scope connections:write (Basic Information of the app), switch Socket Mode \
                 on, put the token into app_token and reload. Cards are posted all the same.",
            ),
            Self::ButtonsRestored(sink) => resolved(format!("Presses of the buttons of {sink} are received again")),
            Self::StoreInMemory(why) => firing(
                format!("The store cannot write ({why}): cards are posted, but a crash would lose pending ones"),
                "Free space on the state directory's disk, or make it writable. The daemon then returns to it.",
            ),
            Self::StoreRecovered => resolved("The store writes to disk again".to_owned()),
        }
    }

    /// Returns the sink for the alert if the config names none for the operator. A lost card must not be visible in the
    /// journal only, and its sink accepts other cards.
    #[must_use]
    pub fn default_sink(&self) -> Option<SinkName> {
        match self {
            Self::DeadLetter { sink, .. } => Some(sink.clone()),
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
                | Self::StoreInMemory(_)
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
            Self::StoreInMemory(_) | Self::StoreRecovered => None,
            Self::SinkDisabled(..)
            | Self::SinkUnreachable(..)
            | Self::SinkThrottled(_)
            | Self::SinkRecovered(..)
            | Self::MentionRejected(_)
            | Self::AlertsGivenUp(_)
            | Self::ButtonsRejected(..)
            | Self::ButtonsRestored(_)
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

    /// Journal message and message id.
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
            Self::DeadLetter { .. } | Self::AlertsGivenUp(_) => ("dead letter", message_id::DEAD_LETTER),
            Self::ButtonsRejected(..) => ("slack rejects the app token", message_id::SLACK_SOCKET_REJECTED),
            Self::ButtonsRestored(_) => ("slack socket live", ""),
            Self::StoreInMemory(_) => ("store in memory only", message_id::STORE_IN_MEMORY),
            Self::StoreRecovered => ("store recovered", message_id::STORE_RECOVERED),
        }
    }
}

/// Logs the alert and enqueues its card for the operator's sink.
pub async fn raise(alert: &AlertKind, sink: Option<SinkName>, outbox: &SqliteOutbox) {
    alert.log();
    let Some(sink) = sink else { return };
    let subject = Subject::Named(format!("notice {}", uuid::Uuid::now_v7()));
    let key = DeliveryKey { subject, status: StatusKind::Ended, sink };
    let card = Card::Alert(alert.alert());
    if let Err(error) = outbox.enqueue(None, vec![NewDelivery { key, card, mode: EnqueueMode::Insert }]).await {
        tracing::debug!(%error, "alert not enqueued");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(AlertKind::SinkThrottled(sink).default_sink(), None);
    }

    #[test]
    fn alert_firing_has_advice_and_resolved_has_none() {
        let main = ConnectionName::try_from("main").unwrap();
        let firing = AlertKind::LoginRequired(main.clone(), LoginAdvice::LogIn).alert();
        assert!(firing.advice.contains("poprelay login --connection main") && !firing.resolved);
        let revoked = AlertKind::LoginRequired(main.clone(), LoginAdvice::ReplacePat).alert();
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
