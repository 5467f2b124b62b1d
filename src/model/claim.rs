//! Claims of missed calls: a person calls back, or is done. [`apply`] decides which claim a press of a button changes. The
//! outbox stores the claim inside the live message of the call.

use super::time::{Timestamp, elapsed};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Time in which a press can be undone: long enough for a mistake. A later undo would surprise the team.
pub const UNDO_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Delay after which a reminder is not sent any more, after the daemon was off. After 1 day the team has seen the caller in
/// the open list.
const MAX_REMINDER_DELAY: Duration = Duration::from_secs(24 * 3600);
/// Longest id of a chat user. Slack's ids have about 12 characters.
const MAX_USER_LENGTH: usize = 64;

/// Id of a chat user: ASCII letters and digits, so that the id is safe inside markup.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChatUser(String);

/// An id with other characters, or of another length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chat user id is not 1 to {MAX_USER_LENGTH} letters and digits")]
pub struct InvalidChatUser;

impl ChatUser {
    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ChatUser {
    type Error = InvalidChatUser;

    fn try_from(id: String) -> Result<Self, InvalidChatUser> {
        let is_valid = (1..=MAX_USER_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_valid { Ok(Self(id)) } else { Err(InvalidChatUser) }
    }
}

impl From<ChatUser> for String {
    fn from(user: ChatUser) -> Self {
        user.0
    }
}

/// Kind of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// The person calls back.
    CallsBack,
    /// Nothing is left to do.
    Done,
}

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Kind of the claim.
    pub kind: ClaimKind,
    /// The person.
    pub by: ChatUser,
    /// Time at which the press was received.
    pub at: Timestamp,
}

/// Claims of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The claim in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Claim>,
    /// The claim before it, which an undo restores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Claim>,
    /// Time of the last press that changed something, by the chat's clock: an older press is a repetition.
    pub last_press: Timestamp,
}

/// A reminder of a claim without a call back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimReminder {
    /// The claim.
    pub claim: Claim,
    /// Time at which the reminder was found due.
    pub at: Timestamp,
}

/// Need of a reminder for a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReminderNeed {
    /// Now.
    Due,
    /// Not yet.
    Later,
    /// Not any more: the claim was undone or replaced, the caller was reached, or the daemon was off for too long.
    Never,
}

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// *I call back*.
    CallBack,
    /// *Done*.
    Done,
    /// *Undo*.
    Undo,
}

impl Button {
    /// All buttons.
    pub const ALL: [Self; 3] = [Self::CallBack, Self::Done, Self::Undo];

    /// Returns the id of the button in the chat. Cards in channels have it: it never changes.
    #[must_use]
    pub const fn action_id(self) -> &'static str {
        match self {
            Self::CallBack => "poprelay_call_back",
            Self::Done => "poprelay_done",
            Self::Undo => "poprelay_undo",
        }
    }

    /// Finds a button by [`Button::action_id`].
    #[must_use]
    pub fn find(action_id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|button| button.action_id() == action_id)
    }
}

/// A press of a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// The button.
    pub button: Button,
    /// The person.
    pub by: ChatUser,
    /// Time of the press, by the chat's clock.
    pub pressed_at: Timestamp,
}

/// Effect of a press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PressResult {
    /// The claim changed; the message will be edited.
    Applied,
    /// The press is a repetition.
    Repeated,
    /// Another person was faster.
    Taken(Claim),
    /// Only the person who pressed can undo.
    NotOwn(Claim),
    /// The time to undo is over.
    TooLate,
    /// The call needs no call back any more.
    NotOpen,
    /// The card is not stored: retention or an erasure removed it, or it is not a card of this daemon.
    UnknownCard,
}

impl PressResult {
    /// Words of all results, for metrics.
    pub const WORDS: [&'static str; 7] =
        ["applied", "repeated", "taken", "not_own", "too_late", "not_open", "unknown_card"];

    /// Returns the word of the result.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeated => "repeated",
            Self::Taken(_) => "taken",
            Self::NotOwn(_) => "not_own",
            Self::TooLate => "too_late",
            Self::NotOpen => "not_open",
            Self::UnknownCard => "unknown_card",
        }
    }
}

/// Decides the effect of a press at `now` on the claims of a call. Returns the new claims if they change.
#[must_use]
pub fn apply(claims: Option<&Claims>, press: &Press, now: Timestamp) -> (PressResult, Option<Claims>) {
    if claims.is_some_and(|claims| press.pressed_at <= claims.last_press) {
        return (PressResult::Repeated, None);
    }
    let current = claims.and_then(|claims| claims.current.as_ref());
    let changed = |current: Option<Claim>, previous: Option<Claim>| {
        (PressResult::Applied, Some(Claims { current, previous, last_press: press.pressed_at }))
    };
    let claim = |kind| Some(Claim { kind, by: press.by.clone(), at: now });
    match (press.button, current) {
        (Button::CallBack, None) => changed(claim(ClaimKind::CallsBack), None),
        (Button::Done, None | Some(Claim { kind: ClaimKind::CallsBack, .. })) => {
            changed(claim(ClaimKind::Done), current.cloned())
        }
        (Button::Done, Some(done)) | (Button::CallBack, Some(done @ Claim { kind: ClaimKind::CallsBack, .. }))
            if done.by == press.by =>
        {
            (PressResult::Repeated, None)
        }
        (Button::CallBack | Button::Done, Some(other)) => (PressResult::Taken(other.clone()), None),
        (Button::Undo, None) => (PressResult::Repeated, None),
        (Button::Undo, Some(other)) if other.by != press.by => (PressResult::NotOwn(other.clone()), None),
        (Button::Undo, Some(own)) if !can_undo(own, now) => (PressResult::TooLate, None),
        (Button::Undo, Some(_)) => changed(claims.and_then(|claims| claims.previous.clone()), None),
    }
}

/// Decides whether the claim made at `claimed_at` needs its reminder at `now`, `wait` after the press. `current`: the claim in
/// force, if the caller still waits for a call back.
#[must_use]
pub fn reminder_need(current: Option<&Claim>, claimed_at: Timestamp, wait: Duration, now: Timestamp) -> ReminderNeed {
    // The store keeps microseconds.
    let is_same = |claim: &Claim| claim.at.as_microsecond() == claimed_at.as_microsecond();
    let is_in_force = current.is_some_and(|claim| claim.kind == ClaimKind::CallsBack && is_same(claim));
    match elapsed(claimed_at, now).checked_sub(wait) {
        _ if !is_in_force => ReminderNeed::Never,
        None => ReminderNeed::Later,
        Some(delay) if delay > MAX_REMINDER_DELAY => ReminderNeed::Never,
        Some(_) => ReminderNeed::Due,
    }
}

/// Returns whether a claim can be undone at `now`.
#[must_use]
pub fn can_undo(claim: &Claim, now: Timestamp) -> bool {
    now.duration_since(claim.at) < UNDO_WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;
    use Button::{CallBack, Done, Undo};
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_456_800 + seconds).unwrap()
    }

    fn user(id: &str) -> ChatUser {
        ChatUser::try_from(id.to_owned()).unwrap()
    }

    fn press(button: Button, by: &str, seconds: i64) -> Press {
        Press { button, by: user(by), pressed_at: at(seconds) }
    }

    /// Applies presses in order. Returns the results as words and the claim in force.
    fn play(presses: &[(Button, &str, i64)]) -> (Vec<&'static str>, Option<(ClaimKind, String)>) {
        let mut claims: Option<Claims> = None;
        let mut words = Vec::new();
        for (button, by, seconds) in presses {
            let (result, changed) = apply(claims.as_ref(), &press(*button, by, *seconds), at(*seconds));
            words.push(result.as_str());
            claims = changed.or(claims);
        }
        (words, claims.and_then(|claims| claims.current).map(|claim| (claim.kind, claim.by.into())))
    }

    #[test]
    fn apply_claim_done_and_undo_in_turn() {
        let calls_back = |by: &str| Some((ClaimKind::CallsBack, by.to_owned()));
        assert_eq!(play(&[(CallBack, "U1", 0)]), (vec!["applied"], calls_back("U1")));
        assert_eq!(play(&[(CallBack, "U1", 0), (CallBack, "U2", 1)]), (vec!["applied", "taken"], calls_back("U1")));
        assert_eq!(play(&[(CallBack, "U1", 0), (CallBack, "U1", 1)]), (vec!["applied", "repeated"], calls_back("U1")));
        assert_eq!(play(&[(CallBack, "U1", 0), (Undo, "U1", 599)]), (vec!["applied", "applied"], None));
        assert_eq!(play(&[(CallBack, "U1", 0), (Undo, "U1", 600)]), (vec!["applied", "too_late"], calls_back("U1")));
        assert_eq!(play(&[(CallBack, "U1", 0), (Undo, "U2", 1)]), (vec!["applied", "not_own"], calls_back("U1")));
        let done = play(&[(CallBack, "U1", 0), (Done, "U2", 1), (Done, "U3", 2), (CallBack, "U2", 3)]);
        assert_eq!(done, (vec!["applied", "applied", "taken", "taken"], Some((ClaimKind::Done, "U2".to_owned()))));
        let undone = play(&[(CallBack, "U1", 0), (Done, "U2", 1), (Undo, "U2", 2), (Undo, "U2", 3)]);
        assert_eq!(undone, (vec!["applied", "applied", "applied", "not_own"], calls_back("U1")));
        assert_eq!(play(&[(Undo, "U1", 0)]), (vec!["repeated"], None));
    }

    #[test]
    fn apply_redelivered_press_after_undo_changes_nothing() {
        let presses = [(CallBack, "U1", 0), (Undo, "U1", 5), (CallBack, "U1", 0), (Undo, "U1", 5)];
        assert_eq!(play(&presses), (vec!["applied", "applied", "repeated", "repeated"], None));
    }

    #[test]
    fn reminder_is_needed_once_the_claim_in_force_is_old_enough() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let claim = |kind, seconds| Claim { kind, by: user("U1"), at: at(seconds) };
        let own = claim(ClaimKind::CallsBack, 0);
        let need = |current: Option<&Claim>, seconds| reminder_need(current, at(0), minutes(30), at(seconds));
        assert_eq!(need(Some(&own), 1799), ReminderNeed::Later);
        assert_eq!(need(Some(&own), 1800), ReminderNeed::Due);
        assert_eq!(need(Some(&own), 1800 + 86_400), ReminderNeed::Due);
        assert_eq!(need(Some(&own), 1801 + 86_400), ReminderNeed::Never, "the daemon was off for a day");
        assert_eq!(need(Some(&own), -5), ReminderNeed::Later, "the clock jumped back");
        assert_eq!(need(None, 1800), ReminderNeed::Never, "undone, or the caller was reached");
        assert_eq!(need(Some(&claim(ClaimKind::Done, 0)), 1800), ReminderNeed::Never);
        assert_eq!(need(Some(&claim(ClaimKind::CallsBack, 60)), 1800), ReminderNeed::Never, "another claim");
    }

    #[test]
    fn chat_user_with_markup_is_rejected() {
        for id in ["", "U1>", "U1|x", "!here", "ü", &"U".repeat(65)] {
            assert!(ChatUser::try_from(id.to_owned()).is_err(), "{id}");
        }
    }

    proptest! {
        /// Checks that a repeated list of presses in any order leaves the claim as it is.
        #[test]
        fn apply_repeated_presses_change_nothing(presses in prop::collection::vec((0..3usize, 0..3u8, 0..40i64), 0..12)) {
            let presses: Vec<(Button, String, i64)> =
                presses.into_iter().map(|(button, by, at)| (Button::ALL[button], format!("U{by}"), at)).collect();
            let mut claims: Option<Claims> = None;
            for (button, by, seconds) in &presses {
                let (_, changed) = apply(claims.as_ref(), &press(*button, by, *seconds), at(*seconds));
                claims = changed.or(claims);
            }
            let newest = presses.iter().map(|(_, _, seconds)| at(*seconds)).max();
            for (button, by, seconds) in &presses {
                let (_, changed) = apply(claims.as_ref(), &press(*button, by, *seconds), at(*seconds));
                let unchanged = changed.is_none();
                prop_assert!(unchanged || claims.as_ref().is_none_or(|claims| Some(claims.last_press) < newest));
            }
        }
    }
}
