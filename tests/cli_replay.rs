//! `poprelay replay --sink`: recorded calls rendered as the cards of a sink.

use crate::support::{ALL_OUTCOMES, DaemonDir, TestConfig, run_to_end};
use serde_json::Value;
use std::{fs, path::Path};

const UNREACHABLE_URL: &str = "http://127.0.0.1:9";

fn recording(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls").join(name);
    path.to_str().unwrap().to_owned()
}

/// Prepares a daemon with Chloé Dubois in its contacts and every outcome on the Slack sink.
fn prepare(change: impl FnOnce(TestConfig) -> TestConfig) -> DaemonDir {
    let dir = DaemonDir::new("");
    let contacts = dir.path().join("people.csv");
    fs::write(&contacts, "Name,Company,Phone,Open tickets,Shoe size\nChloé Dubois,Fabrikam,+1 514 555 0142,3,38\n")
        .unwrap();
    let config = change(TestConfig::new(UNREACHABLE_URL).set("sinks.desk", "outcomes", ALL_OUTCOMES));
    dir.write_config(format_args!("{config}[[enrich]]\ntype = \"contacts\"\npath = \"{}\"\n", contacts.display()));
    fs::create_dir_all(dir.state_dir()).unwrap();
    dir
}

/// Returns the payloads of a recording for `sink`, in order.
async fn payloads(dir: &DaemonDir, file: &str, sink: &str, more: &[&str]) -> Vec<Value> {
    let args = [&["replay", file, "--json", "--sink", sink], more].concat();
    let (status, out, err) = run_to_end(dir.command(&args)).await;
    assert!(status.success(), "{out}{err}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn titles(payloads: &[Value]) -> Vec<&str> {
    payloads
        .iter()
        .map(|payload| payload.pointer("/blocks/0/text/text").and_then(|text| text.as_str()).unwrap())
        .collect()
}

#[tokio::test]
async fn replay_renders_recorded_call_like_the_sink() {
    let dir = prepare(|config| config);
    let answered = payloads(&dir, &recording("answered.jsonl"), "desk", &[]).await;
    assert_eq!(titles(&answered), ["📞 Chloé Dubois", "✅ Answered: Chloé Dubois", "✅ Ended: Chloé Dubois"]);
    let ring = answered[0].to_string();
    for text in ["Fabrikam · (514) 555-0142", "Rings Bob Roy (1015)", "Main line", "Called 10:20 EST", "Open tickets"]
    {
        assert!(ring.contains(text), "{text}: {ring}");
    }
    assert!(answered[2].to_string().contains("Talked for 3 min 51 s"), "{}", answered[2]);

    let unanswered = payloads(&dir, &recording("unanswered.jsonl"), "desk", &[]).await;
    assert_eq!(titles(&unanswered), ["📞 Chloé Dubois", "❌ Missed: Chloé Dubois"]);
    assert!(unanswered[1].to_string().contains("nobody answered"), "{}", unanswered[1]);

    let queue = payloads(&dir, &recording("queue.jsonl"), "desk", &[]).await;
    assert_eq!(queue.len(), 3, "a transfer has no separate card");
    for text in ["Bob Roy (1015) answered after 34 s (46 s in all)", "queue Repairs"] {
        assert!(queue[1].to_string().contains(text), "{}", queue[1]);
    }
    let ring = queue[0].to_string();
    assert!(ring.contains("Rings Bob Roy (1015)"), "the ring card comes with the first phone, not in the menu: {ring}");
}

#[tokio::test]
async fn replay_renders_selected_status_even_if_sink_skips_it() {
    let dir = prepare(|config| config);
    let file = recording("answered.jsonl");
    assert_eq!(payloads(&dir, &file, "support", &[]).await.len(), 1, "expected the ring card only");
    let shown = payloads(&dir, &file, "support", &["--status", "ended"]).await;
    assert!(shown.len() == 1 && shown[0].to_string().contains("Ended: Chloé Dubois"), "{shown:?}");
}

#[tokio::test]
async fn replay_prints_text_and_payload_and_stores_nothing() {
    let dir = prepare(|config| config);
    let file = recording("unanswered.jsonl");
    let (status, out, err) = run_to_end(dir.command(&["replay", &file, "--sink", "desk"])).await;
    assert!(status.success(), "{err}");
    assert!(out.starts_with("ringing, to desk\n\n  📞 Chloé Dubois\n  Fabrikam · (514) 555-0142\n"), "{out}");
    assert!(out.contains("\"blocks\": [") && out.contains("missed, to desk\n"), "{out}");
    assert!(out.contains("Last call: none that we know of"), "the recording is in the history: {out}");
    let (_, again, _) = run_to_end(dir.command(&["replay", &file, "--sink", "desk"])).await;
    assert_eq!(out, again);
}

#[tokio::test]
async fn invalid_recording_is_rejected_with_position() {
    let dir = prepare(|config| config);
    let file = dir.path().join("frames");
    let name = file.to_str().unwrap();
    let ring = fs::read_to_string(recording("answered.jsonl")).unwrap();
    let ring = ring.lines().next().unwrap();
    let cases = [
        ("", 65, "no call update in this recording"),
        ("{\"data\":{\"type\":\"x\"}}", 65, "no call update in this recording"),
        (&format!("{ring}\n{{\"secret\""), 65, "frame 2 is not JSON at line 2 column"),
        ("{\"source\":\"call-events\",\"content\":{}}", 65, "frame 1: a call without a readable metadata"),
        (&ring.replace("INBOUND", "OUTBOUND"), 65, "no call update in this recording"),
    ];
    for (text, code, reason) in cases {
        fs::write(&file, text).unwrap();
        let (status, out, err) = run_to_end(dir.command(&["replay", name, "--sink", "desk"])).await;
        assert_eq!((status.code(), out.as_str()), (Some(code), ""), "{text}: {err}");
        assert!(err.contains(reason) && !err.contains("secret"), "{text}: {err}");
    }
    fs::write(&file, ring).unwrap();
    let (status, _, err) = run_to_end(dir.command(&["replay", name, "--sink", "unknown"])).await;
    assert_eq!(status.code(), Some(64), "{err}");
    assert!(err.contains("expected one of desk, support"), "{err}");
    let args = ["replay", name, "--sink", "desk", "--status", "missed"];
    let (status, _, err) = run_to_end(dir.command(&args)).await;
    assert_eq!(status.code(), Some(65), "{err}");
    assert!(err.contains("the recording has ringing"), "{err}");
}

#[tokio::test]
async fn replay_uses_configured_lines_facts_and_hidden_sources() {
    let dir = prepare(|config| {
        config.set("cards", "facts", "[\"Open tickets\"]").set("cards", "show_sources", false).text(
            "cards.lines",
            "title",
            "{{ sign }} {{ caller.name }} of {{ caller.company }} <!here>",
        )
    });
    let drawn = payloads(&dir, &recording("answered.jsonl"), "desk", &["--status", "ringing"]).await;
    assert_eq!(titles(&drawn), ["📞 Chloé Dubois of Fabrikam ‹!here›"]);
    let text = drawn[0].to_string();
    assert!(text.contains("Open tickets") && !text.contains("Shoe size") && !text.contains("found by"), "{text}");
    dir.write_config(TestConfig::new(UNREACHABLE_URL).text("cards.lines", "dialed", "{{ cal }}"));
    let (status, _, err) = run_to_end(dir.command(&["check"])).await;
    assert_eq!(status.code(), Some(78), "{err}");
    assert!(err.contains("cards.lines.dialed: unknown variable `cal`; did you mean `"), "{err}");
}

#[tokio::test]
async fn replay_page_loads_nothing_and_escapes_external_text() {
    let hostile = "</script><img src=x onerror=alert(1)><!--";
    let dir = prepare(|config| config.text("cards.lines", "title", format!("{{{{ caller.name }}}} {hostile}")));
    for sink in ["desk", "support"] {
        let args = ["replay", &recording("answered.jsonl"), "--page", "--sink", sink];
        let (status, page, err) = run_to_end(dir.command(&args)).await;
        assert!(status.success(), "{err}");
        let (_, given) = page.split_once("<script type=\"application/json\" id=\"given\">").unwrap();
        let (given, script) = given.split_once("</script>").unwrap();
        assert!(!given.contains(['<', '>', '&']), "{given}");
        let given: Value = serde_json::from_str(given).unwrap();
        let cards = given["cards"].as_array().unwrap();
        let statuses: Vec<_> = cards.iter().map(|card| card["note"].as_str().unwrap()).collect();
        let expected: &[&str] = if sink == "desk" { &["ringing", "answered", "ended"] } else { &["ringing"] };
        assert_eq!(statuses, expected);
        let payloads = payloads(&dir, &recording("answered.jsonl"), sink, &[]).await;
        assert!(cards.iter().map(|card| &card["payload"]).eq(&payloads), "{given}");
        let (head, _) = page.split_once("<script").unwrap();
        for reference in ["src=", "href=", "url(", "@import", "<link", "<img", "<iframe", "<base", "http:", "https:/"] {
            assert!(!head.contains(reference), "{reference}");
        }
        assert_eq!(page.matches("<script").count(), 2, "expected the cards and the renderer only");
        assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"));
        assert!(script.contains("if (given) return make(\"span\", \"link\""), "links are active");
    }
}

#[tokio::test]
async fn simulator_page_contains_no_cards() {
    let page = include_str!("../src/sim/page.html");
    assert_eq!((page.matches("<!-- given -->").count(), page.contains("id=\"given\"")), (1, false));
    assert_eq!(page.matches("<meta charset=\"utf-8\">").count(), 1, "the content policy of a printed page goes here");
}
