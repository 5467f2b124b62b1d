//! A scripted chat on loopback that records its requests.

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

/// One recorded request.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    pub at: Instant,
    pub cards: Vec<String>,
    pub plain: bool,
    pub status: u16,
}

/// Response of a script.
pub struct ChatReply {
    pub status: u16,
    pub retry_after: Option<&'static str>,
    pub body: &'static str,
    /// Delays the response until this turns true.
    pub hold: Option<watch::Receiver<bool>>,
}

impl ChatReply {
    pub const fn with(status: u16, body: &'static str) -> Self {
        Self { status, retry_after: None, body, hold: None }
    }

    pub const fn ok() -> Self {
        Self::with(200, "ok")
    }
}

pub struct Chat {
    pub url: String,
    requests: Arc<Mutex<Vec<RecordedRequest>>>,
    count: watch::Receiver<usize>,
}

impl Chat {
    /// Starts a chat that answers the n-th request (from 0) with the result of `script`.
    pub async fn new(script: impl Fn(usize, &RecordedRequest) -> ChatReply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/T0/B0/secretsecretsecret", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<RecordedRequest>>> = Arc::default();
        let (counted, count) = watch::channel(0);
        let (script, counted, log) = (Arc::new(script), Arc::new(counted), requests.clone());
        let app = Router::new().fallback(move |request: Request<Body>| {
            let (script, counted, log) = (script.clone(), counted.clone(), log.clone());
            async move {
                let at = Instant::now();
                assert_eq!(request.headers()["content-type"], "application/json; charset=utf-8");
                let bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
                let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                let cards = body["cards"].as_array().unwrap().iter().map(|card| card.as_str().unwrap().to_owned());
                let plain = body["plain"].as_bool().unwrap();
                let mut recorded = RecordedRequest { at, cards: cards.collect(), plain, status: 0 };
                let reply = {
                    let mut log = log.lock().unwrap();
                    let reply = script(log.len(), &recorded);
                    recorded.status = reply.status;
                    log.push(recorded);
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
        Self { url, requests, count }
    }

    /// Waits until `count` requests have arrived and returns all.
    pub async fn requests(&self, count: usize) -> Vec<RecordedRequest> {
        let mut counted = self.count.clone();
        let arrived = timeout(Duration::from_secs(30), counted.wait_for(|arrived| *arrived >= count)).await;
        let requests = self.requests.lock().unwrap().clone();
        assert!(arrived.is_ok(), "expected {count} requests: {requests:?}");
        requests
    }
}
