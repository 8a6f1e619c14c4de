//! Networks: addresses that begin alike.

use std::fmt;
use std::net::IpAddr;

use toml::Spanned;
use toml::de::DeValue;

use super::value::{Problems, Value, text};

/// The addresses that share their first bits with one, such as `10.0.0.0/8`; without a length it is that address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    /// The networks of loopback.
    pub(crate) const LOOPBACK: [Self; 2] = [
        Self { first: IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 0)), bits: 8 },
        Self { first: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), bits: 128 },
    ];

    fn parse(text: &str) -> Option<Self> {
        let (first, bits) = match text.split_once('/') {
            Some((first, bits)) => (first.parse::<IpAddr>().ok()?, Some(bits)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let most = width(first);
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most && !text.contains('+'))?,
            None => most,
        };
        Some(Self { first, bits })
    }

    /// Whether the address is one of them. An IPv4 address counts as such also where it is written as an IPv6 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, address) = (number(self.first), number(address.to_canonical()));
        let rest = width(self.first) - self.bits;
        own.1 == address.1 && own.0.checked_shr(rest) == address.0.checked_shr(rest)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address as a number, and its kind.
fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), true),
        IpAddr::V6(address) => (u128::from(address), false),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl Value for Network {
    const KIND: &'static str = "a network such as \"10.0.0.0/8\"";
    const LIST: &'static str = "a list of networks";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let text = text::<Self>(value, problems)?;
        let network = Self::parse(text);
        if network.is_none() {
            problems.add(value, format!("{text:?} is not {}", Self::KIND));
        }
        network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(network: &str, address: &str) -> bool {
        Network::parse(network).expect(network).contains(address.parse().expect(address))
    }

    /// A network has the addresses that begin like it, of its own kind alone.
    #[test]
    fn networks_contain_what_begins_alike() {
        assert!(has("10.0.0.0/8", "10.255.1.2") && !has("10.0.0.0/8", "11.0.0.0"));
        assert!(has("10.1.2.3", "10.1.2.3") && !has("10.1.2.3", "10.1.2.2"));
        assert!(has("0.0.0.0/0", "203.0.113.7") && !has("0.0.0.0/0", "2001:db8::1"));
        assert!(has("2001:db8::/32", "2001:db8:1::5") && !has("2001:db8::/32", "2001:db9::"));
        assert!(has("::/0", "::1") && !has("::/0", "10.0.0.1"));
        assert!(has("127.0.0.0/8", "::ffff:127.0.0.1"));
        for loopback in ["127.0.0.1", "127.3.2.1", "::1"] {
            assert!(Network::LOOPBACK.iter().any(|own| own.contains(loopback.parse().expect("an address"))));
        }
    }

    /// What is no network is refused.
    #[test]
    fn bad_networks() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "example.org", "10.0.0.0/", "/8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
