//! Reads the recorded calls, with a table of the expected text of each. Does not replay them.

use super::Recorded;
use crate::{
    goto::wire::{self, Frame, Reader},
    model::phone::Region,
};
use std::{fs, path::PathBuf};

/// Expected text of each call: its rings (of the phone stage) and its end.
const CALLS: [(&str, &[&str], &str); 16] = [
    (
        "direct-answered",
        &["0.1 phone rings Nadia Okafor"],
        "ended · with Nadia Okafor 161 s after 6 s · caller hung up",
    ),
    (
        "direct-voicemail",
        &["0.1 phone rings Nadia Okafor"],
        "voicemail · message 24 s for Nadia Okafor · rang Nadia Okafor · callback",
    ),
    (
        "direct-voicemail-failed",
        &["0.1 phone rings Nadia Okafor"],
        "missed · no message for Nadia Okafor · NobodyAnswered after 26 s · rang Nadia Okafor · callback",
    ),
    (
        "menu-ring-group-answered",
        &["13.4 phone rings Priya Raman, Jonas Ekholm"],
        "ended · with Priya Raman 184 s after 8 s · Priya Raman hung up",
    ),
    (
        "menu-queue-answered",
        &["30.6 phone rings Priya Raman in Support"],
        "ended · with Priya Raman 374 s after 10 s in Support · caller hung up · recorded",
    ),
    (
        "menu-extension-voicemail",
        &["12.5 phone rings Tomasz Wilk"],
        "voicemail · message 35 s for Tomasz Wilk · rang Tomasz Wilk · callback",
    ),
    (
        "direct-transfer-then-voicemail",
        &[
            "38.9 phone rings Marisol Vega in Front desk",
            "61.0 phone rings Ewan Blackwood in Front desk from Marisol Vega",
        ],
        "voicemail · with Marisol Vega 17 s held 2 s after 3 s in Front desk · handed on to Ewan Blackwood, no answer in \
         20 s · message 35 s for Ewan Blackwood · callback",
    ),
    (
        "direct-transfer-to-queue",
        &["13.6 phone rings Jonas Ekholm, Nadia Okafor", "63.0 phone rings Priya Raman in Support from Jonas Ekholm"],
        "ended · with Jonas Ekholm 38 s held 3 s after 8 s · with Priya Raman 306 s after 3 s in Support · caller hung up",
    ),
    (
        "warm-transfer-answered",
        &["7.2 phone rings Marisol Vega in Sales", "82.8 phone rings Jonas Ekholm in Sales from Marisol Vega"],
        "ended · with Marisol Vega 64 s held 6 s after 5 s in Sales · with Jonas Ekholm 141 s after 5 s · Jonas Ekholm hung up",
    ),
    ("staff-to-staff", &["0.1 phone rings Priya Raman"], "internal · ended · with Priya Raman 241 s after 5 s"),
    (
        "outbound-answered",
        &["0.4 phone rings Lucía Fernández"],
        "outbound · ended · with Lucía Fernández 257 s after 20 s",
    ),
    (
        "outbound-no-answer",
        &["0.1 phone rings Lucía Fernández"],
        "outbound · missed · NobodyAnswered after 24 s · gave up in Phone after 24 s",
    ),
    (
        "anonymous-missed",
        &["0.1 phone rings Nadia Okafor"],
        "missed · NobodyAnswered after 18 s · rang Nadia Okafor · gave up in Phone after 18 s · callback",
    ),
    ("menu-hang-up", &[], "missed · LeftMenu after 9 s · gave up in Menu after 9 s · menu only"),
    (
        "queue-abandon",
        &["13.0 phone rings Nadia Okafor, Jonas Ekholm, Marisol Vega in Sales"],
        "missed · LeftQueue after 60 s · rang Nadia Okafor, Jonas Ekholm, Marisol Vega · gave up in Queue Sales after 47 s \
         · callback",
    ),
    (
        "menu-forwarded-outside",
        &["2.0 phone forwarded to +14165550199"],
        "ended · with outside +14165550199 274 s after 1 s · caller hung up",
    ),
];

fn reader() -> Reader {
    Reader { connection: "main".try_into().unwrap(), region: Region::US }
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/calls/real").join(name)
}

/// Reads the recorded calls.
pub(super) fn recorded() -> Vec<Recorded> {
    let load = |(name, rings, end): (&'static str, &'static [&'static str], &'static str)| {
        let text = fs::read_to_string(file(&format!("{name}.jsonl"))).unwrap();
        let frames: Vec<Frame> = text.lines().map(|line| wire::frame(line, &reader()).unwrap()).collect();
        let epoch = frames.iter().find_map(|frame| match frame {
            Frame::Call(event) => event.created_at,
            _ => None,
        });
        let read = |kind: &str| -> Vec<Vec<u8>> {
            [format!("{name}.{kind}.json"), format!("{name}.2.{kind}.json")]
                .iter()
                .filter_map(|it| fs::read(file(it)).ok())
                .collect()
        };
        let reports = read("report").iter().map(|body| wire::report(body, &reader()).unwrap()).collect();
        let page = |body: &Vec<u8>| [br#"{"items":["#.as_slice(), body, b"]}"].concat();
        let summaries =
            read("summary").iter().map(|body| wire::summaries(&page(body), &reader()).unwrap().0.remove(0)).collect();
        Recorded { name, epoch: epoch.unwrap(), frames, reports, summaries, rings, end }
    };
    CALLS.into_iter().map(load).collect()
}
