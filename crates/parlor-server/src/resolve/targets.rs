//! Which servers a URI leads to (RFC 3263 §4).

use super::records::{Naptr, Srv, sort_servers, sort_services, srv_name};
use super::{Target, Unresolved};
use parlor_sip::{Scheme, Transport, Uri};
use std::net::{IpAddr, SocketAddr};

/// How many servers are tried at the most.
const MOST: usize = 8;
/// How many services of a domain are looked at.
const SERVICES: usize = 4;
/// How many addresses of one host.
const ADDRESSES: usize = 4;

/// What name servers know.
pub(super) trait Names {
    /// The services of a domain that are SIP.
    fn naptr(&self, domain: &str) -> impl Future<Output = Result<Vec<Naptr>, Unresolved>> + Send;
    /// The servers of a service.
    fn srv(&self, name: &str) -> impl Future<Output = Result<Vec<Srv>, Unresolved>> + Send;
    /// The addresses of a host.
    fn addresses(&self, host: &str) -> impl Future<Output = Result<Vec<IpAddr>, Unresolved>> + Send;
}

/// The servers for a URI, by these transports.
pub(super) async fn of(names: &(impl Names + Sync), uri: &Uri, ours: &[Transport]) -> Result<Vec<Target>, Unresolved> {
    let search = Search::new(names, uri, ours)?;
    let mut targets: Vec<Target> = Vec::new();
    for target in search.run().await? {
        if !targets.contains(&target) && targets.len() < MOST {
            targets.push(target);
        }
    }
    if targets.is_empty() { Err(Unresolved::Unknown) } else { Ok(targets) }
}

struct Search<'a, N> {
    names: &'a N,
    uri: &'a Uri,
    host: &'a str,
    secure: bool,
    /// What may be used, best first.
    usable: Vec<Transport>,
    /// What the URI asks for.
    asked: Option<Transport>,
}

impl<'a, N: Names + Sync> Search<'a, N> {
    fn new(names: &'a N, uri: &'a Uri, ours: &[Transport]) -> Result<Self, Unresolved> {
        let secure = *uri.scheme() == Scheme::Sips;
        let usable: Vec<Transport> = ours.iter().copied().filter(|own| !secure || *own == Transport::Tls).collect();
        let asked = match uri.param("transport").map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("udp") if !secure => Some(Transport::Udp),
            // RFC 3261 §26.2.2: over sips this is TLS.
            Some("tcp") if secure => Some(Transport::Tls),
            Some("tcp") => Some(Transport::Tcp),
            Some("tls") => Some(Transport::Tls),
            Some(_) => return Err(Unresolved::Transport),
        };
        if usable.is_empty() || asked.is_some_and(|asked| !usable.contains(&asked)) {
            return Err(Unresolved::Transport);
        }
        // RFC 3263 §4
        let host = uri.param("maddr").or(uri.host()).ok_or(Unresolved::Unknown)?;
        Ok(Self { names, uri, host, secure, usable, asked })
    }

    async fn run(&self) -> Result<Vec<Target>, Unresolved> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = host.parse::<IpAddr>() {
            let transport = self.default()?;
            return Ok(vec![self.at(transport, ip.to_canonical(), self.uri.port())]);
        }
        if *self.uri.scheme() == Scheme::Im {
            // RFC 3861 §3
            if let Some(servers) = self.servers(&format!("_im._sip.{host}"), self.default()?).await? {
                return Ok(servers);
            }
        }
        match (self.uri.port(), self.asked) {
            (None, None) => self.by_services(host).await,
            (None, Some(asked)) => self.by_service(asked, host).await,
            (Some(_), _) => self.by_address(self.default()?, host).await,
        }
    }

    /// RFC 3263 §4.1: nothing tells the transport but what the domain says.
    async fn by_services(&self, host: &str) -> Result<Vec<Target>, Unresolved> {
        // Name servers are known that cannot answer this and can the rest.
        let mut services = self.names.naptr(host).await.unwrap_or_default();
        services.retain(|naptr| self.usable.contains(&naptr.transport));
        sort_services(&mut services);
        services.truncate(SERVICES);
        let mut named: Vec<(Transport, String)> =
            services.into_iter().map(|naptr| (naptr.transport, naptr.srv)).collect();
        if named.is_empty() {
            let usable = self.usable.iter().filter(|usable| self.secure || **usable != Transport::Tls);
            named = usable.map(|transport| (*transport, srv_name(*transport, host))).collect();
        }
        let (mut targets, mut none_told) = (Vec::new(), Ok(false));
        for (transport, name) in named {
            match self.servers(&name, transport).await {
                Ok(servers) => {
                    none_told = none_told.map(|told| told || servers.is_some());
                    targets.extend(servers.into_iter().flatten());
                }
                Err(why) => none_told = Err(why),
            }
            if targets.len() >= MOST {
                break;
            }
        }
        // The host itself is taken for a server only where nothing is said of any service.
        if targets.is_empty() && !none_told? { self.by_address(self.default()?, host).await } else { Ok(targets) }
    }

    async fn by_service(&self, transport: Transport, host: &str) -> Result<Vec<Target>, Unresolved> {
        match self.servers(&srv_name(transport, host), transport).await? {
            Some(targets) => Ok(targets),
            None => self.by_address(transport, host).await,
        }
    }

    /// RFC 3263 §4.2: the addresses of the servers of a service. `None`: nothing is said of such a service. No addresses: there
    /// is decidedly none, for which RFC 2782 has a lone dot, or they cannot be found.
    async fn servers(&self, name: &str, transport: Transport) -> Result<Option<Vec<Target>>, Unresolved> {
        let mut servers = self.names.srv(name).await?;
        if servers.is_empty() {
            return Ok(None);
        }
        servers.retain(|srv| srv.host != "." && srv.port != 0);
        let mut targets = Vec::new();
        for srv in sort_servers(servers, rand::random) {
            // One that is not found does not stand in the way of the others.
            let addresses = self.names.addresses(&srv.host).await.unwrap_or_default();
            targets.extend(addresses.into_iter().take(ADDRESSES).map(|ip| self.at(transport, ip, Some(srv.port))));
            if targets.len() >= MOST {
                break;
            }
        }
        Ok(Some(targets))
    }

    async fn by_address(&self, transport: Transport, host: &str) -> Result<Vec<Target>, Unresolved> {
        let addresses = self.names.addresses(host).await?;
        Ok(addresses.into_iter().take(ADDRESSES).map(|ip| self.at(transport, ip, self.uri.port())).collect())
    }

    fn at(&self, transport: Transport, ip: IpAddr, port: Option<u16>) -> Target {
        let port = port.unwrap_or(if transport == Transport::Tls { 5061 } else { 5060 }); // RFC 3261 §19.1.2
        Target { transport, address: SocketAddr::new(ip, port) }
    }

    /// RFC 3263 §4.1: what is used where nobody says it: UDP, if we have it; for sips TLS.
    fn default(&self) -> Result<Transport, Unresolved> {
        let usual = if self.secure { &[Transport::Tls][..] } else { &[Transport::Udp, Transport::Tcp] };
        let default = self.asked.or_else(|| usual.iter().copied().find(|usual| self.usable.contains(usual)));
        default.ok_or(Unresolved::Transport)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
