//! The parties of one snapshot by role and state: the served one, and those that ring, talk or leave. Pure; knows earlier
//! snapshots only by whether a person has answered.

use crate::{
    calls::{
        observation::{Observation, PartyState},
        parties::{Parties, PartyId, Role},
    },
    model::call::CallDirection,
};

/// Parties of one snapshot by role and state.
pub(super) struct PartyStates<'a> {
    /// State of the served party; `None` if it does not take part.
    pub(super) served: Option<&'a PartyState>,
    /// Other parties that are CONNECTED.
    pub(super) connected: Vec<PartyId>,
    /// Other parties that talk with the served one.
    pub(super) talking: Vec<PartyId>,
    /// Parties that may answer and whose phones ring.
    pub(super) ringing: Vec<PartyId>,
    /// Other parties that leave.
    pub(super) leaving: Vec<PartyId>,
    /// Whether the state of another party is unknown.
    pub(super) other_unknown: bool,
    /// Whether any other party takes part.
    pub(super) has_others: bool,
    /// Whether the served party is connected, and neither now nor before with a person.
    pub(super) alone: bool,
    /// Whether a system or another party of a known type that is no person takes part.
    pub(super) has_known_machine: bool,
    /// Whether a party that is no person, of any type, is CONNECTED.
    pub(super) machine_connected: bool,
    /// Whether a party that is no person, of an unknown type, is CONNECTED.
    pub(super) unknown_system_connected: bool,
    /// Whether a phone rings that may answer, or that of an outbound call's served party.
    pub(super) is_ringing: bool,
}

impl<'a> PartyStates<'a> {
    /// Sorts the parties of a snapshot. `answered`: a person has answered in an earlier one.
    pub(super) fn of(seen: &'a Observation, parties: &Parties, direction: CallDirection, answered: bool) -> Self {
        let with_role = |role: Role| seen.parties.iter().filter(move |(id, _)| parties.role(*id, direction) == role);
        // Of several outside lines the busiest counts.
        let served = with_role(Role::Served).map(|(_, state)| state).max_by_key(|state| busy(state));
        let others = with_role(Role::Other).chain(with_role(Role::Maker));
        let doing = |wanted: PartyState| -> Vec<PartyId> {
            others.clone().filter(|(_, state)| *state == wanted).map(|(id, _)| *id).collect()
        };
        let connected = doing(PartyState::Connected);
        let is_connected = |(_, state): &(PartyId, PartyState)| *state == PartyState::Connected;
        let unknown_system_connected = with_role(Role::System { known: false }).any(is_connected);
        let machine_connected = unknown_system_connected || with_role(Role::System { known: true }).any(is_connected);
        // A plan that plays a clip may show the caller as CONNECTED, before any person was. A machine beside the plan, for
        // example a fax line, has taken the call.
        let waits_connected = connected.is_empty() && !answered;
        let plays = seen.in_plan && waits_connected && !machine_connected;
        let served =
            served.map(|state| if plays && *state == PartyState::Connected { &PartyState::InSystem } else { state });
        // The maker of an outbound call rings until the far side answers.
        let rings = |id: &PartyId| parties.role(*id, direction) == Role::Other;
        let ringing: Vec<PartyId> = doing(PartyState::Ringing).into_iter().filter(rings).collect();
        let talking = match served {
            Some(PartyState::Connected) => connected.clone(),
            // The colleague who began an internal call has handed it on.
            None if direction == CallDirection::Internal && connected.len() > 1 => connected.clone(),
            _ => Vec::new(),
        };
        Self {
            served,
            leaving: doing(PartyState::Leaving),
            other_unknown: others.clone().any(|(_, state)| *state == PartyState::Unknown),
            has_others: others.clone().next().is_some(),
            alone: served == Some(&PartyState::Connected) && waits_connected,
            has_known_machine: seen.has_known_system || with_role(Role::System { known: true }).next().is_some(),
            machine_connected,
            unknown_system_connected,
            is_ringing: !ringing.is_empty()
                || direction == CallDirection::Outbound && served == Some(&PartyState::Ringing),
            connected,
            talking,
            ringing,
        }
    }
}

/// Returns the rank of an outside line: of two lines the higher counts.
const fn busy(state: &PartyState) -> u8 {
    match state {
        PartyState::Leaving => 0,
        PartyState::Unknown => 1,
        PartyState::Ringing => 2,
        PartyState::InSystem => 3,
        PartyState::Parked | PartyState::Transfer(_) | PartyState::OnHold { .. } => 4,
        PartyState::Connected => 5,
    }
}
