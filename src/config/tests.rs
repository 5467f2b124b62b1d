//! Tests of the config as written by operators, valid and invalid.

mod hours;
mod problems;
mod sinks;

use super::*;
use crate::{
    cards::CardTemplates,
    model::{
        call::StatusKind,
        delivery::SinkKind,
        phone::{Mask, Region},
    },
};

use std::os::unix::fs::PermissionsExt as _;

const GOOD: &str = r#"
[connections.main]
client_id = "abc"
client_secret = "s3cr3t"
account_keys = ["2930718022414574861"]

[sinks.front-desk]
type = "slack"
url = "https://hooks.slack.com/services/T0/B0/xyz"
"#;

fn read(text: &str) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    load(&path)
}

#[test]
fn secrets_in_a_config_that_all_can_read_are_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let warning = |mode| {
        fs::write(&path, GOOD).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        load(&path).unwrap().warnings.into_iter().find(|it| it.text.contains("chmod o-r"))
    };
    let text = warning(0o644).unwrap().text;
    assert!(text.contains("sinks.front-desk.url") && text.contains("config.toml"), "{text}");
    assert_eq!(warning(0o640), None);
}

#[test]
fn network_proxy_and_ca_are_checked_without_quoting_the_proxy() {
    let with = |table: &str| format!("{GOOD}\n[network]\n{table}\n");
    let config = read(&with("proxy = \"http://me:hush@proxy.example.com:3128\"")).unwrap();
    assert_eq!(config.http.proxy.unwrap().to_string(), "proxy.example.com:3128");
    let found = problems(&with("proxy = \"socks5://me:hush@proxy.example.com\"\nca = \"/nonexistent.pem\""));
    assert!(found.iter().any(|it| it.contains("network.proxy: only http:// and https://")), "{found:?}");
    assert!(found.iter().any(|it| it.contains("network.ca: /nonexistent.pem")), "{found:?}");
    assert!(!found.concat().contains("hush"));
}

#[test]
fn metrics_on_a_public_address_are_a_warning() {
    let with = |listen: &str| format!("{GOOD}\n[metrics]\nlisten = \"{listen}\"\n");
    let warned = |listen: &str| {
        let config = read(&with(listen)).unwrap();
        assert!(config.metrics_listen.is_some());
        config.warnings.iter().any(|it| it.key == "metrics.listen" && it.line.is_some())
    };
    assert!(warned("0.0.0.0:9464") && warned("192.0.2.1:9464"));
    assert!(!warned("127.0.0.1:9464") && !warned("[::1]:9464") && !warned("unix:/run/poprelay/metrics.sock"));
    assert!(problems(&with("9464")).concat().contains("metrics.listen: expected an address"));
    assert_eq!(read(GOOD).unwrap().metrics_listen, None);
}

fn problems(text: &str) -> Vec<String> {
    match read(text).unwrap_err() {
        ConfigError::Invalid { problems, .. } => problems
            .into_iter()
            .map(|p| format!("{}:{}: {}", p.line.map_or_else(String::new, |l| l.to_string()), p.key, p.text))
            .collect(),
        error @ ConfigError::Unreadable { .. } => panic!("{error}"),
    }
}

#[test]
fn minimal_config_gets_the_defaults() {
    let config = read(GOOD).unwrap();
    let connection = &config.connections[0];
    assert_eq!((connection.lanes, connection.region), (2, Region::US));
    assert_eq!(connection.api_url.as_str(), "https://api.goto.com/");
    assert_eq!(connection.auth_url.as_str(), "https://authentication.logmeininc.com/");
    assert_eq!(connection.redirect_uri.as_str(), "http://localhost:5000/app/redirect");
    let sink = &config.sinks[0];
    assert_eq!((sink.kind, sink.pace, sink.mask), (SinkKind::Slack, Some((1.0, 4)), Mask::None));
    assert_eq!(sink.outcomes, [StatusKind::Missed, StatusKind::Voicemail]);
    assert_eq!(config.deadline, Duration::from_millis(800));
    assert!(config.power_loss_safe && config.warnings.is_empty());
}

#[test]
fn example_config_has_every_key_and_is_valid() {
    let text = include_str!("../../config.example.toml");
    read(text).unwrap();
    // The example stays valid with all keys uncommented: each is known.
    let word =
        |line: &str| line.split(" = ").next().is_some_and(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    let key = |line| str::strip_prefix(line, "# ").filter(|r| r.starts_with('[') || (r.contains(" = ") && word(r)));
    let open: String = text.lines().map(|line| format!("{}\n", key(line).unwrap_or(line))).collect();
    let file = parse(&open).unwrap();
    assert_eq!(file.cards.lines.given().count(), 6);
    CardTemplates::compile(file.cards.lines.given()).unwrap();
    assert!(
        file.state.dir.is_some() && file.operator.sink.is_some() && file.sinks.len() == 9 && file.routes.len() == 1
    );
}

#[test]
fn unknown_key_has_line_key_and_suggestion() {
    assert_eq!(problems(&GOOD.replace("url =", "ulr =")), ["9:sinks.front-desk.ulr: unknown key; did you mean `url`?"]);
    assert_eq!(problems(&GOOD.replace("url =", "# ")), ["7:sinks.front-desk.url: missing: the webhook's URL"]);
    assert_eq!(
        problems(&GOOD.replace("client_id", "client-id"))[0],
        "3:connections.main.client-id: unknown key; did you mean `client_id`?"
    );
}

#[test]
fn database_errors_name_key_and_line_and_quote_nothing() {
    let with = |value: &str| format!("{GOOD}\n[state]\ndatabase = {value}\n");
    let url = "\"postgres://pop:hush@calls.example.net/calls\"";
    let config = read(&with(&format!("{{ url = {url} }}"))).unwrap().database.unwrap();
    assert_eq!(config.server.place(), "calls.example.net:5432, database calls, role pop");
    assert_eq!(config.schema, "poprelay");
    let problem = |value: &str| {
        let found = problems(&with(value)).join("\n");
        assert!(!found.contains("hush") && !found.contains("calls.example.net"), "{found}");
        found
    };
    assert!(
        problem("{ url = \"mysql://pop:hush@calls.example.net/calls\" }")
            .contains("state.database.url: expected an URL")
    );
    assert!(problem(&format!("{{ url = {url}, schema = \"My Calls\" }}")).contains("state.database.schema: expected"));
    assert!(problem(&format!("{{ url = {url}, ca = \"/nonexistent.pem\" }}")).contains("state.database.ca: "));
    assert!(problem(&format!("{{ ulr = {url} }}")).contains("state.database"));
    assert!(problem("{ schema = \"poprelay\" }").contains("url"));
}

#[test]
fn pat_excludes_refresh_token_and_requires_client_secret() {
    let with = |line: &str| GOOD.replace("account_keys", &format!("{line}\naccount_keys"));
    assert!(read(&with("pat = \"p4t\"")).unwrap().connections[0].pat.is_some());
    let both = problems(&with("pat = \"p4t\"\nrefresh_token = \"r\""));
    assert_eq!(
        both,
        ["6:connections.main.refresh_token: a connection has either pat or refresh_token. Remove one of them"]
    );
    let public = problems(&with("pat = \"p4t\"").replace("client_secret = \"s3cr3t\"\n", ""));
    assert!(public[0].starts_with("4:connections.main.pat: a personal access token needs client_secret"), "{public:?}");
    assert!(problems(&with("pat = { file = \"/nowhere\" }"))[0].contains("/nowhere cannot be read"));
}

#[test]
fn recap_requires_times_days_and_history() {
    let with = |more: &str| format!("{GOOD}{more}\n");
    let recap = |more: &str| read(&with(more)).unwrap().sinks[0].recap.as_ref().map(ToString::to_string);
    assert_eq!(recap(""), None);
    assert_eq!(recap("recap = \"17:30\"").unwrap(), "at 17:30");
    assert_eq!(recap("recap = [\"17:30\", \"9:00\"]").unwrap(), "at 09:00 and 17:30");
    let table = "recap = { at = [\"17:30\"], days = \"sat-mon\" }";
    assert_eq!(recap(table).unwrap(), "at 17:30 on Mon Sat Sun");
    let latency = |more: &str| read(&with(more)).unwrap().sinks[0].recap_latency;
    assert!(latency("recap = { at = \"17:30\", latency = true }") && !latency(table));
    assert!(recap(&format!("{table}\n[[enrich]]\ntype = \"history\"")).is_some());
    for bad in [
        "recap = \"25:00\"",
        "recap = 17",
        "recap = []",
        "recap = { at = \"17:30\", day = \"mon\" }",
        "recap = { days = \"mon\" }",
        "recap = { at = \"17:30\", days = \"someday\" }",
        "recap = \"17:30\"\n[[enrich]]\ntype = \"history\"\nenabled = false",
    ] {
        let all = problems(&with(bad));
        assert!(all.len() == 1 && all[0].starts_with("10:sinks.front-desk.recap"), "{bad}: {all:?}");
    }
}

#[test]
fn load_reports_all_problems_together() {
    let text = GOOD.replace("client_secret", "lanes = 9\nregion = \"Mars\"\nclient_secret")
        + "[operator]\nsink = \"unknown\"\n";
    let all = problems(&text);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[0].starts_with("4:connections.main.lanes: expected a number from 1 to 4"));
    assert!(all[1].starts_with("5:connections.main.region: unknown region"));
    assert!(all[2].contains("operator.sink: no sink has this name, expected one of front-desk"));
}

#[test]
fn errors_do_not_quote_secrets() {
    for text in [
        GOOD.replace("client_secret = \"s3cr3t\"", "client_secret = [\"s3cr3t\"]"),
        GOOD.replace("client_secret = \"s3cr3t\"", "client_secret = \"s3cr3t"),
        GOOD.replace("client_secret = \"s3cr3t\"", "client_secret = { fil = \"s3cr3t\" }"),
        GOOD.replace("https://hooks.slack.com/services/T0/B0/xyz", "s3cr3t"),
        GOOD.replace("https://hooks.slack.com", "http://s3cr3t.example"),
        GOOD.replace("\"slack\"", "\"s3cr3t\""),
    ] {
        let error = read(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    }
}

#[test]
fn empty_config_error_names_tables_to_add() {
    let all = problems("");
    assert!(
        all[0].contains("add a [connections.main] table") && all[1].contains("add a [sinks.NAME] table"),
        "{all:?}"
    );
}

#[test]
fn missing_file_error_names_the_example() {
    let error = load(Path::new("/nonexistent/config.toml")).unwrap_err();
    assert!(error.to_string().contains("start from config.example.toml"), "{error}");
}

#[test]
fn config_with_all_tables_is_valid() {
    let text = GOOD.to_owned()
        + r#"
[cards]
time_zone = "America/New_York"
[[routes]]
match = { queue = "Support" }
sinks = ["front-desk"]
[[enrich]]
type = "contacts"
path = "/etc/poprelay/contacts.csv"
[[enrich]]
type = "http"
name = "crm"
url = "https://crm.example.com/api/contacts?phone={{ number }}"
headers = { Authorization = "x" }
fields = { name = "/results/0/name", tier = "/results/0/tier", link = "/results/0/url" }
"#;
    let config = read(&text).unwrap();
    assert_eq!(config.enrich.len(), 2);
}

#[test]
fn invalid_template_has_key_and_line() {
    let cards = "[cards]\nfacts = [\"Open tickets\", \"Owner\"]\nshow_sources = false\n[cards.lines]\ntitle = \"{{ sign }} {{ caller.name }}\"\n";
    let config = read(&format!("{GOOD}{cards}")).unwrap();
    assert_eq!((config.style.facts.as_ref().unwrap().len(), config.style.show_sources), (2, false));
    let bad = cards
        .replace("caller.name", "caller.nmae")
        .replace("[\"Open", "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"Open");
    assert_eq!(
        problems(&format!("{GOOD}{bad}")),
        [
            "11:cards.facts: expected at most 10 labels",
            "14:cards.lines.title: unknown variable `caller.nmae`; did you mean `caller.name`?",
        ]
    );
    assert_eq!(
        problems(&format!("{GOOD}{}", cards.replace("title =", "titel ="))),
        ["14:cards.lines.titel: unknown key; did you mean `title`?"]
    );
}

#[test]
fn credential_is_found_beside_the_config_outside_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    fs::write(&path, GOOD.replace("\"s3cr3t\"", "{ credential = \"goto\" }")).unwrap();
    let error = load(&path).unwrap_err().to_string();
    let place = format!("the credential goto cannot be read in {}: No such file", dir.path().display());
    assert!(error.contains(&place), "{error}");
    fs::write(dir.path().join("goto"), "s3cr3t\n").unwrap();
    assert_eq!(load(&path).unwrap().connections[0].client_secret.as_ref().unwrap().expose(), "s3cr3t");
}
