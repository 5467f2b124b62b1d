//! A TLS server in front of a simulator, and a CONNECT proxy whose answer can be changed.

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// PEM file of the private authority. Its certificate is for `goto.test`, `localhost` and 127.0.0.1.
pub fn authority() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/pki/ca.pem"))
}

/// Starts a TLS server that passes everything on to `target`. Returns its port.
pub async fn start_tls(target: SocketAddr) -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(include_bytes!("pki/server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("pki/server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut tls = acceptor.accept(socket).await?;
                copy_bidirectional(&mut tls, &mut TcpStream::connect(target).await?).await
            });
        }
    });
    port
}

/// What a proxy does with a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyWay {
    Open,
    Answers(&'static str),
    Hangs,
    Closes,
}

/// A running proxy.
pub struct ConnectProxy {
    pub address: SocketAddr,
    way: watch::Sender<ProxyWay>,
    hosts: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    /// Starts a proxy that connects every host at the port that the CONNECT names on loopback.
    pub async fn start(way: ProxyWay) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), way).await
    }

    /// Starts it at an address.
    pub async fn start_at(address: SocketAddr, way: ProxyWay) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, way) = watch::channel(way);
        let hosts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&hosts);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(carry(socket, way.clone(), Arc::clone(&seen)));
            }
        });
        Self { address, way: sender, hosts }
    }

    /// Changes the answer, and ends all tunnels.
    pub fn set(&self, way: ProxyWay) {
        self.way.send(way).unwrap();
    }

    /// The tunnels asked for, as `host:port`.
    pub fn hosts(&self) -> Vec<String> {
        self.hosts.lock().unwrap().clone()
    }
}

async fn carry(
    mut socket: TcpStream,
    mut way: watch::Receiver<ProxyWay>,
    hosts: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let host = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned();
    let port: u16 = host.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
    hosts.lock().unwrap().push(host);
    let now = *way.borrow_and_update();
    match now {
        ProxyWay::Open => {
            socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            let mut target = TcpStream::connect(("127.0.0.1", port)).await?;
            tokio::select! {
                ended = copy_bidirectional(&mut socket, &mut target) => ended.map(drop),
                _ = way.changed() => Ok(()),
            }
        }
        ProxyWay::Answers(status) => {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            socket.write_all(answer.as_bytes()).await
        }
        ProxyWay::Hangs => way.changed().await.map_err(std::io::Error::other),
        ProxyWay::Closes => Ok(()),
    }
}
