//! What name servers say of SIP, and in which order it counts.

use parlor_sip::Transport;
use std::cmp::Reverse;

/// A service that a domain has (RFC 3403, of which RFC 3263 uses what leads to an SRV).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Naptr {
    pub(crate) order: u16,
    pub(crate) preference: u16,
    pub(crate) transport: Transport,
    /// The name to ask for SRV records.
    pub(crate) srv: String,
}

/// A server of a service (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Srv {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    pub(crate) host: String,
}

/// RFC 3263 §4.1: what the service of a NAPTR is carried by.
pub(crate) fn transport_of(service: &str) -> Option<Transport> {
    let known = [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)];
    known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(service)).map(|(_, transport)| transport)
}

/// RFC 3263 §4.2: the name that SRV records of a domain are asked by.
pub(crate) fn srv_name(transport: Transport, domain: &str) -> String {
    match transport {
        Transport::Udp => format!("_sip._udp.{domain}"),
        Transport::Tcp => format!("_sip._tcp.{domain}"),
        Transport::Tls => format!("_sips._tcp.{domain}"),
    }
}

/// Services by the wish of their domain.
pub(crate) fn sort_services(services: &mut [Naptr]) {
    services.sort_by_key(|naptr| (naptr.order, naptr.preference));
}

/// Servers by priority, and those of one priority by chance as their weights say (RFC 2782). `roll` gives any number.
pub(crate) fn sort_servers(mut servers: Vec<Srv>, mut roll: impl FnMut() -> u32) -> Vec<Srv> {
    // Last, so that popping is choosing; those without weight are chosen only by a roll of zero, or when no other is left.
    servers.sort_by_key(|srv| (Reverse(srv.priority), srv.weight));
    let mut sorted = Vec::with_capacity(servers.len());
    while let Some(best) = servers.last().map(|srv| srv.priority) {
        let first = servers.iter().position(|srv| srv.priority == best).unwrap_or_default();
        let sum: u32 = servers[first..].iter().map(|srv| u32::from(srv.weight)).sum();
        let (chosen, mut passed) = (roll() % (sum + 1), 0);
        let place = servers[first..].iter().position(|srv| {
            passed += u32::from(srv.weight);
            passed >= chosen
        });
        sorted.push(servers.remove(first + place.unwrap_or_default()));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, weight: u16, host: &str) -> Srv {
        Srv { priority, weight, port: 5060, host: host.to_owned() }
    }

    fn hosts(servers: &[Srv], roll: u32) -> String {
        let sorted = sort_servers(servers.to_vec(), || roll);
        sorted.iter().map(|srv| srv.host.as_str()).collect()
    }

    /// RFC 2782: lower priorities first; of one priority each as often as its weight says, and one without weight seldom.
    #[test]
    fn servers_by_priority_and_weight() {
        let servers = [srv(20, 0, "d"), srv(10, 1, "b"), srv(10, 3, "a"), srv(10, 0, "c")];
        let firsts: Vec<char> = (0..5).map(|roll| hosts(&servers, roll).remove(0)).collect();
        assert_eq!(firsts, ['c', 'b', 'a', 'a', 'a']);
        assert!((0..100).all(|roll| hosts(&servers, roll).len() == 4 && hosts(&servers, roll).ends_with('d')));
        assert_eq!(hosts(&[], 1), "");
    }

    #[test]
    fn services_by_order_and_preference() {
        let naptr = |order, preference| Naptr { order, preference, transport: Transport::Udp, srv: String::new() };
        let mut services = [naptr(20, 1), naptr(10, 9), naptr(10, 2)];
        sort_services(&mut services);
        assert_eq!(services.map(|naptr| (naptr.order, naptr.preference)), [(10, 2), (10, 9), (20, 1)]);
        assert_eq!(transport_of("sips+d2t"), Some(Transport::Tls));
        assert_eq!(transport_of("SIP+D2S"), None);
    }
}
