//! Tests of the config as written by operators, valid and invalid.

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

const APP: &str = r#"
[sinks.sales]
type = "slack-app"
token = "xoxb-s3cr3t"
channel = "C0123ABCD"
"#;

#[test]
fn slack_app_requires_token_and_channel_without_webhook() {
    let config = read(&format!("{GOOD}{APP}")).unwrap();
    let sink = config.sinks.iter().find(|sink| sink.name.as_str() == "sales").unwrap();
    assert_eq!(
        (sink.kind, sink.url.expose(), sink.reply_in_thread),
        (SinkKind::SlackApp, "https://slack.com/api/", false)
    );
    assert_eq!(sink.app.as_ref().map(|app| app.channel.as_str()), Some("C0123ABCD"));
    assert!(config.warnings.is_empty());
    let with = |more: &str| format!("{GOOD}{APP}{more}\n");
    assert_eq!(read(&with("outcomes = [\"missed\"]")).unwrap().warnings.len(), 1, "outcomes have no effect");
    assert!(read(&with("outcomes = [\"missed\"]\nreply_in_thread = true")).unwrap().warnings.is_empty());
    let key = |text: &str| {
        let all = problems(text);
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(!all[0].contains("s3cr3t"), "{all:?}");
        all[0].split(": ").next().unwrap().to_owned()
    };
    assert_eq!(key(&with("").replace("C0123ABCD", "#sales")), "14:sinks.sales.channel");
    assert_eq!(key(&with("").replace("xoxb-", "xapp-")), "13:sinks.sales.token");
    assert_eq!(key(&with("").replace("xoxb-", "")), "13:sinks.sales.token");
    assert_eq!(key(&with("").replace("token =", "# ")), "11:sinks.sales.token");
    assert_eq!(key(&with("app_token = \"xoxb-s3cr3t\"")), "15:sinks.sales.app_token");
    assert_eq!(key(&format!("{GOOD}app_token = \"xapp-s3cr3t\"")), "10:sinks.front-desk.app_token");
    let buttons = |text: &str| {
        let config = read(text).unwrap();
        let sink = config.sinks.iter().find(|sink| sink.name.as_str() == "sales").unwrap();
        sink.style(&config.style).buttons
    };
    assert!(!buttons(&with("")) && buttons(&with("app_token = \"xapp-s3cr3t\"")));
    assert_eq!(key(&with("api_url = \"http://slack.example/\"")), "15:sinks.sales.api_url");
    assert_eq!(key(&with("url = \"https://hooks.slack.com/services/T0/B0/x\"")), "15:sinks.sales.url");
    assert_eq!(key(&format!("{GOOD}reply_in_thread = true")), "10:sinks.front-desk.reply_in_thread");
    assert_eq!(key(&format!("{GOOD}shape = \"card\"")), "10:sinks.front-desk.shape");
    assert_eq!(key(&with("chanel = \"C1\"")), "15:sinks.sales.chanel");
}

const PROGRAM: &str = r#"
[sinks.program]
type = "webhook"
url = "https://example.com/calls"
secret = "whsec_KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio="
"#;

const TEAMS_APP: &str = r#"
[sinks.calls]
type = "teams-app"
tenant = "example.onmicrosoft.com"
app_id = "6f1c2c7e-8d34-4f57-9f9c-0a1b2c3d4e5f"
secret = "s3cr3t~value"
channel = "19%3AaBc-1_2%40thread.tacv2"
"#;

#[test]
fn teams_app_requires_tenant_app_secret_and_channel() {
    let of = |more: &str| {
        let config = read(&format!("{GOOD}{TEAMS_APP}{more}\n")).unwrap();
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let sink = config.sinks.into_iter().find(|sink| sink.kind == SinkKind::TeamsApp).unwrap();
        let bot = sink.options.bot.unwrap();
        assert_eq!((bot.channel.as_str(), sink.pace), ("19:aBc-1_2@thread.tacv2", Some((1.0, 6))));
        let login = bot.credentials.token_url.to_string();
        (sink.url.expose().to_owned(), login, bot.credentials.scope)
    };
    let login = "https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/token".to_owned();
    let scope = "https://api.botframework.com/.default";
    assert_eq!(of(""), ("https://smba.trafficmanager.net/teams/".to_owned(), login.clone(), scope));
    assert_eq!(of("cloud = \"gcc\"").0, "https://smba.infra.gcc.teams.microsoft.com/gcc/");
    let (api, high, scope) = of("cloud = \"gcc-high\"");
    assert_eq!(
        (api.as_str(), scope),
        ("https://smba.infra.gov.teams.microsoft.us/gcch/", "https://api.botframework.us/.default")
    );
    assert!(high.starts_with("https://login.microsoftonline.us/example."), "{high}");
    let own = of("login_url = \"http://127.0.0.1:1/login\"\napi_url = \"http://127.0.0.1:1/api/\"");
    let token_url = "http://127.0.0.1:1/login/example.onmicrosoft.com/oauth2/v2.0/token";
    assert_eq!((own.0.as_str(), own.1.as_str()), ("http://127.0.0.1:1/api/", token_url));
}

#[test]
fn teams_app_problem_has_key_and_line() {
    let secret_id = "9d0c2c7e-8d34-4f57-9f9c-0a1b2c3d4e5f";
    for (good, bad, start) in [
        ("tenant = \"example.onmicrosoft.com\"", "", "11:sinks.calls.tenant: expected the Directory"),
        ("example.onmicrosoft.com", "a/b", "13:sinks.calls.tenant: expected the Directory"),
        ("6f1c2c7e-", "x", "14:sinks.calls.app_id: expected the Application"),
        ("secret =", "# ", "11:sinks.calls.secret: missing"),
        ("s3cr3t~value", secret_id, "15:sinks.calls.secret: this is a Secret ID"),
        ("19%3A", "", "16:sinks.calls.channel: expected a channel's id"),
        ("tacv2\"", "tacv2;messageid=1\"", "16:sinks.calls.channel: expected a channel's id"),
        ("tacv2\"", "tacv2\"\nurl = \"https://x.example/\"", "17:sinks.calls.url: a Teams app has neither"),
        ("tacv2\"", "tacv2\"\ncloud = \"mars\"", "17:sinks.calls.cloud: expected \"public\""),
        ("tacv2\"", "tacv2\"\nlogin_url = \"http://x.example/\"", "17:sinks.calls.login_url: plain http"),
    ] {
        let all = problems(&format!("{GOOD}{}", TEAMS_APP.replace(good, bad)));
        assert!(all.len() == 1 && all[0].starts_with(start), "{start}: {all:?}");
        assert!(!all[0].contains("s3cr3t") && !all[0].contains(secret_id), "{all:?}");
    }
    assert_eq!(problems(&format!("{GOOD}app_id = \"x\""))[0].split(": ").next(), Some("10:sinks.front-desk.app_id"));
}

#[test]
fn webhook_secret_headers_and_body_are_checked() {
    let with = |more: &str| format!("{GOOD}{PROGRAM}{more}\n");
    let config =
        read(&with("headers = { X-Type = \"{{ type }}\" }\nbody = '{\"a\": {{ title }}}'\ncloud_events = true"))
            .unwrap();
    let sink = config.sinks.iter().find(|sink| sink.kind == SinkKind::Webhook).unwrap();
    assert!(sink.options.signing_key.is_some() && sink.options.headers.is_empty(), "a template is no secret");
    assert_eq!(sink.pace, Some((10.0, 20)));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(read(&with("").replace("\nsecret =", "\n# ")).unwrap().warnings.len(), 1, "unsigned");
    let key = |text: &str| {
        let all = problems(text);
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(!all[0].contains("KioqKioq"), "{all:?}");
        all[0].split(": ").next().unwrap().to_owned()
    };
    assert_eq!(key(&with("").replace("whsec_", "")), "14:sinks.program.secret");
    assert_eq!(key(&with("body = '{\"a\": {{ titel }}}'")), "15:sinks.program.body");
    assert_eq!(key(&with("headers = { Host = \"a\" }")), "15:sinks.program.headers.Host");
    assert_eq!(key(&with("headers = { X-A = \"{{ nope }}\" }")), "15:sinks.program.headers.X-A");
    assert_eq!(key(&with("token = \"a\"")), "15:sinks.program.token");
    assert_eq!(key(&format!("{GOOD}cloud_events = true")), "10:sinks.front-desk.cloud_events");
    assert_eq!(key(&GOOD.replace("\"slack\"", "\"slack-trigger\"")), "9:sinks.front-desk.url");
}

#[test]
fn other_chats_check_their_url() {
    let with = |kind: &str, url: &str| format!("{GOOD}\n[sinks.other]\ntype = \"{kind}\"\nurl = \"{url}\"\n");
    let warnings = |text: &str| read(text).unwrap().warnings.len();
    assert_eq!(warnings(&with("discord", "https://discord.com/api/webhooks/1/t")), 0);
    assert_eq!(
        warnings(&format!("{}outcomes = [\"missed\"]", with("discord", "https://discord.com/api/webhooks/1/t"))),
        1
    );
    assert_eq!(warnings(&with("mattermost", "https://mattermost.example.com/hooks/a")), 0);
    assert_eq!(warnings(&with("ntfy", "https://ntfy.sh/desk")), 1, "anyone can read the topic");
    assert_eq!(warnings(&with("google-chat", "https://chat.googleapis.com/v1/spaces/A/messages?key=a&token=b")), 0);
    for (kind, url) in [
        ("discord", "https://discord.com/api/webhooks/1/t/slack"),
        ("ntfy", "https://ntfy.sh/"),
        ("google-chat", "https://chat.googleapis.com/v1/spaces/A/messages"),
        ("mattermost", "http://mattermost.example.com/hooks/a"),
    ] {
        let found = problems(&with(kind, url));
        assert!(found.len() == 1 && found[0].contains("sinks.other.url"), "{found:?}");
    }
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
    assert!(all[2].contains("operator.sink: no sink has this name"));
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
url = "https://crm.example.com/api/contacts?phone={number}"
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
    assert!(load(&path).unwrap_err().to_string().contains("goto cannot be read"));
    fs::write(dir.path().join("goto"), "s3cr3t\n").unwrap();
    assert_eq!(load(&path).unwrap().connections[0].client_secret.as_ref().unwrap().expose(), "s3cr3t");
}

const OFFICE: &str = r#"
[hours.office]
mon-fri = "09:00-17:30"
time_zone = "Europe/Berlin"
holidays = "{ICS}"
[[routes]]
match = { hours = "office" }
sinks = ["front-desk"]
mute = ["2026-12-24/2026-12-26"]
"#;

fn office(holidays: &str) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("days.ics");
    fs::write(&path, holidays).unwrap();
    read(&(GOOD.to_owned() + &OFFICE.replace("{ICS}", path.to_str().unwrap())))
}

#[test]
fn hours_use_their_zone_and_holidays() {
    use crate::route::ScheduleState;
    let day = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261123\nSUMMARY:Our day\nEND:VEVENT\n";
    let config = office(&format!("BEGIN:VCALENDAR\n{day}END:VCALENDAR\n")).unwrap();
    assert_eq!(config.warnings, []);
    let office = &config.routes.schedules().by_name["office"];
    let at = |time: &str| office.state_at(time.parse().unwrap());
    assert_eq!(at("2026-11-23T10:00:00Z"), ScheduleState::Holiday("Our day".into()));
    assert_eq!((at("2026-11-24T08:00:00Z"), at("2026-11-24T07:59:00Z")), (ScheduleState::Open, ScheduleState::Closed));
}

#[test]
fn invalid_holiday_file_is_a_warning() {
    let warned = |text: &str| office(text).unwrap().warnings.remove(0);
    let none = warned("Name,Phone\n");
    assert_eq!((none.key.as_str(), none.line), ("hours.office.holidays", Some(14)));
    assert!(
        none.text.ends_with(
            "days.ics: not an iCalendar file: the first line is not BEGIN:VCALENDAR, its holidays are ignored"
        ),
        "{}",
        none.text
    );
    let odd = warned("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\nEND:VEVENT\n");
    assert!(odd.text.ends_with("days.ics:3: not a date: skipped"), "{}", odd.text);
    let missing = read(&(GOOD.to_owned() + &OFFICE.replace("{ICS}", "/nonexistent.ics"))).unwrap();
    assert!(missing.warnings[0].text.contains("/nonexistent.ics: No such file"), "{:?}", missing.warnings);
}

#[test]
fn invalid_hours_and_routes_have_key_and_line() {
    let table = [
        ("Europe/Berlin", "Europe/Berln", "13:hours.office.time_zone: unknown time zone"),
        ("\"09:00-17:30\"", "[]", "11:hours.office: never open"),
        ("\"09:00-17:30\"", "\"9 to 5\"", "12:hours.office.mon-fri: expected hours such as \"09:00-17:30\""),
        ("mon-fri", "mon-fry", "12:hours.office.mon-fry: expected a weekday"),
        ("hours = \"office\"", "hours = \"ofice\"", "16:routes.0.match.hours: rule 1: there is no table [hours.ofice]"),
        ("2026-12-26", "2026-12-23", "18:routes.0.mute.0: expected days"),
        ("mute", "mtue", "18:routes.0.mtue: unknown key; did you mean `mute`?"),
        ("hours = \"office\"", "region = \"Mars\"", "16:routes.0.match"),
    ];
    for (good, bad, start) in table {
        let text = GOOD.to_owned() + &OFFICE.replace("holidays = \"{ICS}\"\n", "# none\n").replacen(good, bad, 1);
        let all = problems(&text);
        assert!(all.iter().any(|it| it.starts_with(start)), "{start}: {all:?}");
    }
}

#[test]
fn mention_without_effect_is_a_warning() {
    let teams = "[sinks.support]\ntype = \"teams\"\nurl = \"http://127.0.0.1:1/w\"\n[[routes]]\nsinks = [\"front-desk\", \"support\"]\nmention = { slack = \"S0123\" }\n";
    let config = read(&(GOOD.to_owned() + teams)).unwrap();
    let warning = config.warnings.iter().find(|it| it.key == "routes.0.mention").unwrap();
    assert_eq!(warning.text, "mention has no effect at support: `teams` is empty");
    let both = teams.replace("\"S0123\"", "\"S0123\", teams = \"Dana Cole <dana@example.com>\"");
    assert!(read(&(GOOD.to_owned() + &both)).unwrap().warnings.iter().all(|it| it.key != "routes.0.mention"));
    let wrong = problems(&(GOOD.to_owned() + &teams.replace("slack = \"S0123\"", "teams = \"dana@example.com\"")));
    assert!(wrong.iter().any(|it| it.contains("Dana Cole <dana@example.com>")), "{wrong:?}");
}
