//! One login's calls, from what GoTo says to what the outbox keeps. Here the stages meet: `goto` is heard, `calls` decides
//! what is told, `enrich` finds out who it is, `route` says who is told, the outbox admits it.
//!
//! A call's tellings keep their order: each call has a line, in which one telling at a time is looked up and admitted, while
//! other calls go their own way. A look-up that takes its whole deadline so costs its own call 0.8 s and nobody else anything.

use super::{away::Away, late::Late, line::Lines, link::Link, notice::Trouble, rooms::Rooms, wedge};
use crate::{
    calls::{Effect, Limits, Tracker},
    goto::{Ask, Heard, Reports, VoicemailAsk},
    model::{
        call::{CallEvent, Moment, Report, Telling},
        event,
        ids::{ConnectionName, ConversationSpaceId},
        pulse::Pulse,
        time::{Now, Timestamp, elapsed},
    },
};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};

/// How long a clean stop waits for look-ups that run: their deadline is 0.8 s by default.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// One login's relay.
pub struct Relay {
    connection: ConnectionName,
    rooms: Arc<Rooms>,
    ask: mpsc::Sender<Ask>,
    tracker: Tracker,
    lines: Lines,
    looked_up: JoinSet<(ConversationSpaceId, Option<Late>)>,
    late: JoinSet<()>,
    away: Away,
    link: Link,
    pulse: Pulse,
}

impl Relay {
    /// A relay that has heard nothing yet. `away`: what an earlier run left.
    #[must_use]
    pub fn new(connection: ConnectionName, rooms: Arc<Rooms>, ask: mpsc::Sender<Ask>, away: Away) -> Self {
        let (tracker, lines) = (Tracker::new(Limits::default()), Lines::default());
        let now = Now::read().tick;
        let link = Link::new(connection.clone(), Arc::clone(&rooms), now);
        let pulse = rooms.pulses.join(format!("the relay of {connection}"), now);
        let (looked_up, late) = (JoinSet::new(), JoinSet::new());
        Self { connection, rooms, ask, tracker, lines, looked_up, late, away, link, pulse }
    }

    /// Relays until `stop` turns true, or `heard` ends; then what is held back is told and what is under way is admitted.
    pub async fn run(mut self, mut heard: mpsc::Receiver<Heard>, mut stop: watch::Receiver<bool>) {
        loop {
            let due = self.due();
            self.pulse.rest(due);
            tokio::select! {
                biased;
                () = asked_to(&mut stop) => break,
                Some(done) = self.looked_up.join_next(), if !self.looked_up.is_empty() => self.admitted(done),
                next = heard.recv() => match next {
                    Some(heard) => {
                        self.pulse.busy(Now::read().tick);
                        wedge::here("relay").await;
                        self.heard(heard).await;
                    }
                    None => break,
                },
                () = wake(due) => {
                    let now = Now::read();
                    self.pulse.busy(now.tick);
                    let effects = self.tracker.tick(now);
                    self.carry_out(effects);
                    let effects = self.away.tick(now.clock);
                    self.carry_out(effects);
                    self.link.tick(now.tick).await;
                }
            }
        }
        self.finish(heard).await;
    }

    /// When something is to be done, if nothing is heard before.
    fn due(&self) -> Option<std::time::Instant> {
        let now = Now::read();
        let away = self.away.due().map(|due| now.tick + elapsed(now.clock, due));
        [self.tracker.next_deadline(), self.link.due(), away].into_iter().flatten().min()
    }

    /// What was heard before the stop is told; nothing new is taken.
    async fn finish(&mut self, mut heard: mpsc::Receiver<Heard>) {
        heard.close();
        while let Some(last) = heard.recv().await {
            self.heard(last).await;
        }
        let effects = self.tracker.flush(Now::read());
        self.carry_out(effects);
        let until = Instant::now() + STOP_WITHIN;
        while let Ok(Some(done)) = timeout_at(until, self.looked_up.join_next()).await {
            self.admitted(done);
        }
    }

    async fn heard(&mut self, heard: Heard) {
        if self.rooms.book.open().record {
            self.rooms.recorder.keep(&heard);
        }
        match heard {
            Heard::Call(event) => self.call(event),
            Heard::Report(report) => self.reports(vec![report]).await,
            Heard::ReportReady { call } => {
                let effects = self.tracker.report_ready(&call, Now::read());
                self.carry_out(effects);
            }
            Heard::Late(reports) => self.reports(reports).await,
            Heard::Sighted { from, to, reports } => self.sighted(from, to, reports).await,
            Heard::Listed { active } => {
                let mut effects = self.tracker.missing_from(&active);
                effects.extend(self.away.listed(&active, Timestamp::now()));
                self.carry_out(effects);
            }
            Heard::Voicemail { call, length } => {
                let effects = self.tracker.voicemail(&call, length);
                self.carry_out(effects);
            }
            Heard::Past { number, calls } => self.rooms.remembers(&self.connection, &number, calls),
            other => self.link.says(other, Now::read().tick).await,
        }
    }

    fn call(&mut self, event: CallEvent) {
        self.away.heard(&event.call);
        let effects = self.tracker.handle_snapshot(event, Now::read());
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let asked = match effect {
                Effect::Emit(telling) => {
                    let message = message_of(&telling);
                    self.tell(telling);
                    let Some(ask) = message else { continue };
                    Ask::Voicemail(ask)
                }
                Effect::FetchStates { account, call, from, to, .. } => Ask::States { account, call, from, to },
                Effect::FetchReport { call } => Ask::Report { call },
            };
            if self.ask.try_send(asked).is_err() {
                tracing::debug!(connection = %self.connection, "a question to GoTo was dropped: too many are open");
            }
        }
    }

    fn tell(&mut self, telling: Telling) {
        let (call, moment) = (&telling.call.id, telling.moment.kind());
        tracing::debug!(connection = %self.connection, %call, moment = moment.as_str(), "call moves");
        if let Some(turn) = self.lines.join(telling) {
            self.look_up(turn);
        }
    }

    fn look_up(&mut self, telling: Telling) {
        self.rooms.wonder(&telling.call, &self.ask);
        let rooms = Arc::clone(&self.rooms);
        self.looked_up.spawn(async move {
            let call = telling.call.id.clone();
            let late = rooms.admit(telling).await;
            (call, late)
        });
    }

    /// One telling is in the store: the next of its call, if one waits, has its turn, and does not wait for late facts.
    fn admitted(&mut self, done: Result<(ConversationSpaceId, Option<Late>), JoinError>) {
        while self.late.try_join_next().is_some() {}
        match done {
            Ok((call, late)) => {
                late.map(|late| self.late.spawn(late.follow(Arc::clone(&self.rooms))));
                if let Some(turn) = self.lines.done(&call) {
                    self.look_up(turn);
                }
            }
            Err(error) => tracing::error!(connection = %self.connection, %error, "a look-up ended badly"),
        }
    }

    /// Reports of calls the tracker knows end those; the others are caught up with together, so that they share a recap.
    async fn reports(&mut self, reports: Vec<Report>) {
        let (known, unknown): (Vec<_>, Vec<_>) =
            reports.into_iter().partition(|report| self.tracker.knows(&report.call));
        for report in known {
            let effects = self.tracker.handle_report(&report, Now::read());
            self.carry_out(effects);
        }
        self.catch_up(unknown).await;
    }

    async fn sighted(&mut self, from: Timestamp, to: Timestamp, reports: Reports) {
        let connection = &self.connection;
        let blind_ms = millis(elapsed(from, to));
        self.away.back(from, to);
        if !matches!(reports, Reports::Failed) {
            self.link.caught_up(from, to);
        }
        let message_id = event::BLIND_CLOSED;
        match reports {
            Reports::Told(reports) => {
                let found = reports.len();
                tracing::info!(%connection, %from, %to, blind_ms, reports = found, message_id, "blind window closed");
                self.reports(reports).await;
            }
            Reports::NotGranted => {
                tracing::info!(%connection, %from, %to, blind_ms, message_id, "blind window closed");
                let trouble = Trouble::ReportsNotGranted(connection.clone(), from, to);
                self.rooms.tell(trouble).await;
            }
            Reports::Failed => {
                tracing::warn!(%connection, %from, %to, blind_ms, message_id, "blind window closed, reports come later")
            }
        }
    }

    /// Calls that the tracker does not know: of a blind window, or of an earlier run.
    async fn catch_up(&mut self, reports: Vec<Report>) {
        let caught_up = self.away.catch_up(reports, Timestamp::now());
        for telling in caught_up.single {
            self.tell(telling);
        }
        if let Some((from, to)) = self.away.window()
            && !caught_up.recap.is_empty()
        {
            self.rooms.recap(&self.connection, from, to, caught_up.recap).await;
        }
    }
}

/// Which message is to be looked for, if a caller has left one of unknown length.
fn message_of(telling: &Telling) -> Option<VoicemailAsk> {
    let Telling { call, moment: Moment::Voicemail { length: None }, at } = telling else { return None };
    let extensions: Vec<String> = call.people.iter().filter_map(|person| person.extension.clone()).collect();
    call.caller.number.known()?;
    (!extensions.is_empty()).then(|| VoicemailAsk {
        account: call.account.clone(),
        call: call.id.clone(),
        caller: call.caller.number.clone(),
        extensions,
        from: call.started,
        to: *at,
    })
}

async fn asked_to(stop: &mut watch::Receiver<bool>) {
    // Without a sender nobody is left to wait for: that ends the relay too.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Sleeps until `due`; for ever if nothing is.
async fn wake(due: Option<std::time::Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
