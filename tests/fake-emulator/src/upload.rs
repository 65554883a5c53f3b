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

/// Sends bytes; the status of the answer.
pub async fn post(url: &str, body: &[u8]) -> anyhow::Result<u16> {
    tokio::time::timeout(Duration::from_secs(20), send(url, body)).await.context("no answer")?
}

async fn send(url: &str, body: &[u8]) -> anyhow::Result<u16> {
    let uri: http::Uri = url.parse()?;
    let host = uri.host().context("no host")?;
    let tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let socket = TcpStream::connect((host, port)).await?;
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if !tls {
        return exchange(socket, &head, body).await;
    }
    let mut roots = RootCertStore::empty();
    let file = std::env::var("FAKE_EMULATOR_CA").context("the guest has no authorities")?;
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())?;
    exchange(TlsConnector::from(Arc::new(config)).connect(name, socket).await?, &head, body).await
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str, body: &[u8]) -> anyhow::Result<u16> {
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    // A server that ends TLS without its word has answered all the same.
    let _ = stream.take(64 << 10).read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    let Some(status) = text.split(' ').nth(1).and_then(|s| s.get(..3)?.parse().ok()) else { bail!("no answer") };
    Ok(status)
}
