//! Asks for what was not pushed: the calls and reports of a blind window, and what the rest of the house asks about one call.
//! One question at a time each, so that the lanes never wait behind it.

use super::{
    Ask, Heard, PastAsk, Reports, VoicemailAsk,
    api::{Api, Error},
    session::Accounts,
    wire::Reader,
};
use crate::model::{call::Report, ids::ConversationSpaceId, time::Timestamp};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    time::{Instant, sleep_until},
};

/// Reports come some time after the end of a call, how long is not documented: a window is asked about again after these.
const LATER: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(60)];
/// A window that could not be asked about is tried again after this, and so on until it can: it is forgotten by nobody.
const FAILED: Duration = Duration::from_secs(15);
/// One call's report: 404 until there is one.
const REPORT: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];
/// Checks that are due within this are made together: windows that follow each other closely cost one question.
const TOGETHER: Duration = Duration::from_secs(2);
/// A call that ended in the window may have begun before it, and reports are found by their beginning.
const BEFORE: Duration = Duration::from_secs(600);
/// Reports of calls that ended so long before the window are told too: what was heard last may have been lost on its way.
/// Whoever hears them knows which calls were told.
const EARLIER: Duration = Duration::from_secs(60);
/// How often GoTo is asked for the calls that ended while it was heard: sockets that answer may still have swallowed
/// every word of a call. 5 min: a call back is then still one; and one question in 300 s of the 10 a second that the API allows.
pub const LOOK: Duration = Duration::from_secs(300);
/// 31 days: the longest span of one question for reports.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// Questions about single calls that wait for their report.
const WAITING: usize = 1000;

/// A blind window that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Window {
    fn and(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// The span to ask for.
    fn asked(self) -> (Timestamp, Timestamp) {
        let from = self.from.checked_sub(BEFORE).unwrap_or(self.from);
        (from.max(self.to.checked_sub(LONGEST).unwrap_or(from)), self.to)
    }

    /// Whether the call of a report ended while nobody heard, as far as it says.
    fn hid(self, report: &Report) -> bool {
        let from = self.from.checked_sub(EARLIER).unwrap_or(self.from);
        report.ended.is_none_or(|ended| ended >= from)
    }
}

/// A window that is to be asked about again.
#[derive(Debug, Clone, Copy)]
struct Check {
    at: Instant,
    window: Window,
    /// It was never answered: it is asked about until it is.
    owed: bool,
}

/// What the catch-up of one login needs.
#[derive(Clone)]
pub(super) struct CatchUp {
    pub(super) api: Api,
    pub(super) accounts: Arc<Accounts>,
    pub(super) reader: Reader,
    pub(super) heard: mpsc::Sender<Heard>,
    /// Whether a lane hears.
    pub(super) live: watch::Receiver<bool>,
    /// How often it is looked whether something was not heard: [`LOOK`].
    pub(super) look: Duration,
}

impl CatchUp {
    /// Closes blind windows, as long as there are any to come.
    pub(super) async fn windows(self, mut windows: mpsc::UnboundedReceiver<Window>) {
        let mut due: Vec<Check> = Vec::new();
        let mut told: HashSet<ConversationSpaceId> = HashSet::new();
        let mut look = Some(Instant::now() + self.look);
        loop {
            let next = due.iter().map(|check| check.at).min();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                window = windows.recv() => {
                    let Some(window) = window else { return };
                    let mut all = vec![window];
                    while let Ok(more) = windows.try_recv() {
                        all.push(more);
                    }
                    self.close(&all, &mut due, &mut told).await;
                }
                () = sleep_until(wake), if next.is_some() => self.check(&mut due, &mut told).await,
                () = sleep_until(look.unwrap_or(wake)), if look.is_some() => {
                    look = self.look(&mut told).await.then(|| Instant::now() + self.look);
                }
            }
            if due.is_empty() {
                told.clear();
            }
        }
    }

    /// Active calls and reports are asked for side by side: what rings now waits for nothing.
    async fn close(&self, all: &[Window], due: &mut Vec<Check>, told: &mut HashSet<ConversationSpaceId>) {
        let Some(whole) = all.iter().copied().reduce(Window::and) else { return };
        let (active, reports) = tokio::join!(self.active(), self.reports(whole));
        let later = match &reports {
            Ok(_) => LATER.as_slice(),
            Err(Error::Status { status: 403, .. }) => &[],
            Err(_) => &[FAILED],
        };
        let now = Instant::now();
        due.extend(later.iter().map(|wait| Check { at: now + *wait, window: whole, owed: reports.is_err() }));
        let mut left = reports
            .map(|reports| reports.into_iter().filter(|report| told.insert(report.call.clone())).collect::<Vec<_>>());
        for (place, window) in all.iter().enumerate() {
            let last = place + 1 == all.len();
            let reports = match &mut left {
                Ok(left) => Reports::Told(
                    left.extract_if(.., |one| last || one.ended.is_some_and(|at| at < window.to)).collect(),
                ),
                Err(Error::Status { status: 403, .. }) => Reports::NotGranted,
                Err(_) => Reports::Failed,
            };
            self.tell(Heard::Sighted { from: window.from, to: window.to, reports }).await;
        }
        // After the reports: what they close needs no further question.
        if let Some(active) = active {
            self.tell(Heard::Listed { active }).await;
        }
    }

    /// Tells the calls that are under way, and answers which they are; `None` if GoTo does not say.
    async fn active(&self) -> Option<HashSet<ConversationSpaceId>> {
        for wait in [0, 2, 10] {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let calls = match self.accounts.get(&self.api).await {
                Ok(accounts) => self.api.active(accounts, &self.reader).await,
                Err(error) => Err(error),
            };
            match calls {
                Ok(calls) => {
                    let active = calls.iter().map(|call| call.call.clone()).collect();
                    for call in calls {
                        self.tell(Heard::Call(call)).await;
                    }
                    return Some(active);
                }
                Err(Error::Status { status: 403, .. }) => {
                    tracing::warn!("active calls are not granted to this login: scope call-events.v1.events.read");
                    return None;
                }
                Err(error) => tracing::debug!(%error, "active calls not known"),
            }
        }
        None
    }

    /// Asks for the calls that ended a short while ago, of which perhaps nothing was heard. Whoever hears the reports knows
    /// which were told. Answers whether it is worth to ask again: not without the scope for it.
    async fn look(&self, told: &mut HashSet<ConversationSpaceId>) -> bool {
        // A blind window has questions of its own, whose answers are told together.
        if !*self.live.borrow() {
            return true;
        }
        let to = Timestamp::now();
        match self.reports(Window { from: to.checked_sub(self.look).unwrap_or(to), to }).await {
            Ok(reports) => {
                let new: Vec<Report> = reports.into_iter().filter(|one| told.insert(one.call.clone())).collect();
                if !new.is_empty() {
                    self.tell(Heard::Late(new)).await;
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, "it is not known whether a call was not heard");
                !matches!(error, Error::Status { status: 403, .. })
            }
        }
    }

    async fn reports(&self, window: Window) -> Result<Vec<Report>, Error> {
        let accounts = self.accounts.get(&self.api).await?;
        let reports = self.api.reports(accounts, window.asked(), &self.reader).await?;
        Ok(reports.into_iter().filter(|report| window.hid(report)).collect())
    }

    /// Looks again for late reports, and for those of windows that could not be asked about.
    async fn check(&self, due: &mut Vec<Check>, told: &mut HashSet<ConversationSpaceId>) {
        let until = Instant::now() + TOGETHER;
        let now: Vec<Check> = due.extract_if(.., |check| check.at <= until).collect();
        let Some(whole) = now.iter().map(|check| check.window).reduce(Window::and) else { return };
        match self.reports(whole).await {
            Ok(reports) => {
                let late: Vec<Report> = reports.into_iter().filter(|one| told.insert(one.call.clone())).collect();
                if !late.is_empty() {
                    self.tell(Heard::Late(late)).await;
                }
                let owed: Vec<Window> = now.iter().filter(|check| check.owed).map(|check| check.window).collect();
                for Window { from, to } in owed {
                    self.tell(Heard::CaughtUp { from, to }).await;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "late reports not known");
                let at = Instant::now() + FAILED;
                due.extend(now.into_iter().filter(|check| check.owed).map(|check| Check { at, ..check }));
            }
        }
    }

    /// Answers questions about single calls, as long as there are any to come.
    pub(super) async fn asks(
        self,
        mut asks: mpsc::Receiver<Ask>,
        past: mpsc::Sender<PastAsk>,
        mail: mpsc::Sender<VoicemailAsk>,
    ) {
        let mut due: Vec<(Instant, ConversationSpaceId, usize)> = Vec::new();
        loop {
            let next = due.iter().map(|(at, ..)| *at).min();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                ask = asks.recv() => match ask {
                    None => return,
                    Some(Ask::States { call, from, to, .. }) => self.states(&call, from, to).await,
                    Some(Ask::Report { call }) => self.report(call, 0, &mut due).await,
                    // Full, or nobody looks into mailboxes: the card says that there is a message, and not how long it is.
                    Some(Ask::Voicemail(ask)) => drop(mail.try_send(ask)),
                    Some(Ask::Past(ask)) => {
                        if let Err(TrySendError::Full(ask) | TrySendError::Closed(ask)) = past.try_send(ask) {
                            self.tell(Heard::Past { number: ask.number, calls: Err(FAILED) }).await;
                        }
                    }
                },
                () = sleep_until(wake), if next.is_some() => {
                    let now = Instant::now();
                    let ready: Vec<_> = due.extract_if(.., |(at, ..)| *at <= now).collect();
                    for (_, call, tries) in ready {
                        self.report(call, tries, &mut due).await;
                    }
                }
            }
        }
    }

    /// A 404 is normal: the call has ended meanwhile.
    async fn states(&self, call: &ConversationSpaceId, from: u64, to: u64) {
        match self.api.states(call, (from, to), &self.reader).await {
            Ok(states) => {
                for state in states {
                    self.tell(Heard::Call(state)).await;
                }
            }
            Err(error) => tracing::debug!(%call, %error, "missing states not known"),
        }
    }

    async fn report(
        &self,
        call: ConversationSpaceId,
        tries: usize,
        due: &mut Vec<(Instant, ConversationSpaceId, usize)>,
    ) {
        match self.api.report(&call, &self.reader).await {
            Ok(report) => self.tell(Heard::Report(report)).await,
            Err(Error::Status { status: 403, .. }) => {}
            Err(error) => match REPORT.get(tries) {
                Some(wait) if due.len() < WAITING => due.push((Instant::now() + *wait, call, tries + 1)),
                Some(_) | None => tracing::debug!(%call, %error, "report not known"),
            },
        }
    }

    async fn tell(&self, heard: Heard) {
        // The other end closes only when the daemon stops.
        let _ = self.heard.send(heard).await;
    }
}
