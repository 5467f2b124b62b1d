//! Tests of the sinks' tables.

use super::*;

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
    let app_token = "app_token = \"xapp-s3cr3t\"\nclaim_reminder = ";
    let sink = |text: &str| read(text).unwrap().sinks.into_iter().find(|sink| sink.name.as_str() == "sales").unwrap();
    let thirty = sink(&with(&format!("{app_token}\"30m\""))).claim_reminder;
    assert_eq!(thirty, Some(std::time::Duration::from_secs(1800)));
    assert_eq!(key(&with(&format!("{app_token}\"8d\""))), "16:sinks.sales.claim_reminder");
    assert_eq!(key(&with("claim_reminder = \"30m\"")), "15:sinks.sales.claim_reminder");
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
