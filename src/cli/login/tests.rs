use super::*;
use crate::model::secret::Secret;
use axum::{
    Json, Router,
    extract::Form,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinSet};

/// The form and the Authorization header of one request.
type RecordedRequest = (HashMap<String, String>, Option<String>);

/// A token endpoint that records its requests.
struct Goto {
    url: Url,
    requests: Arc<Mutex<Vec<RecordedRequest>>>,
    _serving: JoinSet<()>,
}

impl Goto {
    async fn start(answer: (u16, Value)) -> Self {
        let requests: Arc<Mutex<Vec<RecordedRequest>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let app = Router::new().route(
            "/oauth/token",
            post(async move |headers: HeaderMap, Form(form): Form<HashMap<String, String>>| {
                let basic = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
                seen.lock().unwrap().push((form, basic));
                (StatusCode::from_u16(answer.0).unwrap(), Json(answer.1))
            }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, requests, _serving: serving }
    }

    async fn start_ok() -> Self {
        Self::start((200, json!({"access_token": "a", "refresh_token": "r-1", "expires_in": 3600}))).await
    }
}

fn login(goto: &Goto, redirect: &str, dir: &tempfile::TempDir) -> Login {
    Login {
        client: Client { id: "me".to_owned(), secret: Some(Secret::new("shh")), auth_url: goto.url.clone() },
        redirect_uri: Url::parse(redirect).unwrap(),
        connection: "main".try_into().unwrap(),
        scopes: scopes::needed(false, false),
        accounts_api: None,
        token_file: dir.path().join("token.json"),
    }
}

/// A terminal that records the output, for tests that use the printed URL.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits for the prompt and returns the authorization URL.
    async fn address(&self) -> Url {
        for _ in 0..2000 {
            if self.text().contains("aste the address") {
                let text = self.text();
                return Url::parse(text.lines().find(|line| line.contains("/oauth/authorize")).unwrap().trim())
                    .unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no URL printed: {}", self.text());
    }
}

fn query_value(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Runs a login and the actions of a person concurrently.
async fn run_login<F: Future<Output = ()>>(
    login: &Login,
    paste: bool,
    person: impl FnOnce(Screen, mpsc::Sender<String>) -> F,
) -> (CliResult, String) {
    let (lines, typed) = mpsc::channel(4);
    let screen = Screen::default();
    let mut out = screen.clone();
    let http = reqwest::Client::new();
    let args = LoginArgs { connection: None, paste, client_scopes: false };
    let attempt = attempt(login, &http, &args, Duration::from_secs(20), &mut out, typed);
    let (outcome, ()) = tokio::join!(attempt, person(screen.clone(), lines));
    (outcome, screen.text())
}

#[tokio::test]
async fn login_redirect_with_code_stores_token() {
    let (goto, dir) = (Goto::start_ok().await, tempfile::tempdir().unwrap());
    let redirect = format!("http://localhost:{}/app/redirect", free_port().await);
    let login = login(&goto, &redirect, &dir);
    let (outcome, text) = run_login(&login, false, async |screen, _lines| {
        let address = screen.address().await;
        assert_eq!(query_value(&address, "code_challenge_method"), "S256");
        assert_eq!(query_value(&address, "redirect_uri"), redirect);
        assert!(query_value(&address, "scope").contains("cr.v1.read"));
        let stray = reqwest::get(format!("{redirect}/favicon.ico")).await.unwrap();
        assert_eq!(stray.status(), 400, "a stray request is ignored");
        let page =
            reqwest::get(format!("{redirect}?code=c0de&state={}", query_value(&address, "state"))).await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains("Thank you"));
    })
    .await;
    outcome.unwrap();
    assert!(text.contains("Logged in"));
    assert!(!text.contains("r-1") && !text.contains("shh"), "no secret on the screen");
    assert_eq!(token_file::read(&login.token_file).unwrap().refresh_token.expose(), "r-1");
    let requests = goto.requests.lock().unwrap();
    let (form, basic) = requests.first().unwrap();
    assert_eq!(form.get("code").unwrap(), "c0de");
    assert_eq!(form.get("redirect_uri").unwrap(), &redirect);
    assert_eq!(form.get("code_verifier").unwrap().len(), 43);
    assert_eq!(basic.as_deref(), Some("Basic bWU6c2ho"));
}

#[tokio::test]
async fn login_paste_accepts_url_or_bare_code() {
    let (goto, dir) = (Goto::start_ok().await, tempfile::tempdir().unwrap());
    let login = login(&goto, "http://localhost:5000/app/redirect", &dir);
    let (outcome, _) = run_login(&login, true, async |screen, lines| {
        let state = query_value(&screen.address().await, "state");
        lines.send(String::new()).await.unwrap();
        lines.send(format!(" http://localhost:5000/app/redirect?code=whole&state={state} ")).await.unwrap();
    })
    .await;
    outcome.unwrap();
    let (outcome, _) = run_login(&login, true, async |_, lines| lines.send("bare".to_owned()).await.unwrap()).await;
    outcome.unwrap();
    let codes: Vec<_> = goto.requests.lock().unwrap().iter().map(|(form, _)| form["code"].clone()).collect();
    assert_eq!(codes, ["whole", "bare"]);
}

#[tokio::test]
async fn login_port_in_use_is_reported_and_paste_works() {
    let (goto, dir) = (Goto::start_ok().await, tempfile::tempdir().unwrap());
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let login = login(&goto, &format!("http://127.0.0.1:{port}/r"), &dir);
    let (outcome, text) = run_login(&login, false, async |_, lines| lines.send("c".to_owned()).await.unwrap()).await;
    outcome.unwrap();
    assert!(text.contains(&format!("port {port} is in use")), "{text}");
    let (outcome, _) = run_login(&login, false, async |_, lines| drop(lines)).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure.code, 69, "{failure}");
}

#[tokio::test]
async fn login_wrong_state_or_denied_consent_exits_with_77() {
    let (goto, dir) = (Goto::start_ok().await, tempfile::tempdir().unwrap());
    for (query, word) in [("code=c&state=evil", "another login"), ("error=access_denied", "denied")] {
        let redirect = format!("http://127.0.0.1:{}/r", free_port().await);
        let login = login(&goto, &redirect, &dir);
        let (outcome, _) = run_login(&login, false, async |screen, _lines| {
            let state = query_value(&screen.address().await, "state");
            let query = if query.contains("state=") { query.to_owned() } else { format!("{query}&state={state}") };
            assert_eq!(reqwest::get(format!("{redirect}?{query}")).await.unwrap().status(), 403);
        })
        .await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.code, 77);
        assert!(failure.to_string().contains(word), "{failure}");
    }
    assert!(goto.requests.lock().unwrap().is_empty(), "no code was redeemed");
    assert!(!dir.path().join("token.json").exists());
}

#[tokio::test]
async fn login_without_answer_times_out_with_69() {
    let (goto, dir) = (Goto::start_ok().await, tempfile::tempdir().unwrap());
    let login = login(&goto, &format!("http://127.0.0.1:{}/r", free_port().await), &dir);
    let (_lines, typed) = mpsc::channel(1);
    let http = reqwest::Client::new();
    let args = LoginArgs { connection: None, paste: false, client_scopes: false };
    let outcome = attempt(&login, &http, &args, Duration::from_millis(50), &mut Screen::default(), typed).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure.code, 69);
    assert!(failure.to_string().contains("no consent"), "{failure}");
}

#[tokio::test]
async fn login_rejected_code_is_reported_without_the_code() {
    let dir = tempfile::tempdir().unwrap();
    for (answer, code, word) in [
        ((400, json!({"error": "invalid_grant", "error_description": "c0de"})), 77, "invalid_grant"),
        ((200, json!({"access_token": "a"})), 65, "no refresh token"),
        ((200, json!(["what"])), 65, "rejected the authorization code"),
        ((503, json!({})), 69, "503"),
        ((401, json!({"error": "invalid_client"})), 77, "the client secret is wrong"),
    ] {
        let goto = Goto::start(answer).await;
        let login = login(&goto, "http://localhost:5000/r", &dir);
        let (outcome, _) = run_login(&login, true, async |_, lines| lines.send("c0de".to_owned()).await.unwrap()).await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.to_string().contains(word), "{failure}");
        assert!(!failure.to_string().contains("c0de") && !failure.to_string().contains("127.0.0.1"), "{failure}");
    }
}

#[tokio::test]
async fn login_with_fewer_scopes_names_the_loss_and_stores_the_grant() {
    let granted = "call-events.v1.notifications.manage call-events.v1.events.read";
    let answer = json!({"access_token": "a", "refresh_token": "r-1", "scope": granted});
    let (goto, dir) = (Goto::start((200, answer)).await, tempfile::tempdir().unwrap());
    let login = Login { accounts_api: Some(goto.url.clone()), ..login(&goto, "http://localhost:5000/r", &dir) };
    let (outcome, text) = run_login(&login, true, async |_, lines| lines.send("c".to_owned()).await.unwrap()).await;
    outcome.unwrap();
    assert!(text.contains("Missing scope cr.v1.read: calls that end during an event gap are lost"), "{text}");
    assert!(!text.contains("Missing scope call-events"), "{text}");
    assert!(text.contains("then run: poprelay login --connection main"), "{text}");
    assert!(text.contains("GoTo names no account of this login. Set account_keys"), "{text}");
    assert_eq!(token_file::read(&login.token_file).unwrap().scope.as_deref(), Some(granted));
}

#[tokio::test]
async fn login_without_a_stated_scope_names_none_as_missing() {
    let (goto, dir) = (Goto::start_ok().await, tempfile::tempdir().unwrap());
    let login = login(&goto, "http://localhost:5000/r", &dir);
    let (outcome, text) = run_login(&login, true, async |_, lines| lines.send("c".to_owned()).await.unwrap()).await;
    outcome.unwrap();
    assert!(!text.contains("Missing scope"), "{text}");
}
