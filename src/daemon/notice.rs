//! Alerts: problems of the daemon reported to the operator, as a journal line and, if `[operator]` names a sink, as a
//! card. Callers report each change once; nothing here detects changes.

use crate::model::{
    call::MomentKind,
    card::{Card, Notice},
    delivery::{Admission, Key, Outbox, Rule, Subject},
    event,
    ids::{AccountKey, ConnectionName, SinkName},
    time::Timestamp,
};
use crate::outbox::Queue;

/// A problem, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// GoTo accepts no token: the operator has to log in.
    ConsentNeeded(ConnectionName),
    /// The operator has logged in again.
    ConsentGiven(ConnectionName),
    /// The refresh token expires in this many days.
    GrantAging(ConnectionName, u32),
    /// A rotated refresh token is not on disk.
    TokenNotKept(ConnectionName),
    /// GoTo rejects an account of the connection, with the HTTP status.
    AccountRefused(ConnectionName, AccountKey, u16),
    /// GoTo rejects the connection's channel or subscriptions.
    ConnectionRefused(ConnectionName),
    /// GoTo accepts the connection's channel again.
    ConnectionAccepted(ConnectionName),
    /// The connection has had no live lane for 2 minutes.
    Deaf(ConnectionName),
    /// The connection has a live lane again.
    HearsAgain(ConnectionName),
    /// Reports are not granted: calls of an event gap cannot be recovered.
    ReportsNotGranted(ConnectionName, Timestamp, Timestamp),
    /// The sink is disabled: its endpoint rejects every card.
    SinkDisabled(SinkName, String),
    /// The sink has been unreachable for 15 minutes.
    SinkUnreachable(SinkName, String),
    /// The sink has been throttled for 15 minutes.
    SinkThrottled(SinkName),
    /// The sink accepts cards again.
    SinkBack(SinkName),
    /// A card became a dead letter.
    DeadLetter(SinkName, String),
    /// The outbox is in memory only.
    StoreVolatile(String),
    /// The outbox is on disk again.
    StoreDurable,
}

impl Trouble {
    /// Returns the alert card: a title, and advice while the alert fires.
    #[must_use]
    pub fn notice(&self) -> Notice {
        let firing = |title: String, advice: &str| Notice { title, advice: advice.to_owned(), over: false };
        let resolved = |title: String| Notice { title, advice: String::new(), over: true };
        match self {
            Self::ConsentNeeded(name) => firing(
                format!("GoTo requires a new login for {name}: no call is received until then"),
                &format!("Run: poprelay login --connection {name}. The daemon picks up the new token."),
            ),
            Self::ConsentGiven(name) => resolved(format!("{name} is logged in again")),
            Self::GrantAging(name, days) => firing(
                format!("The refresh token of {name} expires in {days} days unless GoTo renews it"),
                &format!("Run: poprelay login --connection {name}"),
            ),
            Self::TokenNotKept(name) => firing(
                format!("The new token of {name} was not written: the next start would use an invalid one"),
                "Make the state directory writable. The daemon retries at the next refresh.",
            ),
            Self::AccountRefused(name, account, status) => firing(
                format!("GoTo rejects account {account} of {name} (status {status}): its calls are not received"),
                "The user must be a super admin of the account. Check account_keys and the user's role.",
            ),
            Self::ConnectionRefused(name) => firing(
                format!("GoTo rejects {name}: no call is received"),
                "Check the OAuth client's scopes (call-events.v1.notifications.manage) and that \
                 the user is a super admin. The daemon retries every few minutes.",
            ),
            Self::ConnectionAccepted(name) => resolved(format!("GoTo accepts {name} again")),
            Self::Deaf(name) => firing(
                format!("{name} has had no live lane for 2 minutes: no call is received"),
                "The daemon retries. If this lasts: check this machine's network and DNS, GoTo's status page, \
                 and \"lane failed to connect\" in the journal.",
            ),
            Self::HearsAgain(name) => resolved(format!("{name} is connected to GoTo again")),
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
            Self::SinkBack(sink) => resolved(format!("{sink} accepts cards again")),
            Self::DeadLetter(sink, why) => {
                firing(format!("A card for {sink} is a dead letter: {why}"), "See: poprelay outbox list --state dead")
            }
            Self::StoreVolatile(why) => firing(
                format!("The store cannot write ({why}): cards are posted, but a crash would lose pending ones"),
                "Free space on the state directory's disk, or make it writable. The daemon then returns to it.",
            ),
            Self::StoreDurable => resolved("The store writes to disk again".to_owned()),
        }
    }

    fn is_error(&self) -> bool {
        matches!(
            self,
            Self::ConsentNeeded(_)
                | Self::TokenNotKept(_)
                | Self::ConnectionRefused(_)
                | Self::Deaf(_)
                | Self::AccountRefused(..)
                | Self::SinkDisabled(..)
                | Self::DeadLetter(..)
                | Self::StoreVolatile(_)
        )
    }

    /// Logs the alert. Sink alerts are skipped: `deliver` logs them with status and response.
    fn log(&self) {
        let connection = match self {
            Self::ConsentNeeded(name)
            | Self::ConsentGiven(name)
            | Self::GrantAging(name, _)
            | Self::TokenNotKept(name)
            | Self::AccountRefused(name, ..)
            | Self::ConnectionRefused(name)
            | Self::ConnectionAccepted(name)
            | Self::Deaf(name)
            | Self::HearsAgain(name)
            | Self::ReportsNotGranted(name, ..) => Some(name.as_str()),
            Self::StoreVolatile(_) | Self::StoreDurable => None,
            Self::SinkDisabled(..)
            | Self::SinkUnreachable(..)
            | Self::SinkThrottled(_)
            | Self::SinkBack(_)
            | Self::DeadLetter(..) => return,
        };
        let Notice { title, advice, over } = &self.notice();
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
            Self::ConsentNeeded(_) => ("login required", event::CONSENT_NEEDED),
            Self::ConsentGiven(_) => ("login restored", event::CONSENT_GIVEN),
            Self::GrantAging(..) => ("refresh token expiring", event::GRANT_AGING),
            Self::TokenNotKept(_) => ("token not persisted", event::TOKEN_NOT_KEPT),
            Self::AccountRefused(..) => ("account rejected", event::ACCOUNT_REFUSED),
            Self::ConnectionRefused(_) => ("connection rejected by goto", event::CONNECTION_REFUSED),
            Self::ConnectionAccepted(_) => ("connection accepted by goto", event::CONNECTION_ACCEPTED),
            Self::Deaf(_) => ("connection down", event::DEAF),
            Self::HearsAgain(_) => ("connection restored", event::HEARS_AGAIN),
            Self::ReportsNotGranted(..) => ("event gap not recoverable", event::REPORTS_NOT_GRANTED),
            Self::SinkDisabled(..) => ("sink disabled", event::SINK_DISABLED),
            Self::SinkUnreachable(..) => ("sink unreachable", event::SINK_UNREACHABLE),
            Self::SinkThrottled(_) => ("sink throttled", event::SINK_THROTTLED),
            Self::SinkBack(_) => ("sink recovered", event::SINK_BACK),
            Self::DeadLetter(..) => ("dead letter", event::DEAD_LETTER),
            Self::StoreVolatile(_) => ("store in memory only", event::STORE_VOLATILE),
            Self::StoreDurable => ("store recovered", event::STORE_DURABLE),
        }
    }
}

/// Logs the alert and enqueues its card for the operator's sink.
pub async fn tell(alert: &Trouble, sink: Option<SinkName>, outbox: &Queue) {
    alert.log();
    let Some(sink) = sink else { return };
    let subject = Subject::Other(format!("notice {}", uuid::Uuid::now_v7()));
    let key = Key { subject, moment: MomentKind::Ended, sink };
    let card = Card::Notice(alert.notice());
    if let Err(error) = outbox.admit(None, vec![Admission { key, card, rule: Rule::Tell }]).await {
        tracing::debug!(%error, "alert not enqueued");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_firing_has_advice_and_resolved_has_none() {
        let main = ConnectionName::try_from("main").unwrap();
        let firing = Trouble::ConsentNeeded(main.clone()).notice();
        assert!(firing.advice.contains("poprelay login --connection main") && !firing.over);
        let resolved = Trouble::ConsentGiven(main).notice();
        assert!(resolved.over && resolved.advice.is_empty());
    }
}
