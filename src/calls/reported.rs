//! A call that was never heard of, as its report alone tells it: for the time after a blind window.

use super::{
    bound::of_report,
    snapshot::Place,
    verdict::{Verdict, read},
};
use crate::model::{
    call::{Bound, Call, Caller, MissedWhy, Moment, Report, Telling},
    phone::Number,
    time::{Timestamp, elapsed},
};

/// The last moment of a reported call; `None` if nobody can tell which way it went. `clock` stands in for missing times.
#[must_use]
pub fn reported(report: &Report, clock: Timestamp) -> Option<Telling> {
    let bound = of_report(report)?;
    // As it stands: a blind window may be days long, which a live snapshot's time may not.
    let at = report.ended.unwrap_or(clock);
    let started = report.created.unwrap_or(at);
    let missed = |why| Moment::Missed { after: elapsed(started, at), why };
    let moment = match read(report) {
        Verdict::Talked { lasted } => Moment::Ended { lasted },
        Verdict::Left(_) if bound != Bound::Inbound => missed(MissedWhy::NobodyAnswered),
        Verdict::Voicemail => Moment::Voicemail { length: None },
        Verdict::Left(Some(Place::Queue)) => missed(MissedWhy::LeftQueue),
        Verdict::Left(Some(Place::Menu)) => missed(MissedWhy::LeftMenu),
        Verdict::Left(_) if report.people.is_empty() => missed(MissedWhy::Unknown),
        Verdict::Left(_) => missed(MissedWhy::NobodyAnswered),
    };
    let call = Call {
        id: report.call.clone(),
        connection: report.connection.clone(),
        region: report.region,
        account: report.account.clone(),
        bound,
        caller: report.caller.clone().unwrap_or(Caller { name: None, number: Number::Withheld }),
        ours: None,
        queues: Vec::new(),
        people: report.people.clone(),
        transfers: Vec::new(),
        answered: None,
        queued: None,
        started,
        late: true,
        lost: false,
        revised: None,
    };
    Some(Telling { call, moment, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{Bound, Direction, MomentKind, Person},
        phone::Region,
    };

    fn report(outcome: &str, answered: bool) -> Report {
        let at = |text: &str| Some(text.parse().unwrap());
        Report {
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "1".try_into().unwrap(),
            call: "c".try_into().unwrap(),
            direction: Direction::Inbound,
            created: at("2026-05-01T15:00:00Z"),
            answered: at("2026-05-01T15:00:10Z").filter(|_| answered),
            ended: at("2026-05-01T15:00:48Z"),
            caller: None,
            outcome: Some(outcome.to_owned()),
            people: vec![Person { name: Some("Bob".into()), extension: None, line: None }],
        }
    }

    #[test]
    fn a_report_alone_tells_how_a_call_ended() {
        let told = |outcome, answered| reported(&report(outcome, answered), Timestamp::now()).unwrap();
        assert_eq!(told("NORMAL", true).moment, Moment::Ended { lasted: Some(std::time::Duration::from_secs(38)) });
        assert_eq!(told("LEFT_VOICEMAIL", false).moment.kind(), MomentKind::Voicemail);
        let missed = Moment::Missed { after: std::time::Duration::from_secs(48), why: MissedWhy::NobodyAnswered };
        assert_eq!(told("NORMAL", false).moment, missed);
        assert_eq!(told("NORMAL", false).at, "2026-05-01T15:00:48Z".parse().unwrap());
    }

    #[test]
    fn a_report_says_which_way_its_call_went() {
        let of = |direction, number| {
            let caller = Some(Caller { name: None, number: Number::read(number, Region::US) });
            let report = Report { direction, caller, ..report("NORMAL", true) };
            reported(&report, Timestamp::now()).map(|told| told.call.bound)
        };
        let unsaid = || Direction::Other(String::new());
        assert_eq!(of(Direction::Outbound, Some("+15145550188")), Some(Bound::Outbound));
        assert_eq!(of(Direction::Outbound, Some("1015")), Some(Bound::Internal));
        assert_eq!(of(unsaid(), Some("1015")), Some(Bound::Internal));
        assert_eq!(of(unsaid(), Some("+15145550188")), Some(Bound::Inbound));
        assert_eq!(of(unsaid(), None), None);
    }
}
