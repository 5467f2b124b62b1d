use super::*;

const REDIRECT: &str = "http://localhost:5000/app/redirect";

async fn code(client: &Client, more: &str) -> url::Url {
    let url = format!(
        "{}/oauth/authorize?response_type=code&client_id=client&redirect_uri={REDIRECT}&state=s%20t&scope=a%20b{more}",
        client.sim.url()
    );
    let answer = client.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    answer.headers()["location"].to_str().unwrap().parse().unwrap()
}

fn part(url: &url::Url, key: &str) -> String {
    url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[tokio::test]
async fn authorize_redirects_with_code_that_yields_tokens_once() {
    let client = Client::new().await;
    let back = code(&client, "").await;
    assert!(back.as_str().starts_with(REDIRECT));
    assert_eq!(part(&back, "state"), "s t");
    let code = part(&back, "code");
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT)];
    let (status, tokens) = client.token(&form).await;
    assert_eq!(status, 200);
    assert_eq!((&tokens["scope"], &tokens["expires_in"]), (&json!("a b"), &json!(3600)));
    assert!(tokens["refresh_token"].is_string() && tokens["access_token"].as_str().unwrap().starts_with("eyJ"));
    let (status, again) = client.token(&form).await;
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn public_client_needs_verifier_instead_of_secret() {
    let client = Client::new().await;
    let pkce = "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    for (verifier, good) in [("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", true), ("wrong", false)] {
        let code = part(&code(&client, pkce).await, "code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "client"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ];
        let url = format!("{}/oauth/token", client.sim.url());
        let answer = client.http.post(url).form(&form).send().await.unwrap();
        assert_eq!(answer.status().is_success(), good);
    }
    let back = code(&client, "&code_challenge=x&code_challenge_method=plain").await;
    assert_eq!(part(&back, "error"), "invalid_request");
    client.sim.set_faults(|faults| faults.tokens.denied = true);
    let back = code(&client, "").await;
    assert_eq!((part(&back, "error"), part(&back, "state")), ("access_denied".to_owned(), "s t".to_owned()));
}

#[tokio::test]
async fn configured_client_is_the_only_one_accepted() {
    let named = Some(("client".to_owned(), Some("secret".to_owned())));
    let client = Client::with_settings(SimulatorSettings { client: named, ..SimulatorSettings::default() }).await;
    let url = format!("{}/oauth/token", client.sim.url());
    let form = |secret| {
        let (grant, token) = (("grant_type", "refresh_token"), ("refresh_token", FIRST_REFRESH_TOKEN));
        [grant, token, ("client_id", "client"), ("client_secret", secret)]
    };
    let good = client.http.post(&url).form(&form("secret")).send().await.unwrap();
    assert_eq!(good.status(), 200);
    let bad = client.http.post(&url).form(&form("guess")).send().await.unwrap();
    assert_eq!(bad.status(), 401);
    assert_eq!(bad.json::<Value>().await.unwrap()["error"], "invalid_client");
}

#[tokio::test]
async fn refresh_with_rotation_replaces_token() {
    let client = Client::new().await;
    assert!(client.refresh(FIRST_REFRESH_TOKEN).await.get("refresh_token").is_none());
    client.sim.set_faults(|faults| faults.tokens.rotate = true);
    let next = client.refresh(FIRST_REFRESH_TOKEN).await["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(client.refresh(FIRST_REFRESH_TOKEN).await["error"], "invalid_grant");
    client.sim.set_faults(|faults| {
        faults.tokens.rotate = false;
        faults.tokens.expires_in = None;
    });
    let answer = client.refresh(&next).await;
    assert!(answer["access_token"].is_string() && answer.get("expires_in").is_none());
    client.sim.set_faults(|faults| faults.tokens.revoked = true);
    assert_eq!(client.refresh(&next).await["error"], "invalid_grant");
}

#[tokio::test]
async fn invalid_token_returns_documented_error_code() {
    let mut client = Client::new().await;
    let path = "/call-events/v1/conversation-spaces";
    assert_eq!(client.request("GET", path, None).await.0, 200);
    client.sim.expire_tokens();
    let (status, body) = client.request("GET", path, None).await;
    assert_eq!((status, &body["errorCode"]), (401, &json!("AUTHN_INVALID_TOKEN")));
    client.sim.set_faults(|faults| faults.tokens.withheld_scopes = vec!["cr.v1.read".to_owned()]);
    client.token = client.refresh(FIRST_REFRESH_TOKEN).await["access_token"].as_str().unwrap().to_owned();
    assert_eq!(client.request("GET", path, None).await.0, 200);
    let (status, body) = client.request("GET", "/call-events-report/v1/reports/x", None).await;
    assert_eq!((status, &body["errorCode"]), (403, &json!("AUTHZ_INSUFFICIENT_SCOPE")));
    client.sim.set_faults(|faults| faults.tokens.expires_in = Some(0));
    client.token = client.refresh(FIRST_REFRESH_TOKEN).await["access_token"].as_str().unwrap().to_owned();
    let (status, body) = client.request("GET", path, None).await;
    assert_eq!((status, &body["errorCode"]), (401, &json!("AUTHN_EXPIRED_TOKEN")));
}
