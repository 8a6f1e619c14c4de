//! Where our own listeners are, which we never connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The addresses by which connections come to us. Connected to, the server would take itself for a participant.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnListeners {
    addresses: Vec<SocketAddr>,
    names: Vec<(Box<str>, u16)>,
}

impl OwnListeners {
    /// Adds a listener by the address that it is bound to.
    pub(crate) fn add_bound(&mut self, address: SocketAddr) {
        self.addresses.push(address);
    }

    /// Adds a host and port that others are told to connect to; an IPv6 address without brackets.
    pub(crate) fn add_told(&mut self, host: &str, port: u16) {
        match host.parse() {
            Ok(ip) => self.addresses.push(SocketAddr::new(ip, port)),
            Err(_) => self.names.push((host.into(), port)),
        }
    }

    /// Whether this is one of the hosts and ports that others are told.
    pub(crate) fn are_named(&self, host: &str, port: Option<u16>) -> bool {
        self.names.iter().any(|(name, own)| name.eq_ignore_ascii_case(host) && port == Some(*own))
    }

    /// Whether a connection to there would come to one of them.
    pub(crate) fn are_at(&self, address: SocketAddr) -> bool {
        let ip = reached_by(address.ip().to_canonical());
        let of_port = self.addresses.iter().filter(|own| own.port() == address.port());
        of_port
            .map(|own| own.ip().to_canonical())
            .any(|own| own == ip || (own.is_unspecified() && is_of_this_machine(ip)))
    }
}

/// A connection to the unspecified address goes to loopback.
fn reached_by(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

/// What is sent to an address of this machine has that address for its source, too. Nothing is sent to find out.
fn is_of_this_machine(ip: IpAddr) -> bool {
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let source = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((ip, DISCARD))?;
        socket.local_addr()
    };
    ip.is_loopback() || source().is_ok_and(|source| source.ip() == ip)
}

const DISCARD: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn own(bound: &[&str], told: &[(&str, u16)]) -> OwnListeners {
        let mut own = OwnListeners::default();
        bound.iter().for_each(|address| own.add_bound(address.parse().expect("an address")));
        told.iter().for_each(|(host, port)| own.add_told(host, *port));
        own
    }

    fn are_at(own: &OwnListeners, address: &str) -> bool {
        own.are_at(address.parse().expect("an address"))
    }

    /// Every spelling of an address that leads to a listener is known, and another port or host of ours is not taken for it.
    #[test]
    fn each_spelling_of_a_listener() {
        let v4 = own(&["127.0.0.1:2855"], &[]);
        for ours in ["127.0.0.1:2855", "[::ffff:127.0.0.1]:2855", "0.0.0.0:2855", "[::ffff:0.0.0.0]:2855"] {
            assert!(are_at(&v4, ours), "{ours}");
        }
        for other in ["127.0.0.1:2856", "127.0.0.9:2855", "192.0.2.9:2855", "[::1]:2855"] {
            assert!(!are_at(&v4, other), "{other}");
        }
        let v6 = own(&["[::1]:2855"], &[]);
        assert!(are_at(&v6, "[::1]:2855") && are_at(&v6, "[::]:2855") && !are_at(&v6, "[2001:db8::1]:2855"));
    }

    /// A listener on all addresses is at each address of this machine, and at no other.
    #[test]
    fn a_listener_on_all_addresses() {
        for wildcard in ["0.0.0.0:2855", "[::]:2855"] {
            let own = own(&[wildcard], &[]);
            for ours in ["127.0.0.1:2855", "127.9.9.9:2855", "0.0.0.0:2855", "[::]:2855", "[::1]:2855"] {
                assert!(are_at(&own, ours), "{ours} at {wildcard}");
            }
            for other in ["127.0.0.1:2856", "192.0.2.9:2855", "[2001:db8::1]:2855"] {
                assert!(!are_at(&own, other), "{other} at {wildcard}");
            }
        }
    }

    /// What others are told is ours as well, an address by its value and a name in any case.
    #[test]
    fn what_others_are_told() {
        let own = own(&["10.0.0.1:2855"], &[("203.0.113.5", 7000), ("Chat.example.com", 7001)]);
        assert!(are_at(&own, "203.0.113.5:7000") && !are_at(&own, "203.0.113.5:2855"));
        assert!(own.are_named("chat.EXAMPLE.com", Some(7001)));
        assert!(!own.are_named("chat.example.com", Some(7000)) && !own.are_named("chat.example.org", Some(7001)));
    }
}
