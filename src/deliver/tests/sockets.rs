//! Raw sockets with responses that no well-behaved server sends.

use rustls::{
    ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{future::Future, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Builds a client with the daemon's settings.
pub fn client() -> reqwest::Client {
    let connect = std::time::Duration::from_secs(5);
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).connect_timeout(connect).build().unwrap()
}

/// Reads one request, writes `head` and then `more` bytes, and closes. With `X-Test: hold` in the head the connection stays
/// open until the client closes it. Returns the URL, and a task that ends with the number of bytes written.
pub async fn raw(head: &'static [u8], more: usize) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        let hold = head.windows(4).any(|at| at == b"hold");
        if head.starts_with(b"X-Test") || socket.write_all(head).await.is_err() {
            drop(socket.read(&mut [0; 64]).await);
            return 0;
        }
        let mut sent = 0;
        while sent < more && socket.write_all(&[b'x'; 8192]).await.is_ok() {
            sent += 8192;
        }
        if hold {
            drop(socket.read(&mut [0; 64]).await);
        }
        sent
    });
    (base, server)
}

async fn request(socket: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    while !got.ends_with(b"{}") {
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => got.extend_from_slice(&buffer[..read]),
        }
        // A TLS hello has no recognizable end.
        if got.first() == Some(&0x16) {
            break;
        }
    }
    String::from_utf8_lossy(&got).into_owned()
}

/// Returns the request line that `ask` sends to the given URL.
pub async fn first_line<F: Future>(ask: impl FnOnce(String) -> F) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await
    });
    ask(base).await;
    server.await.unwrap().lines().next().unwrap_or_default().to_owned()
}

/// Returns a URL with a closed port.
pub async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Starts an HTTPS server with a self-signed certificate.
pub fn untrusted_server() -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(config).unwrap();
        while tls.is_handshaking() && tls.complete_io(&mut socket).is_ok() {}
    });
    format!("https://{address}/services/T0/B0/x")
}

/// Self-signed certificate for 127.0.0.1, valid until 2126; used by these tests only.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBijCCATCgAwIBAgIUJt18sx8RA9agzv8jMlkOWFCg1bYwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMzE4NTg0NFoYDzIxMjYxMDMwMTg1
ODQ0WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARGgRHXU6t6R7bEx6xcUN3s0NMUMxnMbSryaL7Q9u1OgepLYMIB6kkWlcdAvl/B
NkuPBTjteBBrslqX9EtjQTpto2QwYjAdBgNVHQ4EFgQU8qJhSjWfmVOy1s0ZykyB
7e+P2HgwHwYDVR0jBBgwFoAU8qJhSjWfmVOy1s0ZykyB7e+P2HgwDwYDVR0TAQH/
BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIFqwHihI
oQCb0oRryQzh0QlUlBVB7YtQfKr/BhS3ytf+AiEAkbAnrg8psRR6B9nOwzTWBaWE
tg+QYF9mNvheur2B3YM=
-----END CERTIFICATE-----";
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgs7cC0fxsBp0leU0/
0zbqEl9u0C9sTcN4Nwx5Sb5NUgmhRANCAARGgRHXU6t6R7bEx6xcUN3s0NMUMxnM
bSryaL7Q9u1OgepLYMIB6kkWlcdAvl/BNkuPBTjteBBrslqX9EtjQTpt
-----END PRIVATE KEY-----";
