//! Who called and what was told of it: callers that can be told apart, and the account of them all, read from what the
//! chat shows.

use super::store::Stored;
use poprelay::sim::{CallPlan, Face, Line, Made, Party, Posted, World};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::{Duration, Instant},
};

/// A caller of its own for each call: `(514) 220-0000` and on.
fn number(index: u32) -> String {
    format!("+1514{}{:04}", 220 + index / 10_000, index % 10_000)
}

/// Reads the callers and their state's sign in one row of a card.
fn callers(row: &str) -> impl Iterator<Item = u32> + '_ {
    row.split("(514) ").skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take(8).filter(char::is_ascii_digit).collect();
        let all: u32 = digits.parse().ok().filter(|_| digits.len() == 7)?;
        (all / 10_000).checked_sub(220).map(|exchange| exchange * 10_000 + all % 10_000)
    })
}

/// Which moment of a call a row tells: the sign it begins with.
fn sign(row: &str) -> Option<&'static str> {
    let row = row.trim_start_matches(['*', ' ']);
    let answered = row.contains("Answered: ");
    ["📞", "✅", "❌", "📭"]
        .into_iter()
        .find(|sign| row.starts_with(sign))
        .map(|sign| if answered { "answered" } else { sign })
}

/// The call of this index: who calls, what becomes of it, how fast.
pub fn plan(index: u32, dice: &mut fastrand::Rng) -> CallPlan {
    // Without a name, so that every form of a card has the number beside its sign.
    let caller = Party { name: None, number: Some(number(index)) };
    let (bob, eve) = (Line::of("1015", "Bob Roy"), Line::of("1020", "Eve Kim"));
    let plan = match dice.u8(0..10) {
        0..4 => CallPlan::answered(caller, &bob),
        4..6 => CallPlan::missed(caller, &[bob, eve]),
        6 => CallPlan::voicemail(caller, &bob, dice.choice([Face::Alone, Face::Party, Face::System]).unwrap()),
        7 => CallPlan::queued(caller, "Support", &bob),
        8 => CallPlan::transferred(caller, "Support", &bob, &eve),
        _ => CallPlan::left_queue(caller, "Support"),
    };
    let natural = plan.beats.last().unwrap().at_ms as f64 / 1000.0;
    let lasts = if dice.u8(0..10) == 0 { 8.0 + 20.0 * dice.f64() } else { 0.5 + 6.0 * dice.f64() };
    plan.at_speed(natural / lasts)
}

/// One message that tells of a call.
#[derive(Debug, Clone)]
struct Told {
    post: u64,
    sign: &'static str,
    status: u16,
}

/// What became of every call.
#[derive(Debug, Default)]
pub struct Account {
    /// Whether every call is over.
    pub over: bool,
    calls: BTreeMap<u32, Made>,
    told: BTreeMap<String, HashMap<u32, Vec<Told>>>,
    messages: BTreeMap<String, usize>,
    refused: BTreeMap<(String, u16), usize>,
    next: u64,
}

impl Account {
    /// Reads on.
    pub fn read(&mut self, world: &World) {
        for post in world.attempts_from(self.next) {
            self.next = post.number + 1;
            if post.shown {
                *self.messages.entry(post.name.clone()).or_default() += 1;
                self.post(&post);
            } else {
                *self.refused.entry((post.name.clone(), post.status)).or_default() += 1;
            }
        }
        let calls = world.calls();
        self.over = calls.iter().all(|call| call.over);
        let index = |made: &Made| callers(&national(made.caller.as_deref()?)).next();
        self.calls = calls.into_iter().filter_map(|made| Some((index(&made)?, made))).collect();
    }

    /// Reads on until every call is over and shown by each of `sinks`, or nothing more was shown for `still`: what is left
    /// then is lost, which the caller explains.
    pub async fn settle(&mut self, world: &World, sinks: &[&str], still: Duration) {
        let (mut left, mut moved) = (usize::MAX, Instant::now());
        super::eventually("every call is told, or nothing moves", Duration::from_secs(600), async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.read(world);
            let now_left: usize = sinks.iter().map(|sink| self.lost(sink).len()).sum();
            if now_left < left || !self.over {
                (left, moved) = (now_left, Instant::now());
            }
            (self.over && (left == 0 || moved.elapsed() > still)).then_some(())
        })
        .await;
    }

    fn post(&mut self, post: &Posted) {
        let told = self.told.entry(post.name.clone()).or_default();
        let mut said = BTreeSet::new();
        for row in super::text(post).lines() {
            if let Some(sign) = sign(row) {
                said.extend(callers(row).map(|index| (index, sign)));
            }
        }
        for (index, sign) in said {
            told.entry(index).or_default().push(Told { post: post.number, sign, status: post.status });
        }
    }

    /// The calls that `sink` shows nothing of.
    pub fn lost(&self, sink: &str) -> Vec<&Made> {
        let told = self.told.get(sink);
        let shown = |index: &u32| told.is_some_and(|told| told.contains_key(index));
        self.calls.iter().filter(|(index, _)| !shown(index)).map(|(_, made)| made).collect()
    }

    /// Why a call is not shown, as far as the store says.
    pub fn explain(&self, sink: &str, made: &Made, stored: &Stored) -> String {
        let caller = made.caller.as_deref().unwrap_or_default();
        let kept = stored.of(sink, caller);
        format!("{} {} {} said {} heard {:?}: {kept}", made.id, made.shape, made.started, made.said, made.heard)
    }

    /// Calls whose same moment was shown by more than one message, with what each was answered with.
    pub fn twice(&self, sink: &str) -> Vec<(u32, String)> {
        let mut all = Vec::new();
        for (index, told) in self.told.get(sink).into_iter().flatten() {
            let mut by_sign: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
            for one in told {
                by_sign.entry(one.sign).or_default().push(one);
            }
            for (sign, posts) in by_sign.into_iter().filter(|(_, posts)| posts.len() > 1) {
                let posts: Vec<String> = posts.iter().map(|one| format!("#{} ({})", one.post, one.status)).collect();
                all.push((*index, format!("{} {sign} in {}", number(*index), posts.join(", "))));
            }
        }
        all
    }

    /// Messages of which at least one card was told again.
    pub fn messages_twice(&self, sink: &str) -> usize {
        let mut first = BTreeSet::new();
        for told in self.told.get(sink).into_iter().flat_map(HashMap::values) {
            let again = |one: &&Told| told.iter().any(|other| other.post > one.post && other.sign == one.sign);
            first.extend(told.iter().filter(again).map(|one| one.post));
        }
        first.len()
    }

    /// Those of them whose first message did not end unknown.
    pub fn twice_without_cause(&self, sink: &str, stored: &Stored) -> Vec<String> {
        let twice = self.twice(sink).into_iter();
        twice.filter(|(index, _)| !stored.unsure(sink, &number(*index))).map(|(_, words)| words).collect()
    }

    /// How many calls there are, and how many of them no lane heard anything of.
    pub fn unheard(&self) -> usize {
        self.calls.values().filter(|made| made.heard.is_empty()).count()
    }

    /// When each call was first told, after it began, in milliseconds.
    pub fn delays(&self, sink: &str, world: &World) -> Vec<i64> {
        let at: HashMap<u64, _> = world.posts().into_iter().map(|post| (post.number, post.at)).collect();
        let told = self.told.get(sink).into_iter().flatten();
        let mut delays: Vec<i64> = told
            .filter_map(|(index, told)| {
                let shown = at.get(&told.iter().map(|one| one.post).min()?)?;
                Some(shown.duration_since(self.calls.get(index)?.started).as_millis() as i64)
            })
            .collect();
        delays.sort_unstable();
        delays
    }

    /// Messages that `sink` shows.
    pub fn messages(&self, sink: &str) -> usize {
        self.messages.get(sink).copied().unwrap_or_default()
    }

    /// Requests to `sink` that were answered with `status` and not shown.
    pub fn refused(&self, sink: &str, status: u16) -> usize {
        self.refused.get(&(sink.to_owned(), status)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.calls.len();
        writeln!(f, "  calls made {all}, heard by a lane {}, never heard {}", all - self.unheard(), self.unheard())?;
        for (sink, told) in &self.told {
            let (lost, twice) = (self.lost(sink).len(), self.twice(sink).len());
            let (messages, told) = (self.messages(sink), told.len());
            writeln!(f, "  {sink}: told {told} in {messages} messages, told twice {twice}, not told {lost}")?;
        }
        let refused: Vec<String> =
            self.refused.iter().map(|((sink, status), times)| format!("{sink} {status}: {times}")).collect();
        write!(f, "  refused by the chat: {}", refused.join(", "))
    }
}

/// `+15142200001` as a card shows it.
fn national(number: &str) -> String {
    match (number.get(2..5), number.get(5..8), number.get(8..)) {
        (Some(area), Some(exchange), Some(line)) => format!("({area}) {exchange}-{line}"),
        _ => String::new(),
    }
}
