//! The stack over real sockets on loopback: REST and sockets through a proxy, a private authority, silent addresses.

use super::*;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

/// Bound of a wait: twice the timeout of a connection.
const TIMEOUT: Duration = Duration::from_secs(20);
const CERTIFICATE: &[u8] = include_bytes!("../../../tests/support/pki/server.pem");
const KEY: &[u8] = include_bytes!("../../../tests/support/pki/server.key");

fn authority() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/pki/ca.pem"))
}

/// Starts a TLS server for `goto.test` that answers requests with "ok", and WebSocket handshakes with an echo.
fn tls_server(address: &str) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = std::net::TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            let tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), socket);
            std::thread::spawn(move || serve(tls));
        }
    });
    address
}

fn serve(mut tls: StreamOwned<ServerConnection, std::net::TcpStream>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match tls.read(&mut byte) {
            Ok(1) => head.extend_from_slice(&byte),
            Ok(_) | Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let Some(key) = key else {
        drop(tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        return;
    };
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    tls.write_all(answer.as_bytes()).unwrap();
    let mut socket = tungstenite::WebSocket::from_raw_socket(tls, tungstenite::protocol::Role::Server, None);
    while let Ok(message) = socket.read() {
        if message.is_text() && socket.send(message).is_err() {
            return;
        }
    }
}

/// Answer of a proxy to a CONNECT.
#[derive(Clone, Copy)]
enum ProxyAnswer {
    Tunnel(SocketAddr),
    Status(&'static str),
    Hang,
    Close,
}

/// Starts a proxy. Returns its address and the heads of the requests received.
async fn proxy(answer: ProxyAnswer) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await?);
                }
                drop(sender.send(String::from_utf8_lossy(&head).into_owned()));
                match answer {
                    ProxyAnswer::Tunnel(target) => {
                        socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                        let mut target = TcpStream::connect(target).await?;
                        tokio::io::copy_bidirectional(&mut socket, &mut target).await?;
                    }
                    ProxyAnswer::Status(status) => {
                        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                        socket.write_all(answer.as_bytes()).await?;
                    }
                    ProxyAnswer::Hang => drop(socket.read_u8().await),
                    ProxyAnswer::Close => {}
                }
                std::io::Result::Ok(())
            });
        }
    });
    (address, heads)
}

fn stack(change: impl FnOnce(&mut HttpSettings)) -> HttpStack {
    let mut settings = HttpSettings { ca: Some(authority()), ..HttpSettings::default() };
    settings.hosts.insert("goto.test".to_owned(), vec![IpAddr::from([127, 0, 0, 1])]);
    change(&mut settings);
    HttpStack::open(settings).unwrap()
}

fn through(address: SocketAddr) -> HttpStack {
    stack(|settings| settings.proxy = Some(HttpProxy::parse(&format!("http://{address}")).unwrap()))
}

async fn rest(stack: &HttpStack, host: &str, port: u16) -> Result<String, NetworkFault> {
    let request = stack.http.get(format!("https://{host}:{port}/rest")).send();
    let response = tokio::time::timeout(TIMEOUT, request).await.unwrap().map_err(|error| NetworkFault::of(&error))?;
    Ok(response.text().await.unwrap())
}

async fn socket(stack: &HttpStack, host: &str, port: u16) -> Result<String, NetworkFault> {
    let url = Url::parse(&format!("wss://{host}:{port}/socket")).unwrap();
    let opened = open_socket(&stack.http, &url, SocketConfig::default(), TIMEOUT).await;
    let mut socket = opened.map_err(|error| match error {
        UpgradeError::Fault(fault) => fault,
        other => panic!("{other}"),
    })?;
    socket.send(Message::text("echo")).await.unwrap();
    let answer = tokio::time::timeout(TIMEOUT, socket.next()).await.unwrap().unwrap().unwrap();
    Ok(answer.into_text().unwrap().to_string())
}

/// Sends a request and opens a socket at the same time.
async fn both(stack: &HttpStack, host: &str, port: u16) -> [Result<String, NetworkFault>; 2] {
    let (rest, socket) = tokio::join!(rest(stack, host, port), socket(stack, host, port));
    [rest, socket]
}

fn fine() -> [Result<String, NetworkFault>; 2] {
    [Ok("ok".to_owned()), Ok("echo".to_owned())]
}

#[tokio::test]
async fn proxy_with_login_carries_requests_and_sockets() {
    let server = tls_server("127.0.0.1:0");
    let (address, mut heads) = proxy(ProxyAnswer::Tunnel(server)).await;
    let stack = stack(|settings| {
        settings.hosts.clear();
        settings.proxy = Some(HttpProxy::parse(&format!("http://me:p%40ss@{address}")).unwrap());
    });
    assert_eq!(both(&stack, "goto.test", server.port()).await, fine());
    for _ in 0..2 {
        let head = heads.recv().await.unwrap().to_lowercase();
        assert!(head.starts_with(&format!("connect goto.test:{} http/1.1\r\n", server.port())), "{head}");
        // base64 of "me:p@ss"
        assert!(head.contains("proxy-authorization: basic bwu6cebzcw==\r\n"), "{head}");
    }
    assert!(!format!("{stack:?}").contains("p@ss"));
}

#[tokio::test]
async fn proxy_that_fails_is_named() {
    let cases = [
        (ProxyAnswer::Status("407 Proxy Authentication Required"), NetworkFault::ProxyLogin),
        (ProxyAnswer::Status("403 Forbidden"), NetworkFault::ProxyRefused),
        (ProxyAnswer::Status("502 Bad Gateway"), NetworkFault::ProxyRefused),
        (ProxyAnswer::Close, NetworkFault::ProxyRefused),
        (ProxyAnswer::Hang, NetworkFault::ConnectTimeout),
    ];
    for (answer, fault) in cases {
        let (address, _heads) = proxy(answer).await;
        assert_eq!(both(&through(address), "goto.test", 443).await, [Err(fault), Err(fault)]);
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let fault = NetworkFault::ProxyUnreachable;
    assert_eq!(both(&through(closed), "goto.test", 443).await, [Err(fault), Err(fault)]);
}

#[tokio::test]
async fn private_authority_is_trusted_only_if_configured() {
    let port = tls_server("127.0.0.1:0").port();
    assert_eq!(both(&stack(|_| ()), "goto.test", port).await, fine());
    let fault = NetworkFault::CertificateIssuer;
    let without = stack(|settings| settings.ca = None);
    assert_eq!(both(&without, "goto.test", port).await, [Err(fault), Err(fault)]);
    let mut source = without.clone();
    source.http = without.with_ca(&authority()).unwrap();
    assert_eq!(both(&source, "goto.test", port).await, fine());
    let other = stack(|settings| {
        settings.hosts.insert("other.test".to_owned(), vec![IpAddr::from([127, 0, 0, 1])]);
    });
    let fault = NetworkFault::CertificateName;
    assert_eq!(both(&other, "other.test", port).await, [Err(fault), Err(fault)]);
}

/// Runs the check in a process of its own, because the environment belongs to the whole process.
#[test]
fn ssl_cert_file_replaces_the_authorities_of_the_machine() {
    let run = |authorities: &Path| {
        let test = "runtime::http::tests::authority_of_the_environment_is_trusted";
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--ignored"]).env("SSL_CERT_FILE", authorities).env_remove("SSL_CERT_DIR");
        command.output().unwrap()
    };
    let trusted = run(&authority());
    assert!(trusted.status.success(), "{}", String::from_utf8_lossy(&trusted.stdout));
    let empty = tempfile::NamedTempFile::new().unwrap();
    assert!(!run(empty.path()).status.success(), "an empty file trusts no server");
}

#[tokio::test]
#[ignore = "needs SSL_CERT_FILE: ssl_cert_file_replaces_the_authorities_of_the_machine runs it"]
async fn authority_of_the_environment_is_trusted() {
    let port = tls_server("127.0.0.1:0").port();
    assert_eq!(both(&stack(|settings| settings.ca = None), "goto.test", port).await, fine());
}

/// Binds an address whose queue of connections is full: the kernel drops further SYNs. Returns the sockets that keep the
/// queue full.
async fn silent_address(address: SocketAddr) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut kept = Vec::new();
    while let Ok(connected) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        kept.push(connected.unwrap());
    }
    (listener, kept)
}

#[tokio::test]
async fn first_address_that_is_silent_does_not_matter() {
    let port = tls_server("127.0.0.1:0").port();
    let _silent = silent_address(SocketAddr::from(([127, 0, 0, 2], port))).await;
    let addresses = vec![IpAddr::from([127, 0, 0, 2]), IpAddr::from([127, 0, 0, 1])];
    let stack = stack(|settings| drop(settings.hosts.insert("goto.test".to_owned(), addresses)));
    assert_eq!(both(&stack, "goto.test", port).await, fine());
}

#[tokio::test]
async fn host_that_cannot_be_reached_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let stack = stack(|_| ());
    let fault = NetworkFault::Refused;
    assert_eq!(both(&stack, "goto.test", closed).await, [Err(fault), Err(fault)]);
    for answer in both(&stack, "nowhere.invalid", 443).await {
        let fault = answer.unwrap_err();
        assert!(matches!(fault, NetworkFault::Dns | NetworkFault::DnsSilent), "{fault:?}");
    }
}

#[tokio::test]
async fn server_that_hangs_up_before_an_answer_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        drop(socket.read(&mut [0; 4096]).await);
    });
    let error = stack(|_| ()).http.get(url).send().await.unwrap_err();
    assert_eq!(NetworkFault::of(&error), NetworkFault::Closed, "{}", root_cause(&error));
}

#[test]
fn proxy_text_is_parsed_without_quoting_it() {
    let good = HttpProxy::parse("proxy.example.com:3128").unwrap();
    assert_eq!((good.to_string().as_str(), good.login()), ("proxy.example.com:3128", None));
    assert_eq!(HttpProxy::parse("http://proxy.example.com/").unwrap().to_string(), "proxy.example.com:80");
    for bad in ["", "socks5://secret:1080", "http://", "ftp://secret"] {
        let error = HttpProxy::parse(bad).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
