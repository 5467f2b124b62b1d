//! The recap of a shift: when each sink gets one, and of what. Decides the times; what is counted is `enrich`'s business,
//! how it looks that of `cards`.

use super::{book::Book, rooms::Rooms};
use crate::{
    cards::SHIFT_LISTS,
    model::{
        call::MomentKind,
        card::{Card, Shift},
        delivery::{Admission, Key, Outbox, Rule, Subject},
        ids::SinkName,
        pulse::Pulse,
        time::{Timestamp, before, elapsed},
    },
    route,
};
use jiff::{
    ToSpan,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// A recap is told so long after its time: the last call of the shift may still be asked about, and be written down.
const SETTLE: Duration = Duration::from_secs(60);
/// A recap that could not be told for longer than this is not worth telling: the next one is near.
const LATEST: Duration = Duration::from_secs(12 * 3600);
/// Told so long after its time, a recap says that it is late.
const LATE: Duration = Duration::from_secs(600);
/// How often the times are looked at: a reload, a clock that was set and a machine that slept are seen by then.
const LOOK: Duration = Duration::from_secs(20);
/// Recaps a day: more is no recap.
const MOST: usize = 24;
const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// The ends of a sink's shifts: some times of some days of the week, as the clock on the wall shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    times: Vec<Time>,
    days: Vec<Weekday>,
}

impl Schedule {
    /// As the config has it: times of the day, and days as in `[hours.NAME]`; without, every day.
    ///
    /// # Errors
    /// What was expected.
    pub fn read(times: &[String], days: Option<&[String]>) -> Result<Self, String> {
        let mut read: Vec<Time> = times
            .iter()
            .map(|text| Time::strptime("%H:%M", text.trim()).ok())
            .collect::<Option<_>>()
            .filter(|times: &Vec<Time>| (1..=MOST).contains(&times.len()))
            .ok_or_else(|| format!("no time: write \"17:30\", or a list of up to {MOST} such"))?;
        read.sort();
        read.dedup();
        let days: Option<Vec<Vec<Weekday>>> = days
            .map_or_else(|| Some(vec![WEEK.to_vec()]), |words| words.iter().map(|text| route::days(text)).collect());
        let days = days.map(|days| days.concat()).filter(|days| !days.is_empty());
        Ok(Self { times: read, days: days.ok_or("no days: write \"mon\", \"mon-fri\", or a list of such")? })
    }

    /// The first end of a shift after `at`. A time that a day leaves out (clocks go forward) is as much later as the clock
    /// was moved; of one that comes twice it is the first.
    #[must_use]
    pub fn next(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.around(at, zone).filter(|end| *end > at).min()
    }

    /// The last end of a shift before `at`.
    #[must_use]
    pub fn last(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.around(at, zone).filter(|end| *end < at).max()
    }

    /// The ends from a week before to a week after: one of each side at least.
    fn around(&self, at: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        let today = at.to_zoned(zone.clone()).date();
        let dates = (-8..=8_i64).filter_map(move |days| today.checked_add(days.days()).ok());
        let dates = dates.filter(|date| self.days.contains(&date.weekday()));
        let ends = dates.flat_map(|date| self.times.iter().map(move |time| date.to_datetime(*time)));
        ends.filter_map(|end| zone.to_ambiguous_timestamp(end).compatible().ok())
    }
}

impl fmt::Display for Schedule {
    /// `at 13:00 and 17:30`, with the days if there are fewer than all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times: Vec<String> = self.times.iter().map(|time| time.strftime("%H:%M").to_string()).collect();
        write!(f, "at {}", times.join(" and "))?;
        let days = WEEK.iter().filter(|day| self.days.contains(day));
        let days: Vec<String> = days.map(|day| format!("{day:?}").chars().take(3).collect()).collect();
        if days.len() < WEEK.len() { write!(f, " on {}", days.join(" ")) } else { Ok(()) }
    }
}

/// A recap that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Due {
    sink: SinkName,
    from: Timestamp,
    to: Timestamp,
}

/// The recaps whose time came after `seen` and up to `now`, a sink's oldest first. The time zone is that of the cards.
fn due(book: &Book, seen: Timestamp, now: Timestamp) -> Vec<Due> {
    let zone = &book.style.time_zone;
    let with_times = book.sinks.iter().filter_map(|(sink, manner)| Some((sink, manner.recap.as_ref()?)));
    let dues = with_times.flat_map(|(sink, schedule)| {
        let first = schedule.next(seen, zone);
        let ends = std::iter::successors(first, move |end| schedule.next(*end, zone)).take_while(|end| *end <= now);
        ends.filter_map(move |to| Some(Due { sink: sink.clone(), from: schedule.last(to, zone)?, to }))
    });
    dues.collect()
}

/// Tells each sink its recaps, for good. At a start it looks back as far as a recap is worth telling: the outbox knows
/// which ones were told.
pub async fn tell(rooms: Arc<Rooms>) -> Infallible {
    let pulse = rooms.pulses.join("recaps".to_owned(), Instant::now());
    let mut seen = before(Timestamp::now(), LATEST);
    loop {
        pulse.rest(Instant::now().checked_add(LOOK));
        sleep(LOOK).await;
        seen = look(&rooms, &pulse, seen, Timestamp::now()).await;
    }
}

/// Tells what has become due since `seen`, and answers up to when that is done.
async fn look(rooms: &Rooms, pulse: &Pulse, seen: Timestamp, now: Timestamp) -> Timestamp {
    let (book, settled) = (rooms.book.open(), before(now, SETTLE));
    // A clock that jumped far ahead has nobody read the recaps of years.
    for due in due(&book, seen.max(before(now, LATEST)), settled) {
        pulse.busy(Instant::now());
        tell_one(rooms, &book, &due, now).await;
    }
    settled
}

async fn tell_one(rooms: &Rooms, book: &Book, due: &Due, now: Timestamp) {
    let Due { sink, from, to } = due;
    let shift = match book.enricher.shift(sink, *from, *to, SHIFT_LISTS).await {
        Ok(shift) => Shift { late: elapsed(*to, now) > LATE, ..shift },
        Err(error) => return tracing::error!(%sink, %error, "recap not told"),
    };
    // A first start has nothing to be late with.
    if shift.late && shift.calls == 0 {
        return;
    }
    let key =
        Key { subject: Subject::Other(format!("shift {sink} {to}")), moment: MomentKind::Ended, sink: sink.clone() };
    let (calls, missed) = (shift.calls, shift.missed);
    match rooms.outbox.admit(None, vec![Admission { key, card: Card::Shift(shift), rule: Rule::Tell }]).await {
        Ok(_) => tracing::debug!(%sink, calls, missed, "recap of a shift"),
        Err(error) => tracing::error!(%sink, %error, "recap not admitted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cards::Style,
        daemon::{
            book::{Lectern, Life, Manner},
            record::Recorder,
            status::Board,
        },
        enrich::Enricher,
        model::{
            call::{Bound, Call, Caller, MissedWhy, Moment, Telling},
            phone::{Number, Region},
            pulse::Pulses,
            secret::SecretRef,
            time::after,
        },
        outbox,
    };

    fn schedule(times: &[&str], days: &[&str]) -> Schedule {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let days = words(days);
        Schedule::read(&words(times), Some(days.as_slice()).filter(|days| !days.is_empty())).unwrap()
    }

    fn zone() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// 23 November 2026 is a Monday; New York is 5 hours behind in winter, 4 in summer.
    #[test]
    fn a_shift_ends_at_its_times_on_its_days_whatever_the_clocks_do() {
        for (times, days, now, last, next) in [
            (&["17:30"][..], &[][..], "2026-11-23T22:29:59Z", "2026-11-22T22:30:00Z", "2026-11-23T22:30:00Z"),
            (&["17:30"], &[], "2026-11-23T22:30:00Z", "2026-11-22T22:30:00Z", "2026-11-24T22:30:00Z"),
            (&["17:30"], &["mon-fri"], "2026-11-23T22:30:00Z", "2026-11-20T22:30:00Z", "2026-11-24T22:30:00Z"),
            (&["17:30"], &["mon-fri"], "2026-11-20T23:00:00Z", "2026-11-20T22:30:00Z", "2026-11-23T22:30:00Z"),
            (&["9:00"], &["tue"], "2026-11-24T14:00:00Z", "2026-11-17T14:00:00Z", "2026-12-01T14:00:00Z"),
            (&["22:00", "06:00", "14:00"], &[], "2026-11-23T22:00:00Z", "2026-11-23T19:00:00Z", "2026-11-24T03:00:00Z"),
            // 8 March: 02:30 is left out and becomes 03:30. 1 November: 01:30 comes twice, the first counts.
            (&["02:30"], &[], "2026-03-08T07:00:00Z", "2026-03-07T07:30:00Z", "2026-03-08T07:30:00Z"),
            (&["01:30"], &[], "2026-11-01T05:30:00Z", "2026-10-31T05:30:00Z", "2026-11-02T06:30:00Z"),
            (&["17:30"], &[], "2026-11-01T12:00:00Z", "2026-10-31T21:30:00Z", "2026-11-01T22:30:00Z"),
        ] {
            let schedule = schedule(times, days);
            assert_eq!(schedule.next(at(now), &zone()), Some(at(next)), "after {now}");
            assert_eq!(schedule.last(at(now), &zone()), Some(at(last)), "before {now}");
        }
    }

    #[test]
    fn what_is_no_time_or_no_day_is_refused_and_a_schedule_says_itself() {
        let read = |time: &str, day: &str| Schedule::read(&[time.to_owned()], Some(&[day.to_owned()]));
        assert_eq!(read("17:30", "mon-fri").unwrap().to_string(), "at 17:30 on Mon Tue Wed Thu Fri");
        assert_eq!(schedule(&["14:00", "6:00", "14:00"], &[]).to_string(), "at 06:00 and 14:00");
        for (time, day) in [("25:00", "mon"), ("half five", "mon"), ("", "mon"), ("17:30", "someday"), ("17:30", "")] {
            assert!(read(time, day).is_err(), "{time} {day}");
        }
        assert!(Schedule::read(&[], None).is_err() && Schedule::read(&["09:00".to_owned()], Some(&[])).is_err());
        assert!(Schedule::read(&vec!["09:00".to_owned(); MOST + 1], None).is_err());
    }

    #[test]
    fn each_recap_is_due_once_after_its_time_and_reaches_back_to_the_one_before() {
        let style = Style { time_zone: zone(), ..Style::default() };
        let manner = |recap| Manner { outcomes: vec![], style: style.clone(), life: Life::Said, recap };
        let (desk, quiet): (SinkName, SinkName) = ("desk".try_into().unwrap(), "quiet".try_into().unwrap());
        let sinks = [(desk.clone(), manner(Some(schedule(&["13:00", "17:30"], &["mon-fri"])))), (quiet, manner(None))];
        let book = Book { sinks: sinks.into(), style: style.clone(), ..Book::default() };
        let (friday, noon, evening) =
            (at("2026-11-20T22:30:00Z"), at("2026-11-23T18:00:00Z"), at("2026-11-23T22:30:00Z"));
        let first = Due { sink: desk.clone(), from: friday, to: noon };
        let second = Due { sink: desk, from: noon, to: evening };
        let tick = |at| before(at, Duration::from_secs(20));
        assert_eq!(due(&book, tick(tick(noon)), tick(noon)), []);
        assert_eq!(due(&book, tick(noon), noon), std::slice::from_ref(&first));
        assert_eq!(due(&book, noon, after(noon, LOOK)), [], "it is due once");
        assert_eq!(due(&book, before(evening, LATEST), evening), [first, second], "after a night off");
        assert_eq!(due(&book, evening, noon), [], "a clock that was set back");
    }

    /// Rooms with a history in `dir`, and a contacts file that knows one caller.
    fn rooms(dir: &tempfile::TempDir) -> Rooms {
        let people = dir.path().join("people.csv");
        std::fs::write(&people, "name,phone\nAlice Martin,+15145550199\n").unwrap();
        let durability = outbox::Durability::Crash;
        let retention = outbox::Retention::default();
        let settings = outbox::Settings { dir: dir.path().to_owned(), durability, retention };
        let (outbox, _) = outbox::open(settings, Timestamp::now()).unwrap();
        let source = toml::from_str(&format!("type = 'contacts'\npath = '{}'", people.display())).unwrap();
        let (second, no_secrets) = (Duration::from_secs(5), |_: &SecretRef| Err(String::new()));
        let http = reqwest::Client::new();
        let (enricher, _) =
            Enricher::build(&[source], second, &no_secrets, &http, Some(dir.path()), Region::US).unwrap();
        let book = Lectern::new(Book { enricher: Arc::new(enricher), ..Book::default() });
        let recorder = Recorder::new(dir.path());
        Rooms { outbox, book, recorder, board: Board::default(), pulses: Pulses::default() }
    }

    fn missed(started: Timestamp) -> Telling {
        let call = Call {
            id: "a".try_into().unwrap(),
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "1".try_into().unwrap(),
            bound: Bound::Inbound,
            caller: Caller { name: None, number: Number::read(Some("+15145550199"), Region::US) },
            ours: None,
            queues: Vec::new(),
            people: Vec::new(),
            queued: None,
            transfers: Vec::new(),
            answered: None,
            started,
            late: false,
            lost: false,
            revised: None,
            course: crate::model::call::Course::default(),
        };
        let waited = Duration::from_secs(21);
        Telling { call, moment: Moment::Missed { after: waited, why: MissedWhy::Unknown }, at: after(started, waited) }
    }

    #[tokio::test]
    async fn a_recap_is_told_once_whenever_the_daemon_starts_and_says_if_it_is_late() {
        let dir = tempfile::tempdir().unwrap();
        let rooms = rooms(&dir);
        let book = rooms.book.open();
        let desk: SinkName = "desk".try_into().unwrap();
        let to = Timestamp::now();
        let from = before(to, Duration::from_secs(3600));
        let started = before(to, Duration::from_secs(600));
        book.enricher.saw(&missed(started), vec![desk.clone()]);
        let hour = Duration::from_secs(3600);
        let due = Due { sink: desk.clone(), from, to };
        tell_one(&rooms, &book, &due, after(to, hour)).await;
        tell_one(&rooms, &book, &due, after(to, 2 * hour)).await;
        let empty = Due { from: before(from, hour), to: from, ..due };
        tell_one(&rooms, &book, &empty, after(to, hour)).await;
        let waiting = rooms.outbox.waiting(&desk, Timestamp::now(), 9).await.unwrap();
        let [Card::Shift(shift)] = waiting.iter().map(|one| &one.card).collect::<Vec<_>>()[..] else {
            panic!("{waiting:?}")
        };
        assert_eq!((shift.from, shift.to, shift.late, shift.calls, shift.missed), (from, to, true, 1, 1));
        assert_eq!(shift.longest_wait, Some(Duration::from_secs(21)));
        let [caller] = &shift.waiting[..] else { panic!("{shift:?}") };
        assert_eq!((caller.name.as_deref(), caller.times), (Some("Alice Martin"), 1));
        tell_one(&rooms, &book, &Due { from: to, to: after(to, hour), sink: desk.clone() }, after(to, hour)).await;
        assert_eq!(
            rooms.outbox.waiting(&desk, Timestamp::now(), 9).await.unwrap().len(),
            2,
            "a quiet shift is told too"
        );
    }

    #[tokio::test]
    async fn looking_again_and_again_tells_a_recap_once_a_minute_after_its_time_and_a_restart_does_not_tell_it_again() {
        let dir = tempfile::tempdir().unwrap();
        let rooms = rooms(&dir);
        let desk: SinkName = "desk".try_into().unwrap();
        let style = Style { time_zone: zone(), ..Style::default() };
        let recap = Some(schedule(&["17:30"], &[]));
        let manner = Manner { outcomes: vec![], style: style.clone(), life: Life::Said, recap };
        let enricher = Arc::clone(&rooms.book.open().enricher);
        rooms.book.replace(Book { enricher, sinks: [(desk.clone(), manner)].into(), style, ..Book::default() });
        let evening = at("2026-11-23T22:30:00Z");
        rooms.book.open().enricher.saw(&missed(before(evening, Duration::from_secs(3600))), vec![desk.clone()]);
        let pulse = rooms.pulses.join("recaps".to_owned(), Instant::now());
        let told = async || rooms.outbox.waiting(&desk, Timestamp::now(), 9).await.unwrap().len();
        let mut seen = before(evening, Duration::from_secs(40));
        let mut counts = Vec::new();
        for seconds in [20, 40, 59, 61, 80, 100] {
            seen = look(&rooms, &pulse, seen, after(evening, Duration::from_secs(seconds))).await;
            counts.push(told().await);
        }
        assert_eq!(counts, [0, 0, 0, 1, 1, 1]);
        let restarted = after(evening, Duration::from_secs(3000));
        look(&rooms, &pulse, before(restarted, LATEST), restarted).await;
        let waiting = rooms.outbox.waiting(&desk, Timestamp::now(), 9).await.unwrap();
        let shifts = waiting.iter().filter_map(|one| if let Card::Shift(it) = &one.card { Some(it.to) } else { None });
        assert_eq!(shifts.filter(|to| *to == evening).count(), 1);
    }
}
