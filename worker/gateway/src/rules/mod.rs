//! The packet rules of a cell: as text ([`text`], pure), and put into the kernel ([`install`]).
//!
//! Everything that the device's users send is marked in conntrack while its socket still has a user; the mark stays with the
//! connection when the app has closed it and is gone, so its last bytes are captured too. Marked packets are logged with the
//! addresses that the app used, then turned to the gateway's own ports. Nobody else but the gateway may send.
//!
//! Traps that the order below avoids: a redirected packet still has its old interface's name in later hooks, so addresses are
//! matched; Docker's resolver at 127.0.0.11 has rules of its own at priority -100, so ours turn DNS at -110, and its real
//! ports are refused; a reply to somebody who connected to the app would be in the reply direction, so only packets of the
//! original direction are marked, and nothing may connect in; a reset that refuses a packet passes these rules itself.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use stakeout_protocol::gateway::{DEVICE_UID_FIRST, DEVICE_UID_LAST, DNS_PORT, GATEWAY_UID, TCP_PORT};

use crate::Error;

pub mod sysctl;

/// NFLOG group of the capture.
pub const GROUP_CAPTURE: u16 = 5;
/// NFLOG group of what was refused.
pub const GROUP_REFUSED: u16 = 6;
/// Prefix of a packet that went straight at a port that is the gateway's or the device's own.
pub const PREFIX_DIRECT: &str = "direct";
/// Prefix of every other refused packet.
pub const PREFIX_REFUSED: &str = "refused";

/// The rules. `control` are TCP ports on loopback that steer the device (adb, gRPC, console) and are refused to its users.
pub fn text(control: &[u16]) -> String {
    let device = format!("meta skuid {DEVICE_UID_FIRST}-{DEVICE_UID_LAST}");
    let own = [TCP_PORT, DNS_PORT].iter().chain(control).map(u16::to_string).collect::<Vec<_>>().join(", ");
    format!(
        r#"table inet stakeout
delete table inet stakeout
table inet stakeout {{
  chain capture {{
    type filter hook output priority -150; policy accept;
    {device} fib daddr type local meta l4proto {{ tcp, udp }} th dport {{ {own} }} goto direct
    {device} ct direction original ip daddr != 127.0.0.0/8 ct mark set 7
    {device} ct direction original ip6 daddr != ::1 ct mark set 7
    {device} ct direction original ip daddr 127.0.0.0/8 meta l4proto {{ tcp, udp }} th dport 53 ct mark set 7
    ct mark 7 ct direction original log group {GROUP_CAPTURE}
  }}
  chain divert {{
    type nat hook output priority -110; policy accept;
    ct mark 7 meta nfproto ipv4 meta l4proto {{ tcp, udp }} th dport 53 redirect to :{DNS_PORT}
    ct mark 7 meta nfproto ipv4 meta l4proto tcp redirect to :{TCP_PORT}
  }}
  chain seal {{
    type filter hook output priority 0; policy drop;
    ct mark 7 ct direction reply accept
    ct mark 7 ct status dnat accept
    {device} ip daddr 127.0.0.11 goto refuse
    ip daddr 127.0.0.0/8 accept
    ip6 daddr ::1 accept
    fib daddr type local tcp flags & rst == rst accept
    meta skuid {GATEWAY_UID} accept
    ct mark 7 goto refuse
    {device} goto refuse
  }}
  chain arrive {{
    type filter hook input priority 0; policy drop;
    ct mark 7 ct direction reply log group {GROUP_CAPTURE}
    iif "lo" accept
    ct state established,related accept
  }}
  chain pass_through {{
    type filter hook forward priority 0; policy drop;
  }}
  chain direct {{
    log prefix "{PREFIX_DIRECT}" group {GROUP_REFUSED}
    meta l4proto tcp reject with tcp reset
    drop
  }}
  chain refuse {{
    log prefix "{PREFIX_REFUSED}" group {GROUP_REFUSED}
    meta l4proto tcp reject with tcp reset
    drop
  }}
}}
"#
    )
}

/// Puts rules into the kernel, all or none of them.
pub fn install(rules: &str) -> Result<(), Error> {
    let refused = |e: std::io::Error| Error::Rules(e.to_string());
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(refused)?;
    if let Some(mut stdin) = nft.stdin.take() {
        stdin.write_all(rules.as_bytes()).map_err(refused)?;
    }
    let out = nft.wait_with_output().map_err(refused)?;
    if out.status.success() {
        return Ok(());
    }
    Err(Error::Rules(String::from_utf8_lossy(&out.stderr).lines().take(3).collect::<Vec<_>>().join("; ")))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn the_only_user_that_may_send_is_the_gateway() {
        let rules = text(&[5037]);
        let accepting: Vec<_> = rules.lines().filter(|l| l.contains("skuid") && l.contains("accept")).map(str::trim).collect();
        assert_eq!(accepting, ["meta skuid 970 accept"]);
        assert!(rules.contains("hook output priority 0; policy drop;"));
    }

    #[test]
    fn control_ports_are_refused_with_the_gateways_own() {
        assert!(text(&[5037, 8554]).contains("th dport { 15001, 15053, 5037, 8554 } goto direct"));
    }
}
