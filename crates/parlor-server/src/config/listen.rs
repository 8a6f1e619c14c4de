//! Addresses: where the server listens, and what it tells others to connect to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;
use toml::de::DeValue;

use super::value::{Problems, Value, list, text};

/// What carries the bytes of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams, for SIP alone.
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
}

impl Transport {
    /// The name in front of the address, such as `tcp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls].into_iter().find(|transport| transport.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One listener of SIP: `udp:`, `tcp:` or `tls:` and an address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listen {
    /// What carries the bytes.
    pub transport: Transport,
    /// The local address to bind; port 0 takes a free one.
    pub address: SocketAddr,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.address)
    }
}

impl Value for Listen {
    const KIND: &'static str = "a listener such as \"tcp:127.0.0.1:5060\"";
    const LIST: &'static str = "a list of listeners";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let text = text::<Self>(value, problems)?;
        let Some((transport, address)) = text.split_once(':') else {
            problems.add(value, format!("{text:?} is not {}", Self::KIND));
            return None;
        };
        let Some(transport) = Transport::from_name(transport) else {
            problems.add(value, format!("{text:?} does not begin with \"udp:\", \"tcp:\" or \"tls:\""));
            return None;
        };
        let address = socket_address(address, value, problems)?;
        Some(Self { transport, address })
    }
}

impl Value for SocketAddr {
    const KIND: &'static str = "an address with a port";
    const LIST: &'static str = "a list of addresses with ports";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        socket_address(text::<Self>(value, problems)?, value, problems)
    }
}

/// Where HTTP is served, or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpListen {
    /// No HTTP.
    Off,
    /// On that address; port 0 takes a free one.
    At(SocketAddr),
}

impl HttpListen {
    /// The address to bind, if HTTP is on.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl Value for HttpListen {
    const KIND: &'static str = "an address with a port, or \"off\"";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let text = text::<Self>(value, problems)?;
        if text.eq_ignore_ascii_case("off") {
            return Some(Self::Off);
        }
        socket_address(text, value, problems).map(Self::At)
    }
}

/// A host, with or without a port, that others reach this server by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A domain name or an address, an IPv6 address in brackets, as it stands in a URI.
    pub host: String,
    /// The port, unless it is the listener's own.
    pub port: Option<u16>,
}

impl HostPort {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']')?;
                let IpAddr::V6(address) = address.parse().ok()? else {
                    return None;
                };
                let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
                (format!("[{address}]"), port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host.to_owned(), Some(port)),
                None => (text.to_owned(), None),
            },
        };
        let port = match port {
            Some(port) => Some(port.parse().ok().filter(|&port| port != 0)?),
            None => None,
        };
        (host.starts_with('[') || is_host(&host)).then_some(Self { host, port })
    }

    /// The host and port of a socket's address.
    pub fn of(address: SocketAddr) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Self { host, port: Some(address.port()) }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl Value for HostPort {
    const KIND: &'static str = "a host such as \"chat.example.net\", with or without a port";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let text = text::<Self>(value, problems)?;
        let read = Self::parse(text);
        if read.is_none() {
            problems.add(value, format!("{text:?} is not {}", Self::KIND));
        }
        read
    }
}

/// What others are told to connect to: nothing (each listener's own address), one host for all listeners, or one
/// for each in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised(Vec<HostPort>);

impl Advertised {
    /// The entries as written.
    pub fn entries(&self) -> &[HostPort] {
        &self.0
    }

    /// The host and port to tell for the listener at `index` that is bound to `bound`.
    pub fn host_port(&self, index: usize, bound: SocketAddr) -> HostPort {
        match self.0.get(index).or(self.0.first()) {
            Some(told) => HostPort { host: told.host.clone(), port: told.port.or(Some(bound.port())) },
            None => HostPort::of(bound),
        }
    }
}

impl Value for Advertised {
    const KIND: &'static str = "a host or a list of hosts";

    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if value.get_ref().is_str() {
            return HostPort::read(value, problems).map(|one| Self(vec![one]));
        }
        list(value, problems, Self::KIND).map(Self)
    }
}

/// Whether `text` is a host name or an IPv4 address as a URI may hold it (RFC 3261 §25.1, `hostname`).
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn socket_address(text: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<SocketAddr> {
    let read = text.parse();
    if read.is_err() {
        let hint = "expected an IP address and a port, such as 127.0.0.1:5060 or [::1]:5060";
        problems.add(value, format!("{hint}, found {text:?}"));
    }
    read.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Value>(text: &str) -> Option<T> {
        T::read(&DeValue::parse(text).unwrap(), &mut Problems::default())
    }

    /// Listeners of each transport are read, with IPv4 and IPv6, and shown as they are written.
    #[test]
    fn listeners() {
        for text in ["udp:127.0.0.1:5060", "tcp:[::1]:0", "tls:0.0.0.0:5061"] {
            assert_eq!(read::<Listen>(&format!("{text:?}")).unwrap().to_string(), text);
        }
        for text in [
            "",
            "tcp",
            "tcp:",
            "127.0.0.1:5060",
            "sctp:127.0.0.1:5060",
            "tcp:localhost:5060",
            "tcp:127.0.0.1",
            "tcp:::1:5060",
        ] {
            assert_eq!(read::<Listen>(&format!("{text:?}")), None, "{text}");
        }
    }

    /// Hosts are read with and without port; an IPv6 address needs its brackets.
    #[test]
    fn hosts() {
        for text in
            ["chat.example.net", "chat.example.net:2855", "192.0.2.1:1", "[2001:db8::1]", "[::1]:5060", "localhost"]
        {
            assert_eq!(HostPort::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            ":5060",
            "a:0",
            "a:65536",
            "a:",
            "::1",
            "[::1",
            "[::1]5060",
            "[192.0.2.1]",
            "a b",
            "-a",
            "a..b",
            "ex\u{e4}mple",
        ] {
            assert_eq!(HostPort::parse(text), None, "{text}");
        }
    }

    /// One advertised host stands for all listeners, several go by their order, none means the bound address.
    #[test]
    fn advertised() {
        let bound = "127.0.0.1:2855".parse().unwrap();
        let none = read::<Advertised>("[]").unwrap();
        assert_eq!(none.host_port(1, bound).to_string(), "127.0.0.1:2855");
        let one = read::<Advertised>("\"a.test\"").unwrap();
        assert_eq!(one.host_port(1, bound).to_string(), "a.test:2855");
        let two = read::<Advertised>("[\"a.test\", \"b.test:7\"]").unwrap();
        assert_eq!(two.host_port(0, bound).to_string(), "a.test:2855");
        assert_eq!(two.host_port(1, bound).to_string(), "b.test:7");
    }
}
