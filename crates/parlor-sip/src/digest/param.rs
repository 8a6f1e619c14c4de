//! What WWW-Authenticate and Authorization have in common: a scheme and parameters.

use std::fmt;

use nom::multi::separated_list1;
use nom::sequence::separated_pair;
use nom::{IResult, Parser};

use crate::header::grammar::{gen_value, quote, separator, token, unquote, whole};

/// The parameters of the scheme `Digest`, without quotes.
#[derive(Debug)]
pub(super) struct DigestParams<'a>(Vec<(&'a str, std::borrow::Cow<'a, str>)>);

impl<'a> DigestParams<'a> {
    /// Those of a header field's value: `None` inside for another scheme.
    ///
    /// # Errors
    /// When the grammar is broken, or a parameter stands there twice.
    pub(super) fn read(value: &'a str) -> Result<Option<Self>, Malformed> {
        let (rest, scheme) = token(value.trim_start()).map_err(|_| Malformed)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Ok(None);
        }
        let params = whole(rest, digest_params).ok_or(Malformed)?;
        let names_once = |(at, (name, _)): (usize, &(&str, _))| {
            params[..at].iter().all(|(other, _): &(&str, _)| !other.eq_ignore_ascii_case(name))
        };
        if !params.iter().enumerate().all(names_once) {
            return Err(Malformed);
        }
        Ok(Some(Self(params.iter().map(|(name, raw)| (*name, unquote(raw))).collect())))
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// A value as it is kept.
    pub(super) fn boxed(&self, name: &str) -> Option<Box<str>> {
        self.value(name).map(Box::from)
    }
}

/// The value breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// LWS auth-param *(COMMA auth-param)
fn digest_params(input: &str) -> IResult<&str, Vec<(&str, &str)>> {
    let auth_param = separated_pair(token, separator('='), gen_value);
    separated_list1(separator(','), auth_param).parse(input)
}

/// Writes `Digest name="value", name=value`.
pub(super) struct DigestWriter<'f, 'o>(&'f mut fmt::Formatter<'o>, &'static str);

impl<'f, 'o> DigestWriter<'f, 'o> {
    pub(super) fn new(f: &'f mut fmt::Formatter<'o>) -> Self {
        Self(f, "Digest ")
    }

    pub(super) fn quoted(&mut self, name: &str, value: &str) -> fmt::Result {
        self.plain(name, quote(value))
    }

    pub(super) fn plain(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        let lead = std::mem::replace(&mut self.1, ", ");
        write!(self.0, "{lead}{name}={value}")
    }
}

/// What protects a request beside its method and URI (RFC 7616 §3.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Qop {
    /// `auth`: nothing.
    Auth,
    /// `auth-int`: its body.
    AuthInt,
}

impl Qop {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt].into_iter().find(|own| own.name().eq_ignore_ascii_case(name))
    }
}
