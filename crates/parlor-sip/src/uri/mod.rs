//! URIs as SIP uses them (RFC 3261 §19.1).

mod equivalence;
pub(crate) mod escape;
pub(crate) mod grammar;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use nom::Parser;
use nom::combinator::all_consuming;

use crate::params::Params;

/// A URI: `sip`, `sips`, `im` and `pres` taken apart, all others kept as they are. `==` compares the text;
/// [`Uri::equivalent`] compares as RFC 3261 §19.1.4 does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uri {
    scheme: Scheme,
    part: Part,
}

/// What a URI begins with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel` (RFC 3966)
    Tel,
    /// `im` (RFC 3860)
    Im,
    /// `pres` (RFC 3859)
    Pres,
    /// Any other, in lower case.
    Other(Box<str>),
}

/// A text is no URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a URI")]
pub struct UriError;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// Shared by all copies.
    Address(Arc<Address>),
    Opaque(Box<str>),
}

/// User and password are normalised, the host is a name or an address, IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Address {
    user: Option<Box<str>>,
    password: Option<Box<str>>,
    host: Box<str>,
    port: Option<u16>,
    params: Params,
    headers: Option<Box<str>>,
}

impl Uri {
    /// `sip:user@host:port`. The user is escaped as needed; `host` is a name or an address.
    pub fn sip(user: Option<&str>, host: &str, port: Option<u16>) -> Result<Self, UriError> {
        Self::new(Scheme::Sip, user, host, port)
    }

    /// `sips:user@host:port`.
    pub fn sips(user: Option<&str>, host: &str, port: Option<u16>) -> Result<Self, UriError> {
        Self::new(Scheme::Sips, user, host, port)
    }

    /// `sip:ADDRESS:port` without a user.
    pub fn of_address(address: std::net::SocketAddr) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Self::with_parts(Scheme::Sip, None, host.into(), Some(address.port()))
    }

    fn new(scheme: Scheme, user: Option<&str>, host: &str, port: Option<u16>) -> Result<Self, UriError> {
        let host = match host.parse::<std::net::Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]").into(),
            Err(_) => all_consuming(grammar::host).parse(host).map_err(|_| UriError)?.1,
        };
        if user == Some("") {
            return Err(UriError);
        }
        let user = user.map(|user| escape::encode(user, grammar::is_user_char).into());
        Ok(Self::with_parts(scheme, user, host, port))
    }

    fn with_parts(scheme: Scheme, user: Option<Box<str>>, host: Box<str>, port: Option<u16>) -> Self {
        let address = Address { user, password: None, host, port, params: Params::default(), headers: None };
        Self { scheme, part: Part::Address(Arc::new(address)) }
    }

    /// Adds or replaces a parameter; it is escaped as needed. Opaque URIs have none and stay as they are.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        if let Some(address) = self.address_mut() {
            address.params.set(name, &escape::encode(value, grammar::is_param_char));
        }
        self
    }

    /// Adds a parameter without a value, such as `lr`.
    #[must_use]
    pub fn with_flag(mut self, name: &str) -> Self {
        if let Some(address) = self.address_mut() {
            address.params.set_flag(name);
        }
        self
    }

    /// The same without what must not stand in a Request-URI: headers and the `method` parameter
    /// (RFC 3261 §19.1.1, table 1).
    #[must_use]
    pub fn into_request_uri(mut self) -> Self {
        if let Some(address) = self.address_mut() {
            address.headers = None;
            address.params.remove("method");
        }
        self
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether this is `sip` or `sips`.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user part, in which only what must be escaped is escaped.
    pub fn user(&self) -> Option<&str> {
        self.address()?.user.as_deref()
    }

    /// The user part with all escapes undone; `None` also when that is not UTF-8.
    pub fn user_decoded(&self) -> Option<Cow<'_, str>> {
        self.user().and_then(escape::decode)
    }

    /// The password.
    pub fn password(&self) -> Option<&str> {
        self.address()?.password.as_deref()
    }

    /// The host: a name or an address, IPv6 in brackets. `None` for an opaque URI.
    pub fn host(&self) -> Option<&str> {
        self.address().map(|address| without_root(&address.host))
    }

    /// The host if it is an address.
    pub fn host_ip(&self) -> Option<IpAddr> {
        host_ip(self.host()?)
    }

    /// The port if one is written.
    pub fn port(&self) -> Option<u16> {
        self.address()?.port
    }

    /// The value of a URI parameter as written.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.address()?.params.value(name)
    }

    /// Whether a URI parameter is there.
    pub fn has_param(&self, name: &str) -> bool {
        self.address().is_some_and(|address| address.params.has(name))
    }

    /// The URI parameters; `None` for an opaque URI.
    pub fn params(&self) -> Option<&Params> {
        self.address().map(|address| &address.params)
    }

    /// The headers after the `?`, as written.
    pub fn headers(&self) -> Option<&str> {
        self.address()?.headers.as_deref()
    }

    /// Whether both are equal by RFC 3261 §19.1.4.
    pub fn equivalent(&self, other: &Self) -> bool {
        equivalence::equivalent(self, other)
    }

    /// Whether scheme (`sips` counts as `sip`), user and host are equal, whatever port, parameters and headers say
    /// (CHAT-51). Opaque URIs are compared as [`Uri::equivalent`] does.
    pub fn same_user_and_host(&self, other: &Self) -> bool {
        equivalence::same_user_and_host(self, other)
    }

    /// The same text for all URIs that [`Uri::same_user_and_host`] finds equal, and for no others.
    pub fn user_key(&self) -> Box<str> {
        equivalence::user_key(self)
    }

    fn address(&self) -> Option<&Address> {
        match &self.part {
            Part::Address(address) => Some(address),
            Part::Opaque(_) => None,
        }
    }

    fn address_mut(&mut self) -> Option<&mut Address> {
        match &mut self.part {
            Part::Address(address) => Some(Arc::make_mut(address)),
            Part::Opaque(_) => None,
        }
    }
}

/// A host without the final dot that names the root of DNS, which says the same.
fn without_root(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// The address that a host is, with or without brackets.
pub(crate) fn host_ip(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

impl Scheme {
    /// The scheme in lower case.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Im => "im",
            Self::Pres => "pres",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Scheme {
    fn from(name: &str) -> Self {
        let known = [Self::Sip, Self::Sips, Self::Tel, Self::Im, Self::Pres];
        let found = known.into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme.as_str()));
        found.unwrap_or_else(|| Self::Other(name.to_ascii_lowercase().into()))
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        all_consuming(grammar::uri).parse(text).map(|(_, uri)| uri).map_err(|_| UriError)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme.as_str())?;
        f.write_str(":")?;
        let address = match &self.part {
            Part::Opaque(text) => return f.write_str(text),
            Part::Address(address) => address,
        };
        if let Some(user) = &address.user {
            f.write_str(user)?;
            if let Some(password) = &address.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        f.write_str(&address.host)?;
        if let Some(port) = address.port {
            write!(f, ":{port}")?;
        }
        address.params.fmt(f)?;
        address.headers.as_ref().map_or(Ok(()), |headers| write!(f, "?{headers}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn parts_of_a_sip_uri_are_told_apart() {
        let uri = uri("sip:alice:secret@example.com:5070;transport=tcp;lr?subject=a%20b&x=y");
        assert_eq!(uri.user(), Some("alice"));
        assert_eq!(uri.password(), Some("secret"));
        assert_eq!(uri.host(), Some("example.com"));
        assert_eq!(self::uri("sip:alice@example.com.").user_key(), self::uri("sip:alice@Example.com").user_key());
        assert_eq!(uri.port(), Some(5070));
        assert_eq!(uri.param("Transport"), Some("tcp"));
        assert!(uri.has_param("LR") && uri.param("lr").is_none());
        assert_eq!(uri.headers(), Some("subject=a%20b&x=y"));
        assert_eq!(uri.to_string(), "sip:alice:secret@example.com:5070;transport=tcp;lr?subject=a%20b&x=y");
    }

    #[test]
    fn ipv6_hosts_stand_in_brackets() {
        let uri = uri("sip:[2001:db8::10]:5070;transport=udp");
        assert_eq!(uri.host(), Some("[2001:db8::10]"));
        assert_eq!(uri.host_ip(), Some("2001:db8::10".parse().unwrap()));
        assert!("sip:2001:db8::10".parse::<Uri>().is_err(), "RFC 5118 §4.2");
        assert_eq!(self::uri("sip:[2001:db8::10:5070]").port(), None, "RFC 5118 §4.3");
        assert_eq!(self::uri("sip:[2001:db8:::192.0.2.1]").host(), Some("[2001:db8::c000:201]"), "RFC 5118 §4.9");
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "sip",
            "sip:",
            "sip:@host",
            "sip:a b@host",
            "sip:a@",
            "sip:a@b:99999",
            "sip:a@b:",
            "sip:a%zz@b",
            "<sip:a@b>",
            "sip:a@1.2.3",
            "sip:a@b..c",
            "sip:a@[::1",
            "sip:a@b?",
            "1sip:x",
            "sip:a@host\r\nX: y",
            "sip:ä@host",
        ] {
            assert!(text.parse::<Uri>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn built_uris_escape_what_they_must() {
        let uri = Uri::sip(Some("a b@c"), "::1", Some(5060)).unwrap().with_param("x", "a;b").with_flag("lr");
        assert_eq!(uri.to_string(), "sip:a%20b%40c@[::1]:5060;x=a%3Bb;lr");
        assert_eq!(uri.user_decoded().as_deref(), Some("a b@c"));
        assert!(Uri::sip(Some("a"), "b\r\nc", None).is_err());
        assert_eq!(uri.to_string().parse::<Uri>().unwrap(), uri);
    }

    #[test]
    fn other_schemes_are_kept() {
        assert_eq!(uri("soap.beep://192.0.2.103:3002").to_string(), "soap.beep://192.0.2.103:3002");
        assert_eq!(uri("tel:+1-201-555-0123").scheme(), &Scheme::Tel);
        assert_eq!(uri("im:alice@example.com").user(), Some("alice"));
        assert_eq!(uri("SIPS:a@b").scheme(), &Scheme::Sips);
    }
}
