use std::fmt;
use std::net::SocketAddr;

/// What carries SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams, which may be lost.
    Udp,
    /// A stream.
    Tcp,
    /// A stream that is encrypted.
    Tls,
}

impl Transport {
    /// Whether nothing need be retransmitted hop by hop.
    pub fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }

    /// The name in a Via.
    pub fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

/// A TCP or TLS connection, named by the one who holds the sockets. Numbers are not used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Between which addresses, over what and on which connection messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// What carries them.
    pub transport: Transport,
    /// Our address: the listening one for UDP.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The connection; `None` for UDP, and for an answer that needs a new stream to `remote`.
    pub connection: Option<ConnectionId>,
}

/// The host and port that a Via of ours names (RFC 3261 §18.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentBy {
    /// A name or an address, IPv6 in brackets.
    pub host: Box<str>,
    /// The port on which responses are awaited.
    pub port: Option<u16>,
}

impl From<SocketAddr> for SentBy {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        Self { host: host.into(), port: Some(address.port()) }
    }
}

impl fmt::Display for SentBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}
