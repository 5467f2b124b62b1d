use super::*;
use std::time::Duration;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Creates metrics in which each family has a value.
fn filled() -> Metrics {
    let metrics = Metrics::new(at(1_800_000_000));
    let (sink, connection, source) = (metrics.sink("desk"), metrics.connection("main"), metrics.source("crm"));
    sink.post(Some(200), Duration::from_millis(30));
    sink.card_times("ringing", Some(at(100)), at(100), at(101));
    metrics.socket_mode("desk").sockets(1, 2);
    source.lookup(LookupResult::Found, Duration::from_millis(3));
    connection.request("/call-events/v1/subscriptions", Some(207));
    connection.last_event(at(100));
    connection.refresh_token(at(100), Duration::from_secs(30 * 86_400));
    let daemon = metrics.daemon();
    daemon.config_info.set(&["0123456789ab"], 1.0);
    for gauge in [&daemon.login_up, &daemon.fallback, &daemon.clock_offset] {
        gauge.set(&["main"], 1.0);
    }
    daemon.lane_up.set(&["main", "0"], 1.0);
    for gauge in [&daemon.sink_up, &daemon.outbox_cards, &daemon.outbox_oldest, &daemon.sink_owned] {
        gauge.set(&["desk"], 1.0);
    }
    daemon.store_in_memory.set(&[], 0.0);
    daemon.database_up.set(&[], 1.0);
    daemon.daemons.set(&[], 2.0);
    metrics
}

/// Returns the names and types of a text in Prometheus' format.
fn types(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

#[test]
fn catalog_lists_exactly_the_exported_metrics() {
    let metrics = filled();
    let text = metrics.encode(ExpositionFormat::Prometheus).unwrap();
    let listed: BTreeMap<&str, &str> = metrics.catalog().iter().map(|one| (one.name.as_str(), one.kind)).collect();
    assert_eq!(listed.len(), metrics.catalog().len(), "two metrics have one name");
    assert_eq!(types(&text), listed);
}

#[test]
fn exported_text_names_units_and_labels() {
    let text = filled().encode(ExpositionFormat::Prometheus).unwrap();
    for line in [
        "poprelay_posts_total{sink=\"desk\",response=\"2xx\"} 1",
        "poprelay_posts_total{sink=\"desk\",response=\"429\"} 0",
        "poprelay_card_delay_seconds_bucket{sink=\"desk\",status=\"ringing\",le=\"1\"} 1",
        "poprelay_card_delay_seconds_sum{sink=\"desk\",status=\"ringing\"} 1.0",
        "poprelay_goto_requests_total{connection=\"main\",endpoint=\"call-events\",response=\"2xx\"} 1",
        "poprelay_refresh_token_expiry_timestamp_seconds{connection=\"main\"} 2592100.0",
        "poprelay_lookups_total{source=\"crm\",result=\"found\"} 1",
        "poprelay_slack_sockets{sink=\"desk\",state=\"reported\"} 2.0",
        "poprelay_presses_total{sink=\"desk\",result=\"applied\"} 0",
        "poprelay_process_start_time_seconds 1800000000.0",
        "poprelay_store_in_memory 0.0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn openmetrics_text_ends_with_eof() {
    assert!(filled().encode(ExpositionFormat::OpenMetrics).unwrap().ends_with("# EOF\n"));
    assert_eq!(
        ExpositionFormat::by_accept("application/openmetrics-text;version=1.0.0,text/plain"),
        ExpositionFormat::OpenMetrics
    );
    assert_eq!(ExpositionFormat::by_accept("*/*"), ExpositionFormat::Prometheus);
}

#[test]
fn call_to_card_uses_gotos_clock() {
    let metrics = Metrics::new(at(0));
    let sink = metrics.sink("desk");
    metrics.set_clock_offset(SignedDuration::from_secs(-60));
    // By the local clock 61 s, by GoTo's one second.
    sink.card_times("ringing", None, at(1000), at(1061));
    let latency = metrics.latency("desk", at(1061)).unwrap();
    assert!((0.9..1.1).contains(&latency.p50), "{latency:?}");
    assert_eq!(metrics.latency("other", at(1061)), None);
}
