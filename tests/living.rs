//! A call is one message in Slack that becomes what the call becomes: the real daemon against a Web API on loopback, with
//! kills between states, limits, and what a workspace does to a bot.

use crate::support::{Daemon, Home, SOON, config_for, eventually, run_to_end};
use poprelay::sim::{Beat, CallPlan, Face, Line, Message, Party, Settings, World};
use std::time::Duration;

const CHANNEL: &str = "C0LIVING";

async fn world() -> World {
    World::start(Settings::default()).await.unwrap()
}

fn config(world: &World, more: &str) -> String {
    let api = world.slack_api();
    let sink = format!(
        "[sinks.living]\ntype = \"slack-app\"\ntoken = \"xoxb-secret-of-the-bot\"\nchannel = \"{CHANNEL}\"\napi_url = \"{api}\"\n"
    );
    format!("{}\n{sink}{more}\n", config_for(&world.url()))
}

fn alice() -> Party {
    Party::of("ALICE MARTIN", "+15145550199")
}

fn bob() -> Line {
    Line::of("1015", "Bob Roy")
}

/// A call that rings, is answered and ends, at these milliseconds.
fn call(caller: Party, [rings, answers, ends]: [u64; 3]) -> CallPlan {
    let beats = [
        (0, Beat::Comes),
        (rings, Beat::Rings { lines: vec![bob()] }),
        (answers, Beat::Answers { extension: bob().extension }),
        (ends, Beat::HangsUp { extension: None }),
    ];
    CallPlan::of("answered", caller, beats)
}

/// What the channel shows, without replies.
fn messages(world: &World) -> Vec<Message> {
    world.messages().into_iter().filter(|message| message.thread.is_none()).collect()
}

/// The fallback of what a message said, one for each time it changed.
fn titles(message: &Message) -> Vec<String> {
    message
        .said
        .iter()
        .map(|said| said.payload.get("text").and_then(|text| text.as_str()).unwrap_or_default().to_owned())
        .collect()
}

fn newest(message: &Message) -> String {
    titles(message).pop().unwrap_or_default()
}

/// How far a call has come with a title.
fn rank(title: &str) -> u8 {
    match title {
        over if ["Ended:", "Missed:", "Voicemail:"].iter().any(|word| over.contains(word)) => 2,
        answered if answered.contains("Answered:") => 1,
        _ => 0,
    }
}

/// Waits until the only message says `word`.
async fn becomes(world: &World, word: &str) -> Message {
    eventually(&format!("the message says {word}"), SOON, async || {
        let all = messages(world);
        assert!(all.len() <= 1, "{:?}", all.iter().map(newest).collect::<Vec<_>>());
        all.into_iter().find(|message| newest(message).contains(word))
    })
    .await
}

fn is_in_order(message: &Message) {
    let ranks: Vec<u8> = titles(message).iter().map(|title| rank(title)).collect();
    assert!(ranks.is_sorted(), "it went back: {:?}", titles(message));
}

#[tokio::test]
async fn the_length_of_a_message_is_found_in_the_mailbox_where_the_config_wants_that() {
    let world = world().await;
    let config = config(&world, "").replace("[connections.main]", "[connections.main]\nvoicemail = true");
    let mut home = Home::new(&config);
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(CallPlan::voicemail(alice(), &bob(), Face::Party).at_speed(10.0));
    let message = becomes(&world, "Left a message of").await;
    is_in_order(&message);
    assert!(titles(&message).iter().any(|title| title.contains("Went to voicemail")), "{:?}", titles(&message));
    drop(daemon.stop().await);
}

#[tokio::test]
async fn a_call_is_one_message_from_its_ring_to_its_end() {
    let world = world().await;
    let mut home = Home::new(&config(&world, ""));
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(call(alice(), [50, 1500, 3000]));
    let ring = becomes(&world, "ALICE MARTIN").await;
    assert_eq!(rank(&newest(&ring)), 0);
    assert!(becomes(&world, "Answered:").await.said.last().unwrap().payload.to_string().contains("Bob Roy"));
    let over = becomes(&world, "Ended:").await;
    is_in_order(&over);
    let last = &over.said.last().unwrap().payload;
    assert!(last.to_string().contains("Bob Roy (1015) · answered after"), "{last}");
    assert_eq!((over.ts, over.channel.as_str()), (ring.ts, CHANNEL));
    let journal = daemon.stop().await;
    assert!(!journal.contains("xoxb-secret"), "{journal}");
    assert_eq!(messages(&world).len(), 1);
}

#[tokio::test]
async fn what_is_missed_is_said_in_the_thread_too_where_a_channel_wants_to_hear_of_it() {
    let world = world().await;
    let mut home = Home::new(&config(&world, "thread = true"));
    let daemon = home.run();
    daemon.says("lane live").await;
    let mailbox = [
        (0, Beat::Comes),
        (50, Beat::Rings { lines: vec![bob()] }),
        (2500, Beat::Mailbox { face: Face::Party }),
        (4000, Beat::HangsUp { extension: None }),
    ];
    world.place(CallPlan::of("voicemail", alice(), mailbox));
    becomes(&world, "ALICE MARTIN").await;
    let card = eventually("the card is over", SOON, async || {
        messages(&world).into_iter().find(|message| rank(&newest(message)) == 2)
    })
    .await;
    is_in_order(&card);
    let reply = eventually("a reply in its thread", SOON, async || {
        world.messages().into_iter().find(|message| message.thread.as_ref() == Some(&card.ts))
    })
    .await;
    assert_eq!(rank(&newest(&reply)), 2);
    assert!(newest(&reply).contains("ALICE MARTIN") && reply.said[0].payload.get("blocks").is_none());
    drop(daemon.stop().await);
}

#[tokio::test]
async fn a_daemon_that_is_killed_between_states_goes_on_with_the_same_message() {
    let world = world().await;
    let mut home = Home::new(&config(&world, ""));
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(call(alice(), [50, 12_000, 24_000]));
    becomes(&world, "ALICE MARTIN").await;
    settled(&home).await;
    daemon.kill();
    let daemon = home.run();
    becomes(&world, "Answered:").await;
    settled(&home).await;
    daemon.kill();
    let daemon = home.run();
    let over = becomes(&world, "Ended:").await;
    is_in_order(&over);
    drop(daemon.stop().await);
    assert_eq!(messages(&world).len(), 1, "two messages for one call");
}

/// Waits until the store knows where the newest state stands: a kill before that may post it again, and says so.
async fn settled(home: &Home) {
    eventually("the store has settled it", SOON, async || {
        let mut list = home.command(&["outbox", "list", "--json"]);
        let text = String::from_utf8(list.output().unwrap().stdout).unwrap();
        let rows: serde_json::Value = serde_json::from_str(&text).ok()?;
        let is = |row: &serde_json::Value, key, word| row.get(key).is_some_and(|value| value == word);
        let living = rows.as_array()?.iter().find(|row| is(row, "form", "living"))?;
        is(living, "state", "delivered").then_some(())
    })
    .await;
}

#[tokio::test]
async fn under_limits_every_call_is_one_message_and_its_newest_state_wins() {
    let world = world().await;
    world.set_faults(|faults| {
        faults.app.edits_per_minute = Some(12);
        faults.app.burst = 3;
        faults.app.retry_after = 2;
    });
    let mut home = Home::new(&config(&world, ""));
    let daemon = home.run();
    daemon.says("lane live").await;
    for n in 0..12_u64 {
        let caller = Party::of(&format!("CALLER {n}"), &format!("+151455501{n:02}"));
        world.place(call(caller, [20, 2000 + 300 * n, 4000 + 300 * n]));
    }
    let over = eventually("every call's message says how it ended", Duration::from_secs(180), async || {
        let all = messages(&world);
        (all.len() == 12 && all.iter().all(|message| rank(&newest(message)) == 2)).then_some(all)
    })
    .await;
    over.iter().for_each(is_in_order);
    let edits: usize = over.iter().map(|message| message.said.len() - 1).sum();
    assert!(edits < 24, "{edits} edits: states between were queued");
    drop(daemon.stop().await);
    assert_eq!(messages(&world).len(), 12);
}

#[tokio::test]
async fn a_message_that_was_deleted_is_posted_anew_once() {
    let world = world().await;
    let mut home = Home::new(&config(&world, ""));
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(call(alice(), [50, 3000, 6000]));
    let ring = becomes(&world, "ALICE MARTIN").await;
    assert!(world.delete_message(CHANNEL, &ring.ts));
    let left = || messages(&world).into_iter().filter(|message| !message.deleted).collect::<Vec<_>>();
    let anew = eventually("a new message", SOON, async || left().pop()).await;
    assert!(world.delete_message(CHANNEL, &anew.ts));
    daemon.says("card given up").await;
    drop(daemon.stop().await);
    assert_eq!((messages(&world).len(), left().len()), (2, 0));
}

#[tokio::test]
async fn a_bot_that_is_not_invited_is_told_how_and_nobody_else_waits() {
    let world = world().await;
    world.set_faults(|faults| {
        faults.app.uninvited.insert(CHANNEL.to_owned());
    });
    let mut home = Home::new(&config(&world, ""));
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(call(alice(), [50, 1000, 2000]));
    daemon.says("sink disabled").await;
    crate::support::shows(&world, "desk", 1).await;
    world.set_faults(|faults| faults.app.uninvited.clear());
    let journal = daemon.stop().await;
    assert!(journal.contains("not_in_channel"), "{journal}");
    let daemon = home.run();
    becomes(&world, "Ended:").await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn an_answer_that_may_have_succeeded_costs_at_most_one_more_message() {
    let world = world().await;
    world.set_faults(|faults| faults.app.fatal_after_accept = 1.0);
    let mut home = Home::new(&config(&world, ""));
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(call(alice(), [50, 20_000, 25_000]));
    eventually("the post is repeated once", SOON, async || (messages(&world).len() == 2).then_some(())).await;
    daemon.says("card given up").await;
    assert_eq!(messages(&world).len(), 2);
    drop(daemon.stop().await);
}

/// A CRM that takes its time.
async fn slow_crm() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = async || {
        tokio::time::sleep(Duration::from_millis(1800)).await;
        axum::Json(serde_json::json!({ "name": "Alice of the CRM" }))
    };
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn what_a_source_says_after_the_deadline_lands_on_the_message() {
    let world = world().await;
    let crm = slow_crm().await;
    let source = format!(
        "[[enrich]]\ntype = \"http\"\nname = \"crm\"\nurl = \"{crm}?phone={{number}}\"\ntimeout = \"5s\"\nfields = {{ name = \"/name\" }}"
    );
    let mut home = Home::new(&config(&world, &source));
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(call(alice(), [50, 8000, 10_000]));
    let late = becomes(&world, "Alice of the CRM").await;
    assert!(titles(&late)[0].contains("ALICE MARTIN"), "the ring did not wait for it: {:?}", titles(&late));
    assert_eq!(rank(&newest(&late)), 0, "it still rings");
    assert!(newest(&becomes(&world, "Ended:").await).contains("Alice of the CRM"));
    drop(daemon.stop().await);
}

/// Reads a new config into a daemon that runs.
async fn reload(daemon: &Daemon, home: &Home, config: &str) {
    let done = || daemon.journal().matches("INFO config reloaded").count();
    let before = done();
    home.configure(config);
    daemon.signal("-HUP");
    eventually("the reload is carried out", SOON, async || (done() > before).then_some(())).await;
}

#[tokio::test]
async fn a_sink_that_becomes_a_webhook_in_the_midst_of_a_call_tells_what_is_new_there_once() {
    let world = world().await;
    let app = config(&world, "");
    let (others, _) = app.split_once("[sinks.living]").unwrap();
    let hook = format!("{others}[sinks.living]\ntype = \"slack\"\nurl = \"{}/slack/living\"\n", world.url());
    let mut home = Home::new(&app);
    let daemon = home.run();
    daemon.says("lane live").await;
    let missed = [
        (0, Beat::Comes),
        (50, Beat::Rings { lines: vec![bob()] }),
        (6000, Beat::Mailbox { face: Face::Party }),
        (8000, Beat::HangsUp { extension: None }),
    ];
    world.place(CallPlan::of("voicemail", alice(), missed));
    let ring = becomes(&world, "ALICE MARTIN").await;
    settled(&home).await;
    reload(&daemon, &home, &hook).await;
    crate::support::shows(&world, "living", 1).await;
    crate::support::shows(&world, "desk", 2).await;
    drop(daemon.stop().await);
    let left = messages(&world);
    assert_eq!((left.len(), left[0].said.len()), (1, ring.said.len()), "the message stands as it was");
    let told = crate::support::shown(&world, "living");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].to_string().contains("ALICE MARTIN"), "{told:?}");
}

#[tokio::test]
async fn a_sink_that_moves_in_the_midst_of_a_call_leaves_its_message_where_it_stands() {
    let world = world().await;
    let here = config(&world, "");
    let mut home = Home::new(&here);
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(call(alice(), [50, 6000, 8000]));
    let ring = becomes(&world, "ALICE MARTIN").await;
    settled(&home).await;
    reload(&daemon, &home, &here.replace(CHANNEL, "C0MOVED")).await;
    let over = becomes(&world, "Ended:").await;
    assert_eq!((over.ts, over.channel.as_str()), (ring.ts, CHANNEL));
    world.place(call(Party::of("BEA", "+15145550142"), [50, 1000, 2000]));
    eventually("the next call is told in the new channel", SOON, async || {
        messages(&world).into_iter().find(|message| message.channel == "C0MOVED" && newest(message).contains("BEA"))
    })
    .await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn a_message_in_a_channel_that_was_left_is_posted_anew_where_the_sink_is_now() {
    let world = world().await;
    let here = config(&world, "");
    let mut home = Home::new(&here);
    let daemon = home.run();
    daemon.says("lane live").await;
    world.place(call(alice(), [50, 6000, 8000]));
    becomes(&world, "ALICE MARTIN").await;
    settled(&home).await;
    world.set_faults(|faults| {
        faults.app.uninvited.insert(CHANNEL.to_owned());
    });
    reload(&daemon, &home, &here.replace(CHANNEL, "C0MOVED")).await;
    let over = eventually("it goes on in the new channel", SOON, async || {
        messages(&world).into_iter().find(|message| message.channel == "C0MOVED" && newest(message).contains("Ended:"))
    })
    .await;
    is_in_order(&over);
    let journal = daemon.stop().await;
    assert!(!journal.contains("sink disabled"), "{journal}");
    assert_eq!(messages(&world).len(), 2);
}

#[tokio::test]
async fn three_sinks_with_one_token_keep_within_its_limits_together() {
    let world = world().await;
    // Hardly more than one sink's own pace.
    world.set_faults(|faults| faults.app.edits_per_minute = Some(41));
    let one = config(&world, "");
    let (_, sink) = one.split_once("[sinks.living]").unwrap();
    let more = |name: &str| format!("[sinks.{name}]{}", sink.replace(CHANNEL, &format!("C0{}", name.to_uppercase())));
    let mut home = Home::new(&format!("{one}\n{}\n{}", more("second"), more("third")));
    let daemon = home.run();
    daemon.says("lane live").await;
    for n in 0..12_u64 {
        let caller = Party::of(&format!("CALLER {n}"), &format!("+151455501{n:02}"));
        world.place(call(caller, [20, 12_000, 24_000]));
    }
    eventually("every call's messages say how it ended", Duration::from_secs(240), async || {
        let all = messages(&world);
        (all.len() == 36 && all.iter().all(|message| rank(&newest(message)) == 2)).then_some(())
    })
    .await;
    let journal = daemon.stop().await;
    let edits: usize = messages(&world).iter().map(|message| message.said.len() - 1).sum();
    let refused = journal.matches("too many messages").count();
    eprintln!("three sinks with one token: 36 messages, {edits} edits, {refused} refusals seen");
    assert_eq!(refused, 0, "{journal}");
}

#[tokio::test]
async fn a_check_calls_nobody_and_says_how_the_card_lives() {
    let world = world().await;
    let home = Home::new(&config(&world, "thread = true\noutcomes = [\"missed\"]"));
    let (status, out, error) = run_to_end(home.command(&["check"])).await;
    assert!(status.success(), "{error}");
    assert!(out.contains("living: Slack app, one message a call, edited as it moves; in its thread missed"), "{out}");
    assert!(world.requests().is_empty() && world.messages().is_empty());
}
