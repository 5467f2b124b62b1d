//! What this daemon itself saw of a caller: an SQLite file in the state directory, owned by one thread. Async code sends
//! it questions and never waits for the disk; a full or broken disk costs the history of a card, not the card.

mod elsewhere;
mod store;

use super::config::SourceConfig;
use crate::model::{
    call::{Bound, Call, Moment, MomentKind, Telling},
    card::History,
    ids::SinkName,
    past::Remembered,
    phone::E164,
    time::{Span, Timestamp},
};
pub use elsewhere::{Elsewhere, SAME};
use std::{
    io,
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    thread,
    time::{Duration, Instant},
};
use store::Store;
use tokio::sync::oneshot;

/// The file's name in the state directory.
const FILE: &str = "history.sqlite";
/// Questions and tellings that may wait for the disk; a telling beyond them is not remembered.
const WAITING: usize = 4096;
/// How often what is too old is removed.
const TIDY: Duration = Duration::from_secs(3600);

/// What makes a caller urgent, and how long calls are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Older calls are forgotten.
    pub retention: Duration,
    /// Missed within this time and not talked to since: urgent.
    pub missed_within: Duration,
    /// `calls` calls within this time: urgent.
    pub calls_within: Duration,
    /// See there; the call that rings counts.
    pub calls: u32,
    /// Whether GoTo is asked for the calls that this daemon did not see.
    pub goto: bool,
}

impl Rules {
    /// From the config's table, with the defaults for what it leaves open.
    #[must_use]
    pub fn read(config: &SourceConfig) -> Self {
        let usual = Self::default();
        let span = |span: Option<Span>, usual| span.map_or(usual, |span| span.0);
        Self {
            retention: span(config.retention, usual.retention),
            missed_within: span(config.missed_within, usual.missed_within),
            calls_within: span(config.calls_within, usual.calls_within),
            calls: config.calls.unwrap_or(usual.calls),
            goto: config.goto.unwrap_or(usual.goto),
        }
    }
}

impl Default for Rules {
    /// 90 days; missed within 15 minutes; two calls in 10 minutes; GoTo is asked.
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(90 * 86_400),
            missed_within: Duration::from_secs(15 * 60),
            calls_within: Duration::from_secs(10 * 60),
            calls: 2,
            goto: true,
        }
    }
}

/// Why the history says nothing.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// SQLite could not do it.
    #[error("history.sqlite: {0}")]
    Store(#[from] rusqlite::Error),
    /// Its thread could not be started.
    #[error("the history's thread cannot be started: {0}")]
    Thread(io::Error),
    /// The thread that owns the file has ended.
    #[error("the history is closed")]
    Closed,
}

/// What a call is called here: ids are unique within an account.
#[must_use]
pub fn key(call: &Call) -> String {
    format!("{}/{}", call.account.as_str(), call.id.as_str())
}

/// The way to the thread that owns the file.
#[derive(Debug, Clone)]
pub struct Shelf {
    asks: SyncSender<Ask>,
    rules: Rules,
}

enum Ask {
    Saw(Box<Seen>),
    Import { number: E164, calls: Vec<Remembered> },
    Find { number: E164, call: Option<String>, at: Timestamp, reply: oneshot::Sender<rusqlite::Result<History>> },
    Since { from: Timestamp, reply: oneshot::Sender<rusqlite::Result<Vec<Past>>> },
}

/// One moment of a call, as much of it as is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    call: String,
    /// The other side's, if it is known.
    number: Option<E164>,
    started: Timestamp,
    /// When it was known.
    at: Timestamp,
    kind: MomentKind,
    with: Option<String>,
    outbound: bool,
    /// Nobody heard how it ended.
    lost: bool,
    /// Until somebody took it, or it ended without.
    waited: Option<Duration>,
    sinks: Vec<SinkName>,
}

/// A call as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The other side's, if it is known.
    pub number: Option<E164>,
    /// When it began.
    pub started: Timestamp,
    /// What became of it; ringing if nobody knows, or if we called and nobody was there.
    pub outcome: MomentKind,
    /// We called.
    pub outbound: bool,
    /// Until somebody took it, or it ended without.
    pub waited: Option<Duration>,
    /// When it was first known what became of it.
    pub decided: Option<Timestamp>,
    /// Who heard of it.
    pub sinks: Vec<SinkName>,
}

impl Shelf {
    /// Opens or makes `history.sqlite` in `dir`, and starts its thread, which ends when the last clone of the
    /// shelf is dropped.
    ///
    /// # Errors
    /// If the file cannot be opened or is none of ours.
    pub fn open(dir: &Path, rules: Rules) -> Result<Self, HistoryError> {
        let store = Store::open(&dir.join(FILE), rules)?;
        let (asks, inbox) = sync_channel(WAITING);
        let thread = thread::Builder::new().name("history".to_owned());
        thread.spawn(move || serve(store, &inbox)).map_err(HistoryError::Thread)?;
        Ok(Self { asks, rules })
    }

    /// What it was opened with.
    #[must_use]
    pub const fn rules(&self) -> Rules {
        self.rules
    }

    /// Remembers a moment, soon, and which sinks heard of it. Calls between colleagues are nobody's history.
    pub fn saw(&self, telling: &Telling, sinks: Vec<SinkName>) {
        let call = &telling.call;
        if call.bound == Bound::Internal {
            return;
        }
        let (person, waited) = match &telling.moment {
            Moment::Answered { by, after } => (Some(by), Some(*after)),
            Moment::Missed { after, .. } => (None, Some(*after)),
            Moment::Ringing | Moment::Voicemail { .. } | Moment::Ended { .. } => (None, None),
        };
        let seen = Seen {
            call: key(call),
            number: call.caller.number.known().cloned(),
            started: call.started,
            at: telling.at,
            kind: telling.moment.kind(),
            with: person.and_then(|it| it.name.clone().or_else(|| it.extension.clone())),
            outbound: call.bound == Bound::Outbound,
            lost: call.lost,
            waited,
            sinks,
        };
        if let Err(TrySendError::Full(_)) = self.asks.try_send(Ask::Saw(Box::new(seen))) {
            tracing::warn!("history cannot keep up, a call is not remembered");
        }
    }

    /// Keeps what somebody else remembers of a number, before anything that is asked after this.
    pub fn import(&self, number: &E164, legs: Vec<Remembered>) {
        let (number, calls) = (number.clone(), elsewhere::calls(legs));
        if let Err(TrySendError::Full(_)) = self.asks.try_send(Ask::Import { number, calls }) {
            tracing::debug!("history cannot keep up, past calls are not taken over");
        }
    }

    /// What was seen of the caller before `call` (account and call id), as of `at`.
    ///
    /// # Errors
    /// If the store cannot say.
    pub async fn find(&self, number: &E164, call: Option<String>, at: Timestamp) -> Result<History, HistoryError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Find { number: number.clone(), call, at, reply })?;
        answer.await.map_err(|_| HistoryError::Closed)?.map_err(HistoryError::Store)
    }

    /// All calls that began or were decided since `from`, oldest first.
    ///
    /// # Errors
    /// If the store cannot say.
    pub async fn since(&self, from: Timestamp) -> Result<Vec<Past>, HistoryError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Since { from, reply })?;
        answer.await.map_err(|_| HistoryError::Closed)?.map_err(HistoryError::Store)
    }

    /// One whose thread is gone.
    #[cfg(test)]
    pub fn closed() -> Self {
        Self { asks: sync_channel(1).0, rules: Rules::default() }
    }

    fn ask(&self, ask: Ask) -> Result<(), HistoryError> {
        self.asks.try_send(ask).map_err(|_| HistoryError::Closed)
    }
}

/// Forgets all calls of a number in the file of `dir`, beside a running daemon or without one: how many there were. Blocks.
/// Where there is no file none is made.
///
/// # Errors
/// If the file cannot be written or is none of ours.
pub fn forget(dir: &Path, number: &E164) -> Result<usize, HistoryError> {
    let path = dir.join(FILE);
    if !path.exists() {
        return Ok(0);
    }
    let store = Store::open(&path, Rules::default())?;
    let gone = store.forget(number)?;
    store.rewrite()?;
    Ok(gone)
}

/// The thread: answers until nobody can ask any more.
fn serve(mut store: Store, inbox: &Receiver<Ask>) {
    let mut failing = false;
    let mut tidied: Option<Instant> = None;
    loop {
        if tidied.is_none_or(|at| at.elapsed() >= TIDY) {
            tidied = Some(Instant::now());
            note(&mut failing, &store.tidy(Timestamp::now()));
        }
        match inbox.recv_timeout(TIDY) {
            Ok(Ask::Saw(seen)) => note(&mut failing, &store.saw(&seen)),
            Ok(Ask::Import { number, calls }) => note(&mut failing, &store.import(&number, &calls)),
            // Whoever asked may have given up waiting: then nobody takes the answer.
            Ok(Ask::Find { number, call, at, reply }) => {
                let found = store.find(&number, call.as_deref(), at);
                note(&mut failing, &found);
                drop(reply.send(found));
            }
            Ok(Ask::Since { from, reply }) => {
                let calls = store.since(from);
                note(&mut failing, &calls);
                drop(reply.send(calls));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Says once that the disk fails, and once that it is well again.
fn note<T>(failing: &mut bool, done: &rusqlite::Result<T>) {
    match done {
        Ok(_) if *failing => tracing::info!("history works again"),
        Err(error) if !*failing => tracing::warn!(%error, "history fails, calls are not remembered or told"),
        Ok(_) | Err(_) => {}
    }
    *failing = done.is_err();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{Caller, MissedWhy, Person},
        ids::{AccountKey, ConnectionName, ConversationSpaceId},
        phone::{Number, Region},
    };

    fn telling(id: &str, started: &str, moment: Moment) -> Telling {
        let started: Timestamp = started.parse().unwrap();
        let call = Call {
            id: ConversationSpaceId::try_from(id).unwrap(),
            connection: ConnectionName::try_from("main").unwrap(),
            region: Region::US,
            account: AccountKey::try_from("1").unwrap(),
            bound: Bound::Inbound,
            caller: Caller { name: None, number: Number::read(Some("+15145550199"), Region::US) },
            ours: None,
            queues: vec![],
            people: vec![],
            transfers: Vec::new(),
            answered: None,
            queued: None,
            started,
            late: false,
            lost: false,
            revised: None,
            course: crate::model::call::Course::default(),
        };
        Telling { call, moment, at: started }
    }

    #[tokio::test]
    async fn what_was_seen_is_still_known_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let by = Person { name: Some("Bob".into()), extension: None, line: None };
        let answered = telling("a", "2026-11-20T10:00:00Z", Moment::Answered { by, after: Duration::ZERO });
        let missed = Moment::Missed { after: Duration::ZERO, why: MissedWhy::NobodyAnswered };
        let number = answered.call.caller.number.known().unwrap().clone();
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        {
            let shelf = Shelf::open(dir.path(), Rules::default()).unwrap();
            shelf.saw(&answered, vec![]);
            shelf.saw(&telling("b", "2026-11-22T10:00:00Z", missed), vec![]);
            assert_eq!(shelf.find(&number, None, now).await.unwrap().week, 2);
        }
        let shelf = Shelf::open(dir.path(), Rules::default()).unwrap();
        let history = shelf.find(&number, None, now).await.unwrap();
        assert_eq!(history.last.unwrap().outcome, MomentKind::Missed);
        assert_eq!(history.missed_since, 1);
        assert_eq!(forget(dir.path(), &number).unwrap(), 2);
        assert_eq!(shelf.find(&number, None, now).await.unwrap(), History::default());
        drop(shelf);
        let bytes: Vec<u8> = std::fs::read_dir(dir.path())
            .unwrap()
            .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default())
            .collect();
        assert!(!bytes.windows(11).any(|it| it == b"15145550199"), "the number is gone from the disk");
    }

    /// Only root can give a directory away, so only root's run of it says something.
    #[test]
    fn the_files_belong_to_the_owner_of_the_state_directory_and_to_nobody_else() {
        use std::os::unix::fs::{MetadataExt, chown};
        let dir = tempfile::tempdir().unwrap();
        let given_away = chown(dir.path(), Some(12345), Some(12345)).is_ok();
        let _shelf = Shelf::open(dir.path(), Rules::default()).unwrap();
        let file = std::fs::metadata(dir.path().join("history.sqlite")).unwrap();
        assert_eq!(file.mode() & 0o777, 0o600);
        assert_eq!(file.uid() == 12345, given_away);
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_an_error_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("history.sqlite"), "this is a letter to my aunt, and no database".repeat(50))
            .unwrap();
        assert!(matches!(Shelf::open(dir.path(), Rules::default()), Err(HistoryError::Store(_))));
        assert!(Shelf::open(Path::new("/nowhere/at/all"), Rules::default()).is_err());
    }
}
