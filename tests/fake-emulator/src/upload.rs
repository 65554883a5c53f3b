//! A request from the app, out of this process, as the emulator's own network does it.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::world::World;

/// Sends bytes, as this user; the status of the answer.
pub async fn post(world: &World, uid: u32, url: &str, body: &[u8]) -> anyhow::Result<u16> {
    tokio::time::timeout(Duration::from_secs(20), send(world, uid, "POST", url, body)).await.context("no answer")?.map(|a| a.0)
}

/// Asks; the status and the body of the answer.
pub async fn get(world: &World, uid: u32, url: &str) -> anyhow::Result<(u16, Vec<u8>)> {
    tokio::time::timeout(Duration::from_secs(20), send(world, uid, "GET", url, b"")).await.context("no answer")?
}

/// The guest's authorities: those of its store, where its Android reads it, and of the environment.
fn authorities(world: &World) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Ok(file) = std::env::var("FAKE_EMULATOR_CA") {
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
    }
    let phone = world.phone();
    let module = phone.api() >= 34;
    for (path, file) in &phone.files {
        if path.starts_with("/system/etc/security/cacerts/") && (!module || phone.bound) {
            for certificate in CertificateDer::pem_slice_iter(&file.bytes).flatten() {
                // What is no certificate is none of Android's either.
                let _ = roots.add(certificate);
            }
        }
    }
    anyhow::ensure!(!roots.is_empty(), "the guest has no authorities");
    Ok(roots)
}

async fn send(world: &World, uid: u32, method: &str, url: &str, body: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    let uri: http::Uri = url.parse()?;
    let host = uri.host().context("no host")?;
    let tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let socket = TcpStream::connect((host, port)).await?;
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // Before anything is on its way; a handshake and the heads of packets come on top.
    *world.phone().sent.entry(uid).or_default() += (head.len() + body.len()) as u64 + 600;
    if !tls {
        return exchange(socket, &head, body).await;
    }
    let roots = authorities(world)?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())?;
    exchange(TlsConnector::from(Arc::new(config)).connect(name, socket).await?, &head, body).await
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str, body: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    // A server that ends TLS without its word has answered all the same.
    let _ = stream.take(64 << 10).read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    let Some(status) = text.split(' ').nth(1).and_then(|s| s.get(..3)?.parse().ok()) else { bail!("no answer") };
    let from = answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    Ok((status, answer.split_off(from)))
}
