//! Delivery ledger: calls with distinct callers, and the cards that each sink shows of them, read from the chat.

use super::outbox_file::StoredDeliveries;
use poprelay::sim::{CallPlan, CallSummary, Extension, Party, Simulator, WebhookRequest};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::{Duration, Instant},
};

/// Returns a distinct caller number for each call: `(514) 220-0000` and up.
pub fn caller_number(index: u32) -> String {
    format!("+1514{}{:04}", 220 + index / 10_000, index % 10_000)
}

/// Returns the call indexes of the callers in one row of a card.
fn call_indexes(row: &str) -> impl Iterator<Item = u32> + '_ {
    row.split("(514) ").skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take(8).filter(char::is_ascii_digit).collect();
        let all: u32 = digits.parse().ok().filter(|_| digits.len() == 7)?;
        (all / 10_000).checked_sub(220).map(|exchange| exchange * 10_000 + all % 10_000)
    })
}

/// Returns the status symbol at the start of a row.
fn symbol(row: &str) -> Option<&'static str> {
    let row = row.trim_start_matches(['*', ' ']);
    let answered = row.contains("Answered: ");
    ["📞", "✅", "❌", "📭"]
        .into_iter()
        .find(|symbol| row.starts_with(symbol))
        .map(|symbol| if answered { "answered" } else { symbol })
}

/// Returns the place of a status in a call: ring, answer, end.
fn stage(symbol: &str) -> usize {
    match symbol {
        "📞" => 0,
        "answered" => 1,
        _ => 2,
    }
}

/// Returns the call plan of an index, with a random preset and speed.
pub fn random_call(index: u32, rng: &mut fastrand::Rng) -> CallPlan {
    // Without a name, so that every form of a card has the number beside the symbol.
    let caller = Party { name: None, number: Some(caller_number(index)) };
    let (bob, eve) = (Extension::new("1015", "Bob Roy"), Extension::new("1020", "Eve Kim"));
    let plan = match rng.u8(0..10) {
        0..4 => CallPlan::answered(caller, &bob),
        4..6 => CallPlan::missed(caller, &[bob, eve]),
        6 => CallPlan::voicemail(caller, &bob),
        7 => CallPlan::queued(caller, "Support", &bob),
        8 => CallPlan::transferred(caller, "Support", &bob, &eve),
        _ => CallPlan::left_queue(caller, "Support"),
    };
    let natural = plan.steps.last().unwrap().at_ms as f64 / 1000.0;
    let lasts = if rng.u8(0..10) == 0 { 8.0 + 20.0 * rng.f64() } else { 0.5 + 6.0 * rng.f64() };
    plan.at_speed(natural / lasts)
}

/// One card of a call.
#[derive(Debug, Clone)]
struct ShownCard {
    post: u64,
    symbol: &'static str,
    status: u16,
}

/// The cards of every call.
#[derive(Debug, Default)]
pub struct DeliveryLedger {
    /// Whether every call has ended.
    pub all_ended: bool,
    calls: BTreeMap<u32, CallSummary>,
    cards: BTreeMap<String, HashMap<u32, Vec<ShownCard>>>,
    /// Rows with a caller and no known symbol, by call: they do not count as cards.
    other_rows: BTreeMap<u32, Vec<String>>,
    messages: BTreeMap<String, usize>,
    refused: BTreeMap<(String, u16), usize>,
    next: u64,
}

impl DeliveryLedger {
    /// Reads new requests and calls from the simulator.
    pub fn read(&mut self, sim: &Simulator) {
        for post in sim.webhook_requests_from(self.next) {
            self.next = post.number + 1;
            if post.shown {
                *self.messages.entry(post.name.clone()).or_default() += 1;
                self.add_cards(&post);
            } else {
                *self.refused.entry((post.name.clone(), post.status)).or_default() += 1;
            }
        }
        let calls = sim.calls();
        self.all_ended = calls.iter().all(|call| call.ended);
        let index = |made: &CallSummary| call_indexes(&format_as_shown(made.caller.as_deref()?)).next();
        self.calls = calls.into_iter().filter_map(|made| Some((index(&made)?, made))).collect();
    }

    /// Reads until every call has ended and each of `sinks` shows it, or until no new call was shown for `still`. A call that is
    /// not shown then is lost.
    pub async fn settle(&mut self, sim: &Simulator, sinks: &[&str], quiet_period: Duration) {
        let (mut left, mut last_change) = (usize::MAX, Instant::now());
        // A call whose frames were lost needs its report: four calls a second, with two queries each at GoTo's rate.
        let longest = Duration::from_secs(600.max(sim.calls().len() as u64 / 4));
        super::eventually("every call is shown, or no new one is", longest, async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.read(sim);
            let now_left: usize = sinks.iter().map(|sink| self.lost_calls(sink).len()).sum();
            if now_left < left || !self.all_ended {
                (left, last_change) = (now_left, Instant::now());
            }
            (self.all_ended && (left == 0 || last_change.elapsed() > quiet_period)).then_some(())
        })
        .await;
    }

    fn add_cards(&mut self, post: &WebhookRequest) {
        let cards = self.cards.entry(post.name.clone()).or_default();
        let mut found = BTreeSet::new();
        for row in super::message_text(post).lines() {
            match symbol(row) {
                Some(symbol) => found.extend(call_indexes(row).map(|index| (index, symbol))),
                None => call_indexes(row).for_each(|index| {
                    self.other_rows.entry(index).or_default().push(format!("{}: {row}", post.name));
                }),
            }
        }
        for (index, symbol) in found {
            cards.entry(index).or_default().push(ShownCard { post: post.number, symbol, status: post.status });
        }
    }

    /// Returns the calls without any card in `sink`.
    pub fn lost_calls(&self, sink: &str) -> Vec<&CallSummary> {
        let cards = self.cards.get(sink);
        let shown = |index: &u32| cards.is_some_and(|cards| cards.contains_key(index));
        self.calls.iter().filter(|(index, _)| !shown(index)).map(|(_, made)| made).collect()
    }

    /// Describes a call and its stored deliveries.
    pub fn explain(&self, sink: &str, made: &CallSummary, stored: &StoredDeliveries) -> String {
        let caller = made.caller.as_deref().unwrap_or_default();
        let kept = stored.describe(sink, caller);
        let index = call_indexes(&format_as_shown(caller)).next();
        let rows = index.and_then(|index| self.other_rows.get(&index));
        format!(
            "{} {} {} states {} sent {:?}: {kept}; other rows {rows:?}",
            made.id, made.shape, made.started, made.states_reached, made.delivered
        )
    }

    /// Returns calls with the same status in more than one message, with the HTTP status of each message.
    pub fn repeated_cards(&self, sink: &str) -> Vec<(u32, String)> {
        let mut all = Vec::new();
        for (index, cards) in self.cards.get(sink).into_iter().flatten() {
            let mut by_symbol: BTreeMap<&str, Vec<&ShownCard>> = BTreeMap::new();
            for one in cards {
                by_symbol.entry(one.symbol).or_default().push(one);
            }
            for (symbol, posts) in by_symbol.into_iter().filter(|(_, posts)| posts.len() > 1) {
                let posts: Vec<String> = posts.iter().map(|one| format!("#{} ({})", one.post, one.status)).collect();
                all.push((*index, format!("{} {symbol} in {}", caller_number(*index), posts.join(", "))));
            }
        }
        all
    }

    /// Returns the calls whose statuses a sink shows in a wrong order: a ring after the answer, or one of them after the end. Of
    /// a repeated card the first one counts. The key is the last message with a card that comes too late.
    pub fn misordered_calls(&self, sink: &str) -> BTreeMap<u64, String> {
        let mut found = BTreeMap::new();
        for (index, cards) in self.cards.get(sink).into_iter().flatten() {
            let first = |one: &&ShownCard| {
                !cards.iter().any(|other| stage(other.symbol) == stage(one.symbol) && other.post < one.post)
            };
            let late = |one: &&ShownCard| {
                let is_later = |other: &ShownCard| stage(other.symbol) > stage(one.symbol) && other.post < one.post;
                cards.iter().any(is_later)
            };
            if let Some(last) = cards.iter().filter(first).filter(late).map(|one| one.post).max() {
                let shown: Vec<String> = cards.iter().map(|one| format!("{} #{}", one.symbol, one.post)).collect();
                found.insert(last, format!("{}: {}", caller_number(*index), shown.join(", ")));
            }
        }
        found
    }

    /// Returns the number of messages with at least one card that a later message repeats.
    pub fn repeated_messages(&self, sink: &str) -> usize {
        self.repeated_posts(sink).len()
    }

    /// Returns the numbers of the messages with at least one card that a later message repeats.
    pub fn repeated_posts(&self, sink: &str) -> BTreeSet<u64> {
        let mut first = BTreeSet::new();
        for cards in self.cards.get(sink).into_iter().flat_map(HashMap::values) {
            let again =
                |one: &&ShownCard| cards.iter().any(|other| other.post > one.post && other.symbol == one.symbol);
            first.extend(cards.iter().filter(again).map(|one| one.post));
        }
        first
    }

    /// Returns the repeated cards without an attempt of unknown outcome.
    pub fn unexplained_repeats(&self, sink: &str, stored: &StoredDeliveries) -> Vec<String> {
        let twice = self.repeated_cards(sink).into_iter();
        twice
            .filter(|(index, _)| !stored.has_unanswered_attempt(sink, &caller_number(*index)))
            .map(|(_, words)| words)
            .collect()
    }

    /// Returns the number of calls without any frame sent to a lane.
    pub fn never_sent(&self) -> usize {
        self.calls.values().filter(|made| made.delivered.is_empty()).count()
    }

    /// Returns the sorted delays from the start of each call to its first card, milliseconds.
    pub fn delays(&self, sink: &str, sim: &Simulator) -> Vec<i64> {
        let at: HashMap<u64, _> = sim.posts().into_iter().map(|post| (post.number, post.at)).collect();
        let cards = self.cards.get(sink).into_iter().flatten();
        let mut delays: Vec<i64> = cards
            .filter_map(|(index, cards)| {
                let shown = at.get(&cards.iter().map(|one| one.post).min()?)?;
                Some(shown.duration_since(self.calls.get(index)?.started).as_millis() as i64)
            })
            .collect();
        delays.sort_unstable();
        delays
    }

    /// Returns the number of messages that `sink` shows.
    pub fn messages(&self, sink: &str) -> usize {
        self.messages.get(sink).copied().unwrap_or_default()
    }

    /// Returns the number of requests to `sink` that were answered with `status` and not shown.
    pub fn rejected(&self, sink: &str, status: u16) -> usize {
        self.refused.get(&(sink.to_owned(), status)).copied().unwrap_or_default()
    }
}

impl fmt::Display for DeliveryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.calls.len();
        writeln!(f, "  calls {all}, sent to a lane {}, never sent {}", all - self.never_sent(), self.never_sent())?;
        for (sink, cards) in &self.cards {
            let (lost, twice) = (self.lost_calls(sink).len(), self.repeated_cards(sink).len());
            let (messages, cards) = (self.messages(sink), cards.len());
            writeln!(
                f,
                "  {sink}: {cards} calls shown in {messages} messages, repeated cards {twice}, lost calls {lost}"
            )?;
        }
        let refused: Vec<String> =
            self.refused.iter().map(|((sink, status), times)| format!("{sink} {status}: {times}")).collect();
        write!(f, "  rejected by the chat: {}", refused.join(", "))
    }
}

/// Formats `+15142200001` as a card shows it.
pub fn format_as_shown(number: &str) -> String {
    match (number.get(2..5), number.get(5..8), number.get(8..)) {
        (Some(area), Some(exchange), Some(line)) => format!("({area}) {exchange}-{line}"),
        _ => String::new(),
    }
}
