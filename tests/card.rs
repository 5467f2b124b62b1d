//! Recorded calls as the cards that a sink would get of them.

use crate::support::{Home, config_for, run_to_end};
use serde_json::Value;
use std::{fs, path::Path};

const NOWHERE: &str = "http://127.0.0.1:9";

fn recording(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls").join(name);
    path.to_str().unwrap().to_owned()
}

/// A home whose contacts know Chloé Dubois and tell of every moment.
fn home(more: &str) -> Home {
    let home = Home::new("");
    let contacts = home.path().join("people.csv");
    fs::write(&contacts, "Name,Company,Phone,Open tickets,Shoe size\nChloé Dubois,Fabrikam,+1 514 555 0142,3,38\n")
        .unwrap();
    let sink = "type = \"slack\"\noutcomes = [\"answered\", \"missed\", \"voicemail\", \"ended\"]";
    let config = config_for(NOWHERE).replace("type = \"slack\"", sink);
    let config = config.replace("[sinks.desk]", &format!("{more}\n[sinks.desk]"));
    let table = format!("[[enrich]]\ntype = \"contacts\"\npath = \"{}\"\n", contacts.display());
    home.configure(&(config + &table));
    fs::create_dir_all(home.state()).unwrap();
    home
}

/// The payloads of a recording for `sink`, in their order.
async fn payloads(home: &Home, file: &str, sink: &str, more: &[&str]) -> Vec<Value> {
    let args = [&["card", "--json", "--event", file, "--sink", sink], more].concat();
    let (status, out, err) = run_to_end(home.command(&args)).await;
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
async fn a_recorded_call_is_drawn_as_the_sink_would_get_it() {
    let home = home("");
    let answered = payloads(&home, &recording("answered.jsonl"), "desk", &[]).await;
    assert_eq!(titles(&answered), ["📞 Chloé Dubois", "✅ Answered: Chloé Dubois", "✅ Ended: Chloé Dubois"]);
    let ring = answered[0].to_string();
    for said in ["Fabrikam · (514) 555-0142", "Rings Bob Roy (1015)", "Main line", "Called 10:20 EST", "Open tickets"]
    {
        assert!(ring.contains(said), "{said}: {ring}");
    }
    assert!(answered[2].to_string().contains("Talked for 3 min 51 s"), "{}", answered[2]);

    let unanswered = payloads(&home, &recording("unanswered.jsonl"), "desk", &[]).await;
    assert_eq!(titles(&unanswered), ["📞 Chloé Dubois", "❌ Missed: Chloé Dubois"]);
    assert!(unanswered[1].to_string().contains("nobody answered"), "{}", unanswered[1]);

    let queue = payloads(&home, &recording("queue.jsonl"), "desk", &[]).await;
    assert_eq!(queue.len(), 3, "a transfer is no card of its own");
    for said in ["Bob Roy (1015) answered after 45 s", "queue Repairs"] {
        assert!(queue[1].to_string().contains(said), "{}", queue[1]);
    }
    assert!(!queue[0].to_string().contains("Repairs"), "it rings while the caller stands in the menu: {}", queue[0]);
}

#[tokio::test]
async fn one_moment_is_shown_even_where_the_sink_is_not_told_of_it() {
    let home = home("");
    let file = recording("answered.jsonl");
    assert_eq!(payloads(&home, &file, "support", &[]).await.len(), 1, "the ring alone");
    let shown = payloads(&home, &file, "support", &["--moment", "ended"]).await;
    assert!(shown.len() == 1 && shown[0].to_string().contains("Ended: Chloé Dubois"), "{shown:?}");
}

#[tokio::test]
async fn a_person_reads_the_card_and_its_payload_and_nothing_is_kept() {
    let home = home("");
    let file = recording("unanswered.jsonl");
    let (status, out, err) = run_to_end(home.command(&["card", "--event", &file, "--sink", "desk"])).await;
    assert!(status.success(), "{err}");
    assert!(out.starts_with("ringing, to desk\n\n  📞 Chloé Dubois\n  Fabrikam · (514) 555-0142\n"), "{out}");
    assert!(out.contains("\"blocks\": [") && out.contains("missed, to desk\n"), "{out}");
    assert!(out.contains("Last call: none that we know of"), "the recording is not remembered: {out}");
    let (_, again, _) = run_to_end(home.command(&["card", "--event", &file, "--sink", "desk"])).await;
    assert_eq!(out, again);
}

#[tokio::test]
async fn what_is_no_recording_is_told_with_its_place() {
    let home = home("");
    let file = home.path().join("frames");
    let name = file.to_str().unwrap();
    let ring = fs::read_to_string(recording("answered.jsonl")).unwrap();
    let ring = ring.lines().next().unwrap();
    let cases = [
        ("", 65, "nothing in it is told"),
        ("{\"data\":{\"type\":\"x\"}}", 65, "nothing in it is told"),
        (&format!("{ring}\n{{\"secret\""), 65, "frame 2 is not JSON at line 2 column"),
        ("{\"source\":\"call-events\",\"content\":{}}", 65, "frame 1: a call without a readable metadata"),
        (&ring.replace("INBOUND", "OUTBOUND"), 65, "nothing in it is told"),
    ];
    for (text, code, why) in cases {
        fs::write(&file, text).unwrap();
        let (status, out, err) = run_to_end(home.command(&["card", "--event", name, "--sink", "desk"])).await;
        assert_eq!((status.code(), out.as_str()), (Some(code), ""), "{text}: {err}");
        assert!(err.contains(why) && !err.contains("secret"), "{text}: {err}");
    }
    fs::write(&file, ring).unwrap();
    let (status, _, err) = run_to_end(home.command(&["card", "--event", name, "--sink", "nobody"])).await;
    assert_eq!(status.code(), Some(64), "{err}");
    assert!(err.contains("there are desk, support"), "{err}");
    let args = ["card", "--event", name, "--sink", "desk", "--moment", "missed"];
    let (status, _, err) = run_to_end(home.command(&args)).await;
    assert_eq!(status.code(), Some(65), "{err}");
    assert!(err.contains("the recording has ringing"), "{err}");
}

#[tokio::test]
async fn the_operators_words_facts_and_silence_are_on_the_card() {
    let words = "facts = [\"Open tickets\"]\nwhy = false\n[cards.lines]\ntitle = \"{{ sign }} {{ caller.name }} of {{ caller.company }} <!here>\"";
    let home = home(words);
    let drawn = payloads(&home, &recording("answered.jsonl"), "desk", &["--moment", "ringing"]).await;
    assert_eq!(titles(&drawn), ["📞 Chloé Dubois of Fabrikam ‹!here›"]);
    let text = drawn[0].to_string();
    assert!(text.contains("Open tickets") && !text.contains("Shoe size") && !text.contains("found by"), "{text}");
    home.configure(&config_for(NOWHERE).replace("[cards]", "[cards.lines]\ncalled = \"{{ cal }}\"\n[cards]"));
    let (status, _, err) = run_to_end(home.command(&["check"])).await;
    assert_eq!(status.code(), Some(78), "{err}");
    assert!(err.contains("cards.lines.called: no card has `cal`; did you mean `"), "{err}");
}

#[tokio::test]
async fn a_page_shows_the_cards_loads_nothing_and_keeps_strangers_text_inert() {
    let hostile = "</script><img src=x onerror=alert(1)><!--";
    let words = format!("[cards.lines]\ntitle = \"{{{{ caller.name }}}} {hostile}\"");
    let home = home(&words);
    for sink in ["desk", "support"] {
        let args = ["card", "--page", "--event", &recording("answered.jsonl"), "--sink", sink];
        let (status, page, err) = run_to_end(home.command(&args)).await;
        assert!(status.success(), "{err}");
        let (_, given) = page.split_once("<script type=\"application/json\" id=\"given\">").unwrap();
        let (given, script) = given.split_once("</script>").unwrap();
        assert!(!given.contains(['<', '>', '&']), "{given}");
        let given: Value = serde_json::from_str(given).unwrap();
        let cards = given["cards"].as_array().unwrap();
        let moments: Vec<_> = cards.iter().map(|card| card["note"].as_str().unwrap()).collect();
        let expected: &[&str] = if sink == "desk" { &["ringing", "answered", "ended"] } else { &["ringing"] };
        assert_eq!(moments, expected);
        let payloads = payloads(&home, &recording("answered.jsonl"), sink, &[]).await;
        assert!(cards.iter().map(|card| &card["payload"]).eq(&payloads), "{given}");
        let (head, _) = page.split_once("<script").unwrap();
        for loads in ["src=", "href=", "url(", "@import", "<link", "<img", "<iframe", "<base", "http:", "https:/"] {
            assert!(!head.contains(loads), "{loads}");
        }
        assert_eq!(page.matches("<script").count(), 2, "the cards and what draws them");
        assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"));
        assert!(script.contains("if (given) return make(\"span\", \"link\""), "no link leads anywhere");
    }
}

#[tokio::test]
async fn the_simulators_own_page_has_no_cards_in_it() {
    let page = include_str!("../src/sim/page.html");
    assert_eq!((page.matches("<!-- given -->").count(), page.contains("id=\"given\"")), (1, false));
    assert_eq!(page.matches("<meta charset=\"utf-8\">").count(), 1, "where the policy of a printed page goes");
}
