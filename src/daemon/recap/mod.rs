//! Recaps: decides when each sink gets one and for which time span. `enrich` counts the calls, `cards` renders them.

use crate::{
    cards::MAX_RECAP_CALLERS,
    daemon::{pipeline::Pipeline, settings::Settings},
    model::{
        call::StatusKind,
        call_history::HistoryError,
        card::{Card, CardLatency, PendingCallback, Recap},
        delivery::{DeliveryKey, EnqueueMode, NewDelivery, Outbox, Subject},
        ids::SinkName,
        time::{Timestamp, before, elapsed},
    },
    outbox::{CallerKey, MissedCall},
    runtime::watchdog::TaskHeartbeat,
};
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Delay after a recap's time: reports of the last calls may still arrive. 60 s.
const SETTLE_DELAY: Duration = Duration::from_secs(60);
/// Longest delay of a recap: later ones are dropped, since the next is near. 12 h.
const MAX_DELAY: Duration = Duration::from_secs(12 * 3600);
/// Delay from which a recap is marked late. 10 min.
const LATE_AFTER: Duration = Duration::from_secs(600);
/// Poll interval. Reloads, clock changes and sleep of the machine take effect within it.
const POLL_INTERVAL: Duration = Duration::from_secs(20);
/// Time before the due time of a recap that could not be counted, so that the recap is due again: the shortest one.
const RETRY_OFFSET: Duration = Duration::from_micros(1);
/// A recap due now, with its time span.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DueRecap {
    sink: SinkName,
    from: Timestamp,
    to: Timestamp,
}

/// Returns the recaps due after `seen` and up to `now`, oldest first per sink. The time zone is that of the cards.
fn due(settings: &Settings, seen: Timestamp, now: Timestamp) -> Vec<DueRecap> {
    let zone = &settings.style.time_zone;
    let with_times = settings.sinks.iter().filter_map(|(sink, settings)| Some((sink, settings.recap.as_ref()?)));
    let dues = with_times.flat_map(|(sink, schedule)| {
        let first = schedule.next(seen, zone);
        let ends = std::iter::successors(first, move |end| schedule.next(*end, zone)).take_while(|end| *end <= now);
        ends.filter_map(move |to| Some(DueRecap { sink: sink.clone(), from: schedule.last(to, zone)?, to }))
    });
    dues.collect()
}

/// Enqueues each sink's recaps, forever. The first poll covers the last `MAX_DELAY`; the outbox rejects recaps already
/// enqueued.
pub async fn run(pipeline: Arc<Pipeline>) -> Infallible {
    let heartbeat = pipeline.tasks.register("recaps".to_owned(), Instant::now());
    let mut seen = before(Timestamp::now(), MAX_DELAY);
    loop {
        heartbeat.idle_until(Instant::now().checked_add(POLL_INTERVAL));
        sleep(POLL_INTERVAL).await;
        seen = poll(&pipeline, &heartbeat, seen, Timestamp::now()).await;
    }
}

/// Enqueues recaps due since `seen`. Returns the time up to which all recaps are enqueued.
async fn poll(pipeline: &Pipeline, heartbeat: &TaskHeartbeat, seen: Timestamp, now: Timestamp) -> Timestamp {
    let (settings, settled) = (pipeline.settings.load(), before(now, SETTLE_DELAY));
    // A clock that jumped ahead must not produce the recaps of years.
    for due in due(&settings, seen.max(before(now, MAX_DELAY)), settled) {
        heartbeat.busy(Instant::now());
        if let Err(error) = enqueue_recap(pipeline, &settings, &due, now).await {
            tracing::debug!(sink = %due.sink, %error, "recap not counted yet");
            return before(due.to, RETRY_OFFSET);
        }
    }
    settled
}

/// Enqueues a recap. Fails while the history has not all calls, because its store is away: the recap is due again.
async fn enqueue_recap(
    pipeline: &Pipeline,
    settings: &Settings,
    due: &DueRecap,
    now: Timestamp,
) -> Result<(), HistoryError> {
    let DueRecap { sink, from, to } = due;
    let mut recap = match settings.enricher.recap(sink, *from, *to).await {
        Ok(recap) => {
            Recap { late: elapsed(*to, now) > LATE_AFTER, latency: latency(pipeline, settings, sink, now), ..recap }
        }
        Err(error @ HistoryError::Incomplete) => return Err(error),
        Err(error) => {
            tracing::error!(%sink, %error, "recap not counted");
            return Ok(());
        }
    };
    complete(pipeline, settings, &mut recap).await;
    // A first start has no calls: late recaps without calls are dropped.
    if recap.late && recap.calls == 0 {
        return Ok(());
    }
    let key = DeliveryKey {
        subject: Subject::Named(format!("recap {sink} {to}")),
        status: StatusKind::Ended,
        sink: sink.clone(),
    };
    let (calls, missed) = (recap.calls, recap.missed);
    match pipeline
        .outbox
        .enqueue(None, vec![NewDelivery { key, card: Card::Recap(recap), mode: EnqueueMode::Insert }])
        .await
    {
        Ok(_) => tracing::debug!(%sink, calls, missed, "recap enqueued"),
        Err(error) => tracing::error!(%sink, %error, "recap not enqueued"),
    }
    Ok(())
}

/// Completes the callers of a recap with the facts of the open list, and with their names. Drops those that a person has
/// marked as done, and those beyond the limit.
async fn complete(pipeline: &Pipeline, settings: &Settings, recap: &mut Recap) {
    let key = |waiting: &PendingCallback| waiting.number.as_e164().map(CallerKey::of);
    let pending: Vec<(CallerKey, PendingCallback)> =
        std::mem::take(&mut recap.pending).into_iter().filter_map(|waiting| Some((key(&waiting)?, waiting))).collect();
    let open = match pipeline.outbox.open_calls_of(pending.iter().map(|(caller, _)| *caller).collect()).await {
        Ok(open) => open,
        Err(error) => {
            tracing::warn!(%error, "claims of a recap not read");
            vec![None; pending.len()]
        }
    };
    recap.pending =
        pending.into_iter().zip(open).filter_map(|((_, waiting), open)| open_caller(waiting, open)).collect();
    recap.pending_omitted = u32::try_from(recap.pending.len().saturating_sub(MAX_RECAP_CALLERS)).unwrap_or(u32::MAX);
    recap.pending.truncate(MAX_RECAP_CALLERS);
    settings.enricher.name_callers(&mut recap.pending).await;
}

/// Returns a caller with the facts of the caller's open calls, oldest first; `None` if none is open. Without stored calls the
/// caller stays as the history has it.
fn open_caller(waiting: PendingCallback, open: Option<Vec<MissedCall>>) -> Option<PendingCallback> {
    let Some(open) = open else { return Some(waiting) };
    let claimed = open.iter().rev().find_map(|call| {
        let claim = call.claim.as_ref()?;
        Some((call.claimant.clone().unwrap_or_else(|| claim.by.as_str().to_owned()), claim.at))
    });
    Some(PendingCallback {
        waits_since: Some(open.first()?.card.update.at),
        claimed,
        tried: open.last()?.callback.clone(),
        ..waiting
    })
}

/// Returns the times from call to card of the last day, if the sink's recap shows them.
fn latency(pipeline: &Pipeline, settings: &Settings, sink: &SinkName, now: Timestamp) -> Option<CardLatency> {
    settings.sinks.get(sink).filter(|sink| sink.recap_latency)?;
    let summary = pipeline.metrics.latency(sink.as_str(), now)?;
    Some(CardLatency { median: Duration::from_secs_f64(summary.p50), p95: Duration::from_secs_f64(summary.p95) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cards::RenderOptions,
        daemon::settings::{MessageMode, SinkSettings},
        enrich::Enricher,
        model::{
            call::{Call, CallStatus, CallUpdate, Callback, Caller, MissedReason, ReturnCall, ReturnKind},
            claim::{Claim, ClaimKind},
            phone::{PhoneNumber, Region},
            secret::SecretRef,
            time::after,
        },
        outbox,
        route::RecapSchedule,
        runtime::postgres::{PostgresSettings, test_server::PostgresServer},
    };
    use jiff::tz::TimeZone;

    fn schedule(times: &[&str], days: &[&str]) -> RecapSchedule {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let days = words(days);
        RecapSchedule::read(&words(times), Some(days.as_slice()).filter(|days| !days.is_empty())).unwrap()
    }

    fn zone() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn recap_is_due_once_and_spans_from_the_previous_one() {
        let style = RenderOptions { time_zone: zone(), ..RenderOptions::default() };
        let sink_settings = |recap| SinkSettings {
            outcomes: vec![],
            ring_at: crate::model::call::RingStage::Phone,
            menu_only: false,
            style: style.clone(),
            mode: MessageMode::Post,
            recap,
            recap_latency: true,
            claim_reminder: None,
            users: None,
        };
        let (desk, quiet): (SinkName, SinkName) = ("desk".try_into().unwrap(), "quiet".try_into().unwrap());
        let sinks = [
            (desk.clone(), sink_settings(Some(schedule(&["13:00", "17:30"], &["mon-fri"])))),
            (quiet, sink_settings(None)),
        ];
        let settings = Settings { sinks: sinks.into(), style: style.clone(), ..Settings::default() };
        let (friday, noon, evening) =
            (at("2026-11-20T22:30:00Z"), at("2026-11-23T18:00:00Z"), at("2026-11-23T22:30:00Z"));
        let first = DueRecap { sink: desk.clone(), from: friday, to: noon };
        let second = DueRecap { sink: desk, from: noon, to: evening };
        let before_tick = |at| before(at, Duration::from_secs(20));
        assert_eq!(due(&settings, before_tick(before_tick(noon)), before_tick(noon)), []);
        assert_eq!(due(&settings, before_tick(noon), noon), std::slice::from_ref(&first));
        assert_eq!(due(&settings, noon, after(noon, POLL_INTERVAL)), [], "due once");
        assert_eq!(
            due(&settings, before(evening, MAX_DELAY), evening),
            [first, second],
            "after a night without the daemon"
        );
        assert_eq!(due(&settings, evening, noon), [], "clock set back");
    }

    /// Creates a pipeline with a history in `dir` and a contacts file with one caller.
    fn pipeline(dir: &tempfile::TempDir) -> Pipeline {
        let settings = outbox::OutboxSettings::for_test(dir.path());
        pipeline_over(outbox::open(settings, Timestamp::now()).unwrap().0, dir)
    }

    /// Creates a pipeline with this outbox, and a contacts file with one caller.
    fn pipeline_over(outbox: outbox::DatabaseOutbox, dir: &tempfile::TempDir) -> Pipeline {
        let people = dir.path().join("people.csv");
        std::fs::write(&people, "name,phone\nAlice Martin,+15145550199\n").unwrap();
        let source = toml::from_str(&format!("type = 'contacts'\npath = '{}'", people.display())).unwrap();
        let second = Duration::from_secs(5);
        let no_secrets: crate::enrich::SecretReader = Arc::new(|_: &SecretRef| Err(String::new()));
        let http = crate::runtime::http::HttpStack::open(Default::default()).unwrap();
        let (enricher, _) =
            Enricher::build(&[source], second, &no_secrets, &http, Some(Arc::new(outbox.clone())), Region::US).unwrap();
        let settings = Settings { enricher: Arc::new(enricher), ..Settings::default() };
        Pipeline::for_test(outbox, settings, dir.path())
    }

    fn missed(started: Timestamp) -> CallUpdate {
        let mut call = Call::new(
            "a".try_into().unwrap(),
            "main".try_into().unwrap(),
            "1".try_into().unwrap(),
            Region::US,
            Caller { name: None, number: PhoneNumber::parse(Some("+15145550199"), Region::US) },
            started,
        );
        call.course.needs_callback = true;
        let waited = Duration::from_secs(21);
        CallUpdate {
            call,
            status: CallStatus::Missed { waited, reason: MissedReason::Unknown },
            at: after(started, waited),
        }
    }

    #[tokio::test]
    async fn recap_is_enqueued_once_and_marked_late() {
        let dir = tempfile::tempdir().unwrap();
        let pipeline = pipeline(&dir);
        let settings = pipeline.settings.load();
        let desk: SinkName = "desk".try_into().unwrap();
        let to = Timestamp::now();
        let from = before(to, Duration::from_secs(3600));
        let started = before(to, Duration::from_secs(600));
        pipeline.record_unposted(&settings, &missed(started), vec![desk.clone()]).await;
        let hour = Duration::from_secs(3600);
        let due = DueRecap { sink: desk.clone(), from, to };
        enqueue_recap(&pipeline, &settings, &due, after(to, hour)).await.unwrap();
        enqueue_recap(&pipeline, &settings, &due, after(to, 2 * hour)).await.unwrap();
        let empty = DueRecap { from: before(from, hour), to: from, ..due };
        enqueue_recap(&pipeline, &settings, &empty, after(to, hour)).await.unwrap();
        let waiting = pipeline.outbox.due(&desk, Timestamp::now(), 9).await.unwrap();
        let [Card::Recap(recap)] = waiting.iter().map(|one| &one.card).collect::<Vec<_>>()[..] else {
            panic!("{waiting:?}")
        };
        assert_eq!((recap.from, recap.to, recap.late, recap.calls, recap.missed), (from, to, true, 1, 1));
        assert_eq!(recap.longest_wait, Some(Duration::from_secs(21)));
        let [caller] = &recap.pending[..] else { panic!("{recap:?}") };
        assert_eq!((caller.name.as_deref(), caller.missed_calls), (Some("Alice Martin"), 1));
        enqueue_recap(
            &pipeline,
            &settings,
            &DueRecap { from: to, to: after(to, hour), sink: desk.clone() },
            after(to, hour),
        )
        .await
        .unwrap();
        assert_eq!(
            pipeline.outbox.due(&desk, Timestamp::now(), 9).await.unwrap().len(),
            2,
            "a recap without calls is enqueued too"
        );
    }

    #[tokio::test]
    async fn recap_of_two_daemons_on_one_database_is_one() {
        let Some(server) = PostgresServer::shared() else { return };
        let server = PostgresSettings::parse(&server.url("postgres"), None).unwrap();
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let open = |name: &str, dir: &tempfile::TempDir| {
            let schema = "test_recap_of_two".to_owned();
            let database = outbox::SharedDatabase { server: server.clone(), schema, daemon: name.to_owned() };
            pipeline_over(
                outbox::open_shared(outbox::OutboxSettings::for_test(dir.path()), database, Timestamp::now())
                    .unwrap()
                    .0,
                dir,
            )
        };
        let daemons = [open("one", &dirs[0]), open("two", &dirs[1])];
        for daemon in &daemons {
            let mut health = daemon.outbox.health();
            let connected = health.wait_for(|health| *health == outbox::Health::Durable);
            drop(tokio::time::timeout(Duration::from_secs(60), connected).await.unwrap().unwrap());
        }
        let desk: SinkName = "desk".try_into().unwrap();
        let minute = Duration::from_secs(60);
        assert_eq!(
            daemons[0].outbox.claim(vec![desk.clone()], 10 * minute).await.unwrap(),
            std::slice::from_ref(&desk)
        );
        let to = Timestamp::now();
        let due = DueRecap { sink: desk.clone(), from: before(to, 60 * minute), to };
        let settings = daemons[0].settings.load();
        daemons[1].record_unposted(&settings, &missed(before(to, 10 * minute)), vec![desk.clone()]).await;
        for daemon in daemons.iter().rev() {
            enqueue_recap(daemon, &daemon.settings.load(), &due, after(to, minute)).await.unwrap();
        }
        let waiting = daemons[0].outbox.due(&desk, Timestamp::now(), 9).await.unwrap();
        let [Card::Recap(recap)] = waiting.iter().map(|one| &one.card).collect::<Vec<_>>()[..] else {
            panic!("{waiting:?}")
        };
        assert_eq!((recap.calls, recap.missed), (1, 1), "the call that the other daemon recorded counts");
    }

    #[test]
    fn recap_shows_claim_and_try_and_drops_callers_without_open_calls() {
        let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
        let waiting = PendingCallback::new(number, at("2026-11-23T18:00:00Z"));
        assert_eq!(open_caller(waiting.clone(), None), Some(waiting.clone()), "not stored: as the history has it");
        assert_eq!(open_caller(waiting.clone(), Some(vec![])), None, "done or called back");
        let started_at = at("2026-11-23T18:10:00Z");
        let (kind, colleague) = (ReturnKind::Tried, None);
        let call = ReturnCall { kind, colleague, started_at, at: started_at, is_over: true, talked: None };
        let tried = Callback { call, after: Duration::ZERO };
        let claim =
            |by: &str, at: Timestamp| Claim { kind: ClaimKind::CallsBack, by: by.to_owned().try_into().unwrap(), at };
        let missed = |started: &str| {
            let card = crate::model::card::CallCard::new(missed(at(started)), Default::default());
            MissedCall { card, callback: None, claim: None, claimant: None }
        };
        let (first, last) = (missed("2026-11-23T17:00:00Z"), missed("2026-11-23T18:00:00Z"));
        let first = MissedCall { claim: Some(claim("U1", started_at)), ..first };
        let open = vec![first.clone(), MissedCall { callback: Some(tried.clone()), ..last.clone() }];
        let shown = open_caller(waiting.clone(), Some(open)).unwrap();
        assert_eq!((shown.waits_since, shown.tried), (Some(at("2026-11-23T17:00:21Z")), Some(tried)));
        assert_eq!(shown.claimed, Some(("U1".to_owned(), started_at)), "the id without a name");
        let named = MissedCall { claim: Some(claim("U2", started_at)), claimant: Some("Dana".to_owned()), ..last };
        let shown = open_caller(waiting, Some(vec![first, named])).unwrap();
        assert_eq!(shown.claimed, Some(("Dana".to_owned(), started_at)), "the newest claim");
    }

    #[tokio::test]
    async fn poll_enqueues_a_recap_once_across_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let pipeline = pipeline(&dir);
        let desk: SinkName = "desk".try_into().unwrap();
        let style = RenderOptions { time_zone: zone(), ..RenderOptions::default() };
        let recap = Some(schedule(&["17:30"], &[]));
        let sink_settings = SinkSettings {
            outcomes: vec![],
            ring_at: crate::model::call::RingStage::Phone,
            menu_only: false,
            style: style.clone(),
            mode: MessageMode::Post,
            recap,
            recap_latency: true,
            claim_reminder: None,
            users: None,
        };
        let enricher = Arc::clone(&pipeline.settings.load().enricher);
        pipeline.settings.store(Settings {
            enricher,
            sinks: [(desk.clone(), sink_settings)].into(),
            style,
            ..Settings::default()
        });
        let evening = at("2026-11-23T22:30:00Z");
        let call = missed(before(evening, Duration::from_secs(3600)));
        pipeline.record_unposted(&pipeline.settings.load(), &call, vec![desk.clone()]).await;
        let heartbeat = pipeline.tasks.register("recaps".to_owned(), Instant::now());
        let enqueued = async || pipeline.outbox.due(&desk, Timestamp::now(), 9).await.unwrap().len();
        let mut seen = before(evening, Duration::from_secs(40));
        let mut counts = Vec::new();
        for seconds in [20, 40, 59, 61, 80, 100] {
            seen = poll(&pipeline, &heartbeat, seen, after(evening, Duration::from_secs(seconds))).await;
            counts.push(enqueued().await);
        }
        assert_eq!(counts, [0, 0, 0, 1, 1, 1]);
        let restarted = after(evening, Duration::from_secs(3000));
        poll(&pipeline, &heartbeat, before(restarted, MAX_DELAY), restarted).await;
        let waiting = pipeline.outbox.due(&desk, Timestamp::now(), 9).await.unwrap();
        let recaps = waiting.iter().filter_map(|one| if let Card::Recap(it) = &one.card { Some(it.to) } else { None });
        assert_eq!(recaps.filter(|to| *to == evening).count(), 1);
    }
}
