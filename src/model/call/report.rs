//! A call's report: what GoTo says of it after its end.

use super::{Caller, Person, WireDirection};
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
    pub direction: WireDirection,
    /// When it came into being.
    pub created_at: Option<Timestamp>,
    /// When a person took it, if one did.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who called.
    pub caller: Option<Caller>,
    /// `callerOutcome`, open: `NORMAL`, `LEFT_DIAL_PLAN`, `LEFT_VOICEMAIL`, …
    pub outcome: Option<String>,
    /// The lines and agents on it.
    pub people: Vec<Person>,
}
