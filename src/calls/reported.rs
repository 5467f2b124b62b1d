//! A call that was never heard of, as its report alone tells it: for the time after a blind window.

use super::{
    bound::of_report,
    snapshot::Place,
    verdict::{Verdict, read},
};
use crate::model::{
    call::{Call, CallDirection, CallStatus, CallUpdate, Caller, MissedReason, Report},
    phone::PhoneNumber,
    time::{Timestamp, elapsed},
};

/// The last moment of a reported call; `None` if nobody can tell which way it went. `clock` stands in for missing times.
#[must_use]
pub fn reported(report: &Report, clock: Timestamp) -> Option<CallUpdate> {
    let bound = of_report(report)?;
    // As it stands: a blind window may be days long, which a live snapshot's time may not.
    let at = report.ended_at.unwrap_or(clock);
    let started = report.created_at.unwrap_or(at);
    let missed = |why| CallStatus::Missed { waited: elapsed(started, at), reason: why };
    let moment = match read(report) {
        Verdict::Talked { lasted } => CallStatus::Ended { talk_time: lasted },
        Verdict::Left(_) if bound != CallDirection::Inbound => missed(MissedReason::NobodyAnswered),
        Verdict::Voicemail => CallStatus::Voicemail { duration: None },
        Verdict::Left(Some(Place::Queue)) => missed(MissedReason::LeftQueue),
        Verdict::Left(Some(Place::Menu)) => missed(MissedReason::LeftMenu),
        Verdict::Left(_) if report.people.is_empty() => missed(MissedReason::Unknown),
        Verdict::Left(_) => missed(MissedReason::NobodyAnswered),
    };
    let call = Call {
        id: report.call.clone(),
        connection: report.connection.clone(),
        region: report.region,
        account: report.account.clone(),
        direction: bound,
        caller: report.caller.clone().unwrap_or(Caller { name: None, number: PhoneNumber::Withheld }),
        account_number: None,
        queues: Vec::new(),
        people: report.people.clone(),
        transfers: Vec::new(),
        answered_at: None,
        queued_at: None,
        started_at: started,
        first_seen_late: true,
        end_unknown: false,
        revision: None,
    };
    Some(CallUpdate { call, status: moment, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{CallDirection, Person, StatusKind, WireDirection},
        phone::Region,
    };

    fn report(outcome: &str, answered: bool) -> Report {
        let at = |text: &str| Some(text.parse().unwrap());
        Report {
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "1".try_into().unwrap(),
            call: "c".try_into().unwrap(),
            direction: WireDirection::Inbound,
            created_at: at("2026-05-01T15:00:00Z"),
            answered_at: at("2026-05-01T15:00:10Z").filter(|_| answered),
            ended_at: at("2026-05-01T15:00:48Z"),
            caller: None,
            outcome: Some(outcome.to_owned()),
            people: vec![Person { name: Some("Bob".into()), extension: None, line: None }],
        }
    }

    #[test]
    fn a_report_alone_tells_how_a_call_ended() {
        let told = |outcome, answered| reported(&report(outcome, answered), Timestamp::now()).unwrap();
        assert_eq!(
            told("NORMAL", true).status,
            CallStatus::Ended { talk_time: Some(std::time::Duration::from_secs(38)) }
        );
        assert_eq!(told("LEFT_VOICEMAIL", false).status.kind(), StatusKind::Voicemail);
        let missed =
            CallStatus::Missed { waited: std::time::Duration::from_secs(48), reason: MissedReason::NobodyAnswered };
        assert_eq!(told("NORMAL", false).status, missed);
        assert_eq!(told("NORMAL", false).at, "2026-05-01T15:00:48Z".parse().unwrap());
    }

    #[test]
    fn a_report_says_which_way_its_call_went() {
        let of = |direction, number| {
            let caller = Some(Caller { name: None, number: PhoneNumber::parse(number, Region::US) });
            let report = Report { direction, caller, ..report("NORMAL", true) };
            reported(&report, Timestamp::now()).map(|told| told.call.direction)
        };
        let unsaid = || WireDirection::Other(String::new());
        assert_eq!(of(WireDirection::Outbound, Some("+15145550188")), Some(CallDirection::Outbound));
        assert_eq!(of(WireDirection::Outbound, Some("1015")), Some(CallDirection::Internal));
        assert_eq!(of(unsaid(), Some("1015")), Some(CallDirection::Internal));
        assert_eq!(of(unsaid(), Some("+15145550188")), Some(CallDirection::Inbound));
        assert_eq!(of(unsaid(), None), None);
    }
}
