//! Where peers reach us.

use crate::{Flow, Transport, Uri, UriError};

/// Where SIP peers reach us, by transport. One that is missing falls back to the domain.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    /// Over UDP.
    pub udp: Option<SipAddress>,
    /// Over TCP.
    pub tcp: Option<SipAddress>,
    /// Over TLS.
    pub tls: Option<SipAddress>,
}

/// A host and port for Contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipAddress {
    /// A name or an address; an IPv6 address with or without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

impl Contacts {
    /// Where we are really reached as `user` by who was heard on that flow (SIP-70, SIP-E0, SIP-E1).
    pub fn uri(&self, user: Option<&str>, domain: &str, flow: &Flow, secure: bool) -> Result<Uri, UriError> {
        let (address, transport) = match flow.transport {
            Transport::Udp => (&self.udp, None),
            Transport::Tcp => (&self.tcp, Some("tcp")),
            Transport::Tls => (&self.tls, Some("tls")),
        };
        let (host, port) = match address {
            Some(SipAddress { host, port }) => (&**host, Some(*port)),
            None => (domain, None),
        };
        let make = if secure { Uri::sips } else { Uri::sip };
        let uri = make(user, host, port)?;
        Ok(match transport {
            // RFC 3261 §26.2.2: with sips the transport is TCP below TLS, and needs no naming.
            Some(transport) if !secure => uri.with_param("transport", transport),
            Some(_) | None => uri,
        })
    }
}
