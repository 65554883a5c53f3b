//! Telling webhooks that a job has ended: signed, tried again over a day, never to a private address unless allowed.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use stakeout_contract::api::hooks::{Delivery, DeliveryState};
use stakeout_store::DeliveryRow;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{api::App, service::now};

/// Tried for so long, from the first try on.
const GIVE_UP: i64 = 24 * 3600 * 1000;
/// Longer than a try may take.
const CLAIM_SECONDS: u64 = 60;
/// Tries at a time, at one orchestrator.
const AT_ONCE: usize = 16;
/// What waits is looked at so often, when nothing else happens.
const LOOK: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether an address is one that only we, or those beside us, can reach.
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                // Carriers' own (RFC 6598), benchmarks (RFC 2544), protocol assignments (RFC 6890).
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                || v4.octets()[..3] == [192, 0, 0]
        }
        IpAddr::V6(v6) => {
            let s = v6.segments();
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_private(v4.into());
            }
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || (s[0] & 0xfe00) == 0xfc00
                || (s[0] & 0xffc0) == 0xfe80
                || (s[0] & 0xffc0) == 0xfec0
                || (s[0] == 0x2001 && s[1] == 0x0db8)
                // Addresses that carry an IPv4 address: NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo, IPv4-compatible.
                || (s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] && is_private(v4_of(s[6], s[7])))
                // Whatever its own translator makes of it (RFC 8215).
                || s[..3] == [0x64, 0xff9b, 1]
                || (s[0] == 0x2002 && is_private(v4_of(s[1], s[2])))
                || (s[0] == 0x2001 && s[1] == 0)
                || s[..6] == [0; 6]
        }
    }
}

fn v4_of(a: u16, b: u16) -> IpAddr {
    let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
    Ipv4Addr::new(a, b, c, d).into()
}

/// Whether a URL names a private address by itself.
pub(crate) fn is_private_host(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.');
    // RFC 6761: names under `localhost` are the host itself.
    let last = host.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(is_private)
}

/// Names are resolved here, and private answers are none: a name that answers another address at the second look gains nothing.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = all.filter(|a| !is_private(a.ip())).collect();
            if public.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Tells.
#[derive(Clone)]
pub struct Teller {
    /// Or why there is none: without its settings it could be led anywhere.
    client: Result<Client, String>,
    private: bool,
}

impl Teller {
    /// With private addresses allowed or not.
    pub fn new(private: bool) -> Self {
        // Another part of the program may have said which cryptography is used.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut b = Client::builder().redirect(Policy::none()).timeout(PATIENCE).no_proxy().user_agent(crate::ENGINE);
        if !private {
            b = b.dns_resolver(Arc::new(PublicOnly)).https_only(true);
        }
        Self { client: b.build().map_err(|e| crate::worker_port::chain(&e)), private }
    }

    /// Tells those that wait, several at a time, until told to stop. One that does not answer holds its own place, and nobody waits for
    /// it but what follows to the same webhook.
    pub(crate) async fn run(self, app: App, stop: CancellationToken) {
        let mut telling = JoinSet::new();
        while !stop.is_cancelled() {
            let free = AT_ONCE.saturating_sub(telling.len());
            let due =
                if free == 0 { Ok(Vec::new()) } else { app.service().store().claim_deliveries(now(), CLAIM_SECONDS, free as u32).await };
            let some = due.unwrap_or_else(|e| {
                tracing::warn!(task = "webhooks", error = crate::worker_port::chain(&e), "a task failed; it is tried again");
                Vec::new()
            });
            for row in some {
                let (teller, app) = (self.clone(), app.clone());
                telling.spawn(async move { teller.one(&app, &row).await });
            }
            tokio::select! {
                () = stop.cancelled() => {}
                // Its webhook may have more.
                Some(_) = telling.join_next() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        while telling.join_next().await.is_some() {}
    }

    /// Tells one, and keeps what became of it.
    async fn one(&self, app: &App, row: &DeliveryRow) {
        let tried = match app.service().sealer.open(row.hook.hook.id.as_str(), &row.hook.sealed) {
            Ok(secret) => self.tell(row, &secret).await,
            Err(e) => Err(e.to_string()),
        };
        let tried = after(&row.delivery, row.since, tried, now());
        match app.service().store().delivery_tried(&tried).await {
            Ok(true) => {}
            Ok(false) => tracing::debug!(delivery = %tried.id, "a delivery was changed while it was sent"),
            Err(e) => {
                let error = crate::worker_port::chain(&e);
                tracing::warn!(delivery = %tried.id, error, "what came of a delivery was not kept; it is told again");
            }
        }
    }

    async fn tell(&self, row: &DeliveryRow, secret: &[u8]) -> Result<u16, String> {
        let url: Url = row.hook.hook.url.parse().map_err(|_| "the URL cannot be read".to_owned())?;
        if !self.private && is_private_host(&url) {
            return Err("a private address".to_owned());
        }
        let at = now() / 1000;
        let signature = sign(secret, at, row.body.as_bytes());
        let sent = self
            .client
            .as_ref()
            .map_err(Clone::clone)?
            .post(url)
            .header("content-type", "application/json")
            .header("stakeout-delivery", row.delivery.id.as_str())
            .header("stakeout-signature", format!("t={at},v1={signature}"))
            .body(row.body.clone())
            .send()
            .await;
        sent.map(|r| r.status().as_u16()).map_err(|e| crate::worker_port::chain(&e.without_url()))
    }
}

/// HMAC-SHA256 over `<t>.<body>`, hex.
pub fn sign(secret: &[u8], at_seconds: i64, body: &[u8]) -> String {
    use aws_lc_rs::hmac;
    let mut c = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    c.update(at_seconds.to_string().as_bytes());
    c.update(b".");
    c.update(body);
    hex::encode(c.sign())
}

/// What a try makes of a delivery that is tried since then.
fn after(d: &Delivery, since: i64, tried: Result<u16, String>, now: i64) -> Delivery {
    let mut d = d.clone();
    d.tries += 1;
    let delivered = matches!(tried, Ok(200..300));
    (d.status, d.error) = match tried {
        Ok(status) => (Some(status), String::new()),
        Err(e) => (None, e.chars().take(500).collect()),
    };
    // 10 s, 20 s, 40 s, .. at most an hour.
    let pause = 10_000_i64.saturating_mul(1 << (d.tries - 1).min(9)).min(3_600_000);
    (d.state, d.next_ms) = match (delivered, now + pause - since > GIVE_UP) {
        (true, _) => (DeliveryState::Delivered, None),
        (false, true) => (DeliveryState::Failed, None),
        (false, false) => (DeliveryState::Waiting, Some(now + pause)),
    };
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_all_their_dresses() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::808:808",
            "64:ff9b:1:ffff::1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "255.255.255.255",
            "224.0.0.1",
        ];
        for ip in private {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["8.8.8.8", "2606:4700::1111", "172.32.0.1", "64:ff9b::808:808"] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn a_delivery_is_tried_for_a_day_and_then_given_up() {
        let mut d = Delivery {
            id: "delivery-1".parse().unwrap(),
            hook: "hook-1".parse().unwrap(),
            job: "job-1".parse().unwrap(),
            state: DeliveryState::Waiting,
            tries: 0,
            next_ms: Some(0),
            status: None,
            error: String::new(),
            created_ms: 0,
        };
        let mut now = 0;
        while d.state == DeliveryState::Waiting {
            now = d.next_ms.unwrap();
            d = after(&d, 0, Ok(500), now);
        }
        assert_eq!(d.state, DeliveryState::Failed);
        assert!(now > GIVE_UP - 2 * 3_600_000 && (20..60).contains(&d.tries), "{now} {}", d.tries);
        assert_eq!(after(&d, 0, Ok(204), now).state, DeliveryState::Delivered);
        // A replay has a day of its own.
        assert_eq!(after(&d, now, Ok(500), now).state, DeliveryState::Waiting);
    }

    #[test]
    fn a_signature_is_what_the_docs_say() {
        // RFC 4231 test case 2 has this key and data; ours puts `<t>.` before it.
        let plain = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"Jefe"), b"5.body");
        assert_eq!(sign(b"Jefe", 5, b"body"), hex::encode(plain));
    }
}
