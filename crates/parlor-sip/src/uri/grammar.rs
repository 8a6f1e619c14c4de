//! The URI rules of RFC 3261 §25.1, one function a rule.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1};
use nom::combinator::{map, map_opt, opt, verify};
use nom::multi::fold_many0;
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser};

use super::escape::{is_unreserved, is_well_escaped, normalise};
use super::{Address, Part, Scheme, Uri};
use crate::header::grammar::{run, run1};
use crate::params::{Param, Params};

/// SIP-URI / SIPS-URI / absoluteURI, up to the first character that cannot belong to it.
pub(crate) fn uri(input: &str) -> IResult<&str, Uri> {
    let (rest, scheme) = terminated(scheme, char(':')).parse(input)?;
    let scheme = Scheme::from(scheme);
    let (rest, part) = match scheme {
        Scheme::Sip | Scheme::Sips => map(address, |address| Part::Address(Arc::new(address))).parse(rest)?,
        Scheme::Im | Scheme::Pres => {
            alt((map(address, |address| Part::Address(Arc::new(address))), map(opaque, Part::Opaque))).parse(rest)?
        }
        Scheme::Tel | Scheme::Other(_) => map(opaque, Part::Opaque).parse(rest)?,
    };
    Ok((rest, Uri { scheme, part }))
}

/// addr-spec outside of angle brackets, which must not hold a comma, question mark or semicolon: what follows a `;`
/// belongs to the header field (RFC 3261 §20).
pub(crate) fn bare_uri(input: &str) -> IResult<&str, Uri> {
    let end = input.find([';', ',', '?', ' ', '\t']).unwrap_or(input.len());
    let (_, found) = nom::combinator::all_consuming(uri).parse(&input[..end])?;
    Ok((&input[end..], found))
}

/// scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
fn scheme(input: &str) -> IResult<&str, &str> {
    let run = |input| run1(input, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    verify(run, |scheme: &str| scheme.as_bytes()[0].is_ascii_alphabetic()).parse(input)
}

/// What follows the scheme of a URI that is kept as it is.
fn opaque(input: &str) -> IResult<&str, Box<str>> {
    let run = |input| run1(input, |byte| !byte.is_ascii_control() && !b" <>\"".contains(&byte));
    map(run, Box::from).parse(input)
}

/// [ userinfo ] hostport uri-parameters [ headers ]
fn address(input: &str) -> IResult<&str, Address> {
    let (rest, userinfo) = opt(userinfo).parse(input)?;
    let (rest, (host, port)) = hostport(rest)?;
    let (rest, params) = uri_parameters(rest)?;
    let (rest, headers) = opt(headers).parse(rest)?;
    let (user, password) = userinfo.map_or((None, None), |(user, password)| (Some(user), password));
    Ok((rest, Address { user, password, host, port, params, headers }))
}

/// userinfo = ( user / telephone-subscriber ) [ ":" password ] "@"
fn userinfo(input: &str) -> IResult<&str, (Box<str>, Option<Box<str>>)> {
    terminated(pair(user, opt(preceded(char(':'), password))), char('@')).parse(input)
}

fn user(input: &str) -> IResult<&str, Box<str>> {
    escaped_run(input, is_user_char)
}

fn password(input: &str) -> IResult<&str, Box<str>> {
    verify(|input| run(input, |byte| byte == b'%' || is_password_char(byte)), is_well_escaped)
        .map(|text: &str| normalise(text).into())
        .parse(input)
}

/// hostport = host [ ":" port ]
pub(crate) fn hostport(input: &str) -> IResult<&str, (Box<str>, Option<u16>)> {
    pair(host, opt(preceded(char(':'), port))).parse(input)
}

/// host = hostname / IPv4address / IPv6reference
pub(crate) fn host(input: &str) -> IResult<&str, Box<str>> {
    alt((ipv6reference, map(hostname, Box::from))).parse(input)
}

/// IPv6reference = "[" IPv6address "]"
fn ipv6reference(input: &str) -> IResult<&str, Box<str>> {
    let inside = |input| run1(input, |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    // RFC 5118 §4.9: the grammar of RFC 3261 lets a third colon stand before an IPv4 address.
    let address =
        map_opt(inside, |text: &str| text.parse::<Ipv6Addr>().or_else(|_| text.replacen(":::", "::", 1).parse()).ok());
    map(delimited(char('['), address, char(']')), |address| format!("[{address}]").into()).parse(input)
}

/// hostname and IPv4address. `_` is let through for names that container networks give.
fn hostname(input: &str) -> IResult<&str, &str> {
    let name = |input| run1(input, |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    verify(name, |name: &str| {
        let labels = name.strip_suffix('.').unwrap_or(name);
        let mut each = labels.as_bytes().split(|byte| *byte == b'.');
        let numeric = each.clone().next_back().is_some_and(|last| last.iter().all(u8::is_ascii_digit));
        name.len() <= 255 && each.all(|label| !label.is_empty()) && (!numeric || labels.parse::<Ipv4Addr>().is_ok())
    })
    .parse(input)
}

fn port(input: &str) -> IResult<&str, u16> {
    map_opt(digit1, |digits: &str| digits.parse().ok()).parse(input)
}

/// uri-parameters = *( ";" uri-parameter ); empty ones are passed over (SIP-E7).
fn uri_parameters(input: &str) -> IResult<&str, Params> {
    fold_many0(preceded(char(';'), opt(uri_parameter)), Params::default, Params::with).parse(input)
}

fn uri_parameter(input: &str) -> IResult<&str, Param> {
    let value = |input| escaped_run(input, is_param_char);
    pair(|input| raw_run(input, is_param_char), opt(preceded(char('='), value)))
        .map(|(name, value)| Param { name, value })
        .parse(input)
}

/// headers = "?" header *( "&" header ), kept as text.
fn headers(input: &str) -> IResult<&str, Box<str>> {
    preceded(tag("?"), |input| raw_run(input, is_header_char)).parse(input)
}

/// A run of `allowed` and escaped characters, with its needless escapes undone.
fn escaped_run(input: &str, allowed: impl Fn(u8) -> bool) -> IResult<&str, Box<str>> {
    map(|input| raw_text(input, &allowed), |text| normalise(text).into()).parse(input)
}

fn raw_run(input: &str, allowed: impl Fn(u8) -> bool) -> IResult<&str, Box<str>> {
    map(|input| raw_text(input, &allowed), Box::from).parse(input)
}

fn raw_text(input: &str, allowed: impl Fn(u8) -> bool) -> IResult<&str, &str> {
    verify(|input| run1(input, |byte| byte == b'%' || allowed(byte)), is_well_escaped).parse(input)
}

pub(super) fn is_user_char(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/')
}

pub(super) fn is_password_char(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',')
}

/// paramchar
pub(super) fn is_param_char(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
}

/// hnv-unreserved, with the `=` and `&` that part names and values.
fn is_header_char(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b'?' | b':' | b'+' | b'$' | b'=' | b'&' | b';')
}
