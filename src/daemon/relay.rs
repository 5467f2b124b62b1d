//! One login's calls, from what GoTo says to what the outbox keeps. Here the stages meet: `goto` is heard, `calls` decides
//! what is told, `enrich` finds out who it is, `route` says who is told, the outbox admits it.
//!
//! A call's tellings keep their order: each call has a line, in which one telling at a time is looked up and admitted, while
//! other calls go their own way. A look-up that takes its whole deadline so costs its own call 0.8 s and nobody else anything.

use super::{away::Away, line::Lines, notice::Trouble, rooms::Rooms, status::Login};
use crate::{
    calls::{Effect, Limits, Tracker},
    goto::{Ask, Heard, Reports},
    model::{
        call::{CallEvent, Report, Telling},
        ids::{ConnectionName, ConversationSpaceId},
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
    looked_up: JoinSet<ConversationSpaceId>,
    away: Away,
}

impl Relay {
    /// A relay that has heard nothing yet. `away`: what an earlier run left.
    #[must_use]
    pub fn new(connection: ConnectionName, rooms: Arc<Rooms>, ask: mpsc::Sender<Ask>, away: Away) -> Self {
        let (tracker, lines) = (Tracker::new(Limits::default()), Lines::default());
        Self { connection, rooms, ask, tracker, lines, looked_up: JoinSet::new(), away }
    }

    /// Relays until `stop` turns true, or `heard` ends; then what is held back is told and what is under way is admitted.
    pub async fn run(mut self, mut heard: mpsc::Receiver<Heard>, mut stop: watch::Receiver<bool>) {
        loop {
            let due = self.tracker.next_deadline();
            tokio::select! {
                biased;
                () = asked_to(&mut stop) => break,
                Some(done) = self.looked_up.join_next(), if !self.looked_up.is_empty() => self.admitted(done),
                next = heard.recv() => match next {
                    Some(heard) => self.heard(heard).await,
                    None => break,
                },
                () = wake(due) => {
                    let effects = self.tracker.tick(Now::read());
                    self.carry_out(effects);
                }
            }
        }
        self.finish(heard).await;
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
        match heard {
            Heard::Call(event) => self.call(event),
            Heard::Report(report) => self.report(report).await,
            Heard::Sighted { from, to, reports } => self.sighted(from, to, reports).await,
            other => self.own(other).await,
        }
    }

    fn call(&mut self, event: CallEvent) {
        let effects = self.tracker.hear(event, Now::read());
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let asked = match effect {
                Effect::Tell(telling) => {
                    self.tell(telling);
                    continue;
                }
                Effect::AskStates { account, call, from, to, .. } => Ask::States { account, call, from, to },
                Effect::AskReport { account, call, .. } => Ask::Report { account, call },
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
        let rooms = Arc::clone(&self.rooms);
        self.looked_up.spawn(async move {
            let call = telling.call.id.clone();
            rooms.admit(telling).await;
            call
        });
    }

    /// One telling is in the store: the next of its call, if one waits, has its turn.
    fn admitted(&mut self, done: Result<ConversationSpaceId, JoinError>) {
        match done {
            Ok(call) => {
                if let Some(turn) = self.lines.done(&call) {
                    self.look_up(turn);
                }
            }
            Err(error) => tracing::error!(connection = %self.connection, %error, "a look-up ended badly"),
        }
    }

    async fn report(&mut self, report: Report) {
        if self.tracker.knows(&report.call) {
            let effects = self.tracker.report(report, Now::read());
            self.carry_out(effects);
        } else {
            self.catch_up(vec![report]).await;
        }
    }

    async fn sighted(&mut self, from: Timestamp, to: Timestamp, reports: Reports) {
        let connection = &self.connection;
        let blind_ms = millis(elapsed(from, to));
        self.away.back(from, to);
        if !matches!(reports, Reports::Failed)
            && let Some(login) = self.rooms.board.open().connections.get_mut(&self.connection)
        {
            login.caught_up(from, to);
        }
        match reports {
            Reports::Told(reports) => {
                tracing::info!(%connection, %from, %to, blind_ms, reports = reports.len(), "blind window closed");
                for report in reports {
                    self.report(report).await;
                }
            }
            Reports::NotGranted => {
                tracing::info!(%connection, %from, %to, blind_ms, "blind window closed");
                let trouble = Trouble::ReportsNotGranted(connection.clone(), from, to);
                self.rooms.notices.tell(trouble).await;
            }
            Reports::Failed => {
                tracing::warn!(%connection, %from, %to, blind_ms, "blind window closed, reports come later")
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

    /// From the first moment on a next start knows since when to catch up, however short this run is.
    async fn alive(&self) {
        let up_to = {
            let board = self.rooms.board.open();
            board.connections.get(&self.connection).and_then(|login| login.heard_up_to(Timestamp::now()))
        };
        if let Some(up_to) = up_to
            && let Err(error) = self.rooms.outbox.alive(self.connection.clone(), up_to).await
        {
            tracing::warn!(connection = %self.connection, %error, "heartbeat not kept");
        }
    }

    /// What the connection says of itself.
    async fn own(&mut self, heard: Heard) {
        let (connection, name) = (self.connection.clone(), &self.connection);
        let login = |change: &dyn Fn(&mut Login)| {
            if let Some(login) = self.rooms.board.open().connections.get_mut(name) {
                change(login);
            }
        };
        let trouble = match heard {
            Heard::Live { lane } => {
                login(&|login| {
                    login.live.insert(lane);
                    login.tried = true;
                });
                tracing::info!(%connection, lane, "lane live");
                self.alive().await;
                return;
            }
            Heard::Lost { lane, why } => {
                login(&|login| {
                    login.live.remove(&lane);
                });
                tracing::warn!(%connection, lane, why = why.as_str(), "lane lost");
                return;
            }
            Heard::Blind { since } => {
                login(&|login| {
                    login.owed.insert(since);
                });
                tracing::warn!(%connection, %since, "blind window opened");
                return;
            }
            Heard::CaughtUp { from, to } => {
                login(&|login| login.caught_up(from, to));
                tracing::info!(%connection, %from, %to, "reports of blind windows told");
                return;
            }
            Heard::Subscribed { accounts } => {
                login(&|login| login.tried = true);
                tracing::debug!(%connection, accounts, "subscribed");
                return;
            }
            Heard::Unreadable { lane, bytes, why } => {
                tracing::warn!(%connection, lane, bytes, %why, "frame not readable");
                return;
            }
            Heard::ConsentNeeded { .. } => {
                login(&|login| login.consent_needed = true);
                Trouble::ConsentNeeded(connection)
            }
            Heard::ConsentGiven => {
                login(&|login| login.consent_needed = false);
                Trouble::ConsentGiven(connection)
            }
            Heard::AccountRefused { account, status, .. } => {
                login(&|login| login.tried = true);
                Trouble::AccountRefused(connection, account, status)
            }
            Heard::Refused { .. } => {
                login(&|login| login.tried = true);
                Trouble::ConnectionRefused(connection)
            }
            Heard::GrantAging { days_left } => Trouble::GrantAging(connection, days_left),
            Heard::TokenNotKept { .. } => Trouble::TokenNotKept(connection),
            Heard::Call(_) | Heard::Report(_) | Heard::Sighted { .. } => return,
        };
        self.rooms.notices.tell(trouble).await;
    }
}

async fn asked_to(stop: &mut watch::Receiver<bool>) {
    // Without a sender nobody is left to wait for: that ends the relay too.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Sleeps until the tracker's next deadline; for ever if it has none.
async fn wake(due: Option<std::time::Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
