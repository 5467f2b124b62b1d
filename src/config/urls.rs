//! Validates URLs and detects the service behind a webhook URL. Messages never quote a URL: a webhook's URL is a
//! secret.

use crate::model::delivery::SinkKind;
use url::{Host, Url};

/// Most bytes in a URL. Workflows URLs have 290 characters, and programs with narrower fields failed on them.
const MAX_URL_BYTES: usize = 2048;

/// Ends of the hosts of flows: the public cloud, the clouds of US governments and of China, and API Management before a flow.
/// Source: the clouds in Microsoft's SDKs of the Power Platform.
const FLOW_HOSTS: [&str; 6] = [
    ".api.powerplatform.com",
    ".api.gov.powerplatform.microsoft.us",
    ".api.high.powerplatform.microsoft.us",
    ".api.appsplatform.us",
    ".api.powerplatform.partner.microsoftonline.cn",
    ".azure-api.net",
];

fn parse(text: &str) -> Result<Url, String> {
    if text.len() > MAX_URL_BYTES {
        return Err(format!("URL longer than {MAX_URL_BYTES} bytes"));
    }
    let url = Url::parse(text.trim()).map_err(|_| "expected a URL, as in https://…".to_owned())?;
    if url.host().is_none() {
        return Err("expected a URL with a host, as in https://…".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("plain http is only accepted for localhost, use https".to_owned()),
        _ => Err("expected an https URL".to_owned()),
    }
}

/// Returns whether a URL points at this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Parses the base URL of an API.
pub(super) fn parse_base(text: &str) -> Result<Url, String> {
    let url = parse(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("expected a base URL without query or fragment".to_owned());
    }
    Ok(url)
}

/// Parses the redirect URI of an OAuth client: GoTo accepts plain http on loopback, with port and path.
pub(super) fn parse_redirect(text: &str) -> Result<Url, String> {
    parse(text).map_err(|reason| format!("{reason} (as registered on the OAuth client, letter by letter)"))
}

/// Parses a webhook URL and returns its service, with warnings.
pub(super) fn parse_webhook(kind: SinkKind, text: &str) -> Result<(SinkKind, Vec<&'static str>), String> {
    let url = parse(text)?;
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let mut warnings = Vec::new();
    if let Some(owner) = chat_of(&host).filter(|owner| *owner != kind && is_exclusive(kind)) {
        return Err(format!("this is a URL of {0}, expected type = \"{0}\" for it", owner.as_str()));
    }
    let sink_kind = match kind {
        SinkKind::Slack => {
            if !is_loopback(&url) && host != "hooks.slack.com" && host != "hooks.slack-gov.com" {
                warnings.push("the host is not hooks.slack.com, used unchanged");
            }
            let trigger = ["/triggers/", "/workflows/"].iter().any(|p| url.path().starts_with(p));
            if trigger { SinkKind::SlackTrigger } else { SinkKind::Slack }
        }
        SinkKind::Teams if host.ends_with(".webhook.office.com") || host.starts_with("outlook.office") => {
            return Err("Office 365 connectors are retired. Create a Workflow in Teams and use its URL".to_owned());
        }
        SinkKind::Teams => {
            if !is_loopback(&url) {
                warnings.extend(flow_warnings(&url, &host));
            }
            SinkKind::Teams
        }
        SinkKind::SlackTrigger => {
            return Err("expected type = \"slack\" for a workflow trigger: the URL tells it apart".to_owned());
        }
        other => other,
    };
    Ok((sink_kind, warnings))
}

/// Returns the chat that alone has webhooks on a host.
fn chat_of(host: &str) -> Option<SinkKind> {
    let is_flow = [".logic.azure.com", ".api.powerplatform.com"].iter().any(|suffix| host.ends_with(suffix));
    match host {
        "hooks.slack.com" | "hooks.slack-gov.com" => Some(SinkKind::Slack),
        "discord.com" | "discordapp.com" => Some(SinkKind::Discord),
        "chat.googleapis.com" => Some(SinkKind::GoogleChat),
        _ => is_flow.then_some(SinkKind::Teams),
    }
}

/// Returns whether a kind posts messages in the form of its chat only. A webhook may have a body of its own.
fn is_exclusive(kind: SinkKind) -> bool {
    !matches!(kind, SinkKind::Webhook | SinkKind::SlackTrigger)
}

/// Returns the suspicious parts in the URL of a Power Automate flow. The path has several forms and new ones appear, so only
/// the host and the query are checked; the URL is used unchanged.
fn flow_warnings(url: &Url, host: &str) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    let is_old = host.ends_with(".logic.azure.com");
    let known = is_old || FLOW_HOSTS.iter().any(|suffix| host.ends_with(suffix));
    if is_old {
        warnings.push(
            "logic.azure.com URLs stopped working on 30 November 2025. Open the Workflow in Teams and copy its new URL",
        );
    } else if !known {
        warnings.push("the host is not a Power Automate host, used unchanged");
    }
    let has = |key: &str| url.query_pairs().any(|(name, _)| name == key);
    let signature = url.query_pairs().find(|(name, _)| name == "sig").map(|(_, value)| value);
    match signature {
        // `query_pairs` has removed one level of escapes.
        Some(signature)
            if ["%2B", "%2F", "%3D", "%25"].iter().any(|it| signature.to_ascii_uppercase().contains(it)) =>
        {
            warnings.push("sig= is escaped twice in the URL. Copy the URL again, unchanged");
        }
        Some(signature) if !signature.is_empty() => {}
        _ if has("api-version") && !has("sp") && !has("sv") => {
            warnings.push("the URL ends at its first &. Put the URL into quotes and copy it whole, with its sig=");
        }
        _ => {
            warnings
                .push("sig= is missing in the URL. Let anyone trigger the Workflow, or every card will be rejected");
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_accepts_plain_http_on_loopback_only() {
        for good in ["http://localhost:5000/x", "http://127.0.0.1:1/x", "http://[::1]:1/", "https://api.goto.com"] {
            assert!(parse_base(good).is_ok(), "{good}");
        }
        for bad in ["http://10.0.0.1/", "http://example.com", "ftp://x", "x", "https://", "http://localhost.evil.com/"]
        {
            assert!(parse_base(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn webhook_kind_is_detected_from_its_url() {
        let kind = |value, url: &str| parse_webhook(value, url).unwrap();
        let services = "https://hooks.slack.com/services/T0/B0/x";
        assert_eq!(kind(SinkKind::Slack, services), (SinkKind::Slack, vec![]));
        assert_eq!(kind(SinkKind::Slack, "https://hooks.slack.com/triggers/T0/1/x").0, SinkKind::SlackTrigger);
        for office in ["https://acme.webhook.office.com/webhookb2/x", "https://outlook.office365.com/webhook/x"] {
            assert!(parse_webhook(SinkKind::Teams, office).unwrap_err().contains("retired"), "{office}");
        }
        assert_eq!(kind(SinkKind::Slack, "https://example.com/x").1.len(), 1, "an unknown host is a warning");
    }

    #[test]
    fn flow_url_of_every_known_form_has_no_warning() {
        let query = "api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=AbC-d_E~1";
        let flow = "powerautomate/automations/direct";
        let id = "0123456789abcdef0123456789abcdef";
        for base in [
            format!(
                "https://0123.4f.environment.api.powerplatform.com:443/{flow}/workflows/{id}/triggers/manual/paths/invoke"
            ),
            format!(
                "https://0123.4f.environment.api.powerplatform.com/{flow}/workflows/{id}/triggers/manual/paths/invoke/"
            ),
            format!(
                "https://0123.4f.environment.api.powerplatform.com/{flow}/cu/07/workflows/{id}/triggers/manual/paths/invoke"
            ),
            format!(
                "https://DEFAULT0123.0.ENVIRONMENT.API.POWERPLATFORM.COM/{flow}/workflows/{id}/triggers/manual/paths/invoke"
            ),
            "https://acme.azure-api.net/manual/paths/invoke".to_owned(),
            format!("https://0123.f.environment.api.gov.powerplatform.microsoft.us/{flow}/workflows/{id}/triggers"),
            format!("https://0123.f.environment.api.high.powerplatform.microsoft.us/{flow}/workflows/{id}/triggers"),
            format!("https://0123.f.environment.api.appsplatform.us/{flow}/workflows/{id}/triggers"),
        ] {
            let parsed = parse_webhook(SinkKind::Teams, &format!("{base}?{query}")).unwrap();
            assert_eq!(parsed, (SinkKind::Teams, vec![]), "{base}");
        }
    }

    #[test]
    fn flow_url_that_cannot_work_is_named() {
        let host = "https://0123.4f.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/a/triggers/manual/paths/invoke";
        let old = "https://prod-01.westus.logic.azure.com:443/workflows/a/triggers/manual/paths/invoke";
        for (url, expected) in [
            (format!("{old}?api-version=2016-06-01&sp=%2Frun&sv=1.0&sig=x"), "30 November 2025"),
            (format!("{host}?api-version=1"), "first &"),
            (format!("{host}?api-version=1&sp=%2Frun&sv=1.0"), "sig= is missing"),
            (format!("{host}?api-version=1&sp=%2Frun&sv=1.0&sig="), "sig= is missing"),
            (host.to_owned(), "sig= is missing"),
            (format!("{host}?api-version=1&sp=%252Frun&sv=1.0&sig=a%252Bb%253D"), "escaped twice"),
            ("https://example.com/x?sig=y".to_owned(), "not a Power Automate host"),
            ("https://evilapi.powerplatform.com/x?sig=y".to_owned(), "not a Power Automate host"),
        ] {
            let (_, warnings) = parse_webhook(SinkKind::Teams, &url).unwrap();
            assert!(warnings.len() == 1 && warnings[0].contains(expected), "{url}: {warnings:?}");
        }
    }

    #[test]
    fn url_of_another_chat_names_its_type() {
        let slack = "https://hooks.slack.com/services/T0/B0/x";
        let flow = "https://0123.4f.environment.api.powerplatform.com/workflows/a?sig=y";
        for (kind, url, expected) in [
            (SinkKind::Teams, slack, "\"slack\""),
            (SinkKind::Ntfy, slack, "\"slack\""),
            (SinkKind::Slack, flow, "\"teams\""),
            (SinkKind::Mattermost, "https://discord.com/api/webhooks/1/t", "\"discord\""),
            (SinkKind::Slack, "https://chat.googleapis.com/v1/spaces/A/messages?key=a", "\"google-chat\""),
        ] {
            let error = parse_webhook(kind, url).unwrap_err();
            assert!(error.ends_with(&format!("expected type = {expected} for it")), "{url}: {error}");
        }
        assert!(parse_webhook(SinkKind::Webhook, slack).is_ok(), "a webhook may have a body of its own");
    }

    #[test]
    fn webhook_error_does_not_quote_the_url() {
        let error = parse_webhook(SinkKind::Slack, "http://hooks.slack.com/services/T0/B0/secret").unwrap_err();
        assert!(!error.contains("secret"));
    }
}
