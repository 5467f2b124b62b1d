//! How the daemon is: what every room said last, and the one human line of it for `systemctl status`. A board that the
//! loops write and the supervisor reads; it decides nothing.

use crate::model::{
    ids::{ConnectionName, SinkName},
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A status line is read at a glance: so many characters of a reason. The journal has all of it.
const WHY_MOST: usize = 160;

/// The board.
#[derive(Debug, Default)]
pub struct Board(Mutex<Status>);

/// What stands on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Each GoTo login.
    pub connections: BTreeMap<ConnectionName, Login>,
    /// Sinks that are switched off because their endpoint refused for good.
    pub disabled: BTreeSet<SinkName>,
    /// The store writes to memory only.
    pub volatile: bool,
    /// Calls heard since the start.
    pub calls: u64,
    /// Cards that wait.
    pub waiting: u64,
    /// Why the config on disk is not the one that runs: it was refused.
    pub refused: Option<String>,
    /// Keys whose change waits for a restart.
    pub restart: Vec<&'static str>,
}

/// One GoTo login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// Lanes it wants.
    pub lanes: u8,
    /// Lanes that hear.
    pub live: BTreeSet<u8>,
    /// Beginnings of the blind windows whose calls are not told yet.
    pub owed: BTreeSet<Timestamp>,
    /// It waits for `poprelay login`.
    pub consent_needed: bool,
    /// GoTo refuses it.
    pub refused: bool,
    /// Its first subscription was tried, with whatever end.
    pub tried: bool,
}

impl Login {
    /// Up to when everything that GoTo knows was heard, if that goes on: a next start catches up from there.
    #[must_use]
    pub fn heard_up_to(&self, now: Timestamp) -> Option<Timestamp> {
        let hears = !self.live.is_empty();
        hears.then(|| self.owed.first().map_or(now, |owed| now.min(*owed)))
    }

    /// The calls of the blind windows that began in this time are told.
    pub fn caught_up(&mut self, from: Timestamp, to: Timestamp) {
        self.owed.retain(|owed| *owed < from || *owed > to);
    }
}

impl Board {
    /// Reads or writes it. A panic elsewhere does not make the board unreadable.
    pub fn open(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Status {
    /// Whether the service may call itself ready: every login's first subscription was tried.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.connections.values().all(|login| login.tried || login.consent_needed)
    }

    /// One human line: trouble first.
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if let Some(why) = &self.refused {
            let first = why.lines().next().unwrap_or_default();
            parts.push(format!("config refused: {}", first.chars().take(WHY_MOST).collect::<String>()));
        }
        for (name, _) in self.connections.iter().filter(|(_, login)| login.consent_needed) {
            parts.push(format!("{name} needs a login (poprelay login)"));
        }
        let live: usize = self.connections.values().map(|login| login.live.len()).sum();
        let lanes: usize = self.connections.values().map(|login| usize::from(login.lanes)).sum();
        parts.push(if live == 0 {
            "deaf: no lane is live".to_owned()
        } else {
            format!("{live} of {lanes} lanes live")
        });
        if !self.disabled.is_empty() {
            let names: Vec<&str> = self.disabled.iter().map(SinkName::as_str).collect();
            parts.push(format!("switched off: {}", names.join(", ")));
        }
        if !self.restart.is_empty() {
            parts.push(format!("restart to apply: {}", self.restart.join(" ")));
        }
        if self.volatile {
            parts.push("the store cannot write, cards are kept in memory".to_owned());
        }
        parts.push(counted(self.calls, "call"));
        parts.push(match self.waiting {
            0 => "nothing waiting".to_owned(),
            waiting => format!("{waiting} waiting"),
        });
        parts.join(", ")
    }
}

fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main_login(live: &[u8]) -> Status {
        let login = Login { lanes: 2, live: live.iter().copied().collect(), ..Login::default() };
        let connections = [(ConnectionName::try_from("main").unwrap(), login)].into();
        Status { connections, ..Status::default() }
    }

    #[test]
    fn a_quiet_day_is_one_short_line() {
        let status = Status { calls: 14, ..main_login(&[0, 1]) };
        assert_eq!(status.line(), "2 of 2 lanes live, 14 calls, nothing waiting");
    }

    #[test]
    fn trouble_comes_first() {
        let mut status = main_login(&[]);
        status.connections.values_mut().for_each(|login| login.consent_needed = true);
        status.disabled.insert(SinkName::try_from("desk").unwrap());
        status.waiting = 3;
        assert_eq!(
            status.line(),
            "main needs a login (poprelay login), deaf: no lane is live, switched off: desk, 0 calls, 3 waiting"
        );
    }

    #[test]
    fn the_service_is_ready_when_every_login_was_tried() {
        let mut status = main_login(&[]);
        assert!(!status.is_ready());
        status.connections.values_mut().for_each(|login| login.tried = true);
        assert!(status.is_ready());
    }
}
