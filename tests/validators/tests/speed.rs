use poprelay::cards::draw; use poprelay::model::{card::Card, delivery::SinkKind, phone::Mask}; use validators::{cards, slack, teams};
#[test] fn speed() {
    let all = cards::all(); println!("{}", all.len());
    for kind in [SinkKind::Slack, SinkKind::Teams] {
        let t = std::time::Instant::now();
        let bodies: Vec<String> = all.iter().map(|(_, c)| draw(kind, &[c], &cards::style(Mask::None), cards::now(), false).body).collect();
        println!("{kind:?} draw {:?} each", t.elapsed() / all.len() as u32);
        let vals: Vec<serde_json::Value> = bodies.iter().map(|b| serde_json::from_str(b).unwrap()).collect();
        let t = std::time::Instant::now();
        for v in &vals { if kind == SinkKind::Slack { slack::faults(v); } else { teams::faults(v); } }
        println!("{kind:?} check {:?} each", t.elapsed() / all.len() as u32);
    }
    let b = cards::gallery(); let c: Vec<&Card> = b[0].cards.iter().collect(); let st = cards::style(Mask::None);
    let t = std::time::Instant::now(); for _ in 0..500 { draw(SinkKind::Slack, &c, &st, cards::now(), false); } println!("one {:?}", t.elapsed()/500);
}
