//! What comes after the deadline: the sources that were not done go on within their own timeout, and each answer that
//! changes what is known is offered. Decides nothing of who it is (`merge` does), and posts nothing.

use super::{Answer, Said, merge};
use crate::model::card::{Findings, History};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::time::Duration;

/// An answer that is still on its way; `None` if it ends without one.
pub(super) type Pending<T> = BoxFuture<'static, Option<T>>;

/// How the history stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Past {
    /// There is none.
    Off,
    /// It should say something and has not.
    Silent,
    /// What it says.
    Said(History),
}

/// One answer that came.
enum News {
    Source(usize, Option<Said>),
    Past(Option<History>),
}

/// What is known so far, and the answers that are still on their way. Whoever drops it loses nothing but the offer: the
/// sources go on for their caches.
pub struct Later {
    pub(super) answers: Vec<Answer>,
    pub(super) past: Past,
    coming: FuturesUnordered<BoxFuture<'static, News>>,
}

impl Later {
    pub(super) fn new(answers: Vec<Answer>, past: Past) -> Self {
        Self { answers, past, coming: FuturesUnordered::new() }
    }

    /// The source at `place` of the answers is not done.
    pub(super) fn wait_for(&mut self, place: usize, pending: Pending<Said>) {
        self.coming.push(Box::pin(async move { News::Source(place, pending.await) }));
    }

    /// The history is not done, or somebody else's is still asked for.
    pub(super) fn wait_for_past(&mut self, pending: Pending<History>) {
        self.coming.push(Box::pin(async move { News::Past(pending.await) }));
    }

    /// Whether anything may still come.
    pub(super) fn is_over(&self) -> bool {
        self.coming.is_empty()
    }

    /// What a card would say now.
    pub(super) fn findings(&self) -> Findings {
        let (who, mut silent) = merge::merge(self.answers.iter().map(|it| (it.source.as_str(), it.said.clone())));
        let history = match &self.past {
            Past::Off => None,
            Past::Silent => {
                silent.push("history".to_owned());
                None
            }
            Past::Said(history) => Some(history.clone()),
        };
        Findings { who, history, silent }
    }

    /// The next findings that say something else than the last did, as soon as a source has answered; `None` when all have
    /// answered or given up, which they do within their timeouts. Cancel safe.
    pub async fn next(&mut self) -> Option<Findings> {
        loop {
            let news = self.coming.next().await?;
            let before = self.findings();
            self.take(news);
            let now = self.findings();
            if now != before {
                return Some(now);
            }
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Source(place, Some(said)) => {
                if let Some(answer) = self.answers.get_mut(place) {
                    answer.said = said;
                }
            }
            News::Past(Some(history)) => self.past = Past::Said(history),
            News::Source(_, None) | News::Past(None) => {}
        }
    }
}

impl Answer {
    pub(super) fn new(source: &str, said: Said, took: Duration) -> Self {
        Self { source: source.to_owned(), said, took }
    }
}
