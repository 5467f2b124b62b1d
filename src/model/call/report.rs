//! A call's report: what GoTo says of it after its end.

use super::{Caller, Direction, Person};
use crate::model::{
    ids::{AccountKey, ConnectionName, ConversationSpaceId},
    phone::Region,
    time::Timestamp,
};

/// What GoTo reports of a call after its end (`REPORT_SUMMARY`, `report-summaries`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The login that heard it.
    pub connection: ConnectionName,
    /// The account's region.
    pub region: Region,
    /// The account it belongs to.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Who called whom.
    pub direction: Direction,
    /// When it came into being.
    pub created: Option<Timestamp>,
    /// When a person took it, if one did.
    pub answered: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Who called.
    pub caller: Option<Caller>,
    /// `callerOutcome`, open: `NORMAL`, `LEFT_DIAL_PLAN`, `LEFT_VOICEMAIL`, …
    pub outcome: Option<String>,
    /// The lines and agents on it.
    pub people: Vec<Person>,
}
