//! Which address stands for which name.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

/// More names than this get no address: an app that asks for them floods.
pub const NAMES_MAX: usize = 65_536;

/// Names and their addresses in 198.18.0.0/15 (RFC 2544: never on the internet). A name's address follows from the name, so
/// that a captured address means the same in every trial, unless two names fall on one: then the later one moves on.
#[derive(Debug, Default)]
pub struct Names(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    by_name: HashMap<String, Ipv4Addr>,
    by_address: HashMap<Ipv4Addr, String>,
}

fn first_choice(name: &str) -> u32 {
    let digest = Sha256::digest(name);
    u32::from_be_bytes([0, digest[0], digest[1], digest[2]]) & 0x1_ffff
}

fn usable(index: u32) -> bool {
    !matches!(index & 0xff, 0 | 0xff)
}

impl Names {
    /// The address of a name (lower case, without the last dot); none: there are too many.
    pub fn address(&self, name: &str) -> Option<Ipv4Addr> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(a) = tables.by_name.get(name) {
            return Some(*a);
        }
        if tables.by_name.len() >= NAMES_MAX {
            return None;
        }
        let base = u32::from(Ipv4Addr::new(198, 18, 0, 0));
        let start = first_choice(name);
        // At most half of the addresses are taken, so a free one is near.
        let address = (0..1 << 17)
            .map(|step| (start + step) & 0x1_ffff)
            .filter(|i| usable(*i))
            .map(|i| Ipv4Addr::from(base + i))
            .find(|a| !tables.by_address.contains_key(a))?;
        tables.by_name.insert(name.to_owned(), address);
        tables.by_address.insert(address, name.to_owned());
        Some(address)
    }

    /// Whether a name has an address already.
    pub fn knows(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_name.contains_key(name)
    }

    /// The name that an address was given for.
    pub fn name(&self, address: Ipv4Addr) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_address.get(&address).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_name_keeps_its_address_and_no_two_share_one() {
        let names = Names::default();
        let mut seen = HashSet::new();
        for i in 0..3000 {
            let name = format!("host{i}.example");
            let a = names.address(&name).unwrap();
            assert!(seen.insert(a), "{a} twice");
            assert_eq!(a.octets()[0], 198);
            assert!(matches!(a.octets()[1], 18 | 19));
            assert_eq!(names.address(&name), Some(a));
            assert_eq!(names.name(a), Some(name));
        }
        assert_eq!(Names::default().address("host7.example"), names.address("host7.example"));
    }

    #[test]
    fn a_flood_of_names_ends() {
        let names = Names::default();
        for i in 0..NAMES_MAX {
            assert!(names.address(&i.to_string()).is_some());
        }
        assert_eq!(names.address("one more"), None);
        assert!(names.address("0").is_some());
    }
}
