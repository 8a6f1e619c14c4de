//! `msrp:` and `msrps:` URIs (RFC 4975 §6, §9).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::ops::Range;

use bytestring::ByteString;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{alpha1, char};
use nom::combinator::{map_opt, map_res, opt, recognize, verify};
use nom::multi::fold_many0;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Offset, Parser};

/// An MSRP URI: its original text and where the parts stand in it.
///
/// The text is shared, so a clone is cheap. A URI that came out of a [`Decoder`](crate::Decoder) is a slice of what was
/// pushed and keeps that read alive; [`Uri::detach`] gives one that does not, to be kept for a session's life.
///
/// Two URIs are equal when their texts are; [`Uri::matches`] is the comparison of RFC 4975.
#[derive(Clone)]
pub struct Uri {
    text: ByteString,
    secure: bool,
    host: Span,
    port: Option<u16>,
    session_id: Option<Span>,
    transport: Span,
}

/// Where a part stands in the text.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u16,
    end: u16,
}

/// Why a text is no MSRP URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It does not begin with `msrp://` or `msrps://`.
    #[error("the scheme is neither msrp nor msrps")]
    Scheme,
    /// The host or port is missing or wrong.
    #[error("the host or port is missing or wrong")]
    Authority,
    /// The part after the slash is empty or has other characters than a session-id may have.
    #[error("the session-id is empty or has a wrong character")]
    SessionId,
    /// There is no `;tcp` or other transport (MSRP-80).
    #[error("the transport is missing")]
    Transport,
    /// A parameter after the transport is wrong.
    #[error("a parameter is wrong")]
    Parameter,
    /// It is longer than any URI may be.
    #[error("longer than {} octets", Uri::MAX_LEN)]
    TooLong,
}

impl Uri {
    /// The longest URI accepted, in octets.
    pub const MAX_LEN: usize = 4096;

    /// Reads a URI; nothing may follow it.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        // Checked before the text is copied.
        if text.len() > Self::MAX_LEN {
            return Err(UriError::TooLong);
        }
        Self::from_text(ByteString::from(text))
    }

    /// Reads a URI and keeps the text given.
    pub(crate) fn from_text(text: ByteString) -> Result<Self, UriError> {
        if text.len() > Self::MAX_LEN {
            return Err(UriError::TooLong);
        }
        let parts = msrp_uri(&text)?;
        let span = |part: &str| {
            let start = text.as_bytes().offset(part.as_bytes());
            Span { start: start as u16, end: (start + part.len()) as u16 }
        };
        let (host, session_id, transport) = (span(parts.host), parts.session_id.map(span), span(parts.transport));
        let (secure, port) = (parts.secure, parts.port);
        Ok(Self { secure, host, port, session_id, transport, text })
    }

    /// Makes a URI out of its parts; `host` is a name or an address, an IPv6 address without brackets.
    ///
    /// # Panics
    /// When the parts do not form a URI; they come from the configuration, not from a peer.
    pub fn new(secure: bool, host: &str, port: u16, session_id: &str, transport: &str) -> Self {
        let scheme = if secure { "msrps" } else { "msrp" };
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        let text = format!("{scheme}://{open}{host}{close}:{port}/{session_id};{transport}");
        Self::from_text(text.into()).expect("host, session-id and transport keep to the grammar")
    }

    /// The URI as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the scheme is `msrps`, TLS on this hop (MSRP-81).
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.part(self.host)
    }

    /// The port, if one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The session-id, if there is one.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.map(|span| self.part(span))
    }

    /// The transport parameter, such as `tcp` or `ws`.
    pub fn transport(&self) -> &str {
        self.part(self.transport)
    }

    /// Whether both name the same session at the same place, by the rules of RFC 4975 §6.1 (MSRP-83).
    pub fn matches(&self, other: &Self) -> bool {
        self.text == other.text
            || (self.secure == other.secure
                && self.port == other.port
                && self.session_id() == other.session_id()
                && self.transport().eq_ignore_ascii_case(other.transport())
                && hosts_match(self.host(), other.host()))
    }

    /// The same URI in memory of its own.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { text: ByteString::from(self.as_str()), ..*self }
    }

    fn part(&self, span: Span) -> &str {
        &self.text[Range::<usize>::from(span)]
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Self {
        usize::from(span.start)..usize::from(span.end)
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Uri {}

impl Hash for Uri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl std::str::FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

/// RFC 4975 §6.1: addresses by value, names without regard to case once what need not be percent-encoded is decoded.
fn hosts_match(one: &str, other: &str) -> bool {
    match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => one == other,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        (Err(_), Err(_)) => decoded(one).eq(decoded(other)),
    }
}

/// The host in lower case, percent-encoded unreserved characters decoded, others left as they are.
fn decoded(host: &str) -> impl Iterator<Item = u8> {
    let mut rest = host.as_bytes();
    std::iter::from_fn(move || {
        let octet = match rest {
            [b'%', high, low, ..] => hex_pair(*high, *low).filter(|octet| is_unreserved(char::from(*octet))),
            _ => None,
        };
        let (octet, len) = octet.map_or_else(|| (rest.first().copied(), 1), |octet| (Some(octet), 3));
        rest = rest.get(len..).unwrap_or_default();
        octet.map(|octet| octet.to_ascii_lowercase())
    })
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

struct Parts<'a> {
    secure: bool,
    host: &'a str,
    port: Option<u16>,
    session_id: Option<&'a str>,
    transport: &'a str,
}

/// `MSRP-URI = msrp-scheme "://" authority ["/" session-id] ";" transport *(";" URI-parameter)`
fn msrp_uri(input: &str) -> Result<Parts<'_>, UriError> {
    let (rest, secure) = terminated(msrp_scheme, tag("://")).parse(input).map_err(|_| UriError::Scheme)?;
    let (rest, (host, port)) = authority(rest).map_err(|_| UriError::Authority)?;
    let (rest, session_id) = match rest.strip_prefix('/') {
        Some(rest) => session_id(rest).map(|(rest, id)| (rest, Some(id))).map_err(|_| UriError::SessionId)?,
        None => (rest, None),
    };
    let (rest, transport) = preceded(char(';'), transport).parse(rest).map_err(|_| UriError::Transport)?;
    let (rest, ()) = uri_parameters(rest).map_err(|_| UriError::Parameter)?;
    if !rest.is_empty() {
        return Err(UriError::Parameter);
    }
    Ok(Parts { secure, host, port, session_id, transport })
}

fn msrp_scheme(input: &str) -> IResult<&str, bool> {
    map_opt(alpha1, |scheme: &str| match scheme.len() {
        4 if scheme.eq_ignore_ascii_case("msrp") => Some(false),
        5 if scheme.eq_ignore_ascii_case("msrps") => Some(true),
        _ => None,
    })
    .parse(input)
}

/// `authority = [userinfo "@"] host [":" port]`
fn authority(input: &str) -> IResult<&str, (&str, Option<u16>)> {
    // No later part of the URI may have an "@", and userinfo may have ";": look for it first.
    let (input, _) = match memchr::memchr(b'@', input.as_bytes()) {
        Some(_) => terminated(opt(take_while1(is_userinfo_char)), char('@')).parse(input)?,
        None => (input, None),
    };
    (host, opt(preceded(char(':'), port))).parse(input)
}

fn host(input: &str) -> IResult<&str, &str> {
    alt((ip_literal, reg_name)).parse(input)
}

fn ip_literal(input: &str) -> IResult<&str, &str> {
    delimited(char('['), verify(take_while1(|c| c != ']'), |text: &str| text.parse::<Ipv6Addr>().is_ok()), char(']'))
        .parse(input)
}

/// `reg-name` of RFC 3986 without ";", which ends the authority of an MSRP URI.
fn reg_name(input: &str) -> IResult<&str, &str> {
    verify(take_while1(is_reg_name_char), |name: &str| percent_encoding_is_whole(name)).parse(input)
}

fn port(input: &str) -> IResult<&str, u16> {
    map_res(take_while1(|c: char| c.is_ascii_digit()), str::parse).parse(input)
}

/// `session-id = 1*(unreserved / "+" / "=" / "/")`
fn session_id(input: &str) -> IResult<&str, &str> {
    take_while1(|c| is_unreserved(c) || matches!(c, '+' | '=' | '/')).parse(input)
}

fn transport(input: &str) -> IResult<&str, &str> {
    take_while1(|c: char| c.is_ascii_alphanumeric()).parse(input)
}

fn uri_parameters(input: &str) -> IResult<&str, ()> {
    fold_many0(preceded(char(';'), uri_parameter), || (), |(), _| ()).parse(input)
}

/// `URI-parameter = token ["=" token]`
fn uri_parameter(input: &str) -> IResult<&str, &str> {
    recognize((token, opt(preceded(char('='), token)))).parse(input)
}

fn token(input: &str) -> IResult<&str, &str> {
    take_while1(is_token_char).parse(input)
}

fn is_token_char(c: char) -> bool {
    matches!(c, '!' | '#'..='\'' | '*'..='+' | '-'..='.' | '0'..='9' | 'A'..='Z' | '^'..='~')
}

fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

fn is_reg_name_char(c: char) -> bool {
    is_unreserved(c) || matches!(c, '%' | '!' | '$' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | '=')
}

fn is_userinfo_char(c: char) -> bool {
    is_reg_name_char(c) || matches!(c, ':' | ';')
}

/// Whether each "%" begins two hexadecimal digits.
fn percent_encoding_is_whole(name: &str) -> bool {
    name.split('%').skip(1).all(|after| matches!(after.as_bytes(), [high, low, ..] if hex_pair(*high, *low).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).expect(text)
    }

    #[test]
    fn parts_are_read() {
        let u = uri("MSRPS://bob:x;y@[2001:DB8::1]:2855/ab+c=/d.e~f;TCP;fast;q=1");
        assert!(u.is_secure());
        assert_eq!(u.host(), "2001:DB8::1");
        assert_eq!(u.port(), Some(2855));
        assert_eq!(u.session_id(), Some("ab+c=/d.e~f"));
        assert_eq!(u.transport(), "TCP");
        let u = uri("msrp://relay.example.com;tcp");
        assert_eq!((u.port(), u.session_id(), u.is_secure()), (None, None, false));
    }

    #[test]
    fn wrong_parts_are_named() {
        for (text, error) in [
            ("", UriError::Scheme),
            ("sip:a@b", UriError::Scheme),
            ("msrp:/a;tcp", UriError::Scheme),
            ("msrp://;tcp", UriError::Authority),
            ("msrp://[::1:2855/a;tcp", UriError::Authority),
            ("msrp://[a::zz]:1/a;tcp", UriError::Authority),
            ("msrp://a%2/b;tcp", UriError::Authority),
            ("msrp://host:65536/a;tcp", UriError::Transport),
            ("msrp://host:/a;tcp", UriError::Transport),
            ("msrp://host:1/;tcp", UriError::SessionId),
            ("msrp://host:1/a", UriError::Transport),
            ("msrp://host:1/a b;tcp", UriError::Transport),
            ("msrp://host:1/a;tcp;", UriError::Parameter),
            ("msrp://host:1/a;tcp;a=", UriError::Parameter),
            ("msrp://host:1/a;tcp ", UriError::Parameter),
            ("msrp://host:1/a;tcp@b", UriError::Authority),
        ] {
            assert_eq!(Uri::parse(text).expect_err(text), error, "{text}");
        }
        assert_eq!(Uri::parse(&format!("msrp://{};tcp", "a".repeat(5000))).expect_err("long"), UriError::TooLong);
    }

    #[test]
    fn comparison_follows_msrp_83() {
        let base = uri("msrp://alice@Host.example.com:8145/foo;tcp");
        for same in [
            "MSRP://host.EXAMPLE.com:8145/foo;TCP",
            "msrp://h%6Fst.example.com:8145/foo;tcp",
            "msrp://bob@host.example.com:8145/foo;tcp;x=y",
        ] {
            assert!(base.matches(&uri(same)), "{same}");
        }
        for different in [
            "msrps://host.example.com:8145/foo;tcp",
            "msrp://host.example.com/foo;tcp",
            "msrp://host.example.com:8146/foo;tcp",
            "msrp://host.example.com:8145/Foo;tcp",
            "msrp://host.example.com:8145;tcp",
            "msrp://host.example.com:8145/foo;ws",
            "msrp://other.example.com:8145/foo;tcp",
        ] {
            assert!(!base.matches(&uri(different)), "{different}");
        }
        assert!(uri("msrp://[2001:db8:0:0::1]:1/a;tcp").matches(&uri("msrp://[2001:DB8::1]:1/a;tcp")));
        assert!(!uri("msrp://10.0.0.1:1/a;tcp").matches(&uri("msrp://10.0.0.2:1/a;tcp")));
    }

    #[test]
    fn new_writes_brackets_around_ipv6() {
        let u = Uri::new(true, "2001:db8::1", 2855, "abc", "tcp");
        assert_eq!(u.as_str(), "msrps://[2001:db8::1]:2855/abc;tcp");
        assert_eq!(Uri::new(false, "localhost", 9, "x", "ws").to_string(), "msrp://localhost:9/x;ws");
    }
}
