//! Reloadable settings: enrichment sources, routes and sinks. Work that loaded a [`Settings`] uses it to the end, so
//! that no update sees half of an old and half of a new config.

use crate::{
    cards::RenderOptions,
    config::{DirectionFilter, SinkConfig},
    deliver::slack_users::UserDirectory,
    enrich::Enricher,
    model::{
        call::{Call, CallDirection, CallUpdate, Revision, RingStage, StatusKind},
        card::CardOptions,
        delivery::EnqueueMode,
        ids::{ConnectionName, SinkName},
        phone::E164,
        time::Timestamp,
    },
    route::{self, Holidays, RecapSchedule, Routes},
};
use jiff::civil::Date;
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// The part of the config that call updates use, from look-up to enqueue.
#[derive(Clone, Default)]
pub struct Settings {
    /// Look-up of callers.
    pub enricher: Arc<Enricher>,
    /// Routing rules.
    pub routes: Routes,
    /// Settings of each sink.
    pub sinks: BTreeMap<SinkName, SinkSettings>,
    /// Directions reported per connection; the default applies to others.
    pub directions: BTreeMap<ConnectionName, DirectionFilter>,
    /// Sinks of direct messages by extension or line.
    pub people: BTreeMap<String, SinkName>,
    /// Sink of the alerts.
    pub operator: Option<SinkName>,
    /// Names of the account's numbers, by config.
    pub numbers: HashMap<E164, String>,
    /// Whether snapshots and reports are recorded.
    pub record: bool,
    /// Render options of sinks missing in `sinks`.
    pub style: RenderOptions,
}

/// Settings of one sink.
#[derive(Debug, Clone)]
pub struct SinkSettings {
    /// Statuses posted besides `ringing`.
    pub outcomes: Vec<StatusKind>,
    /// Stage of a call at which its ring is posted.
    pub ring_at: RingStage,
    /// Whether a call that never left the menu is posted.
    pub menu_only: bool,
    /// Render options of the sink's cards.
    pub style: RenderOptions,
    /// Form in which later statuses of a call are posted.
    pub mode: MessageMode,
    /// Recap times.
    pub recap: Option<RecapSchedule>,
    /// Whether the recap shows the times from call to card.
    pub recap_latency: bool,
    /// Age of a claim without a call back at which a reminder is replied.
    pub claim_reminder: Option<Duration>,
    /// Directory of the names of users who press buttons.
    pub users: Option<UserDirectory>,
}

/// Form in which later statuses of a call are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MessageMode {
    /// Each status is a separate message.
    #[default]
    Post,
    /// One live message per call, edited as the call moves.
    Live,
    /// A live message, with outcomes replied in its thread: edits trigger no notification.
    LiveThreaded,
}

impl MessageMode {
    /// Returns the mode of a sink's type and `reply_in_thread` key.
    #[must_use]
    pub const fn from_config(sink: &SinkConfig) -> Self {
        match (sink.kind.supports_edit(), sink.reply_in_thread) {
            (false, _) => Self::Post,
            (true, false) => Self::Live,
            (true, true) => Self::LiveThreaded,
        }
    }
}

impl Settings {
    /// Returns whether a call is reported. Other calls are still recorded in the history.
    #[must_use]
    pub fn reports_call(&self, call: &Call) -> bool {
        self.directions.get(&call.connection).copied().unwrap_or_default().allows(call.direction)
    }

    /// Returns whether a routed update is posted as a message at a sink. A revised outcome is posted again only if it
    /// corrects one derived from events.
    #[must_use]
    pub fn notifies(&self, sink: &SinkName, update: &CallUpdate) -> bool {
        let outcomes = self.sinks.get(sink).map_or(&route::DEFAULT_OUTCOMES[..], |sink| sink.outcomes.as_slice());
        notifies(update, outcomes)
    }

    /// Returns the enqueue modes of a routed update at a sink. `options` are those of the rule.
    #[must_use]
    pub fn enqueue_modes(&self, sink: &SinkName, options: &CardOptions, update: &CallUpdate) -> Vec<EnqueueMode> {
        let settings = self.sinks.get(sink);
        let ring_at = options.ring_at.or_else(|| settings.map(|sink| sink.ring_at)).unwrap_or_default();
        let menu_only = options.menu_only.or_else(|| settings.map(|sink| sink.menu_only)).unwrap_or_default();
        let (status, course) = (update.status.kind(), &update.call.course);
        if status == StatusKind::Ringing && course.stage < ring_at {
            return Vec::new();
        }
        let mode = settings.map_or(MessageMode::Post, |sink| sink.mode);
        // A live message that shows the menu has to show the end of the call too.
        let shows_menu = ring_at == RingStage::Start && mode != MessageMode::Post;
        if course.menu_only && !menu_only && !shows_menu {
            return vec![EnqueueMode::UpdatePending];
        }
        let notifies = self.notifies(sink, update);
        if update.kind() == StatusKind::CalledBack {
            return match mode {
                MessageMode::Post if notifies => vec![EnqueueMode::Insert],
                MessageMode::LiveThreaded if notifies => vec![EnqueueMode::MergeCallback, EnqueueMode::Reply],
                MessageMode::Post | MessageMode::Live | MessageMode::LiveThreaded => vec![EnqueueMode::MergeCallback],
            };
        }
        match mode {
            MessageMode::Post if notifies => vec![EnqueueMode::Insert],
            MessageMode::Post => vec![EnqueueMode::UpdatePending],
            MessageMode::LiveThreaded if notifies && update.status.kind() != StatusKind::Ringing => {
                vec![EnqueueMode::UpsertLive, EnqueueMode::Reply]
            }
            MessageMode::Live | MessageMode::LiveThreaded => vec![EnqueueMode::UpsertLive],
        }
    }

    /// Returns a copy with the holidays of a changed file.
    #[must_use]
    pub fn with_holidays(&self, file: &Path, holidays: Holidays) -> Self {
        Self { routes: self.routes.with_holidays(file, holidays), ..self.clone() }
    }

    /// Returns today's date in the cards' time zone.
    #[must_use]
    pub fn today(&self) -> Date {
        Timestamp::now().to_zoned(self.style.time_zone.clone()).date()
    }

    /// Returns the render options of a sink.
    #[must_use]
    pub fn style(&self, sink: &SinkName) -> &RenderOptions {
        self.sinks.get(sink).map_or(&self.style, |sink| &sink.style)
    }
}

/// Returns whether an update is posted as a message at a sink with these `outcomes`.
#[must_use]
pub fn notifies(update: &CallUpdate, outcomes: &[StatusKind]) -> bool {
    match update.call.revision {
        None | Some(Revision::Resolved) => {
            route::sink_wants(update.status.kind(), outcomes)
                || is_open_matter(update) && route::sink_wants(StatusKind::Missed, outcomes)
        }
        Some(Revision::Completed) => false,
        Some(Revision::Corrected) => route::sink_wants(StatusKind::Missed, outcomes),
        // A message cannot be edited: it waits for the end of the return call.
        Some(Revision::CalledBack) => {
            let is_over = update.call.course.callback.as_ref().is_some_and(|callback| callback.call.is_over);
            is_over && route::sink_wants(StatusKind::CalledBack, outcomes)
        }
    }
}

/// Returns whether a call that was not missed needs an action: the caller waits for a callback, or it is unknown whether a
/// person answered.
fn is_open_matter(update: &CallUpdate) -> bool {
    let call = &update.call;
    let unknown = call.end_unknown && call.course.talks.is_empty() && call.direction == CallDirection::Inbound;
    update.status.kind() == StatusKind::Ended && (call.course.needs_callback || unknown)
}

/// Holder of the current settings. Tasks that depend on them subscribe to changes.
pub struct SharedSettings(watch::Sender<Arc<Settings>>);

impl SharedSettings {
    /// Creates the holder with the first settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(watch::Sender::new(Arc::new(settings)))
    }

    /// Returns the current settings. Load once per unit of work.
    #[must_use]
    pub fn load(&self) -> Arc<Settings> {
        Arc::clone(&self.0.borrow())
    }

    /// Returns a receiver that is notified of each change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Settings>> {
        self.0.subscribe()
    }

    /// Replaces the settings by `change` of the current ones. Writers wait for each other.
    pub fn modify(&self, change: impl FnOnce(&Settings) -> Settings) {
        self.0.send_modify(|settings| *settings = Arc::new(change(settings)));
    }

    /// Replaces the settings. Work that loaded the old ones continues with them.
    pub fn store(&self, settings: Settings) {
        self.0.send_replace(Arc::new(settings));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{CallStatus, Callback, Caller, MissedReason, ReturnCall, ReturnKind},
        phone::{PhoneNumber, Region},
        time::Timestamp,
    };

    fn update(status: CallStatus, revised: Option<Revision>) -> CallUpdate {
        let call = Call {
            revision: revised,
            ..Call::new(
                "a".try_into().unwrap(),
                "main".try_into().unwrap(),
                "1".try_into().unwrap(),
                Region::US,
                Caller { name: None, number: PhoneNumber::Withheld },
                Timestamp::UNIX_EPOCH,
            )
        };
        CallUpdate { call, status, at: Timestamp::UNIX_EPOCH }
    }

    /// Returns the modes of an update at a webhook, an app and an app with threads, which have these outcomes.
    fn modes_at(outcomes: &[StatusKind], update: &CallUpdate) -> [Vec<EnqueueMode>; 3] {
        let name = |name: &str| SinkName::try_from(name).unwrap();
        let sink_settings = |life| SinkSettings {
            outcomes: outcomes.to_vec(),
            ring_at: RingStage::Phone,
            menu_only: false,
            style: RenderOptions::default(),
            mode: life,
            recap: None,
            recap_latency: false,
            claim_reminder: None,
            users: None,
        };
        let sinks = [("hook", MessageMode::Post), ("app", MessageMode::Live), ("talk", MessageMode::LiveThreaded)];
        let settings = Settings {
            sinks: sinks.map(|(sink, life)| (name(sink), sink_settings(life))).into(),
            ..Settings::default()
        };
        ["hook", "app", "talk"].map(|sink| settings.enqueue_modes(&name(sink), &CardOptions::default(), update))
    }

    fn missed() -> CallStatus {
        CallStatus::Missed { waited: Duration::from_secs(9), reason: MissedReason::Unknown }
    }

    #[test]
    fn callback_edits_live_messages_and_is_posted_at_its_end_where_selected() {
        let mut returned = update(missed(), Some(Revision::CalledBack));
        let edit = || vec![EnqueueMode::MergeCallback];
        let selected = [StatusKind::CalledBack];
        assert_eq!(modes_at(&selected, &returned), [edit(), edit(), edit()], "withdrawn");
        let at = Timestamp::UNIX_EPOCH;
        let kind = ReturnKind::CalledBack;
        let call = ReturnCall { kind, colleague: None, started_at: at, at, is_over: false, talked: None };
        let callback = Callback { call, after: Duration::ZERO };
        returned.call.course.callback = Some(callback.clone());
        assert_eq!(modes_at(&selected, &returned), [edit(), edit(), edit()], "during the call");
        let call = ReturnCall { is_over: true, ..callback.call.clone() };
        returned.call.course.callback = Some(Callback { call, ..callback });
        let replied = vec![EnqueueMode::MergeCallback, EnqueueMode::Reply];
        assert_eq!(modes_at(&selected, &returned), [vec![EnqueueMode::Insert], edit(), replied]);
        assert_eq!(modes_at(&[StatusKind::Missed], &returned), [edit(), edit(), edit()]);
    }

    #[test]
    fn enqueue_modes_follow_message_mode_and_outcomes() {
        let modes = |status: CallStatus, revised| modes_at(&[StatusKind::Missed], &update(status, revised));
        let ended = || CallStatus::Ended { talk_time: None };
        let (live, replied) = (|| vec![EnqueueMode::UpsertLive], || vec![EnqueueMode::UpsertLive, EnqueueMode::Reply]);
        assert_eq!(modes(CallStatus::Ringing, None), [vec![EnqueueMode::Insert], live(), live()]);
        assert_eq!(modes(ended(), None), [vec![EnqueueMode::UpdatePending], live(), live()]);
        assert_eq!(modes(missed(), None), [vec![EnqueueMode::Insert], live(), replied()]);
        assert_eq!(modes(missed(), Some(Revision::Completed)), [vec![EnqueueMode::UpdatePending], live(), live()]);
        assert_eq!(modes(ended(), Some(Revision::Corrected)), [vec![EnqueueMode::Insert], live(), replied()]);
    }

    #[test]
    fn loaded_settings_do_not_change_on_replace() {
        let desk: SinkName = "desk".try_into().unwrap();
        let shared = SharedSettings::new(Settings::default());
        let loaded = shared.load();
        shared.store(Settings { operator: Some(desk.clone()), ..Settings::default() });
        assert_eq!((loaded.operator.clone(), shared.load().operator.clone()), (None, Some(desk)));
    }
}
