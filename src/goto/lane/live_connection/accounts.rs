//! Accounts that are subscribed beside the open socket: the accounts that GoTo refused or could not process, and all accounts
//! after a reopened socket.

use super::{Effect, LiveConnection, RandomSource, RequestFailure, SUBSCRIBE_TIMEOUT, Ticket};
use crate::{goto::lane::SubscribeResult, model::ids::AccountKey};
use std::time::{Duration, Instant};

/// Interval at which rejected accounts are subscribed again: a newly granted right takes effect.
const REJECTED_ACCOUNT_RETRY: Duration = Duration::from_secs(300);

/// Accounts to subscribe beside the open socket; `None`: all of the connection.
#[derive(Debug)]
pub(super) enum PendingAccounts {
    Complete,
    Due { at: Instant, accounts: Option<Vec<AccountKey>> },
    Requested { ticket: Ticket, until: Instant, accounts: Option<Vec<AccountKey>> },
}

impl LiveConnection {
    pub(super) fn tick_accounts(
        &mut self,
        now: Instant,
        ticket: &mut dyn FnMut() -> Ticket,
        effects: &mut Vec<Effect>,
    ) {
        self.accounts = match std::mem::replace(&mut self.accounts, PendingAccounts::Complete) {
            PendingAccounts::Due { at, accounts } if now >= at => {
                let ticket = ticket();
                let only = accounts.clone();
                effects.push(Effect::Subscribe { ticket, channel: self.channel.id.clone(), only });
                PendingAccounts::Requested { ticket, until: now + SUBSCRIBE_TIMEOUT, accounts }
            }
            PendingAccounts::Requested { until, accounts, .. } if now >= until => {
                PendingAccounts::Due { at: now + REJECTED_ACCOUNT_RETRY, accounts }
            }
            same @ (PendingAccounts::Complete | PendingAccounts::Due { .. } | PendingAccounts::Requested { .. }) => {
                same
            }
        };
    }

    pub(in crate::goto::lane) fn awaits_accounts(&self, ticket: Ticket) -> bool {
        matches!(self.accounts, PendingAccounts::Requested { ticket: awaited, .. } if awaited == ticket)
    }

    /// Handles the answer for pending accounts. Returns `None` if no answer was awaited.
    pub(in crate::goto::lane) fn subscribed(
        &mut self,
        answer: Result<SubscribeResult, RequestFailure>,
        now: Instant,
        random: RandomSource<'_>,
    ) -> Option<SubscribeResult> {
        let accounts = match &mut self.accounts {
            PendingAccounts::Requested { accounts, .. } => std::mem::take(accounts),
            PendingAccounts::Due { .. } | PendingAccounts::Complete => return None,
        };
        let (accepted, pending, at_least) = match answer {
            Ok(accepted) => {
                let refused = accepted.rejected.iter().map(|one| one.account.clone());
                let pending: Vec<_> = accepted.retry.iter().cloned().chain(refused).collect();
                let wait = if accepted.retry.is_empty() { REJECTED_ACCOUNT_RETRY } else { Duration::from_secs(1) };
                (accepted, Some(pending), wait)
            }
            Err(failure) => {
                (SubscribeResult::default(), accounts, failure.retry_after.unwrap_or(Duration::from_secs(1)))
            }
        };
        self.accounts = if pending.as_ref().is_some_and(Vec::is_empty) {
            PendingAccounts::Complete
        } else {
            PendingAccounts::Due { at: now + self.backoff.next(random(), Some(at_least)), accounts: pending }
        };
        Some(accepted)
    }
    /// Returns the accounts that are not subscribed yet.
    pub(in crate::goto::lane) fn pending_accounts(&self) -> Vec<AccountKey> {
        match &self.accounts {
            PendingAccounts::Complete => Vec::new(),
            PendingAccounts::Due { accounts, .. } | PendingAccounts::Requested { accounts, .. } => {
                accounts.clone().unwrap_or_default()
            }
        }
    }
}
