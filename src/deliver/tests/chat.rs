//! A chat on loopback that answers by a script and remembers what it heard.

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// One request.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at: Instant,
    pub cards: Vec<String>,
    pub plain: bool,
    pub status: u16,
}

/// What a script answers.
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<&'static str>,
    pub body: &'static str,
    /// Not before this turns true.
    pub hold: Option<watch::Receiver<bool>>,
}

impl Reply {
    pub const fn with(status: u16, body: &'static str) -> Self {
        Self { status, retry_after: None, body, hold: None }
    }

    pub const fn ok() -> Self {
        Self::with(200, "ok")
    }
}

pub struct Chat {
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    count: watch::Receiver<usize>,
}

impl Chat {
    /// Answers the n-th request (from 0) with what `script` says.
    pub async fn new(script: impl Fn(usize, &Heard) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/T0/B0/secretsecretsecret", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let (counted, count) = watch::channel(0);
        let (script, counted, log) = (Arc::new(script), Arc::new(counted), heard.clone());
        let app = Router::new().fallback(move |request: Request<Body>| {
            let (script, counted, log) = (script.clone(), counted.clone(), log.clone());
            async move {
                let at = Instant::now();
                assert_eq!(request.headers()["content-type"], "application/json; charset=utf-8");
                let bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
                let said: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                let cards = said["cards"].as_array().unwrap().iter().map(|card| card.as_str().unwrap().to_owned());
                let plain = said["plain"].as_bool().unwrap();
                let mut one = Heard { at, cards: cards.collect(), plain, status: 0 };
                let reply = {
                    let mut log = log.lock().unwrap();
                    let reply = script(log.len(), &one);
                    one.status = reply.status;
                    log.push(one);
                    counted.send_replace(log.len());
                    reply
                };
                if let Some(mut hold) = reply.hold {
                    drop(hold.wait_for(|go| *go).await);
                }
                let mut response = Response::builder().status(reply.status);
                if let Some(after) = reply.retry_after {
                    response = response.header("retry-after", after);
                }
                response.body(Body::from(reply.body)).unwrap()
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, heard, count }
    }

    /// Waits until `count` requests have come.
    pub async fn heard(&self, count: usize) -> Vec<Heard> {
        let mut counted = self.count.clone();
        let came = timeout(Duration::from_secs(30), counted.wait_for(|came| *came >= count)).await;
        let heard = self.heard.lock().unwrap().clone();
        assert!(came.is_ok(), "{count} requests were expected: {heard:?}");
        heard
    }
}
