//! A CRM that answers over HTTP: when it is asked, how often, and what is believed of it how long. A look-up that is
//! slower than the card goes on up to the source's own timeout, so that the call's next card has its facts.

mod answer;
mod ask;
mod breaker;
mod build;
mod cache;
mod preset;
mod template;
#[cfg(test)]
mod tests;

use super::{late::Pending, merge::Said};
use crate::model::{
    card::Contact,
    phone::{E164, Region},
};
pub use answer::Reading;
use ask::{Failure, Question};
use breaker::Breaker;
use cache::Cache;
use reqwest::Client;
use serde_json::Value;
use std::{
    borrow::Cow,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinHandle},
    time::{sleep, timeout, timeout_at},
};

/// The wait before a repeated question, up to half of it more by chance.
const PAUSE: Duration = Duration::from_millis(40);

/// One source.
#[derive(Clone)]
pub struct Http(Arc<Source>);

struct Source {
    name: String,
    region: Region,
    http: Client,
    question: Question,
    reading: Reading,
    then: Option<(Question, Reading)>,
    /// Labels of facts in the order in which cards show them.
    order: Vec<String>,
    timeout: Duration,
    retries: u32,
    gate: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    cache: Cache,
    breaker: Breaker,
    /// The kind of trouble that was last said in the journal.
    trouble: Option<mem::Discriminant<Failure>>,
    /// Look-ups that failed since it answered last.
    failures: u64,
    /// Cards went out without it because it was too slow, which was said in the journal.
    slow: bool,
}

impl Http {
    /// What the CRM knows of the number, if it says so before `deadline`, and else beside it the answer that is on its way.
    pub async fn find(&self, number: &E164, deadline: Instant) -> (Said, Option<Pending<Said>>) {
        let until = tokio::time::Instant::from_std(deadline);
        if let Some(people) = self.0.state().cache.get(number, Instant::now()) {
            return (Said::Knows(people), None);
        }
        let mut gate = Box::pin(Arc::clone(&self.0.gate).acquire_owned());
        let Ok(permit) = timeout_at(until, &mut gate).await else {
            let source = Arc::clone(&self.0);
            let wait = self.0.timeout;
            let number = number.clone();
            // It keeps its place in the line.
            let turn = tokio::spawn(async move {
                let permit = timeout(wait, gate).await.map_err(|_| Failure::Busy)?;
                source.turn(number, deadline, permit.map_err(|_| Failure::Busy)?).await
            });
            return (Said::Silent(Failure::Busy.to_string()), Some(late(turn)));
        };
        let Ok(permit) = permit else { return (Said::Silent(Failure::Busy.to_string()), None) };
        let mut turn = tokio::spawn(Arc::clone(&self.0).turn(number.clone(), deadline, permit));
        let answer = timeout_at(until, &mut turn).await;
        if !matches!(answer, Ok(Ok(Err(Failure::LeftAlone)))) {
            self.0.note_pace(answer.is_err());
        }
        match answer {
            Ok(answer) => (said(answer), None),
            Err(_) => (Said::Silent("no answer in time".to_owned()), Some(late(turn))),
        }
    }
}

type Turn = JoinHandle<Result<Vec<Contact>, Failure>>;

fn said(answer: Result<Result<Vec<Contact>, Failure>, JoinError>) -> Said {
    match answer {
        Ok(Ok(people)) => Said::Knows(people),
        Ok(Err(failure)) => Said::Silent(failure.to_string()),
        Err(_) => Said::Silent("the look-up was stopped".to_owned()),
    }
}

fn late(turn: Turn) -> Pending<Said> {
    Box::pin(async move { Some(said(turn.await)) })
}

impl Source {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One number's turn: asks within the source's timeout, and remembers what came of it.
    async fn turn(
        self: Arc<Self>,
        number: E164,
        deadline: Instant,
        _permit: OwnedSemaphorePermit,
    ) -> Result<Vec<Contact>, Failure> {
        {
            let (mut state, now) = (self.state(), Instant::now());
            // Whoever held the permit may have asked for the same number.
            if let Some(people) = state.cache.get(&number, now) {
                return Ok(people);
            }
            if !state.breaker.admits(now) {
                return Err(Failure::LeftAlone);
            }
        }
        let asked = timeout(self.timeout, self.ask(&number, deadline)).await;
        let answer = asked.unwrap_or(Err(Failure::TimedOut(self.timeout)));
        self.note(&number, &answer);
        answer
    }

    async fn ask(&self, number: &E164, deadline: Instant) -> Result<Vec<Contact>, Failure> {
        let mut left = self.retries;
        loop {
            let answer = self.question.ask(&self.http, |gap| about(number, gap)).await;
            match answer {
                Err(failure) if failure.is_transient() && left > 0 => {
                    let pause = PAUSE + PAUSE.mul_f64(fastrand::f64() / 2.0);
                    if Instant::now() + pause >= deadline {
                        return Err(failure);
                    }
                    left -= 1;
                    sleep(pause).await;
                }
                Err(failure) => return Err(failure),
                Ok(None) => return Ok(Vec::new()),
                Ok(Some(answer)) => return self.people(&answer, number).await,
            }
        }
    }

    async fn people(&self, answer: &Value, number: &E164) -> Result<Vec<Contact>, Failure> {
        let mut records = self.reading.records(answer).map_err(Failure::NoResults)?;
        records.retain(|record| self.reading.is_about(record, number, self.region));
        let known = |record: &&Value| self.reading.contact(record, &self.name);
        let mut people: Vec<Contact> = records.iter().filter_map(known).collect();
        if let (Some((question, reading)), [record], [person]) = (&self.then, records.as_slice(), people.as_mut_slice())
        {
            self.ask_more(question, reading, record, person).await;
        }
        for person in &mut people {
            person.facts.sort_by_key(|fact| self.order.iter().position(|it| *it == fact.label).unwrap_or(usize::MAX));
        }
        Ok(people)
    }

    /// The second question. Without its answer the first one's facts still stand.
    async fn ask_more(&self, question: &Question, reading: &Reading, record: &Value, person: &mut Contact) {
        let answer = match question.ask(&self.http, |pointer| answer::at(record, pointer)).await {
            Ok(answer) => answer.unwrap_or_default(),
            Err(error) => return tracing::debug!(source = self.name, %error, "second look-up failed"),
        };
        let found = reading.records(&answer).ok().and_then(|it| reading.contact(it.first()?, &self.name));
        let Some(mut more) = found else { return };
        person.company = person.company.take().or(more.company);
        person.tier = person.tier.take().or(more.tier);
        person.owner = person.owner.take().or(more.owner);
        person.notes = person.notes.take().or(more.notes);
        person.link = person.link.take().or(more.link);
        person.tags.append(&mut more.tags);
        person.facts.append(&mut more.facts);
    }

    /// Says once that cards do not wait for it any more, and once that they need not.
    fn note_pace(&self, slow: bool) {
        match (mem::replace(&mut self.state().slow, slow), slow) {
            (false, true) => {
                tracing::warn!(source = self.name, "source is slower than cards wait, its facts are left out")
            }
            (true, false) => tracing::info!(source = self.name, "source answers in time again"),
            (false, false) | (true, true) => {}
        }
    }

    /// Cache, breaker, and one line in the journal when the kind of trouble changes.
    fn note(&self, number: &E164, answer: &Result<Vec<Contact>, Failure>) {
        let now = Instant::now();
        let mut state = self.state();
        match answer {
            Ok(people) => {
                state.cache.put(number, people, now);
                state.breaker.succeeded();
                let repeats = mem::take(&mut state.failures);
                if state.trouble.take().is_some() {
                    tracing::info!(source = self.name, repeats, "source answers again");
                }
            }
            Err(failure) => {
                state.breaker.failed(now, failure.retry_after());
                state.failures = state.failures.saturating_add(1);
                let kind = mem::discriminant(failure);
                if state.trouble.replace(kind) != Some(kind) {
                    tracing::warn!(source = self.name, error = %failure, "source fails, its facts are left out");
                }
            }
        }
    }
}

/// What fills the gaps of the first question.
fn about<'v>(number: &'v E164, gap: &str) -> Option<Cow<'v, str>> {
    match gap {
        "number" => Some(number.expose().into()),
        "digits" => Some(number.expose().trim_start_matches('+').into()),
        "national" => Some(number.national().into()),
        _ => None,
    }
}
