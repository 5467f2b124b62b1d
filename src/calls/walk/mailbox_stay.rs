//! Result of a mailbox, and the people who may own it.

use super::Walk;
use crate::calls::{
    observation::{MailboxState, Observation},
    parties::PartyId,
};
use std::time::Duration;

/// Stay of a call in a mailbox.
#[derive(Debug, Clone, Default)]
pub(in crate::calls) struct MailboxStay {
    pub(in crate::calls) message: Option<bool>,
    pub(in crate::calls) length: Option<Duration>,
    /// Whom the call rang right before, outside a queue.
    pub(in crate::calls) after_ringing: Vec<PartyId>,
}

impl Walk {
    pub(super) fn enter_mailbox(&mut self, seen: &Observation) {
        let is_new = !std::mem::replace(&mut self.was_mailbox, seen.mailbox.is_some());
        let Some(state) = seen.mailbox else { return };
        if is_new && self.mailbox.as_ref().is_none_or(|known| known.message != Some(true)) {
            let (rang, in_queue) = &self.last_ring;
            let after_ringing = if *in_queue { Vec::new() } else { rang.clone() };
            self.mailbox = Some(MailboxStay { after_ringing, ..MailboxStay::default() });
        }
        let stay = self.mailbox.get_or_insert_default();
        match state {
            MailboxState::Left(length) => {
                stay.message = Some(true);
                stay.length = stay.length.or(length);
            }
            MailboxState::Nothing => stay.message = stay.message.or(Some(false)),
            MailboxState::Open | MailboxState::Gone => {}
        }
    }
}
