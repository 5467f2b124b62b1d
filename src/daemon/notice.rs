//! The daemon's own troubles, said to the operator: each as a journal line and, if `[operator]` names a sink, as a card
//! in the chat. Once per change: whoever calls this has seen an edge.

use crate::model::{
    call::MomentKind,
    card::{Card, Notice},
    delivery::{Admission, Key, Outbox, Rule, Subject},
    event,
    ids::{AccountKey, ConnectionName, SinkName},
    time::Timestamp,
};
use crate::outbox::Queue;

/// What an operator hears of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// A login must be made anew.
    ConsentNeeded(ConnectionName),
    /// It was.
    ConsentGiven(ConnectionName),
    /// The refresh token dies in so many days.
    GrantAging(ConnectionName, u32),
    /// A rotated token could not be written.
    TokenNotKept(ConnectionName),
    /// GoTo refuses an account.
    AccountRefused(ConnectionName, AccountKey, u16),
    /// GoTo refuses the login's channel altogether.
    ConnectionRefused(ConnectionName),
    /// GoTo takes the login's channel again.
    ConnectionAccepted(ConnectionName),
    /// A login hears nothing for minutes, whatever it tries.
    Deaf(ConnectionName),
    /// It hears again.
    HearsAgain(ConnectionName),
    /// Calls of a blind window cannot be told.
    ReportsNotGranted(ConnectionName, Timestamp, Timestamp),
    /// A sink is switched off.
    SinkDisabled(SinkName, String),
    /// A sink cannot be reached for long.
    SinkUnreachable(SinkName, String),
    /// A sink takes no more for long.
    SinkThrottled(SinkName),
    /// A sink is well again.
    SinkBack(SinkName),
    /// A card was given up.
    DeadLetter(SinkName, String),
    /// The store keeps in memory only.
    StoreVolatile(String),
    /// The store writes again.
    StoreDurable,
}

impl Trouble {
    /// What is said of it: a sentence, and what to do.
    #[must_use]
    pub fn notice(&self) -> Notice {
        let red = |title: String, advice: &str| Notice { title, advice: advice.to_owned(), over: false };
        let green = |title: String| Notice { title, advice: String::new(), over: true };
        match self {
            Self::ConsentNeeded(name) => red(
                format!("GoTo wants a new login for {name}: no call is heard until then"),
                &format!("Run: poprelay login --connection {name}. The daemon goes on by itself."),
            ),
            Self::ConsentGiven(name) => green(format!("{name} is logged in again")),
            Self::GrantAging(name, days) => red(
                format!("The login of {name} ends in {days} days unless GoTo renews it"),
                &format!("Run: poprelay login --connection {name}"),
            ),
            Self::TokenNotKept(name) => red(
                format!("The new token of {name} could not be written: the next start would use a dead one"),
                "Make the state directory writable; the daemon tries again at the next refresh.",
            ),
            Self::AccountRefused(name, account, status) => red(
                format!("GoTo refuses account {account} to {name} (status {status}): its calls are not heard"),
                "The login must be a super admin of the account. Check account_keys and the user's role.",
            ),
            Self::ConnectionRefused(name) => red(
                format!("GoTo refuses {name}: no call is heard"),
                "Check the OAuth client's scopes (call-events.v1.notifications.manage) and that the user is a super admin. The daemon asks again every few minutes.",
            ),
            Self::ConnectionAccepted(name) => green(format!("GoTo accepts {name} again")),
            Self::Deaf(name) => red(
                format!("{name} has no link to GoTo for 2 minutes: no call is heard"),
                "The daemon tries on. If it lasts: check this machine's network and DNS, GoTo's status page, and the journal's \"lane cannot hear\".",
            ),
            Self::HearsAgain(name) => green(format!("{name} is linked to GoTo again")),
            Self::ReportsNotGranted(name, from, to) => red(
                format!("{name} was blind from {from:.0} to {to:.0}: calls that came and went then cannot be told"),
                "Grant the scope cr.v1.read to the OAuth client and log in again, so that such calls are told afterwards.",
            ),
            Self::SinkDisabled(sink, why) => red(
                format!("{sink} is switched off: {why}"),
                "Its cards wait. They go out when it answers again; it is tried every hour.",
            ),
            Self::SinkUnreachable(sink, why) => red(
                format!("{sink} cannot be reached for 15 minutes: {why}"),
                "Its cards wait and are tried again. If it lasts: check DNS, the network, and the chat's status page.",
            ),
            Self::SinkThrottled(sink) => red(
                format!("{sink} takes no messages for 15 minutes"),
                "Too many messages for one channel: raise its limit or route fewer calls to it.",
            ),
            Self::SinkBack(sink) => green(format!("{sink} takes cards again")),
            Self::DeadLetter(sink, why) => {
                red(format!("A card for {sink} was given up: {why}"), "See: poprelay outbox list --state dead")
            }
            Self::StoreVolatile(why) => red(
                format!("The store cannot write ({why}): cards go out, but a crash now would lose what waits"),
                "Make room on the state directory's disk, or make it writable. The daemon goes back to it by itself.",
            ),
            Self::StoreDurable => green("The store writes to disk again".to_owned()),
        }
    }

    fn is_an_error(&self) -> bool {
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

    /// Its journal line. A sink's troubles have theirs already, with status and answer, where they were met.
    fn journal(&self) {
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
        let (message, message_id) = self.event();
        match (over, self.is_an_error()) {
            (true, _) => tracing::info!(connection, message_id, "{message}"),
            (false, true) => tracing::error!(connection, error = title, advice, message_id, "{message}"),
            (false, false) => tracing::warn!(connection, error = title, advice, message_id, "{message}"),
        }
    }

    /// The fixed words of its journal line, and its id.
    const fn event(&self) -> (&'static str, &'static str) {
        match self {
            Self::ConsentNeeded(_) => ("consent needed", event::CONSENT_NEEDED),
            Self::ConsentGiven(_) => ("consent given", event::CONSENT_GIVEN),
            Self::GrantAging(..) => ("grant about to expire", event::GRANT_AGING),
            Self::TokenNotKept(_) => ("token not kept", event::TOKEN_NOT_KEPT),
            Self::AccountRefused(..) => ("account refused", event::ACCOUNT_REFUSED),
            Self::ConnectionRefused(_) => ("connection refused by goto", event::CONNECTION_REFUSED),
            Self::ConnectionAccepted(_) => ("connection accepted by goto", event::CONNECTION_ACCEPTED),
            Self::Deaf(_) => ("deaf for long", event::DEAF),
            Self::HearsAgain(_) => ("hears again", event::HEARS_AGAIN),
            Self::ReportsNotGranted(..) => ("blind window cannot be told", event::REPORTS_NOT_GRANTED),
            Self::SinkDisabled(..) => ("sink disabled", event::SINK_DISABLED),
            Self::SinkUnreachable(..) => ("sink unreachable", event::SINK_UNREACHABLE),
            Self::SinkThrottled(_) => ("sink throttled", event::SINK_THROTTLED),
            Self::SinkBack(_) => ("sink back", event::SINK_BACK),
            Self::DeadLetter(..) => ("dead letter", event::DEAD_LETTER),
            Self::StoreVolatile(_) => ("store keeps in memory only", event::STORE_VOLATILE),
            Self::StoreDurable => ("store writes again", event::STORE_DURABLE),
        }
    }
}

/// Says a trouble in the journal, and to the operator's sink, whose card waits in the outbox.
pub async fn tell(trouble: &Trouble, sink: Option<SinkName>, outbox: &Queue) {
    trouble.journal();
    let Some(sink) = sink else { return };
    let subject = Subject::Other(format!("notice {}", uuid::Uuid::now_v7()));
    let key = Key { subject, moment: MomentKind::Ended, sink };
    let card = Card::Notice(trouble.notice());
    if let Err(error) = outbox.admit(None, vec![Admission { key, card, rule: Rule::Tell }]).await {
        tracing::debug!(%error, "a notice was not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_says_what_to_do_and_a_good_one_needs_no_advice() {
        let main = ConnectionName::try_from("main").unwrap();
        let red = Trouble::ConsentNeeded(main.clone()).notice();
        assert!(red.advice.contains("poprelay login --connection main") && !red.over);
        let green = Trouble::ConsentGiven(main).notice();
        assert!(green.over && green.advice.is_empty());
    }
}
