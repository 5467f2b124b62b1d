//! HTTP listener of `[metrics]`: `/metrics`, `/healthz`, `/readyz`. Serves this machine; there is no login.

use super::measure;
use crate::{
    config::MetricsListen,
    daemon::{pipeline::Pipeline, system::sd_notify},
    model::time::Now,
    runtime::metrics::ExpositionFormat,
};
use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
};

/// Time without progress after which a task counts as stalled, without a watchdog of systemd: half of the unit's
/// `WatchdogSec=60`.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Access to the socket file: the daemon's user and group.
const SOCKET_MODE: u32 = 0o660;

/// The listeners. Dropping them closes all connections.
#[derive(Debug, Default)]
pub struct MetricsServer(JoinSet<()>);

impl MetricsServer {
    /// Listens on the sockets that systemd passed, else on `listen`. A failure is logged: calls matter more.
    pub async fn start(listen: Option<&MetricsListen>, pipeline: &Arc<Pipeline>) -> Self {
        let mut server = Self::default();
        let passed = listenfd::ListenFd::from_env();
        let result = match listen {
            _ if passed.len() > 0 => server.accept_passed(passed, pipeline),
            Some(listen) => server.listen(listen, pipeline).await,
            None => Ok(()),
        };
        if let Err(error) = result {
            let address = listen.map(ToString::to_string);
            tracing::error!(address, %error, "metrics listener failed, metrics are not available");
        }
        server
    }

    fn accept_passed(&mut self, mut passed: listenfd::ListenFd, pipeline: &Arc<Pipeline>) -> io::Result<()> {
        for index in 0..passed.len() {
            if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
                listener.set_nonblocking(true)?;
                self.serve_tcp(TcpListener::from_std(listener)?, pipeline);
            } else if let Some(listener) = passed.take_unix_listener(index)? {
                listener.set_nonblocking(true)?;
                self.serve_unix(UnixListener::from_std(listener)?, pipeline);
            }
        }
        Ok(())
    }

    async fn listen(&mut self, listen: &MetricsListen, pipeline: &Arc<Pipeline>) -> io::Result<()> {
        match listen {
            MetricsListen::Tcp(address) => self.serve_tcp(TcpListener::bind(address).await?, pipeline),
            MetricsListen::Unix(path) => self.serve_unix(bind_unix(path)?, pipeline),
        }
        Ok(())
    }

    fn serve_tcp(&mut self, listener: TcpListener, pipeline: &Arc<Pipeline>) {
        let app = router(pipeline);
        self.0.spawn(async move { drop(axum::serve(listener, app).await) });
    }

    fn serve_unix(&mut self, listener: UnixListener, pipeline: &Arc<Pipeline>) {
        let app = router(pipeline);
        self.0.spawn(async move { drop(axum::serve(listener, app).await) });
    }
}

/// Binds a socket file in place of one that an earlier run left. Another kind of file is kept, and an error.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

fn router(pipeline: &Arc<Pipeline>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(Arc::clone(pipeline))
}

async fn metrics(State(pipeline): State<Arc<Pipeline>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = ExpositionFormat::by_accept(accept);
    measure::publish(&pipeline.metrics, &pipeline.status.lock());
    match pipeline.metrics.encode(format) {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Answers 200 while every task makes progress.
async fn healthz(State(pipeline): State<Arc<Pipeline>>) -> Response {
    let now = Now::current().instant;
    let mut stalled = pipeline.tasks.stalled(now, sd_notify::watchdog_interval().unwrap_or(STALL_TIMEOUT));
    if !pipeline.status.lock().is_healthy(now) {
        stalled.push("supervisor".to_owned());
    }
    answer(&stalled)
}

/// Answers 200 while every connection receives calls and the store writes.
async fn readyz(State(pipeline): State<Arc<Pipeline>>) -> Response {
    let problems = pipeline.status.lock().problems(Now::current().instant);
    answer(&problems)
}

fn answer(problems: &[String]) -> Response {
    if problems.is_empty() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", problems.join("\n"))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{daemon::settings::Settings, model::time::Timestamp, outbox};

    #[tokio::test]
    async fn healthz_names_a_stalled_task_until_it_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (outbox, _) = outbox::open(outbox::OutboxSettings::for_test(dir.path()), Timestamp::now()).unwrap();
        let pipeline = Arc::new(Pipeline::for_test(outbox, Settings::default(), dir.path()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/healthz", listener.local_addr().unwrap());
        let mut server = MetricsServer::default();
        server.serve_tcp(listener, &pipeline);
        let get = async || {
            let answer = reqwest::get(&url).await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let long_ago = Now::current().instant.checked_sub(STALL_TIMEOUT * 2).unwrap();
        let relay = pipeline.tasks.register("relay of main".to_owned(), long_ago);
        assert_eq!(get().await, (503, "relay of main\n".to_owned()));
        pipeline.status.lock().checked = Some((Now::current().instant, false));
        assert_eq!(get().await, (503, "relay of main\nsupervisor\n".to_owned()), "the store does not answer");
        pipeline.status.lock().checked = Some((Now::current().instant, true));
        relay.idle_until(None);
        assert_eq!(get().await, (200, "ok\n".to_owned()));
    }
}
