//! Plans the deliveries of a call update. Pure: the daemon and every dry run use [`plan`], and cannot disagree.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::{
    cards::MAX_GAP_SUMMARY_CALLS,
    daemon::{pipeline::direct_messages, settings::Settings},
    model::{
        call::{CallUpdate, StatusKind},
        card::{CallCard, CallerInfo, Card, CardOptions, GapSummary, RouteDecision},
        delivery::{DeliveryKey, EnqueueMode, NewDelivery, Subject},
        ids::{ConnectionName, SinkName},
        phone::Mask,
        time::Timestamp,
    },
    route::{self, Destination, PERSON, RouteInput},
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Returns the deliveries of an update, in the order of the rules. `previous` holds the sinks of the call's earlier
/// updates with the options of their last cards.
#[must_use]
pub fn plan(
    settings: &Settings,
    update: &CallUpdate,
    info: &CallerInfo,
    previous: Vec<(SinkName, CardOptions)>,
    at: Timestamp,
) -> Vec<NewDelivery> {
    if !settings.reports_call(&update.call) {
        return Vec::new();
    }
    let destinations = destinations(settings, &RouteInput { update, caller_info: info, at }, previous);
    let deliveries = destinations.into_iter().flat_map(|Destination { sink, options, reason }| {
        let modes = settings.enqueue_modes(&sink, &options, update);
        let key = DeliveryKey { subject: Subject::Call(update.call.id.clone()), status: update.kind(), sink };
        let routed = Some(RouteDecision { at, by: reason });
        let card = |mode| {
            let is_short = mode == EnqueueMode::Insert && update.kind() == StatusKind::CalledBack;
            let options = CardOptions { compact: options.compact || is_short, ..options.clone() };
            CallCard { options, routed: routed.clone(), ..CallCard::new(update.clone(), info.clone()) }
        };
        let new = |mode| NewDelivery { key: key.clone(), card: Card::Call(Box::new(card(mode))), mode };
        modes.into_iter().map(new).collect::<Vec<_>>()
    });
    deliveries.collect()
}

/// Returns whether the plan of an update needs the sinks of the call's earlier updates. A ring needs them for direct messages
/// only; without these it saves a query.
#[must_use]
pub fn needs_previous_sinks(settings: &Settings, update: &CallUpdate) -> bool {
    update.kind() != StatusKind::Ringing || !settings.people.is_empty()
}

/// Returns the sinks of an update: those of the rules, and those of the call's ring. A ring on the next phone edits the direct
/// messages of the people whose phones rang before.
fn destinations(
    settings: &Settings,
    input: &RouteInput<'_>,
    mut previous: Vec<(SinkName, CardOptions)>,
) -> Vec<Destination> {
    let routed = direct_messages::address(settings.routes.decide(input), &settings.people, input.update);
    let status = input.update.kind();
    if status == StatusKind::Ringing {
        previous.retain(|(sink, _)| settings.people.values().any(|person| person == sink));
    }
    // Cards for a sink missing in the config would never be posted.
    previous.retain(|(sink, _)| settings.sinks.contains_key(sink));
    route::add_previous_sinks(routed, previous, status)
}

/// Returns the deliveries that merge late caller info into the update's cards at any sink.
#[must_use]
pub fn late_info(settings: &Settings, update: &CallUpdate, info: &CallerInfo) -> Vec<NewDelivery> {
    let card = Card::Call(Box::new(CallCard::new(update.clone(), info.clone())));
    let key = |sink: &SinkName| DeliveryKey {
        subject: Subject::Call(update.call.id.clone()),
        status: update.status.kind(),
        sink: sink.clone(),
    };
    let merge = |sink| NewDelivery { key: key(sink), card: card.clone(), mode: EnqueueMode::MergeInfo };
    settings.sinks.keys().map(merge).collect()
}

/// Returns the sinks whose rules take an update of an event gap.
#[must_use]
pub fn gap_summary_sinks(settings: &Settings, update: &CallUpdate, at: Timestamp) -> Vec<SinkName> {
    gap_destinations(settings, update, at).into_iter().map(|destination| destination.sink).collect()
}

/// Returns the gap summaries of all sinks, in cards of at most `MAX_GAP_SUMMARY_CALLS` calls.
#[must_use]
pub fn gap_summary(
    settings: &Settings,
    connection: &ConnectionName,
    (from, to): (Timestamp, Timestamp),
    updates: &[CallUpdate],
    at: Timestamp,
) -> Vec<NewDelivery> {
    let mut by_sink: BTreeMap<(SinkName, Option<Mask>), Vec<CallUpdate>> = BTreeMap::new();
    for update in updates.iter().filter(|update| settings.reports_call(&update.call)) {
        for Destination { sink, options, .. } in gap_destinations(settings, update, at) {
            if settings.notifies(&sink, update) {
                by_sink.entry((sink, options.mask)).or_default().push(update.clone());
            }
        }
    }
    let cards = by_sink.iter().flat_map(|((sink, mask), calls)| {
        calls.chunks(MAX_GAP_SUMMARY_CALLS).map(move |calls| (sink.clone(), *mask, calls.to_vec()))
    });
    let deliveries = cards.map(|(sink, mask, calls)| {
        let subject = Subject::Named(gap_summary_name(connection, from, &calls));
        let key = DeliveryKey { subject, status: StatusKind::Ended, sink };
        let card = Card::GapSummary(GapSummary { connection: connection.clone(), from, to, calls, mask });
        NewDelivery { key, card, mode: EnqueueMode::Insert }
    });
    deliveries.collect()
}

/// Routes an update without caller info: a gap summary lists calls only. A person gets no message for a ring that is over.
fn gap_destinations(settings: &Settings, update: &CallUpdate, at: Timestamp) -> Vec<Destination> {
    let mut destinations = settings.routes.decide(&RouteInput { update, caller_info: &CallerInfo::default(), at });
    destinations.retain(|destination| destination.sink.as_str() != PERSON);
    destinations
}

/// Returns the name of a gap summary. The name covers all calls: the next run's gap may begin at the same time and
/// contain more.
fn gap_summary_name(connection: &ConnectionName, from: Timestamp, calls: &[CallUpdate]) -> String {
    let hash = |hash: Sha256, update: &CallUpdate| hash.chain_update(update.call.id.as_str()).chain_update("\n");
    let ids: String =
        calls.iter().fold(Sha256::new(), hash).finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("gap summary {connection} {from} {ids}")
}
