//! An HTTP server on loopback with behaviour by test.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// Server that reports each request and handles the connection with `act`.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) seen: mpsc::UnboundedReceiver<String>,
}

impl Server {
    pub(super) async fn start<F, Fut>(act: F) -> Self
    where
        F: Fn(TcpStream, String) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (act, sender) = (act.clone(), sender.clone());
                tokio::spawn(async move {
                    let request = request(&mut stream).await;
                    let _ = sender.send(request.clone());
                    act(stream, request).await;
                });
            }
        });
        Self { port, seen }
    }

    /// Starts a server that answers every request with one JSON value.
    pub(super) async fn of(json: serde_json::Value) -> Self {
        Self::start(move |stream, _| respond(stream, "200 OK", "", json.to_string())).await
    }

    /// Starts a server that answers every request with one status.
    pub(super) async fn failing(status: &'static str, headers: &'static str) -> Self {
        Self::start(move |stream, _| respond(stream, status, headers, "<html>sorry</html>".to_owned())).await
    }

    pub(super) fn requests(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

/// Reads head and body of a request as text.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|it| it.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

pub(super) async fn respond(mut stream: TcpStream, status: &'static str, headers: &'static str, body: String) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
