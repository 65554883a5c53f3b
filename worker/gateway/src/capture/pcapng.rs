//! pcapng: sections, an interface, TLS secrets, packets. Source: draft-ietf-opsawg-pcapng.
//!
//! Little-endian, one interface of raw IP packets (`LINKTYPE_RAW`, 101), timestamps in nanoseconds since 1970. Secrets stand
//! before the packets, so that a reader in one pass can use them.

const RAW_IP: u16 = 101;
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Which way a packet went, as the device sees it (`epb_flags`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To the device.
    In,
    /// From the device.
    Out,
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let mut o = [&code.to_le_bytes()[..], &(value.len() as u16).to_le_bytes(), value].concat();
    o.resize(o.len().next_multiple_of(4), 0);
    o
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (12 + body.len().next_multiple_of(4)) as u32;
    let mut b = Vec::with_capacity(length as usize);
    b.extend(kind.to_le_bytes());
    b.extend(length.to_le_bytes());
    b.extend(body);
    b.resize(length as usize - 4, 0);
    b.extend(length.to_le_bytes());
    b
}

/// What stands before the packets. `key_log` in NSS's format; empty: no secrets.
pub fn head(comment: &str, key_log: &[u8]) -> Vec<u8> {
    let end = [0; 4];
    let section = [
        &0x1a2b_3c4d_u32.to_le_bytes()[..],
        &1_u16.to_le_bytes(),
        &0_u16.to_le_bytes(),
        &u64::MAX.to_le_bytes(),
        &option(1, comment.as_bytes()),
        &option(4, concat!("stakeout-gateway ", env!("CARGO_PKG_VERSION")).as_bytes()),
        &end,
    ]
    .concat();
    let interface = [
        &RAW_IP.to_le_bytes()[..],
        &[0, 0],
        &0_u32.to_le_bytes(),
        &option(2, b"device"),
        &option(3, b"what the device's users send and get, with the addresses that they used"),
        &option(9, &[9]),
        &end,
    ]
    .concat();
    let mut out = block(0x0a0d_0d0a, &section);
    out.extend(block(1, &interface));
    if !key_log.is_empty() {
        out.extend(block(10, &[&TLS_KEY_LOG.to_le_bytes()[..], &(key_log.len() as u32).to_le_bytes(), key_log].concat()));
    }
    out
}

/// One packet. `nanos` since 1970; `whole` is its length, of which `bytes` may be only the begin.
pub fn packet(nanos: u64, direction: Direction, bytes: &[u8], whole: usize) -> Vec<u8> {
    let flags: u32 = match direction {
        Direction::In => 1,
        Direction::Out => 2,
    };
    let (kept, whole) = ((bytes.len() as u32).to_le_bytes(), (whole.max(bytes.len()) as u32).to_le_bytes());
    let mut body = [&[0; 4][..], &((nanos >> 32) as u32).to_le_bytes(), &(nanos as u32).to_le_bytes(), &kept, &whole, bytes].concat();
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(option(2, &flags.to_le_bytes()));
    body.extend([0; 4]);
    block(6, &body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_say_their_length_twice_and_are_padded(bytes in prop::collection::vec(any::<u8>(), 0..100), nanos: u64) {
            for b in [packet(nanos, Direction::Out, &bytes, 0), head("a comment", &bytes)] {
                let mut rest = &b[..];
                while !rest.is_empty() {
                    let n = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
                    prop_assert_eq!(n % 4, 0);
                    prop_assert_eq!(&rest[4..8], &rest[n - 4..n]);
                    rest = &rest[n..];
                }
            }
        }
    }
}
